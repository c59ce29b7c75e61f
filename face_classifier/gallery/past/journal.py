"""The journal: whose face it was and whose it became, an entry a decision, and what goes back to how it was.

An entry is written in the transaction of the change itself. Before the program moves pictures it writes down where
they are to lie (`plan`), so that the next look can finish the entry of a process that was killed in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import NamedTuple

from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.table import checked
from face_classifier.gallery.table.file import Table
from face_classifier.gallery.table.row import DELETED, KEPT, MISSING, SEEN, Row

FILE_MANAGER, RUN, SECOND_THOUGHTS = "file manager", "run", "second thoughts"
_HIGHEST = (1 << 63) - 1  # number of SQLite
FORGOTTEN = ""  # in place of a folder whose name was forgotten
RENAME, MOVE, FOLLOW = "rename", "move", "follow"  # kinds of changes: with a whole folder; alone; of ``placed`` only
RETHINK, AUDIT = "command rethink", "command audit"
UNDO, FORGET = "command undo", "command forget"
PAGE = "page"  # the door of whoever has no name; `page NAME` that of the others
_UNDOES, _FORGETS = ("takes back ", "goes back to "), "forgets "  # how `what` begins, through whichever door
_PROGRAM = {RUN, SECOND_THOUGHTS, RETHINK, AUDIT}  # doors of what the program itself decides
_COUNTS_AS = {MISSING: KEPT, SEEN: DELETED}
_PLACE = "folder, state, placed, pinned, distance"
_NEW_PLACE = ", ".join(f"new_{column}" for column in _PLACE.split(", "))


class Place(NamedTuple):
    """Where a face is, with what the program remembers of it: all that an undo brings back."""

    folder: str
    state: str  # of the row; a face that is missing counts as kept, one that gave way to others as deleted
    placed: str | None  # the folder in which the program last placed it
    pinned: bool  # it lies in `unknowns` because the user put it there
    distance: float | None  # L2, at the program's decision

    @property
    def label(self) -> tuple[str, str]:
        """Whose face it is: folder and state."""
        return self.folder, self.state


class Plan(NamedTuple):
    """Where an entry is about to move a face."""

    entry: int  # number
    kind: str  # of the change
    place: Place


class Change(NamedTuple):
    """What became of a face by an entry."""

    face: int  # id
    kind: str  # RENAME, MOVE, delete, revive, or FOLLOW
    before: Place
    after: Place


class PairChange(NamedTuple):
    """Two faces (ids) of which the user said that the first is not the person of the second; or no longer says so."""

    one: int
    other: int
    added: bool


@dataclass(frozen=True)
class Entry:
    """A decision: what a command, one look at the user's changes, or one second thought changed."""

    number: int  # rising, and never given twice
    time: datetime  # aware, UTC
    door: str  # FILE_MANAGER, RUN, SECOND_THOUGHTS, `command NAME`, `page`, `page NAME`
    what: str  # a sentence where the changes do not tell it; it names nobody
    undone: int | None  # the number of the entry that took it back
    changes: tuple[Change, ...]
    pairs: tuple[PairChange, ...]
    expired: int = 0  # faces that it moved, and that are gone since they were kept for long enough

    @property
    def labelled(self) -> list[Change]:
        """The changes of whose face it is."""
        return [change for change in self.changes if change.before.label != change.after.label]

    @property
    def by_program(self) -> bool:
        """Whether it is the program's own decision."""
        return self.door in _PROGRAM

    @property
    def undoes(self) -> bool:
        """Whether it takes back others."""
        return self.door == UNDO or (is_page(self.door) and self.what.startswith(_UNDOES))

    @property
    def forgets(self) -> bool:
        """Whether somebody was forgotten, which nothing takes back."""
        return self.door == FORGET or (is_page(self.door) and self.what.startswith(_FORGETS))

    @cached_property
    def renamed(self) -> dict[str, str]:
        """New name -> former name of each folder that the user renamed."""
        former: dict[str, set[str]] = defaultdict(set)
        for change in self.changes:
            if change.kind == RENAME:
                former[change.after.folder].add(change.before.folder)
        return {name: before.pop() for name, before in former.items() if len(before) == 1}


def is_page(door: str) -> bool:
    """Whether it is the door of a page."""
    return door == PAGE or door.startswith(f"{PAGE} ")


def place_of(row: Row) -> Place:
    """Where the face of a row is."""
    state = _COUNTS_AS.get(row.state, row.state)
    return Place(row.folder if row.state != SEEN else UNKNOWNS, state, row.placed, bool(row.pinned), row.distance)


def take_place(row: Row, place: Place) -> None:
    row.folder, row.state, row.placed, row.pinned, row.distance = place


class Journal:
    """The entries of an open table. Raises UserError where it cannot be used, DiskError if only for now."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._door: str | None = None  # of the entry that is open
        self._what = ""
        self._number: int | None = None  # of that entry, once something was written of it
        self._asked: dict[int, Place] = {}  # faces (ids) that a command moved, as they were: a look will see them

    # Writing

    @contextmanager
    def entry(self, door: str) -> Iterator[None]:
        """Within, all that the program changes is one entry; inside another entry it is part of that one."""
        if self._door is not None:
            yield
            return
        self._door, self._what, self._number = door, "", None
        try:
            yield
        finally:
            self._door, self._what, self._number = None, "", None
            self._asked.clear()

    def explain(self, what: str) -> None:
        """Say what the open entry does, where its changes do not tell it; before anything is written of it."""
        self._what = what

    @property
    def written(self) -> int | None:
        """The number of the entry that is open; None: nothing was written of it so far."""
        return self._number if self._number is not None and self._has(self._number) else None

    def number(self) -> int:
        """The number of the entry that is open, written if it is not yet; within a transaction."""
        assert self._door is not None, "a change without an entry"
        if self._number is None or not self._has(self._number):  # a disk that failed took it back
            self._number = self._add(self._door, self._what)
        return self._number

    def _has(self, number: int) -> bool:
        return self._table.execute("SELECT 1 FROM journal WHERE number = ?", (number,)).fetchone() is not None

    def _add(self, door: str, what: str = "") -> int:
        values = datetime.now(timezone.utc).isoformat(), door, what
        return self._table.execute("INSERT INTO journal (time, door, what) VALUES (?, ?, ?)", values).lastrowid or 0

    def plan(self, places: Mapping[int, Place], kinds: Mapping[int, str]) -> None:
        """Write down where faces (ids) will be once their pictures are moved; within a transaction.

        ``kinds``: of these changes, but for MOVE.
        """
        number = self.number() if places else 0
        self._table.execute_each(
            f"INSERT OR REPLACE INTO planned (face, entry, kind, {_PLACE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((face, number, kinds.get(face, MOVE), *place) for face, place in places.items()),
        )

    def planned(self) -> dict[int, Plan]:
        """By face (id) what was not finished."""
        found = checked.read(self._table, "planned", f"face, entry, kind, {_PLACE}")
        return {face: Plan(entry, kind, _place(*place)) for face, entry, kind, *place in found}

    def record(self, rows: Sequence[Row], before: Mapping[int, Place], kinds: Mapping[int, str]) -> None:
        """The program has moved faces from ``before`` (by id) to where their rows say; within a transaction.

        ``kinds``: as of `plan`.
        """
        if rows:
            changes = [Change(row.id, kinds.get(row.id, MOVE), before[row.id], place_of(row)) for row in rows]
            self._write(self.number(), changes)
            self._table.execute_each("DELETE FROM planned WHERE face = ?", ((row.id,) for row in rows))

    def ask(self, rows: Iterable[Row]) -> None:
        """Whatever the next look sees of these faces is what the command of the open entry did, not the user."""
        if self._door is not None:
            self._asked.update({row.id: place_of(row) for row in rows})

    def observe(self, before: Mapping[int, Place], rows: Iterable[Row], kinds: Mapping[int, str]) -> None:
        """Write what a look saw of ``rows``, which are as they are now; within a transaction.

        ``kinds``: of what the user did, by face (id). What was planned counts for the entry that planned it.
        """
        plans = self.planned()
        changes: dict[int | str, list[Change]] = defaultdict(list)  # by entry, or who made it
        for row in rows:
            was, now = self._asked.get(row.id, before[row.id]), place_of(row)
            if was != now and row.state != MISSING:
                whose: int | str = FILE_MANAGER
                kind = kinds.get(row.id, FOLLOW)
                if row.id in plans and plans[row.id].place.folder == row.folder:
                    whose, kind, _ = plans[row.id]
                elif row.id in self._asked:
                    whose = self.number()
                changes[whose].append(Change(row.id, kind, was, now))
        by_user = changes.pop(FILE_MANAGER, [])
        if any(change.before.label != change.after.label for change in by_user):
            changes[self._add(FILE_MANAGER)] = by_user
        elif by_user and self._number is not None:
            changes[self._number] += by_user
        for number, made in changes.items():
            self._write(int(number), made)
        self._asked.clear()
        self._table.execute("DELETE FROM planned")

    def observe_pairs(self, before: set[tuple[int, int]], after: set[tuple[int, int]], *, by_user: bool) -> None:
        """Write which pairs of faces were kept apart, or no longer are; within a transaction.

        ``by_user``: a look found it, so it belongs to the latest entry.
        """
        if before == after:
            return
        number = self.latest() if by_user else self.number()
        for pairs, added in ((after - before, True), (before - after, False)):
            for pair in sorted(pairs):
                self._table.execute("INSERT OR REPLACE INTO parted VALUES (?, ?, ?, ?)", (number, *pair, added))

    def _write(self, number: int, changes: Sequence[Change]) -> None:
        """A face that an entry moves again came from where it was at first."""
        marks = ", ".join("?" * 13)
        news = ", ".join(f"{column} = excluded.{column}" for column in _NEW_PLACE.split(", "))
        self._table.execute_each(
            f"INSERT INTO changes (entry, face, kind, {_PLACE}, {_NEW_PLACE}) VALUES ({marks}) "
            f"ON CONFLICT (entry, face) DO UPDATE SET {news}",
            ((number, change.face, change.kind, *change.before, *change.after) for change in changes),
        )
        others = [one.face for one in changes if one.before.label != one.after.label and one.kind != RENAME]
        # What was marked was said of another person.
        self._table.execute_each("DELETE FROM flags WHERE face = ?", ((face,) for face in others))

    def take_back(self, numbers: Iterable[int], to: int | None) -> None:
        """The open entry takes back others; those that they took back stand again, up to ``to``. In a transaction."""
        number = self.number()
        for taken in numbers:
            self._table.execute("UPDATE journal SET undone = ? WHERE number = ?", (number, taken))
            self._table.execute("UPDATE journal SET undone = NULL WHERE undone = ?", (taken,))
        if to is not None:
            self._table.execute("UPDATE journal SET undone = NULL WHERE number <= ? AND undone > ?", (to, to))

    # Reading

    def is_by_user(self, face_id: int) -> bool:
        """Whether anybody but the program itself ever changed whose a face is, other than by renaming a folder."""
        doors = ", ".join("?" * len(_PROGRAM))
        found = self._table.execute(
            "SELECT 1 FROM changes JOIN journal ON number = entry WHERE face = ? AND kind NOT IN (?, ?) "
            f"AND door NOT IN ({doors}) LIMIT 1",
            (face_id, RENAME, FOLLOW, *sorted(_PROGRAM)),
        )
        return found.fetchone() is not None

    def latest(self) -> int:
        """The highest number that an entry has; 0: there is none."""
        return int(self._table.execute("SELECT max(number) FROM journal").fetchone()[0] or 0)

    def entries(self, after: int = 0, until: int | None = None) -> list[Entry]:
        """Those with a higher number than ``after``, and none above ``until``, the oldest first.

        Of an empty one nothing is left to tell.
        """
        span = after, _HIGHEST if until is None else until
        where = "WHERE entry > ? AND entry <= ? ORDER BY entry, face"
        changes: dict[int, list[Change]] = defaultdict(list)
        columns = f"entry, face, kind, {_PLACE}, {_NEW_PLACE}"
        for number, face, kind, *places in checked.read(self._table, "changes", columns, where, span):
            changes[number].append(Change(face, kind, _place(*places[:5]), _place(*places[5:])))
        pairs: dict[int, list[PairChange]] = defaultdict(list)
        where = "WHERE entry > ? AND entry <= ? ORDER BY entry, one, other"
        for number, one, other, added in checked.read(self._table, "parted", "entry, one, other, added", where, span):
            pairs[number].append(PairChange(one, other, bool(added)))
        expired: dict[int, int] = dict(
            checked.read(self._table, "expired", "entry, faces", "WHERE entry > ? AND entry <= ?", span)
        )
        where, columns = "WHERE number > ? AND number <= ? ORDER BY number", "number, time, door, what, undone"
        return [
            Entry(
                number,
                datetime.fromisoformat(time),
                door,
                what,
                undone,
                tuple(changes[number]),
                tuple(pairs[number]),
                expired.get(number, 0),
            )
            for number, time, door, what, undone in checked.read(self._table, "journal", columns, where, span)
            if what or changes[number] or pairs[number] or number in expired
        ]


def _place(folder: str, state: str, placed: str | None, pinned: int, distance: float | None) -> Place:
    return Place(folder, state, placed, bool(pinned), distance)


class Way(NamedTuple):
    """Of a face that entries moved: where it was before them, and where the last of them left it."""

    before: Place
    after: Place
    by_program: bool  # it was the program's own decision that moved it


def ways_of(entries: Sequence[Entry]) -> dict[int, Way]:
    """By face (id) what entries, the oldest first, did to it in all; in the names of before the first of them."""
    ways: dict[int, Way] = {}
    for number, entry in enumerate(entries):
        for change in entry.changes:
            by_program = entry.door in _PROGRAM and change.before.folder != change.after.folder
            known = ways.get(change.face)
            first = known.before if known else in_former_names(change.before, entries[:number])
            ways[change.face] = Way(first, change.after, by_program or bool(known and known.by_program))
    return ways


def in_former_names(place: Place, entries: Sequence[Entry]) -> Place:
    """A place as it was called before entries, the oldest first, in which the user renamed folders."""
    folder, placed = place.folder, place.placed
    for entry in reversed(entries):
        folder = _former_name(folder, entry.renamed)
        placed = placed and _former_name(placed, entry.renamed)
    return place._replace(folder=folder, placed=placed)


def _former_name(folder: str, renamed: Mapping[str, str]) -> str:
    above, slash, person = folder.rpartition("/")
    return above + slash + renamed.get(person, person)


def pairs_before(pairs: Iterable[tuple[int, int]], entries: Sequence[Entry]) -> set[tuple[int, int]]:
    """The pairs of faces that were kept apart before entries, the oldest first, changed that."""
    before = set(pairs)
    for entry in reversed(entries):
        for one, other, added in entry.pairs:
            (before.discard if added else before.add)((one, other))
    return before
