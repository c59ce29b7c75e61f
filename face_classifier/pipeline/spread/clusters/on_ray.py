"""Ray's workers carry out tasks: it spreads them over its nodes, a processor each, and does them again where one dies.

A program that Ray has connected is ended by it, without a word of ours, when the cluster goes. So a process of its own
stands between (`ray_side`), and this one sees it end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from face_classifier.core.errors import SetUpError, UserError
from face_classifier.pipeline.spread.cluster import called
from face_classifier.pipeline.spread.clusters.address import read_address
from face_classifier.pipeline.spread.clusters.child import Child

_T = TypeVar("_T")
_PORT = 6379
_SIDE = "face_classifier.pipeline.spread.clusters.ray_side"
_ANSWER = 120.0  # seconds in which Ray is there or not, on a machine that does much else
_FAREWELL = 5.0  # seconds


class RayCluster:
    """See `Cluster`. A worker is a node of Ray, which has as many slots as processors; this machine is one of them.

    Ray opens ports to the network, so its head must ask for a token.
    """

    def __init__(self, where: str) -> None:
        """``where``: ``ray://host[:port]`` of the head, as its nodes have it. Raises WrongUseError."""
        self._address = read_address(where, _PORT)
        self._lock = threading.RLock()
        self._nodes: dict[str, tuple[str, int]] = {}  # name and slots of those that are there, by id
        self._refused: set[str] = set()  # names
        self._open: dict[int, Future[Any]] = {}  # what is not done, by number
        self._count = 0
        self._end: UserError | None = None  # why nothing more can be done

    @property
    def slots(self) -> int:
        with self._lock:
            return sum(slots for name, slots in self._nodes.values() if name not in self._refused)

    def submit(self, function: Callable[..., _T], /, *arguments: Any) -> Future[_T]:
        """See `Cluster`. The future raises SetUpError where the head is gone."""
        future: Future[_T] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._end:
                future.set_exception(self._end)
                return future
            self._count += 1
            self._open[self._count] = future
            refused = sorted(node for node, (name, _) in self._nodes.items() if name in self._refused)
            try:
                self._side.connection.send((self._count, function, arguments, refused))
            except OSError:
                pass  # `_listen` finds that, too
            except Exception as error:  # arguments that cannot be pickled
                del self._open[self._count]
                future.set_exception(error)
        return future

    def refuse(self, worker: str) -> None:
        with self._lock:
            self._refused.add(worker)

    def workers(self) -> Sequence[str]:
        with self._lock:
            return sorted(name for name, _ in self._nodes.values() if name not in self._refused)

    def __enter__(self) -> RayCluster:
        """Raises SetUpError."""
        self._side = Child(_SIDE, self._address.host, str(self._address.port), is_heard=False)
        try:
            if not self._side.connection.poll(_ANSWER):
                raise SetUpError(f"the head of Ray at {self._address} does not answer; restart it")
            self._hear(*self._side.connection.recv())
            if self._end:
                raise self._end
        except (EOFError, OSError) as error:
            self._side.close()
            raise _gone(str(self._address)) from error
        except BaseException:
            self._side.close()
            raise
        self._listener = threading.Thread(target=self._listen, name="ray", daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._stop(SetUpError("the program ends"))
        with self._lock, suppress(OSError):
            self._side.connection.send(None)
        if not self._side.wait(_FAREWELL):
            self._side.kill()
        self._listener.join()
        self._side.close()

    def _listen(self) -> None:
        try:
            while True:
                self._hear(*self._side.connection.recv())
        except (EOFError, OSError):
            self._stop(_gone(str(self._address)))

    def _hear(self, what: str, *told: Any) -> None:
        """What the process between tells: the nodes, what came of a task, or why nothing more can be done."""
        if what == "nodes":
            with self._lock:
                (self._nodes,) = told
        elif what == "answer":
            number, went_well, answer = told
            with self._lock:
                future = self._open.pop(number, None)
            if future:
                future.set_result(answer) if went_well else future.set_exception(answer)
        else:
            self._stop(SetUpError(*told))

    def _stop(self, why: UserError) -> None:
        with self._lock:
            self._end = self._end or why
            futures, self._open, self._nodes = list(self._open.values()), {}, {}
        for future in futures:
            future.set_exception(self._end)


def carry_out(function: Callable[..., _T], arguments: tuple[Any, ...]) -> _T:
    """Runs in the worker."""
    import ray

    called(node_name(os.uname().nodename, ray.get_runtime_context().get_node_id()))
    return function(*arguments)


def node_name(host: str, node: str) -> str:
    """What the user reads of a node: its host, and the beginning of its id."""
    return f"{host}-{node[:8]}"


def _gone(address: str) -> SetUpError:
    return SetUpError(f"the head of Ray at {address} is gone; start it, and give the same command again")
