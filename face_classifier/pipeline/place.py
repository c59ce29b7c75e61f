"""The second half of a run: records in, people out, in the order of the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple, TypeVar

from face_classifier.core.disk.retry import DiskError, Held, Patience
from face_classifier.core.messages import NO_IMAGE
from face_classifier.core.types import Encoding, Face, Frame, Match, Seen, Sighting
from face_classifier.events.observation import Observation
from face_classifier.gallery.gallery import Gallery, nobody_is_told
from face_classifier.gallery.store import name_of
from face_classifier.identity.tracks import Track
from face_classifier.pipeline.records import AnalysedFace, AnalysedFrame

_T = TypeVar("_T")
_REMEMBERED = 1000  # tracks whose person is remembered while their face is not in view


class _Waiting(NamedTuple):
    """A face that is still to be kept."""

    frame: Frame  # without its image
    face: Face
    order: int  # of the face in its frame
    track: int | None  # the gallery's
    picture: bytes  # PNG


class Placed(NamedTuple):
    """What became of the faces of a frame."""

    seen: list[Seen]  # from left to right
    changed: list[Sighting]  # new, met again, or changed by the new ones
    observed: list[Observation]  # from left to right


class Session:
    """Places and keeps the faces of one source in a gallery; used by the thread that owns the gallery.

    While the patience is ``holding``, faces that the disk refuses are recognised and held in memory until `keep_held`.
    """

    def __init__(
        self,
        gallery: Gallery,
        tell: Callable[[Sequence[Sighting]], None] = nobody_is_told,
        *,
        follows: bool,
        patience: Patience | None = None,
    ) -> None:
        """What it needs to know.

        Parameters
        ----------
        gallery: where the faces go.
        tell: gets the faces that were held, once they are kept.
        follows: whether the tracks of the records count; else each face is placed by itself.
        patience: the one that the gallery's store was given.
        """
        self._gallery, self._tell, self._follows, self._patience = gallery, tell, follows, patience
        # By number of the record's track, which knows a face by place and look alone:
        self._tracks: dict[int, Track] = {}  # the gallery's track, as far as its encodings agree
        self._known: dict[int, Sighting] = {}  # the latest face that was placed
        self._forgotten: dict[int, None] = {}  # those that show somebody who was forgotten
        self._met: dict[int, Track] = {}  # by the gallery's number: tracks of an earlier run
        self._cannot_links: set[tuple[int, int]] = set()  # tracks that shared a frame
        self._kept: set[int] = set()  # ids of the faces that this session kept, which it does not meet again
        self._held: Held[_Waiting] = Held("faces", self._keep_held, patience.tell if patience else lambda _: None)
        self._held_ever = 0  # faces

    def place(self, analysed: AnalysedFrame) -> Placed:
        """Place the faces of the next frame. Raises UserError; DiskError unless the patience is holding."""
        frame, faces = analysed.frame, analysed.faces
        changed: list[Sighting] = []
        for face in faces:
            if not face.sure:
                self._known.pop(face.track, None)
                self._forgotten.pop(face.track, None)
        boxes = [face.detection.box for face in faces]
        same = self._gallery.same(frame, boxes, self._kept)
        if any(sighting is None for sighting in same.values()):
            self._forget(faces[number].track for number in self._gallery.store.forgotten(frame, boxes))
        for number, sighting in same.items():
            if sighting:
                self._join_track(faces[number], sighting.encoding, sighting.track)
                self._known[faces[number].track] = sighting
                self._forgotten.pop(faces[number].track, None)
                changed.append(sighting)
        new = {number: face.face for number, face in enumerate(faces) if face.face and number not in same}
        for number, encoded in new.items():
            self._join_track(faces[number], encoded.encoding)
        decided = {*new, *(number for number, sighting in same.items() if sighting)}
        self._add_cannot_links([face for number, face in enumerate(faces) if face.sure or number in decided])
        for number in new:
            kept = self._keep_or_hold(frame, faces[number], number)
            if kept:
                self._known[faces[number].track] = kept[0]
                self._forgotten.pop(faces[number].track, None)
            changed += kept
        for number, face in enumerate(faces):
            if face.discarded and number not in same:
                self._gallery.store.discard(frame, face.detection)
        self._known, self._tracks, self._met = _latest(self._known), _latest(self._tracks), _latest(self._met)
        self._forgotten = _latest(self._forgotten)
        known = [self._known_now(face) for face in faces]
        seen = [self._seen(face, sighting) for face, sighting in zip(faces, known, strict=True)]
        observed = [
            self._observed(face, sighting, sure=face.sure or number in decided)
            for number, (face, sighting) in enumerate(zip(faces, known, strict=True))
        ]
        return Placed(seen, changed, observed)

    def _forget(self, tracks: Iterable[int]) -> None:
        """These tracks of the record show somebody who was forgotten."""
        for track in tracks:
            self._known.pop(track, None)
            self._forgotten[track] = None

    def _join_track(self, face: AnalysedFace, encoding: Encoding | None, number: int | None = None) -> None:
        """Continue a track of the record with a face; if they are no one person by its encoding, begin another.

        ``number``: of the gallery's track, where the face has one from an earlier run. If that run tied it to the faces
        of somebody else, the number says nothing.
        """
        if not self._follows or encoding is None:
            return
        limit = self._gallery.people.threshold
        met = self._met.get(number) if number is not None else None
        if met and not met.takes(encoding, limit):
            met = number = None
        track = self._tracks.get(face.track)
        if track is None or number not in (None, track.number) or not track.takes(encoding, limit, sure=face.sure):
            self._known.pop(face.track, None)
            number_now = self._gallery.new_track() if number is None else number
            track = self._tracks[face.track] = met or Track(number_now)
        track.add(encoding)
        if number is not None:
            self._met[number] = track

    def _add_cannot_links(self, faces: Sequence[AnalysedFace]) -> None:
        """Two faces in one frame are two people."""
        numbers = sorted({self._tracks[face.track].number for face in faces if face.track in self._tracks})
        new = [pair for pair in combinations(numbers, 2) if pair not in self._cannot_links]
        self._cannot_links.update(new)
        self._gallery.cannot_link(new)
        with suppress(*([DiskError] if self._holding else [])):
            self._gallery.save_cannot_links()

    def _known_now(self, face: AnalysedFace) -> Sighting | None:
        """The latest face of its track that was placed, as it is labelled now; None if the user deleted it."""
        known = self._known.get(face.track)
        if known is not None and known.kept:
            with suppress(DiskError):  # of a disk that is gone it stays as it was
                known = self._gallery.faces.get(known.id)
        return known

    def _seen(self, face: AnalysedFace, known: Sighting | None) -> Seen:
        if known is None:
            return Seen(face.detection.box, None, forgotten=face.track in self._forgotten)
        # A face met again may have an emotion from an earlier run.
        emotion = known.emotion if self._gallery.settings.emotion else None
        return Seen(face.detection.box, known.person, emotion, known.face if known.kept else None)

    def _observed(self, face: AnalysedFace, known: Sighting | None, *, sure: bool) -> Observation:
        """``sure``: whether it is the face of its track, by place and look or by its encoding."""
        track = self._tracks.get(face.track) if sure else None
        person = known.person if known else None
        new = person in self._gallery.founded
        if person is not None and new:
            self._gallery.founded.remove(person)
        return Observation(
            followed=face.track,
            track=track.number if track else None,
            person=person,
            new_person=new,
            face=known.id if known else None,
            face_name=known.face if known else None,
            quality=face.detection.quality,
            distance=known.distance if known else None,
            box=face.detection.box,
            picture=face.picture,
        )

    # Holding what the disk refuses

    @property
    def _holding(self) -> bool:
        return self._patience is not None and self._patience.holding

    @property
    def holds(self) -> bool:
        """Whether there is something that `keep_held` is to keep."""
        return bool(self._held or self._gallery.has_unsaved)

    def keep_held(self) -> None:
        """Keep and tell the faces that are held in memory, the oldest first. Raises DiskError where one is refused."""
        self._gallery.save_cannot_links()
        self._held.flush()

    def give_up(self) -> None:
        """Forget the faces that are held, which is told."""
        self._held.give_up()

    def _keep_or_hold(self, frame: Frame, analysed: AnalysedFace, order: int) -> list[Sighting]:
        face, picture = analysed.face, analysed.picture
        assert face is not None
        assert picture is not None
        track = self._tracks[analysed.track].number if self._follows else None
        waiting = _Waiting(replace(frame, image=NO_IMAGE), face, order, track, picture)
        if not (self._holding and self._held):
            try:
                return self._keep(waiting)
            except DiskError:
                if not self._holding:
                    raise
        self._held.add(waiting, len(picture))
        self._held_ever += 1
        return [_unkept(waiting, self._gallery.decide(face, track)[0], -self._held_ever)]

    def _keep(self, waiting: _Waiting) -> list[Sighting]:
        kept = self._gallery.keep(*waiting)
        if kept.new:
            self._kept.add(kept.sightings[0].id)
        return kept.sightings

    def _keep_held(self, waiting: _Waiting) -> None:
        self._tell(self._keep(waiting))


def _latest(by_track: dict[int, _T]) -> dict[int, _T]:
    return dict(list(by_track.items())[-_REMEMBERED:])


def _unkept(waiting: _Waiting, match: Match, number: int) -> Sighting:
    """A face that is recognised but not kept so far; ``number``: its id, negative."""
    frame, face = waiting.frame, waiting.face
    return Sighting(
        id=number,
        face=name_of(frame.time, waiting.order),
        person=match.person,
        distance=match.distance,
        source=frame.source,
        frame=frame.index,
        position=frame.position,
        time=frame.time,
        box=frame.original(face.box),
        quality=face.quality,
        emotion=face.emotion,
        kept=False,
    )
