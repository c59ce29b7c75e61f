"""What goes wrong with one item is told of that item, and the rest goes on: the one place that expects the unexpected.

Libraries that decode, detect and encode raise nearly anything on odd input. Tracebacks are logged at DEBUG.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from face_classifier.core.errors import UserError
from face_classifier.core.names import without_logins

logger = logging.getLogger(__name__)
_PASSING = UserError, OSError
_LONGEST = 200  # characters of what a library says


class UnexpectedError(UserError):
    """An error of one item that nobody expected, as a sentence; its cause is the error itself."""


@contextmanager
def supervised(item: object) -> Iterator[None]:
    """Within, an unexpected error becomes an `UnexpectedError` about the item: a photo, a source, an address.

    UserError and OSError pass: the first is told already, the second may be the disk's fault and not the item's.
    """
    try:
        yield
    except _PASSING:
        raise
    except Exception as error:
        shown = without_logins(str(item))
        logger.debug("an unexpected error in %s", shown, exc_info=True)
        sentence = f"{shown} cannot be analysed ({_reason(error)}); leave it out, or save it again"
        raise UnexpectedError(sentence) from error


class Frames:
    """Counts the frames of one source whose analysis failed; the others go on. Several threads may share it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._begun = self._failed = 0
        self._first: BaseException | None = None
        self._is_told = False

    def step(self, *, begins: bool = True) -> _Step:
        """Within, an unexpected error ends this step alone, and the frame counts as failed.

        ``begins``: it is the frame's first step. UserError and OSError pass.
        """
        with self._lock:
            self._begun += begins
        return _Step(self)

    def add_failure(self, error: Exception) -> None:
        logger.debug("an unexpected error in a frame of %s", self._source, exc_info=error)
        with self._lock:
            self._failed += 1
            self._first = self._first or error

    def first_failure(self) -> str | None:
        """A sentence as soon as the first frame failed, once: a live source has no end at which to tell it."""
        if self._first is None or self._is_told:
            return None
        self._is_told = True
        reason = _reason(self._first)
        return (
            f"a frame of {self._source} could not be analysed ({reason}) and counts as empty; check that it still "
            "shows a picture"
        )

    def failure(self) -> str | None:
        """A sentence about the failed frames so far, if there are any. Raises UnexpectedError if all of them failed."""
        if self._first is None:
            return None
        reason = _reason(self._first)
        if self._failed >= self._begun:
            raise UnexpectedError(
                f"{self._source} cannot be analysed ({reason}); leave it out, or save it again"
            ) from self._first
        return (
            f"{self._failed} of {self._begun} frames of {self._source} could not be analysed ({reason}) and count as "
            "empty; check those, or save it again"
        )


class _Step:
    """A step of the analysis of a frame; not a generator, of which nobody would know that the code after it is run."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if not isinstance(error, Exception) or isinstance(error, _PASSING):
            return False
        self._frames.add_failure(error)
        return True


def _reason(error: BaseException) -> str:
    """The kind of an error, and what it says, on one line."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    kind = type(error).__name__
    said = " ".join(without_logins(str(error)).split())
    said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
    return f"{kind}: {said}" if said else kind
