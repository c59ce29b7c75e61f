"""Encodings by SFace in indexes of earlier versions have length 1: brought to today's scale.

Whoever writes brings the file up to date; until then everybody sees the same by temporary views.
"""

from __future__ import annotations

import sqlite3

from face_classifier.gallery.table.rescaled import FORMER, FUNCTION, TODAY, known_to

_TABLES = "photos", "faces"
# An earlier version may have read them again since.
_TWICE = f"space = {FORMER} AND content IN (SELECT content FROM main.photos WHERE space = {TODAY})"


def has_former(database: sqlite3.Connection) -> bool:
    """Whether an index has encodings of the former scale; of a damaged one that is not told."""
    try:
        return bool(database.execute(f"SELECT 1 FROM main.photos WHERE space = {FORMER} LIMIT 1").fetchone())
    except sqlite3.OperationalError:  # another command writes to it
        raise
    except sqlite3.DatabaseError:
        return False


def show(database: sqlite3.Connection) -> None:
    """Hide the tables behind views in which everything has today's scale."""
    known_to(database)
    for table in _TABLES:
        told = ["rowid"]
        for _, name, *_ in database.execute(f"PRAGMA main.table_info({table})"):
            today = {"space": TODAY, "encoding": f"{FUNCTION}(encoding)"}.get(name)
            told.append(f"CASE WHEN space = {FORMER} THEN {today} ELSE {name} END AS {name}" if today else f'"{name}"')
        database.execute(f"CREATE TEMP VIEW {table} AS SELECT {', '.join(told)} FROM main.{table} WHERE NOT ({_TWICE})")


def shows_itself(database: sqlite3.Connection) -> bool:
    """Whether an index has today's scale, whichever process converted it: then the views are taken away."""
    if has_former(database):
        return False
    for table in _TABLES:
        database.execute(f"DROP VIEW IF EXISTS temp.{table}")
    return True


def convert(database: sqlite3.Connection) -> None:
    """Bring the index itself to today's scale, within the transaction of the caller; then it `shows_itself`."""
    known_to(database)
    for table in reversed(_TABLES):
        database.execute(f"DELETE FROM main.{table} WHERE {_TWICE}")
        encoding = f", encoding = {FUNCTION}(encoding)" if table == "faces" else ""
        database.execute(f"UPDATE main.{table} SET space = {TODAY}{encoding} WHERE space = {FORMER}")
