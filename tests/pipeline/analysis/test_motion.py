"""Which scenes are searched again, and how."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from pipeline.analysis.test_tracker import frame_of, noisy

from face_classifier.core.types import Box, Detection, Face, Frame, Image, Search, cut
from face_classifier.pipeline.analysis.motion import MotionGate, Searches
from face_classifier.pipeline.analysis.workers import Ahead
from face_classifier.vision.engine import Engine


@pytest.fixture(scope="session")
def room(photographs: dict[str, Path]) -> Image:
    """An empty scene of 1280 x 720 pixels with light and dark parts: a photograph, blurred beyond recognition."""
    photograph = cv2.imread(str(photographs["obama3.jpg"]))[1200:1900, :1400]
    return np.asarray(cv2.resize(cv2.GaussianBlur(photograph, None, 25), (1280, 720)), np.uint8)


@pytest.fixture(scope="session")
def camera(room: Image) -> Callable[[Image, int], Image]:
    """Adds the noise of a cheap camera, another for every frame."""
    noise = np.random.default_rng(1).normal(0, 6, (2 * room.shape[0], *room.shape[1:])).astype(np.int16)

    def see(scene: Image, number: int) -> Image:
        shifted = noise[97 * number % len(room) :][: len(room)]
        return np.clip(scene + shifted, 0, 255).astype(np.uint8)

    return see


def with_face(room: Image, face: Image, top: int, left: int) -> Image:
    scene = room.copy()
    scene[top : top + face.shape[0], left : left + face.shape[1]] = face
    return scene


def small_face(portraits: dict[str, Image], faces: dict[str, Face], name: str, around: float = 0.0) -> Image:
    """A face 40 pixels wide, with that share of its size ``around`` it."""
    box = faces[name].box
    rows, columns = round(around * box.height), round(around * box.width)
    wider = Box(box.top - rows, box.right + columns, box.bottom + rows, box.left - columns)
    return np.asarray(
        cv2.resize(
            cut(portraits[name], wider), None, fx=40 / box.width, fy=40 / box.width, interpolation=cv2.INTER_AREA
        ),
        np.uint8,
    )


def dark(image: np.ndarray, grain: np.ndarray) -> np.ndarray:
    return np.clip(image + grain + 0.5, 0, 255).astype(np.uint8)


class TestTheMotionGate:
    def test_what_moves_in_the_dark_is_seen_and_the_noise_of_a_dark_night_is_not(self):
        noise = np.random.default_rng(0)
        still, moving = MotionGate(), MotionGate()
        seen = []
        for number in range(6):
            room = np.full((360, 640, 3), 18, np.uint8)
            person = room.copy()
            person[100:200, 100 + 40 * number : 180 + 40 * number] = 23  # a little brighter than the room
            grain = noise.normal(0, 2, room.shape)
            seen.append((still.moved(dark(room, grain)), moving.moved(dark(person, grain))))
        assert seen == [(True, True), *[(False, True)] * 5]

    def test_the_first_frame_counts_as_moved_and_camera_noise_does_not(
        self, room: Image, camera: Callable[[Image, int], Image]
    ) -> None:
        scene = MotionGate()
        assert [scene.moved(camera(room, number)) for number in range(12)] == [True] + [False] * 11

    @pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg"])
    def test_a_face_of_40_pixels_that_comes_or_goes_anywhere_counts(
        self,
        name: str,
        room: Image,
        camera: Callable[[Image, int], Image],
        portraits: dict[str, Image],
        faces: dict[str, Face],
    ) -> None:
        face = small_face(portraits, faces, name)
        assert face.shape[1] == 40
        places = [(0, 0), (3, 1237), (301, 645), (205, 207), (660, 911), (500, 100), (87, 1003)]
        for number, (top, left) in enumerate(places):
            scene = MotionGate()
            assert scene.moved(camera(room, number))
            assert scene.moved(camera(with_face(room, face, top, left), number + 1))
            assert scene.moved(camera(room, number + 2))

    @pytest.mark.parametrize("size", [(640, 360), (768, 432), (1920, 1080), (3840, 2160)])
    def test_so_it_is_in_pictures_of_all_sizes(
        self, size: tuple[int, int], room: Image, portraits: dict[str, Image], faces: dict[str, Face]
    ) -> None:
        noise, factor = np.random.default_rng(3), size[0] / 1280
        empty = cv2.resize(room, size, interpolation=cv2.INTER_LINEAR)
        face = small_face(portraits, faces, "obama.jpg")
        face = np.asarray(cv2.resize(face, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR), np.uint8)

        grain = noise.normal(0, 6, (size[1] + 64, size[0] + 64, 3)).astype(np.float32)

        def see(scene: Image) -> Image:
            top, left = noise.integers(0, 64, 2)
            return cv2.add(scene, grain[top : top + size[1], left : left + size[0]], dtype=cv2.CV_8U)

        scene = MotionGate()
        assert [scene.moved(see(empty)) for _ in range(4)] == [True, False, False, False]
        for top, left in ((301, 645), (87, 1003), (500, 100)):
            there = with_face(empty, face, round(factor * top), round(factor * left))
            assert scene.moved(see(there))
            assert not scene.moved(see(there))
            assert scene.moved(see(empty))

    def test_a_slow_change_adds_up(self, room: Image) -> None:
        scene = MotionGate()
        moved = [scene.moved(cv2.add(room, (level, level, level, 0))) for level in range(20)]
        assert moved[0]
        assert not any(moved[1:7])
        assert any(moved[7:10])

    def test_a_small_or_odd_picture_is_compared_too(self) -> None:
        for shape in ((1, 1, 3), (37, 1001, 3), (1001, 37, 3), (1081, 1923, 3)):
            scene = MotionGate()
            image = np.full(shape, 90, np.uint8)
            assert [scene.moved(image), scene.moved(image), scene.moved(image + 30)] == [True, False, True]

    def test_a_face_entering_a_still_scene_is_found_in_the_same_sample_and_still_frames_are_not_searched(
        self,
        room: Image,
        camera: Callable[[Image, int], Image],
        portraits: dict[str, Image],
        faces: dict[str, Face],
        engine: Engine,
    ) -> None:
        person = small_face(portraits, faces, "biden.jpg", around=0.6)
        views = [room] * 4 + [with_face(room, person, 300, 700)] * 3 + [room] * 2
        frames = [frame_of(camera(view, number), float(number)) for number, view in enumerate(views)]
        searched: list[float] = []

        def detect(frame: Frame) -> list[Detection]:
            searched.append(frame.position)
            return engine.detect(frame.image)

        scene, counts = MotionGate(), [0]

        def count(_frame: Frame, _note: None, found: list[Detection] | None) -> None:
            counts.append(counts[-1] if found is None else len(found))

        ahead = Ahead(
            lambda closing: iter(frames),
            threading.Event(),
            search=lambda frame: (None, partial(detect, frame) if scene.moved(frame.image) else None),
            plan=count,
            encode=lambda _: [],
            workers=1,
            depth=2,
        )
        with ahead:
            assert len(list(ahead)) == 9
        assert counts[1:] == [0, 0, 0, 0, 1, 1, 1, 0, 0]
        assert searched == [0.0, 4.0, 7.0]


class TestWhichFramesAreSearchedForSmallFaces:
    @pytest.fixture
    def room(self, portraits: dict[str, Image]) -> Image:
        return cv2.resize(portraits["obama.jpg"], (320, 180))

    def test_every_four_seconds_and_where_nobody_is_found_every_two(self, room: Image) -> None:
        for step, marks in ((0.25, "T.......K.......T.......K"), (1.0, "T.K.T.K"), (1.001, "T.K.T.K"), (3.0, "TKTKT")):
            searches = Searches(still=True)
            how = [searches.next(frame_of(room, number * step)).how for number in range(len(marks))]
            letters = {Search.THOROUGH: "T", Search.KEEN: "K", Search.USUAL: "."}
            assert "".join(letters[one] for one in how) == marks, step

    def test_two_seconds_after_the_last_where_there_was_a_cut(self, room: Image, portraits: dict[str, Image]) -> None:
        searches = Searches(still=True)
        other = cv2.resize(portraits["biden.jpg"], (320, 180))
        how = [searches.next(frame_of(view, now / 2)).how for now, view in enumerate([room] * 3 + [other] * 7)]
        assert [now / 2 for now, one in enumerate(how) if one is Search.THOROUGH] == [0.0, 2.0]
        assert [now / 2 for now, one in enumerate(how) if one is Search.KEEN] == [4.0]

    def test_a_still_scene_once(self, room: Image) -> None:
        searches = Searches(still=False)
        how = [searches.next(frame_of(noisy(room, number), float(number))).how for number in range(6)]
        assert how == [Search.THOROUGH, *[Search.NONE] * 5]

    def test_a_scene_that_stays_as_it_became_once_more(self, room: Image) -> None:
        searches = Searches(still=False)
        views = [room, *[np.ascontiguousarray(room[::-1])] * 5]
        how = [searches.next(frame_of(view, float(number))).how for number, view in enumerate(views)]
        assert how == [Search.THOROUGH, Search.USUAL, Search.KEEN, Search.NONE, Search.THOROUGH, Search.NONE]
