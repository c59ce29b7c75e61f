"""What a table and its file of encodings do not agree on: looked for when the table is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from face_classifier.gallery.encodings.kept import Encodings

_STORED = "SELECT id, encoding FROM faces WHERE id >= ? AND id < ? AND encoding IS NOT NULL ORDER BY id"
_AT_ONCE = 10_000
# Whatever takes a face its encoding erases that; the function is one of this connection.
_ERASE = """
CREATE TEMP TRIGGER encoding_taken AFTER UPDATE OF encoding ON main.faces
WHEN NEW.encoding IS NULL AND OLD.encoding IS NOT NULL BEGIN SELECT erase_encoding(OLD.id); END;
CREATE TEMP TRIGGER encoding_removed AFTER DELETE ON main.faces
WHEN OLD.encoding IS NOT NULL BEGIN SELECT erase_encoding(OLD.id); END;
"""


def erase_with_rows(database: sqlite3.Connection, encodings: Encodings) -> None:
    """From now on the file loses what the table loses."""
    database.create_function("erase_encoding", 1, encodings.erase)
    database.executescript(_ERASE)


def forget(database: sqlite3.Connection, encodings: Encodings, path: Path) -> list[str]:
    """Leave faces whose encodings do not fit without one, and erase what is no face's. Returns sentences about it.

    Raises OSError, sqlite3.Error.
    """
    unfit, unused = encodings.misfits(lambda begin, end: database.execute(_STORED, (begin, end)))
    for face in unused:
        encodings.erase(face)
    encodings.write()
    encodings.done()
    if not unfit:
        encodings.trust()
        return []
    database.execute("BEGIN IMMEDIATE")
    database.executemany("UPDATE faces SET encoding = NULL WHERE id = ?", ((face,) for face in unfit))
    encodings.write()
    database.execute("COMMIT")
    encodings.done()
    encodings.trust()
    missing = _without_picture(database, unfit)
    return [_sentence(len(unfit), missing, path)]


def hide(database: sqlite3.Connection, encodings: Encodings, columns: Sequence[str]) -> None:
    """Let a reader see such faces without an encoding, by a view that hides the table.

    ``columns``: of the table ``faces``, but for its ``id``. Raises OSError, sqlite3.Error.
    """
    unfit, _ = encodings.misfits(lambda begin, end: database.execute(_STORED, (begin, end)))
    if not unfit:
        return
    database.execute("CREATE TEMP TABLE misfits (id INTEGER PRIMARY KEY)")
    database.executemany("INSERT INTO misfits VALUES (?)", ((face,) for face in unfit))
    told = ", ".join(f'"{name}"' for name in ("id", *columns) if name != "encoding")
    database.execute(
        f"CREATE TEMP VIEW faces AS SELECT {told}, "
        "CASE WHEN id IN (SELECT id FROM temp.misfits) THEN NULL ELSE encoding END AS encoding FROM main.faces"
    )


def _without_picture(database: sqlite3.Connection, faces: Sequence[int]) -> int:
    missing = 0
    for first in range(0, len(faces), _AT_ONCE):
        some = ", ".join(map(str, faces[first : first + _AT_ONCE]))
        found = database.execute(f"SELECT count(*) FROM faces WHERE state = 'missing' AND id IN ({some})").fetchone()
        missing += int(found[0])
    return missing


def _sentence(unfit: int, missing: int, path: Path) -> str:
    faces = f"of {unfit} face{'s' * (unfit > 1)} {path} holds no encoding that fits the table"
    lost = f", but for {missing} whose picture is missing" if missing else ""
    return f"{faces}; they are encoded anew from their pictures{lost}"
