"""What a worker does: it looks at a source, and analyses it, or chapters of it, into records."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.supervise import supervised
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.archive import analyse_into, head_of
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.pipeline.spread.canary import Canary, canary
from face_classifier.pipeline.spread.cluster import worker_name
from face_classifier.records.file import read_record
from face_classifier.records.folder import Records
from face_classifier.records.known import recalled_chapters
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import WHOLE, Chapter, sampled, tasks
from face_classifier.sources.discover import Source
from face_classifier.vision.engine import Engine, make_engine


@dataclass(frozen=True)
class Job:
    """What all tasks of a run share."""

    folder: str  # in which the user typed the command: what relative paths start from
    records: str  # absolute path of the folder of records
    settings: Settings
    canary: Canary | None = None  # the driver's; None: a worker may compute as it does
    mixed: bool = False  # a record that is there may be of others who compute otherwise
    again: bool = False  # also what could not be analysed before


@dataclass(frozen=True)
class Looked:
    """What the driver is to know of a source before it is analysed."""

    name: str  # as it was given
    fingerprint: str
    start: datetime
    duration: float | None  # seconds; None: it does not tell
    tasks: tuple[tuple[Chapter, ...], ...] = ((WHOLE,),)  # its chapters with sampled time, a tuple a task


@dataclass(frozen=True)
class Analysed:
    """There are records."""

    names: tuple[str, ...]  # of their files, one for each chapter
    told: tuple[str, ...] = ()  # sentences about what is lacking in them
    made: int = 0  # of them were not there before


@dataclass(frozen=True)
class Failed:
    """It cannot be analysed."""

    sentence: str


@dataclass(frozen=True)
class Refused:
    """The worker computes otherwise than the driver, so it did nothing."""

    worker: str
    why: str


Outcome: TypeAlias = Analysed | Failed


@dataclass(frozen=True)
class Begun:
    """What a first look at a source tells, and what became of it if it is one task and was sampled as guessed."""

    looked: Looked
    outcome: Outcome | None


def begin(job: Job, path: str, guess: Sampling | None) -> Begun | Failed | Refused:
    """Look at a source, and analyse it as `analyse` if it is one task, and sampled as guessed; None: only look."""
    looked: list[Looked] = []
    sampling = guess or sampling_of(job.settings)

    def look(root: Root, source: Source) -> Sequence[Chapter]:
        assert source.fingerprint is not None
        found = tasks(sampled(recalled_chapters(root, source, job.settings.chapter), sampling))
        looked.append(Looked(path, source.fingerprint, source.start, source.duration, tuple(found)))
        if guess is None or len(found) > 1:
            raise _EnoughError
        return found[0]

    outcome = _analysed(job, path, sampling, look)
    if isinstance(outcome, Refused) or (isinstance(outcome, Failed) and not looked):
        return outcome
    return Begun(looked[0], outcome)


def analyse(job: Job, path: str, sampling: Sampling, chapters: Sequence[Chapter]) -> Outcome | Refused:
    """Analyse chapters of a source into records, unless there are some; what fails is one, too, without frames."""
    outcome = _analysed(job, path, sampling, lambda _root, _source: chapters)
    assert outcome
    return outcome


def refusal(job: Job) -> Refused | None:
    """Why this process is to do nothing: it computes otherwise than the driver. None: it does not, or may."""
    if job.canary is None:
        return None
    own = _canary_of(job.settings)
    if (own.digest, own.versions) == (job.canary.digest, job.canary.versions):
        return None
    worker, why = worker_name(), job.canary.why_another(own)
    return Refused(worker, f"the worker {worker} gets no work, since {why}; make it alike, or add --mixed")


class _EnoughError(Exception):
    """The source needs no analysis, or its records are there."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        super().__init__()
        self.outcome = outcome


def _analysed(
    job: Job, path: str, sampling: Sampling, chapters: Callable[[Root, Source], Sequence[Chapter]]
) -> Outcome | Refused | None:
    """None: the ``chapters`` raised that it is enough. Raises SetUpError; OSError where the disk is to blame."""
    if refused := refusal(job):
        return refused
    own = _canary_of(job.settings)
    place = path if os.getcwd() == job.folder else os.path.join(job.folder, path)
    try:
        opened = Records(Path(job.records), MODES[job.settings.mode])
    except (UserError, OSError):  # where a share is not mounted, what is made lies on another disk
        worker = worker_name()
        why = f"the worker {worker} gets no work, since {job.records} is not there; mount that share at the same path"
        return Refused(worker, why)
    with opened as records:

        def wanted(source: Source, _: Sampling) -> Sequence[Chapter]:
            found = chapters(records.root, source)
            if there := _found(job, records, source, sampling, found, own.digest):
                raise _EnoughError(there)
            return found

        try:
            with supervised(path):
                return _made(job, records, place, sampling, wanted, own.digest)
        except SetUpError:
            raise
        except DiskError as error:
            raise SetUpError(f"{error.fault}; {error.cure} and give the same command again") from error
        except UserError as error:
            return Failed(str(error))


def _made(
    job: Job,
    records: Records,
    place: str,
    sampling: Sampling,
    chapters: Callable[[Source, Sampling], Sequence[Chapter]],
    kernel: str,
) -> Outcome | None:
    """As `_analysed`. Raises UserError where it cannot be analysed."""
    told, never = list[str](), threading.Event()
    try:
        names = analyse_into(
            records.root,
            place,
            job.settings,
            engine_of(job.settings),
            never,
            sampling=lambda _: sampling,
            tell=told.append,
            chapters=chapters,
            kernel=kernel,
        )
    except _EnoughError as enough:
        return enough.outcome
    assert names is not None
    return Analysed(tuple(names), tuple(told), made=len(names))


def _found(
    job: Job, records: Records, source: Source, sampling: Sampling, chapters: Sequence[Chapter], kernel: str
) -> Outcome | None:
    """What records tell that are there, unless one is not, or is to be made again."""
    names, told, is_whole = [], list[str](), True
    whole = head_of(source, job.settings, sampling, kernel=kernel)
    for chapter in chapters:
        name = records.find(whole.of(chapter), mixed=job.mixed)
        if name is None or (job.again and _is_useless(records, name)):
            is_whole = False
            continue
        head = records.head(name)
        if head.failure is not None:
            return Failed(head.failure)
        names.append(name)
        told += head.notes
    return Analysed(tuple(names), tuple(told)) if is_whole else None


def _is_useless(records: Records, name: str) -> bool:
    """Whether a record is damaged, or tells a failure; then it is removed. All of it is read. Raises OSError."""
    with suppress(UserError), read_record(records.root, name) as (head, frames):
        deque(frames(head.start), 0)
        if head.failure is None:
            return False
    with suppress(FileNotFoundError):  # another worker was faster
        records.remove(name)
    return True


def make_ready(settings: Settings) -> None:
    """Make what a task with these settings needs, so that processes that are forked from this one have it."""
    _canary_of(settings)


def engine_of(settings: Settings) -> Engine:
    """The one of this process with these settings, which is made once."""
    return _engine(*_key(settings))


def _canary_of(settings: Settings) -> Canary:
    return _canary(*_key(settings))


def _key(settings: Settings) -> tuple[str, str | None, float, str, str | None, str]:
    encoder, emotion = profile_of(settings).encoder, settings.emotion_reader
    return settings.engine, settings.detector, settings.resize_ratio, encoder, emotion, settings.precision


@lru_cache(4)
def _engine(name: str, detector: str | None, ratio: float, encoder: str, emotion: str | None, precision: str) -> Engine:
    """Made once a process; what it tells is told by the driver, which makes the same one."""
    return make_engine(name, detector, ratio, lambda _: None, encoder, emotion=emotion, precision=precision)


@lru_cache(4)
def _canary(name: str, detector: str | None, ratio: float, encoder: str, emotion: str | None, precision: str) -> Canary:
    return canary(_engine(name, detector, ratio, encoder, emotion, precision))
