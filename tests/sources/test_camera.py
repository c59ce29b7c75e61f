"""A camera, and a device that stands in for one."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import datetime, timezone
from typing import Any

import pytest
from sources.clips import EVERY_FRAME, START, number_of, numbered
from sources.seams import OpenSource, SourceTests

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.sources.base import Sampling
from face_classifier.sources.camera import Camera
from face_classifier.sources.discover import open_source


class FakeDevice:
    """A camera that serves numbered pictures at a rate, then fails; reads block, as those of a real one do."""

    def __init__(self, rate: float = 100.0, count: int | None = None, fps: float = 30.0, then: Any = None) -> None:
        self._rate, self._count, self._fps, self._then = rate, count, fps, then
        self._numbers = itertools.count()
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, what: int) -> float:
        return self._fps

    def read(self) -> tuple[bool, Any]:
        time.sleep(1 / self._rate)
        number = next(self._numbers)
        if self._count is not None and number >= self._count:
            if self._then is not None:
                raise self._then
            return False, None
        return True, numbered(number)

    def release(self) -> None:
        assert not any(thread.name == "camera 0" for thread in threading.enumerate())
        self.released = True


class TestCamera(SourceTests):
    @pytest.fixture
    def open_it(self) -> OpenSource:
        return lambda: Camera(0, lambda number: FakeDevice())

    def watch(self, device: FakeDevice, sampling: Sampling, between: bool = False, limit: int = 99) -> list[Frame]:
        with Camera(0, lambda number: device) as camera:
            found = list(itertools.islice(camera.frames(sampling, START, threading.Event(), between), limit))
        assert device.released
        return found

    def test_frames_come_on_the_grid_and_carry_the_wall_clock(self) -> None:
        before = datetime.now(timezone.utc)
        found = self.watch(FakeDevice(), Sampling(every=0.2, skip=0.1, stop=0.95))
        after = datetime.now(timezone.utc)
        assert len(found) == 5
        for step, frame in enumerate(found):
            assert frame.position == pytest.approx(0.1 + 0.2 * step, abs=0.1)
        assert all(number_of(frame.image) == frame.index for frame in found)
        assert all(before <= frame.time <= after for frame in found)
        assert all(frame.fingerprint is None and frame.source == "camera 0" and frame.due for frame in found)

    def test_every_0_is_each_new_frame_once(self) -> None:
        found = self.watch(FakeDevice(rate=50), Sampling(every=0), limit=10)
        assert [frame.index for frame in found] == list(range(found[0].index or 0, (found[0].index or 0) + 10))

    def test_between_shows_the_other_frames_too(self) -> None:
        found = self.watch(FakeDevice(rate=50), Sampling(every=0.3, skip=0.1, stop=0.8), between=True)
        assert sum(frame.due for frame in found) == 3
        assert sum(not frame.due for frame in found) > 10
        assert not found[0].due

    def test_slow_analysis_gets_the_newest_picture(self) -> None:
        with Camera(0, lambda number: FakeDevice()) as camera:
            stream = camera.frames(EVERY_FRAME, START, threading.Event())
            first = next(stream)
            time.sleep(0.5)
            second = next(stream)
            assert (second.index or 0) - (first.index or 0) > 10
            assert camera.dropped >= 10
            assert time.monotonic() - camera._opened - second.position < 0.2

    @pytest.mark.parametrize("fps", [0.0, -1.0, float("nan")])
    def test_a_camera_without_a_frame_rate_works(self, fps: float) -> None:
        (frame,) = self.watch(FakeDevice(fps=fps), EVERY_FRAME, limit=1)
        assert frame.tolerance == 0.02

    def test_an_unplugged_camera_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("face_classifier.sources.camera._CAMERA_PATIENCE", 0.2)
        with Camera(0, lambda number: FakeDevice(count=5)) as camera:
            stream = camera.frames(EVERY_FRAME, START, threading.Event())
            with pytest.raises(UserError, match="camera 0 sends no pictures any more; check"):
                list(stream)

    def test_a_short_failure_is_lived_through(self) -> None:
        device = FakeDevice(rate=50)
        good = device.read
        reads = itertools.count()
        device.read = lambda: (False, None) if next(reads) % 5 == 3 else good()  # type: ignore[method-assign]
        assert len(self.watch(device, EVERY_FRAME, limit=12)) == 12

    def test_an_error_in_the_thread_surfaces_where_frames_are_awaited(self) -> None:
        with Camera(0, lambda number: FakeDevice(count=3, then=MemoryError("driver"))) as camera:
            stream = camera.frames(EVERY_FRAME, START, threading.Event())
            with pytest.raises(MemoryError, match="driver"):
                list(stream)

    def test_an_error_in_the_thread_surfaces_at_the_latest_on_closing(self) -> None:
        device = FakeDevice(count=0, then=MemoryError("driver"))
        with pytest.raises(MemoryError, match="driver"), Camera(0, lambda number: device):
            time.sleep(0.1)
        assert device.released

    def test_an_error_of_the_user_of_a_camera_is_not_hidden_by_one_of_the_camera(self) -> None:
        def fail_while_it_fails() -> None:
            with Camera(0, lambda number: FakeDevice(count=0, then=MemoryError("driver"))):
                time.sleep(0.1)
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            fail_while_it_fails()

    def test_stopping_ends_it_though_no_picture_comes(self) -> None:
        stopping = threading.Event()
        timer = threading.Timer(0.2, stopping.set)
        with Camera(0, lambda number: FakeDevice(count=0)) as camera:
            timer.start()
            began = time.monotonic()
            assert list(camera.frames(Sampling(), START, stopping)) == []
            assert time.monotonic() - began < 1
        timer.join()

    def test_a_camera_that_does_not_open_is_told(self) -> None:
        device = FakeDevice()
        device.isOpened = lambda: False  # type: ignore[method-assign]
        with pytest.raises(UserError, match="camera 0 cannot be opened; check"):
            Camera(0, lambda number: device)
        assert device.released

    def test_a_number_without_a_camera_is_told_without_noise(self, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(UserError, match="camera 973 cannot be opened"):
            open_source("973")
        assert capfd.readouterr() == ("", "")
