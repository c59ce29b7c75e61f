"""The loop: sources in, faces placed and kept, sinks told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from time import monotonic

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.retry import DiskError, Patience
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Sighting
from face_classifier.curate.ask import STARTING, connected
from face_classifier.curate.corrections import Change
from face_classifier.display.captures import Captures
from face_classifier.display.window import Viewer, Window
from face_classifier.events.records import JsonLines
from face_classifier.gallery.opening import check_place
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.analysis.advance import Advance, WaitingRecords
from face_classifier.pipeline.analysis.begun import BegunAhead
from face_classifier.pipeline.desk import Observer
from face_classifier.pipeline.elsewhere import Elsewhere
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.inputs import find_all
from face_classifier.pipeline.show import Stage
from face_classifier.pipeline.watch import Crew, watch
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import is_camera
from face_classifier.vision.ahead import EngineAhead
from face_classifier.vision.engine import Engine


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    failed: int  # sources
    sightings: Sequence[Sighting] | None  # every face as it is labelled at the end; None if no source could be analysed
    rethought: Sequence[Change] = ()  # faces that second thoughts moved, where this process owned the result folder


def run(
    settings: Settings,
    given: Sequence[str],
    stopping: threading.Event,
    observer: Observer,
    viewers: Sequence[Viewer] = (),
    ahead: BegunAhead | None = None,
) -> RunResult:
    """Classify the faces of all sources into the result folder, until their end or until ``stopping`` is set.

    A source that fails is told to ``observer`` and the others go on. Frames are shown to the ``viewers``, too, which
    stay open. ``ahead``: entered, of these settings. Raises UserError if nothing can be done at all, DiskError if a
    disk refuses what is to be written for longer than the user has patience.
    """
    check_place(settings)
    paths, failed = find_all(settings, given, observer, advising=True)
    if not paths:
        return RunResult(failed, None)
    with ExitStack() as stack:
        if ahead is None:
            engines = stack.enter_context(EngineAhead(settings))
            ahead = stack.enter_context(BegunAhead(settings, engines, stopping))
        ahead.begin(paths[0])
        patience = Patience(settings.patience, stopping, observer.problem)
        groups = _grouped(paths)
        tiles = max(map(len, groups))
        captures, window, log = open_sinks(settings, stopping, observer, stack, tiles)
        stage = Stage([*([captures] if captures else []), *viewers], window, patience, stopping)
        # By its encoder, which the result folder decides on.
        engine = cache(partial(ahead.engines.engine, observer.problem))
        places = stack.enter_context(places_of(settings, engine, log, observer, patience))
        own = engine(profile_of(places.settings).encoder)
        run = _Run(Crew(places.settings, own, places, stage, observer, stopping, ahead=ahead), places, stage)
        try:
            with places.looking():
                run.watch_all(groups)
        finally:
            sightings = places.finish()
    failed += run.failed
    return RunResult(failed, sightings if places.analysed or not failed else None, places.rethought)


@contextmanager
def places_of(
    settings: Settings,
    engine: Callable[[str], Engine],
    log: JsonLines | None,
    observer: Observer,
    patience: Patience,
    *,
    analyses: bool = True,
) -> Iterator[Here | Elsewhere]:
    """Who places the frames: this process, or the one that owns the result folder already. Raises UserError.

    ``analyses``: whether this process does, so that it needs its engine in any case.
    """
    if client := connected(Path(settings.result), monotonic() + STARTING):
        with client:
            yield Elsewhere(client, settings, log, observer, patience)
    else:
        with Here.opened(settings, engine, log, observer, patience, analyses=analyses) as here:
            yield here


def open_sinks(
    settings: Settings,
    stopping: threading.Event,
    observer: Teller,
    stack: ExitStack,
    tiles: int,
) -> tuple[Captures | None, Window | None, JsonLines | None]:
    """Opens where a run shows and tells its frames: captures, a window, JSON lines; the ``stack`` closes them."""
    modes = MODES[settings.mode]
    log = JsonLines(Path(settings.jsonl), observer.problem, modes) if settings.jsonl else None
    if log:
        stack.callback(log.close)
    captures = Captures(Path(settings.capture), observer.problem, modes) if settings.capture else None
    if captures:
        stack.callback(captures.close)
    window = Window(stopping, tiles) if settings.display else None
    if window:
        stack.callback(window.close)
    return captures, window, log


def _grouped(paths: Sequence[str]) -> list[list[str]]:
    """Sources in order; live ones that are given one after the other are to run together."""
    groups: list[list[str]] = []
    for path in paths:
        if groups and is_camera(path) and is_camera(groups[-1][0]):
            groups[-1].append(path)
        else:
            groups.append([path])
    return groups


class _Run:
    """One run over all sources into one result folder, in the main thread."""

    def __init__(self, crew: Crew, places: Here | Elsewhere, stage: Stage) -> None:
        self._crew, self._places, self._stage = crew, places, stage
        self.failed = 0  # sources

    def watch_all(self, groups: Sequence[Sequence[str]]) -> None:
        """Classify group after group of sources, those of a group together.

        Raises DiskError where a disk refuses what is to be written: the next source could not be kept either.
        """
        crew = self._crew
        files = [None if is_camera(group[0]) else group[0] for group in groups]
        most = 1 if self._stage.shows else int(crew.settings.parallel)
        with (
            ThreadPoolExecutor(max(map(len, groups), default=1), thread_name_prefix="source") as pool,
            Advance(files, crew.settings, crew.engine, most, self._places.sampling) as advance,
        ):
            for number, group in enumerate(crew.observer.through(groups, "sources")):
                if crew.stopping.is_set():
                    break
                advance.go_on(number)
                try:
                    with self._places.attending(live=files[number] is None):
                        self._watch_together(group, pool, partial(advance.records, number, crew.stopping))
                except FolderGoneError:
                    break  # which the end tells
                finally:
                    self._stage.flush()

    def _watch_together(
        self, paths: Sequence[str], pool: ThreadPoolExecutor, ahead: Callable[[Sampling], WaitingRecords | None]
    ) -> None:
        """Classify sources to their ends, each in a thread of its own. One that fails is told, and the others go on.

        Raises DiskError, FolderGoneError, once all have ended.
        """
        left = {pool.submit(self._watch, path, ahead) for path in paths}
        fault: BaseException | None = None
        while left:
            try:
                self._stage.attend(left)
                for source in [source for source in left if source.done()]:
                    left.remove(source)
                    source.result()
            except (FolderGoneError, DiskError) as error:
                fault = error
                if left:
                    self._crew.stopping.set()
            except UserError as error:
                self.failed += 1
                self._crew.observer.problem(str(error))
            except BaseException:
                self._crew.stopping.set()
                wait(left)
                raise
        if fault:
            raise fault

    def _watch(self, path: str, ahead: Callable[[Sampling], WaitingRecords | None]) -> None:
        with supervised(path):
            watch(path, self._crew, ahead)
