"""Cameras of a configuration: snapshots, rehearsals, two streams of one camera, and their passwords."""

from __future__ import annotations

import itertools
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import trustme
from servers.streams import HttpCamera
from sources.clips import EVERY_FRAME, START, number_of, write_clip
from sources.live.test_live_source import in_parallel, until

from face_classifier.core.config.parts.cameras import Camera
from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.sources.base import SAME_TIME, Sampling
from face_classifier.sources.live import watchdog
from face_classifier.sources.live.opening import open_live
from face_classifier.sources.live.source import LiveSource, SourceState

SECRET = "pa55 w0rd/%"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits, as in `test_live_source`."""
    monkeypatch.setattr(watchdog, "_WAITS", (0.25, 0.5, 1.0, 2.0))


@pytest.fixture
def camera() -> Iterator[HttpCamera]:
    with HttpCamera() as server:
        yield server


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of 50 pictures that tell their number."""
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.avi", 50, codec="MJPG")


def taken(source: LiveSource, most: int, sampling: Sampling = EVERY_FRAME) -> list[Frame]:
    return list(itertools.islice(source.frames(sampling, START, threading.Event()), most))


class TestSnapshots:
    def test_come_as_often_as_they_are_asked_for(self, camera: HttpCamera) -> None:
        with open_live("door", Camera(url=camera.address("/snapshot"), snapshot=0.25)) as source:
            frames = taken(source, 4)
        assert 0.5 < frames[-1].position - frames[0].position < 2
        assert frames[0].image.shape == (240, 320, 3)
        assert {frame.source for frame in frames} == {"door"}

    def test_faults_are_told_once_and_lived_through(self, tmp_path: Path) -> None:
        """All at a time, each with a camera of its own, since most of the time is waited."""
        faults = {
            "halves": "picture that never ends",
            "401": "refuses the user name or the password",
            "404": "no stream of that name",
            "refused": "refuses the connection",
            "silent": "sends no picture",
            "drip": "sends no picture",
            "redirect": "redirects to an address that no camera may have",
        }

        def live_through(fault: str) -> None:
            told: list[SourceState] = []
            with HttpCamera() as camera:
                settings = Camera(url=camera.address("/snapshot"), snapshot=0.1, silence=0.8)
                with open_live("door", settings, on_change=told.append) as source:
                    until(lambda: source.state.status == "good", 20)
                    camera.target = f"file://{tmp_path}"
                    camera.become(fault)
                    until(lambda: source.state.status == "lost", 6)
                    until(lambda: faults[fault] in source.state.reason, 8)
                    camera.become("good")
                    source.retry_now()
                    until(lambda: source.state.status == "good")
            assert [state.status for state in told] == ["good", "lost", "good"]

        in_parallel(live_through, faults)

    def test_one_that_fails_between_good_ones_is_no_loss(self, camera: HttpCamera) -> None:
        told: list[str] = []
        settings = Camera(url=camera.address("/snapshot"), snapshot=0.1, silence=3)
        with open_live("door", settings, on_change=lambda state: told.append(state.status)) as source:
            until(lambda: source.state.status == "good")
            camera.become("404")
            time.sleep(0.5)
            camera.become("good")
            requests = camera.requests
            until(lambda: camera.requests > requests + 2)
        assert told == ["good"]

    def test_a_login_is_given_to_the_camera_alone(self, camera: HttpCamera) -> None:
        camera.login = f"anna:{SECRET}"
        settings = Camera(url=camera.address("/snapshot"), snapshot=0.1, user="anna", password_env="DOOR")
        with open_live("door", settings, environ={"DOOR": SECRET}) as source:
            assert taken(source, 1)


def test_a_camera_may_have_a_certificate_that_it_made_itself() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with HttpCamera(tls=context) as camera:
        streamed, fetched = Camera(url=camera.address()), Camera(url=camera.address("/snapshot"), snapshot=0.1)
        for settings in (streamed, fetched):
            with open_live("door", settings) as source:
                assert taken(source, 2)


class TestPasswords:
    def test_come_by_environment_or_file(self, camera: HttpCamera, tmp_path: Path) -> None:
        camera.login = f"anna:{SECRET}"
        (tmp_path / "secret").write_text(f"{SECRET}\n")
        by_file = Camera(url=camera.address(), user="anna", password_file=str(tmp_path / "secret"))
        by_environment = Camera(url=camera.address(), user="anna", password_env="DOOR")
        for settings in (by_file, by_environment):
            with open_live("door", settings, environ={"DOOR": SECRET}) as source:
                assert taken(source, 1)
        with pytest.raises(UserError, match="DOOR"):
            open_live("door", by_environment, environ={})


class TestRehearsal:
    def test_plays_at_its_own_speed_as_a_camera_and_ends(self, clip: Path) -> None:
        told: list[SourceState] = []
        began = time.monotonic()
        with open_live("door", Camera(url=str(clip)), on_change=told.append) as source:
            frames = taken(source, 99)
        assert 1.9 < time.monotonic() - began < 5
        assert (source.live, source.fingerprint) == (True, None)
        assert [state.status for state in told] == ["good", "waiting"]
        assert "has ended" in told[-1].reason
        numbers = [number_of(frame.image) for frame in frames]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == 49
        for one, other in itertools.pairwise(frames):
            step = (number_of(other.image) - number_of(one.image)) / 25
            assert other.position - one.position == pytest.approx(step, abs=0.05)
            assert (other.time - one.time).total_seconds() == pytest.approx(step, abs=0.05)

    def test_its_clock_goes_as_much_faster_as_it_does(self, clip: Path) -> None:
        began = time.monotonic()
        with open_live("door", Camera(url=str(clip), speed=4)) as source:
            frames = taken(source, 99, Sampling(every=0.5))
        assert time.monotonic() - began < 3
        steps = [int((frame.position + SAME_TIME) / 0.5) for frame in frames]  # one just before stands for it
        assert steps == sorted(set(steps))
        assert len(steps) >= 3
        assert 1.2 < frames[-1].position - frames[0].position < 2
        passed = (frames[-1].time - frames[0].time).total_seconds()
        assert passed == pytest.approx(frames[-1].position - frames[0].position, abs=0.05)

    def test_as_fast_as_it_can_it_waits_for_whoever_takes_its_pictures(self, clip: Path) -> None:
        with open_live("door", Camera(url=str(clip), speed=0)) as source:
            numbers = []
            for frame in source.frames(EVERY_FRAME, START, threading.Event()):
                numbers.append(number_of(frame.image))
                time.sleep(0.005)
        assert numbers == list(range(50))
        assert source.dropped == 0

    def test_begins_anew_where_that_is_wished(self, clip: Path) -> None:
        with open_live("door", Camera(url=str(clip), speed=0, repeat=True)) as source:
            frames = taken(source, 120)
        assert [number_of(frame.image) for frame in frames] == [number % 50 for number in range(120)]
        positions = [frame.position for frame in frames]
        assert positions == sorted(set(positions))
        assert positions[-1] - positions[0] == pytest.approx(119 / 25, abs=0.05)

    def test_a_file_that_is_none_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "clip.mp4").write_text("no video")
        with open_live("door", Camera(url=str(tmp_path / "clip.mp4"))) as source:
            until(lambda: source.state.status == "lost")
            assert "nothing that can be read" in source.state.reason


class TestTwoStreams:
    def test_a_frame_has_the_picture_of_the_main_stream_of_the_same_moment(self, camera: HttpCamera) -> None:
        def clock(_number: int) -> np.ndarray:
            """The time in its brightness: it goes round once in 2.55 s."""
            return np.full((480, 640, 3), int(time.monotonic() * 100) % 256, np.uint8)

        with (
            HttpCamera(15, clock) as main,
            HttpCamera(15, lambda number: clock(number)[::2, ::2].copy()) as sub,
            open_live("door", Camera(url=sub.address(), main=main.address())) as source,
        ):
            frames = taken(source, 20, Sampling(every=0.1))
        paired = [frame for frame in frames if frame.main is not None]
        assert len(paired) >= 10
        apart = []
        for frame in paired:
            assert frame.main is not None
            assert frame.image.shape == (240, 320, 3)
            assert frame.main.shape == (480, 640, 3)
            further = abs(int(frame.main[0, 0, 0]) - int(frame.image[0, 0, 0]))
            apart.append(min(further, 256 - further))
        assert np.median(apart) <= 20, "a busy machine is late with some, and pictures of any moments were 64 apart"

    def test_one_without_its_main_stream_goes_on_which_the_log_tells_once(
        self, camera: HttpCamera, caplog: pytest.LogCaptureFixture
    ) -> None:
        with HttpCamera() as main:
            main.become("refused")
            login = f"ann:{quote(SECRET, safe='')}@"
            with open_live("door", Camera(url=camera.address(), main=main.address(login=login))) as source:
                frames = taken(source, 3, Sampling(every=0.1))
                until(lambda: bool(caplog.records))
        assert [frame.main for frame in frames] == [None] * 3
        (line,) = [record.getMessage() for record in caplog.records]
        assert line.startswith("door main refuses the connection; ")
        assert "ann" not in line


def test_a_picture_that_stands_still_is_a_suspicion_that_is_told_once_and_leaves_the_camera_good(
    camera: HttpCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[SourceState] = []
    camera.become("frozen")
    with open_live("door", Camera(url=camera.address(), frozen=4), on_change=told.append) as source:
        until(lambda: source.state.still, 20)
        time.sleep(2.5)
        assert [(state.status, state.still) for state in told] == [("good", False), ("good", True)]
