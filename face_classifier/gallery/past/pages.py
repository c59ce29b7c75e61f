"""The journal a page at a time: each entry summed up by where its faces went, however many they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from face_classifier.gallery.past.journal import FORGET, PAGE, UNDO
from face_classifier.gallery.table.file import Table

_SHOWN = 4  # faces of a group
_GROUPS = 3  # of an entry that are told one by one
_BLOCK = 200  # entries that are looked through at a time, since empty ones are left out
_HAS_CHANGES = "(folder <> new_folder OR state <> new_state)"


class Group(NamedTuple):
    """Faces that an entry moved the same way: from one folder and state to another."""

    before: tuple[str, str]
    after: tuple[str, str]
    number: int
    faces: Sequence[int]  # some of them (ids)


@dataclass(frozen=True)
class Summed:
    """An entry."""

    number: int
    time: datetime  # aware, UTC
    door: str
    what: str  # a sentence where the changes do not tell it
    undone: int | None  # the number of the entry that took it back
    groups: Sequence[Group]  # the largest ones
    faces: int  # that have another label since, in all
    apart: int  # pairs of faces that were said to be two people
    together: int  # pairs of which that was taken back
    expired: int  # faces that are gone since they were kept for long enough

    @property
    def forgets(self) -> bool:
        """Whether nothing takes it back."""
        return self.door == FORGET or (self._is_of_page and self.what.startswith("forgets "))

    @property
    def undoes(self) -> bool:
        """Whether it took back others."""
        return self.door == UNDO or (self._is_of_page and self.what.startswith(("takes back ", "goes back to ")))

    @property
    def _is_of_page(self) -> bool:
        return self.door == PAGE or self.door.startswith(f"{PAGE} ")


def latest(table: Table, count: int, before: int | None = None) -> list[Summed]:
    """Entries of which something is left to tell, the latest first.

    Parameters
    ----------
    table: to be read.
    count: how many, at most.
    before: only those with a lower number.
    """
    found: list[Summed] = []
    end = before
    while len(found) < count:
        numbers = [
            number
            for (number,) in table.execute(
                "SELECT number FROM journal WHERE number < ? ORDER BY number DESC LIMIT ?", (_end(end), _BLOCK)
            )
        ]
        if not numbers:
            break
        found += _summed(table, numbers[-1], numbers[0])
        end = numbers[-1]
    return found[:count]


class After(NamedTuple):
    """What was done after an entry, and stands."""

    entries: int
    faces: int  # that were moved
    forgotten: int  # entries that stay, since they forget


def after(table: Table, number: int) -> After:
    """What going back to an entry would take back."""
    rows = table.execute(
        "SELECT number, door, what FROM journal WHERE number > ? AND undone IS NULL", (number,)
    ).fetchall()
    later = [_entry(number, door, what) for number, door, what in rows]
    told = {one for (one,) in table.execute("SELECT DISTINCT entry FROM changes WHERE entry > ?", (number,))}
    told |= {one for (one,) in table.execute("SELECT DISTINCT entry FROM parted WHERE entry > ?", (number,))}
    faces = table.execute(
        f"SELECT count(DISTINCT face) FROM changes WHERE entry > ? AND {_HAS_CHANGES}", (number,)
    ).fetchone()
    forgotten = sum(entry.forgets for entry in later)
    reaching = {  # what took back others of before as well
        one
        for (one,) in table.execute(
            "SELECT DISTINCT undone FROM journal WHERE number <= ? AND undone > ?", (number, number)
        )
    }
    counted = [entry for entry in later if entry.number in reaching or not entry.undoes]
    entries = sum(entry.number in told and not entry.forgets for entry in counted)
    return After(entries, int(faces[0]), forgotten)


def _end(number: int | None) -> int:
    return 1 << 62 if number is None else number


def _entry(number: int, door: str, what: str) -> Summed:
    return Summed(number, datetime.min, door, what, None, (), 0, 0, 0, 0)


def _summed(table: Table, first: int, last: int) -> list[Summed]:
    """The entries between two numbers, the latest first."""
    between = (first, last)
    groups: dict[int, list[Group]] = defaultdict(list)
    faces: dict[int, int] = defaultdict(int)
    for entry, *labels, count in table.execute(
        "SELECT entry, folder, state, new_folder, new_state, count(*) FROM changes WHERE entry BETWEEN ? AND ? "
        f"AND {_HAS_CHANGES} GROUP BY entry, folder, state, new_folder, new_state ORDER BY entry, count(*) DESC",
        between,
    ).fetchall():
        faces[entry] += count
        if len(groups[entry]) < _GROUPS:
            shown = table.execute(
                "SELECT face FROM changes WHERE entry = ? AND folder = ? AND state = ? AND new_folder = ? "
                "AND new_state = ? LIMIT ?",
                (entry, *labels, _SHOWN),
            )
            some = [face for (face,) in shown]
            groups[entry].append(Group((labels[0], labels[1]), (labels[2], labels[3]), count, some))
    pairs = {
        (entry, added): count
        for entry, added, count in table.execute(
            "SELECT entry, added, count(*) FROM parted WHERE entry BETWEEN ? AND ? GROUP BY entry, added", between
        )
    }
    expired = dict(table.execute("SELECT entry, faces FROM expired WHERE entry BETWEEN ? AND ?", between).fetchall())
    told = {
        entry for (entry,) in table.execute("SELECT DISTINCT entry FROM changes WHERE entry BETWEEN ? AND ?", between)
    }
    entries = table.execute(
        "SELECT number, time, door, what, undone FROM journal WHERE number BETWEEN ? AND ? ORDER BY number DESC",
        between,
    ).fetchall()
    return [
        Summed(
            number,
            datetime.fromisoformat(time),
            door,
            what,
            undone,
            groups[number],
            faces[number],
            pairs.get((number, 1), 0),
            pairs.get((number, 0), 0),
            expired.get(number, 0),
        )
        for number, time, door, what, undone in entries
        if what or number in told or (number, 1) in pairs or (number, 0) in pairs or number in expired
    ]
