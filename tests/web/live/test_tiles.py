"""Pictures of cameras are drawn once for all tabs, and only while somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import cv2
import numpy as np
import pytest
from servers.watched import Cameras, until

from face_classifier.core.types import Box, Image, Seen
from face_classifier.web.live import tiles as module
from face_classifier.web.live.tiles import FRESH, Tile, Tiles, Viewer


@pytest.fixture
def cameras() -> Cameras:
    return Cameras()


@pytest.fixture
def tiles(cameras: Cameras) -> Iterator[Tiles]:
    yield Tiles(cameras)  # type: ignore[arg-type]
    until(lambda: not threads(), "no thread draws")


def grey(shade: int, width: int = 1920, height: int = 1080) -> Image:
    return np.full((height, width, 3), shade, np.uint8)


def decoded(tile: Tile) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(tile.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("live ")]


def awaited(viewer: Viewer) -> Tile:
    found: Tile = until(viewer.next, "there is a tile")
    return found


def ignore() -> None: ...


def test_three_tabs_get_one_tile_that_was_drawn_once(cameras: Cameras, tiles: Tiles):
    cameras.show("door", grey(10))
    with tiles.viewing(ignore) as one, tiles.viewing(ignore) as two, tiles.viewing(ignore) as three:
        for viewer in (one, two, three):
            viewer.want([("door", "small")])
        found = [awaited(viewer) for viewer in (one, two, three)]
        assert found[0] is found[1] is found[2]
        assert tiles.drawn == 1
        assert one.next() is None
        cameras.show("door", grey(200))
        assert decoded(awaited(two)).mean() == pytest.approx(200, abs=2)
        assert tiles.drawn == 2


def test_nothing_is_drawn_that_nobody_looks_at(cameras: Cameras, tiles: Tiles):
    cameras.show("door", grey(10))
    cameras.show("garden", grey(10))
    assert not threads()
    with tiles.viewing(ignore) as viewer:
        viewer.want([("door", "small")])
        awaited(viewer)
        cameras.show("garden", grey(20))
        cameras.show("door", grey(20))
        assert awaited(viewer).camera == "door"
        assert tiles.drawn == 2
        viewer.want([])  # a tab that is hidden
        until(lambda: not threads(), "no thread draws")
        cameras.show("door", grey(30))
        assert viewer.next() is None
    assert tiles.drawn == 2


def test_a_tab_that_is_slow_gets_the_newest_picture_and_holds_no_other(cameras: Cameras, tiles: Tiles):
    with tiles.viewing(ignore) as slow, tiles.viewing(ignore) as fast:
        slow.want([("door", "small")])
        fast.want([("door", "small")])
        for shade in (10, 60, 110, 160):
            cameras.show("door", grey(shade))
            assert decoded(awaited(fast)).mean() == pytest.approx(shade, abs=2)
        assert decoded(awaited(slow)).mean() == pytest.approx(160, abs=2)
        assert slow.next() is None
        assert len(tiles.newest([("door", "small"), ("door", "large")])) == 1


def test_an_old_picture_is_never_shown_as_what_a_camera_sees(cameras: Cameras, tiles: Tiles):
    cameras.show("door", grey(10), age=FRESH + 1)
    cameras.show("garden", grey(10))
    with tiles.viewing(ignore) as viewer:
        viewer.want([("door", "small"), ("garden", "small")])
        assert awaited(viewer).camera == "garden"
        assert viewer.next() is None


def test_a_fast_camera_costs_no_more_than_some_tiles_a_second(
    cameras: Cameras, tiles: Tiles, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_EVERY", {"small": 0.3, "large": 0.0})
    cameras.show("door", grey(0))
    with tiles.viewing(ignore) as viewer:
        began = monotonic()
        viewer.want([("door", "small")])
        awaited(viewer)
        for shade in range(1, 100):
            cameras.show("door", grey(shade))
        last = awaited(viewer)
        while decoded(last).mean() < 97:  # the cameras of a busy machine are slow
            last = awaited(viewer)
        assert 2 <= tiles.drawn <= 1 + (monotonic() - began) / 0.3


@pytest.mark.parametrize(("size", "width"), [("small", 480), ("large", 1280)])
def test_a_tile_is_as_large_as_it_is_shown(cameras: Cameras, tiles: Tiles, size: Any, width: int):
    cameras.show("door", grey(90), [Seen(Box(400, 800, 700, 500), "Anna")])
    with tiles.viewing(ignore) as viewer:
        viewer.want([("door", size)])
        image = decoded(awaited(viewer))
    assert image.shape == (width * 9 // 16, width, 3)
    part = image[round(400 * width / 1920) : round(700 * width / 1920), round(500 * width / 1920) :]
    assert part.max() > 200  # corners and a name


def test_who_is_hidden_cannot_be_made_out_in_a_tile(cameras: Cameras, tiles: Tiles, portraits: dict[str, Image]):
    face = cv2.resize(portraits["obama.jpg"], (1920, 1080))
    hidden = Seen(Box(300, 1200, 800, 700), None, forgotten=True)
    cameras.show("door", np.asarray(face, np.uint8), [hidden])
    with tiles.viewing(ignore) as viewer:
        viewer.want([("door", "small")])
        image = decoded(awaited(viewer))
    inside = image[80:195, 180:295].astype(int)
    plain = cv2.resize(face, (480, 270), interpolation=cv2.INTER_AREA)[80:195, 180:295].astype(int)
    assert np.abs(np.diff(inside, axis=0)).mean() < np.abs(np.diff(plain, axis=0)).mean() / 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_picture_that_cannot_be_drawn_costs_nobody_the_next_ones(cameras: Cameras, tiles: Tiles):
    cameras.show("door", grey(1, 0, 0))
    with tiles.viewing(ignore) as viewer:
        viewer.want([("door", "small")])
        until(lambda: not threads(), "the thread has ended")
    cameras.show("door", grey(90))
    with tiles.viewing(ignore) as viewer:
        viewer.want([("door", "small")])
        assert decoded(awaited(viewer)).shape[1] == 480
