"""The tables of decisions, and that of tracks, read with every value checked: anybody may have written the file.

The names in them are those of folders, in which the program moves and removes pictures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from face_classifier.gallery.places import is_folder
from face_classifier.gallery.table.file import DamagedTableError, Table
from face_classifier.gallery.table.row import DELETED, DISCARDED, KEPT

_Check = Callable[[Any], bool]


def _is_whole(value: object) -> bool:
    return isinstance(value, int)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_distance(value: object) -> bool:
    return value is None or _is_number(value)


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_list_of_texts(value: object) -> bool:
    try:
        texts = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return False
    return isinstance(texts, list) and all(map(_is_text, texts))


def _or(nothing: object, check: _Check) -> _Check:
    return lambda value: value == nothing or check(value)


_PLACE: dict[str, _Check] = {
    "folder": is_folder,
    "state": lambda value: value in (KEPT, DISCARDED, DELETED),
    "placed": _or(None, is_folder),
    "pinned": lambda value: value in (0, 1),
    "distance": _is_distance,
}
_IN_THE_PAST = _PLACE | {"folder": _or("", is_folder)}  # a name that was forgotten
_CHECKS: dict[str, dict[str, _Check]] = {  # by table and column
    "journal": {
        "number": _is_whole,
        "time": _is_time,
        "door": _is_text,
        "what": _is_text,
        "undone": _or(None, _is_whole),
    },
    "changes": {"entry": _is_whole, "face": _is_whole, "kind": _is_text}
    | _IN_THE_PAST
    | {f"new_{column}": check for column, check in _IN_THE_PAST.items()},
    "parted": dict.fromkeys(("entry", "one", "other"), _is_whole) | {"added": lambda value: value in (0, 1)},
    "planned": {"face": _is_whole, "entry": _is_whole, "kind": _is_text} | _PLACE,
    "forgetting": {"face": _is_whole, "person": _or("", is_folder)},
    "strangers": {
        "source": lambda value: isinstance(value, str | bytes),
        "fingerprint": _is_text,
        "day": _is_text,
        "number": _is_whole,
    },
    "flags": {"kind": _is_text, "face": _is_whole},
    "reviewed": {"track": _is_whole},
    "expiring": {"face": _is_whole},
    "expired": {"entry": _is_whole, "faces": _is_whole},
    "tracks": {
        "number": _is_whole,
        "source": lambda value: isinstance(value, str | bytes),
        "fingerprint": _or(None, _is_text),
        "session": _is_whole,
        "first": _is_time,
        "last": _is_time,
        "first_position": _is_number,
        "last_position": _is_number,
        "frames": _is_whole,
        "best": _or(None, _is_whole),
        "said": _or(None, is_folder),
        "zones": _is_list_of_texts,
    },
    "outages": {"source": _is_text, "first": _is_time, "last": _or(None, _is_time)},
}


def read(table: Table, name: str, columns: str, clause: str = "", values: Sequence[Any] = ()) -> Iterator[Any]:
    """The records of a table of decisions, one by one.

    Parameters
    ----------
    table: that is open.
    name: of the table in it.
    columns: as SQL names them, after one another.
    clause, values: which records, in which order.

    Raises
    ------
    DamagedTableError: a value cannot be so.
    DiskError, UserError: as `Table.telling`.
    """
    checks = [(column, _CHECKS[name][column]) for column in columns.split(", ")]
    with table.telling():
        for record in table.database.execute(f"SELECT {columns} FROM {name} {clause}", values):
            for (column, check), value in zip(checks, record, strict=True):
                if not check(value):
                    raise ValueError(f"{column} of {name} is {value!r}")
            yield record


def faulty(table: Table) -> Iterator[tuple[str, int, str]]:
    """(table, rowid, what is wrong) of each record that `read` refuses. Raises UserError where it cannot be read."""
    for name, checks in _CHECKS.items():
        for (record,) in table.execute(f"SELECT rowid FROM {name} ORDER BY rowid").fetchall():
            try:
                for _ in read(table, name, ", ".join(checks), "WHERE rowid = ?", (record,)):
                    pass
            except DamagedTableError as error:
                yield name, record, str(error.__cause__)
