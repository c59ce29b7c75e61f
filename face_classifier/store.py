"""What survives: the result folder, which people edit with their file manager.

Whose face it is = the folder in which its picture lies. Everything else about a face is a row beside it (`rows`);
montages and the pickle are views (`views`). Write order: picture durable, then row, then view. Nothing is removed
but views of what the user removed.
"""

from __future__ import annotations

import gc
import hashlib
import os
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2

from face_classifier import views
from face_classifier.errors import UserError
from face_classifier.faces import PICTURE_SUFFIXES, Box, Detection, Encoding, Face, Frame, Image, Match, Sighting
from face_classifier.files import PART, FolderLock, content_hash, free_name, png_bytes, sync_folder, write_durably
from face_classifier.rows import DELETED, KEPT, REJECTED, Row, Rows

UNKNOWNS = "unknowns"
_PICTURES = PICTURE_SUFFIXES | {".gif"}  # one that moves counts by its first picture
_TABLE = "faces.sqlite"
_OURS = {views.PICKLE, _TABLE, f"{_TABLE}-wal", f"{_TABLE}-shm", f"{_TABLE}-journal"}
_LITTER = {"Thumbs.db", "desktop.ini"}  # file managers leave them in every folder
_NUMBERED = re.compile(r"person_([0-9]{1,9})")
_OWN_CUT = re.compile(r"[0-9]{8}_[0-9]{6}\.[0-9]{3}-[0-9]+(_[0-9]+)?")
_NUMBER_MARK = "person"
_SPEAKERS = 8  # faces that stand for a person of whom the user says who it is not: some may be deleted or wrong
_SAME = 0.5  # overlap from which two boxes at one position are one face

# (path, own cut) -> the face that the picture is about, and whether it was found; UserError if it cannot be read
ReadPhoto = Callable[[Path, bool], tuple[Face, bool]]


_T = TypeVar("_T")
_K = TypeVar("_K")


class FoldersChangedError(UserError):
    """The user renamed or moved what was about to be written to: look again, decide again."""

    def __init__(self) -> None:
        super().__init__("the result folder changes faster than it can be looked at; run again when it is at rest")


class _Entry(NamedTuple):
    """A picture as it lies in the result folder."""

    folder: str
    file: str
    size: int  # bytes
    mtime: int  # ns since 1970

    @property
    def stem(self) -> str:
        return os.path.splitext(self.file)[0]


@dataclass
class _Scan:
    """The result folder as it is now."""

    entries: list[_Entry] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    unread: set[tuple[str, str]] = field(default_factory=set)  # (folder, file), or (folder, "") for all in it
    parts: list[str] = field(default_factory=list)  # paths of what a killed process left half written

    def hides(self, row: Row) -> bool:
        return (row.folder, row.file) in self.unread or (row.folder, "") in self.unread


@dataclass
class _Settled:
    """Which row each picture is."""

    pairs: list[tuple[Row, _Entry]] = field(default_factory=list)
    hashes: dict[_Entry, str] = field(default_factory=dict)  # of those that had to be read
    new: list[_Entry] = field(default_factory=list)
    copies: list[tuple[_Entry, _Entry]] = field(default_factory=list)  # (copy, the one that counts)
    gone: list[Row] = field(default_factory=list)
    unseen: list[Row] = field(default_factory=list)  # whose pictures lie where nothing could be read


@dataclass(frozen=True)
class Kept:
    """What became of a face."""

    sightings: list[Sighting]  # the face itself, then those whose person changed by it; none if the user deleted it
    new: bool  # False: its picture lay in the folder already


class Store:
    """A result folder, opened by one writing process or any number of reading ones."""

    def __init__(self, folder: Path, *, writing: bool) -> None:
        """Raises UserError if the folder cannot be used, or is being written by another process."""
        self.folder = folder
        self._writing = writing
        self._problems: list[str] = []
        self._told: set[str] = set()
        self._folders: set[str] = set()
        self._pictures: list[tuple[str, str]] = []  # folder and file, of the latest look
        self._refused: set[tuple[int, int]] = set()  # as of the latest look
        self._unseen: set[int] = set()  # ids of rows whose pictures the latest look could not see
        self._lock = self._lock_folder() if writing else None
        try:
            self._rows = self._open_rows()
        except BaseException:
            if self._lock:
                self._lock.release()
            raise

    def _lock_folder(self) -> FolderLock:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            sync_folder(self.folder.resolve().parent)
            return FolderLock(self.folder)
        except OSError as error:
            raise UserError(
                f"the result folder {self.folder} cannot be written ({error.strerror}); "
                "choose another folder with --result"
            ) from error

    def _open_rows(self) -> Rows:
        if not self._writing and not self.folder.is_dir():
            raise UserError(f"there is no result folder {self.folder}; name one with --result")
        path = self.folder / _TABLE
        try:
            return Rows(path, writing=self._writing)
        except sqlite3.OperationalError as error:
            raise UserError(f"{path} cannot be opened ({error}); choose another folder with --result") from error
        except sqlite3.DatabaseError as error:
            if not self._writing:
                raise UserError(f"{path} is damaged ({error}); run the classifier once to make it anew") from error
            aside = self._set_aside(path, str(error))
            for end in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    (self.folder / f"{_TABLE}{end}").rename(f"{aside}{end}")
            return Rows(path, writing=True)

    def close(self) -> None:
        self._rows.close()
        if self._lock:
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def problems(self) -> list[str]:
        """Sentences about what was left alone or set aside, each told once."""
        news = [problem for problem in dict.fromkeys(self._problems) if problem not in self._told]
        self._told.update(news)
        self._problems = []
        return news

    # Looking: what the user made of the folder

    def look(self, read_photo: ReadPhoto) -> list[Sighting]:
        """Every face as it is labelled now, in the order in which they came.

        Pictures without a row get one, with ``read_photo``; rows whose picture is gone become `deleted`. A store that
        is only read changes nothing on disk.
        """
        scan, rows, settled = self._take_stock()
        self._folders = scan.folders
        self._unseen = {row.id for row in settled.unseen}
        self._problems += scan.problems
        for copy, original in settled.copies:
            self._problems.append(
                f"{copy.folder}/{copy.file} is a copy of {original.folder}/{original.file} and is not counted; "
                "move pictures rather than copying them"
            )
        before = {row.id: _changeable(row) for row in rows}
        read = _PhotoReader(self, read_photo)
        moves = _follow_moves(settled, scan.folders)
        intents = [row.intent for row in rows if row.intent]
        for row, entry in settled.pairs:
            self._bring_up_to_date(row, entry, settled, read)
        for row in settled.gone:
            row.state, row.encoding, row.intent = DELETED, None, None
        put = {face for face, _, _, kind in moves if kind == "move"}
        for row, _ in settled.pairs:
            if row.id in put and row.placed == row.folder != UNKNOWNS:
                row.placed = None  # where the program once had it, but now it is the user who says so
        self._refused = _refused_after(moves, [row for row, _ in settled.pairs], set(self._rows.refusals()))
        if self._writing:
            self._write_look([row for row in rows if before[row.id] != _changeable(row)], moves)
            self._tidy(scan.parts, intents)
        new = [made for entry in settled.new if (made := self._new_row(entry, settled.hashes[entry], read))]
        if not self._writing:
            for number, row in enumerate(new, max((row.id for row in rows), default=0) + 1):
                row.id = number  # as it would be
        kept = [row for row in (*(row for row, _ in settled.pairs), *new) if row.encoding is not None]
        kept.sort(key=lambda row: row.id)
        self._pictures = [(row.folder, row.file) for row in kept]
        with _collector_at_rest():
            return [_sighting(row) for row in kept]

    def pictures(self) -> list[Path]:
        """The pictures of the faces that the latest look returned, in their order."""
        return [self.folder / folder / file for folder, file in self._pictures]

    def _take_stock(self) -> tuple[_Scan, list[Row], _Settled]:
        with _collector_at_rest():
            scan = _scan(self.folder)
            rows = self._rows.all()
            settled = _settle(scan, rows, self._hash)
        if settled.gone and _scan(self.folder).entries != scan.entries:
            # Something was on its way from one folder to another, and may have been in neither when each was read.
            settled.unseen += settled.gone
            settled.gone = []
        return scan, rows, settled

    def _write_look(self, changed: list[Row], moves: list[tuple[int, str, str, str]]) -> None:
        numbers = [int(found[1]) for name in self._folders if (found := _NUMBERED.fullmatch(name))]
        with self._rows.together():
            for row in changed:
                self._rows.update(row)
            if moves:
                self._rows.log_moves(moves, datetime.now(timezone.utc))
                self._rows.set_refusals(sorted(self._refused))
            self._rows.set_mark(_NUMBER_MARK, max([self._rows.mark(_NUMBER_MARK), *numbers]))

    def _tidy(self, parts: list[str], intents: list[str]) -> None:
        """Remove what a killed process of ours left: half written files, the empty folder of a person to be."""
        for part in parts:
            with suppress(OSError):
                os.unlink(part)
        for folder in intents:
            with suppress(OSError):
                os.rmdir(self.folder / folder)  # only if it is empty
                self._folders.discard(folder)

    def _bring_up_to_date(self, row: Row, entry: _Entry, settled: _Settled, read: _PhotoReader) -> None:
        """Take over where and what the picture of a row is now."""
        seen = entry.size, entry.mtime, settled.hashes.get(entry, row.hash)
        if seen[2] != row.hash or row.encoding is None:
            # An edited picture is encoded anew; what shows no face any more keeps the numbers that it had.
            result = read(entry, own_cut=row.source is not None or _is_own_cut(entry))
            if result and (result[1] or row.encoding is None):
                _take_face(row, result[0], box=False)
            if not result:
                seen = row.size, row.mtime, row.hash  # to be read, and told, again next time
        row.size, row.mtime, row.hash = seen
        if entry.folder != row.folder:
            row.pinned = entry.folder == UNKNOWNS
        row.folder, row.file = entry.folder, entry.file
        row.state = KEPT
        if row.intent:
            row.placed = row.intent if row.folder == row.intent else row.placed
            row.intent = None

    def _new_row(self, entry: _Entry, content: str, read: _PhotoReader) -> Row | None:
        """Give a picture its row, at once: a gallery without any takes long, and may be interrupted."""
        own_cut = _is_own_cut(entry)
        result = read(entry, own_cut=own_cut)
        if result is None:
            return None
        row = Row(entry.stem, entry.folder, entry.file, entry.size, entry.mtime, content)
        if entry.folder == UNKNOWNS and own_cut:
            row.placed = UNKNOWNS  # from before this table was made: the program put it there, not the user
        row.pinned = entry.folder == UNKNOWNS and not own_cut
        _take_face(row, result[0], box=True)
        if self._writing:
            self._rows.add(row)
        return row

    def _hash(self, entry: _Entry) -> str | None:
        path = self.folder / entry.folder / entry.file
        try:
            return content_hash(path)
        except OSError as error:
            self._problems.append(f"{path} cannot be read ({error.strerror}) and is left alone")
            return None

    # Encoders

    def spaces(self) -> set[str]:
        """The encoders (``Provenance.space``) that made the encodings of the faces."""
        return self._rows.spaces()

    def prepare(self, space: str, read_photo: ReadPhoto) -> list[Callable[[], None]]:
        """What is left to do, in any order, before all faces of the latest look can `switch` to another encoder.

        Each step encodes a picture with ``read_photo``, durably; what cannot be read is told, and left out.
        """
        return [partial(self._prepare, row, read_photo) for row in self._rows.not_prepared(space)]

    def _prepare(self, row: Row, read_photo: ReadPhoto) -> None:
        entry = _Entry(row.folder, row.file, row.size, row.mtime)
        try:
            face, _found = read_photo(self.folder / row.folder / row.file, row.source is not None or _is_own_cut(entry))
        except UserError as error:
            self.report(f"{error}; it is left alone")
        else:
            self._rows.prepare(row, face)

    def switch(self, space: str) -> None:
        """Go over to the encodings of another encoder, all at once; going back later brings the former ones back.

        Faces that were not prepared are encoded at the next look.
        """
        self._rows.switch(space)

    def report(self, problem: str) -> None:
        self._problems.append(problem)

    def old_encodings(self) -> dict[str, Encoding]:
        """The pickle as it lies there; a torn or hostile one is set aside under another name."""
        path = self.folder / views.PICKLE
        try:
            return views.read_pickle(path) if path.is_file() else {}
        except ValueError as error:
            self._set_aside(path, str(error))
        except OSError as error:
            self._problems.append(f"{path} cannot be read ({error.strerror}) and is not used")
        return {}

    def _set_aside(self, path: Path, reason: str) -> Path:
        """Give a damaged file another name, so that it can be made anew; returns the path that it has now."""
        if not self._writing:
            self._problems.append(f"{path} is damaged ({reason}) and is not used")
            return path
        aside = free_name(path.with_name(f"{path.name}.damaged"))
        path.rename(aside)
        self._problems.append(f"{path} was damaged ({reason}); it is now {aside.name}, and is made anew from the faces")
        return aside

    # Keeping: what the program adds

    def first_start(self, fingerprint: str, start: datetime) -> datetime:
        """When a source began (UTC), as told when it was first seen: names and times stay as they were."""
        return self._rows.first_start(fingerprint, start)

    def same(self, frame: Frame, boxes: Sequence[Box]) -> dict[int, Sighting | None]:
        """Which of the ``boxes`` in a frame are faces that the table has already; None: one that the user deleted.

        The same = same source content, position within half a frame, overlap of at least one half.
        Raises FoldersChangedError if a picture is no longer where it was.
        """
        rows = [row for row in self._rows_at(frame) if row.state != REJECTED]
        overlaps = [
            (box.overlap(row.box), number, index)
            for number, row in enumerate(rows)
            for index, box in enumerate(boxes)
            if row.box and box.overlap(row.box) >= _SAME
        ]
        found: dict[int, int] = {}
        for _, number, index in sorted(overlaps, key=lambda overlap: (-overlap[0], overlap[1:])):
            if index not in found and number not in found.values():
                found[index] = number
        return {index: self._as_it_lies(rows[number]) for index, number in found.items()}

    def _rows_at(self, frame: Frame) -> list[Row]:
        if frame.fingerprint is None:
            return []
        reach = frame.tolerance + 1e-6
        return self._rows.of_source(frame.fingerprint, frame.position - reach, frame.position + reach)

    def reject(self, frame: Frame, detection: Detection) -> None:
        """Remember a face that is too poor to keep a picture of. Live sources never show it again: nothing to know."""
        known = (row.box for row in self._rows_at(frame) if row.state == REJECTED and row.box)
        if frame.fingerprint is None or any(box.overlap(detection.box) >= _SAME for box in known):
            return
        row = Row(face="", folder="", file="", size=0, mtime=0, hash="", state=REJECTED)
        _take_origin(row, frame)
        row.box, row.quality = detection.box, detection.quality
        self._rows.add(row)

    def _as_it_lies(self, row: Row) -> Sighting | None:
        if row.state != KEPT:
            return None
        if row.id not in self._unseen and not os.path.lexists(self.folder / row.folder / row.file):
            raise FoldersChangedError
        return _sighting(row)

    def keep(self, frame: Frame, face: Face, match: Match, order: int, track: int | None = None) -> Kept:
        """Put a face where ``match`` says, durably.

        ``order``: number of the face in its frame, from 0, left to right; ``track``: the one that it belongs to.
        A picture that lies in the folder already, from before its row was made, is given its row instead; if the user
        deleted that one, nothing is kept. Raises FoldersChangedError if the folder or a partner is no longer where it
        was, and OSError.
        """
        picture = png_bytes(cut(frame.image, face.box.grown()))
        content = hashlib.sha256(picture).hexdigest()
        stem = _stem(frame.time, order)
        if frame.fingerprint is not None:
            orphans = [row for row in self._rows.with_hash(content) if row.source is None]
            if orphans:
                return self._give_row(min(orphans, key=lambda row: row.face != stem), frame, face, match)
        with _as_last_seen():
            partners = self._partners(match)
            if partners and match.person is None:
                folder = self._found_person(partners)
            else:
                folder = self._folder_of(match)
                self._carry(partners, folder)
            path = self._free_path(folder, stem)
            written = write_durably(path, picture)
        row = Row(path.stem, folder, path.name, written.st_size, written.st_mtime_ns, content)
        _take_origin(row, frame)
        row.placed, row.distance, row.track = folder, match.distance, track
        _take_face(row, face, box=True)
        for partner in partners:
            partner.distance = match.distance
        with self._rows.together():
            self._rows.add(row)
            self._settle_in(partners, folder)
        return Kept([_sighting(one) for one in (row, *partners)], new=True)

    def _give_row(self, row: Row, frame: Frame, face: Face, match: Match) -> Kept:
        alive = self._as_it_lies(row)
        _take_origin(row, frame)
        row.box, row.placed = face.box, row.placed or match.person or UNKNOWNS
        if alive:
            _take_face(row, face, box=True)
        self._rows.update(row)
        return Kept([_sighting(row)] if alive else [], new=False)

    def _partners(self, match: Match) -> list[Row]:
        rows = [self._rows.with_id(face_id) for face_id in match.partners]
        for row in rows:
            if row.folder != UNKNOWNS or not os.path.lexists(self.folder / UNKNOWNS / row.file):
                raise FoldersChangedError
        return rows

    def _folder_of(self, match: Match) -> str:
        """The folder to write to. One that was there and went away was renamed or removed: it is not brought back."""
        folder = match.person or UNKNOWNS
        if os.path.islink(self.folder / folder):
            raise UserError(
                f"{self.folder / folder} is a link to another folder, whose pictures would not be looked at; "
                "put a folder there, or give the other one to --result"
            )
        if not (self.folder / folder).is_dir():
            if folder in self._folders:
                raise FoldersChangedError
            self._make_folder(folder)
        return folder

    def _make_folder(self, name: str) -> None:
        path = self.folder / name
        try:
            path.mkdir()
        except FileExistsError as error:
            raise UserError(f"{path} is a file where a folder for faces should be; move it away") from error
        sync_folder(self.folder)
        self._folders.add(name)

    def _found_person(self, rows: Sequence[Row]) -> str:
        """Make the folder of a new person and move faces into it."""
        number = self._rows.mark(_NUMBER_MARK) + 1
        while os.path.lexists(self.folder / f"person_{number:02d}"):
            number += 1
        name = f"person_{number:02d}"
        with self._rows.together():
            self._rows.set_mark(_NUMBER_MARK, number)
            self._intend(rows, name)
        self._make_folder(name)
        self._move_files(rows, name)
        return name

    def _carry(self, rows: Sequence[Row], folder: str) -> None:
        """Move faces into a folder that is there."""
        if rows:
            with self._rows.together():
                self._intend(rows, folder)
            self._move_files(rows, folder)

    def _intend(self, rows: Sequence[Row], folder: str) -> None:
        """Write into the rows where their pictures will be moved: after a crash in between, it was no user who did."""
        for row in rows:
            row.intent = folder
            self._rows.update(row)

    def _move_files(self, rows: Sequence[Row], folder: str) -> None:
        for row in rows:
            target = free_name(self.folder / folder / row.file)
            os.rename(self.folder / row.folder / row.file, target)
            row.file = target.name
        for changed in {folder, *(row.folder for row in rows)}:
            sync_folder(self.folder / changed)

    def _settle_in(self, rows: Sequence[Row], folder: str) -> None:
        """Write into the rows that their pictures are where they were to be."""
        for row in rows:
            row.folder = row.placed = folder
            row.intent = None
            self._rows.update(row)

    def move(self, faces: Sequence[int], person: str | None, *, found: bool = False) -> list[Sighting]:
        """Move faces (ids) that the program placed: to a person, to the unknown (None), or to a new person (``found``).

        A folder of the program's own naming that this empties is removed; its number is not given again.
        Raises FoldersChangedError if one of them is no longer where it was.
        """
        rows = [self._rows.with_id(face_id) for face_id in faces]
        with _as_last_seen():
            for row in rows:
                if row.state != KEPT or not os.path.lexists(self.folder / row.folder / row.file):
                    raise FoldersChangedError
            if found:
                folder = self._found_person(rows)
            else:
                folder = self._folder_of(Match(person))
                self._carry(rows, folder)
        left = {row.folder for row in rows if _NUMBERED.fullmatch(row.folder)} - {folder}
        with self._rows.together():
            self._settle_in(rows, folder)
        self._tidy([], sorted(left))
        return [_sighting(row) for row in rows]

    def first_track(self) -> int:
        """A number from which tracks can be counted that no track has."""
        return self._rows.last_track() + 1

    def set_apart(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Remember pairs of tracks that shared a frame: two faces in one frame are two people."""
        with self._rows.together():
            self._rows.add_pairs(pairs)

    def apart(self) -> list[tuple[int, int]]:
        """Every pair of tracks that shared a frame."""
        return self._rows.pairs()

    def join(self, faces: Sequence[int], person: str) -> None:
        """Move faces (ids) into a person's folder as the user's word, not the program's; then look.

        An emptied folder is removed. Raises FoldersChangedError if one of them is no longer where it was.
        """
        rows = [self._rows.with_id(face_id) for face_id in faces]
        left = sorted({row.folder for row in rows} - {person})
        with _as_last_seen():
            # Without an intent the next look takes it for what the user did, as it would be by the file manager.
            folder = self._folder_of(Match(person))
            for row in rows:
                os.rename(self.folder / row.folder / row.file, free_name(self.folder / folder / row.file))
            for changed in (folder, *left):
                sync_folder(self.folder / changed)
        self._tidy([], left)

    def refuse(self, ones: Sequence[int], others: Sequence[int]) -> None:
        """The user says of two people, by the ids of their faces, that they are two; it holds whatever their names."""
        pairs = {(one, other) for one in _speakers(ones) for other in _speakers(others)}
        self._refused |= pairs | {(other, one) for one, other in pairs}
        with self._rows.together():
            self._rows.set_refusals(sorted(self._refused))

    def refused(self) -> list[tuple[int, int]]:
        """Pairs of face ids: the user said that the first is not the person of the second. As of the latest look."""
        return sorted(self._refused)

    def refused_tracks(self) -> list[tuple[int, int]]:
        """Pairs of a track and a face id: the user said of a face of that track that it is not that face's person."""
        tracks = {one: self._rows.with_id(one).track for one, _ in self._refused}
        found = {(track, other) for one, other in self._refused if (track := tracks[one]) is not None}
        return sorted(found)

    def _free_path(self, folder: str, stem: str) -> Path:
        path, count = self.folder / folder / f"{stem}.png", 1
        while self._rows.has_face(path.stem) or os.path.lexists(path):
            count += 1
            path = path.with_name(f"{stem}_{count}.png")
        return path

    # Views

    def write_views(self, faces: Iterable[Sighting]) -> None:
        """Bring montages and pickle up to date with ``faces``, the outcome of the latest look."""
        by_file: dict[str, list[Encoding]] = defaultdict(list)
        by_folder: dict[str, list[tuple[Path, str]]] = defaultdict(list)
        places = {face_id: place for face_id, *place in self._rows.places()}
        for face in faces:
            folder, file, content = places[face.id]
            if face.encoding is not None:
                by_file[file].append(face.encoding)
            by_folder[folder].append((self.folder / folder / file, content))
        self._write_montages(by_folder)
        # The pickle knows file names alone: what they do not tell apart is left out.
        self._write_pickle({name: found[0] for name, found in by_file.items() if len(found) == 1})

    def _write_pickle(self, encodings: dict[str, Encoding]) -> None:
        path, content = self.folder / views.PICKLE, views.pickle_bytes(encodings)
        if path.is_file() and path.read_bytes() == content:
            return
        self.old_encodings()  # sets a damaged one aside before it is replaced
        self._write_view(path, content)

    def _write_montages(self, pictures: dict[str, list[tuple[Path, str]]]) -> None:
        wanted: dict[str, tuple[str, list[Path]]] = {}
        for name, paths in pictures.items():
            wanted |= views.montage_sheets(name, sorted(paths))
        made = self._rows.view_digests()
        drawn = {
            file: digest
            for file, (digest, parts) in wanted.items()
            if not (made.get(file) == digest and os.path.lexists(self.folder / file))
            and self._write_view(self.folder / file, views.draw_montage(parts))
        }
        with os.scandir(self.folder) as listing:
            present = [entry.name for entry in listing if entry.is_file() and views.MONTAGE.fullmatch(entry.name)]
        for file in set(present) - wanted.keys():
            os.unlink(self.folder / file)
        with self._rows.together():
            for file in made.keys() - wanted.keys():
                self._rows.set_view(file, None)
            for file, digest in drawn.items():
                self._rows.set_view(file, digest)

    def _write_view(self, path: Path, content: bytes) -> bool:
        try:
            write_durably(path, content)
        except OSError as error:
            self._problems.append(f"{path} cannot be written ({error.strerror}) and is left out")
            return False
        return True


class _PhotoReader:
    """Reads pictures that have no encoding; the old pickle helps out where no face is found."""

    def __init__(self, store: Store, read_photo: ReadPhoto) -> None:
        self._store = store
        self._read_photo = read_photo
        self._old: dict[str, Encoding] | None = None

    def __call__(self, entry: _Entry, *, own_cut: bool) -> tuple[Face, bool] | None:
        path = self._store.folder / entry.folder / entry.file
        try:
            face, found = self._read_photo(path, own_cut)
        except UserError as error:
            self._store.report(f"{error}; it is left alone")
            return None
        if not found:
            if self._old is None:
                self._old = self._store.old_encodings()
            if entry.file in self._old and _is_unit(self._old[entry.file]) == _is_unit(face.encoding):
                face = Face(face.box, self._old[entry.file], face.made_by)
        return face, found


def _is_unit(encoding: Encoding) -> bool:
    """Tells SFace's encodings, which have length 1, from dlib's: the pickle does not say whose they are."""
    return abs(float(encoding @ encoding) - 1) < 1e-9


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """No garbage collection within: of a million objects that live on, it would take a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _as_last_seen() -> Iterator[None]:
    """Within, what is missing was there at the latest look: the user moved it away in between."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FoldersChangedError from error


def cut(image: Image, box: Box) -> Image:
    """The part of a picture in ``box``, padded with black where the box leaves the picture."""
    height, width = image.shape[:2]
    top, left = max(0, box.top), max(0, box.left)
    bottom, right = min(height, box.bottom), min(width, box.right)
    part = image[top : max(top, bottom), left : max(left, right)]
    return cv2.copyMakeBorder(
        part, top - box.top, box.bottom - max(top, bottom), left - box.left, box.right - max(left, right),
        cv2.BORDER_CONSTANT, value=(0, 0, 0),
    )  # fmt: skip


def _changeable(row: Row) -> tuple[object, ...]:
    """What a look may change of a row."""
    return (
        row.folder,
        row.file,
        row.size,
        row.mtime,
        row.hash,
        row.state,
        row.placed,
        row.intent,
        row.pinned,
        id(row.encoding),
    )


def _sighting(row: Row) -> Sighting:
    corrected = row.folder not in (UNKNOWNS, row.placed)
    return Sighting(
        id=row.id,
        face=row.face,
        person=None if row.folder == UNKNOWNS else row.folder,
        distance=row.distance,
        source=row.source,
        frame=row.frame,
        position=row.position,
        time=row.time,
        box=row.box,
        encoding=row.encoding,
        pinned=row.pinned,
        corrected=corrected,
        quality=row.quality,
        track=None if corrected or row.pinned else row.track,
    )


def _take_origin(row: Row, frame: Frame) -> None:
    row.source, row.fingerprint, row.frame = frame.source, frame.fingerprint, frame.index
    row.position, row.time = frame.position, frame.time


def _take_face(row: Row, face: Face, *, box: bool) -> None:
    row.encoding, row.space = face.encoding, face.made_by.space
    row.detector, row.chip, row.precision = face.made_by.detector, face.made_by.chip, face.made_by.precision
    row.quality = face.quality
    if box:
        row.box = face.box


def _stem(time: datetime, order: int) -> str:
    """The name of a face in a frame: local time, then its number from the left."""
    local = time.astimezone()
    return f"{local:%Y%m%d_%H%M%S}.{local.microsecond // 1000:03d}-{order}"


def _is_own_cut(entry: _Entry) -> bool:
    return entry.file.endswith(".png") and _OWN_CUT.fullmatch(entry.stem) is not None


def _scan(root: Path) -> _Scan:
    """Every picture one level deep. Hidden entries are passed over; what else is no picture is left alone and told.

    Raises UserError if the folder itself cannot be read.
    """
    scan = _Scan()
    try:
        entries = _visible(str(root), scan)
    except OSError as error:
        raise UserError(
            f"the result folder {root} cannot be read ({error.strerror}); put it back, or allow it"
        ) from error
    for entry in entries:
        if entry.is_symlink():
            scan.problems.append(f"{entry.path} is a link and is left alone; move the pictures themselves here")
        elif entry.is_dir():
            _scan_person(entry, scan)
        elif entry.name not in _OURS and not views.MONTAGE.fullmatch(entry.name) and ".damaged" not in entry.name:
            scan.problems.append(f"{entry.path} lies in no person's folder and is left alone")
    return scan


def _scan_person(folder: os.DirEntry[str], scan: _Scan) -> None:
    scan.folders.add(folder.name)
    try:
        entries = _visible(folder.path, scan)
    except OSError as error:
        scan.unread.add((folder.name, ""))
        scan.problems.append(f"{folder.path} cannot be read ({error.strerror}) and is left alone")
        return
    for entry in entries:
        if entry.is_symlink():
            scan.problems.append(f"{entry.path} is a link and is left alone; move the picture itself here")
        elif entry.is_dir():
            scan.problems.append(f"{entry.path} is a folder inside a person's folder and is left alone")
        elif not entry.is_file() or os.path.splitext(entry.name)[1].lower() not in _PICTURES:
            scan.problems.append(f"{entry.path} is no picture and is left alone")
        else:
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError:  # on its way to another folder
                scan.unread.add((folder.name, entry.name))
            else:
                scan.entries.append(_Entry(folder.name, entry.name, stat.st_size, stat.st_mtime_ns))


def _visible(folder: str, scan: _Scan) -> list[os.DirEntry[str]]:
    """The visible entries of a folder with usable names, sorted. Raises OSError."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    return [entry for entry in entries if _is_usable(entry, scan)]


def _is_usable(entry: os.DirEntry[str], scan: _Scan) -> bool:
    if entry.name.startswith(PART):
        scan.parts.append(entry.path)
    if entry.name.startswith(".") or entry.name in _LITTER:
        return False
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(entry.path).decode("utf-8", "backslashreplace")
        scan.problems.append(f"{shown} has a name that is not UTF-8 and is left alone; rename it")
        return False
    return True


def _settle(scan: _Scan, rows: list[Row], hash_of: Callable[[_Entry], str | None]) -> _Settled:
    """Which row each picture is: by content, then by file name.

    A picture whose name, size and modification time are those of just one row has that row's content: only the
    others are read. Of several pictures with one content, the one where the row last was is it, the others are copies.
    """
    settled = _Settled()
    rows = [row for row in rows if row.state != REJECTED]
    free = {row.id: row for row in rows}
    place: dict[int, _Entry] = {}

    def pair(row: Row, entry: _Entry) -> None:
        settled.pairs.append((row, entry))
        place[row.id] = entry
        del free[row.id]

    rows_like = _grouped(rows, lambda row: (row.file, row.size, row.mtime))
    left: list[_Entry] = []
    for key, alike in _grouped(scan.entries, lambda entry: entry[1:]).items():
        known = rows_like.get(key, ())
        if len(alike) == 1 and len(known) == 1:
            pair(known[0], alike[0])
        else:
            left += alike

    for entry in left:
        content = hash_of(entry)
        if content is None:
            scan.unread.add((entry.folder, entry.file))
        else:
            settled.hashes[entry] = content
    rows_with = _grouped(rows, lambda row: row.hash) if left else {}
    nameless: list[_Entry] = []
    for content, alike in _grouped(settled.hashes, lambda entry: settled.hashes[entry]).items():
        known = rows_with.get(content, [])
        for row, entry in _assign([row for row in known if row.id in free], alike):
            pair(row, entry)
            alike.remove(entry)
        firsts, copies = _tell_copies(alike, [(row, place[row.id]) for row in known if row.id in place])
        nameless += firsts
        settled.copies += copies

    rows_named = _grouped(free.values(), lambda row: row.file) if nameless else {}
    for file, alike in _grouped(nameless, lambda entry: entry.file).items():
        for row, entry in _assign(rows_named.get(file, []), alike):
            pair(row, entry)
            alike.remove(entry)
        settled.new += alike
    for row in free.values():
        if row.state == KEPT:
            (settled.unseen if scan.hides(row) else settled.gone).append(row)
    return settled


def _tell_copies(
    entries: list[_Entry], known: list[tuple[Row, _Entry]]
) -> tuple[list[_Entry], list[tuple[_Entry, _Entry]]]:
    """Tell the pictures that stand for themselves from (copy, original), of ``entries`` with the content of ``known``.

    Frames of a still scene are alike to the byte: own cuts with names of their own are faces of their own.
    """
    firsts: list[_Entry] = []
    original = known[0][1] if known else None
    stems = {stem for row, entry in known for stem in (row.face, entry.stem)}
    copies = []
    for entry in entries:
        if original is None or (_is_own_cut(entry) and entry.stem not in stems):
            firsts.append(entry)
            original = original or entry
        else:
            copies.append((entry, original))
        stems.add(entry.stem)
    return firsts, copies


def _grouped(items: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    groups: dict[_K, list[_T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _assign(rows: list[Row], entries: list[_Entry]) -> list[tuple[Row, _Entry]]:
    """Pair off rows and pictures, those first that lie where they lay, then in the same folder, then by name."""
    pairs = []
    rows, entries = sorted(rows, key=lambda row: row.state != KEPT), list(entries)
    for fits in (_same_place, _same_folder, _same_file, _any):
        for entry in list(entries):
            row = next((row for row in rows if fits(row, entry)), None)
            if row:
                pairs.append((row, entry))
                rows.remove(row)
                entries.remove(entry)
    return pairs


def _same_place(row: Row, entry: _Entry) -> bool:
    return (row.folder, row.file) == (entry.folder, entry.file)


def _same_folder(row: Row, entry: _Entry) -> bool:
    return row.folder == entry.folder


def _same_file(row: Row, entry: _Entry) -> bool:
    return row.file == entry.file


def _any(_row: Row, _entry: _Entry) -> bool:
    return True


def _follow_moves(settled: _Settled, folders: set[str]) -> list[tuple[int, str, str, str]]:
    """What the user did since the last look, as (face id, origin, target, kind); placements follow renamed folders.

    A folder was renamed if it is gone and all its pictures lie together in one that had none before.
    """
    targets: dict[str, set[str]] = defaultdict(set)
    for row, entry in settled.pairs:
        if row.state == KEPT:
            targets[row.folder].add(entry.folder)
    renamed = {
        origin: target
        for origin, (target, *others) in ((origin, sorted(found)) for origin, found in targets.items())
        if not others and origin not in folders and target not in targets and UNKNOWNS not in (origin, target)
    }
    moves = [(row.id, row.folder, "", "delete") for row in settled.gone]
    for row, entry in settled.pairs:
        if row.state == DELETED:
            moves.append((row.id, row.folder, entry.folder, "revive"))
        elif row.folder != entry.folder and entry.folder != row.intent:
            moves.append((row.id, row.folder, entry.folder, "rename" if row.folder in renamed else "move"))
    for row, _entry in settled.pairs:
        row.placed = renamed.get(row.placed or "", row.placed)
    return moves


def _refused_after(
    moves: Sequence[tuple[int, str, str, str]], rows: Sequence[Row], refused: set[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Who is not whom, by face ids, after what the user did to the folders; ``rows``: the kept ones, up to date.

    A face taken out of a person's folder into another person's is not that person, and stands for that person no more;
    but all faces of a folder going to another together say that the two are the same.
    """
    if not moves:
        return refused
    folder_of = {row.id: row.folder for row in rows}
    members: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        members[row.folder].append(row.id)
    moved = {face: origin for face, origin, _, kind in moves if kind == "move"}
    targets: dict[str, set[str]] = defaultdict(set)
    for face, origin in moved.items():
        targets[origin].add(folder_of[face])
    taken = {face: origin for face, origin in moved.items() if origin in members or len(targets[origin]) > 1}
    after = {
        (one, other) for one, other in refused if other not in taken and not (one in taken and (other, one) in refused)
    }
    for face, origin in taken.items():
        if UNKNOWNS not in (origin, folder_of[face]):
            stayed = [other for other in members[origin] if other not in moved]
            after |= {(face, other) for other in _speakers(stayed)}
    # What the user puts together is together, whatever was said before.
    return {
        (one, other)
        for one, other in after
        if not (moved.keys() & {one, other}) or folder_of.get(one) != folder_of.get(other)
    }


def _speakers(faces: Sequence[int]) -> Sequence[int]:
    """A few of the faces, from their whole range."""
    return faces[:: max(1, len(faces) // _SPEAKERS)][:_SPEAKERS]
