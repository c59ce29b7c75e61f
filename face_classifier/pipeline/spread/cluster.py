"""Processes that carry out tasks, here or on other machines."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Protocol, TypeVar

from face_classifier.core.errors import UserError

_T = TypeVar("_T")
MOST_DEATHS = 5  # of workers that one task may bring about
MOST_A_SLOT = 4  # tasks that are given out and not done: enough that no slot waits for who gives them
_called: str | None = None


class DiedError(UserError):
    """Too many workers died of one task."""

    def __init__(self, sentence: str = f"{MOST_DEATHS} workers died of it, one after the other; leave it out") -> None:
        super().__init__(sentence)


def worker_name() -> str:
    """Of this process among the workers of its cluster: as that calls it, else host and process."""
    return _called or f"{socket.gethostname()}-{os.getpid()}"


def called(name: str) -> None:
    """Name this process as its cluster does."""
    global _called
    _called = name


class Cluster(Protocol):
    """A context manager: entering connects, leaving ends all that it started."""

    @property
    def slots(self) -> int:
        """How many tasks run at a time now; 0 while no worker is there. It grows and shrinks."""

    def submit(self, function: Callable[..., _T], /, *arguments: Any) -> Future[_T]:
        """As of `concurrent.futures.Executor`; ``function`` can be imported, its ``arguments`` can be pickled.

        Where a worker dies, the task is done again.
        """

    def refuse(self, worker: str) -> None:
        """Give no more tasks to a worker, by the name that it tells."""

    def workers(self) -> Sequence[str]:
        """The names of those that are there now, and not refused."""

    def __enter__(self) -> Cluster: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Refusals:
    """Workers that get no more tasks, since they compute otherwise. Used by one thread."""

    def __init__(self, cluster: Cluster, tell: Callable[[str], None]) -> None:
        """``tell``: is told of each of them once."""
        self._cluster, self._tell = cluster, tell
        self._names: set[str] = set()

    def add(self, worker: str, why: str) -> None:
        """Refuse a worker, also one that was given several tasks. Raises UserError where no other is left."""
        if worker not in self._names:
            self._names.add(worker)
            self._cluster.refuse(worker)
            self._tell(why)
        if not self._cluster.slots:
            raise UserError("no worker is left that can be used; make them alike as told above, or add --mixed")
