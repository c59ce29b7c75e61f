"""The first half of a run: a source is analysed into records on disk, which are placed later, or elsewhere."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from functools import cache, partial
from typing import Any

from face_classifier import __version__
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.disk.rooted import Root
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.analysis.analyse import Analysis, follows
from face_classifier.pipeline.inputs import Known, sampling_of
from face_classifier.records.file import RecordWriter, read_record
from face_classifier.records.head import Head
from face_classifier.records.known import recall_into, state_of
from face_classifier.records.plain import Origin
from face_classifier.sources.base import File, Sampling
from face_classifier.sources.chapters import Chapter, sampled
from face_classifier.sources.discover import Source, chapters_of, open_source
from face_classifier.vision.engine import Engine
from face_classifier.vision.models.registry import models_digest

# What the records of a source depend on, beside its sampling.
SETTINGS = (
    *("engine", "encoder", "precision", "detector", "resize_ratio", "refresh", "founding", "detect_every"),
    *("search_still", "quality", "emotion", "emotion_engine"),
)
_FORMER = {"precision": "fp32", "detect_every": 0.0}  # as of all records that do not tell them: up to November 2026
_LIBRARIES = (  # that detect, encode and decode
    *("numpy", "opencv-python-headless", "opencv-contrib-python", "opencv-python", "onnxruntime"),
    *("dlib", "dlib-bin", "deepface", "tensorflow", "Pillow", "pi-heif", "pylibjxl", "rawpy", "isal"),
)


def head_of(
    source: Known,
    settings: Settings,
    sampling: Sampling | None = None,
    *,
    chapter: Chapter | None = None,
    kernel: str | None = None,
) -> Head:
    """What the record of a source tells of it; reads the whole file for its fingerprint.

    Parameters
    ----------
    source: open.
    settings: how it is analysed.
    sampling: None = as a source that was never seen.
    chapter: the part of it that is analysed; None = the whole.
    kernel: the digest of the canary where it is analysed.

    Raises
    ------
    UserError: it cannot be read.
    """
    origin = Origin(source.name, source.fingerprint)
    return _head(origin, source.start, settings, sampling or sampling_of(settings), chapter, kernel)


def _head(
    origin: Origin, start: datetime, settings: Settings, sampling: Sampling, chapter: Chapter | None, kernel: str | None
) -> Head:
    told = {name: getattr(settings, name) for name in SETTINGS} | {"encoder": profile_of(settings).encoder}
    told = {name: value for name, value in told.items() if name not in _FORMER or value != _FORMER[name]}
    return Head(origin, start, sampling, follows(settings), told, versions(), chapter, kernel)


@cache
def versions() -> dict[str, str]:
    """Of the program, of the libraries that detect, encode and decode, and the digest of its models."""
    libraries = {name: made for name in _LIBRARIES if (made := _version(name))}
    return {"face-classifier": __version__, "models": models_digest()} | libraries


def _version(library: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # which a run without records never needs

    try:
        return version(library)
    except PackageNotFoundError:
        return None


def analyse_into(
    root: Root,
    path: str,
    settings: Settings,
    engine: Engine,
    stopping: threading.Event,
    *,
    sampling: Callable[[Source], Sampling | None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
    name: Callable[[Chapter], str] | None = None,
    most: float = math.inf,
    chapters: Callable[[Source, Sampling], Sequence[Chapter]] | None = None,
    kernel: str | None = None,
) -> list[str] | None:
    """Analyse a source into records in a folder, one for each chapter.

    Parameters
    ----------
    root: the folder.
    path: of the source.
    settings, engine: how it is analysed.
    stopping: the user's wish to end.
    sampling: how a source is sampled; None = as one that was never seen.
    tell: is told how many frames could not be analysed, if any, and unless it gets a ``name`` what was passed over.
    name: of the record of a chapter, else the one that its head says.
    most: bytes that their pictures may have together.
    chapters: tells which are analysed, in order; None = all with sampled time.
    kernel: the digest of the canary of this process.

    Returns the names of their files, which are there already where the same was analysed before; None: it was stopped,
    or would be too large. What cannot be analysed has a record, too, which tells why, unless it gets a ``name``.

    Raises
    ------
    UserError: the source cannot be analysed, or could not be when its record was made.
    DiskError, OSError: the record cannot be written.
    """
    before = _state(path)
    try:
        source = open_source(path)
    except UserError as error:
        if not name and before and _is_lasting(error):
            _write_failure(root, _head_of_file(root, File(path), settings, kernel), error)
        raise
    with source:
        if isinstance(source, File) and not name:
            recall_into(root, source)
        head = head_of(source, settings, sampling(source), kernel=kernel)
        names: list[str] = []
        for chapter in (chapters or partial(_all_chapters, settings))(source, head.sampling):
            part = head.of(chapter)
            names.append(name(chapter) if name else part.name)
            if root.has(names[-1]):
                _found(root, names[-1], tell)
                continue
            try:
                writer = RecordWriter(root, part, names[-1])
                size = _analyse(writer, source, chapter, before, settings, engine, stopping, tell, most)
            except UserError as error:
                if not name and _is_lasting(error):
                    _write_failure(root, part, error)
                raise
            if size is None:
                return None
            most -= size
    return names


def _all_chapters(settings: Settings, source: Source, sampling: Sampling) -> Sequence[Chapter]:
    return sampled(chapters_of(source, settings.chapter), sampling)


def _found(root: Root, name: str, tell: Callable[[str], None]) -> None:
    """A record that is there already. Raises UserError where it is one of a failure."""
    with read_record(root, name) as (head, _):
        if head.failure is not None:
            raise UserError(head.failure)
        for note in head.notes:
            tell(note)


def _analyse(
    writer: RecordWriter,
    source: Source,
    chapter: Chapter,
    before: object,
    settings: Settings,
    engine: Engine,
    stopping: threading.Event,
    tell: Callable[[str], None],
    most: float,
) -> int | None:
    """As `analyse_into`, of an open source, whose state was as ``before`` when it was opened.

    Returns how many bytes its pictures have, or None.
    """
    size = 0
    try:
        with writer as record:
            head = record.head
            analysis = Analysis(source, head.sampling, head.start, engine, settings, stopping, chapter=chapter)
            with analysis as frames:
                for analysed in frames:
                    if analysed.frame.due:
                        record.add(analysed)
                        size += sum(len(face.picture or b"") for face in analysed.faces)
                    if size > most:
                        raise _StoppedError
            if stopping.is_set():
                raise _StoppedError
            if failure := analysis.failures.failure():
                record.notes.append(failure)
                tell(failure)
            if record.name == head.name and chapter.number == chapter.count - 1:
                for note in source.notes():
                    record.notes.append(note)
                    tell(note)
            if _state(source.name) != before:
                raise _ChangedError(f"{source.name} changed while it was analysed; run it again once it is whole")
    except _StoppedError:
        return None
    return size


class _StoppedError(Exception):
    """The record is not whole."""


class _ChangedError(UserError):
    """A file was written, or taken away, while it was analysed."""


def _state(path: str) -> dict[str, Any] | None:
    """What tells whether a file has changed; None: it is none, or not there."""
    with suppress(OSError):
        return state_of(path)
    return None


def _is_lasting(error: UserError) -> bool:
    """Whether a source is to blame, and not a disk, the memory or the set-up, which may be well a moment later."""
    if isinstance(error, DiskError | FolderGoneError | SetUpError | _ChangedError):
        return False
    causes: list[BaseException] = []
    cause = error.__cause__
    while cause and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__
    return not any(isinstance(one, OSError | MemoryError) for one in causes)


def _write_failure(root: Root, head: Head, error: UserError) -> None:
    """Have a record tell why a source cannot be analysed. Raises DiskError, OSError."""
    if not root.has(head.name):
        with RecordWriter(root, replace(head, failure=str(error))):
            pass


def _head_of_file(root: Root, file: File, settings: Settings, kernel: str | None) -> Head:
    """What the record of a file tells that is no source. Raises UserError where it cannot be read."""
    recall_into(root, file)
    start = datetime.fromtimestamp(os.stat(file.name).st_mtime, timezone.utc)
    return _head(Origin(file.name, file.fingerprint), start, settings, sampling_of(settings), None, kernel)
