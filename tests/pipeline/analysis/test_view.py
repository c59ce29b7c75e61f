"""Masks, zones, least sizes and hours: what of a camera's pictures is analysed, and what nobody gets to see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Box, Detection, Frame, Image, Search
from face_classifier.pipeline.analysis.analyse import Analysis
from face_classifier.pipeline.analysis.view import View
from face_classifier.records import AnalysedFrame
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.vision.engine import Engine

LEFT = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
RIGHT = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]
L_SHAPED = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.25), (0.25, 0.25), (0.25, 1.0), (0.0, 1.0)]
WIDTH, HEIGHT = 480, 240


@pytest.fixture(scope="module")
def porch(closeups: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of one president on the left, and of a smaller one on the right who moves all the time."""
    path = tmp_path_factory.mktemp("porch") / "porch.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (WIDTH, HEIGHT))
    small = cv2.resize(closeups["biden.jpg"], (180, 180), interpolation=cv2.INTER_AREA)
    for number in range(40):
        scene = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        scene[:, :240] = closeups["obama.jpg"]
        across = 226 + 12 * (number % 4)
        scene[30:210, across : across + 180] = small
        writer.write(scene)
    writer.release()
    return path


class Counting:
    """An engine that counts how often it is asked to search."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.searches = engine, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def search(self, image: Image, how: Search) -> list[Detection]:
        self.searches += 1
        return self._engine.search(image, how)


def analysed(
    porch: Path, engine: object, view: View, start: datetime | None = None, settings: Settings | None = None
) -> list[AnalysedFrame]:
    with open_source(str(porch)) as source:
        start, settings = start or source.start, settings or Settings()
        analysis = Analysis(source, Sampling(every=0.2), start, engine, settings, threading.Event(), view=view)
        with analysis as frames:
            return list(frames)


def centres(frames: Iterable[AnalysedFrame]) -> Iterator[float]:
    for frame in frames:
        for face in frame.faces:
            yield (face.detection.box.left + face.detection.box.right) / 2 / WIDTH


def test_both_faces_are_there_without_a_view(porch: Path, engine: Engine) -> None:
    frames = analysed(porch, engine, View.everything)
    assert {len(frame.faces) for frame in frames} == {2}


def test_behind_a_mask_nothing_is_found_or_kept_and_nothing_is_left_of_the_picture(porch: Path, engine: Engine) -> None:
    frames = analysed(porch, engine, View(masks=[LEFT]))
    assert len(frames) == 20
    assert {len(frame.faces) for frame in frames} == {1}
    assert min(centres(frames)) > 0.5
    assert not any(frame.frame.image[:, : WIDTH // 2].any() for frame in frames)
    kept = [(face.detection.box, face.picture) for frame in frames for face in frame.faces if face.picture]
    hidden = 0
    for box, content in kept:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        behind = max(0, WIDTH // 2 - (box.left - box.width))  # columns of the kept picture that lie behind the mask
        assert not picture[:, :behind].any()
        hidden += behind
    assert hidden > 0


@pytest.mark.parametrize("settings", [Settings(pixelate="strangers"), Settings(known_only=True)])
@pytest.mark.parametrize("view", [View({"right": RIGHT}, ignore=["right"]), View(min_face=77)])
def test_where_strangers_are_shown_to_nobody_a_face_that_does_not_count_is_not_either(
    porch: Path, engine: Engine, view: View, settings: Settings
) -> None:
    plain, discreet = analysed(porch, engine, view), analysed(porch, engine, view, settings=settings)
    assert {len(frame.faces) for frame in plain} == {1}
    assert {len(frame.faces) for frame in discreet} == {1}
    for frame in plain:
        assert len(engine.search(frame.frame.image, Search.USUAL)) == 2
    for frame in discreet:
        assert len(engine.search(frame.frame.image, Search.USUAL)) == 1, "nobody is found there any more"


def test_what_moves_behind_a_mask_has_nothing_searched(porch: Path, engine: Engine) -> None:
    open_to_all, covered = Counting(engine), Counting(engine)
    analysed(porch, open_to_all, View.everything)
    frames = analysed(porch, covered, View(masks=[[(0.45, 0.0), (1.0, 0.0), (1.0, 1.0), (0.45, 1.0)]]))
    assert open_to_all.searches == 20
    assert covered.searches <= 3
    assert {len(frame.faces) for frame in frames} == {1}, "who stands still is still there"


def test_a_mask_is_no_rectangle(frame: Callable[..., Frame]) -> None:
    given = frame("obama.jpg")
    before = given.image.copy()
    image = View(masks=[L_SHAPED]).prepare(given).image
    height, width = image.shape[:2]
    assert not image[: height // 4].any()
    assert not image[:, : width // 4].any()
    assert np.array_equal(image[height // 4 + 2 :, width // 4 + 2 :], before[height // 4 + 2 :, width // 4 + 2 :])
    assert np.array_equal(given.image, before), "the picture of the source stays what it is"


def test_a_mask_lies_over_the_main_picture_too(frame: Callable[..., Frame]) -> None:
    small = frame("obama.jpg")
    large = np.ascontiguousarray(np.repeat(np.repeat(small.image, 2, 0), 2, 1))
    seen = View(masks=[LEFT]).prepare(replace(small, main=large))
    assert seen.main is not None
    half = large.shape[1] // 2
    assert not seen.main[:, :half].any()
    assert np.array_equal(seen.main[:, half + 1 :], large[:, half + 1 :])


def test_a_mask_that_leaves_the_picture_covers_what_is_in_it(frame: Callable[..., Frame]) -> None:
    image = View(masks=[[(-1.0, -1.0), (2.0, -1.0), (2.0, 2.0), (-1.0, 2.0)]]).prepare(frame("obama.jpg")).image
    assert not image.any()


def test_a_frame_of_many_pixels_is_masked_in_milliseconds() -> None:
    image = np.full((720, 1280, 3), 200, np.uint8)
    frame = Frame(image, "door", None, 0, 0.0, 0.02, datetime.now(timezone.utc))
    view = View(masks=[LEFT, L_SHAPED, RIGHT])
    view.prepare(frame)
    began = time.thread_time()
    for _ in range(20):
        view.prepare(frame)
    assert (time.thread_time() - began) / 20 < 0.01


@pytest.mark.parametrize(
    ("rule", "sides"),
    [
        ({"only": ["left"]}, {"left"}),
        ({"ignore": ["left"]}, {"right"}),
        ({"only": ["all"], "ignore": ["right"]}, {"left"}),
        ({"only": ["left", "right"]}, {"left", "right"}),
        ({"only": ["left"], "ignore": ["all"]}, set()),
    ],
)
def test_faces_count_by_the_zones_in_which_they_are(
    rule: dict[str, list[str]], sides: set[str], porch: Path, engine: Engine
) -> None:
    zones = {"left": LEFT, "right": RIGHT, "all": [(0, 0), (1, 0), (1, 1), (0, 1)]}
    frames = analysed(porch, engine, View(zones, **rule))
    assert len(frames) == 20
    assert {"left" if centre < 0.5 else "right" for centre in centres(frames)} == sides


def test_small_faces_do_not_count(porch: Path, engine: Engine) -> None:
    heights = sorted({face.detection.box.height for frame in analysed(porch, engine, View()) for face in frame.faces})
    least = (heights[0] + heights[-1]) / 2
    frames = analysed(porch, engine, View(min_face=least))
    assert {len(frame.faces) for frame in frames} == {1}
    assert max(centres(frames)) < 0.5


def test_a_zone_is_told_by_the_centre_of_a_box_also_of_a_larger_picture(frame: Callable[..., Frame]) -> None:
    view = View({"L": L_SHAPED, "right": RIGHT})
    small = frame("obama.jpg")
    large = replace(small, image=np.ascontiguousarray(np.repeat(np.repeat(small.image, 2, 0), 2, 1)))
    height, width = small.image.shape[:2]

    def at(across: float, down: float) -> Box:
        left, top = round(across * width) - 10, round(down * height) - 10
        return Box(top, left + 20, top + 20, left)

    for place, zones in (
        ((0.1, 0.9), ("L",)),
        ((0.9, 0.1), ("L", "right")),
        ((0.4, 0.6), ()),
        ((0.8, 0.8), ("right",)),
    ):
        assert view.zones_of(at(*place), small) == zones
        assert view.zones_of(at(*place).scaled(2), large) == zones


def test_nothing_is_analysed_outside_the_hours(porch: Path, engine: Engine) -> None:
    noon = datetime.now().astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
    view = View(hours=["08:00-12:00"])
    frames = analysed(porch, engine, view, start=noon - timedelta(seconds=2))
    assert [frame.frame.position < 2 for frame in frames] == [True] * len(frames)
    assert len(frames) == 10
    assert view.is_open(noon - timedelta(seconds=1))
    assert not view.is_open(noon)
