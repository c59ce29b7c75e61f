"""Looking: what the user made of a result folder since the table was last brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from face_classifier.core.disk.retry import asking_the_disk
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Encoding, Face
from face_classifier.gallery.derived.views import old_encodings
from face_classifier.gallery.folder.ahead import NOT_AHEAD, Ahead
from face_classifier.gallery.folder.carry import NUMBER_MARK, follow, tidy
from face_classifier.gallery.folder.compare import Compared, Comparer
from face_classifier.gallery.folder.faces import Faces
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.folder.scan import Entry
from face_classifier.gallery.past import forget, retention
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
    renamed_in,
    successors_in,
    went_at_once,
)
from face_classifier.gallery.seen.room import finish as finish_giving_way
from face_classifier.gallery.table.row import DELETED, KEPT, MISSING, Row, take_face
from face_classifier.identity.naming import number_in
from face_classifier.vision.sface import is_sface

_ROOT_MARK = "root"  # the inode of the folder in which faces went missing
_BELIEVED_AFTER = timedelta(days=1)  # a start so long after faces went missing takes them for deleted

# (path, own cut) -> the face that the picture is about, and whether it was found; UserError if it cannot be read
ReadPhoto = Callable[[Path, bool], tuple[Face, bool]]


@dataclass(frozen=True)
class LookResult:
    """A gallery as the folders have it now."""

    faces: Faces  # the kept ones
    kept_apart: Sequence[tuple[int, int]]  # face ids: the first is not the person of the second, by the user's word
    kept_apart_tracks: Sequence[tuple[int, int]]  # (track, face id) of those
    excluded: Sequence[tuple[str, Encoding]]  # (person by today's name, encoding) of each picture that is not them
    changed: frozenset[str] | None  # folders in which faces may be others than at the look before; None: all
    otherwise: frozenset[str] | None  # the same, at the first look than `Looker.by_table` told; None: all
    moves: Sequence[Move]  # what the user did since then

    @property
    def pictures(self) -> Sequence[Path]:
        """Of each face."""
        return self.faces.pictures


class Looker:
    """Brings the table up to date with the folders; a folder that is only read stays as it is."""

    def __init__(self, folder: ResultFolder, ahead: Ahead) -> None:
        """``ahead``: as of `Comparer`."""
        self._folder = folder
        self._comparer = Comparer(folder, ahead)
        self._opened = datetime.now(timezone.utc)

    def look(self, read_photo: ReadPhoto, *, confirmed: bool, touched: Collection[str] | None) -> LookResult:
        """As `Store.look`."""
        try:
            return self._look(read_photo, confirmed, touched)
        except BaseException:
            self._folder.rows.touch_all()  # what was found is not taken over
            raise

    def by_table(self) -> Faces:
        """Every face as the table tells; read before the first look, they are as that found them but for `otherwise`.

        Of a folder to write to.
        """
        self._folder.rows.take_touched()
        return Faces(self._folder, self._folder.whereabouts.folders(), (), ())

    def forget(self) -> None:
        """Know nothing of the looks so far: what they wrote was taken back."""
        self._comparer = Comparer(self._folder, NOT_AHEAD)
        self._folder.rows.touch_all()

    def _look(self, read_photo: ReadPhoto, confirmed: bool, touched: Collection[str] | None) -> LookResult:
        folder = self._folder
        if folder.writing:
            with asking_the_disk():
                folder.finish_changes()
            for sentence in forget.finish(folder):
                folder.report(sentence)
            finish_giving_way(folder)
            retention.finish(folder)
        compared, successors = self._compare(touched)
        scan, rows, settled = compared.scan, compared.rows, compared.settled
        folder.listing = scan
        for sentence in (*scan.problems, *map(copy_sentence, settled.copies)):
            folder.report(sentence)
        renamed = renamed_in(settled, scan.folders, compared.occupied)
        elsewhere = self._placed_in(renamed, rows)
        rows += elsewhere
        before = {row.id: (_changeable(row), place_of(row)) for row in rows}
        read = _PhotoReader(folder, read_photo)
        self._doubt_gone(settled, rows, confirmed=confirmed)
        moves = follow_moves(settled, renamed)
        intents = [row.intent for row in rows if row.intent]
        for row in (*(row for row, _ in settled.pairs), *elsewhere):
            row.placed = renamed.get(row.placed or "", row.placed)
        _take_over(settled, moves, read, folder.journal.planned())
        changed = [row for row in rows if before[row.id][0] != _changeable(row)]
        kept_apart = self._kept_apart(moves, rows)
        if folder.writing:
            self._write(changed, {row.id: before[row.id][1] for row in changed}, moves, kept_apart)
            tidy(folder, scan.parts, intents)
        made = [self._new_row(entry, settled.hashes[entry], read) for entry in settled.new]
        new = [row for row in made if row]
        if not folder.writing:
            for number, row in enumerate(new, folder.whereabouts.last() + 1):
                row.id = number  # as it would be
        return self._result(compared, [] if folder.writing else [*changed, *new], successors, kept_apart, moves)

    def _compare(self, touched: Collection[str] | None) -> tuple[Compared, dict[str, str]]:
        """The comparison, once pictures that are not a person are kept away from whoever that person is now, too.

        The second item: who each renamed person is now.
        """
        compared = self._comparer.compare(touched)
        successors = successors_in(compared.settled, compared.occupied)
        followed = {f"{EXCLUDED}/{person}" for person in successors} & compared.scan.folders
        if self._folder.writing and followed:
            for person, successor in successors.items():
                follow(self._folder, person, successor)
            again = self._comparer.compare(touched)
            if again.folders is not None:
                again.folders = None if compared.folders is None else again.folders | compared.folders
            again.first |= compared.first
            compared = again
        return compared, successors

    def _placed_in(self, renamed: Collection[str], rows: Sequence[Row]) -> list[Row]:
        """Further rows of faces that the program placed in folders that were renamed."""
        known = {row.id for row in rows}
        return [row for row in self._folder.whereabouts.placed_in(renamed) if row.id not in known]

    def _kept_apart(self, moves: Sequence[Move], rows: Sequence[Row]) -> set[tuple[int, int]]:
        kept_apart = set(self._folder.notes.pairs_kept_apart())
        if not moves:
            return kept_apart
        folder_of = self._folder.whereabouts.folder_of(
            {face for pair in kept_apart for face in pair}, {person_of(move.origin) for move in moves}
        )
        for row in rows:
            folder_of.pop(row.id, None)
        folder_of |= {row.id: row.folder for row in rows if row.state == KEPT}
        return kept_apart_after(moves, dict(sorted(folder_of.items())), kept_apart)

    def _result(
        self,
        compared: Compared,
        instead: Sequence[Row],
        successors: Mapping[str, str],
        kept_apart: set[tuple[int, int]],
        moves: Sequence[Move],
    ) -> LookResult:
        """``instead``: rows that are otherwise than in the table, which is only read."""
        folder, scan = self._folder, compared.scan
        written = folder.rows.take_touched()
        otherwise = None if compared.folders is None or written is None else compared.folders | written
        self._comparer.forget(written or ())
        hidden = {row.id for row in (*compared.settled.unseen, *instead)}
        track_of = folder.whereabouts.tracks({one for one, _ in kept_apart})
        return LookResult(
            Faces(folder, scan.folders, hidden, instead),
            sorted(kept_apart),
            sorted({(track_of[one], other) for one, other in kept_apart if one in track_of}),
            self._excluded(scan.folders, hidden, instead, successors),
            None if compared.first else otherwise,
            otherwise,
            moves,
        )

    def _excluded(
        self, folders: Collection[str], hidden: Collection[int], instead: Sequence[Row], successors: Mapping[str, str]
    ) -> list[tuple[str, Encoding]]:
        """(person by today's name, encoding) of each picture that is not that person."""
        rows = [row for name in sorted(folders) if is_excluded(name) for row in self._folder.whereabouts.excluded(name)]
        rows = [row for row in rows if row.id not in hidden]
        rows += [row for row in instead if is_excluded(row.folder)]
        named = [(person_of(row.folder), row.encoding) for row in rows]
        return [
            (successors.get(person, person), encoding)
            for person, encoding in named
            if person != UNKNOWNS and encoding is not None
        ]

    def _doubt_gone(self, settled: Settled, rows: Sequence[Row], *, confirmed: bool) -> None:
        """Leave as gone what the user deleted, as far as that can be believed; what else went is missing."""
        folder, now = self._folder, datetime.now(timezone.utc)
        if went_at_once(settled.gone, folder.whereabouts.lying) and not confirmed:
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
            folder.rows.update(*changed)
            for row in changed:
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
            old = self._old.get(entry.file)
            # The pickle does not say whose its encodings are, but those of SFace have a length of their own.
            if old is not None and is_sface(old) == is_sface(face.encoding):
                face = Face(face.box, old, face.made_by)
        return face, is_there


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
    row.state, row.missing, row.nearest = _state_in(entry.folder), None, None
    if row.intent:
        row.placed = row.intent if row.folder == row.intent else row.placed
        row.intent = None


def _state_in(folder: str) -> str:
    """An excluded picture counts as little as a deleted one; its row differs in having an encoding and a place."""
    return DELETED if is_excluded(folder) else KEPT


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
