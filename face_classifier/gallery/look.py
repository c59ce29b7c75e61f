"""Looking: what the user made of a result folder since the table was last brought up to date."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Encoding, Face, Sighting
from face_classifier.gallery.derived.views import old_encodings
from face_classifier.gallery.folder.carry import NUMBER_MARK, follow, tidy
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.folder.scan import Entry, Scan, scan_folder
from face_classifier.gallery.past import forget
from face_classifier.gallery.past.journal import Place, Plan, place_of, take_place
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS, is_excluded, is_own_cut, person_of
from face_classifier.gallery.reconcile import (
    Move,
    Settled,
    copy_sentence,
    follow_moves,
    is_cut,
    kept_apart_after,
    missing_sentence,
    settle,
    successors_in,
    went_at_once,
)
from face_classifier.gallery.table.row import DELETED, KEPT, MISSING, Row, sighting_of, take_face
from face_classifier.identity.naming import number_in

_ROOT_MARK = "root"  # the inode of the folder in which faces went missing
_BELIEVED_AFTER = timedelta(days=1)  # a start so long after faces went missing takes them for deleted

# (path, own cut) -> the face that the picture is about, and whether it was found; UserError if it cannot be read
ReadPhoto = Callable[[Path, bool], tuple[Face, bool]]


@dataclass(frozen=True)
class LookResult:
    """A gallery as the folders have it now."""

    faces: Sequence[Sighting]  # kept ones, by id, so in the order in which they came
    pictures: Sequence[Path]  # of each face
    kept_apart: Sequence[tuple[int, int]]  # face ids: the first is not the person of the second, by the user's word
    kept_apart_tracks: Sequence[tuple[int, int]]  # (track, face id) of those
    excluded: Sequence[tuple[str, Encoding]]  # (person by today's name, encoding) of each picture that is not them
    changed: frozenset[str] | None  # people (folders) with a change since the look before; None: it may be all
    moves: Sequence[Move]  # what the user did since then


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No garbage collection within: of a million objects that live on, it would take a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Looker:
    """Brings the table up to date with the folders; a folder that is only read stays as it is."""

    def __init__(self, folder: ResultFolder) -> None:
        self._folder = folder
        self._opened = datetime.now(timezone.utc)

    def take_stock(self) -> tuple[Scan, list[Row], Settled]:
        """What lies where now, all rows, and which row each picture is. Raises FolderGoneError."""
        folder = self._folder
        folder.root.check()
        folder.follow_writer()
        with collector_at_rest():
            scan = scan_folder(folder.path)
            rows = folder.rows.all()
            settled = settle(scan, rows, lambda entry: folder.content_of(folder.path / entry.place))
        if (settled.gone or settled.missing) and scan_folder(folder.path).entries != scan.entries:
            # Something was on its way from one folder to another, and may have been in neither when each was read.
            settled.unseen += [*settled.gone, *settled.missing]
            settled.gone, settled.missing = [], []
        folder.root.check()
        return scan, rows, settled

    def look(self, read_photo: ReadPhoto, *, confirmed: bool = False) -> LookResult:
        """As `Store.look`."""
        folder = self._folder
        if folder.writing:
            for sentence in forget.finish(folder):
                folder.report(sentence)
        scan, rows, settled, successors = self._take_stock_of_successors()
        folder.listing = scan
        for sentence in (*scan.problems, *map(copy_sentence, settled.copies)):
            folder.report(sentence)
        before = {row.id: (_changeable(row), place_of(row)) for row in rows}
        read = _PhotoReader(folder, read_photo)
        self._doubt_gone(settled, rows, confirmed=confirmed)
        moves = follow_moves(settled, scan.folders)
        intents = [row.intent for row in rows if row.intent]
        _take_over(settled, moves, read, folder.journal.planned())
        lying = [row for row, _ in settled.pairs if row.state == KEPT]
        kept_apart = kept_apart_after(moves, lying, set(folder.notes.pairs_kept_apart()))
        if folder.writing:
            changed = [row for row in rows if before[row.id][0] != _changeable(row)]
            self._write(changed, {row.id: before[row.id][1] for row in changed}, moves, kept_apart)
            tidy(folder, scan.parts, intents)
        new = [row for entry in settled.new if (row := self._new_row(entry, settled.hashes[entry], read))]
        if not folder.writing:
            for number, row in enumerate(new, max((row.id for row in rows), default=0) + 1):
                row.id = number  # as it would be
        encoded = [row for row in (*(row for row, _ in settled.pairs), *new) if row.encoding is not None]
        kept = sorted((row for row in encoded if row.state == KEPT), key=lambda row: row.id)
        track_of = {row.id: row.track for row in rows}
        with collector_at_rest():
            faces = [sighting_of(row) for row in kept]
        return LookResult(
            faces,
            [folder.path / row.place for row in kept],
            sorted(kept_apart),
            sorted({(track, other) for one, other in kept_apart if (track := track_of[one]) is not None}),
            _excluded(encoded, successors),
            None,
            moves,
        )

    def _take_stock_of_successors(self) -> tuple[Scan, list[Row], Settled, dict[str, str]]:
        """The stock, once pictures that are not a person are kept away from whoever that person is now, too.

        The last item: who each renamed person is now.
        """
        scan, rows, settled = self.take_stock()
        successors = successors_in(settled)
        if self._folder.writing and {f"{EXCLUDED}/{person}" for person in successors} & scan.folders:
            for person, successor in successors.items():
                follow(self._folder, person, successor)
            scan, rows, settled = self.take_stock()
        return scan, rows, settled, successors

    def _doubt_gone(self, settled: Settled, rows: Sequence[Row], *, confirmed: bool) -> None:
        """Leave as gone what the user deleted, as far as that can be believed; what else went is missing."""
        folder, now = self._folder, datetime.now(timezone.utc)
        if went_at_once(settled.gone, rows) and not confirmed:
            for row in settled.gone:
                row.state, row.missing, row.intent = MISSING, now, None
            settled.missing += settled.gone
            settled.gone = []
        if folder.writing and folder.notes.mark(_ROOT_MARK) != folder.root.inode:
            for row in rows:  # they went in another folder, of which this is a copy
                row.missing = row.missing and now
            folder.notes.set_mark(_ROOT_MARK, folder.root.inode)
        believed = [
            row
            for row in settled.missing
            if confirmed or (row.missing and row.missing <= self._opened - _BELIEVED_AFTER)
        ]
        settled.gone += believed
        still = {row.id for row in rows if row.state == MISSING} - {row.id for row, _ in settled.pairs}
        if left := [row for row in rows if row.id in still - {row.id for row in believed}]:
            folder.report(missing_sentence(left, folder.path))

    def _write(
        self,
        changed: Sequence[Row],
        before: Mapping[int, Place],
        moves: Sequence[Move],
        kept_apart: set[tuple[int, int]],
    ) -> None:
        """``before``: where the changed faces were, by id."""
        folder = self._folder
        numbers = [number for name in folder.listing.folders if (number := number_in(name)) is not None]
        with folder.table.together():
            for row in changed:
                folder.rows.update(row)
                if row.state == DELETED and row.encoding is None:
                    folder.encodings.forget(row.id)
            folder.journal.observe(before, changed, {move.face: move.kind for move in moves})
            if moves:
                folder.journal.observe_pairs(set(folder.notes.pairs_kept_apart()), kept_apart, by_user=True)
                folder.notes.set_pairs_kept_apart(sorted(kept_apart))
            folder.notes.set_mark(NUMBER_MARK, max([folder.notes.mark(NUMBER_MARK), *numbers]))

    def _new_row(self, entry: Entry, content: str, read: _PhotoReader) -> Row | None:
        """Give a picture its row, at once: a gallery without any takes long, and may be interrupted."""
        own_cut = is_own_cut(entry.file)
        result = read(entry, own_cut=own_cut)
        if result is None:
            return None
        row = Row(entry.stem, entry.folder, entry.file, entry.size, entry.mtime, content, _state_in(entry.folder))
        if entry.folder == UNKNOWNS and own_cut:
            row.placed = UNKNOWNS  # from before this table was made: the program put it there, not the user
        row.pinned = entry.folder == UNKNOWNS and not own_cut
        take_face(row, result[0], result[0].box)
        if self._folder.writing:
            with self._folder.table.together():
                self._folder.rows.add(row)
        return row


class _PhotoReader:
    """Reads pictures that have no encoding; the old pickle helps out where no face is found."""

    def __init__(self, folder: ResultFolder, read_photo: ReadPhoto) -> None:
        self._folder = folder
        self._read_photo = read_photo
        self._old: dict[str, Encoding] | None = None
        self._is_unable = False  # to read any

    def __call__(self, entry: Entry, *, own_cut: bool) -> tuple[Face, bool] | None:
        if self._is_unable:
            return None
        path = self._folder.path / entry.place
        try:
            with supervised(path):
                face, is_there = self._read_photo(path, own_cut)
        except SetUpError as error:
            self._folder.report(str(error))
            self._is_unable = True
            return None
        except UserError as error:
            self._folder.report(f"{error}; it is left alone")
            return None
        if not is_there:
            if self._old is None:
                self._old = old_encodings(self._folder)
            if entry.file in self._old and _is_unit(self._old[entry.file]) == _is_unit(face.encoding):
                face = Face(face.box, self._old[entry.file], face.made_by)
        return face, is_there


def _is_unit(encoding: Encoding) -> bool:
    """Tells SFace's encodings, which have length 1, from dlib's: the pickle does not say whose they are."""
    return abs(float(encoding @ encoding) - 1) < 1e-9


def _take_over(settled: Settled, moves: Sequence[Move], read: _PhotoReader, plans: Mapping[int, Plan]) -> None:
    """Change the rows of pictures that lie elsewhere, are others now, or are gone; ``plans``: what was unfinished."""
    for row, entry in settled.pairs:
        _bring_up_to_date(row, entry, settled, read)
        if row.id in plans and plans[row.id].place.folder == entry.folder:
            take_place(row, plans[row.id].place)
    for row in settled.gone:
        row.folder = person_of(row.folder)
        row.state, row.encoding, row.emotion, row.intent, row.missing = DELETED, None, None, None, None
    put = {move.face for move in moves if move.kind == "move" or is_excluded(move.origin)}
    for row, _ in settled.pairs:
        if row.id in put and row.placed == row.folder != UNKNOWNS:
            row.placed = None  # where the program once had it, but now it is the user who says so


def _bring_up_to_date(row: Row, entry: Entry, settled: Settled, read: _PhotoReader) -> None:
    """Take over where and what the picture of a row is now."""
    seen = entry.size, entry.mtime, settled.hashes.get(entry, row.hash)
    if seen[2] != row.hash or row.encoding is None:
        # An edited picture is encoded anew; what shows no face any more keeps the numbers that it had.
        result = read(entry, own_cut=is_cut(row, entry))
        if result and (result[1] or row.encoding is None):
            take_face(row, result[0], row.box)
        if not result:
            seen = row.size, row.mtime, row.hash  # to be read, and told, again next time
    row.size, row.mtime, row.hash = seen
    if entry.folder != row.folder:
        row.pinned = entry.folder == UNKNOWNS
    row.folder, row.file = entry.folder, entry.file
    row.state, row.missing = _state_in(entry.folder), None
    if row.intent:
        row.placed = row.intent if row.folder == row.intent else row.placed
        row.intent = None


def _state_in(folder: str) -> str:
    """An excluded picture counts as little as a deleted one; its row differs in having an encoding and a place."""
    return DELETED if is_excluded(folder) else KEPT


def _excluded(rows: Iterable[Row], successors: dict[str, str]) -> list[tuple[str, Encoding]]:
    named = [(person_of(row.folder), row.encoding) for row in rows if is_excluded(row.folder)]
    return [
        (successors.get(person, person), encoding)
        for person, encoding in named
        if person != UNKNOWNS and encoding is not None
    ]


def _changeable(row: Row) -> tuple[object, ...]:
    """What a look may change of a row."""
    return (
        row.folder,
        row.file,
        row.size,
        row.mtime,
        row.hash,
        row.state,
        row.missing,
        row.placed,
        row.intent,
        row.pinned,
        id(row.encoding),
    )
