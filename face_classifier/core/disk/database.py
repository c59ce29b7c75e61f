"""SQLite files in folders that anybody may have made: looked at before they are opened, and compared after."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress

from face_classifier.core.disk.durable import identity
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError

SIDES = "-wal", "-shm", "-journal"  # how the names of the files end that SQLite makes beside
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")  # at the end of a journal that names another file; SQLite removes it


def open_database(root: Root, name: str, *, timeout: float = 5.0, alone: bool = False) -> sqlite3.Connection:
    """Opens a database to read and write, and makes it if it is missing. Deleted rows leave no trace in it.

    Parameters
    ----------
    root : the folder
    name : of the file in it
    timeout : seconds to wait for another process that writes
    alone : no other process knows of the file, so that no locks are needed, which not every network share has

    Raises
    ------
    UserError : the file or one of its ``SIDES`` is a link, has another name elsewhere, or would have SQLite remove
        another file
    OSError, sqlite3.Error : it cannot be opened
    """
    if root.check_own(name) is None:
        os.close(root.open_own(name))
    database = _opened(root, name, "mode=rw&nolock=1" if alone else "mode=rw", timeout)
    try:
        database.execute("PRAGMA secure_delete = ON")
    except BaseException:
        database.close()
        raise
    return database


def open_to_read(root: Root, name: str, *, written: bool) -> sqlite3.Connection | None:
    """Opens a database to read, without changing anything on disk. Raises as `open_database`.

    A reader of a WAL file makes `-wal` and `-shm` beside it and cannot remove them. So when nobody writes, and left no
    `-wal` or one that cannot be used, the file is read as it stands, and later changes are not seen.

    Parameters
    ----------
    root : the folder
    name : of the file in it
    written : whether a process writes to it now, whose changes are to be seen

    Returns
    -------
    None if there is no such file.
    """
    if not root.has(name):
        return None
    if written:
        return _opened(root, name, "mode=ro")
    if root.has(f"{name}-wal"):
        with suppress(sqlite3.OperationalError):
            return _opened(root, name, "mode=ro")
    return _opened(root, name, "immutable=1")


def _opened(root: Root, name: str, mode: str, timeout: float = 5.0) -> sqlite3.Connection:
    # To read is no harm to the other names of a file.
    look = root.check_own if mode.startswith("mode=rw") else root.refuse_link
    before = _check(root, name, look)
    address = f"{(root.real / name).as_uri()}?{mode}"
    database = sqlite3.connect(address, timeout=timeout, uri=True, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA user_version").fetchone()  # the file is opened only when it is read
        if _check(root, name, look) != before:
            raise UserError(f"{root.path / name} was replaced while it was being opened; run it again")
    except BaseException:
        database.close()
        raise
    return database


def _check(root: Root, name: str, look: Callable[[str], os.stat_result | None]) -> tuple[int, int] | None:
    """Device and inode of the file, once it and those beside it are no one else's. Raises UserError, OSError."""
    state = look(name)
    for side in SIDES:
        look(f"{name}{side}")
    journal = f"{name}-journal"
    with suppress(FileNotFoundError):
        if root.has(journal) and root.read(journal).endswith(_SUPER_JOURNAL):
            raise UserError(
                f"{root.path / journal} was not made by this program and would have another file removed; remove it"
            )
    return identity(state) if state else None
