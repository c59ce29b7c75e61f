"""A result folder's table, open to be read for as long as it is the same file, whoever writes to it meanwhile."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from face_classifier.core.disk.durable import identity
from face_classifier.core.disk.locks import holder_of
from face_classifier.core.disk.markers import TABLE
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.gallery.table.file import Table

_Mark = tuple[object, ...]


class Seen(NamedTuple):
    """What tells whether the table may have changed: a look at it costs some microseconds."""

    files: _Mark  # of the folder and the file; where nobody writes, with their sizes and times
    version: int  # SQLite's count of what others wrote, as this connection has seen it


class OpenTable:
    """The table, and the folder that its pictures are read from. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError where they cannot be used; FileNotFoundError where there is no table yet."""
        self.folder = folder
        try:
            self.root = Root(folder)
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(str(folder)) from None
        except OSError as error:
            raise _unreadable(folder, str(error.strerror)) from error
        try:
            self._open(folder)
        except BaseException:
            self.root.close()
            raise

    def _open(self, folder: Path) -> None:
        try:
            if not self.root.has(TABLE):
                raise FileNotFoundError(str(folder / TABLE))
            self._is_written = holder_of(self.root) is not None
            self._files = self._mark()
            self.file = self._files[:2]  # the folder and the file, whoever writes
            self.table = Table(self.root, TABLE, writing=False, written=self._is_written)
        except FileNotFoundError:
            raise
        except (OSError, sqlite3.Error) as error:
            raise _unreadable(folder / TABLE, str(error)) from error
        try:
            self._form = self._number("main.schema_version")
        except BaseException:
            self.table.close()
            raise

    def close(self) -> None:
        self.table.close()
        self.root.close()

    def seen(self) -> Seen | None:
        """Equal to the one before while nothing was written; None: it is to be opened anew.

        Raises UserError where it cannot be told.
        """
        try:
            files = self._mark()
        except OSError:
            return None
        if files != self._files:
            return None
        seen = Seen(files, self._number("data_version"))
        # What it lacked when it was opened, and others have made since, is hidden by tables of this connection.
        return seen if self._number("main.schema_version") == self._form else None

    def _mark(self) -> _Mark:
        """Raises OSError."""
        table = os.stat(self.folder / TABLE, follow_symlinks=False)
        where = identity(os.stat(self.folder)), identity(table)
        if self._is_written:
            return where
        try:
            beside = os.stat(self.folder / f"{TABLE}-wal", follow_symlinks=False)
            side: _Mark = beside.st_size, beside.st_mtime_ns
        except FileNotFoundError:
            side = ()
        return *where, table.st_size, table.st_mtime_ns, side

    def _number(self, pragma: str) -> int:
        return int(self.table.execute(f"PRAGMA {pragma}").fetchone()[0])


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(f"{path} cannot be read just now ({reason}); check that disk: what is shown may be outdated")
