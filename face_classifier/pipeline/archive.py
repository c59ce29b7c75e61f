"""The two halves of a run apart: a source is analysed into a record on disk, which is placed later, or elsewhere."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from face_classifier import __version__
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.rooted import Root
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.analysis.analyse import Analysis, follows
from face_classifier.pipeline.desk import Desk
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.records.file import RecordWriter, read_record
from face_classifier.records.head import Head
from face_classifier.records.plain import Origin
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import Chapter
from face_classifier.sources.discover import Source, open_source
from face_classifier.vision.engine import Engine
from face_classifier.vision.models.registry import models_digest

# What the records of a source depend on, beside its sampling.
SETTINGS = "engine encoder detector resize_ratio refresh founding search_still quality emotion emotion_engine".split()
_LIBRARIES = (  # that detect, encode and decode
    *("numpy", "opencv-contrib-python", "opencv-python", "onnxruntime", "dlib", "dlib-bin", "deepface", "tensorflow"),
    *("Pillow", "pi-heif", "pylibjxl", "rawpy"),
)


def head_of(
    source: Source,
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
    return Head(
        Origin(source.name, source.fingerprint),
        source.start,
        sampling_of(settings) if sampling is None else sampling,
        follows(settings),
        {name: getattr(settings, name) for name in SETTINGS} | {"encoder": profile_of(settings).encoder},
        versions(),
        chapter,
        kernel,
    )


@cache
def versions() -> dict[str, str]:
    """Of the program, of the libraries that detect, encode and decode, and the digest of its models."""
    libraries = {name: made for name in _LIBRARIES if (made := _version(name))}
    return {"face-classifier": __version__, "models": models_digest()} | libraries


def _version(library: str) -> str | None:
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
    name: str | None = None,
    most: float = math.inf,
) -> str | None:
    """Analyse a source into a record in a folder.

    Parameters
    ----------
    root: the folder.
    path: of the source.
    settings, engine: how it is analysed.
    stopping: the user's wish to end.
    sampling: how a source is sampled; None = as one that was never seen.
    tell: is told how many frames could not be analysed, if any.
    name: of the record, else the one that its head says.
    most: bytes that its pictures may have together.

    Returns the name of its file, which is there already where the same was analysed before; None: it was stopped, or
    would be too large.

    Raises
    ------
    UserError: the source cannot be analysed.
    DiskError, OSError: the record cannot be written.
    """
    with open_source(path) as source:
        head = head_of(source, settings, sampling(source))
        name = name or head.name
        if root.has(name):
            return name
        analysis = Analysis(source, head.sampling, head.start, engine, settings, stopping)
        try:
            with RecordWriter(root, head, name) as record, analysis as frames:
                for analysed in frames:
                    if analysed.frame.due:
                        record.add(analysed)
                        most -= sum(len(face.picture or b"") for face in analysed.faces)
                    if most < 0:
                        raise _StoppedError
                if stopping.is_set():
                    raise _StoppedError
                if failure := analysis.failures.failure():
                    tell(failure)
        except _StoppedError:
            return None
    return name


class _StoppedError(Exception):
    """The record is not whole."""


def place_record(root: Root, name: str, owner: Owner[Gallery], desk: Desk) -> int:
    """Have the frames of a record placed by the owner of a gallery; returns how many. Raises UserError."""
    count = 0
    with read_record(root, name) as (head, frames):
        recorded = owner.call(lambda _: desk.begin_record(head))
        for analysed in frames(recorded.start):
            owner.call(lambda _, analysed=analysed: desk.place(recorded.session, analysed))  # type: ignore[misc]
            count += 1
        owner.call(lambda _: desk.end_all([recorded.session]))
    return count
