"""A run, started by another program."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from face_classifier.core.config.flat import Flat
from face_classifier.core.config.load import load
from face_classifier.core.progress import Log
from face_classifier.core.types import Frame, Seen
from face_classifier.pipeline import run as pipeline
from face_classifier.pipeline.desk import Counts
from face_classifier.pipeline.run import RunResult
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source

_LOG = logging.getLogger(__name__)

OnFrame = Callable[[Frame, Sequence[Seen]], object]


def run(
    sources: str | os.PathLike[str] | int | Sequence[str | os.PathLike[str] | int],
    result: str | os.PathLike[str] = "result",
    *,
    on_frame: OnFrame | None = None,
    stop: threading.Event | None = None,
    **settings: Any,
) -> RunResult:
    """Sorts the faces of videos, webcams, pictures and folders of them into a result folder, as the command does.

    Parameters
    ----------
    sources : paths, or numbers of webcams, from 0; one of them or several
    result : the result folder; it is made if it is not there
    on_frame : is called after each analysed frame, in this thread and in the order of the source, with the frame and
        the faces in it, from left to right: box in pixels of ``frame.image``, person (None = unknown so far), emotion.
        ``frame.image`` is (height, width, 3) uint8, BGR, ``frame.position`` seconds of the source, ``frame.time`` UTC.
        What it raises ends the run, whose faces are kept, and is raised then.
    stop : ends the run when it is set, by ``on_frame`` or in another thread; then ``on_frame`` is called no more
    settings : the keys of configs/default.yaml: ``seconds=0.5``, ``encoder="sface"``, ...; variables of the environment
        do not count

    Returns
    -------
    How the run ended: how many sources failed, and every face as it is labelled at the end.

    A source that fails is logged as a warning, and the others go on. Raises `UserError` if nothing can be done at all,
    such as with a setting out of range; TypeError if there is no such setting.
    """
    known = {field.name for field in dataclasses.fields(Flat)}
    if unknown := sorted(settings.keys() - known):
        raise TypeError(f"run() has no setting {unknown[0]!r}; there are {', '.join(sorted(known))}")
    chosen = load({**settings, "result": os.fspath(result)}, environ={})
    several = [sources] if isinstance(sources, (str, os.PathLike, int)) else sources
    named = [str(one) if isinstance(one, int) else os.fspath(one) for one in several]
    stopping = stop or threading.Event()
    callback = _Callback(on_frame, stopping)
    outcome = pipeline.run(chosen, named, stopping, _Observer(_LOG), [callback])
    if callback.error is not None:
        raise callback.error
    return outcome


class _Callback:
    """A viewer that calls a function, until the run is to end."""

    def __init__(self, on_frame: OnFrame | None, stopping: threading.Event) -> None:
        self._on_frame, self._stopping = on_frame, stopping
        self.error: Exception | None = None  # what the function raised

    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        if self._on_frame is None or not frame.due or self._stopping.is_set():
            return
        try:
            self._on_frame(frame, seen)
        except Exception as error:  # else it would be taken for the source's
            self.error = error
            self._stopping.set()

    def flush(self) -> None:
        """Nothing is written."""

    def close(self) -> None:
        """Nothing is open."""


class _Observer(Log):
    """Watches a run for those who have no screen."""

    def opened(self, source: Source, sampling: Sampling) -> None: ...

    def analysed(self, frame: Frame, people: Counts) -> None: ...

    def closed(self, source: Source) -> None: ...
