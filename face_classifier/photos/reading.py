"""Looking at many photos at once, in a thread a processor: what was searched as well before is not searched again."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from face_classifier.core.disk.files import content_hash
from face_classifier.core.errors import UserError
from face_classifier.core.supervise import supervised
from face_classifier.photos.finder import BEST, FaceFinder, FoundFaces
from face_classifier.sources.base import check_bytes, unreadable


class Stamp(NamedTuple):
    """A file as it was last read."""

    size: int  # bytes
    mtime: int  # ns since 1970
    content: str  # SHA-256, hexadecimal

    def fits(self, state: os.stat_result) -> bool:
        """Whether a file seems to be the same still."""
        return (self.size, self.mtime) == (state.st_size, state.st_mtime_ns)


class Look(NamedTuple):
    """What came of looking at a photo."""

    stamp: Stamp
    finding: FoundFaces | None  # None = its content was searched as well before
    finder: str  # the name of the finder by which it was searched


# A photo's name, and what will come of it: a `UserError` where it cannot be read, None if it was not looked at any more
Work: TypeAlias = "tuple[str, Future[Look | UserError | None]]"


# As `look_at`: (photos, stamps, known, finder, stopping) -> the work on each
Looking: TypeAlias = (
    "Callable[[Sequence[tuple[str, Path]], Mapping[str, Stamp], Mapping[str, str], Callable[[], FaceFinder], "
    "threading.Event], AbstractContextManager[list[Work]]]"
)


@contextmanager
def look_at(
    photos: Sequence[tuple[str, Path]],
    stamps: Mapping[str, Stamp],
    known: Mapping[str, str],
    finder: Callable[[], FaceFinder],
    stopping: threading.Event,
) -> Iterator[list[Work]]:
    """Start looking at photos; yields the work on each, in their order. Leaving cancels what was not begun, and waits.

    Parameters
    ----------
    photos: name and path of each.
    stamps: files as they were last read, by name; those that fit are not hashed again.
    known: contents that were searched before, and the name of the finder of each.
    finder: makes the finder when the first photo needs it. A UserError of it is raised by the work on each photo that
        was never searched.
    stopping: when set, what was not begun is not looked at any more.
    """
    shared = _made_once(finder)
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="photos") as pool:
        warnings.simplefilter("ignore")  # what a reader ignores of odd files holds for its own thread only
        works = [(name, pool.submit(look, path, stamps.get(name), known, shared, stopping)) for name, path in photos]
        try:
            yield works
        finally:
            for _, work in works:
                work.cancel()


def _made_once(finder: Callable[[], FaceFinder]) -> Callable[[], FaceFinder]:
    """The same for all threads, which make it once; where that fails, it is told once and not tried for each photo."""
    lock = threading.Lock()
    finders: list[FaceFinder] = []
    failures: list[UserError] = []

    def make() -> FaceFinder:
        with lock:
            if failures:
                raise failures[0]
            try:
                if not finders:
                    finders.append(finder())
            except UserError as error:
                failures.append(error)
                raise
            return finders[0]

    return make


def remembered(path: Path, before: Stamp | None, known: Mapping[str, str]) -> Look | None:
    """What there is to tell of a photo that seems to be the same and was searched by the best; None: look at it."""
    if before and known.get(before.content) == BEST and before.fits(path.stat()):
        return Look(before, None, BEST)
    return None


def look(
    path: Path,
    before: Stamp | None,
    known: Mapping[str, str],
    finder: Callable[[], FaceFinder],
    stopping: threading.Event,
) -> Look | UserError | None:
    """What is in a photo, wherever it is looked at; None if it was not looked at any more."""
    if stopping.is_set():
        return None
    try:
        state = path.stat()
        if before and before.fits(state):
            stamp = before
        else:
            check_bytes(path)
            stamp = Stamp(state.st_size, state.st_mtime_ns, content_hash(path))
        searched = known.get(stamp.content)
        if searched == BEST:
            return Look(stamp, None, searched)
    except OSError as error:
        return unreadable(str(path), error)
    except UserError as error:
        return error
    try:
        ready = finder()
    except UserError:
        if searched is None:
            raise  # that there is none is no photo's fault
        return Look(stamp, None, searched)
    if searched is not None and ready.name != BEST:  # it stands in for a better one, which may have searched before
        return Look(stamp, None, searched)
    try:
        with supervised(path):
            return Look(stamp, ready.find(path), ready.name)
    except OSError as error:
        return unreadable(str(path), error)
    except UserError as error:
        return error
