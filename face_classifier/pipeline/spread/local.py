"""The cluster of this machine: a process a slot, each begun when it is first needed, and anew when it has died."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from face_classifier.pipeline.spread.cluster import MOST_DEATHS, DiedError
from face_classifier.pipeline.spread.clusters.child import Child

_T = TypeVar("_T")
_PROGRAM = "face_classifier.pipeline.spread.worker"
_Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class LocalCluster:
    """See `Cluster`. A thread of this process stands for each worker, and waits for it."""

    def __init__(self, slots: int) -> None:
        """``slots``: processes."""
        self._slots = slots
        self._lock = threading.Lock()
        self._ending = False
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()  # None: one of the threads ends
        self._processes: dict[int, _Process] = {}  # by the thread that waits for it
        self._refused: set[str] = set()

    @property
    def slots(self) -> int:
        with self._lock:
            return max(0, self._slots - len(self._refused))

    def submit(self, function: Callable[..., _T], /, *arguments: Any) -> Future[_T]:
        future: Future[_T] = Future()
        self._calls.put((future, function, arguments))
        return future

    def refuse(self, worker: str) -> None:
        with self._lock:
            self._refused.add(worker)

    def workers(self) -> Sequence[str]:
        with self._lock:
            names = [process.name for process in self._processes.values() if process.is_alive]
            return sorted(name for name in names if name not in self._refused)

    def __enter__(self) -> LocalCluster:
        self._threads = [threading.Thread(target=self._serve, name="local", daemon=True) for _ in range(self._slots)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._ending = True
            processes = list(self._processes.values())
        for process in processes:
            process.kill()
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
        for process in processes:
            process.close()

    def _serve(self) -> None:
        """Carry out one task after the other, until the program ends or the process is refused."""
        with suppress(DiedError, OSError):
            self._process()  # it makes itself ready before there is a task
        for call in iter(self._calls.get, None):
            if self._is_refused():
                self._calls.put(call)  # another thread takes it, if one is left
                return
            future, function, arguments = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._carry_out(function, arguments))
            except Exception as error:
                future.set_exception(error)

    def _is_refused(self) -> bool:
        with self._lock:
            process = self._processes.get(threading.get_ident())
            return process is not None and process.name in self._refused

    def _carry_out(self, function: Callable[..., _T], arguments: tuple[Any, ...]) -> _T:
        for _ in range(MOST_DEATHS):
            try:
                went_well, answer = self._process().ask(function, arguments)
            except (EOFError, OSError):
                self._leave_dead()
                continue
            if went_well:
                return answer
            raise answer
        raise DiedError

    def _process(self) -> _Process:
        """That of this thread. Raises DiedError where no more are begun."""
        with self._lock:
            if self._ending:
                raise DiedError("the program ends")
            thread = threading.get_ident()
            if thread not in self._processes:
                self._processes[thread] = _Process()
            return self._processes[thread]

    def _leave_dead(self) -> None:
        with self._lock:
            if not self._ending:
                process = self._processes.pop(threading.get_ident(), None)  # None: it could not be begun
                if process:
                    process.close()


class _Process(Child):
    """A worker, used by one thread."""

    def __init__(self) -> None:
        super().__init__(_PROGRAM)
        self.name = f"{socket.gethostname()}-{self.pid}"

    def ask(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        """Whether it went well, and what came out or was raised. Raises EOFError, OSError where it has died."""
        self.connection.send((function, arguments))
        answer: tuple[bool, Any] = self.connection.recv()
        return answer
