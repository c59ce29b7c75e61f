"""A row of the table: what is known of one face beside the folder in which its picture lies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from face_classifier.core.types import Box, Emotion, Encoding, Face, Frame, Sighting
from face_classifier.gallery.places import UNKNOWNS

KEPT, DISCARDED, DELETED, MISSING, SEEN = "kept", "rejected", "deleted", "missing", "seen"


@dataclass(eq=False, slots=True)
class Row:
    """A row of the table ``faces``; the schema tells the units."""

    face: str
    folder: str
    file: str
    size: int
    mtime: int
    hash: str
    state: str = KEPT
    source: str | None = None
    fingerprint: str | None = None
    frame: int | None = None
    position: float | None = None
    space: str | None = None
    detector: str | None = None
    chip: str | None = None
    precision: str | None = None
    quality: float | None = None
    placed: str | None = None
    distance: float | None = None
    intent: str | None = None
    pinned: bool = False
    track: int | None = None
    id: int = 0
    time: datetime | None = None
    box: Box | None = None
    encoding: Encoding | None = None
    emotion: Emotion | None = None
    missing: datetime | None = None  # since when it is MISSING
    nearest: int | None = None  # of a SEEN face the one (id) whose label it has

    @property
    def place(self) -> str:
        """Where its picture lay when last seen."""
        return f"{self.folder}/{self.file}"

    @property
    def leaving(self) -> bool:
        """Whether it gave way to others of its track, and its picture is still to be removed."""
        return self.state == SEEN and self.folder != ""


def whose(folder: str, placed: str | None, pinned: bool, track: int | None) -> tuple[str | None, int | None, bool]:
    """Person, track, and whether the user put it there (``corrected``), of a face by these columns of its row."""
    corrected = folder not in (UNKNOWNS, placed)
    return None if folder == UNKNOWNS else folder, None if corrected or pinned else track, corrected


def sighting_of(row: Row) -> Sighting:
    person, track, corrected = whose(row.folder, row.placed, row.pinned, row.track)
    return Sighting(
        id=row.id,
        face=row.face,
        person=person,
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
        track=track,
    )


def take_origin(row: Row, frame: Frame) -> None:
    row.source, row.fingerprint, row.frame = frame.source, frame.fingerprint, frame.index
    row.position, row.time = frame.position, frame.time


def take_face(row: Row, face: Face, box: Box | None) -> None:
    """``box``: of the face, in pixels of the original picture."""
    row.box, row.encoding, row.space = box, face.encoding, face.made_by.space
    row.detector, row.chip, row.precision = face.made_by.detector, face.made_by.chip, face.made_by.precision
    row.quality, row.emotion = face.quality, face.emotion or row.emotion  # encoded anew, none may have been asked for
