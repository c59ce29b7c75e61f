"""Keeping: what the program and the user's commands write into a result folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from face_classifier.core.disk.files import former_png_bytes, png_bytes, time_name
from face_classifier.core.types import Box, Detection, Face, Frame, Match, Sighting, cut
from face_classifier.gallery.again import SAME, paired, reach
from face_classifier.gallery.folder.carry import (
    carry,
    folder_for,
    follow,
    free_file,
    new_person,
    settle,
    take_back,
    tidy,
)
from face_classifier.gallery.folder.opened import FoldersChangedError, ResultFolder
from face_classifier.gallery.past.forget import is_tombstone
from face_classifier.gallery.past.journal import RUN, SECOND_THOUGHTS
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS
from face_classifier.gallery.seen.table import as_seen, label_of
from face_classifier.gallery.table.row import DISCARDED, KEPT, Row, sighting_of, take_face, take_origin
from face_classifier.identity.naming import number_in


class GaveWay(NamedTuple):
    """A face whose picture was removed, since its track has others that tell more."""

    face: Sighting  # as it was
    mates: list[Sighting]  # the others of its track in its folder


@dataclass(frozen=True)
class Kept:
    """What became of a face."""

    sightings: list[Sighting]  # the face itself, then those whose person changed by it; none if the user deleted it
    new: bool  # False: its picture lay in the folder already, or it has none
    row: int | None = None  # id of the row that was made; None: it was there
    gone: GaveWay | None = None  # another face, to which it was preferred

    def staying(self) -> Kept:
        """The same without what gave way."""
        if self.gone is None:
            return self
        return replace(self, sightings=[face for face in self.sightings if face.id != self.gone.face.id])


def face_picture(frame: Frame, face: Face) -> bytes:
    """What is kept of a frame: the face's box grown by one box on every side, as PNG."""
    return png_bytes(cut(frame.image, face.box.grown()))


def name_of(time: datetime, order: int) -> str:
    """The name of a face in a frame: local time, then its number from the left."""
    return f"{time_name(time)}-{order}"


class _Clear(NamedTuple):
    """A stretch of a source of which the table tells no face."""

    fingerprint: str
    begin: float  # seconds
    end: float  # seconds; where a face is
    writes: int  # to the table by then

    def has(self, frame: Frame, writes: int) -> bool:
        """Whether the table tells no face at a frame; ``writes``: to the table by now."""
        earliest, latest = reach(frame)
        same = frame.fingerprint == self.fingerprint and writes == self.writes
        return same and self.begin <= earliest and latest < self.end


class Keeper:
    """Writes into an open result folder: a picture is durable first, then its row."""

    def __init__(self, folder: ResultFolder) -> None:
        self._folder = folder
        self._clear = _Clear("", 0.0, 0.0, -1)

    def same(self, frame: Frame, boxes: Sequence[Box], but: Container[int]) -> dict[int, Sighting | None]:
        """As `Store.same`."""
        rows = [row for row in self._rows_at(frame) if row.state != DISCARDED and row.id not in but]
        pairs = paired(frame, boxes, [row.box for row in rows])
        return {number: self._as_it_lies(rows[place]) for number, place in pairs.items()}

    def forgotten(self, frame: Frame, boxes: Sequence[Box]) -> set[int]:
        """As `Store.forgotten`."""
        stones = [row for row in self._rows_at(frame) if is_tombstone(row)]
        return set(paired(frame, boxes, [row.box for row in stones]))

    def _rows_at(self, frame: Frame) -> list[Row]:
        if frame.fingerprint is None or self._clear.has(frame, self._folder.table.writes):
            return []
        rows, (earliest, latest) = self._folder.rows, reach(frame)
        end = rows.next_of_source(frame.fingerprint, earliest)
        if end > latest:
            self._clear = _Clear(frame.fingerprint, earliest, end, self._folder.table.writes)
            return []
        return rows.of_source(frame.fingerprint, earliest, latest)

    def discard(self, frame: Frame, detection: Detection) -> None:
        """As `Store.discard`."""
        known = (row.box for row in self._rows_at(frame) if row.state == DISCARDED and row.box)
        place = frame.original(detection.box)
        if frame.fingerprint is None or any(box.overlap(place) >= SAME for box in known):
            return  # live sources never show it again: nothing to know
        row = Row(face="", folder="", file="", size=0, mtime=0, hash="", state=DISCARDED)
        take_origin(row, frame)
        row.box, row.quality = place, detection.quality
        self._folder.rows.add(row)

    def _as_it_lies(self, row: Row) -> Sighting | None:
        label = label_of(self._folder.rows, row)
        if label is None or label.state != KEPT:
            return None
        if not (self._folder.lies(label) or self._folder.listing.hides(label)):
            raise FoldersChangedError
        return sighting_of(row) if label is row else as_seen(row, label)

    def keep(
        self,
        frame: Frame,
        face: Face,
        match: Match,
        order: int,
        track: int | None,
        picture: bytes | None,
        *,
        by_user: bool,
    ) -> Kept:
        """As `Store.keep`."""
        folder = self._folder
        content = face_picture(frame, face) if picture is None else picture
        digest = hashlib.sha256(content).hexdigest()
        stem = name_of(frame.time, order)
        if frame.fingerprint is not None and (orphans := self._orphans(content, digest, stem)):
            return self._give_row(min(orphans, key=lambda row: row.face != stem), frame, face, match)
        with folder.journal.entry(RUN), folder.as_last_seen(), ExitStack() as undo:
            partners = self._partners(match)
            if partners and match.person is None:
                target = new_person(folder, partners, undo)
            else:
                target = folder_for(folder, match.person)
                carry(folder, partners, target, undo)
            file = free_file(folder, target, stem)
            undo.callback(take_back, folder, f"{target}/{file}", len(content))
            written = folder.root.write(f"{target}/{file}", content, new=True, digest=digest)
            row = Row(os.path.splitext(file)[0], target, file, written.st_size, written.st_mtime_ns, digest)
            take_origin(row, frame)
            row.placed, row.distance, row.track = None if by_user else target, match.distance, track
            take_face(row, face, frame.original(face.box))
            for partner in partners:
                partner.distance = match.distance
            with folder.table.together(whole=not partners):
                folder.rows.add(row)
                settle(folder, partners, target)
            undo.pop_all()  # it is done
        return Kept([sighting_of(kept) for kept in (row, *partners)], new=True, row=row.id)

    def _orphans(self, content: bytes, digest: str, stem: str) -> list[Row]:
        """Rows of a picture that lies in the folder, of which the table tells no source."""
        rows = self._folder.rows
        if not rows.has_without_source(digest, stem):
            return []
        return rows.without_source(digest) or rows.without_source(hashlib.sha256(former_png_bytes(content)).hexdigest())

    def _give_row(self, row: Row, frame: Frame, face: Face, match: Match) -> Kept:
        alive = self._as_it_lies(row)
        take_origin(row, frame)
        row.box, row.placed = frame.original(face.box), row.placed or match.person or UNKNOWNS
        if alive:
            take_face(row, face, row.box)
        with self._folder.table.together():
            self._folder.rows.update(row)
        return Kept([sighting_of(row)] if alive else [], new=False)

    def _partners(self, match: Match) -> list[Row]:
        rows = [self._folder.rows.with_id(face_id) for face_id in match.partners]
        for row in rows:
            if row.folder != UNKNOWNS or not self._folder.lies(row):
                raise FoldersChangedError
        return rows

    def move(self, faces: Sequence[int], person: str | None, *, new: bool) -> list[Sighting]:
        """As `Store.move`."""
        folder = self._folder
        rows = [folder.rows.with_id(face_id) for face_id in faces]
        with folder.journal.entry(SECOND_THOUGHTS), folder.as_last_seen(), ExitStack() as undo:
            for row in rows:
                if row.state != KEPT or not folder.lies(row):
                    raise FoldersChangedError
            if new:
                target = new_person(folder, rows, undo)
            else:
                target = folder_for(folder, person)
                carry(folder, rows, target, undo)
            left = {row.folder for row in rows if number_in(row.folder) is not None} - {target}
            for emptied in left if target != UNKNOWNS else ():
                if folder.root.has(f"{EXCLUDED}/{emptied}") and not folder.root.names(emptied):
                    undo.pop_all()  # with what was excluded moved, too, only the next look can complete it
                    follow(folder, emptied, target)
            with folder.table.together():
                settle(folder, rows, target)
            undo.pop_all()  # it is done
        tidy(folder, [], sorted(left))
        return [sighting_of(row) for row in rows]
