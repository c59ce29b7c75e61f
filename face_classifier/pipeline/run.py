"""The loop: sources in, faces placed and kept, sinks told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from time import monotonic
from typing import Protocol

from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.retry import DiskError, Patience
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Observer as LongObserver
from face_classifier.core.progress import Teller
from face_classifier.core.settings import Settings
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Frame, Seen, Sighting
from face_classifier.display.captures import Captures
from face_classifier.display.window import Viewer, Window
from face_classifier.events.records import JsonLines
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.snapshot import check_place
from face_classifier.identity.person_db import PersonDB
from face_classifier.pipeline.analyse import Analysis, follows, none_kept
from face_classifier.pipeline.inputs import as_first_seen, find_all
from face_classifier.pipeline.place import Session
from face_classifier.pipeline.records import AnalysedFrame
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source, open_source
from face_classifier.vision.engine import Engine, make_engine


class Observer(LongObserver, Protocol):
    """Whoever watches a run from outside."""

    def opened(self, source: Source, sampling: Sampling) -> None: ...

    def analysed(self, frame: Frame, people: PersonDB) -> None: ...

    def closed(self, source: Source) -> None: ...


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    failed: int  # sources
    sightings: Sequence[Sighting] | None  # every face as it is labelled at the end; None if no source could be analysed


def run(
    settings: Settings,
    given: Sequence[str],
    stopping: threading.Event,
    observer: Observer,
    viewers: Sequence[Viewer] = (),
) -> RunResult:
    """Classify the faces of all sources into the result folder, until their end or until ``stopping`` is set.

    A source that fails is told to ``observer`` and the others go on. Frames are shown to the ``viewers``, too, which
    stay open. Raises UserError if nothing can be done at all, DiskError if a disk refuses what is to be written for
    longer than the user has patience.
    """
    check_place(settings)
    paths, failed = find_all(settings, given, observer)
    if not paths:
        return RunResult(failed, None)
    with ExitStack() as stack:
        patience = Patience(settings.patience, stopping, observer.problem)
        opened, log = _open_sinks(settings, stopping, observer, stack)
        engine = cache(partial(_engine_of, settings, observer))
        gallery = stack.enter_context(
            Gallery.open(settings, observer, engine=engine, make=True, until_done=patience.until_done)
        )
        run = _Run(gallery, engine(), [*opened, *viewers], log, stopping, observer, patience)
        try:
            for path in observer.through(paths, "sources"):
                if stopping.is_set():
                    break
                try:
                    with supervised(path):
                        run.watch(path)
                except FolderGoneError:
                    break  # which the end tells
                except DiskError:
                    raise  # the next source could not be kept either
                except UserError as error:
                    failed += 1
                    observer.problem(str(error))
        finally:
            sightings = run.finish()
    return RunResult(failed, sightings if run.analysed or not failed else None)


def _engine_of(settings: Settings, observer: Teller) -> Engine:
    return make_engine(
        settings.engine,
        settings.detector,
        settings.resize_ratio,
        observer.problem,
        settings.encoder,
        emotion=settings.emotion_reader,
    )


def _open_sinks(
    settings: Settings, stopping: threading.Event, observer: Teller, stack: ExitStack
) -> tuple[list[Viewer], JsonLines | None]:
    log = JsonLines(Path(settings.jsonl), observer.problem, MODES[settings.mode]) if settings.jsonl else None
    viewers: list[Viewer] = []
    if settings.capture:
        viewers.append(Captures(Path(settings.capture), observer.problem, MODES[settings.mode]))
    if settings.display:
        viewers.append(Window(stopping))
    for viewer in viewers:
        stack.callback(viewer.close)
    if log:
        stack.callback(log.close)
    return viewers, log


class _Run:
    """One run over all sources into one result folder."""

    def __init__(
        self,
        gallery: Gallery,
        engine: Engine,
        viewers: Sequence[Viewer],
        log: JsonLines | None,
        stopping: threading.Event,
        observer: Observer,
        patience: Patience,
    ) -> None:
        self._gallery, self._engine, self._settings = gallery, engine, gallery.settings
        self._viewers, self._log, self._stopping, self._observer = viewers, log, stopping, observer
        self._patience = patience
        self._sessions: list[Session] = []  # with faces that may still be held
        self._seen: list[Seen] = []  # in the latest analysed frame
        self._thought = monotonic()
        self.analysed = 0  # frames

    def watch(self, path: str) -> None:
        """Classify one source to its end. Raises UserError if it fails."""
        settings, store = self._settings, self._gallery.store
        with open_source(path) as source, self._session(live=source.live) as session:
            sampling = Sampling(settings.seconds, settings.skip, settings.stop)
            sampling, start = as_first_seen(source, sampling, store)
            analysis = Analysis(
                source,
                sampling,
                start,
                self._engine,
                settings,
                self._stopping,
                kept_before=store.kept_before(source.fingerprint) if source.fingerprint else none_kept,
                idle=self._catch_up,
            )
            self._observer.opened(source, sampling)
            before = self.analysed
            try:
                with analysis as frames:
                    for analysed in frames:
                        self._place(analysed, session)
                        if source.live:
                            self._keep_watch(analysis)
            finally:
                self._observer.closed(source)
            if self.analysed == before and sampling.skip and not self._stopping.is_set():
                self._observer.problem(
                    f"{path} has no frame to analyse from second {sampling.skip:g} on; give a smaller --skip"
                )
            if failure := analysis.failures.failure():
                self._observer.problem(failure)

    def _place(self, analysed: AnalysedFrame, session: Session) -> None:
        """Place the faces of a frame, and show them; where it is for the window alone, those of the frame before."""
        if analysed.frame.due:
            self._seen, changed = session.place(analysed)
            self._tell(changed)
            self.analysed += 1
            self._observer.analysed(analysed.frame, self._gallery.people)
        for viewer in self._viewers:
            viewer.show(analysed.frame, self._seen)
        self._catch_up()

    def _keep_watch(self, analysis: Analysis) -> None:
        """What a source without an end needs from time to time."""
        if failure := analysis.failures.first_failure():
            self._observer.problem(failure)
        if monotonic() - self._thought > self._settings.rethink:
            self._patience.write(self._think_again)

    @contextmanager
    def _session(self, *, live: bool) -> Iterator[Session]:
        """Within, a live source goes on while a disk refuses what is to be written; at the end all of it is written."""
        session = Session(self._gallery, self._tell, follows=follows(self._settings), patience=self._patience)
        self._sessions.append(session)
        self._seen = []
        self._patience.holding = live
        try:
            yield session
        finally:
            self._patience.holding = False
            self._catch_up()
            self._sessions.remove(session)

    def _catch_up(self) -> None:
        """Write what is still to be written, if it may be tried now."""
        for session in self._sessions:
            if session.holds:
                self._patience.write(session.keep_held)
        for viewer in self._viewers:
            self._patience.write(viewer.flush)
        if self._log:
            self._patience.write(self._log.flush)

    def _tell(self, changed: Sequence[Sighting]) -> None:
        if self._log:
            self._log.tell(changed)
        self._gallery.tell_problems()

    def _think_again(self) -> None:
        self._gallery.think_again(self._tell)
        self._thought = monotonic()

    def finish(self) -> Sequence[Sighting]:
        """Think again, and bring the views up to date; returns every face as it is labelled at the end."""
        try:
            self._think_again()
            self._gallery.write_views()
            self._catch_up()
        finally:
            for session in self._sessions:
                session.give_up()
            self._gallery.tell_problems()
        return list(self._gallery.faces.values())
