"""Encodings by SFace in files of earlier versions have length 1: brought to today's scale, with their L2 distances.

Whoever writes brings the file itself up to date. A reader changes nothing in it and sees the same by views of its own,
which look at each row: another process may be converting them meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any

import numpy as np

from face_classifier.core.types import as_stored
from face_classifier.vision.sface import FORMER_SPACE, SCALE, SFaceEncoder

FUNCTION = "in_todays_scale"  # of SQL
FORMER, TODAY = f"'{FORMER_SPACE}'", f"'{SFaceEncoder.space}'"  # as SQL spells them
_FLOATS = np.dtype("<f8")
# Of whose face it was and is: they have the distances of the space that the face has now.
_OF_FACES = {"changes": ("distance", "new_distance"), "planned": ("distance",)}


def known_to(database: sqlite3.Connection) -> None:
    """Let SQL call ``in_todays_scale(encoding)``, whose value is the scaled encoding, or what is no encoding."""
    database.create_function(FUNCTION, 1, _scaled, deterministic=True)


def _scaled(stored: Any) -> Any:
    if not isinstance(stored, bytes) or len(stored) % _FLOATS.itemsize:
        return stored
    return as_stored(SCALE * np.frombuffer(stored, _FLOATS)).astype(_FLOATS).tobytes()


def has_former(database: sqlite3.Connection) -> bool:
    """Whether a table of faces has encodings of the former scale."""
    tables = {name for (name,) in database.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
    return any(
        database.execute(f"SELECT 1 FROM main.{table} WHERE space = {FORMER} {clause} LIMIT 1").fetchone()
        for table, clause in (("faces", "AND encoding IS NOT NULL"), ("encodings", ""))
        if table in tables  # the file may be damaged
    )


def convert(database: sqlite3.Connection) -> None:
    """Bring all encodings that a table holds itself, and distances, to today's scale, at once or not at all.

    Raises sqlite3.Error.
    """
    if not has_former(database):
        return
    known_to(database)
    database.execute("BEGIN IMMEDIATE")
    try:
        for table, columns in _OF_FACES.items():
            scaled = ", ".join(f"{column} = {column} * {SCALE}" for column in columns)
            database.execute(f"UPDATE {table} SET {scaled} WHERE face IN (SELECT id FROM faces WHERE space = {FORMER})")
        for table in ("faces", "encodings"):
            database.execute(
                f"UPDATE OR REPLACE {table} SET space = {TODAY}, encoding = {FUNCTION}(encoding), "
                f"distance = distance * {SCALE} WHERE space = {FORMER}"
            )
        # that were waiting, when an earlier version moved the gallery over
        database.execute("DELETE FROM encodings WHERE (face, space) IN (SELECT id, space FROM faces)")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def show(database: sqlite3.Connection, columns: Collection[str], lacking: Collection[str]) -> None:
    """Let a reader see today's form and scale by temporary views, which hide the tables.

    Parameters
    ----------
    database: open to be read.
    columns: of the table ``faces``, but for its ``id``.
    lacking: those of them that the file does not have.
    """
    known_to(database)
    is_former = f"space = {FORMER}"
    shown = {
        "space": f"CASE WHEN {is_former} THEN {TODAY} ELSE space END",
        "encoding": f"CASE WHEN {is_former} THEN {FUNCTION}(encoding) ELSE encoding END",
        "distance": f"CASE WHEN {is_former} THEN distance * {SCALE} ELSE distance END",
    } | dict.fromkeys(lacking, "NULL")
    told = ", ".join(f'{shown[name]} AS "{name}"' if name in shown else f'"{name}"' for name in ("id", *columns))
    database.execute(f"CREATE TEMP VIEW faces AS SELECT {told} FROM main.faces")
    is_former = f"face IN (SELECT id FROM main.faces WHERE {is_former})"
    for table, distances in _OF_FACES.items():
        names = [name for _, name, *_ in database.execute(f"PRAGMA main.table_info({table})")]
        told = ", ".join(
            f'CASE WHEN {is_former} THEN "{name}" * {SCALE} ELSE "{name}" END AS "{name}"'
            if name in distances
            else f'"{name}"'
            for name in ("rowid", *names)
        )
        if names:  # the file has the table
            database.execute(f"CREATE TEMP VIEW {table} AS SELECT {told} FROM main.{table}")
