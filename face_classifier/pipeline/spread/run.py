"""A run whose sources are analysed by a cluster; this process places, in order, while the rest is being analysed."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from face_classifier.core.config.settings import NESTED, Settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.retry import DiskError, Patience
from face_classifier.core.disk.rooted import Root
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.errors import UserError, WrongUseError
from face_classifier.core.types import Seen
from face_classifier.gallery.opening import check_place
from face_classifier.pipeline.analysis.analyse import AHEAD
from face_classifier.pipeline.analysis.view import View
from face_classifier.pipeline.desk import Begun
from face_classifier.pipeline.elsewhere import Elsewhere
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.inputs import find_all, sampling_of
from face_classifier.pipeline.placing.discretion import discretion_of
from face_classifier.pipeline.run import RunResult, engine_of, open_sinks, places_of
from face_classifier.pipeline.spread.cluster import Cluster
from face_classifier.pipeline.spread.pull import Pull, Ready, Watching
from face_classifier.pipeline.spread.task import Analysed, Failed, Job
from face_classifier.pipeline.watch import nothing_after
from face_classifier.records.file import read_record
from face_classifier.sources.discover import is_camera


@dataclass(frozen=True)
class Spread:
    """Where a run is analysed."""

    cluster: Cluster  # not entered so far
    records: Path  # the folder of records, made where it is missing


def records_beside(result: str) -> Path:
    """Where the records of a result folder lie if the user names no place."""
    folder = Path(result)
    return folder.with_name(f"{folder.name}.records")


def check(settings: Settings, given: Sequence[str]) -> None:
    """Raises WrongUseError where sources cannot be analysed elsewhere as the user wants it."""
    if settings.display:
        raise WrongUseError("--display shows frames that other processes analyse, and those keep none; leave out --on")
    if settings.capture:
        raise WrongUseError("--capture saves frames that other processes analyse, and those keep none; leave out --on")
    if camera := next(filter(is_camera, given), None):
        raise WrongUseError(f"{camera} is a camera, which this process alone can read; leave out --on")


def run_on(
    spread: Spread, settings: Settings, given: Sequence[str], stopping: threading.Event, observer: Watching
) -> RunResult:
    """Classify the faces of all sources as `pipeline.run.run` does, which gives the same result folder.

    Raises UserError, DiskError as that.
    """
    check(settings, given)
    check_place(settings)
    paths, failed = find_all(settings, given, observer)
    if not paths:
        return RunResult(failed, None)
    with ExitStack() as stack:
        patience = Patience(settings.patience, stopping, observer.problem)
        _, _, log = open_sinks(settings, stopping, observer, stack, 1)
        engine = cache(partial(engine_of, settings, observer))
        places = stack.enter_context(places_of(settings, engine, log, observer, patience))
        root = stack.enter_context(Root.made(spread.records, MODES[settings.mode]))
        cluster = stack.enter_context(spread.cluster)
        job = Job(os.getcwd(), str(root.path.resolve()), _for_workers(places.settings))
        pull = Pull(cluster, job, places.sampling, observer, stopping)
        placing = _Placing(places, root, pull, observer.problem)
        try:
            with places.looking():
                placing.place_all(paths)
        finally:
            sightings = places.finish()
    failed += len(placing.failed)
    return RunResult(failed, sightings if places.analysed or not failed else None, places.rethought)


def _for_workers(settings: Settings) -> Settings:
    """What the analysis may depend on: no address, no login leaves this machine."""
    usual = Settings()
    return replace(settings, **{name: getattr(usual, name) for name in NESTED})


class _Placing:
    """Places the records of sources, one after the other."""

    def __init__(self, places: Here | Elsewhere, root: Root, pull: Pull, tell: Callable[[str], None]) -> None:
        """``tell``: is told what goes wrong."""
        self._places, self._root, self._pull, self._tell = places, root, pull, tell
        self.failed: list[str] = []  # sentences

    def place_all(self, paths: Sequence[str]) -> None:
        """Raises UserError, DiskError."""
        for ready in self._pull.through(paths):
            try:
                with self._places.attending(live=False):
                    self._place(ready)
            except FolderGoneError:
                return  # which the end tells
            except DiskError:
                raise  # the next source could not be kept either
            except UserError as error:
                self._fail(str(error))

    def _fail(self, sentence: str) -> None:
        self.failed.append(sentence)
        self._tell(sentence)

    def _place(self, ready: Ready) -> None:
        """Raises UserError where the record is none."""
        if ready.looked is None or isinstance(ready.outcome, Failed):
            assert isinstance(ready.outcome, Failed)
            self._fail(ready.outcome.sentence)
            return
        settings, source, outcome = self._places.settings, ready.looked, ready.outcome
        discretion = discretion_of(settings, source.name)
        begun = self._places.begin(source, sampling_of(settings), View.everything, discretion)
        if begun.sampling != ready.sampling:
            again = self._pull.again(ready, begun.sampling)
            if not isinstance(again, Analysed):
                if again:
                    self._fail(again.sentence)
                return
            outcome = again
        count = self._place_record(outcome.name, begun, source.name)
        if not count and begun.sampling.skip:
            self._tell(nothing_after(source.name, begun.sampling.skip))
        for sentence in outcome.told:
            self._tell(sentence)

    def _place_record(self, name: str, begun: Begun, source: str) -> int:
        """Place the frames of a record under the name that the source has now; returns how many there were."""
        count = 0
        waiting: deque[Future[list[Seen]]] = deque()
        with read_record(self._root, name) as (_, frames):
            for analysed in frames(begun.start):
                count += 1
                named = replace(analysed, frame=replace(analysed.frame, source=source))
                waiting.append(self._places.submit(begun, named))
                while len(waiting) > AHEAD:
                    waiting.popleft().result()
                self._pull.go_on()
        while waiting:
            waiting.popleft().result()
        return count
