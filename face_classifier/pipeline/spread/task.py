"""What a worker does: it looks at a source, and analyses it into a record."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.supervise import supervised
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.archive import analyse_into, head_of
from face_classifier.pipeline.spread.canary import Canary, canary
from face_classifier.pipeline.spread.cluster import worker_name
from face_classifier.records.folder import Records
from face_classifier.sources.base import Sampling
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


@dataclass(frozen=True)
class Analysed:
    """There is a record."""

    name: str  # of its file
    told: tuple[str, ...] = ()  # sentences about what is lacking in it
    is_new: bool = False  # it was not there before


@dataclass(frozen=True)
class Failed:
    """It cannot be analysed."""

    sentence: str
    was_tried: bool = False  # by an earlier run


@dataclass(frozen=True)
class Refused:
    """The worker computes otherwise than the driver, so it did nothing."""

    worker: str
    why: str


Outcome: TypeAlias = Analysed | Failed


@dataclass(frozen=True)
class Begun:
    """What a first look at a source tells, and what became of it if it was sampled as guessed; None: it was not."""

    looked: Looked
    outcome: Outcome | None


def begin(job: Job, path: str, guess: Sampling | None) -> Begun | Failed | Refused:
    """Look at a source, and analyse it as `analyse` if it is sampled as guessed; None: only look."""
    looked: list[Looked] = []

    def sampling(source: Source) -> Sampling:
        assert source.fingerprint is not None
        looked.append(Looked(path, source.fingerprint, source.start, source.duration))
        if guess is None:
            raise _EnoughError
        return guess

    outcome = _analysed(job, path, sampling)
    if isinstance(outcome, Refused) or (isinstance(outcome, Failed) and not looked):
        return outcome
    return Begun(looked[0], outcome)


def analyse(job: Job, path: str, sampling: Sampling) -> Outcome | Refused:
    """Analyse a source into a record, unless there is one; what fails is a record, too, without frames."""
    outcome = _analysed(job, path, lambda _: sampling)
    assert outcome
    return outcome


class _EnoughError(Exception):
    """The source needs no analysis, or its record is there."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        super().__init__()
        self.outcome = outcome


def _analysed(job: Job, path: str, sampling: Callable[[Source], Sampling]) -> Outcome | Refused | None:
    """None: the ``sampling`` raised that it is enough. Raises SetUpError; OSError where the disk is to blame."""
    own = _canary_of(job.settings)
    if job.canary and (own.digest, own.versions) != (job.canary.digest, job.canary.versions):
        worker, why = worker_name(), job.canary.why_another(own)
        return Refused(worker, f"the worker {worker} gets no work, since {why}; make it alike, or add --mixed")
    place = path if os.getcwd() == job.folder else os.path.join(job.folder, path)
    with Records.made(Path(job.records), MODES[job.settings.mode]) as records:

        def sampling_unless_found(source: Source) -> Sampling:
            wanted = sampling(source)
            if found := _found(job, records, source, wanted, own.digest):
                raise _EnoughError(found)
            return wanted

        try:
            with supervised(path):
                return _made(job, records, place, sampling_unless_found, own.digest)
        except SetUpError:
            raise
        except DiskError as error:
            raise SetUpError(f"{error.fault}; {error.cure} and give the same command again") from error
        except UserError as error:
            return Failed(str(error))


def _made(
    job: Job, records: Records, place: str, sampling: Callable[[Source], Sampling], kernel: str
) -> Outcome | None:
    """As `_analysed`. Raises UserError where it cannot be analysed."""
    root, settings, engine = records.root, job.settings, _engine_of(job.settings)
    told, never = list[str](), threading.Event()
    try:
        name = analyse_into(root, place, settings, engine, never, sampling=sampling, tell=told.append, kernel=kernel)
    except _EnoughError as enough:
        return enough.outcome
    assert name is not None
    return Analysed(name, tuple(told), is_new=True)


def _found(job: Job, records: Records, source: Source, sampling: Sampling, kernel: str) -> Outcome | None:
    """What a record tells that is there, unless that is to be tried again."""
    name = records.find(head_of(source, job.settings, sampling, kernel=kernel), mixed=job.mixed)
    if name is None:
        return None
    head = records.head(name)
    if head.failure is None:
        return Analysed(name, tuple(head.notes))
    if not job.again:
        return Failed(head.failure, was_tried=True)
    records.remove(name)
    return None


def _engine_of(settings: Settings) -> Engine:
    return _engine(*_key(settings))


def _canary_of(settings: Settings) -> Canary:
    return _canary(*_key(settings))


def _key(settings: Settings) -> tuple[str, str | None, float, str, str | None]:
    encoder = profile_of(settings).encoder
    return settings.engine, settings.detector, settings.resize_ratio, encoder, settings.emotion_reader


@lru_cache(4)
def _engine(name: str, detector: str | None, ratio: float, encoder: str, emotion: str | None) -> Engine:
    """Made once a process; what it tells is told by the driver, which makes the same one."""
    return make_engine(name, detector, ratio, lambda _: None, encoder, emotion=emotion)


@lru_cache(4)
def _canary(name: str, detector: str | None, ratio: float, encoder: str, emotion: str | None) -> Canary:
    return canary(_engine(name, detector, ratio, encoder, emotion))
