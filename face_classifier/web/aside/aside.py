"""Makes something in a thread, for the latest state of a gallery that was asked about."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from face_classifier.core.errors import UserError

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")

_AGAIN = 30.0  # seconds: what could not be made is tried again then, when somebody asks
_MOMENT = 2.0  # seconds for what is being made when nobody asks any more
_REST = 10.0  # times as long as the last one took, before the next one is begun: what is aside costs a tenth of a core


@dataclass(frozen=True)
class Done(Generic[Key, Made]):
    """Something that was made."""

    key: Key
    made: Made
    took: float  # seconds
    at: float  # on the monotonic clock


class Aside(Generic[Key, Made]):
    """One thing at a time is made, and the last one is kept. Threads may share it."""

    def __init__(self, name: str, make: Callable[[Key], Made]) -> None:
        """``name``: of the thread; ``make``: makes it for a key, and may raise UserError."""
        self._name, self._make = name, make
        self._condition = threading.Condition()
        self._done: Done[Key, Made] | None = None
        self._failed: tuple[Key, UserError, float] | None = None  # and when, on the monotonic clock
        self._thread: threading.Thread | None = None
        self._has_ended = False

    def get(self, key: Key, patience: float = 0.0) -> Done[Key, Made] | None:
        """What was made last, of another key where that of this one is not ready within ``patience`` seconds.

        None: nothing was made yet. Raises UserError where it could not be made for this key.
        """
        until = monotonic() + patience
        with self._condition:
            while self._done is None or self._done.key != key:
                if self._failed and self._failed[0] == key and monotonic() < self._failed[2] + _AGAIN:
                    raise self._failed[1]
                left, rest = until - monotonic(), self._rest()
                if self._has_ended:
                    break
                if self._thread is None and rest <= 0:
                    self._thread = threading.Thread(target=self._run, args=(key,), name=self._name, daemon=True)
                    self._thread.start()
                if left <= max(0.0, rest):
                    break
                self._condition.wait(left if self._thread else rest)
            return self._done

    def end(self) -> None:
        """Wait a moment for what is being made, and begin no more."""
        with self._condition:
            self._has_ended, thread = True, self._thread
            self._condition.notify_all()
        if thread is not None:
            thread.join(_MOMENT)

    def _rest(self) -> float:
        """Seconds until the next one may be begun."""
        return 0.0 if self._done is None else self._done.at + _REST * self._done.took - monotonic()

    def _run(self, key: Key) -> None:
        begun = monotonic()
        done, failed = None, None
        try:
            made = self._make(key)
            done = Done(key, made, monotonic() - begun, monotonic())
        except UserError as error:
            failed = key, error, monotonic()
        finally:
            with self._condition:
                self._thread = None
                self._done, self._failed = done or self._done, failed
                self._condition.notify_all()
