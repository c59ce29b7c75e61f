"""The loop: sources in, faces placed and kept, sinks told."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Protocol

from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.markers import refuse_source
from face_classifier.core.disk.retry import DiskError, Patience
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Observer as LongObserver
from face_classifier.core.progress import Teller
from face_classifier.core.settings import Settings
from face_classifier.core.supervise import Frames, supervised
from face_classifier.core.types import PICTURE_SUFFIXES, Detection, Face, Frame, Search, Seen, Sighting
from face_classifier.display.captures import Captures
from face_classifier.display.window import Viewer, Window
from face_classifier.events.records import JsonLines
from face_classifier.gallery.snapshot import (
    carry_out,
    check_place,
    kept_apart_pairs,
    photo_reader_of,
    tell_problems,
    with_threshold,
)
from face_classifier.gallery.store import LookResult, Store
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.profiles import of_gallery
from face_classifier.identity.rethink import rethink
from face_classifier.identity.rules import empty_people, rule_of
from face_classifier.pipeline.classify import Classifier, Plan
from face_classifier.pipeline.motion import Searches
from face_classifier.pipeline.workers import Ahead
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source, find_sources, open_source
from face_classifier.vision.engine import Engine, make_engine

_AHEAD = 4  # frames of a file that may wait for a result at each stage


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


def run(settings: Settings, given: Sequence[str], stopping: threading.Event, observer: Observer) -> RunResult:
    """Classify the faces of all sources into the result folder, until their end or until ``stopping`` is set.

    A source that fails is told to ``observer`` and the others go on. Raises UserError if nothing can be done at all,
    DiskError if a disk refuses what is to be written for longer than the user has patience.
    """
    check_place(settings)
    paths, failed = find_all(settings, given, observer)
    if not paths:
        return RunResult(failed, None)
    with ExitStack() as stack:
        patience = Patience(settings.patience, stopping, observer.problem)
        viewers, log = _open_sinks(settings, stopping, observer, stack)
        store = stack.enter_context(
            Store(Path(settings.result), writing=True, modes=MODES[settings.mode], until_done=patience.until_done)
        )
        refuse_other_encoder(settings, store)
        engine = make_engine(
            settings.engine,
            settings.detector,
            settings.resize_ratio,
            observer.problem,
            settings.encoder,
            emotion=settings.emotion_reader,
        )
        if settings.threshold == "auto":
            faces = store.look(photo_reader_of(lambda: engine)).faces
            settings = with_threshold(settings, faces, store.cannot_links(), observer)
        run = _Run(settings, engine, store, viewers, log, stopping, observer, patience)
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


def refuse_other_encoder(settings: Settings, store: Store) -> None:
    other, wanted = of_gallery(store.spaces(), settings.encoder).encoder, settings.encoder
    if other != wanted:
        raise UserError(
            f"the result folder {store.folder} belongs to the encoder {other}, not {wanted}; give --encoder {other}, "
            f"or move it over with `face-classifier reencode --encoder {wanted} --result {store.folder}`"
        )


def as_first_seen(source: Source, sampling: Sampling, store: Store) -> tuple[Sampling, datetime]:
    """How to sample a source, and when it began: the same frame has the position and time ever after that it had."""
    if not source.fingerprint:
        return sampling, source.start
    start = store.first_start(source.fingerprint, source.start)
    return replace(sampling, bridged=store.is_bridged(source.fingerprint)), start


def find_all(
    settings: Settings, given: Sequence[str], observer: Teller, *, keeping: bool = True
) -> tuple[list[str], int]:
    """What to open, and how many of the given sources are of no use.

    A folder that the program wrote is refused, and so is a picture in one, unless nothing is kept of it (``keeping``).
    """
    ours = [Path(folder) for folder in (settings.result, settings.capture) if folder]
    paths: list[str] = []
    failed = 0
    for one in given:
        try:
            with supervised(one):
                if os.path.isdir(one) or (keeping and os.path.splitext(one)[1].lower() in PICTURE_SUFFIXES):
                    refuse_source(one)
                found = find_sources(one, ours)
                paths += found.paths
                for sentence in found.passed_over():
                    observer.at_end(sentence)
        except UserError as error:
            failed += 1
            observer.problem(str(error))
    return paths, failed


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
        settings: Settings,
        engine: Engine,
        store: Store,
        viewers: Sequence[Viewer],
        log: JsonLines | None,
        stopping: threading.Event,
        observer: Observer,
        patience: Patience,
    ) -> None:
        self._patience = patience
        self._settings, self._engine, self._store = settings, engine, store
        self._viewers, self._log, self._stopping, self._observer = viewers, log, stopping, observer
        read_photo = photo_reader_of(lambda: engine)
        self._classifier = Classifier(
            engine, store, read_photo, partial(empty_people, settings), quality=settings.quality, patience=patience
        )
        self._as_ever = settings.engine == "original"  # which looks at every face of every analysed frame, once
        self._thought = monotonic()
        self.analysed = 0  # frames
        tell_problems(self._store, self._observer)

    def watch(self, path: str) -> None:
        """Classify one source to its end. Raises UserError if it fails."""
        settings = self._settings
        sampling = Sampling(settings.seconds, settings.skip, settings.stop)
        searches, frames = Searches(still=self._as_ever or settings.search_still), Frames(path)
        self._classifier.begin(None if self._as_ever else settings.refresh)
        with open_source(path) as source, self._writing_all(live=source.live):
            sampling, start = as_first_seen(source, sampling, self._store)
            ahead = Ahead(
                lambda closing: source.frames(sampling, start, closing, between=settings.display),
                self._stopping,
                search=lambda frame: self._search(frame, searches.next(frame), frames),
                plan=self._classifier.plan,
                encode=lambda plan: self._encode(plan, frames),
                workers=int(settings.workers),
                depth=0 if source.live else _AHEAD,
                idle=self._catch_up,
            )
            self._observer.opened(source, sampling)
            before = self.analysed
            try:
                with ahead:
                    self._show(ahead, frames, live=source.live)
            finally:
                self._observer.closed(source)
            if self.analysed == before and sampling.skip and not self._stopping.is_set():
                self._observer.problem(
                    f"{path} has no frame to analyse from second {sampling.skip:g} on; give a smaller --skip"
                )
            if failure := frames.failure():
                self._observer.problem(failure)

    def _search(self, frame: Frame, how: Search, frames: Frames) -> Callable[[], list[Detection]] | None:
        if how is Search.NONE:
            return None

        def search() -> list[Detection]:
            with frames.step():
                return self._engine.search(frame.image, Search.USUAL if self._as_ever else how)
            return []

        return search

    def _encode(self, plan: Plan, frames: Frames) -> list[Face]:
        with frames.step(begins=False):
            return self._classifier.encode(plan)
        return []

    @contextmanager
    def _writing_all(self, *, live: bool) -> Iterator[None]:
        """Within, a live source goes on while a disk refuses what is to be written; at the end all of it is written."""
        self._patience.holding = live
        try:
            yield
        finally:
            self._patience.holding = False
            self._catch_up()

    def _catch_up(self) -> None:
        """Write what is still to be written, if it may be tried now."""
        if self._classifier.holds:
            self._patience.write(self._keep_held)
        for viewer in self._viewers:
            self._patience.write(viewer.flush)
        if self._log:
            self._patience.write(self._log.flush)

    def _keep_held(self) -> None:
        try:
            self._classifier.keep_held()
        finally:
            self._tell(self._classifier.late())

    def _show(self, ahead: Ahead[Plan], frames: Frames, *, live: bool) -> None:
        """Place the faces of frame after frame, and show them."""
        seen: list[Seen] = []
        for plan, faces in ahead:
            if plan.frame.due:
                plan = plan if faces else replace(plan, encode=[])
                seen, changed = self._classifier.place(plan, faces)
                self._tell(changed)
                self.analysed += 1
                self._observer.analysed(plan.frame, self._classifier.people)
            for viewer in self._viewers:
                viewer.show(plan.frame, seen)
            self._catch_up()
            if live and (failure := frames.first_failure()):
                self._observer.problem(failure)
            if live and monotonic() - self._thought > self._settings.rethink:
                self._patience.write(self._think_again)

    def _tell(self, changed: Sequence[Sighting]) -> None:
        if self._log:
            self._log.tell(changed)
        tell_problems(self._store, self._observer)

    def _think_again(self) -> LookResult:
        """Look, and move what second thoughts say should lie elsewhere; returns every face as it is labelled then.

        The classifier looks, too: one that decides by names which the store knows are gone would bring them back.
        """
        looked = self._classifier.look()
        if not (self._as_ever or self._settings.online_only):
            kept_apart = kept_apart_pairs(self._settings, looked)
            rethought = rethink(looked.faces, self._store.cannot_links(), kept_apart, rule_of(self._settings))
            try:
                for move in rethought.moves:
                    self._tell(carry_out([move], self._store))
            finally:
                if rethought.moves:
                    looked = self._classifier.look()
        self._thought = monotonic()
        return looked

    def finish(self) -> Sequence[Sighting]:
        """Think again, and bring the views up to date; returns every face as it is labelled at the end."""
        try:
            faces = self._think_again().faces
            self._store.write_views(faces)
            self._catch_up()
        finally:
            self._classifier.give_up()
            tell_problems(self._store, self._observer)
        return faces
