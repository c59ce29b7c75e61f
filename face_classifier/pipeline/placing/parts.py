"""A part of a source is placed at once: all that comes of its record becomes durable together, or nothing does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from face_classifier.core.disk.retry import DiskError
from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame, Sighting
from face_classifier.events.passing import Passing
from face_classifier.events.telling import Rules
from face_classifier.gallery.again import reach
from face_classifier.gallery.gallery import Gallery, all_or_nothing, note_tracks
from face_classifier.gallery.store import Store
from face_classifier.pipeline.place import Placed, Session
from face_classifier.pipeline.placing.discretion import discretion_of
from face_classifier.records.frames import AnalysedFace, AnalysedFrame
from face_classifier.records.head import Head

Frames = Callable[[datetime], Iterable[AnalysedFrame]]  # by when the source began; read anew whenever it is called
_AHEAD = 256  # faces that are matched together: the people of a large gallery are read from memory once for them,
_MOST = 32 << 20  # or faces with pictures of so many bytes, which wait meanwhile
_FRAMES = 4096  # or so many frames, most of them without a new face


@dataclass
class Part:
    """What became of the frames of a record."""

    frames: list[Frame] = field(default_factory=list)  # without their images
    changed: list[Sighting] = field(default_factory=list)  # new, met again, or changed by the new ones


def place_part(gallery: Gallery, rules: Rules, record: str, head: Head, frames: Frames) -> Part:
    """Place the frames of a record, and remember that they are placed.

    Parameters
    ----------
    gallery: of the calling thread.
    rules: when a visit is over.
    record: its name.
    head: what it tells of its source.
    frames: reads it.

    Raises
    ------
    UserError: it is no record, or counts positions otherwise than this gallery. Then nothing is placed.
    DiskError: the disk refused something for too long. Likewise.
    """
    return all_or_nothing(gallery, partial(_place_part, gallery, rules, record, head, frames))


def _place_part(gallery: Gallery, rules: Rules, record: str, head: Head, frames: Frames) -> Part:
    store, part = gallery.store, Part()
    start = _start_of(head, store)
    discretion = discretion_of(gallery.settings, head.origin.source)
    session = Session(gallery, follows=head.follows, discretion=discretion)
    passing = Passing(store, gallery.new_track, rules) if head.follows else None
    try:
        for analysed in _foreseen(gallery, session, frames(start)):
            part.changed += place_frame(session, passing, analysed).changed
            part.frames.append(analysed.frame)
        if passing:
            passing.end()
            passing.flush()
        session.keep_held()
        note_tracks(gallery)
        store.placed.add(record)
    finally:
        session.tracks.end()
    return part


def _start_of(head: Head, store: Store) -> datetime:
    """When the source of a record began, as the gallery knows it."""
    fingerprint = head.origin.fingerprint
    if not fingerprint:
        return head.start
    start = store.first_start(fingerprint, head.start, head.sampling.every)
    if store.is_bridged(fingerprint) != head.sampling.bridged:
        raise UserError(
            f"the record of {head.origin.source} counts its positions differently from when that was first seen; "
            "classify it without a record"
        )
    return start


def _foreseen(gallery: Gallery, session: Session, frames: Iterable[AnalysedFrame]) -> Iterator[AnalysedFrame]:
    """The frames, each once many faces are matched together with its own."""
    waiting: list[AnalysedFrame] = []
    count = size = 0
    for analysed in frames:
        waiting.append(analysed)
        pictures = [face.picture or b"" for face in analysed.faces if face.face is not None]
        count, size = count + len(pictures), size + sum(map(len, pictures))
        if count >= _AHEAD or size >= _MOST or len(waiting) >= _FRAMES:
            yield from _together(gallery, session, waiting)
            waiting, count, size = [], 0, 0
    yield from _together(gallery, session, waiting)


def _together(gallery: Gallery, session: Session, frames: Sequence[AnalysedFrame]) -> Sequence[AnalysedFrame]:
    faces = [face for analysed in frames for face in analysed.faces if face.face]
    if frames:
        session.meets_none = not _meets_some(gallery, session, frames)
    if faces:
        tracks = [_track_of(session, face) for face in faces]
        gallery.people.foresee([face.face.encoding for face in faces if face.face], tracks)
    return frames


def _track_of(session: Session, face: AnalysedFace) -> int | None:
    """The gallery's number of the track of a face, or one that no track has where that is still to begin."""
    if not session.follows:
        return None
    number = session.tracks.number(face)
    return -1 - face.track if number is None else number


def _meets_some(gallery: Gallery, session: Session, frames: Sequence[AnalysedFrame]) -> bool:
    """Whether some face in these frames may be there already; nobody else writes meanwhile."""
    fingerprint, spans = frames[0].frame.fingerprint, [reach(analysed.frame) for analysed in frames]
    if fingerprint is None:
        return False
    earliest, latest = min(span[0] for span in spans), max(span[1] for span in spans)
    return gallery.store.placed.has_faces(fingerprint, earliest, latest, session.kept)


def place_frame(session: Session, passing: Passing | None, analysed: AnalysedFrame) -> Placed:
    """Place the faces of a frame, and take in who passes; who was forgotten since the last one has new tracks."""
    if passing is None:
        return session.place(analysed)
    with suppress(DiskError):  # which is told where something is written
        session.tracks.renew(passing.let_forgotten_go)
    placed = session.place(analysed)
    passing.observe(analysed.frame, placed.observed)
    return placed
