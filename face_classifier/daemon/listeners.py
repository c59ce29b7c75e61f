"""Who is told of something as it happens, and may come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Listeners(Generic[_T]):
    """Any thread may listen, and any may tell."""

    def __init__(self) -> None:
        self._all: tuple[Callable[[_T], None], ...] = ()  # replaced, never changed
        self._lock = threading.Lock()  # of replacing it

    @contextmanager
    def hearing(self, hear: Callable[[_T], None]) -> Iterator[None]:
        """Within, ``hear`` is called with all that is told, in the thread that tells it: it must not block."""
        with self._lock:
            self._all = (*self._all, hear)
        try:
            yield
        finally:
            with self._lock:
                self._all = tuple(other for other in self._all if other is not hear)

    def tell(self, what: _T) -> None:
        """Tell all who listen now, in this thread."""
        for hear in self._all:
            hear(what)
