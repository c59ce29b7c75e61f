"""Cameras that run together are searched in turn: no moment has the work of all of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone

import numpy as np
import pytest

from face_classifier.core.config.load import load
from face_classifier.core.types import Detection, Frame, Image, Search
from face_classifier.pipeline.analysis.analyse import Analysis, phase_of
from face_classifier.sources.base import File, Sampling

NOON = datetime(2024, 5, 6, 12, tzinfo=timezone.utc)
FPS, SECONDS = 15, 12


class Street(File):
    """A camera before a scene in which something always moves."""

    live = True

    def __init__(self, image: Image) -> None:
        super().__init__("street")
        self._image = image

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        for number in range(FPS * SECONDS):
            image = np.ascontiguousarray(np.roll(self._image, 3 * number, axis=1))
            yield Frame(image, self.name, None, number, number / FPS, 0.02, NOON)


class NobodyThere:
    """An engine that notes how it searched which picture."""

    def __init__(self) -> None:
        self.searched: list[Search] = []

    def search(self, image: Image, how: Search) -> list[Detection]:
        self.searched.append(how)
        return []


def searched(image: Image, turn: int) -> dict[int, Search]:
    """How the frames of a camera are searched, by their numbers."""
    engine, settings, how = NobodyThere(), load({}, environ={}), {}
    analysis = Analysis(Street(image), Sampling(0), NOON, engine, settings, threading.Event(), turn=turn)
    with analysis as frames:
        for number, _ in enumerate(frames):
            how |= dict.fromkeys([number] * len(engine.searched), *engine.searched)
            engine.searched.clear()
    return how


@pytest.fixture(scope="module")
def cameras(portraits: dict[str, Image]) -> list[dict[int, Search]]:
    """Four that are opened in the same moment."""
    image = np.ascontiguousarray(portraits["obama.jpg"][:180, :320])
    return [searched(image, turn) for turn in range(4)]


class TestFourCameras:
    def test_are_searched_thoroughly_in_frames_of_their_own(self, cameras: list[dict[int, Search]]) -> None:
        thorough = [[number for number, how in one.items() if how is Search.THOROUGH] for one in cameras]
        assert {numbers[0] for numbers in thorough} == {0}
        later = Counter(number for numbers in thorough for number in numbers[1:])
        assert max(later.values()) == 1
        assert all(numbers[1] <= 4 * FPS + 1 for numbers in thorough), "none waits longer than one that is alone"
        assert all(np.diff(numbers[1:]).min() >= 4 * FPS for numbers in thorough)

    def test_are_searched_as_often_as_one_and_at_most_two_of_them_at_once(
        self, cameras: list[dict[int, Search]]
    ) -> None:
        assert {len(one) for one in cameras} <= {len(cameras[0]), len(cameras[0]) + 1, len(cameras[0]) + 2}
        at_once = Counter(number for one in cameras for number in one if number > FPS)
        usual = Counter(at_once.values())
        assert usual[1] + usual[2] > 0.95 * usual.total()

    def test_have_phases_that_are_far_apart_however_many_there_are(self) -> None:
        for many in (2, 3, 4, 8, 16):
            phases = sorted(phase_of(turn) for turn in range(many))
            gaps = np.diff([*phases, phases[0] + 1])
            assert gaps.min() > 0.38 / many
