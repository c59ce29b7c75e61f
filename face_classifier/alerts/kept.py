"""The file ``alerts.sqlite``: opened, checked, set aside where it is damaged, and changed in transactions."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from face_classifier.core.disk.database import SIDES, open_database
from face_classifier.core.disk.durable import PRIVATE
from face_classifier.core.disk.markers import ALERTS as FILE
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError

DAMAGED = f"{FILE}.damaged"  # where a file that cannot be read is set aside
_VERSION = 1
_PATIENCE = 2.0  # seconds to wait for another process that writes
_TABLES = {
    "alerts": """
        channel TEXT NOT NULL, id TEXT NOT NULL,
        decided TEXT NOT NULL,  -- UTC: when the deciding frame came in
        outcome TEXT,           -- NULL: to be told; delivered, given up, forgotten
        body TEXT,              -- JSON, until there is an outcome
        picture BLOB,           -- JPEG, likewise
        PRIMARY KEY (channel, id)""",
    "cooling": "rule TEXT NOT NULL, whom TEXT NOT NULL, begun TEXT NOT NULL, PRIMARY KEY (rule, whom)",
    "lost": "camera TEXT PRIMARY KEY",
    "missed": "channel TEXT PRIMARY KEY, count INTEGER NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL",
    "snoozed": "rule TEXT PRIMARY KEY, until TEXT NOT NULL",  # rule '': all
    "salt": "value BLOB NOT NULL",
}
_T = TypeVar("_T")


class AlertsFile:
    """The open file, for one thread; other processes may open it as well.

    What goes wrong with it is told, and never raised. A damaged file is set aside for a new one; where none can be
    opened, memory serves.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        """``folder``: of the result; ``tell``: is given sentences about what goes wrong."""
        self._folder, self._tell, self._is_told = folder, tell, False
        self._database = self._opened()
        self._seen_version = self._version()

    def close(self) -> None:
        self._database.close()

    def has_changed(self) -> bool:
        """Whether another process has written since the last call."""
        before, self._seen_version = self._seen_version, self._version()
        return before != self._seen_version

    def remove_damaged(self) -> None:
        """The file that was set aside, which may name people."""
        with suppress(OSError):
            _remove(self._folder, DAMAGED)

    def do(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """What the work returns, done wholly or not at all; ``otherwise`` where the file does not do it."""
        for is_last in (False, True):
            try:
                result = _transaction(self._database, work)
            except sqlite3.OperationalError as error:
                if is_last or "readonly" not in str(error):
                    self._tell_once(f"cannot be used just now ({error})")
                    return otherwise
                self._database.close()  # it was removed or replaced by somebody
                self._database = self._opened()
            except (sqlite3.Error, ValueError, TypeError):
                self._database.close()
                self._database = self._anew() if not is_last else _in_memory()
            else:
                self._is_told = False
                return result
        return otherwise

    def _opened(self) -> sqlite3.Connection:
        try:
            return _open(self._folder)
        except UserError as error:
            self._tell(str(error))
        except (sqlite3.OperationalError, OSError) as error:
            self._tell_once(f"cannot be opened ({error})")
        except (sqlite3.Error, ValueError):
            return self._anew()
        return _in_memory()

    def _anew(self) -> sqlite3.Connection:
        """A new file, once the damaged one is set aside."""
        try:
            with Root(self._folder, PRIVATE) as root:
                root.rename(FILE, DAMAGED)
            for side in SIDES:
                _remove(self._folder, f"{FILE}{side}")
            database = _open(self._folder)
        except (sqlite3.Error, OSError, UserError) as error:
            self._tell_once(f"is damaged, and cannot be replaced ({error})")
            return _in_memory()
        self._tell(
            f"{self._folder / FILE} was damaged and is now {DAMAGED}; alerts of the last minutes may be told again or "
            "be missing"
        )
        return database

    def _tell_once(self, what: str) -> None:
        """Until it works again."""
        if not self._is_told:
            self._tell(f"{self._folder / FILE} {what}; alerts go out, but after a restart some may be told again")
        self._is_told = True

    def _version(self) -> int | None:
        with suppress(sqlite3.Error):
            return int(self._database.execute("PRAGMA data_version").fetchone()[0])
        return None


def _open(folder: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error, OSError, UserError, and ValueError where it is no file of alerts."""
    with Root(folder, PRIVATE) as root:
        database = open_database(root, FILE, timeout=_PATIENCE)
    try:
        database.execute("PRAGMA journal_mode = TRUNCATE")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise UserError(
                f"{folder / FILE} was written by a newer version of this program; alerts go out, but after a restart "
                "some may be told again"
            )
        if version == 0:
            _make(database)
        _check(database)
    except BaseException:
        database.close()
        raise
    return database


def _make(database: sqlite3.Connection) -> None:
    """The tables, unless another process has just made them."""
    database.execute("BEGIN IMMEDIATE")
    if database.execute("PRAGMA user_version").fetchone()[0] == 0:
        for name, columns in _TABLES.items():
            database.execute(f"CREATE TABLE {name} ({columns})")
        database.execute("CREATE INDEX by_time ON alerts (decided)")  # by which old ones go
        database.execute("INSERT INTO salt VALUES (?)", (secrets.token_bytes(16),))
        database.execute(f"PRAGMA user_version = {_VERSION}")
    database.execute("COMMIT")


def _check(database: sqlite3.Connection) -> None:
    """Raises ValueError, sqlite3.DatabaseError where it does not hold what `_make` makes."""
    if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise ValueError("damaged")
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= _TABLES.keys():
        raise ValueError("another program's")


def _in_memory() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _make(database)
    return database


def _transaction(database: sqlite3.Connection, work: Callable[[sqlite3.Connection], _T]) -> _T:
    database.execute("BEGIN IMMEDIATE")
    try:
        result = work(database)
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
    return result


def _remove(folder: Path, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(folder / name)
