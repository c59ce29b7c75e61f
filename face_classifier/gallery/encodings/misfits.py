"""What a table and its file of encodings do not agree on: looked for when the table is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from face_classifier.gallery.encodings.kept import Encodings, checksums

# How many there are, how many are checksums, their sum, and their sum by their places.
_SUMS = """
SELECT count(*), sum(typeof(encoding) = 'integer' AND encoding BETWEEN 0 AND 4294967295),
    sum(encoding & 4294967295), sum((encoding & 4294967295) * (id - ?1))
FROM faces WHERE id >= ?1 AND id < ?2 AND encoding IS NOT NULL
"""
_STORED = "SELECT id, encoding FROM faces WHERE id >= ? AND id < ? AND encoding IS NOT NULL ORDER BY id"
_AT_ONCE = 10_000
_END = 2**63 - 1  # above all ids
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


def forget(
    database: sqlite3.Connection, encodings: Encodings, path: Path, found: tuple[list[int], list[int]]
) -> list[str]:
    """Leave faces whose encodings do not fit without one, and erase what is no face's. Returns sentences about it.

    Parameters
    ----------
    database, encodings : of the table, and its file of encodings
    path : of that file
    found : what `looked_for` found

    Raises
    ------
    OSError, sqlite3.Error
    """
    unfit, unused = found
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
    unfit, _ = looked_for(database, encodings)
    if not unfit:
        return
    database.execute("CREATE TEMP TABLE misfits (id INTEGER PRIMARY KEY)")
    database.executemany("INSERT INTO misfits VALUES (?)", ((face,) for face in unfit))
    told = ", ".join(f'"{name}"' for name in ("id", *columns) if name != "encoding")
    database.execute(
        f"CREATE TEMP VIEW faces AS SELECT {told}, "
        "CASE WHEN id IN (SELECT id FROM temp.misfits) THEN NULL ELSE encoding END AS encoding FROM main.faces"
    )


def looked_for(database: sqlite3.Connection, encodings: Encodings) -> tuple[list[int], list[int]]:
    """(ids of faces whose rows do not fit, ids of rows that no face has).

    Thousands of rows are compared by sums, which SQLite has in a fifth of the time: a row that is wrong changes one of
    them, or with others by a chance of 2^-64. Only where they differ each is looked at.
    """
    unfit, unused, end = list[int](), list[int](), 1
    if database.execute("SELECT 1 FROM faces WHERE id = 0 AND encoding IS NOT NULL").fetchone():
        unfit.append(0)  # which has the row of the head
    for first, block in encodings.file.blocks() if encodings.file else ():
        sums = np.array(checksums(block), np.int64)
        has_some = np.asarray(np.frombuffer(block, np.int64).reshape(len(sums), -1).any(axis=1))
        end = first + len(sums)
        there, places = sums[has_some], np.flatnonzero(has_some)
        expected = len(places), len(places), int(there.sum()), int(there @ places)
        if database.execute(_SUMS, (first, end)).fetchone() == expected:
            continue
        for face, value in database.execute(_STORED, (first, end)):
            if sums[face - first] == value:
                has_some[face - first] = False
            else:
                unfit.append(face)
        unused += (first + np.flatnonzero(has_some)).tolist()
    unfit += [face for face, _ in database.execute(_STORED, (end, _END))]
    return unfit, sorted({*unused} - {*unfit})


def _without_picture(database: sqlite3.Connection, faces: Sequence[int]) -> int:
    missing = 0
    for first in range(0, len(faces), _AT_ONCE):
        some = ", ".join(map(str, faces[first : first + _AT_ONCE]))
        found = database.execute(f"SELECT count(*) FROM faces WHERE state = 'missing' AND id IN ({some})").fetchone()
        missing += int(found[0])
    return missing


def _sentence(unfit: int, missing: int, path: Path) -> str:
    faces = f"{path} holds no encoding of {unfit} face{'s' * (unfit > 1)} that fits the table"
    lost = f", but for {missing} whose picture is missing" if missing else ""
    return f"{faces}; they are encoded again from their pictures{lost}"
