"""Going back: faces return to where entries of the journal had found them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from face_classifier.core.words import counted
from face_classifier.gallery.folder.carry import folder_for, is_all_there, move_files, move_folder, tidy
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.past import forget
from face_classifier.gallery.past.forget import Chosen
from face_classifier.gallery.past.journal import (
    FORGOTTEN,
    RENAME,
    Entry,
    Place,
    Way,
    in_former_names,
    pairs_before,
    place_of,
    take_place,
    ways_of,
)
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS, is_excluded
from face_classifier.gallery.reconcile import lay
from face_classifier.gallery.table.row import DELETED, DISCARDED, MISSING, SEEN, Row
from face_classifier.gallery.table.whereabouts import known_faces, rows_called

CAPTURES, LOG, INDEX, RECORDS = "captures", "log", "index", "records"  # kinds of places where faces may be seen, too


class Left(NamedTuple):
    """A face that is not brought back, and why."""

    face: str  # the stem of the picture's file when first written
    folder: str  # where it is, or was
    why: str


@dataclass(frozen=True)
class Return:
    """What is to be brought back."""

    places: Mapping[int, Place]  # by face (id)
    kinds: Mapping[int, str]  # of these changes
    left: Sequence[Left]
    pairs: set[tuple[int, int]]  # faces (ids) of two people, as they were


class Past:
    """The journal of an open result folder, and the way back."""

    def __init__(self, folder: ResultFolder, until_done: Callable[[Callable[[], Any]], Any]) -> None:
        self._folder, self._until_done = folder, until_done

    def entry(self, door: str) -> AbstractContextManager[None]:
        """Within, all that the program changes is one entry, and looks belong to it as far as it moved the faces."""
        return self._folder.journal.entry(door)

    def explain(self, what: str) -> None:
        """Say what the open entry does, where its changes do not tell it; before anything is written of it."""
        self._folder.journal.explain(what)

    def number(self) -> int:
        """Of the open entry."""
        return self._folder.journal.number()

    @property
    def written(self) -> int | None:
        """The number of the open entry; None: nothing was written of it so far."""
        return self._folder.journal.written

    def entries(self, after: int = 0, until: int | None = None) -> list[Entry]:
        """Those with a higher number than ``after``, and none above ``until``, the oldest first."""
        return self._folder.journal.entries(after, until)

    def latest(self) -> int:
        """The highest number that an entry has; 0: there is none."""
        return self._folder.journal.latest()

    def names(self) -> dict[int, str]:
        """How each face (id) was called when it was kept."""
        return dict(self._folder.table.execute("SELECT id, face FROM faces").fetchall())

    # Forgetting

    def note_use(self, kind: str, path: Path) -> None:
        """Remember where else faces may be seen: CAPTURES, LOG, RECORDS, or INDEX of photos."""
        self._until_done(lambda: self._folder.notes.note_use(kind, path))

    def uses(self) -> list[tuple[str, Path]]:
        """What was noted so."""
        return self._folder.notes.uses()

    def to_forget(self, what: str, path: Path) -> Chosen:
        """The faces of a person, or the one that is called ``what`` or has its picture at ``path``.

        Raises UserError unless there is one.
        """
        return forget.choose(self._folder, what, path)

    def forget(self, chosen: Chosen) -> list[str]:
        """Forget faces, within an entry that is open; then look, write views and `compact`.

        Returns sentences about what had to be left.
        """

        def finish() -> list[str]:
            forget.write_down(self._folder, chosen)
            left = forget.finish(self._folder)
            with self._folder.table.together():
                self._folder.journal.number()
            return left

        self.explain(f"forgets {counted(len(chosen.rows), 'face')}")
        return [*self._until_done(finish), *forget.damaged_files(self._folder)]

    def compact(self) -> list[str]:
        """Leave no trace of what was deleted in the table's file. Returns a sentence where that has to wait."""
        return forget.compact(self._folder)

    # Going back

    def way_back(self, entries: Sequence[Entry]) -> Return:
        """How everything was before ``entries``, the oldest first, as far as the latest look lets it be."""
        ways, table = ways_of(entries), self._folder.table
        names = {name for entry in entries for name in entry.renamed}
        concerned = self._folder.whereabouts.concerned(ways, ())
        concerned += rows_called(table, names | {f"{EXCLUDED}/{name}" for name in names})
        rows = {row.id: row for row in concerned if row.state not in (DISCARDED, SEEN)}
        places: dict[int, Place] = {}
        left: list[Left] = []
        for face, way in ways.items():
            if row := rows.get(face):
                wanted = _by_user(way.before) if way.by_program else way.before
                if why := _obstacle(row, way, wanted):
                    left.append(Left(row.face, row.folder, why))
                elif wanted.folder != FORGOTTEN:
                    places[face] = wanted
        places |= _followers((row for row in rows.values() if row.id not in ways), entries)
        kinds = {face: RENAME for face, place in places.items() if _is_renamed(rows[face], place, entries)}
        for face in _into_others(rows_called(table, {places[face].folder for face in kinds}), places, kinds):
            left.append(Left(rows[face].face, rows[face].folder, "its former folder is somebody else's by now"))
            del places[face], kinds[face]
        known = {(one, other) for one, other in self._folder.notes.pairs_kept_apart()}
        pairs = pairs_before(known, entries)
        there = known_faces(table, {face for pair in pairs for face in pair})
        pairs = {pair for pair in pairs if there >= set(pair)}
        return Return(places, kinds, left, pairs)

    def bring_back(self, back: Return, taken: Sequence[Entry], to: int | None) -> int:
        """Do what `way_back` found, within an entry that is open: it takes back the entries ``taken``.

        ``to``: the number of the last one that stands; None: they are single ones. Returns how many faces have another
        label now. Raises FoldersChangedError where a picture is not where it was.
        """
        return int(self._until_done(lambda: self._bring_back(back, taken, to)))

    def _bring_back(self, back: Return, taken: Sequence[Entry], to: int | None) -> int:
        folder = self._folder
        groups: dict[str, list[Row]] = defaultdict(list)
        known = {row.id: row for row in folder.whereabouts.concerned(back.places, ())}
        rows = [known[face] for face in back.places]
        for row in rows:
            if place_of(row) != back.places[row.id]:
                groups[back.places[row.id].folder].append(row)
        moved = sum(place_of(row).label != back.places[row.id].label for row in rows)
        emptied = {row.folder for row in rows} - {UNKNOWNS}
        for target, group in groups.items():
            self._move(group, target, back)
        tidy(folder, [], sorted(emptied))
        with folder.table.together():
            before = set(folder.notes.pairs_kept_apart())
            folder.journal.observe_pairs(before, back.pairs, by_user=False)
            folder.notes.set_pairs_kept_apart(sorted(back.pairs))
            folder.journal.take_back((entry.number for entry in taken), to)
        return moved

    def _move(self, rows: Sequence[Row], target: str, back: Return) -> None:
        """Move pictures into a folder that may have gone, and write into their rows what the program knew then."""
        folder = self._folder
        going = [row for row in rows if row.folder != target]
        with folder.as_last_seen(), ExitStack() as undo:
            if going:
                if is_excluded(target):
                    folder_for(folder, EXCLUDED)
                is_whole = is_all_there(folder, going, target)
                if not is_whole:
                    folder_for(folder, target)
                with folder.table.together():
                    for row in going:
                        row.intent = target
                    folder.rows.update(*going)
                    folder.journal.plan({row.id: back.places[row.id] for row in going}, back.kinds)
                if is_whole:
                    move_folder(folder, going[0].folder, target, undo)
                else:
                    move_files(folder, going, target, undo)
            with folder.table.together():
                before = {row.id: place_of(row) for row in rows}
                for row in rows:
                    take_place(row, back.places[row.id])
                    row.intent = None
                folder.rows.update(*rows)
                folder.journal.record(rows, before, back.kinds)
            undo.pop_all()  # it is done


def _by_user(place: Place) -> Place:
    """That the program is not to have its way is the user's word: it does not do the same again."""
    if place.folder == UNKNOWNS:
        return place._replace(pinned=True)
    return place._replace(placed=None)


def _obstacle(row: Row, way: Way, wanted: Place) -> str | None:
    """Why a face cannot, or shall not, go back."""
    now = place_of(row)
    if now.label == wanted.label:
        return None
    if row.state == MISSING:
        return "its picture is missing"
    if _is_gone(now):
        return "its picture was deleted, and cannot be brought back"
    if _is_gone(wanted):
        return "its picture was put back since, and is not deleted again"
    if now.label != way.after.label:
        return "it was moved since, and stays there"
    if wanted.folder == FORGOTTEN:
        return "whose it was then is forgotten"
    return None


def _is_gone(place: Place) -> bool:
    return place.state == DELETED and not is_excluded(place.folder)


def _followers(rows: Iterable[Row], entries: Sequence[Entry]) -> Iterator[tuple[int, Place]]:
    """Faces that came to a person when the folder had another name already: they go along to the former one."""
    for row in rows:
        place = place_of(row)
        if row.state != MISSING and not _is_gone(place):
            former = in_former_names(place, entries)
            if former != place:
                yield row.id, former


def _into_others(rows: Iterable[Row], places: Mapping[int, Place], kinds: Mapping[int, str]) -> list[int]:
    """Faces (ids) that would go back, with their whole folder, to where the user has somebody else by now.

    A renamed folder was gone; who lies in one of that name, by the user's word and not by an entry, came since.
    ``rows``: of all that lies in the folders to which those would go.
    """
    others = {row.folder for row in rows if row.id not in places and lay(row) and row.placed != row.folder}
    return [face for face in kinds if places[face].folder in others]


def _is_renamed(row: Row, place: Place, entries: Sequence[Entry]) -> bool:
    """Whether a face goes back with its whole folder."""
    return row.folder != place.folder and in_former_names(place_of(row), entries).folder == place.folder
