"""What a worker does: it looks at a source, and analyses it into a record."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias, TypeVar

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.supervise import supervised
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.archive import analyse_into
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.vision.engine import Engine, make_engine


@dataclass(frozen=True)
class Job:
    """What all tasks of a run share."""

    folder: str  # in which the user typed the command: what relative paths start from
    records: str  # absolute path of the folder of records
    settings: Settings


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
_T = TypeVar("_T")


def look_at(job: Job, path: str) -> Looked | Failed | Refused:
    """What the driver is to know of a source; reads the whole file."""

    def look(place: str) -> Looked:
        with closing(open_source(place)) as source:
            assert source.fingerprint is not None
            return Looked(path, source.fingerprint, source.start, source.duration)

    return _tried(job, path, look)


def analyse(job: Job, path: str, sampling: Sampling) -> Analysed | Failed | Refused:
    """Analyse a source into a record, unless there is one."""

    def analyse_it(place: str) -> Analysed:
        told: list[str] = []
        settings = job.settings
        with Root.made(Path(job.records), MODES[settings.mode]) as root:
            encoder = profile_of(settings).encoder
            engine = _engine(
                settings.engine, settings.detector, settings.resize_ratio, encoder, settings.emotion_reader
            )
            never = threading.Event()
            name = analyse_into(root, place, settings, engine, never, sampling=lambda _: sampling, tell=told.append)
        assert name is not None
        return Analysed(name, tuple(told))

    return _tried(job, path, analyse_it)


@lru_cache(4)
def _engine(name: str, detector: str | None, ratio: float, encoder: str, emotion: str | None) -> Engine:
    """Made once a process; what it tells is told by the driver, which makes the same one."""
    return make_engine(name, detector, ratio, lambda _: None, encoder, emotion=emotion)


def _tried(job: Job, path: str, do: Callable[[str], _T]) -> _T | Failed:
    """What is done with a source, by the path where it lies. Raises SetUpError; OSError where the disk is to blame."""
    place = path if os.getcwd() == job.folder else os.path.join(job.folder, path)
    try:
        with supervised(path):
            return do(place)
    except SetUpError:
        raise
    except UserError as error:
        return Failed(str(error))
