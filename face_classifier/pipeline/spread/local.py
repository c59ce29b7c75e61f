"""The cluster of this machine: a process a slot, each begun when it is first needed, and anew when it has died.

All are begun by another one, the nursery, which forks them with what they need; `worker` tells where it does not.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler, send_handle
from types import TracebackType
from typing import Any, TypeVar

from face_classifier.pipeline.spread.cluster import MOST_DEATHS, DiedError
from face_classifier.pipeline.spread.clusters.child import Child

_T = TypeVar("_T")
_PROGRAM = "face_classifier.pipeline.spread.worker"
_SECONDS = 5.0  # that a process has to end once it is killed
_Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class LocalCluster:
    """See `Cluster`. A thread of this process stands for each worker, and waits for it."""

    def __init__(self, slots: int) -> None:
        """``slots``: processes."""
        self._slots = slots
        self._lock = threading.Lock()
        self._beginning = threading.Lock()  # of the nursery, whose answer takes a second at first
        self._nursery: _Nursery | None = None
        self._preparation: bytes | None = None
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

    def prepare(self, function: Callable[..., None], /, *arguments: Any) -> None:
        """Have what all workers need made once, before there is one. What it is given is as of `submit`."""
        with self._beginning:
            self._preparation = bytes(ForkingPickler.dumps((function, arguments)))
            if self._nursery:
                with suppress(OSError):  # it has died, and the next one will be told
                    self._nursery.connection.send_bytes(self._preparation)

    def refuse(self, worker: str) -> None:
        with self._lock:
            self._refused.add(worker)

    def workers(self) -> Sequence[str]:
        with self._lock:
            names = [process.name for process in self._processes.values() if process.is_alive]
            return sorted(name for name in names if name not in self._refused)

    def __enter__(self) -> LocalCluster:
        self._nursery = _Nursery()
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
        if self._nursery and not processes:
            self._nursery.kill()  # it may be about to load, for a second
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
        for process in self._processes.values():  # also those that were begun meanwhile
            process.close()
        if self._nursery:
            self._nursery.end()

    def _serve(self) -> None:
        """Carry out one task after the other, until the program ends or the process is refused."""
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
        """That of this thread. Raises DiedError where no more are begun; EOFError, OSError where this failed."""
        thread = threading.get_ident()
        with self._lock:
            process = self._processes.get(thread)
        if process is None:
            with self._beginning:
                process = self._fork()
            with self._lock:
                self._processes[thread] = process
                if self._ending:
                    process.kill()
        return process

    def _fork(self) -> _Process:
        """Another one, of a nursery that lives."""
        if self._ending:
            raise DiedError("the program ends")
        if self._nursery is None or not self._nursery.is_alive:
            if self._nursery:
                self._nursery.close()
            self._nursery = _Nursery()
            if self._preparation:
                self._nursery.connection.send_bytes(self._preparation)
        try:
            return self._nursery.fork()
        except (EOFError, OSError):
            self._nursery.close()  # it is about to be gone
            raise

    def _leave_dead(self) -> None:
        with self._lock:
            if not self._ending:
                process = self._processes.pop(threading.get_ident(), None)  # None: it could not be begun
                if process:
                    process.close()


class _Nursery(Child):
    """Forks workers, for one thread at a time."""

    def __init__(self) -> None:
        super().__init__(_PROGRAM)

    def end(self) -> None:
        """Have it end by itself: once its workers have ended, whose time is its own then."""
        self.connection.close()
        self.wait(_SECONDS)
        self.close()

    def fork(self) -> _Process:
        """Another worker. Raises EOFError, OSError where the nursery has died."""
        ours, theirs = Pipe()
        try:
            self.connection.send_bytes(b"")
            send_handle(self.connection, theirs.fileno(), self.pid)
            return _Process(ours, self.connection.recv())
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()


class _Process:
    """A worker, used by one thread."""

    def __init__(self, connection: Connection, pid: int) -> None:
        self._connection, self._pid, self._is_asked = connection, pid, False
        self.name = f"{socket.gethostname()}-{pid}"

    @property
    def is_alive(self) -> bool:
        """As far as it is known: of one with a task its thread learns it."""
        with suppress(OSError):
            return self._is_asked or not self._connection.poll()
        return False

    def kill(self) -> None:
        """End it at once: what it has not finished is as if it was never begun."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """Know no more of one that has died, or is about to."""
        self.kill()
        with suppress(EOFError, OSError):
            while self._connection.poll(_SECONDS):  # its end of the connection is closed when it is gone
                self._connection.recv_bytes()
        self._connection.close()

    def ask(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        """Whether it went well, and what came out or was raised. Raises EOFError, OSError where it has died."""
        self._is_asked = True
        self._connection.send((function, arguments))
        answer: tuple[bool, Any] = self._connection.recv()
        self._is_asked = False
        return answer
