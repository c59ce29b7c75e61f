"""Encodings go over to a new file within one transaction of the table, and SQL carries them there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from face_classifier.core.types import Encoding, check_encoding
from face_classifier.gallery.encodings.file import EncodingsFile
from face_classifier.gallery.encodings.kept import FLOATS, Encodings, checksum_of, encoding_from, row_of

GENERATION = "encodings"  # the mark in the table that its file has, too


def generation_of(database: sqlite3.Connection) -> int:
    """Of the file that belongs to a table: how many it had; 0: none so far."""
    found = database.execute("SELECT value FROM marks WHERE name = ?", (GENERATION,)).fetchone()
    return int(found[0]) if found else 0


def set_generation(database: sqlite3.Connection, generation: int) -> None:
    database.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (GENERATION, generation))


@contextmanager
def moving(database: sqlite3.Connection, file: EncodingsFile, former: Encodings | None) -> Iterator[None]:
    """Within, SQL can call functions of a face and its encoding, and what they write is in a new file.

    ``taken(id, encoding)`` writes one that a table holds itself, and returns its checksum; ``copied(id, checksum)``
    copies one of the former file; ``given(id, checksum)`` returns one of that as tables hold it. Raises OSError.
    """
    faults: list[OSError] = []

    def taken(face: int, stored: bytes | None) -> int | None:
        try:
            return None if stored is None else written(face, check_encoding(encoding_from(stored)))
        except (ValueError, TypeError):  # somebody else has written it
            return None

    def copied(face: int, checksum: int) -> int | None:
        encoding = former.find(face, checksum) if former else None
        return None if encoding is None else written(face, encoding)

    def given(face: int, checksum: int) -> bytes | None:
        encoding = former.find(face, checksum) if former else None
        return None if encoding is None else encoding.astype(FLOATS).tobytes()

    def written(face: int, encoding: Encoding) -> int:
        file.write(face, row_of(encoding))
        return checksum_of(encoding)

    def telling(action: Callable[[int, Any], Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            try:
                return action(*values)
            except OSError as error:
                faults.append(error)  # of SQLite they learn no reason
                raise

        return call

    functions: dict[str, Callable[[int, Any], Any]] = {"taken": taken, "copied": copied, "given": given}
    for name, action in functions.items():
        database.create_function(name, 2, telling(action))
    try:
        yield
    except BaseException as error:
        if faults:
            raise faults[0] from error
        raise
    finally:
        for name in functions:
            database.create_function(name, 2, None)
