"""Each fault of a camera, again and again: is it noticed, told once, over in time, and what do other cameras lose?

Four cameras are watched at once: RTSP (GStreamer), Motion JPEG and snapshots over HTTP, and a webcam whose driver is a
stand-in. One of them has a fault at a time, for 2 to 14 seconds, so that the cure comes at any point of a wait.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from servers.streams import HttpCamera, RtspServer, missing_gstreamer, moving
from sources.live.test_webcam import DRIVER

from face_classifier.core.config.parts.cameras import Camera
from face_classifier.sources.base import Sampling
from face_classifier.sources.live.opening import open_live
from face_classifier.sources.live.source import LiveSource, SourceState

NOTICED, BACK, KEPT = 10.0, 10.0, 0.98  # what is promised: seconds, seconds, share of the frames of the minute before
STEADY = 11.0  # seconds for which all cameras are good before the next fault
MINUTE = 60.0  # seconds
EVERY = 0.1  # seconds between the frames that are taken


class Watched:
    """A camera, when its frames were taken, and what it told."""

    def __init__(self, name: str, camera: Camera, stack: ExitStack) -> None:
        self.name = name
        self.frames: list[float] = []  # monotonic seconds
        self.told: list[tuple[float, SourceState]] = []
        self.source: LiveSource = stack.enter_context(open_live(name, camera, self._hear))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._take)
        self._thread.start()
        stack.callback(self._end)

    @property
    def is_good(self) -> bool:
        return self.source.state.status == "good"

    def between(self, first: float, last: float) -> int:
        return sum(first <= moment < last for moment in self.frames)

    def _hear(self, state: SourceState) -> None:
        self.told.append((time.monotonic(), state))

    def _take(self) -> None:
        for _ in self.source.frames(Sampling(every=EVERY), datetime.now(timezone.utc), self._stopping):
            self.frames.append(time.monotonic())

    def _end(self) -> None:
        self._stopping.set()
        self._thread.join()


@dataclass
class Fault:
    """Something that goes wrong with a camera, and how often it went well."""

    name: str
    camera: str
    begin: Callable[[], object]
    end: Callable[[], object]
    loses: bool = True  # False: the camera is to stay good
    is_login: bool = False  # its next attempt comes half a minute later
    noticed: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)  # by the others: share of the frames of the minute before
    wrong: list[str] = field(default_factory=list)


def measure(chosen: argparse.Namespace) -> None:
    """Print a Markdown table, and what went wrong."""
    if reason := missing_gstreamer():
        sys.exit(reason)
    random.seed(1)
    with ExitStack() as stack:
        watched, faults = _cameras(stack)
        print(f"watching {len(watched)} cameras; the first minute is the measure", file=sys.stderr, flush=True)
        _await(lambda: all(one.is_good for one in watched.values()), 30)
        time.sleep(MINUTE)
        used = [_used()]
        for turn, fault in itertools.product(range(chosen.times), faults):
            _happen(fault, watched, hurry=turn % 2 == 1)
            if fault is faults[-1]:
                used.append(_used())
                print(f"turn {turn + 1}: {used[-1]}", file=sys.stderr, flush=True)
    _tell(faults, used)


def _cameras(stack: ExitStack) -> tuple[dict[str, Watched], list[Fault]]:
    rtsp = stack.enter_context(RtspServer({"/cam": moving()}, ("anna", "secret")))
    motion, snapshots = (stack.enter_context(HttpCamera()) for _ in range(2))
    mode = stack.enter_context(_driver())
    os.environ["BENCHMARK_PASSWORD"] = "secret"
    login = {"user": "anna", "password_env": "BENCHMARK_PASSWORD"}
    settings = {
        "rtsp": Camera(url=rtsp.address("/cam"), **login),
        "motion": Camera(url=motion.address()),
        "snapshots": Camera(url=snapshots.address("/snapshot"), snapshot=0.2),
        "webcam": Camera(url="0"),
    }
    watched = {name: Watched(name, camera, stack) for name, camera in settings.items()}
    return watched, [*_of_rtsp(rtsp), *_of_http("motion", motion), *_of_http("snapshots", snapshots), *_of_webcam(mode)]


def _of_rtsp(server: RtspServer) -> Iterator[Fault]:
    def again(streams: str, login: tuple[str, str] = ("anna", "secret")) -> None:
        server.end()
        server.streams, server.login = {"/cam": streams}, login
        server.start()

    jpeg = "videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120,framerate=15/1 ! jpegenc ! "
    yield Fault(
        "stops in mid-stream", "rtsp", lambda: server.signal(signal.SIGSTOP), lambda: server.signal(signal.SIGCONT)
    )
    yield Fault("loses its power", "rtsp", server.kill, server.start)
    yield Fault(
        "wrong password", "rtsp", lambda: again(moving(), ("anna", "new")), lambda: again(moving()), is_login=True
    )
    yield Fault(
        "comes back with another codec and size", "rtsp", server.kill, lambda: again(f"{jpeg}rtpjpegpay name=pay0")
    )
    yield Fault("loses its power, and its old codec is back", "rtsp", server.kill, lambda: again(moving()))


def _of_http(name: str, server: HttpCamera) -> Iterator[Fault]:
    server.target = "file:///etc/hostname"
    modes = {
        "accepts and says nothing": "silent",
        "one byte a second": "drip",
        "half a picture, then silence": "half",
        "half pictures only": "halves",
        "a head without end": "header",
        "refuses": "refused",
        "not found": "404",
        "wrong password": "401",
        "leads to a file": "redirect",
    }
    for told, mode in modes.items():
        if (name, mode) == ("snapshots", "half"):
            continue
        cut = mode not in ("half", "halves")
        yield Fault(
            told, name, lambda mode=mode, cut=cut: server.become(mode, cut=cut), lambda: server.become("good"),
            is_login=mode == "401",
        )  # fmt: skip


def _of_webcam(mode: Path) -> Iterator[Fault]:
    for told, how in (("unplugged", "gone"), ("its driver hangs", "hangs")):
        yield Fault(told, "webcam", lambda how=how: mode.write_text(how), lambda: mode.write_text("good"))


@contextmanager
def _driver() -> Iterator[Path]:
    """A stand-in for OpenCV in the processes that read, and the file that tells it what to do."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cv2.py").write_text(DRIVER)
        (Path(folder) / "mode").write_text("good")
        sys.path.insert(0, folder)
        try:
            yield Path(folder) / "mode"
        finally:
            sys.path.remove(folder)


def _happen(fault: Fault, watched: dict[str, Watched], *, hurry: bool) -> None:
    """Let it happen once; ``hurry``: as when a new configuration is read."""
    _await_steady(watched)
    camera = watched[fault.camera]
    told, began = len(camera.told), time.monotonic()
    fault.begin()
    lost = _await(lambda: not camera.is_good, 20)
    if lost is None:
        fault.wrong.append("not noticed")
    else:
        fault.noticed.append(lost)
    time.sleep(random.uniform(2, 14))
    fault.end()
    if fault.is_login and hurry:
        camera.source.retry_now()
    back = _await(lambda: camera.is_good, 45)
    if back is None:
        fault.wrong.append("not back")
    elif not fault.is_login or hurry:
        fault.back.append(back)
    changes = [state.status for _, state in camera.told[told:]]
    if changes != ["lost", "good"]:
        fault.wrong.append(f"told {' '.join(changes)}")
    _judge_others(fault, watched, began, time.monotonic())


def _judge_others(fault: Fault, watched: dict[str, Watched], began: float, ended: float) -> None:
    """What the others had meanwhile, compared with their minute before, as far as they were good in it."""
    for other in watched.values():
        since = max([began - MINUTE, *(moment for moment, _ in other.told if moment < began)])
        if other.name != fault.camera and began - since > 10:
            before = other.between(since, began) / (began - since)
            fault.kept.append(other.between(began, ended) / (ended - began) / before)


def _await_steady(watched: dict[str, Watched]) -> None:
    while True:
        _await(lambda: all(one.is_good for one in watched.values()), 60)
        since = max(moment for one in watched.values() for moment, _ in one.told)
        left = since + STEADY - time.monotonic()
        if left <= 0:
            return
        time.sleep(left)


def _await(done: Callable[[], bool], within: float) -> float | None:
    """Seconds until something is so; None = it did not come."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > within:
            return None
        time.sleep(0.01)
    return time.monotonic() - began


def _used() -> dict[str, int]:
    children = subprocess.run(
        ["ps", "-ww", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    ).stdout
    own = Path("/proc/self/fd")
    descriptors = [os.readlink(own / number) for number in os.listdir(own) if os.path.lexists(own / number)]
    return {
        "descriptors": sum(not name.startswith("socket:") for name in descriptors),  # sockets are the servers'
        "threads": sum(thread.name != "http camera" for thread in threading.enumerate()),
        "children": sum("live.reading.reader" in line for line in children.splitlines()),
    }


def _tell(faults: list[Fault], used: list[dict[str, int]]) -> None:
    print(
        "| camera | fault | times | noticed (median, most) | back (median, most) | others kept (mean, least) | wrong |"
    )
    print("|---|---|---:|---:|---:|---:|---|")
    for fault in faults:
        times = f"{len(fault.noticed)} | {_shown(fault.noticed)} | {_shown(fault.back)}"
        kept = f"{sum(fault.kept) / len(fault.kept):.3f}, {min(fault.kept):.3f}" if fault.kept else ""
        print(f"| {fault.camera} | {fault.name} | {times} | {kept} | {'; '.join(fault.wrong)} |")
    noticed = [seconds for fault in faults for seconds in fault.noticed]
    back = [seconds for fault in faults for seconds in fault.back]
    kept = [share for fault in faults for share in fault.kept]
    print(
        f"\n{sum(seconds <= NOTICED for seconds in noticed)} of {len(noticed)} noticed within {NOTICED:g} s, "
        f"{sum(seconds <= BACK for seconds in back)} of {len(back)} back within {BACK:g} s, "
        f"{sum(share >= KEPT for share in kept)} of {len(kept)} times another camera kept {KEPT:.0%}; "
        f"{sum(bool(fault.wrong) for fault in faults)} faults with something wrong."
    )
    print(f"After the first minute {used[0]}, after each turn {used[1:]}.")


def _shown(seconds: list[float]) -> str:
    middle = sorted(seconds)[len(seconds) // 2] if seconds else 0.0
    return f"{middle:.1f}, {max(seconds):.1f} s" if seconds else "–"
