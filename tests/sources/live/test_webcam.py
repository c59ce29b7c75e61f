"""A webcam, and a device that stands in for one: here is no real one."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from servers.devices import plugged_in
from sources.clips import EVERY_FRAME, START, number_of, numbered
from sources.seams import OpenSource, SourceTests

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import find_sources, open_source
from face_classifier.sources.live import watchdog
from face_classifier.sources.live.reading import device as devices
from face_classifier.sources.live.source import LiveSource


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits, as in `test_live_source`."""
    monkeypatch.setattr(watchdog, "_WAITS", (0.25, 0.5, 1.0, 2.0))
    monkeypatch.setattr(watchdog, "_PROOF", 0.2)
    monkeypatch.setattr(devices, "_PATIENCE", 0.3)


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
        self.released = True


class TestWebcam(SourceTests):
    @pytest.fixture
    def open_it(self) -> Iterator[OpenSource]:
        with plugged_in(lambda number: FakeDevice()):
            yield lambda: open_source("0")

    def watch(self, device: FakeDevice, sampling: Sampling, between: bool = False, limit: int = 99) -> list[Frame]:
        with plugged_in(lambda number: device), open_source("0") as camera:
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
        with plugged_in(lambda number: FakeDevice()), open_source("0") as camera:
            assert isinstance(camera, LiveSource)
            stream = camera.frames(EVERY_FRAME, START, threading.Event())
            first = next(stream)
            time.sleep(0.5)
            second = next(stream)
            assert (second.index or 0) - (first.index or 0) > 10
            assert camera.dropped >= 10
            assert (datetime.now(timezone.utc) - second.time).total_seconds() < 0.2

    @pytest.mark.parametrize("fps", [0.0, -1.0, float("nan")])
    def test_a_camera_without_a_frame_rate_works(self, fps: float) -> None:
        (frame,) = self.watch(FakeDevice(fps=fps), EVERY_FRAME, limit=1)
        assert frame.tolerance == 0.02

    def test_an_unplugged_camera_is_told_and_comes_back_when_it_is_plugged_in(self) -> None:
        plugs = [FakeDevice(count=20), FakeDevice(count=0), FakeDevice()]
        told: list[str] = []
        with plugged_in(lambda number: plugs.pop(0)), open_source("0") as camera:
            assert isinstance(camera, LiveSource)
            camera.on_change = lambda state: told.append(f"{state.status} {state.reason}".strip())
            stream = camera.frames(EVERY_FRAME, START, threading.Event())
            numbers = [number_of(frame.image) for frame in itertools.islice(stream, 40)]
            deadline = time.monotonic() + 3
            while len(told) < 2 and time.monotonic() < deadline:
                next(stream)
        assert told == ["lost camera 0 no longer sends pictures; check its cable", "good"]
        assert max(numbers[:20]) > 10
        assert numbers[-1] > 0

    def test_a_short_failure_is_lived_through(self) -> None:
        device = FakeDevice(rate=50)
        good = device.read
        reads = itertools.count()
        device.read = lambda: (False, None) if next(reads) % 5 == 3 else good()  # type: ignore[method-assign]
        assert len(self.watch(device, EVERY_FRAME, limit=12)) == 12

    def test_an_error_of_the_driver_is_told_and_lived_through(self) -> None:
        plugs = [FakeDevice(count=3, then=MemoryError("driver")), FakeDevice()]
        reasons: list[str] = []
        with plugged_in(lambda number: plugs.pop(0)), open_source("0") as camera:
            assert isinstance(camera, LiveSource)
            camera.on_change = lambda state: reasons.append(state.reason)
            frames = list(itertools.islice(camera.frames(EVERY_FRAME, START, threading.Event()), 10))
        assert len(frames) == 10
        assert "camera 0 cannot be read (MemoryError)" in reasons[0]

    def test_stopping_ends_it_though_no_picture_comes(self) -> None:
        stopping = threading.Event()
        timer = threading.Timer(0.2, stopping.set)
        with plugged_in(lambda number: FakeDevice(count=1)), open_source("0") as camera:
            stream = camera.frames(Sampling(every=0), START, stopping)
            next(stream)
            timer.start()
            began = time.monotonic()
            assert list(stream) == []
            assert time.monotonic() - began < 5
        timer.join()

    def test_a_camera_that_does_not_open_is_told(self) -> None:
        device = FakeDevice()
        device.isOpened = lambda: False  # type: ignore[method-assign]
        with plugged_in(lambda number: device), pytest.raises(UserError, match="camera 0 cannot be opened; check"):
            open_source("0")
        assert device.released

    def test_a_number_without_a_camera_is_told_without_noise(self, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(UserError, match="camera 973 cannot be opened"):
            open_source("973")
        assert capfd.readouterr() == ("", "")

    def test_a_device_is_a_source_by_its_path_too(self) -> None:
        assert find_sources("/dev/video0", []).paths == ["/dev/video0"]
        opened: list[object] = []
        with plugged_in(lambda where: opened.append(where) or FakeDevice()), open_source("/dev/video7") as camera:
            assert camera.name == "/dev/video7"
        assert opened == ["/dev/video7"]


# Comes before OpenCV in the process that reads, and puts another driver into it; the file beside says what that does.
DRIVER = """
import sys, time
from pathlib import Path
import numpy as np
here = Path(__file__)
sys.path.remove(str(here.parent))
del sys.modules["cv2"]
import cv2
class VideoCapture:
    def __init__(self, where): self.count = 0
    def isOpened(self): return mode() != "gone"
    def get(self, what): return 30.0
    def release(self): pass
    def read(self):
        time.sleep(0.03)
        if mode() == "hangs": time.sleep(1000)
        self.count += 1
        return mode() != "gone", np.full((48, 64, 3), self.count % 256, np.uint8)
def mode():
    return here.with_name("mode").read_text()
cv2.VideoCapture = VideoCapture
"""


class TestDriver:
    """The process that reads is killed though the driver hangs."""

    @pytest.fixture
    def mode(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "cv2.py").write_text(DRIVER)
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        (tmp_path / "mode").write_text("good")
        return tmp_path / "mode"

    def test_a_driver_that_hangs_does_not_hold_the_program(self, mode: Path) -> None:
        with open_source("0") as camera:
            next(camera.frames(EVERY_FRAME, START, threading.Event()))
            mode.write_text("hangs")
            time.sleep(0.2)
            began = time.monotonic()
        assert time.monotonic() - began < 8

    @pytest.mark.parametrize("fault", ["hangs", "gone"])
    def test_a_webcam_comes_back(self, mode: Path, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watchdog, "_MARGIN", -4.0)  # of the five seconds of silence one is left
        told: list[str] = []
        with open_source("0") as camera:
            assert isinstance(camera, LiveSource)
            camera.on_change = lambda state: told.append(state.status)
            mode.write_text(fault)
            deadline = time.monotonic() + 5
            while "lost" not in told and time.monotonic() < deadline:
                time.sleep(0.02)
            mode.write_text("good")
            while "good" not in told and time.monotonic() < deadline + 5:
                time.sleep(0.02)
        assert told == ["lost", "good"]
