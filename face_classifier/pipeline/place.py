"""The second half of a run: records in, people out, in the order of the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from face_classifier.core.disk.retry import DiskError, Held, Patience
from face_classifier.core.types import Box, Encoding, Face, Frame, Match, Seen, Sighting
from face_classifier.display.overlay import hide_in_cut
from face_classifier.events.observation import Observation
from face_classifier.gallery.gallery import Gallery, all_or_nothing, nobody_is_told
from face_classifier.gallery.store import name_of
from face_classifier.pipeline.placing.count import StrangerCount
from face_classifier.pipeline.placing.discretion import OPEN, Cover, Discretion
from face_classifier.pipeline.placing.latest import in_view
from face_classifier.pipeline.placing.now import FacesRead
from face_classifier.pipeline.placing.tracks import SourceTracks
from face_classifier.records import AnalysedFace, AnalysedFrame


class _Waiting(NamedTuple):
    """A face that is still to be kept."""

    frame: Frame  # without its image
    face: Face
    order: int  # of the face in its frame
    track: int | None  # the gallery's
    picture: bytes  # PNG


class Placed(NamedTuple):
    """What became of the faces of a frame."""

    seen: list[Seen]  # from left to right; then places that are to stay covered
    changed: list[Sighting]  # new, met again, or changed by the new ones
    observed: list[Observation]  # from left to right, but for strangers of whom nothing is kept


class Session:
    """Places and keeps the faces of a source, or of a chapter of it; used by the thread that owns the gallery.

    While the patience is ``holding``, faces that the disk refuses are recognised and held in memory until `keep_held`.
    """

    def __init__(
        self,
        gallery: Gallery,
        tell: Callable[[Sequence[Sighting]], None] = nobody_is_told,
        *,
        follows: bool,
        patience: Patience | None = None,
        discretion: Discretion = OPEN,
    ) -> None:
        """What it needs to know.

        Parameters
        ----------
        gallery: where the faces go.
        tell: gets the faces that were held, once they are kept.
        follows: whether the tracks of the records count; else each face is placed by itself.
        patience: the one that the gallery's store was given.
        discretion: what is kept and shown of strangers.
        """
        self.discretion, self.follows, self._cover = discretion, follows, Cover(discretion)
        self._strangers = StrangerCount(gallery.store.strangers)
        self.tracks, self._now = SourceTracks(gallery), FacesRead(gallery)
        self._gallery, self._tell, self._patience = gallery, tell, patience
        # By number of the record's track, which knows a face by place and look alone:
        self._known: dict[int, Sighting] = {}  # the latest face that was placed
        self._forgotten: dict[int, None] = {}  # those that show somebody who was forgotten
        self.kept: set[int] = set()  # ids of the faces that this session kept, which it does not meet again
        self.meets_none = False  # faces of the table that are not of these are in none of the next frames
        self._held: Held[_Waiting] = Held("faces", self._keep_held, patience.tell if patience else lambda _: None)
        self._held_ever = 0  # faces

    def place(self, analysed: AnalysedFrame) -> Placed:
        """Place the faces of the next frame. Raises UserError; DiskError unless the patience is holding."""
        frame, faces = analysed.frame, analysed.faces
        known_only = self.discretion.known_only
        changed: list[Sighting] = []
        for face in faces:
            if not face.sure:
                self._known.pop(face.track, None)
                self._forgotten.pop(face.track, None)
        boxes = [face.detection.box for face in faces]
        same = {} if self.meets_none else self._gallery.same(frame, boxes, self.kept)
        if any(sighting is None for sighting in same.values()):
            self._forget(faces[number].track for number in self._gallery.store.forgotten(frame, boxes))
        for number, sighting in same.items():
            if sighting:
                self._join_track(faces[number], sighting.encoding, sighting.track)
                self._known[faces[number].track] = sighting
                self._forgotten.pop(faces[number].track, None)
                if not sighting.seen:
                    changed.append(sighting)
        new = {number: face.face for number, face in enumerate(faces) if face.face and number not in same}
        for number, encoded in new.items():
            self._join_track(faces[number], encoded.encoding)
        decided = {*new, *(number for number, sighting in same.items() if sighting)}
        sure = [face for number, face in enumerate(faces) if face.sure or number in decided]
        self._add_cannot_links(sure, keep=not known_only)
        for number, kept in zip(new, self._keep_all(frame, faces, list(new)), strict=True):
            if kept:
                self._known[faces[number].track] = kept[0]
                self._forgotten.pop(faces[number].track, None)
            changed += [sighting for sighting in kept if not sighting.seen]
        if known_only:
            changed = [sighting for sighting in changed if sighting.person is not None]
            placed = [faces[number] for number in new]
            self._strangers.count(frame, [(self.tracks.number(face), face.track in self._known) for face in placed])
            self._add_cannot_links([face for face in sure if not self._is_stranger(face)], keep=True)
        for number, face in enumerate(faces):
            if face.discarded and number not in same and not known_only:
                self._gallery.store.discard(frame, face.detection)
        self.tracks.trim(faces)
        tracks = [face.track for face in faces]
        self._known, self._forgotten = in_view(self._known, tracks), in_view(self._forgotten, tracks)
        known = [self._known_now(face) for face in faces]
        both, emotion = list(zip(faces, known, strict=True)), self._gallery.settings.emotion
        seen = [_seen(face, one, emotion=emotion, forgotten=face.track in self._forgotten) for face, one in both]
        hidden = self._cover.hidden(seen)
        observed = [
            self._observed(face, sighting, hidden, sure=face.sure or number in decided)
            for number, (face, sighting) in enumerate(both)
            if not (known_only and seen[number].person is None)
        ]
        return Placed(self._cover.over(frame.position, seen), changed, observed)

    def _forget(self, tracks: Iterable[int]) -> None:
        """These tracks of the record show somebody who was forgotten."""
        for track in tracks:
            self._known.pop(track, None)
            self._forgotten[track] = None

    def _join_track(self, face: AnalysedFace, encoding: Encoding | None, number: int | None = None) -> None:
        """As `SourceTracks.join`; who another track is, is still to be seen."""
        if self.follows and encoding is not None and self.tracks.join(face, encoding, number):
            self._known.pop(face.track, None)

    def _add_cannot_links(self, faces: Sequence[AnalysedFace], *, keep: bool) -> None:
        self.tracks.link(faces, keep=keep)
        with suppress(*([DiskError] if self._holding else [])):
            self._gallery.save_cannot_links()
            self._strangers.save()

    def _known_now(self, face: AnalysedFace) -> Sighting | None:
        """The latest face of its track that was placed, as it is labelled now; None if the user deleted it."""
        known = self._known.get(face.track)
        if known is not None and known.kept:
            with suppress(DiskError):  # of a disk that is gone it stays as it was
                known = self._now.face(known.id)
        return known

    def _observed(
        self, face: AnalysedFace, known: Sighting | None, hidden: Sequence[Box], *, sure: bool
    ) -> Observation:
        """``sure``: whether it is the face of its track, by place and look or by its encoding."""
        box, picture = face.detection.box, face.picture
        person = known.person if known else None
        new = person in self._gallery.founded
        if person is not None and new:
            self._gallery.founded.remove(person)
        return Observation(
            followed=face.track,
            track=self.tracks.number(face) if sure else None,
            person=person,
            new_person=new,
            face=known.id if known else None,
            face_name=known.face if known else None,
            quality=face.detection.quality,
            distance=known.distance if known else None,
            box=box,
            picture=hide_in_cut(picture, box, hidden) if picture else None,
        )

    # Holding what the disk refuses

    @property
    def _holding(self) -> bool:
        return self._patience is not None and self._patience.holding

    @property
    def holds(self) -> bool:
        """Whether there is something that `keep_held` is to keep."""
        return bool(self._held or self._gallery.has_unsaved or self._strangers)

    def keep_held(self) -> None:
        """Keep and tell the faces that are held in memory, the oldest first. Raises DiskError where one is refused."""
        self._gallery.save_cannot_links()
        self._strangers.save()
        self._held.flush()

    def give_up(self) -> None:
        """Forget the faces that are held, which is told."""
        self._held.give_up()

    def _keep_all(self, frame: Frame, faces: Sequence[AnalysedFace], new: Sequence[int]) -> Iterator[list[Sighting]]:
        """What became of each of the ``new`` faces, by number. Several of a frame wait for the disk together."""
        if len(new) > 1 and not (self._held or self.discretion.known_only):
            waiting = [self._waiting(frame, faces, order) for order in new]
            with suppress(*([DiskError] if self._holding else [])):
                yield from all_or_nothing(self._gallery, lambda: [self._keep(one) for one in waiting])
                return
        for order in new:
            yield self._keep_or_hold(self._waiting(frame, faces, order))

    def _waiting(self, frame: Frame, faces: Sequence[AnalysedFace], order: int) -> _Waiting:
        others = [other for other in faces if other is not faces[order]] if self.discretion.known_only else []
        strangers = [other for other in others if self._is_stranger(other)]
        return _waiting(frame, faces[order], order, self.tracks.number(faces[order]), strangers)

    def _keep_or_hold(self, waiting: _Waiting) -> list[Sighting]:
        if not (self._holding and self._held):
            try:
                return self._keep(waiting)
            except DiskError:
                if not self._holding:
                    raise
        match = self._gallery.decide(waiting.face, waiting.track)[0]
        if self.discretion.known_only and match.person is None:
            return []
        self._held.add(waiting, len(waiting.picture))
        self._held_ever += 1
        return [_unkept(waiting, match, -self._held_ever)]

    def _keep(self, waiting: _Waiting) -> list[Sighting]:
        kept = self._gallery.keep(*waiting, known_only=self.discretion.known_only)
        if kept.row is not None and waiting.frame.fingerprint is not None:  # a live source never meets anything again
            self.kept.add(kept.row)
        self._now.take(kept)
        return kept.sightings

    def _is_stranger(self, face: AnalysedFace) -> bool:
        return (known := self._known_now(face)) is None or known.person is None

    def _keep_held(self, waiting: _Waiting) -> None:
        self._tell([sighting for sighting in self._keep(waiting) if not sighting.seen])


def _seen(face: AnalysedFace, known: Sighting | None, *, emotion: bool, forgotten: bool) -> Seen:
    """``emotion``: whether it is to be told: a face met again may have one from an earlier run."""
    if known is None:
        return Seen(face.detection.box, None, forgotten=forgotten)
    return Seen(
        face.detection.box, known.person, known.emotion if emotion else None, known.face if known.kept else None
    )


def _waiting(
    frame: Frame, analysed: AnalysedFace, order: int, track: int | None, strangers: Sequence[AnalysedFace]
) -> _Waiting:
    """``strangers``: beside it, whom its picture is not to show."""
    assert analysed.face is not None
    assert analysed.picture is not None
    boxes = [other.detection.box for other in strangers]
    picture = hide_in_cut(analysed.picture, analysed.detection.box, boxes) if boxes else analysed.picture
    return _Waiting(frame.without_image(), analysed.face, order, track, picture)


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
