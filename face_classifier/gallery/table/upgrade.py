"""Brings a table of an earlier version up to date; until version 3 it held the encodings itself."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from face_classifier.core.disk.rooted import Root
from face_classifier.gallery.encodings.beside import begin, set_foreign_aside, take_place
from face_classifier.gallery.encodings.moving import moving, set_generation
from face_classifier.gallery.table import rescaled, schema


def bring_up_to_date(database: sqlite3.Connection, root: Root, told: list[str]) -> None:
    """Give a table of an earlier version today's form, and its encodings a file beside it: all of it, or nothing.

    ``told``: gets a sentence where another file was in the way. Raises OSError, UserError and sqlite3.Error.
    """
    rescaled.convert(database)
    set_foreign_aside(root, told)
    file = begin(root, 1)
    try:
        with moving(database, file, None):
            database.execute("BEGIN IMMEDIATE")
            try:
                for statement in schema.anew(schema.version_of(database), "taken(id, encoding)").split(";"):
                    database.execute(statement)
                set_generation(database, 1)
                database.execute(f"PRAGMA user_version = {schema.VERSION}")
                file.sync()
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
    finally:
        file.close()
    take_place(root)
    with suppress(sqlite3.OperationalError):  # there is no room: the file stays as large as it was
        database.execute("VACUUM")
