"""The file ``faces.sqlite``: opened, checked, and changed in transactions; what goes wrong as sentences.

What a call wrote is durable (WAL, synchronous FULL) when it returns. Encodings are in a file beside, and durable there
before the table tells of them.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from copy import copy
from pathlib import Path
from typing import Any

from face_classifier.core.disk.database import open_database, open_to_read
from face_classifier.core.disk.markers import ENCODINGS
from face_classifier.core.disk.retry import ALLOW, CHECK, ROOM, DiskError, asking_the_disk
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.gallery.encodings.beside import begin, take_place
from face_classifier.gallery.encodings.kept import Encodings
from face_classifier.gallery.encodings.moving import generation_of, moving, set_generation
from face_classifier.gallery.encodings.opened import open_read, open_written
from face_classifier.gallery.table import schema
from face_classifier.gallery.table.upgrade import bring_up_to_date

_CURES = {  # by what SQLite says of a disk that refuses something (Python 3.10 does not tell the code)
    "database or disk is full": ROOM,
    "disk I/O error": CHECK,
    "attempt to write a readonly database": ALLOW,
    "unable to open database file": "allow more open files (ulimit -n)",
    "database is locked": "wait for the other program that uses it",
}
_BLOCK = 1 << 20  # bytes
_LARGE = 8 << 20  # bytes of a table of some 20,000 faces: less is read before another thread has begun
_CORRUPT = 11  # SQLite's code of a page that is damaged, rather than one that cannot be read just now


class DamagedTableError(UserError):
    """The table holds what cannot be; the disk is not to blame."""


def is_damage(error: Exception) -> bool:
    """Tells a damaged table from one that cannot be read or written just now."""
    return not isinstance(error, sqlite3.OperationalError) or "decode" in str(error)


def may_pass(error: Exception) -> bool:
    """Whether a table that could not be opened may be read a moment later."""
    return isinstance(error, sqlite3.OperationalError) and "disk I/O error" in str(error)


class Table:
    """The open file. Raises UserError where it cannot be used once it is open, DiskError if only for now."""

    def __init__(self, root: Root, name: str, *, writing: bool, written: bool = False) -> None:
        """Open, and when writing make, the file. A missing file that is only to be read gives an empty table.

        ``written``: whether a process writes to it now, when it is only read; that has looked for damage in all of it.

        Raises sqlite3.DatabaseError where the file is damaged, its subclass OperationalError where it cannot be
        opened, and UserError where it is of a newer version, or was made to have another file changed.
        """
        self._root, self.path = root, root.path / name
        self._is_together = False  # what is written: within `together`
        self.told: list[str] = []  # sentences about what was found, and mended, when it was opened
        self.encodings = Encodings(root, None, writing=writing)
        try:
            self.database = open_database(root, name) if writing else open_or_empty(root, name, written=written)
        except OSError as error:
            raise sqlite3.OperationalError(str(error.strerror)) from error
        try:
            if schema.version_of(self.database) > schema.VERSION:
                raise UserError(f"{self.path} was written by a newer version of this program; use that version")
            schema.prepare(self.database, writing=writing)
            if writing and schema.version_of(self.database) < schema.VERSION:
                bring_up_to_date(self.database, root, self.told)
            self._check()
            with _looked_through(root, self.path, self.database, thorough=writing or not written) as await_whole:
                if writing:
                    open_written(self.database, self.encodings, root, self.told, await_whole)
                await_whole()
            if writing:
                schema.add_indexes(self.database)
            elif not written and schema.version_of(self.database) == schema.VERSION:
                open_read(self.database, self.encodings, root, schema.COLUMNS)
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.DatabaseError) and is_damage(error):
                _read_whole(root, name)
            if isinstance(error, OSError):
                raise sqlite3.OperationalError(str(error.strerror)) from error
            raise

    def _check(self) -> None:
        """Raise sqlite3.DatabaseError where the file is the database of something else."""
        try:
            self.database.execute(f"SELECT {schema.QUOTED} FROM faces LIMIT 0")
        except sqlite3.OperationalError as error:
            if "no such" in str(error):
                raise sqlite3.DatabaseError(str(error)) from error
            raise

    def close(self) -> None:
        try:
            with suppress(OSError):  # what is not erased is so when it is opened again
                self.encodings.close()
        finally:
            self.database.close()

    @contextmanager
    def beside(self) -> Iterator[Table]:
        """The file as it is now, to be read by another thread while this one goes on writing to it."""
        other = copy(self)
        other._is_together = False
        with self.telling():
            database = open_to_read(self._root, self.path.name, written=True)
        if database is None:
            raise UserError(f"{self.path} is gone; restart the program")
        other.database, other.encodings = database, Encodings(self._root, None, writing=False)
        try:
            other.execute("BEGIN")
            yield other
        finally:
            other.close()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Within, what SQLite and the disk raise becomes a DiskError, a DamagedTableError or another UserError."""
        try:
            yield
        except (sqlite3.Error, ValueError, OSError) as error:
            raise _told(self.path, error) from error

    def execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> sqlite3.Cursor:
        self._check_whole()
        try:  # as `telling`, which would take as long again
            return self.database.execute(statement, values)
        except (sqlite3.Error, ValueError, OSError) as error:
            raise _told(self.path, error) from error

    def execute_each(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """A statement that changes something, with one values after the other."""
        self._check_whole()
        with self.telling():
            self.database.executemany(statement, values)

    @contextmanager
    def together(self, *, whole: bool = False) -> Iterator[None]:
        """All changes within become durable together, or none does; inside another one they do with all of that.
        ``whole``: an error within ends the other one, too, so that these changes need not be taken back alone.
        """
        if self._is_together:
            with nullcontext() if whole else self._part():
                yield
            return
        self._end()  # of one that a failing disk did not let end
        with self.telling():
            self.encodings.write()  # what was erased without a transaction
            self.encodings.done()
        self.execute("BEGIN IMMEDIATE")
        self._is_together = True
        try:
            yield
            with self.telling():
                self.encodings.write()
            self.execute("COMMIT")
            self.encodings.done()
        except BaseException:
            self._is_together = False
            with suppress(UserError):
                self._end()
            with suppress(UserError), self.telling():
                self.encodings.undo()
            raise
        finally:
            self._is_together = False

    @contextmanager
    def _part(self) -> Iterator[None]:
        self.execute("SAVEPOINT part")
        waiting = self.encodings.waiting
        try:
            yield
        except BaseException:
            self.encodings.take_back(waiting)
            with suppress(UserError):
                self.execute("ROLLBACK TO part")
                self.execute("RELEASE part")
            raise
        self.execute("RELEASE part")

    @property
    def writes(self) -> int:
        """Counts the rows that this process has written, in any table, and those that were taken back."""
        return self.database.total_changes

    def _check_whole(self) -> None:
        """Raise DiskError where a disk that refused something ended what is to be done together."""
        if self._is_together and not self.database.in_transaction:
            raise DiskError(self.path, "database or disk is full", ROOM)

    @contextmanager
    def replacing_encodings(self) -> Iterator[None]:
        """All changes within become durable together, with a new file of encodings, which is empty at first.

        SQL writes to it by the functions of `moving`.
        """
        with self.telling():
            generation = generation_of(self.database) + 1
            file = begin(self._root, generation)
        try:
            with self.together(), self.telling(), moving(self.database, file, self.encodings):
                yield
                set_generation(self.database, generation)
                self.encodings.undo()  # the former file stays as it is, or goes
                file.sync()
        except BaseException:
            file.close()
            raise
        self.encodings.replace(file)
        with self.telling():
            take_place(self._root)

    @contextmanager
    def as_of_now(self) -> Iterator[None]:
        """Whatever is read within is as it was at one moment, whoever else writes meanwhile; to be read only."""
        if self._is_together:  # nobody else writes
            yield
            return
        self._end()
        self.execute("BEGIN")
        try:
            yield
        finally:
            self._end()

    def _end(self) -> None:
        if self.database.in_transaction:  # a full disk may have ended it
            self.execute("ROLLBACK")


@contextmanager
def _looked_through(
    root: Root, path: Path, database: sqlite3.Connection, *, thorough: bool
) -> Iterator[Callable[[], None]]:
    """Gives what waits until all of a file was read, 1.5 µs a face, and raises sqlite3.DatabaseError if it is damaged.

    A large file is read by another thread meanwhile.

    Parameters
    ----------
    root, path : the folder, and the file in it
    database : that, open
    thorough : it is read at all
    """
    size = path.stat().st_size if thorough and path.exists() else 0
    other = open_to_read(root, path.name, written=True) if size >= _LARGE else None
    if other is None:
        if thorough:
            _refuse_damaged(database)
        yield lambda: None
        return
    with closing(other), ThreadPoolExecutor(1, thread_name_prefix="checking") as pool:
        yield pool.submit(_refuse_damaged, other).result


def complaints(database: sqlite3.Connection, check: str) -> list[str]:
    """What SQLite finds wrong. Raises sqlite3.OperationalError where it is the disk that cannot be read."""
    messages = [" ".join(str(message).split()) for (message,) in database.execute(f"PRAGMA {check}")]
    for message in messages:
        # It tells a page that cannot be read as if that were a fault of the table.
        code = re.search(r"unable to get the page\. error code=([0-9]+)", message)
        if code and int(code[1]) & 0xFF != _CORRUPT:
            raise sqlite3.OperationalError(f"disk I/O error: {message}")
    return [message for message in messages if message != "ok"]


def _refuse_damaged(database: sqlite3.Connection) -> None:
    for message in complaints(database, "quick_check(1)"):
        raise sqlite3.DatabaseError(message)


def _told(path: Path, error: Exception) -> Exception:
    """What is to be raised instead of an error of a table at a path."""
    if isinstance(error, OSError):
        try:
            with asking_the_disk(path.with_name(ENCODINGS), done="used"):
                raise error
        except (OSError, DiskError) as told:
            return told
    if str(error) in _CURES:
        return DiskError(path, str(error), _CURES[str(error)])
    kind = DamagedTableError if is_damage(error) else UserError
    return kind(f"{path} cannot be used ({error}); move that file away: faces and names stay, and it is made anew")


def _read_whole(root: Root, name: str) -> None:
    """Raise sqlite3.OperationalError if it is the disk that cannot be read.

    SQLite tells a page of the schema that cannot be read as a damaged one.
    """
    try:
        descriptor = root.open_to_read(name)
        try:
            place = 0
            while block := os.pread(descriptor, _BLOCK, place):
                place += len(block)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise sqlite3.OperationalError(f"disk I/O error: {error.strerror}") from error


def open_or_empty(root: Root, name: str, *, written: bool = False) -> sqlite3.Connection:
    """The file, open to be read; an empty table where there is none yet. ``written``: as `open_to_read` means it."""
    database = open_to_read(root, name, written=written)
    if database is not None and not schema.version_of(database):
        database.close()  # another process is just making it
        database = None
    return database or sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
