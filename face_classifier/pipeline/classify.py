"""What becomes of the faces in a frame: followed, met again, rejected, or encoded, placed and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import NamedTuple, TypeVar

import numpy as np

from face_classifier.core.disk.retry import DiskError, Held, Patience
from face_classifier.core.types import Detection, Encoding, Face, Frame, Image, Match, Seen, Sighting
from face_classifier.gallery.store import FoldersChangedError, LookResult, ReadPhoto, Store, face_picture, name_of
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.tracks import Track
from face_classifier.pipeline.tracker import Followed, Follower
from face_classifier.vision.engine import Engine

_T = TypeVar("_T")
_REMEMBERED = 1000  # tracks whose person is remembered while their face is not in view
_NO_IMAGE: Image = np.zeros((1, 1, 3), np.uint8)


@dataclass(frozen=True)
class Plan:
    """What is to be done with the faces of a frame."""

    frame: Frame
    faces: list[Followed]  # from left to right
    encode: list[int]  # numbers of those to be encoded; then they are placed and kept
    discard: list[int]  # numbers of those too poor to be kept
    met: bool  # some of them are in the store already


class _Waiting(NamedTuple):
    """A face that is still to be kept."""

    frame: Frame  # without its image
    face: Face
    order: int  # of the face in its frame
    track: int | None  # the store's
    picture: bytes  # PNG


class Classifier:
    """Places and keeps the faces of frames in a result folder.

    Frame after frame: `plan`, then `encode` in any thread, then `place`; plans may run ahead of places. While the
    patience is ``holding``, faces that the disk refuses are recognised and held in memory until `keep_held`.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        read_photo: ReadPhoto,
        empty: Callable[[], PersonDB],
        *,
        quality: float = 0.0,
        patience: Patience | None = None,
    ) -> None:
        """``empty``: makes a gallery of nobody; ``quality``: of the poorest face to be kept, 0 to 1.

        ``patience``: the one that the store was given.
        """
        self._engine = engine
        self._store = store
        self._read_photo = read_photo
        self._empty = empty
        self._quality = quality
        # By number of the follower's track, which knows a face by place and look alone:
        self._tracks: dict[int, Track] = {}  # the store's track, as far as its encodings agree
        self._known: dict[int, Sighting] = {}  # the latest face that was placed
        self._met: dict[int, Track] = {}  # by the store's number: tracks of an earlier run
        self._cannot_links: set[tuple[int, int]] = set()  # tracks of this source that shared a frame
        self._unsaved: set[tuple[int, int]] = set()  # those that the store does not know yet
        self._patience = patience
        self._next_track = 0
        self._held: Held[_Waiting] = Held("faces", self._keep_one_held, patience.tell if patience else lambda _: None)
        self._held_ever = 0  # faces
        self._late: list[Sighting] = []  # what became of faces that were held
        self.look()
        self.begin(None)

    def look(self) -> LookResult:
        """Take the folders as they are now."""
        self._stale = True  # as long as this fails
        looked = self._store.look(self._read_photo)
        faces = {sighting.id: sighting for sighting in looked.faces}
        self.people = self._empty()
        for sighting in faces.values():
            self.people.add(sighting)
        for track, other in looked.kept_apart_tracks:
            if other in faces and (person := faces[other].person):
                self.people.keep_apart(track, person)
        for name, encoding in looked.excluded:
            self.people.exclude(name, encoding)
        for one, other in self._cannot_links:
            self.people.cannot_link(one, other)
        self._known = {
            track: faces.get(old.id, old) for track, old in self._known.items() if old.id in faces or not old.kept
        }
        self._stale = False
        return looked

    def begin(self, refresh: float | None) -> None:
        """Make ready for another source, whose followed faces are encoded every ``refresh`` seconds.

        None: no face is followed, each is placed by itself.
        """
        self._follower = Follower(refresh or 0.0, self._quality)
        self._follows = refresh is not None
        self._next_track = max(self._next_track, self._store.first_track())
        self._tracks.clear()
        self._met.clear()
        self._cannot_links.clear()
        self._known.clear()

    def plan(self, frame: Frame, detections: Sequence[Detection]) -> Plan:
        """What to do with the faces in the next frame of the source, by place, look and quality."""
        if not frame.due:
            return Plan(frame, [], [], [], met=False)
        faces = self._follower.follow(frame, detections)
        same = self._same(frame, faces)
        new = [number for number, face in enumerate(faces) if face.encode and number not in same]
        good = [number for number in new if self._follower.is_good(faces[number].detection)]
        return Plan(frame, faces, good, sorted(set(new) - set(good)), met=bool(same))

    def encode(self, plan: Plan) -> list[Face]:
        """The faces that are to be encoded, as numbers."""
        if not plan.encode:
            return []
        return self._engine.encode(plan.frame.image, [plan.faces[number].detection for number in plan.encode])

    def place(self, plan: Plan, encoded: Sequence[Face]) -> tuple[list[Seen], list[Sighting]]:
        """The faces in a frame, from left to right, and the sightings that are new, met again or changed by them."""
        changed: list[Sighting] = []
        for followed in plan.faces:
            if not followed.sure:
                self._known.pop(followed.track, None)
        same = self._same(plan.frame, plan.faces) if plan.met else {}
        for number, sighting in same.items():
            if sighting:
                self._join_track(plan.faces[number], sighting.encoding, sighting.track)
                self._known[plan.faces[number].track] = sighting
                changed.append(sighting)
        for number, face in zip(plan.encode, encoded, strict=True):
            self._join_track(plan.faces[number], face.encoding)
        decided = {*plan.encode, *(number for number, sighting in same.items() if sighting)}
        self._add_cannot_links([face for number, face in enumerate(plan.faces) if face.sure or number in decided])
        for number, face in zip(plan.encode, encoded, strict=True):
            kept = self._keep_or_hold(plan, face, number)
            if kept:
                self._known[plan.faces[number].track] = kept[0]
            changed += kept
        for number in plan.discard:
            self._store.discard(plan.frame, plan.faces[number].detection)
        self._refresh_known({sighting.id: sighting for sighting in changed})
        return [self._seen(face) for face in plan.faces], changed

    def _refresh_known(self, changed: Mapping[int, Sighting]) -> None:
        self._known = {track: changed.get(known.id, known) for track, known in _latest(self._known).items()}
        self._tracks, self._met = _latest(self._tracks), _latest(self._met)

    def _join_track(self, face: Followed, encoding: Encoding | None, number: int | None = None) -> None:
        """Continue a track of the follower with a face; if they are no one person by its encoding, begin another.

        ``number``: of the store's track, where the face has one from an earlier run. If that run tied it to the faces
        of somebody else, the number says nothing.
        """
        if not self._follows or encoding is None:
            return
        limit = self.people.threshold
        met = self._met.get(number) if number is not None else None
        if met and not met.takes(encoding, limit):
            met = number = None
        track = self._tracks.get(face.track)
        if track is None or number not in (None, track.number) or not track.takes(encoding, limit, sure=face.sure):
            self._known.pop(face.track, None)
            track = self._tracks[face.track] = met or Track(self._new_number() if number is None else number)
        track.add(encoding)
        if number is not None:
            self._met[number] = track

    def _new_number(self) -> int:
        self._next_track += 1
        return self._next_track - 1

    def _add_cannot_links(self, faces: Sequence[Followed]) -> None:
        """Two faces in one frame are two people."""
        numbers = sorted({self._tracks[face.track].number for face in faces if face.track in self._tracks})
        new = [pair for pair in combinations(numbers, 2) if pair not in self._cannot_links]
        self._cannot_links.update(new)
        self._unsaved.update(new)
        for one, other in new:
            self.people.cannot_link(one, other)
        with suppress(*([DiskError] if self._holding else [])):
            self._save_cannot_links()

    def _save_cannot_links(self) -> None:
        if self._unsaved:
            self._store.add_cannot_links(sorted(self._unsaved))
            self._unsaved.clear()

    def _seen(self, face: Followed) -> Seen:
        known = self._known.get(face.track)
        if known is None:
            return Seen(face.detection.box, None)
        # A face met again may have an emotion from an earlier run.
        return Seen(face.detection.box, known.person, known.emotion if self._engine.reads_emotion else None)

    def _same(self, frame: Frame, faces: Sequence[Followed]) -> dict[int, Sighting | None]:
        if frame.fingerprint is None:
            return {}  # a live source never shows anything again
        boxes = [face.detection.box for face in faces]
        return self._on_folders_as_they_are(partial(self._store.same, frame, boxes))

    @property
    def _holding(self) -> bool:
        return self._patience is not None and self._patience.holding

    @property
    def holds(self) -> bool:
        """Whether there is something that `keep_held` is to keep."""
        return bool(self._held or self._unsaved)

    def keep_held(self) -> None:
        """Keep the faces that are held in memory, the oldest first. Raises DiskError where the disk refuses one."""
        self._save_cannot_links()
        self._held.flush()

    def late(self) -> list[Sighting]:
        """What became of faces that were held, each told once."""
        late, self._late = self._late, []
        return late

    def give_up(self) -> None:
        """Forget the faces that are held, which is told."""
        self._held.give_up()

    def _keep_or_hold(self, plan: Plan, face: Face, number: int) -> list[Sighting]:
        track = self._tracks[plan.faces[number].track].number if self._follows else None
        if not (self._holding and self._held):
            try:
                return self._on_folders_as_they_are(partial(self._keep, plan.frame, face, number, track))
            except DiskError:
                if not self._holding:
                    raise
        picture = face_picture(plan.frame, face)
        frame = replace(plan.frame, image=_NO_IMAGE)
        self._held.add(_Waiting(frame, face, number, track, picture), len(picture))
        self._held_ever += 1
        return [_unkept(frame, face, number, self._decide(face, track)[0], -self._held_ever)]

    def _keep_one_held(self, one: _Waiting) -> None:
        self._late += self._on_folders_as_they_are(partial(self._keep, *one))

    def _decide(self, face: Face, track: int | None) -> tuple[Match, int | None]:
        """Whose a face is, and the track that it goes on."""
        if track is not None and self.people.leaves(track, face.encoding):
            track = None
        return self.people.decide(face.encoding, track), track

    def _keep(
        self, frame: Frame, face: Face, number: int, track: int | None, picture: bytes | None = None
    ) -> list[Sighting]:
        match, track = self._decide(face, track)
        kept = self._store.keep(frame, face, match, number, track, picture=picture)
        if kept.new:
            for partner in kept.sightings[1:]:
                self.people.remove_unknown(partner)
            for sighting in kept.sightings:
                self.people.add(sighting)
        return kept.sightings

    def _on_folders_as_they_are(self, action: Callable[[], _T]) -> _T:
        """Do something that writes where the folders should be; if the user changed them meanwhile, look and redo."""
        if self._stale:
            self.look()
        for _ in range(3):
            try:
                return action()
            except FoldersChangedError:
                self.look()
        return action()


def _latest(by_track: dict[int, _T]) -> dict[int, _T]:
    return dict(list(by_track.items())[-_REMEMBERED:])


def _unkept(frame: Frame, face: Face, order: int, match: Match, number: int) -> Sighting:
    """A face that is recognised but not kept so far; ``number``: its id, negative."""
    return Sighting(
        id=number,
        face=name_of(frame.time, order),
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
