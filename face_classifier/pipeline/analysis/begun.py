"""The first file of a run, opened and begun while the rest of the program is loaded and its gallery is opened."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import NamedTuple

from face_classifier.core.config.settings import Settings
from face_classifier.pipeline.analysis.analyse import Analysis, KeptBefore
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import Chapter, sampled
from face_classifier.sources.discover import Source, chapters_of, is_camera, open_source
from face_classifier.vision.ahead import EngineAhead
from face_classifier.vision.engine import Engine


class _Begun(NamedTuple):
    """What was begun, and with what."""

    analysis: Analysis
    engine: Engine
    sampling: Sampling
    start: datetime
    chapter: Chapter


class BegunAhead:
    """Opens a file in a thread of its own, and begins to analyse it as one that was never seen. A context manager.

    Whether it was is told by the gallery, which is opened meanwhile: see `analysis`.
    """

    def __init__(self, settings: Settings, engines: EngineAhead, stopping: threading.Event) -> None:
        """``engines``: entered, of these settings; ``stopping``: the user's wish to end."""
        self.engines = engines
        self._settings, self._stopping = settings, stopping
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="opening")
        self._path: str | None = None
        self._opened: Future[Source] | None = None  # until it is handed out
        self._begun: Future[_Begun | None] | None = None  # likewise

    def __enter__(self) -> BegunAhead:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        self._end()
        opened, self._opened = self._opened, None
        if opened and not opened.exception():
            opened.result().close()

    def begin(self, path: str) -> None:
        """Begin with a file, unless it is a camera, which is opened in its turn, or another one was begun."""
        if self._path is None and not is_camera(path):
            self._path = path
            self._opened = self._pool.submit(open_source, path)
            self._begun = self._pool.submit(self._analyse, self._opened)

    def _analyse(self, opened: Future[Source]) -> _Begun | None:
        source, engine = opened.result(), self.engines.sure
        settings, sampling = self._settings, sampling_of(self._settings)
        if engine is None or source.live or sampling.skip:  # which may take long, and nobody can end it but the user
            return None
        chapter = sampled(chapters_of(source, settings.chapter), sampling)[0]
        analysis = Analysis(source, sampling, source.start, engine.result(), settings, self._stopping, chapter=chapter)
        try:
            analysis.begin()
        except BaseException:  # which its turn tells
            analysis.__exit__(None, None, None)
            raise
        return _Begun(analysis, engine.result(), sampling, source.start, chapter)

    def open(self, path: str) -> Source:
        """As `open_source`, once of that file as it was opened before; from any thread."""
        opened = self._opened
        if opened is None or path != self._path:
            return open_source(path)
        self._opened = None
        return opened.result()

    def analysis(
        self,
        source: Source,
        engine: Engine,
        sampling: Sampling,
        start: datetime,
        chapter: Chapter,
        kept_before: KeptBefore,
        idle: Callable[[], None],
    ) -> Analysis | None:
        """The analysis that was begun of a source, if it is this one; else it ends. Parameters as of `Analysis`."""
        if source.name != self._path or self._begun is None:
            return None
        begun = None if self._begun.exception() else self._begun.result()
        if begun is None or begun.engine is not engine or begun[2:] != (sampling, start, chapter):
            self._end()
            return None
        self._begun = None
        begun.analysis.take_over(kept_before, idle)
        return begun.analysis

    def _end(self) -> None:
        begun, self._begun = self._begun, None
        if begun and not begun.exception() and (analysed := begun.result()):
            analysed.analysis.__exit__(None, None, None)
