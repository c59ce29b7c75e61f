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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from face_classifier.core.disk.durable import PRIVATE, Modes
from face_classifier.core.disk.files import content_hash, png_bytes, time_name
from face_classifier.core.disk.locks import FolderLock, holder_of
from face_classifier.core.disk.markers import PICKLE, RESULT, TABLE, mark, refuse_place
from face_classifier.core.disk.retry import DiskError, asking_the_disk, retried
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Box, Detection, Encoding, Face, Frame, Match, Sighting, cut
from face_classifier.display import montages
from face_classifier.display.montages import Portrait
from face_classifier.gallery import pickled as views
from face_classifier.gallery.scan import (
    UNKNOWNS,
    Entry,
    Lying,
    Scan,
    Settled,
    Stock,
    copy_told,
    follow_moves,
    is_cut,
    is_excluded,
    is_own_cut,
    kept_apart_after,
    missing_told,
    person_of,
    refuse_links,
    scan_folder,
    settle,
    speakers,
    successors_in,
    went_at_once,
)
from face_classifier.gallery.table import (
    DELETED,
    DISCARDED,
    EXCLUDED,
    KEPT,
    MISSING,
    DamagedTableError,
    Row,
    Rows,
    may_pass,
)
from face_classifier.sources.picture import check_bytes

_P = ParamSpec("_P")
_T = TypeVar("_T")
_NUMBERED = re.compile(r"person_([0-9]{1,9})")
_NUMBER_MARK = "person"
_ROOT_MARK = "root"  # the inode of the folder in which faces went missing
_BELIEVED_AFTER = timedelta(days=1)  # a start so long after faces went missing takes them for deleted
_SAME = 0.5  # overlap from which two boxes at one position are one face

# (path, own cut) -> the face that the picture is about, and whether it was found; UserError if it cannot be read
ReadPhoto = Callable[[Path, bool], tuple[Face, bool]]


class FoldersChangedError(UserError):
    """The user renamed or moved what was about to be written to: look again, decide again."""

    def __init__(self) -> None:
        super().__init__("the result folder changes faster than it can be looked at; run again when it is at rest")


@dataclass(frozen=True)
class Kept:
    """What became of a face."""

    sightings: list[Sighting]  # the face itself, then those whose person changed by it; none if the user deleted it
    new: bool  # False: its picture lay in the folder already


def _at_once(action: Callable[[], _T]) -> _T:
    return action()


def _until_done(
    method: Callable[Concatenate[Store, _P], _T],
) -> Callable[Concatenate[Store, _P], _T]:
    """A method of a store that writes, tried again as the store was told to where the disk refuses something.

    So it raises DiskError, and what it has done by then is undone, or is what the next trial goes on with.
    """

    @wraps(method)
    def until_done(store: Store, /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        def attempt() -> _T:
            try:
                return method(store, *arguments, **named)
            except DiskError:
                store.check_root()  # SQLite tells a folder that is gone as a disk that fails
                raise

        return store._until_done(attempt)

    return until_done


class Store:
    """A result folder, opened by one writing process or any number of reading ones.

    What writes raises DiskError where the disk refuses it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        writing: bool,
        modes: Modes = PRIVATE,
        until_done: Callable[[Callable[[], Any]], Any] = _at_once,
    ) -> None:
        """Raises UserError if the folder cannot be used, or is being written by another process.

        ``modes``: of what is made in it; ``until_done``: does what it is given, again and again for as long as that
        raises DiskError.
        """
        self.folder = folder
        self._until_done = until_done
        self._writing = writing
        self._problems: list[str] = []
        self._told: set[str] = set()
        self._folders: set[str] = set()
        self._pictures: list[tuple[str, str]] = []  # folder and file, of the latest look
        self._kept_apart: set[tuple[int, int]] = set()  # as of the latest look
        self._excluded: list[tuple[str, Encoding]] = []  # as of the latest look
        self._unseen: set[int] = set()  # ids of rows whose pictures the latest look could not see
        self._damaged: str | None = None  # the table that was set aside
        self._opened = datetime.now(timezone.utc)
        refuse_place(folder, RESULT, "--result")
        self._root = self._open_root(modes)
        self._lock: FolderLock | None = None
        try:
            self._lock = self._lock_folder() if writing else None
            with self._usable():
                refuse_links(self._root)
            self._rows = self._open_rows()
        except BaseException:
            self._close_folder()
            raise

    def _open_root(self, modes: Modes) -> Root:
        if not self._writing and not self.folder.is_dir():
            raise UserError(f"there is no result folder {self.folder}; name one with --result")
        with self._usable("written" if self._writing else "read"):
            return Root.made(self.folder, modes) if self._writing else Root(self.folder, modes)

    def _lock_folder(self) -> FolderLock:
        with self._usable("written"):
            lock = FolderLock(self._root)
            mark(self._root, RESULT)
            return lock

    @contextmanager
    def _usable(self, done: str = "read") -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"the result folder {self.folder} cannot be {done} ({error.strerror}); "
                "choose another folder with --result"
            ) from error

    def _open_rows(self) -> Rows:
        path = self.folder / TABLE
        try:
            return retried(lambda: Rows(self._root, TABLE, writing=self._writing), may_pass)
        except sqlite3.OperationalError as error:
            raise UserError(f"{path} cannot be opened ({error}); choose another folder with --result") from error
        except sqlite3.DatabaseError as error:
            if not self._writing:
                raise UserError(f"{path} is damaged ({error}); run the classifier once to make it anew") from error
            return self._rows_anew(str(error))

    def _rows_anew(self, reason: str) -> Rows:
        aside = self._damaged = self._set_aside(TABLE, reason)
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                self._root.rename(f"{TABLE}{end}", f"{aside}{end}")
        return Rows(self._root, TABLE, writing=True)

    def close(self) -> None:
        self._rows.close()
        self._close_folder()

    def _close_folder(self) -> None:
        if self._lock:
            self._lock.release()
        self._root.close()

    def is_written(self) -> bool:
        """Whether a process writes to the folder now."""
        return holder_of(self._root) is not None

    def check_root(self) -> None:
        """Raise FolderGoneError unless the folder is still where it was opened."""
        self._root.check()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def problems(self) -> list[str]:
        """Sentences about what was left alone or set aside, each told once."""
        self._problems += self._root.lacks()
        news = [problem for problem in dict.fromkeys(self._problems) if problem not in self._told]
        self._told.update(news)
        self._problems = []
        return news

    # Looking: what the user made of the folder

    @_until_done
    def look(self, read_photo: ReadPhoto, *, confirmed: bool = False) -> list[Sighting]:
        """Every face as it is labelled now, in the order in which they came.

        Pictures without a row get one, with ``read_photo``; rows whose picture is gone become `deleted`, or `missing`
        if many went at once, until the user confirms it (``confirmed``). A store that is only read changes nothing on
        disk. Raises FolderGoneError.
        """
        scan, rows, settled = self._take_stock()
        successors = successors_in(settled)
        if self._writing and {f"{EXCLUDED}/{person}" for person in successors} & scan.folders:
            for person, successor in successors.items():
                self._follow(person, successor)
            scan, rows, settled = self._take_stock()
        self._folders = scan.folders
        self._unseen = {row.id for row in settled.unseen}
        self._problems += scan.problems
        self._problems += map(copy_told, settled.copies)
        before = {row.id: _changeable(row) for row in rows}
        read = _PhotoReader(self, read_photo)
        self._doubt_gone(settled, rows, confirmed=confirmed)
        moves = follow_moves(settled, scan.folders)
        intents = [row.intent for row in rows if row.intent]
        for row, entry in settled.pairs:
            self._bring_up_to_date(row, entry, settled, read)
        for row in settled.gone:
            row.folder = person_of(row.folder)
            row.state, row.encoding, row.emotion, row.intent, row.missing = DELETED, None, None, None, None
        put = {face for face, origin, _, kind in moves if kind == "move" or is_excluded(origin)}
        for row, _ in settled.pairs:
            if row.id in put and row.placed == row.folder != UNKNOWNS:
                row.placed = None  # where the program once had it, but now it is the user who says so
        lying = [row for row, _ in settled.pairs if row.state == KEPT]
        self._kept_apart = kept_apart_after(moves, lying, set(self._rows.pairs_kept_apart()))
        if self._writing:
            self._write_look([row for row in rows if before[row.id] != _changeable(row)], moves)
            self._tidy(scan.parts, intents)
        new = [made for entry in settled.new if (made := self._new_row(entry, settled.hashes[entry], read))]
        if not self._writing:
            for number, row in enumerate(new, max((row.id for row in rows), default=0) + 1):
                row.id = number  # as it would be
        encoded = [row for row in (*(row for row, _ in settled.pairs), *new) if row.encoding is not None]
        self._excluded = _excluded(encoded, successors)
        kept = [row for row in encoded if row.state == KEPT]
        kept.sort(key=lambda row: row.id)
        self._pictures = [(row.folder, row.file) for row in kept]
        with _collector_at_rest():
            return [_sighting(row) for row in kept]

    def pictures(self) -> list[Path]:
        """The pictures of the faces that the latest look returned, in their order."""
        return [self.folder / folder / file for folder, file in self._pictures]

    def _take_stock(self) -> tuple[Scan, list[Row], Settled]:
        self._root.check()
        with _collector_at_rest():
            scan = scan_folder(self.folder)
            rows = self._rows.all()
            settled = settle(scan, rows, self._hash)
        if (settled.gone or settled.missing) and scan_folder(self.folder).entries != scan.entries:
            # Something was on its way from one folder to another, and may have been in neither when each was read.
            settled.unseen += [*settled.gone, *settled.missing]
            settled.gone, settled.missing = [], []
        self._root.check()
        return scan, rows, settled

    def _doubt_gone(self, settled: Settled, rows: Sequence[Row], *, confirmed: bool) -> None:
        """Leave as gone what the user deleted, as far as that can be believed; what else went is missing."""
        now = datetime.now(timezone.utc)
        if went_at_once(settled.gone, rows) and not confirmed:
            for row in settled.gone:
                row.state, row.missing, row.intent = MISSING, now, None
            settled.missing += settled.gone
            settled.gone = []
        if self._writing and self._rows.mark(_ROOT_MARK) != self._root.inode:
            for row in rows:  # they went in another folder, of which this is a copy
                row.missing = row.missing and now
            self._rows.set_mark(_ROOT_MARK, self._root.inode)
        believed = [
            row
            for row in settled.missing
            if confirmed or (row.missing and row.missing <= self._opened - _BELIEVED_AFTER)
        ]
        settled.gone += believed
        still = {row.id for row in rows if row.state == MISSING} - {row.id for row, _ in settled.pairs}
        if left := [row for row in rows if row.id in still - {row.id for row in believed}]:
            self._problems.append(missing_told(left, self.folder))

    def _write_look(self, changed: list[Row], moves: list[tuple[int, str, str, str]]) -> None:
        numbers = [int(found[1]) for name in self._folders if (found := _NUMBERED.fullmatch(name))]
        with self._rows.together():
            for row in changed:
                self._rows.update(row)
                if row.state == DELETED and row.encoding is None:
                    self._rows.forget_encodings(row.id)
            if moves:
                self._rows.log_moves(moves, datetime.now(timezone.utc))
                self._rows.set_pairs_kept_apart(sorted(self._kept_apart))
            self._rows.set_mark(_NUMBER_MARK, max([self._rows.mark(_NUMBER_MARK), *numbers]))

    def _tidy(self, parts: list[str], intents: list[str]) -> None:
        """Remove what a killed process of ours left: half written files, the empty folder of a person to be."""
        for part in parts:
            with suppress(OSError):
                self._root.remove(os.path.relpath(part, self.folder))
        for folder in intents:
            with suppress(OSError):
                self._root.remove_folder(folder)  # only if it is empty
                self._folders.discard(folder)

    def _bring_up_to_date(self, row: Row, entry: Entry, settled: Settled, read: _PhotoReader) -> None:
        """Take over where and what the picture of a row is now."""
        seen = entry.size, entry.mtime, settled.hashes.get(entry, row.hash)
        if seen[2] != row.hash or row.encoding is None:
            # An edited picture is encoded anew; what shows no face any more keeps the numbers that it had.
            result = read(entry, own_cut=is_cut(row, entry))
            if result and (result[1] or row.encoding is None):
                _take_face(row, result[0], row.box)
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
        _take_face(row, result[0], result[0].box)
        if self._writing:
            with self._rows.together():
                self._rows.add(row)
        return row

    # Verifying

    def faults(self) -> list[tuple[str, str]]:
        """(file or face, what is wrong) of everything in the table that cannot be so, whatever the pictures are."""
        return self._rows.faults()

    def mend(self) -> None:
        """Remove what `faults` tells. A table that cannot be mended is set aside, and what can be read of it saved."""
        try:
            self._rows.mend()
            left = self._rows.faults()
        except DamagedTableError as error:
            left = [(TABLE, str(error))]
        if left:
            self._rows.close()
            self._rows = self._rows_anew(left[0][1])
        if self._damaged:
            self._rows.salvage(self._root, self._damaged)
            self._rows.mend()
            self._damaged = None

    def stock(self) -> Stock:
        """The folders beside the table, as they are now; only a `look` takes over what they say."""
        scan, rows, settled = self._take_stock()
        back = {row.id for row, _ in settled.pairs}
        return Stock(
            rows,
            [
                Lying(row, entry.folder, self._path(entry), is_cut(row, entry))
                for row, entry in sorted(settled.pairs, key=lambda pair: pair[0].id)
            ],
            [(entry.folder, self._path(entry)) for entry in settled.new],
            settled.gone,
            [row for row in rows if row.state == MISSING and row.id not in back],
            [*scan.parts, *(row.face for row in rows if row.intent)],
            [*scan.problems, *map(copy_told, settled.copies)],
        )

    def wrong_views(self, stock: Stock) -> Iterator[tuple[str, str]]:
        """(file, what is wrong with it) of the pickle and of each montage that do not agree with the pictures."""
        sheets, encodings = self._views_of(
            (self._portrait(one.folder, one.path.name, one.row.hash, one.row), one.row.encoding)
            for one in stock.lying
            if one.row.encoding is not None and not one.excluded
        )
        if fault := self._pickle_fault(encodings):
            yield PICKLE, fault
        made = self._rows.view_digests()
        for file, (digest, parts) in sheets.items():
            if made.get(file) != digest or not self._root.has_file(file):
                yield file, "does not show the faces of today" if self._root.has_file(file) else "is missing"
            elif not montages.shows_the_same(self._root.read(file), montages.draw_montage(parts)):
                yield file, "is damaged"
        for file in self._montages() - sheets.keys():
            yield file, "shows faces that are not there"

    def views(self) -> set[str]:
        """The files of the pickle and the montages that are there."""
        return self._montages() | {name for name in (PICKLE,) if self._root.has(name)}

    def _pickle_fault(self, encodings: dict[str, Encoding]) -> str | None:
        if not self._root.has_file(PICKLE):
            return "is missing"
        try:
            there = views.read_pickle(self._root.read(PICKLE))
        except (OSError, ValueError) as error:
            return f"is damaged ({error})"
        missing, more = len(encodings.keys() - there.keys()), len(there.keys() - encodings.keys())
        other = sum(not np.array_equal(there[name], encodings[name]) for name in there.keys() & encodings.keys())
        faults = {
            f"lacks {missing} of the faces": missing,
            f"has {more} too many": more,
            f"has other numbers for {other}": other,
        }
        return " and ".join(words for words, count in faults.items() if count) or None

    def doubt(self, contents: Iterable[int], encodings: Iterable[int], montages: Iterable[str]) -> None:
        """Have the next look read these pictures (ids of faces), and encode those in any case; draw montages anew."""
        with self._rows.together():
            for face in contents:
                self._rows.doubt(face, encoding=False)
            for face in encodings:
                self._rows.doubt(face, encoding=True)
            for file in montages:
                self._rows.set_view(file, None)

    def _path(self, entry: Entry) -> Path:
        return self.folder / entry.folder / entry.file

    def _hash(self, entry: Entry) -> str | None:
        path = self._path(entry)
        try:
            check_bytes(path)  # or a file of many gigabytes would be read here in silence
            return retried(lambda: content_hash(path))
        except UserError as error:
            self._problems.append(f"{error}, or take it out of the folder")
            return None
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
        entry = Entry(row.folder, row.file, row.size, row.mtime)
        try:
            with supervised(self._path(entry)):
                face, _found = read_photo(self._path(entry), is_cut(row, entry))
        except SetUpError:
            raise
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
        try:
            if self._root.has_file(PICKLE):
                return views.read_pickle(self._root.read(PICKLE))
        except ValueError as error:
            self._set_aside(PICKLE, str(error))
        except OSError as error:
            path = self.folder / PICKLE
            self._problems.append(f"{path} cannot be read ({error.strerror}) and is not used")
        return {}

    def _set_aside(self, file: str, reason: str) -> str:
        """Give a damaged file another name, so that it can be made anew; returns the name that it has now."""
        path = self.folder / file
        if not self._writing:
            self._problems.append(f"{path} is damaged ({reason}) and is not used")
            return file
        aside = self._root.free(f"{file}.damaged")
        self._root.rename(file, aside)
        self._problems.append(f"{path} was damaged ({reason}); it is now {aside}, and is made anew from the faces")
        return aside

    # Keeping: what the program adds

    @_until_done
    def first_start(self, fingerprint: str, start: datetime) -> datetime:
        """When a source began (UTC), as told when it was first seen: names and times stay as they were."""
        return self._rows.first_start(fingerprint, start)

    def is_bridged(self, fingerprint: str) -> bool:
        """Whether the positions of a source that has a first start go on over jumps of its clock, as `Sampling` means.

        They do not where they were stored before that was so: the same frame has the same position ever after.
        """
        return self._rows.is_bridged(fingerprint)

    def same(self, frame: Frame, boxes: Sequence[Box]) -> dict[int, Sighting | None]:
        """Which of the ``boxes`` in a frame are faces that the table has already; None: one that the user deleted.

        The same = same source content, position within half a frame, overlap of at least one half. ``boxes``: in
        pixels of the frame's image.
        Raises FoldersChangedError if a picture is no longer where it was.
        """
        rows = [row for row in self._rows_at(frame) if row.state != DISCARDED]
        overlaps = [
            (box.overlap(row.box), number, index)
            for number, row in enumerate(rows)
            for index, box in enumerate(map(frame.original, boxes))
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

    @_until_done
    def discard(self, frame: Frame, detection: Detection) -> None:
        """Remember a face that is too poor to keep a picture of. Live sources never show it again: nothing to know."""
        known = (row.box for row in self._rows_at(frame) if row.state == DISCARDED and row.box)
        place = frame.original(detection.box)
        if frame.fingerprint is None or any(box.overlap(place) >= _SAME for box in known):
            return
        row = Row(face="", folder="", file="", size=0, mtime=0, hash="", state=DISCARDED)
        _take_origin(row, frame)
        row.box, row.quality = place, detection.quality
        self._rows.add(row)

    def _as_it_lies(self, row: Row) -> Sighting | None:
        if row.state != KEPT:
            return None
        if row.id not in self._unseen and not self._lies(row):
            raise FoldersChangedError
        return _sighting(row)

    def _lies(self, row: Row) -> bool:
        """Whether there is a picture where that of a row lay at the latest look."""
        try:
            return self._root.has(_place(row))
        except (OSError, UserError):  # its folder may be a link now
            return False

    @_until_done
    def keep(
        self,
        frame: Frame,
        face: Face,
        match: Match,
        order: int,
        track: int | None = None,
        *,
        picture: bytes | None = None,
        by_user: bool = False,
    ) -> Kept:
        """Put a face where ``match`` says, durably.

        ``order``: number of the face in its frame, from 0, left to right; ``track``: the one that it belongs to.
        ``picture``: the `face_picture`, where the frame has only that or nothing any more; ``by_user``: it is the user
        who says whose face it is.
        A picture that lies in the folder already, from before its row was made, is given its row instead; if the user
        deleted that one, nothing is kept. Raises FoldersChangedError if the folder or a partner is no longer where it
        was, and DiskError, having kept nothing.
        """
        content = face_picture(frame, face) if picture is None else picture
        digest = hashlib.sha256(content).hexdigest()
        stem = name_of(frame.time, order)
        if frame.fingerprint is not None:
            orphans = [row for row in self._rows.with_hash(digest) if row.source is None]
            if orphans:
                return self._give_row(min(orphans, key=lambda row: row.face != stem), frame, face, match)
        with self._as_last_seen(), ExitStack() as undo:
            partners = self._partners(match)
            if partners and match.person is None:
                folder = self._found_person(partners, undo)
            else:
                folder = self._folder_of(match)
                self._carry(partners, folder, undo)
            file = self._free_file(folder, stem)
            undo.callback(self._take_back, f"{folder}/{file}", len(content))
            written = self._root.write(f"{folder}/{file}", content)
            row = Row(os.path.splitext(file)[0], folder, file, written.st_size, written.st_mtime_ns, digest)
            _take_origin(row, frame)
            row.placed, row.distance, row.track = None if by_user else folder, match.distance, track
            _take_face(row, face, frame.original(face.box))
            for partner in partners:
                partner.distance = match.distance
            with self._rows.together():
                self._rows.add(row)
                self._settle_in(partners, folder)
            undo.pop_all()  # it is done
        return Kept([_sighting(one) for one in (row, *partners)], new=True)

    def _give_row(self, row: Row, frame: Frame, face: Face, match: Match) -> Kept:
        alive = self._as_it_lies(row)
        _take_origin(row, frame)
        row.box, row.placed = frame.original(face.box), row.placed or match.person or UNKNOWNS
        if alive:
            _take_face(row, face, row.box)
        with self._rows.together():
            self._rows.update(row)
        return Kept([_sighting(row)] if alive else [], new=False)

    @contextmanager
    def _as_last_seen(self) -> Iterator[None]:
        """Within, something is written, and what is missing was there at the latest look: the user moved it away.

        Raises FolderGoneError.
        """
        self._root.check()
        try:
            with asking_the_disk():
                yield
        except (FileNotFoundError, NotADirectoryError) as error:
            self._root.check()
            raise FoldersChangedError from error

    def _partners(self, match: Match) -> list[Row]:
        rows = [self._rows.with_id(face_id) for face_id in match.partners]
        for row in rows:
            if row.folder != UNKNOWNS or not self._lies(row):
                raise FoldersChangedError
        return rows

    def _folder_of(self, match: Match) -> str:
        """The folder to write to. One that was there and went away was renamed or removed: it is not brought back."""
        folder = match.person or UNKNOWNS
        if not self._root.has_folder(folder):
            if folder in self._folders:
                raise FoldersChangedError
            self._make_folder(folder)
        return folder

    def _make_folder(self, name: str) -> None:
        try:
            self._root.make_folder(name)
        except FileExistsError as error:
            raise UserError(
                f"{self.folder / name} is a file where a folder for faces should be; move it away"
            ) from error
        except OSError:
            self._unmake_folder(name)  # it may be there, but is not durable
            raise
        self._folders.add(name)

    def _found_person(self, rows: Sequence[Row], undo: ExitStack) -> str:
        """Make the folder of a new person and move faces into it.

        What the disk refused half-way goes on under the number that it took.
        """
        number = self._rows.mark(_NUMBER_MARK)
        if any(row.intent != _numbered(number) for row in rows):
            number += 1
        while self._root.has(_numbered(number)):
            number += 1
        name = _numbered(number)
        with self._rows.together():
            self._rows.set_mark(_NUMBER_MARK, number)
            self._intend(rows, name)
        self._make_folder(name)
        undo.callback(self._unmake_folder, name)
        self._move_files(rows, name, undo)
        return name

    def _unmake_folder(self, name: str) -> None:
        with suppress(OSError):
            self._root.remove_folder(name)  # only if it is empty
            self._folders.discard(name)

    def _take_back(self, place: str, size: int) -> None:
        """Remove a picture that was written but has no row: nobody else can have put one of that size there since."""
        with suppress(OSError):
            state = self._root.state(place)
            if state and state.st_size == size:
                self._root.remove(place)

    def _move_back(self, place: str, origin: str) -> None:
        with suppress(OSError):
            if not self._root.has(origin):
                self._root.rename(place, origin)

    def _carry(self, rows: Sequence[Row], folder: str, undo: ExitStack) -> None:
        """Move faces into a folder that is there."""
        if rows:
            with self._rows.together():
                self._intend(rows, folder)
            self._move_files(rows, folder, undo)

    def _intend(self, rows: Sequence[Row], folder: str) -> None:
        """Write into the rows where their pictures will be moved: after a crash in between, it was no user who did."""
        for row in rows:
            row.intent = folder
            self._rows.update(row)

    def _move_files(self, rows: Sequence[Row], folder: str, undo: ExitStack) -> None:
        for row in rows:
            origin = _place(row)
            row.file = self._carry_file(row, folder)
            undo.callback(self._move_back, f"{folder}/{row.file}", origin)
        for changed in {folder, *(row.folder for row in rows)}:
            self._root.sync(changed)

    def _carry_file(self, row: Row, folder: str) -> str:
        """Move a picture into another folder; returns the name that it has there."""
        target = self._root.free(f"{folder}/{row.file}")
        self._root.rename(_place(row), target)
        return target.rpartition("/")[2]

    def _settle_in(self, rows: Sequence[Row], folder: str) -> None:
        """Write into the rows that their pictures are where they were to be."""
        for row in rows:
            row.folder = row.placed = folder
            row.intent = None
            self._rows.update(row)

    @_until_done
    def move(self, faces: Sequence[int], person: str | None, *, found: bool = False) -> list[Sighting]:
        """Move faces (ids) that the program placed: to a person, to the unknown (None), or to a new person (``found``).

        A folder of the program's own naming that this empties is removed; its number is not given again.
        Raises FoldersChangedError if one of them is no longer where it was.
        """
        rows = [self._rows.with_id(face_id) for face_id in faces]
        with self._as_last_seen(), ExitStack() as undo:
            for row in rows:
                if row.state != KEPT or not self._lies(row):
                    raise FoldersChangedError
            if found:
                folder = self._found_person(rows, undo)
            else:
                folder = self._folder_of(Match(person))
                self._carry(rows, folder, undo)
            left = {row.folder for row in rows if _NUMBERED.fullmatch(row.folder)} - {folder}
            for emptied in left if folder != UNKNOWNS else ():
                if self._root.has(f"{EXCLUDED}/{emptied}") and not self._root.names(emptied):
                    undo.pop_all()  # with what was rejected moved, too, only the next look can complete it
                    self._follow(emptied, folder)
            with self._rows.together():
                self._settle_in(rows, folder)
            undo.pop_all()  # it is done
        self._tidy([], sorted(left))
        return [_sighting(row) for row in rows]

    def first_track(self) -> int:
        """A number from which tracks can be counted that no track has."""
        return self._rows.last_track() + 1

    @_until_done
    def add_cannot_links(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Remember pairs of tracks that shared a frame: two faces in one frame are two people."""
        with self._rows.together():
            self._rows.add_pairs(pairs)

    def cannot_links(self) -> list[tuple[int, int]]:
        """Every pair of tracks that shared a frame."""
        return self._rows.pairs()

    def join(self, faces: Sequence[int], person: str) -> None:
        """Move faces (ids) into a person's folder as the user's word, not the program's; then look.

        One that the program put there itself becomes the user's word too. An emptied folder is removed. Raises
        FoldersChangedError if one of them is no longer where it was.
        """
        rows = [self._rows.with_id(face_id) for face_id in faces]
        left = sorted({row.folder for row in rows} - {person})
        with self._as_last_seen():
            # Without an intent the next look takes it for what the user did, as it would be by the file manager.
            folder = self._folder_of(Match(person))
            for row in rows:
                if row.folder != folder:
                    self._carry_file(row, folder)
            for changed in (folder, *left):
                self._root.sync(changed)
        with self._rows.together():
            for row in rows:
                row.placed = None  # or all of a person's faces, going to a new folder, would be a renamed folder
                self._rows.update(row)
        self._tidy([], left)

    def exclude(self, face: int) -> Path:
        """The user says of a face (id) that it is not the person in whose folder it lies, nor anybody; then look.

        Returns where its picture is now. Raises FoldersChangedError if it is no longer where it was.
        """
        row = self._rows.with_id(face)
        with self._as_last_seen():
            self._folder_of(Match(EXCLUDED))
            folder = self._folder_of(Match(f"{EXCLUDED}/{row.folder}"))
            # The move is all: the next look takes it for what the user did, as it would be by the file manager.
            file = self._carry_file(row, folder)
            for changed in (folder, row.folder):
                self._root.sync(changed)
        return self.folder / folder / file

    def excluded(self) -> list[tuple[str, Encoding]]:
        """(person, encoding) of each picture of which the user said that it is not this person, as of the latest look.

        The person's name is that of today.
        """
        return self._excluded

    def _follow(self, person: str, successor: str) -> None:
        """Who is not a person is not the one either whom that person is now."""
        root, origin, target = self._root, f"{EXCLUDED}/{person}", f"{EXCLUDED}/{successor}"
        if not (root.has_folder(EXCLUDED) and root.has_folder(origin)):
            return
        with suppress(OSError):
            if not root.has_folder(target):
                root.make_folder(target)
            for name in sorted(root.names(origin)):
                root.rename(f"{origin}/{name}", root.free(f"{target}/{name}"))
            root.sync(target)
            root.remove_folder(origin)
            root.sync(EXCLUDED)

    def keep_apart(self, ones: Sequence[int], others: Sequence[int]) -> None:
        """The user says of two people, by the ids of their faces, that they are two; it holds whatever their names."""
        pairs = {(one, other) for one in speakers(ones) for other in speakers(others)}
        self._kept_apart |= pairs | {(other, one) for one, other in pairs}
        with self._rows.together():
            self._rows.set_pairs_kept_apart(sorted(self._kept_apart))

    def kept_apart(self) -> list[tuple[int, int]]:
        """Pairs of face ids: the user said that the first is not the person of the second. As of the latest look."""
        return sorted(self._kept_apart)

    def kept_apart_tracks(self) -> list[tuple[int, int]]:
        """Pairs of a track and a face id: the user said of a face of that track that it is not that face's person."""
        tracks = {one: self._rows.with_id(one).track for one, _ in self._kept_apart}
        found = {(track, other) for one, other in self._kept_apart if (track := tracks[one]) is not None}
        return sorted(found)

    def _free_file(self, folder: str, stem: str) -> str:
        free, count = stem, 1
        while self._rows.has_face(free) or self._root.has(f"{folder}/{free}.png"):
            count += 1
            free = f"{stem}_{count}"
        return f"{free}.png"

    # Views

    @_until_done
    def write_views(self, faces: Sequence[Sighting]) -> None:
        """Bring montages and pickle up to date with ``faces``, the outcome of the latest look.

        Raises FolderGoneError.
        """
        self._root.check()
        places = {face_id: (folder, file, content) for face_id, folder, file, content in self._rows.places()}
        sheets, encodings = self._views_of((self._portrait(*places[face.id], face), face.encoding) for face in faces)
        with asking_the_disk():
            self._write_montages(sheets)
            self._write_pickle(encodings)

    def _portrait(self, folder: str, file: str, content: str, face: Row | Sighting) -> Portrait:
        box = None if face.source is not None or is_own_cut(file) else face.box
        return Portrait(self.folder / folder / file, content, box, folder != UNKNOWNS)

    def _views_of(
        self, faces: Iterable[tuple[Portrait, Encoding | None]]
    ) -> tuple[dict[str, tuple[str, list[Portrait]]], dict[str, Encoding]]:
        """What the montages and the pickle should hold of faces. A montage: a digest, and its portraits."""
        by_file: dict[str, list[Encoding]] = defaultdict(list)
        by_folder: dict[str, list[Portrait]] = defaultdict(list)
        for portrait, encoding in faces:
            if encoding is not None:
                by_file[portrait.path.name].append(encoding)
            by_folder[portrait.path.parent.name].append(portrait)
        sheets: dict[str, tuple[str, list[Portrait]]] = {}
        for name, portraits in by_folder.items():
            sheets |= montages.montage_sheets(name, sorted(portraits, key=lambda one: one.path))
        # The pickle knows file names alone: what they do not tell apart is left out.
        return sheets, {name: found[0] for name, found in by_file.items() if len(found) == 1}

    def _write_pickle(self, encodings: dict[str, Encoding]) -> None:
        content = views.pickle_bytes(encodings)
        if self._root.has_file(PICKLE) and self._root.read(PICKLE) == content:
            return
        self.old_encodings()  # sets a damaged one aside before it is replaced
        self._write_view(PICKLE, content)

    def _write_montages(self, wanted: dict[str, tuple[str, list[Portrait]]]) -> None:
        made = self._rows.view_digests()
        drawn = {
            file: digest
            for file, (digest, parts) in wanted.items()
            if not (made.get(file) == digest and self._root.has(file))
            and self._write_view(file, montages.draw_montage(parts))
        }
        for file in self._montages() - wanted.keys():
            self._root.remove(file)
        with self._rows.together():
            for file in made.keys() - wanted.keys():
                self._rows.set_view(file, None)
            for file, digest in drawn.items():
                self._rows.set_view(file, digest)

    def _montages(self) -> set[str]:
        return {name for name in self._root.names() if montages.MONTAGE.fullmatch(name) and self._root.has_file(name)}

    def _write_view(self, file: str, content: bytes) -> bool:
        try:
            with asking_the_disk():
                self._root.write(file, content)
        except OSError as error:
            self._problems.append(f"{self.folder / file} cannot be written ({error.strerror}) and is left out")
            return False
        return True


class _PhotoReader:
    """Reads pictures that have no encoding; the old pickle helps out where no face is found."""

    def __init__(self, store: Store, read_photo: ReadPhoto) -> None:
        self._store = store
        self._read_photo = read_photo
        self._old: dict[str, Encoding] | None = None
        self._is_unable = False  # to read any

    def __call__(self, entry: Entry, *, own_cut: bool) -> tuple[Face, bool] | None:
        if self._is_unable:
            return None
        path = self._store.folder / entry.folder / entry.file
        try:
            with supervised(path):
                face, found = self._read_photo(path, own_cut)
        except SetUpError as error:
            self._store.report(str(error))
            self._is_unable = True
            return None
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


def _place(row: Row) -> str:
    """Where its picture lay at the latest look."""
    return f"{row.folder}/{row.file}"


def face_picture(frame: Frame, face: Face) -> bytes:
    """What is kept of a frame: the face's box grown by one box on every side, as PNG."""
    return png_bytes(cut(frame.image, face.box.grown()))


def _state_in(folder: str) -> str:
    """A rejected picture counts as little as a deleted one; its row differs in having an encoding and a place."""
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
        emotion=row.emotion,
        fingerprint=row.fingerprint,
        track=None if corrected or row.pinned else row.track,
    )


def _take_origin(row: Row, frame: Frame) -> None:
    row.source, row.fingerprint, row.frame = frame.source, frame.fingerprint, frame.index
    row.position, row.time = frame.position, frame.time


def _take_face(row: Row, face: Face, box: Box | None) -> None:
    """``box``: of the face, in pixels of the original picture."""
    row.box, row.encoding, row.space = box, face.encoding, face.made_by.space
    row.detector, row.chip, row.precision = face.made_by.detector, face.made_by.chip, face.made_by.precision
    row.quality, row.emotion = face.quality, face.emotion or row.emotion  # encoded anew, none may have been asked for


def _numbered(number: int) -> str:
    return f"person_{number:02d}"


def name_of(time: datetime, order: int) -> str:
    """The name of a face in a frame: local time, then its number from the left."""
    return f"{time_name(time)}-{order}"
