"""Tracks go as far as their encodings agree, at the threshold in force, and no frame between bridges a doubt."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Listener

from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Encoding, Face, Frame, Image, Sighting
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.store import Store
from face_classifier.identity.considered import considered
from face_classifier.identity.grouping.rule import DLIB
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.rethink import Move, rethink
from face_classifier.identity.tracks import Track, TrackNumbers, cannot_link_pairs, parted, scenes
from face_classifier.pipeline.analysis.analyse import Analyst
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.pipeline.place import Session
from face_classifier.vision.engine import Engine

OBAMA, OBAMA_AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"
NOON = datetime(2024, 5, 6, 12, tzinfo=timezone.utc)


def at(place: float) -> Encoding:
    """An encoding on a line, ``place`` from 0."""
    return np.eye(128)[0] * place


class TestWhatATrackTakes:
    def test_a_face_nearer_than_the_limit_to_the_mean(self) -> None:
        track = Track(0)
        for place in (0.0, 0.4):
            track.add(at(place))
        assert track.takes(at(0.6), 0.46, sure=False)
        assert not track.takes(at(0.7), 0.46, sure=False)

    def test_where_place_and_look_are_sure_the_last_face_counts_too(self) -> None:
        track = Track(0)
        for place in (0.0, 0.4):
            track.add(at(place))
        assert track.takes(at(0.8), 0.46)
        assert not track.takes(at(0.87), 0.46)

    def test_the_limit_is_the_threshold_in_force(self) -> None:
        track = Track(0)
        track.add(at(0.0))
        assert [track.takes(at(0.4), threshold) for threshold in (0.35, 0.45)] == [False, True]


def test_numbers_of_tracks_go_on_until_encodings_disagree() -> None:
    numbers = TrackNumbers(0.46)
    faces = [(7, 0.0), (8, 3.0), (7, 0.2), (7, 1.0), (8, 3.1), (7, 1.1)]
    assert [numbers.of(followed, at(place), sure=True) for followed, place in faces] == [0, 1, 0, 2, 1, 2]


class TestOlderTracks:
    def test_one_that_ties_two_people_is_parted(self, faces: dict[str, Face]) -> None:
        encodings = [faces[name].encoding for name in (OBAMA, OBAMA_AGAIN, BIDEN, OBAMA, BIDEN)]
        assert parted(encodings, [5] * 5, 0.46) == [0, 0, 1, 0, 1]
        assert parted(encodings, [5] * 5, 2.0) == [0] * 5
        assert parted(encodings, [5, 6, 5, 6, 5], 0.46) == [0, 1, 2, 1, 2]

    def test_second_thoughts_part_it(self, faces: dict[str, Face]) -> None:
        names = [OBAMA, OBAMA, OBAMA_AGAIN, BIDEN, BIDEN, BIDEN]
        gallery = [
            Sighting(number, str(number), "person_01", None, position=float(number), encoding=faces[name].encoding,
                     track=5)
            for number, name in enumerate(names, 1)
        ]  # fmt: skip
        assert rethink(gallery, []).moves == [Move((4, 5, 6), None, new=True)]

    def test_what_the_user_put_together_stays(self, faces: dict[str, Face]) -> None:
        gallery = [
            Sighting(number, str(number), "Barack", None, encoding=faces[name].encoding, track=5)
            for number, name in enumerate((OBAMA, OBAMA_AGAIN, BIDEN, BIDEN), 1)
        ]
        assert rethink(gallery, []).moves == []

    def test_second_thoughts_part_it_at_the_threshold_that_the_user_wishes(self) -> None:
        assert DLIB.stricter(0.40 / 0.46, 3).track == pytest.approx(0.40)

    def test_one_whose_faces_lie_with_two_people_tells_nothing_about_the_next_face(
        self, faces: dict[str, Face]
    ) -> None:
        people = PersonDB(0.46)
        for number, (name, person) in enumerate([(OBAMA, "Barack"), (BIDEN, "Joe"), (OBAMA, "Barack")], 1):
            people.add(Sighting(number, name, person, None, encoding=faces[name].encoding, track=5))
        assert people.decide(faces[OBAMA_AGAIN].encoding, 5).person == "Barack"
        assert people.decide(faces[BIDEN].encoding, 5).person == "Joe"


@pytest.fixture(scope="session")
def wall() -> Image:
    """A scene so large that a face in it is a small part of it."""
    grey = np.linspace(60, 200, 640, dtype=np.uint8)
    return np.ascontiguousarray(np.dstack([np.tile(grey, (480, 1))] * 3))


@pytest.fixture
def scene(wall: Image, closeups: dict[str, Image]) -> Callable[..., Image]:
    """The same scene with somebody at the same place; ``blur``: of the face, in pixels."""

    def make(name: str, blur: float = 0.0) -> Image:
        picture = wall.copy()
        face = cv2.resize(closeups[name], (160, 160), interpolation=cv2.INTER_AREA)
        picture[150:310, 240:400] = cv2.GaussianBlur(face, None, blur) if blur else face
        return picture

    return make


def no_photo(path: Path, own_cut: bool) -> tuple[Face, bool]:
    raise AssertionError(f"{path} has its encoding already")


class Program:
    """Follows, places and keeps what it is shown, as a run does."""

    def __init__(
        self, folder: Path, engine: Engine, *, threshold: float = 0.46, quality: float = 0.02, refresh: float = 1.0
    ) -> None:
        self._engine, self._index = engine, count()
        self._store, self.is_open = Store(folder, writing=True), True
        self.analyst = Analyst(engine, Follower(refresh, quality))
        gallery = Gallery(Settings(threshold=threshold), self._store, no_photo, Listener())
        self._session = Session(gallery, follows=True)

    def show(self, image: Image, position: float) -> list[str | None]:
        """Who is seen in the next analysed frame."""
        taken = NOON + timedelta(seconds=position)
        frame = Frame(image, "clip", "clip", next(self._index), position, 0.02, taken)
        plan = self.analyst.plan(frame, self._engine.detect(image))
        return [face.person for face in self._session.place(self.analyst.encode(plan)).seen]

    def faces(self) -> list[Sighting]:
        return list(self._store.look(no_photo).faces)

    def close(self) -> None:
        if self.is_open:
            self._store.close()
        self.is_open = False


@pytest.fixture
def program(tmp_path: Path, engine: Engine) -> Iterator[Callable[..., Program]]:
    opened: list[Program] = []

    def make(folder: str = "result 0", **settings: float) -> Program:
        opened.append(Program(tmp_path / folder, engine, **settings))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


class TestSomebodyElseInTheSamePlaceOfAStillScene:
    @pytest.mark.parametrize("every", [0.04, 0.2, 1.0])
    @pytest.mark.parametrize("names", [(OBAMA, BIDEN), (BIDEN, OBAMA)])
    def test_is_another_track_and_another_person(
        self, program: Callable[..., Program], scene: Callable[..., Image], every: float, names: Sequence[str]
    ) -> None:
        gallery = program()
        for number in range(round(6 / every)):
            gallery.show(scene(names[number * every >= 3]), number * every)
        found = {(sighting.track, sighting.person, (sighting.position or 0) >= 3) for sighting in gallery.faces()}
        assert len({track for track, _, _ in found}) == 2
        assert len({person for _, person, _ in found}) == 2
        assert len(found) == 2

    def test_is_not_shown_under_the_name_of_who_was_there_while_too_poor_to_be_encoded(
        self, program: Callable[..., Program], scene: Callable[..., Image], engine: Engine
    ) -> None:
        sharp, blurred = (engine.detect(scene(BIDEN, blur))[0].quality or 0 for blur in (0.0, 2.0))
        assert blurred < sharp / 2
        gallery = program(quality=(sharp + blurred) / 2)
        names = [gallery.show(scene(OBAMA), number / 2) for number in range(6)]
        assert names[-1] == ["person_01"]
        assert [gallery.show(scene(BIDEN, 2.0), 3 + number / 25) for number in range(3)] == [[None]] * 3
        gallery.show(scene(BIDEN), 3.2)
        *before, last = gallery.faces()
        assert last.track not in {face.track for face in before}


@pytest.mark.parametrize(("threshold", "tracks"), [(0.46, 1), (0.2, 2)])
def test_a_track_is_parted_at_the_threshold_that_the_user_wishes(
    program: Callable[..., Program],
    scene: Callable[..., Image],
    faces: dict[str, Face],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    threshold: float,
    tracks: int,
) -> None:
    assert 0.2 < np.linalg.norm(faces[OBAMA].encoding - faces[OBAMA_AGAIN].encoding) < 0.46
    gallery = program(threshold=threshold)
    given = iter([OBAMA, OBAMA_AGAIN])
    monkeypatch.setattr(
        engine, "encode", lambda image, detections, once: [replace(faces[next(given)], box=detections[0].box)]
    )
    for position in (0.0, 1.0):
        gallery.show(scene(OBAMA), position)
    assert len({face.track for face in gallery.faces()}) == tracks


def test_a_face_met_again_does_not_hand_the_number_of_somebody_elses_track_on(
    program: Callable[..., Program], scene: Callable[..., Image], tmp_path: Path
) -> None:
    """An earlier version tied both; a finer run adds faces between those that are kept already."""
    gallery = program()
    for position, name in enumerate((OBAMA, OBAMA, OBAMA, BIDEN, BIDEN, BIDEN)):
        gallery.show(scene(name), float(position))
    old = {face.id for face in gallery.faces()}
    gallery.close()
    with closing(sqlite3.connect(tmp_path / "result 0" / "faces.sqlite")) as table, table:
        table.execute("UPDATE faces SET track = 1")
    finer = program(folder="result 0", refresh=0.5)
    for number in range(12):
        finer.show(scene((OBAMA, BIDEN)[number >= 6]), number / 2)
    new = [face for face in finer.faces() if face.id not in old]
    mine, yours = ({face.track for face in new if ((face.position or 0) >= 3) is late} for late in (False, True))
    assert mine
    assert yours
    assert not mine & yours
    assert len({(face.person, (face.position or 0) >= 3) for face in new}) == 2


def test_every_part_of_a_track_is_apart_from_every_part_of_another_that_it_was_seen_with() -> None:
    parts_of = [(7, 0), (7, 1), (-3, 2), (9, 3), (9, 4), (9, 4), (7, 0)]
    pairs = cannot_link_pairs(parts_of, [(7, 9), (9, 8), (-3, 7)])
    assert pairs.tolist() == [[0, 3], [0, 4], [1, 3], [1, 4], [2, 0], [2, 1]]
    assert cannot_link_pairs(parts_of, []).shape == cannot_link_pairs([], [(7, 9)]).shape == (0, 2)


class TestScenes:
    """``seen``: source, fingerprint, day, and second of that day's run."""

    @pytest.mark.parametrize(
        ("seen", "numbers"),
        [
            ([("a.mp4", "a", 0, 0), ("a.mp4", "a", 0, 50), ("a.mp4", "a", 0, 120)], [0, 0, 1]),
            ([("a.jpg", "a", 0, 0), ("b.jpg", "b", 0, 0)], [-1, -1]),
            ([("0", None, 0, 1), ("0", None, 0, 2), ("0", None, 1, 1), ("0", None, 1, 2)], [0, 0, 1, 1]),
            ([("a.mp4", "a", 0, 1), ("a.mp4", "a", 0, 2), ("a.mp4", "b", 1, 1), ("a.mp4", "b", 1, 2)], [0, 0, 1, 1]),
            ([], []),
        ],
        ids=["a gap", "photos", "a camera on two days", "a file that was written anew", "none"],
    )
    def test_end_where_nobody_is_seen_for_long(
        self, seen: Sequence[tuple[str, str | None, int, int]], numbers: Sequence[int]
    ) -> None:
        faces = [
            Sighting(
                number,
                f"face {number}",
                None,
                None,
                source=source,
                fingerprint=fingerprint,
                position=float(second),
                time=NOON + timedelta(days=day, seconds=second),
            )
            for number, (source, fingerprint, day, second) in enumerate(seen)
        ]
        known = considered([replace(face, encoding=np.zeros(128)) for face in faces])
        assert scenes(known.source, known.moment).tolist() == numbers
