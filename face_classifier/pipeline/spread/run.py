"""A run whose sources are analysed by a cluster; this process places, in order, while the rest is being analysed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.retry import Patience
from face_classifier.core.errors import WrongUseError
from face_classifier.gallery.opening import check_place
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.inputs import find_all, sampling_of
from face_classifier.pipeline.run import RunResult, open_sinks, places_of
from face_classifier.pipeline.spread.canary import canary
from face_classifier.pipeline.spread.cluster import Cluster
from face_classifier.pipeline.spread.found import Found
from face_classifier.pipeline.spread.local import LocalCluster
from face_classifier.pipeline.spread.placing import Placing
from face_classifier.pipeline.spread.pull import Pull, Watching
from face_classifier.pipeline.spread.task import Failed, Job, make_ready
from face_classifier.records.folder import Records
from face_classifier.sources.discover import is_camera
from face_classifier.vision.engine import Engine, check_detector, engine_of


@dataclass(frozen=True)
class Spread:
    """Where a run is analysed."""

    cluster: Cluster  # entered
    records: Path  # the folder of records
    only_place: bool = False  # what is there; nothing is analysed
    alike: bool = True  # all of the cluster is on this machine, so that every worker computes as it does
    mixed: bool = False  # records may be of processors and versions that compute otherwise
    again: bool = False  # also what could not be analysed before

    def check(self, settings: Settings, given: Sequence[str], observer: Watching) -> None:
        """Tell what the user wants is not the same by the byte; raises WrongUseError where it cannot be done here."""
        if settings.display:
            raise WrongUseError("--display has no frames to show where other processes analyse; leave it out, or --on")
        if settings.capture:
            raise WrongUseError("--capture has no frames to save where other processes analyse; leave it out, or --on")
        if camera := next(filter(is_camera, given), None):
            raise WrongUseError(f"{camera} is a camera, and other processes analyse files alone; leave it out, or --on")
        if self.mixed:
            observer.at_end(
                "records of processors and versions that compute differently may make another result folder"
            )

    def opened(self, settings: Settings) -> Records:
        """The folder of records, made where it is missing and may be. Raises UserError, OSError."""
        records = Records(self.records) if self.only_place else Records.made(self.records, MODES[settings.mode])
        records.remove_left()
        return records

    def job(self, settings: Settings, engine: Callable[[str], Engine]) -> Job:
        """What all tasks of a run with these settings share; the ``engine`` is that of this process, by its encoder."""
        own = None if self.alike or self.mixed else canary(engine(profile_of(settings).encoder))
        folder, records, theirs = os.getcwd(), str(self.records.resolve()), _for_workers(settings)
        if self.alike and isinstance(self.cluster, LocalCluster) and not self.only_place:
            self.cluster.prepare(make_ready, theirs)
        return Job(folder, records, theirs, own, mixed=self.mixed, again=self.again)


def records_beside(result: str) -> Path:
    """Where the records of a result folder lie if the user names no place."""
    folder = Path(result)
    return folder.with_name(f"{folder.name}.records")


def run_on(
    spread: Spread, settings: Settings, given: Sequence[str], stopping: threading.Event, observer: Watching
) -> RunResult:
    """Classify the faces of all sources as `pipeline.run.run` does, which gives the same result folder.

    Raises UserError, DiskError as that.
    """
    spread.check(settings, given, observer)
    check_place(settings)
    paths, failed = find_all(settings, given, observer, advising=True)
    if not paths:
        return RunResult(failed, None)
    with ExitStack() as stack:
        patience = Patience(settings.patience, stopping, observer.problem)
        _, _, log = open_sinks(settings, stopping, observer, stack, 1)
        engine = cache(partial(engine_of, settings, observer.problem))
        places = stack.enter_context(places_of(settings, engine, log, observer, patience, analyses=False))
        check_detector(settings.engine, settings.detector, observer.problem)
        records = stack.enter_context(spread.opened(settings))
        places.note_records(spread.records.resolve())
        find = Found(records, places.settings, mixed=spread.mixed).find if spread.only_place else None
        pull = Pull(spread.cluster, spread.job(places.settings, engine), places.sampling, observer, stopping, find)
        try:
            with places.looking():
                Placing(places, records, pull, observer.problem).place_all(paths)
        finally:
            sightings = places.finish()
    failed += pull.failed
    return RunResult(failed, sightings if places.analysed or not failed else None, places.rethought)


@dataclass(frozen=True)
class AnalyseResult:
    """How it ended that sources were analysed."""

    made: int  # records
    there: int  # records that were there before
    failed: int  # sources


def analyse_on(
    spread: Spread,
    settings: Settings,
    given: Sequence[str],
    stopping: threading.Event,
    observer: Watching,
    share: tuple[int, int] = (1, 1),
) -> AnalyseResult:
    """Analyse sources into records, and place none.

    Parameters
    ----------
    spread: where.
    settings: how; a result folder plays no part.
    given: sources, as for a run.
    stopping: the user's wish to end.
    observer: is told how it goes on.
    share: (K, N) = of all sources the Kth, the one N later, and so on; K from 1.

    Raises
    ------
    UserError: nothing can be done at all.
    """
    spread.check(settings, given, observer)
    paths, failed = find_all(settings, given, observer)
    paths = paths[share[0] - 1 :: share[1]]
    made = there = 0
    with spread.opened(settings):
        job = spread.job(settings, partial(engine_of, settings, observer.problem))
        pull = Pull(spread.cluster, job, lambda _: sampling_of(settings), observer, stopping)
        for ready in pull.through(paths):
            if isinstance(ready.outcome, Failed):
                pull.fail(ready.outcome.sentence)
                continue
            made += ready.outcome.made
            there += len(ready.outcome.names) - ready.outcome.made
            for sentence in ready.outcome.told:
                observer.problem(sentence)
    return AnalyseResult(made, there, failed + pull.failed)


def _for_workers(settings: Settings) -> Settings:
    """What the analysis may depend on: no address, no login leaves this machine."""
    return replace(settings, nested=None)
