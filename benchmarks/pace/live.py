"""Cameras, simulated from files at their own pace: how long a frame takes to be decided, and what share of a core."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import product
from pathlib import Path
from statistics import median
from unittest.mock import patch

from face_classifier.core.config.load import load
from face_classifier.core.types import Frame
from face_classifier.pipeline import run as pipeline
from face_classifier.sources.base import Sampling
from face_classifier.sources.video import VideoFile
from pace.process import Numbers
from pace.runs import Watch, warm_engine

_WARM = 1.0  # seconds, in which all faces are new, and which count nowhere
_READY = 1.0  # seconds from opening the first camera until all begin


class Pace:
    """When each frame of each camera was there, by the one clock of all."""

    def __init__(self) -> None:
        self.began = self.cpu = 0.0
        self._lock = threading.Lock()
        self._warm = False

    def due(self, position: float) -> float:
        """When a frame is there; the clock begins with the first question."""
        with self._lock:
            if not self.began:
                self.began = time.perf_counter() + _READY
            if position >= _WARM and not self._warm:
                self._warm, self.cpu = True, time.process_time()
            return self.began + position


class Camera:
    """A film that comes as from a camera: each frame at its time, after it was decoded, and not again."""

    live = True
    duration = None
    fingerprint = None

    def __init__(self, path: str, pace: Pace) -> None:
        self._film, self._pace = VideoFile(path), pace
        self.name, self.start = path, self._film.start

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        for frame in self._film.frames(sampling, start, stopping, between):
            time.sleep(max(0.0, self._pace.due(frame.position) - time.perf_counter()))
            yield replace(frame, fingerprint=None)

    def notes(self) -> list[str]:
        return []

    def close(self) -> None:
        self._film.close()

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def decisions(source: str, cameras: int, settings: Numbers) -> Numbers:
    """So many cameras in one run: milliseconds from when a frame is there until its faces are placed, share of a core.

    A frame that is decoded or taken late counts from its own time.
    """
    pace, late, cpu = Pace(), [], 0.0

    def decided(frame: Frame) -> None:
        nonlocal cpu
        if frame.position >= _WARM:
            late.append(1000 * (time.perf_counter() - pace.due(frame.position)))
            cpu = time.process_time() - pace.cpu

    with tempfile.TemporaryDirectory() as folder:
        paths = _copies(source, Path(folder), cameras)
        chosen = load({**settings, "seconds": 0.0, "result": str(Path(folder) / "result")}, environ={})
        with warm_engine(chosen), _as_cameras(pace):
            pipeline.run(chosen, paths, threading.Event(), Watch(decided))
    late.sort()
    seconds = VideoFile(source).duration or 0.0
    return {
        "frames": len(late),
        "p50_ms": median(late),
        "p99_ms": late[len(late) * 99 // 100],
        "core": cpu / (seconds - _WARM),
    }


def floor(source: str, cameras: int) -> Numbers:
    """The share of a core that it takes to decode the frames of so many cameras at their pace."""
    pace = Pace()

    def watched(path: str) -> None:
        with Camera(path, pace) as camera:
            for _ in camera.frames(Sampling(0), camera.start, threading.Event()):
                pass

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(cameras) as pool:
        list(pool.map(watched, _copies(source, Path(folder), cameras)))
    seconds = VideoFile(source).duration or 0.0
    return {"core": (time.process_time() - pace.cpu) / (seconds - _WARM)}


def _copies(source: str, folder: Path, count: int) -> list[str]:
    """Names for a film, one for each camera."""
    paths = [folder / f"camera_{number}.mp4" for number in range(count)]
    for path in paths:
        path.symlink_to(source)
    return [str(path) for path in paths]


@contextmanager
def _as_cameras(pace: Pace) -> Iterator[None]:
    """Within it, runs take files for cameras, all of them at once."""
    instead = {"is_camera": lambda _: True, "open_source": lambda path: Camera(path, pace)}
    modules = [module for name, module in sys.modules.items() if name.startswith(f"{pipeline.__package__}.")]
    with ExitStack() as stack:
        for module, name in product(modules, instead):  # others in an earlier checkout
            if hasattr(module, name):
                stack.enter_context(patch.object(module, name, instead[name]))
        yield
