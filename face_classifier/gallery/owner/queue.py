"""A thread that owns what only it may touch; all others send it actions through a bounded queue."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any, Generic, TypeVar

from face_classifier.core.errors import InUseError

T = TypeVar("T")
R = TypeVar("R")


class OwnerClosedError(InUseError):
    """An action came when the owner was about to end; it was not carried out."""

    def __init__(self) -> None:
        super().__init__("the program is about to end and takes no more commands; try again when it has ended")


@dataclass
class _Regular(Generic[T]):
    """An action that is carried out again and again between the others."""

    seconds: float
    action: Callable[[T], None]
    ends: Future[None]
    due: float  # on the monotonic clock


class Owner(Generic[T]):
    """A thread that opens a resource, carries out everybody's actions on it one by one, and closes it.

    A context manager: entering opens the resource and raises what that raises; leaving refuses new actions, carries
    out those that wait, closes the resource, joins the thread, and raises what closing raised.
    """

    def __init__(self, opens: Callable[[], AbstractContextManager[T]], *, waiting: int = 64) -> None:
        """Does nothing yet.

        Parameters
        ----------
        opens: makes the resource; it is called, entered and left in the owner's thread.
        waiting: how many actions may wait before senders are held up.
        """
        if waiting < 1:
            raise ValueError(f"waiting is {waiting}, but at least one action must be able to wait")
        self._opens, self._most = opens, waiting
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Future[Any], Callable[[T], Any]]] = deque()
        self._regular: list[_Regular[T]] = []
        self._failed: list[BaseException] = []  # by regular actions
        self._is_open = self._is_left = False
        self._opened: Future[None] = Future()
        self._closed: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, name="owner")

    def __enter__(self) -> Owner[T]:
        try:
            self._thread.start()
            self._opened.result()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._leave()
        self._closed.result()
        if self._failed and error is None:
            raise self._failed[0]

    def _leave(self) -> None:
        with self._changed:
            self._is_open, self._is_left = False, True
            self._changed.notify_all()
        if self._thread.is_alive():  # else it has ended, or was interrupted while it started and ends by itself
            self._thread.join()

    def submit(self, action: Callable[[T], R], *, seconds: float | None = None) -> Future[R]:
        """Have an action carried out; blocks while as many as may wait are waiting, for at most ``seconds``.

        The actions of one thread are carried out in the order in which it sent them. The future has what the action
        returns or raises; one that is cancelled before its turn is left out.

        Raises
        ------
        OwnerClosedError: the owner is not open, or ended before there was room for the action.
        TimeoutError: there was no room for it in that time.
        RuntimeError: it is the owner's own thread that sends, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("an action sends another one to its own owner; let it use the resource that it is given")
        future: Future[R] = Future()
        with self._changed:
            is_in_time = self._changed.wait_for(lambda: len(self._waiting) < self._most or not self._is_open, seconds)
            if not self._is_open:
                raise OwnerClosedError
            if not is_in_time:
                raise TimeoutError("the owner has no room for another action")
            self._waiting.append((future, action))
            self._changed.notify_all()
        return future

    def call(self, action: Callable[[T], R]) -> R:
        """Have an action carried out, and return what it returns or raise what it raises."""
        return self.submit(action).result()

    def every(self, seconds: float, action: Callable[[T], None]) -> Future[None]:
        """Carry out an action between the others, for the first time ``seconds`` from now, and so long after its end.

        It is not held up by actions that wait. The future ends with the owner; cancelling it stops the action. What
        the action raises stops it, too, and is raised by the future and when the owner is left.
        """
        regular = _Regular(seconds, action, Future(), monotonic() + seconds)
        with self._changed:
            if not self._is_open:
                raise OwnerClosedError
            self._regular.append(regular)
            self._changed.notify_all()
        return regular.ends

    @property
    def failure(self) -> BaseException | None:
        """What ended a regular action, if any has failed; it is raised when the owner is left."""
        return self._failed[0] if self._failed else None

    def _work(self) -> None:
        """What the thread does."""
        try:
            with self._opens() as resource:
                with self._changed:
                    self._is_open = not self._is_left  # whoever entered was interrupted meanwhile
                self._opened.set_result(None)
                while step := self._next():
                    step(resource)
                    del step  # it may hold pictures, and the next one may be long in coming
        except BaseException as error:  # whoever enters or leaves raises it
            (self._closed if self._opened.done() else self._opened).set_exception(error)
        else:
            self._closed.set_result(None)
        finally:
            for regular in self._regular:
                with suppress(InvalidStateError):
                    regular.ends.set_result(None)

    def _next(self) -> Callable[[T], None] | None:
        """What is to be done next, as soon as there is something; None at the end."""
        with self._changed:
            while True:
                self._regular = [regular for regular in self._regular if not regular.ends.done()]
                soonest = min(self._regular, key=lambda regular: regular.due, default=None)
                if soonest and soonest.due <= monotonic() and self._is_open:
                    return lambda resource: self._repeat(soonest, resource)
                if self._waiting:
                    future, action = self._waiting.popleft()
                    self._changed.notify_all()
                    return lambda resource: _carry_out(future, action, resource)
                if not self._is_open:
                    return None
                self._changed.wait(max(soonest.due - monotonic(), 0) if soonest else None)

    def _repeat(self, regular: _Regular[T], resource: T) -> None:
        try:
            regular.action(resource)
        except BaseException as error:
            self._failed.append(error)
            with suppress(InvalidStateError):  # it was cancelled meanwhile
                regular.ends.set_exception(error)
        else:
            regular.due = monotonic() + regular.seconds


def _carry_out(future: Future[R], action: Callable[[T], R], resource: T) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = action(resource)
    except BaseException as error:  # the sender raises it
        future.set_exception(error)
    else:
        future.set_result(result)
