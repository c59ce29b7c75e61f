"""A source through the real pipeline into a folder that is thrown away, and the floor: a pass that only decodes."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

from face_classifier.cli import demo
from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Frame
from face_classifier.pipeline import place
from face_classifier.pipeline import run as pipeline
from face_classifier.records import AnalysedFrame
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source, open_source
from face_classifier.sources.picture import read_picture
from face_classifier.vision import engine as engines
from face_classifier.vision.engine import Engine, make_engine
from pace.process import Numbers

_T = TypeVar("_T")


class Watch:
    """The pipeline's observer: when it opened and closed the source, and how many frames were done."""

    def __init__(self, decided: Callable[[Frame], None] = lambda _: None) -> None:
        """``decided``: is told each frame whose faces are placed."""
        self._decided = decided
        self.frames = 0
        self.seconds = self.cpu = 0.0

    def problem(self, sentence: str) -> None:
        print(sentence, file=sys.stderr)

    at_end = problem

    def through(self, steps: Sequence[_T], name: str) -> Iterator[_T]:
        yield from steps

    def opened(self, *_: object) -> None:
        self.seconds, self.cpu = time.perf_counter(), time.process_time()

    def analysed(self, frame: Frame, _: object) -> None:
        self.frames += 1
        self._decided(frame)

    def closed(self, *_: object) -> None:
        self.seconds, self.cpu = time.perf_counter() - self.seconds, time.process_time() - self.cpu


@contextmanager
def warm_engine(settings: Settings) -> Iterator[Engine]:
    """The engine of all runs, which has found and encoded faces before: what that takes is measured as the start."""
    engine = make_engine(settings.engine, None, 1.0, print, settings.encoder)
    image = read_picture(demo.photographs()["obama.jpg"])
    engine.encode(image, engine.detect(image))
    with ExitStack() as stack:
        for home in (engines, pipeline):  # the latter in earlier checkouts
            if hasattr(home, "make_engine"):
                stack.enter_context(patch.object(home, "make_engine", lambda *_, **__: engine))
        yield engine


@contextmanager
def placed_frames(tell: Callable[[AnalysedFrame, place.Placed], None]) -> Iterator[None]:
    """Every frame that is placed is told, with what became of its faces."""
    usual = place.Session.place

    def telling(self: place.Session, analysed: AnalysedFrame) -> place.Placed:
        placed = usual(self, analysed)
        tell(analysed, placed)
        return placed

    with patch.object(place.Session, "place", telling):
        yield


def whole(source: str, settings: Numbers) -> Numbers:
    """One source through the pipeline, from when it is open until it is closed: milliseconds a frame, faces, people."""
    found = 0

    def count(analysed: AnalysedFrame, _: object) -> None:
        nonlocal found
        found += len(analysed.faces)

    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        chosen = load({**settings, "result": str(Path(folder) / "result")}, environ={})
        with warm_engine(chosen), placed_frames(count):
            result = pipeline.run(chosen, [source], threading.Event(), watch)
    sightings = result.sightings or []
    return {
        **_per_frame(watch.frames, watch.seconds, watch.cpu),
        "faces": found,
        "kept": len(sightings),
        "people": len({sighting.person for sighting in sightings} - {None}),
    }


def floor(source: str, seconds: float, stop: float = 0.0) -> Numbers:
    """Milliseconds a sampled frame that it takes to decode alone. ``seconds``, ``stop``: as the settings of a run."""
    with open_source(source) as opened:
        _ = opened.fingerprint  # reads the whole file once
        wall, cpu = time.perf_counter(), time.process_time()
        frames = sum(1 for _ in frames_of(opened, Sampling(seconds, stop=stop)))
        return _per_frame(frames, time.perf_counter() - wall, time.process_time() - cpu)


def frames_of(source: Source, sampling: Sampling) -> Iterator[Frame]:
    return source.frames(sampling, source.start, threading.Event())


def _per_frame(frames: int, seconds: float, cpu: float) -> Numbers:
    return {"frames": frames, "ms": 1000 * seconds / frames, "cpu_ms": 1000 * cpu / frames}
