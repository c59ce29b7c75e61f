"""One source of a run to its end: analysed here, placed by the owner of the gallery, shown as it is placed."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Frame, Seen
from face_classifier.pipeline.analysis.analyse import AHEAD, Analysis
from face_classifier.pipeline.analysis.begun import BegunAhead
from face_classifier.pipeline.analysis.view import View
from face_classifier.pipeline.desk import Begun, Observer
from face_classifier.pipeline.inputs import Known, sampling_of
from face_classifier.pipeline.placing.discretion import Discretion, discretion_of
from face_classifier.records import AnalysedFrame
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import Chapter, sampled
from face_classifier.sources.discover import Source, chapters_of, open_source
from face_classifier.sources.live.source import LiveSource, changes_told
from face_classifier.vision.engine import Engine

_BEHIND = 16  # frames without pictures that may wait until their faces are placed: the disk takes its time now and then


class Places(Protocol):
    """Where the frames of a run are placed: by the owner of the gallery, in this process or in another one."""

    def begin(self, source: Known, sampling: Sampling, view: View, discretion: Discretion, /) -> Begun:
        """Make ready for a source, whose fingerprint is known already. Raises UserError."""

    def begin_chapter(self, begun: Begun, /) -> Begun:
        """Make ready for the next chapter of a file, in which nobody is followed from before. Raises UserError."""

    def sampling(self, source: Known) -> Sampling:
        """How a source would be sampled if it began now, as far as it is known here."""

    def submit(self, begun: Begun, analysed: AnalysedFrame) -> Future[list[Seen]]:
        """Have the faces of its next frame placed."""


class Shows(Protocol):
    """Where the frames of a source are shown; called in the thread that classifies it."""

    @property
    def shows(self) -> bool:
        """Whether anybody may see the frames, so that they are needed as pictures."""

    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        """A frame with the faces in it."""

    def end(self, source: str) -> None:
        """No more frames of this source come."""

    def flush(self) -> None:
        """Called after each frame, and ten times a second while none comes. Raises DiskError."""


@dataclass(frozen=True)
class Crew:
    """Whom the sources of a run share."""

    settings: Settings
    engine: Engine
    places: Places
    stage: Shows
    observer: Observer
    stopping: threading.Event
    view: View = View.everything  # what counts of the pictures
    ahead: BegunAhead | None = None  # of the first file of the run
    turns: Iterator[int] = field(default_factory=itertools.count)  # numbers for its live sources


def watch(path: str, crew: Crew, ahead: Callable[[Sampling], Records | None] = lambda _: None) -> None:
    """Classify one source to its end, or until the run stops. Raises UserError if it fails.

    ``ahead``: its records, if it was analysed so before its turn; it waits for those.
    """
    with crew.ahead.open(path) if crew.ahead else open_source(path) as source:
        if isinstance(source, LiveSource):
            source.on_change = changes_told(source.name, crew.observer.problem)
        classify(source, crew, ahead)


def classify(source: Source, crew: Crew, ahead: Callable[[Sampling], Records | None] = lambda _: None) -> None:
    """Classify an open source as `watch` does."""
    observer = crew.observer
    begun = _begun(source, crew)
    observer.opened(source, begun.sampling)
    try:
        analysed = _place_chapters(source, begun, crew, ahead(begun.sampling))
    finally:
        crew.stage.end(source.name)
        observer.closed(source)
    if not analysed and begun.sampling.skip and not crew.stopping.is_set():
        observer.problem(nothing_after(source.name, begun.sampling.skip))


def _place_chapters(source: Source, begun: Begun, crew: Crew, records: Records | None) -> int:
    """Have the frames of all chapters placed; returns how many were analysed."""
    count = 0
    for number, chapter in enumerate(sampled(chapters_of(source, crew.settings.chapter), begun.sampling)):
        if crew.stopping.is_set():
            break
        if number:
            begun = crew.places.begin_chapter(begun)
        analysis = _analysis(source, begun, chapter, crew)
        with analysis if records is None else records.frames(number, begun.start) as frames:
            count += _place_all(frames, analysis, source, begun, crew)
        if failure := analysis.failures.failure():
            crew.observer.problem(failure)
    return count


def _analysis(source: Source, begun: Begun, chapter: Chapter, crew: Crew) -> Analysis:
    """That of a chapter, which may have begun ahead."""
    idle = crew.stage.flush
    if crew.ahead and crew.view is View.everything:
        decided = crew.engine, begun.sampling, begun.start, chapter, begun.kept_before
        if ahead := crew.ahead.analysis(source, *decided, idle):
            return ahead
    return Analysis(
        source,
        begun.sampling,
        begun.start,
        crew.engine,
        crew.settings,
        crew.stopping,
        chapter=chapter,
        kept_before=begun.kept_before,
        idle=idle,
        view=crew.view,
        turn=next(crew.turns) if source.live else 0,
    )


def nothing_after(source: str, skip: float) -> str:
    """A sentence: a source has no frame from that second on."""
    return f"{source} has no frame to analyse from second {skip:g} on; give a smaller --skip"


class Records(Protocol):
    """The records of a source that was analysed before its turn."""

    def frames(self, number: int, start: datetime) -> AbstractContextManager[Iterator[AnalysedFrame]]:
        """The frames of its chapter of this number, of those with sampled time from 0, as it began at ``start``."""


def _begun(source: Source, crew: Crew) -> Begun:
    """Make ready for a source."""
    _ = source.fingerprint  # which reads the whole file: not the owner's work
    discretion = discretion_of(crew.settings, source.name)
    return crew.places.begin(source, sampling_of(crew.settings), crew.view, discretion)


def _place_all(frames: Iterator[AnalysedFrame], analysis: Analysis, source: Source, begun: Begun, crew: Crew) -> int:
    """Have the frames placed and show them; returns how many were analysed."""
    waiting: deque[tuple[Frame, Future[list[Seen]] | None]] = deque()
    pictures = source.live or crew.stage.shows
    most = 0 if source.live else AHEAD if pictures else _BEHIND
    count = 0
    seen: list[Seen] = []

    def show_next() -> None:
        nonlocal seen
        frame, placed = waiting.popleft()
        seen = placed.result() if placed else seen  # a frame for the window alone shows the faces of the one before
        crew.stage.show(frame, seen)
        crew.stage.flush()

    for analysed in frames:
        if not pictures:
            analysed = analysed.without_image()
        placed = crew.places.submit(begun, analysed) if analysed.frame.due else None
        count += analysed.frame.due
        waiting.append((analysed.frame, placed))
        while waiting and (len(waiting) > most or waiting[0][1] is None or waiting[0][1].done()):
            show_next()  # so that no picture is kept longer than it has to be
        if source.live and (failure := analysis.failures.first_failure()):
            crew.observer.problem(failure)
    while waiting:
        show_next()
    return count
