"""Cameras on the network: whatever goes wrong is noticed and told once, and the pictures come back."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alerts.receivers import black_hole
from conftest import need_tool
from servers.streams import HttpCamera, RtspServer, missing_gstreamer, moving
from sources.clips import EVERY_FRAME, START
from sources.seams import OpenSource, SourceTests

from face_classifier.core.errors import UserError
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import find_sources, is_camera, open_source
from face_classifier.sources.live import feed, watchdog
from face_classifier.sources.live.child import Child
from face_classifier.sources.live.reading.job import Job
from face_classifier.sources.live.source import Camera, LiveSource, SourceState

SILENCE = 1.0  # seconds, in place of 5
SECRET = "pa55-w0rd"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of all times, as of `SILENCE`; `test_watchdog` is about the true ones."""
    monkeypatch.setattr(watchdog, "_WAITS", (0.25, 0.5, 1.0, 2.0))
    monkeypatch.setattr(watchdog, "_PROOF", 0.5)


@pytest.fixture
def camera() -> Iterator[HttpCamera]:
    with HttpCamera() as server:
        yield server


@pytest.fixture(scope="module")
def gstreamer() -> None:
    """Skips where there is no RTSP server; in CI there is one."""
    if reason := missing_gstreamer():
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


class Watched:
    """A live source whose frames are taken in a thread, with every change that it told."""

    def __init__(self, address: str, silence: float = SILENCE, frozen: float = 0.0) -> None:
        self.told: list[SourceState] = []
        camera = Camera("door", Job("stream", address, silence), "the camera", frozen=frozen)
        self.source = LiveSource(camera, self.told.append)
        self.shapes: list[tuple[int, ...]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._take)

    def _take(self) -> None:
        for frame in self.source.frames(EVERY_FRAME, START, self._stopping):
            self.shapes.append(frame.image.shape)

    def await_status(self, status: str, within: float) -> float:
        return until(lambda: self.source.state.status == status, within)

    def __enter__(self) -> Watched:
        self.source.begin()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        began = time.monotonic()
        self.source.close()
        assert time.monotonic() - began < 8
        self._stopping.set()
        self._thread.join()


def until(done: Callable[[], bool], within: float = 10.0) -> float:
    """Seconds until something is so."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < within, "it did not come"
        time.sleep(0.01)
    return time.monotonic() - began


@contextmanager
def nothing_left() -> Iterator[None]:
    """No thread, process or descriptor is left behind."""

    def left() -> list[str]:
        """Descriptors but sockets, of which the servers of the tests have some, too; processes; threads."""
        opened = [os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if exists(number)]
        others = "http camera", "ThreadPoolExecutor"
        threads = [thread.name for thread in threading.enumerate() if not thread.name.startswith(others)]
        kinds = sorted(name for name in opened if not name.startswith("socket:"))
        return [*kinds, *map(str, children()), *threads]

    def exists(number: str) -> bool:
        return os.path.lexists(f"/proc/self/fd/{number}")

    before = left()
    yield
    began = time.monotonic()
    while (after := left()) and len(after) > len(before) and time.monotonic() - began < 3:
        time.sleep(0.05)
    assert len(after) <= len(before), set(after) - set(before)


def children(of: int | None = None) -> list[int]:
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(of or os.getpid())], capture_output=True, text=True
    )
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "live.reading.reader" in line]


def in_parallel(task: Callable[[str], None], words: Iterable[str]) -> None:
    """Do a task with each word, all at a time; raises the first error, with its word."""
    with ThreadPoolExecutor(16) as pool:
        for word, done in [(word, pool.submit(task, word)) for word in words]:
            try:
                done.result()
            except AssertionError as error:
                raise AssertionError(f"{word}: {error}") from error


class TestStream(SourceTests):
    @pytest.fixture
    def open_it(self, camera: HttpCamera) -> OpenSource:
        return lambda: open_source(camera.address())


def test_addresses_are_sources_and_other_schemes_are_told() -> None:
    assert is_camera("rtsp://host/stream")
    assert find_sources("https://host/stream", []).paths == ["https://host/stream"]
    for address in ("file:///etc/passwd", "ftp://a:b@host/x", "concat://a|b", "rtsp://", "http://[bad/x"):
        with pytest.raises(UserError, match="is not a camera; give an address rtsp://"):
            find_sources(address, [])
    with pytest.raises(UserError) as told:
        find_sources(f"ftp://user:{SECRET}@host/x", [])
    assert SECRET not in str(told.value)


def test_a_plain_source_that_does_not_open_ends_with_a_sentence_without_the_login(camera: HttpCamera) -> None:
    camera.become("401")
    with nothing_left(), pytest.raises(UserError, match="refuses the user name or the password") as told:
        open_source(camera.address(login=f"anna:{SECRET}@"))
    assert SECRET not in str(told.value)
    assert "anna" not in str(told.value)


def test_the_name_of_a_stream_is_its_address_without_the_login(camera: HttpCamera) -> None:
    camera.login = f"anna:{SECRET}"
    with open_source(camera.address(f"/stream?password={SECRET}", f"anna:{SECRET}@")) as source:
        assert source.name == camera.address("/stream")
        shown = "\n".join(
            Path(f"/proc/{child}/{file}").read_text("utf-8", "replace")
            for child in children()
            for file in ("cmdline", "environ")
        )
        assert shown
        assert SECRET not in shown


def test_frames_are_the_newest_ones_however_slow_they_are_taken(camera: HttpCamera) -> None:
    with open_source(camera.address()) as source:
        frames = source.frames(EVERY_FRAME, START, threading.Event())
        first = next(frames)
        time.sleep(1)
        second = next(frames)
        assert (second.index or 0) - (first.index or 0) > 8
        assert datetime.now(timezone.utc) - second.time < timedelta(seconds=0.3)


def test_pictures_that_are_not_due_are_not_made_and_not_counted_as_dropped(camera: HttpCamera) -> None:
    with open_source(camera.address()) as source:
        frames = list(source.frames(Sampling(every=0.5, stop=1.8), START, threading.Event()))
        assert [round(frame.position / 0.5) for frame in frames] == [0, 1, 2, 3]
        assert [frame.index for frame in frames][-1] > 15
        assert isinstance(source, LiveSource)
        assert source.state.dropped < 10


# What goes wrong, and what is told of it.
FAULTS = {
    "silent": "sends no picture",
    "drip": "sends no picture",
    "half": "sends no picture",
    "halves": "picture that never ends",
    "header": "sends no picture",
    "404": "no stream of that name",
    "refused": "refuses the connection",
    "redirect": "",
}


def test_faults_are_noticed_told_once_and_lived_through(tmp_path: Path) -> None:
    """All at a time, each with a camera of its own, since most of the time is waited."""

    def live_through(fault: str) -> None:
        with HttpCamera() as camera, Watched(camera.address(login=f"anna:{SECRET}@")) as watched:
            camera.target = f"file://{tmp_path}"
            watched.await_status("good", 20)
            camera.become(fault, cut=fault not in ("half", "halves"))
            watched.await_status("lost", SILENCE + 3)
            until(lambda: FAULTS[fault] in watched.source.state.reason, 8)
            time.sleep(0.5)
            frames = watched.source.state.frames
            camera.become("good")
            watched.await_status("good", 10)
            until(lambda: watched.source.state.frames > frames)
            assert [state.status for state in watched.told] == ["good", "lost", "good"]
            assert SECRET not in "".join(map(repr, watched.told))

    with nothing_left():
        in_parallel(live_through, FAULTS)


def test_a_server_of_streams_that_takes_connections_and_answers_nothing_sends_no_picture() -> None:
    with black_hole() as address, Watched(address.replace("http:", "rtsp:"), silence=0.8) as watched:
        watched.await_status("lost", 20)
        for _ in range(20):  # several trials
            assert "sends no picture at" in watched.source.state.reason
            time.sleep(0.1)


def test_a_camera_that_flaps_is_not_told_at_each_flap(camera: HttpCamera) -> None:
    camera.become("flap")
    with Watched(camera.address()) as watched:
        until(lambda: camera.requests >= 3)
        assert [state.status for state in watched.told] == ["good", "lost"]
        camera.become("good")
        watched.await_status("good", 12)
    assert [state.status for state in watched.told] == ["good", "lost", "good"]


def test_after_a_wrong_password_it_waits_unless_it_is_told_to_hurry(camera: HttpCamera) -> None:
    with Watched(camera.address()) as watched:
        watched.await_status("good", 10)
        camera.become("401")
        until(lambda: "password" in watched.source.state.reason, 5)
        requests = camera.requests
        camera.become("good")
        time.sleep(2.5)
        assert camera.requests == requests
        watched.source.retry_now()
        watched.await_status("good", 3)


def test_a_stopped_reader_is_killed_and_replaced(camera: HttpCamera) -> None:
    with nothing_left(), Watched(camera.address()) as watched:
        watched.await_status("good", 10)
        (child,) = children()
        os.kill(child, signal.SIGSTOP)
        watched.await_status("lost", SILENCE + 1)
        watched.await_status("good", 10)
        assert children() != [child]


def test_a_killed_reader_is_told_and_replaced(camera: HttpCamera) -> None:
    with nothing_left(), Watched(camera.address()) as watched:
        watched.await_status("good", 10)
        os.kill(children()[0], signal.SIGKILL)
        watched.await_status("lost", 1)
        assert "ended by itself" in watched.source.state.reason
        watched.await_status("good", 10)


def test_a_lack_of_room_for_a_reader_is_told_and_lived_through(
    camera: HttpCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = [True]

    def child() -> Child:
        if lacking[0]:
            raise OSError(errno.EMFILE, "Too many open files")
        return Child()

    monkeypatch.setattr(feed, "Child", child)
    with nothing_left(), Watched(camera.address()) as watched:
        watched.await_status("lost", 2)
        assert "has no room for another process" in watched.source.state.reason
        lacking[0] = False
        watched.await_status("good", 10)
        assert [state.status for state in watched.told] == ["lost", "good"]


def test_closing_is_quick_though_the_reader_hangs(camera: HttpCamera) -> None:
    with nothing_left(), Watched(camera.address(), silence=30) as watched:
        watched.await_status("good", 10)
        os.kill(children()[0], signal.SIGSTOP)


def encoded(path: Path, seconds: float = 1.0, *options: str) -> Path:
    """A film of 15 frames a second in H.264."""
    line = f"-v error -f lavfi -i testsrc2=size=320x240:rate=15:duration={seconds} -c:v libx264 -pix_fmt yuv420p -bf 0"
    subprocess.run([need_tool("ffmpeg", "ffmpeg"), *line.split(), *options, str(path)], check=True)
    return path


def test_time_stamps_that_jump_back_do_not_count(camera: HttpCamera, tmp_path: Path) -> None:
    camera.body = encoded(tmp_path / "film.ts").read_bytes()  # the same stamps again and again
    with Watched(camera.address("/again"), silence=3) as watched:
        watched.await_status("good", 10)
        frames = watched.source.state.frames
        until(lambda: watched.source.state.frames - frames >= 20)
        assert [state.status for state in watched.told] == ["good"]


def test_a_file_on_a_server_is_no_camera(camera: HttpCamera, tmp_path: Path) -> None:
    camera.body = encoded(tmp_path / "film.mp4", 2.0, "-movflags", "faststart").read_bytes()
    with pytest.raises(UserError, match="is a file, not a live stream; download it"):
        open_source(camera.address("/file"))


@pytest.mark.parametrize(
    "script",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nfile://{film}\n",
        "ffconcat version 1.0\nfile '{film}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
)
def test_what_an_address_sends_leads_to_no_file(camera: HttpCamera, tmp_path: Path, script: str) -> None:
    film = encoded(tmp_path / "film.ts")
    camera.body = script.format(film=film).encode()
    with pytest.raises(UserError, match=r"nothing that can be read|no camera may have|cannot be reached|ended"):
        open_source(camera.address("/file"))


PARENT = """
import sys, time
from face_classifier.sources.discover import open_source
source = open_source(sys.argv[1])
print("open", flush=True)
time.sleep(60)
"""


def test_the_reader_ends_with_a_killed_parent(camera: HttpCamera) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, camera.address()], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"open\n"
        (child,) = children(parent.pid)
        parent.kill()
        until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2])


@pytest.mark.usefixtures("gstreamer")
class TestRtsp:
    def test_a_stream_with_a_login_is_a_plain_source(self) -> None:
        with nothing_left(), RtspServer({"/cam": moving()}, ("anna", SECRET)) as server:
            with pytest.raises(UserError, match="refuses the user name or the password"):
                open_source(server.address("/cam", "anna:wrong@"))
            with open_source(server.address("/cam", f"anna:{SECRET}@")) as source:
                assert source.name == server.address("/cam")
                frames = list(itertools.islice(source.frames(Sampling(0.2), START, threading.Event()), 4))
        assert all(frame.image.shape == (240, 320, 3) for frame in frames)
        assert any((one.image != frames[0].image).any() for one in frames)

    def test_a_server_that_stalls_is_noticed_and_comes_back(self) -> None:
        with RtspServer({"/cam": moving()}) as server, Watched(server.address("/cam"), 2.0) as watched:
            watched.await_status("good", 10)
            server.signal(signal.SIGSTOP)
            watched.await_status("lost", 3.7)  # and not after twice the silence, for the picture that was held back
            server.signal(signal.SIGCONT)
            watched.await_status("good", 10)

    def test_a_server_that_loses_its_power_is_noticed_and_comes_back_with_other_pictures(self) -> None:
        with RtspServer({"/cam": moving()}) as server, Watched(server.address("/cam")) as watched:
            watched.await_status("good", 10)
            server.kill()
            watched.await_status("lost", SILENCE + 1)
            small = "videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120"
            server.streams = {"/cam": f"{small} ! jpegenc ! rtpjpegpay name=pay0"}
            server.start()
            watched.await_status("good", 10)
            until(lambda: watched.shapes[-1] == (120, 160, 3))

    def test_a_film_that_a_server_plays_is_a_stream(self, tmp_path: Path) -> None:
        film = encoded(tmp_path / "film.mp4", 6.0, "-g", "15")
        sent = f"filesrc location={film} ! qtdemux ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96"
        with RtspServer({"/film": sent}) as server, open_source(server.address("/film")) as source:
            assert len(list(itertools.islice(source.frames(EVERY_FRAME, START, threading.Event()), 5))) == 5

    def test_the_size_may_change_in_mid_stream(self) -> None:
        switch = {"/cam": [(320, 240), (480, 270)]}
        with RtspServer({"/cam": moving()}, switch=switch) as server, Watched(server.address("/cam"), 4) as watched:
            until(lambda: {(240, 320, 3), (270, 480, 3)} <= set(watched.shapes))
            assert [state.status for state in watched.told] == ["good"]
