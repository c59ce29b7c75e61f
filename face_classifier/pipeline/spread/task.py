"""What a worker does: it looks at a source, and analyses it into a record."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias, TypeVar

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.supervise import supervised
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.archive import head_of, write_record
from face_classifier.pipeline.spread.canary import Canary, canary
from face_classifier.records.file import RecordWriter
from face_classifier.records.folder import Records
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source, open_source
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
    told: tuple[str, ...] = ()  # sentences about what is lacking in it, where it is new
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
_T = TypeVar("_T")


<<<<<<< HEAD
def look_at(job: Job, path: str) -> Looked | Failed | Refused:
    """What the driver is to know of a source; reads the whole file."""
=======
def worker_name() -> str:
    """Of this process."""
    return f"{socket.gethostname()}-{os.getpid()}"


def begin(job: Job, path: str, guess: Sampling | None) -> tuple[Looked, Outcome | Refused | None] | Failed:
    """What the driver is to know of a source, and what became of it if it is sampled as guessed; None: no guess."""
>>>>>>> 3cf99a1 (What is analysed can be placed by another command, and what failed is told at the end)

    def do(source: Source) -> tuple[Looked, Outcome | Refused | None]:
        assert source.fingerprint is not None
        looked = Looked(path, source.fingerprint, source.start, source.duration)
        return looked, None if guess is None else _analysed(job, path, source, guess)

    return _tried(job, path, do)


def analyse(job: Job, path: str, sampling: Sampling) -> Outcome | Refused:
    """Analyse a source into a record, unless there is one; what fails is a record, too, without frames."""
    return _tried(job, path, lambda source: _analysed(job, path, source, sampling))


def _analysed(job: Job, path: str, source: Source, sampling: Sampling) -> Outcome | Refused:
    settings, own = job.settings, _canary_of(job.settings)
    if job.canary and (own.digest, own.versions) != (job.canary.digest, job.canary.versions):
        worker, why = worker_name(), job.canary.why_another(own)
        return Refused(worker, f"the worker {worker} gets no work, since {why}; make it alike, or add --mixed")
    with Records.made(Path(job.records), MODES[settings.mode]) as records:
        head = head_of(source, settings, sampling, kernel=own.digest)
        if name := records.find(head, mixed=job.mixed):
            failure = records.head(name).failure
            if failure is None:
                return Analysed(name)
            if not job.again:
                return Failed(failure, was_tried=True)
            records.remove(name)
        engine, told, never = _engine_of(settings), list[str](), threading.Event()
        try:
            with supervised(path):
                write_record(records.root, head.name, source, head, settings, engine, never, told.append)
        except (SetUpError, DiskError):
            raise
        except UserError as error:
            with RecordWriter(records.root, replace(head, failure=str(error))):
                return Failed(str(error))
        return Analysed(head.name, (*told, *source.notes()), is_new=True)


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


def _tried(job: Job, path: str, do: Callable[[Source], _T]) -> _T | Failed:
    """What is done with a source. Raises SetUpError; OSError where the disk is to blame."""
    place = path if os.getcwd() == job.folder else os.path.join(job.folder, path)
    try:
        with supervised(path), open_source(place) as source:
            return do(source)
    except SetUpError:
        raise
    except DiskError as error:
        raise SetUpError(f"{error.fault}; {error.cure} and give the same command again") from error
    except UserError as error:
        return Failed(str(error))
