"""Dask's workers carry out tasks.

Dask's own scheduler would send a task to any worker, and knows no way to keep one from our tasks alone and leave it to
the others who use it. So each task is given to one worker by name, one at a time, when it is free; Dask carries it
there and back, keeps the lines, and tells who comes and goes.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from face_classifier.core.errors import SetUpError, UserError, needing
from face_classifier.pipeline.spread.cluster import MOST_DEATHS, DiedError, called
from face_classifier.pipeline.spread.clusters.address import Address, is_loopback, joined, looked_up, read_address

_T = TypeVar("_T")
_PORT = 8786
_ANSWER = 30.0  # seconds in which a scheduler answers, also one whose machine does much else
_TURN = 0.5  # seconds between two looks at who is there
_FIRST = 5.0  # seconds in which the workers that are there at first tell where they listen


@dataclass(eq=False)
class _Task:
    """What was submitted."""

    call: tuple[Callable[..., Any], tuple[Any, ...]]
    future: Future[Any] = field(default_factory=Future)
    remote: Any = None  # Dask's future, while a worker has it
    deaths: int = 0


class DaskCluster:
    """See `Cluster`. A process of Dask carries out one task at a time, however many threads it has.

    The lines are encrypted with the certificates that Dask's own configuration names, and proven by them on both
    sides. Without certificates, every process must be on this machine.
    """

    def __init__(self, where: str) -> None:
        """``where``: ``dask://host[:port]`` of the scheduler. Raises WrongUseError."""
        self._address = read_address(where, _PORT)
        self._lock = threading.RLock()
        self._waiting: deque[_Task] = deque()
        self._running: dict[str, _Task | None] = {}  # by the address of each worker that is there
        self._asked: dict[str, Future[None]] = {}  # by address, those that have still to tell where they listen
        self._refused: set[str] = set()
        self._end: UserError | None = None  # why nothing more can be done
        self._leaving = threading.Event()

    @property
    def slots(self) -> int:
        return len(self.workers())

    def submit(self, function: Callable[..., _T], /, *arguments: Any) -> Future[_T]:
        """See `Cluster`. The future raises SetUpError where the scheduler is gone."""
        task = _Task((function, arguments))
        with self._lock:
            self._waiting.append(task)
        self._hand_out()
        return task.future

    def refuse(self, worker: str) -> None:
        with self._lock:
            self._refused.add(worker)

    def workers(self) -> Sequence[str]:
        with self._lock:
            return sorted(set(self._running) - self._refused)

    def __enter__(self) -> DaskCluster:
        """Raises SetUpError."""
        with ExitStack() as stack:
            self._client, self._lines = _connected(self._address, stack)
            self._look()
            with self._lock:
                asked = list(self._asked.values())
            wait(asked, _FIRST)
            if self._end:
                raise self._end
            self._stack = stack.pop_all()
        self._watcher = threading.Thread(target=self._watch, name="dask", daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._watcher.join()
        self._stop(SetUpError("the program ends"))
        self._stack.close()

    def _watch(self) -> None:
        while not self._leaving.wait(_TURN) and not self._end:
            self._look()

    def _look(self) -> None:
        """Who is there now; the tasks of those who went are done again."""
        try:
            if self._client.status != "running":
                self._stop(_gone(self._address))
                return
            # Not `scheduler_info`: what the client asks for its own use, without workers, may have taken its place.
            ask = self._client.scheduler.identity
            told = self._client.sync(ask, n_workers=-1, callback_timeout=_ANSWER)
        except (OSError, asyncio.TimeoutError):  # the second is no OSError before Python 3.11
            return  # it has much to do; or it is gone, which the next look finds
        except Exception:  # whatever it makes of a line that is lost
            self._stop(_gone(self._address))
            return
        self._check([told["address"], *told["workers"]])
        with self._lock:
            lost = [self._running.pop(worker) for worker in set(self._running) - set(told["workers"])]
            for task in filter(None, lost):
                self._do_again(task)
            new = set(told["workers"]) - self._running.keys() - self._asked.keys()
            for worker in new if not self._end else ():
                self._asked[worker] = asyncio.run_coroutine_threadsafe(
                    self._meet(worker), self._lines.loop.asyncio_loop
                )
        self._hand_out()

    async def _meet(self, worker: str) -> None:
        """Use a worker once it has told where it listens. Runs in Dask's own thread.

        One may be told by an address of this machine alone, and listen to all others, too.
        """
        try:
            told = await self._client.run(_listening, workers=[worker], on_error="ignore", asynchronous=True)
        except Exception:  # the line is lost
            told = {}
        self._check(told.get(worker, []))
        with self._lock:
            del self._asked[worker]
            if worker in told and not self._end:  # else it is asked anew, if it is still there
                self._running.setdefault(worker, None)
        self._hand_out()

    def _check(self, doors: Iterable[str]) -> None:
        """Nothing more is done where others can reach one of these doors."""
        if is_open := next((door for door in doors if not _is_private(door)), None):
            self._stop(_open(is_open))

    def _do_again(self, task: _Task) -> None:
        task.deaths += 1
        remote, task.remote = task.remote, None
        remote.release()
        if task.deaths < MOST_DEATHS:
            self._waiting.appendleft(task)
        else:
            task.future.set_exception(DiedError())

    def _hand_out(self) -> None:
        """Give each free worker a task."""
        with self._lock:
            if self._end:
                self._fail_all(self._end)
                return
            for worker in self.workers():
                while self._waiting and self._running[worker] is None:
                    task = self._waiting.popleft()
                    if task.future.running() or task.future.set_running_or_notify_cancel():
                        self._give(worker, task)

    def _give(self, worker: str, task: _Task) -> None:
        self._running[worker] = task
        try:
            task.remote = self._client.submit(
                _carry_out, *task.call, workers=[worker], allow_other_workers=False, pure=False, retries=0
            )
        except Exception as error:  # a client that was closed meanwhile, or arguments that cannot be pickled
            self._running[worker] = None
            task.future.set_exception(error)
            return
        asyncio.run_coroutine_threadsafe(self._take(worker, task, task.remote), self._lines.loop.asyncio_loop)

    async def _take(self, worker: str, task: _Task, remote: Any) -> None:
        """What comes of a task, unless it is taken from this worker meanwhile. Runs in Dask's own thread."""
        result, error = None, None
        try:
            result = await self._client.gather(remote, asynchronous=True)
        except (Exception, asyncio.CancelledError) as raised:
            error = raised
        with self._lock:
            if task.remote is not remote:
                return
            self._running[worker] = None
            if error and remote.status != "error":
                # Whoever has the result went, or the scheduler. `_look` gives it out, when it knows who is still there.
                self._do_again(task)
                return
            task.remote = None
        remote.release()
        if error:
            task.future.set_exception(error)
        else:
            task.future.set_result(result)
        self._hand_out()

    def _stop(self, why: UserError) -> None:
        with self._lock:
            self._end = self._end or why
            self._fail_all(self._end)

    def _fail_all(self, why: UserError) -> None:
        tasks = [*self._waiting, *filter(None, self._running.values())]
        self._waiting.clear()
        self._running.clear()
        for task in tasks:
            task.remote = None
            if task.future.running() or task.future.set_running_or_notify_cancel():
                task.future.set_exception(why)


class _Lines:
    """The thread of Dask's client, which ends when it is left: the client's own stays where it could not connect."""

    def __enter__(self) -> _Lines:
        self._begun = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), name="dask lines", daemon=True)
        self._thread.start()
        self._begun.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.asyncio_loop.call_soon_threadsafe(self._left.set)
        self._thread.join()

    async def _run(self) -> None:
        from tornado.ioloop import IOLoop

        self.loop: Any = IOLoop.current()
        self._left = asyncio.Event()
        self._begun.set()
        await self._left.wait()


def _carry_out(function: Callable[..., _T], arguments: tuple[Any, ...]) -> _T:
    """Runs in the worker."""
    from distributed import get_worker

    called(get_worker().address)
    return function(*arguments)


def _listening(dask_worker: Any) -> list[str]:
    """The addresses on which a worker listens. Runs there; the name of the argument is Dask's."""
    return [str(listener.listen_address) for listener in dask_worker.listeners]


def _connected(address: Address, stack: ExitStack) -> tuple[Any, _Lines]:
    """A client of Dask, and what runs its lines; ``stack`` closes them. Raises SetUpError."""
    with needing(str(address), "dask"):
        import dask

        # It tells of every line that breaks; the user is told once, by us. What it would do in threads that stay until
        # the program ends is little.
        quiet = dict.fromkeys(("distributed", "distributed.client", "distributed.core"), "critical")
        dask.config.set({"logging": {**dask.config.get("logging", {}), **quiet}, "distributed.comm.offload": False})
        from distributed import Client, Security
    security: Any = Security()  # type: ignore[no-untyped-call]
    place = _place(address, security)
    lines = stack.enter_context(_Lines())
    try:
        client: Any = Client(  # type: ignore[no-untyped-call]
            place, loop=lines.loop, security=security, timeout=_ANSWER, set_as_default=False, name="face-classifier"
        )
    except (OSError, ValueError) as error:
        raise SetUpError(
            f"no scheduler of Dask answers at {place} within {_ANSWER:g} seconds; start it, or look at its certificates"
        ) from error
    stack.callback(client.close)
    return client, lines


def _place(address: Address, security: Any) -> str:
    """Where Dask is asked, after the certificates that there are. Raises SetUpError."""
    try:
        is_encrypted = security.get_connection_args("client")["ssl_context"] is not None
    except (OSError, ValueError, TypeError) as error:
        files = [security.tls_ca_file, security.tls_client_cert, security.tls_client_key]
        raise SetUpError(
            f"the certificates of Dask's configuration, {', '.join(map(str, files))}, cannot be used ({error}); mend "
            "distributed.comm.tls"
        ) from error
    return f"tls://{address.at}" if is_encrypted else f"tcp://{_own(address)}"


def _own(address: Address) -> str:
    """Where this machine alone is asked, without encryption. Raises SetUpError."""
    numbers = looked_up(address)
    if others := [number for number in numbers if not is_loopback(number)]:
        raise SetUpError(
            f"{address} is another machine ({others[0]}), and Dask's configuration names no certificates, so others on "
            "the network could listen; make certificates as docs/clusters.md tells"
        )
    return joined(numbers[0], address.port)


def _is_private(place: str) -> bool:
    """Whether nobody else can listen at an address of Dask: it is encrypted, or of this machine alone."""
    parts = urlsplit(place)
    with suppress(ValueError):
        return parts.scheme == "tls" or is_loopback(parts.hostname or "")
    return False


def _open(place: str) -> SetUpError:
    return SetUpError(
        f"a part of Dask takes connections from other machines without encryption ({place}); start it with --host "
        "127.0.0.1, or make certificates as docs/clusters.md tells"
    )


def _gone(address: Address) -> SetUpError:
    return SetUpError(f"the scheduler at {address} is gone; start it and its workers, and give the same command again")
