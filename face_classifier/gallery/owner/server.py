"""Takes the commands of other processes over a socket, and has the owner carry them out."""

from __future__ import annotations

import errno
import logging
import math
import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from types import MappingProxyType, TracebackType
from typing import Any, Generic, TypeVar

from face_classifier import __version__
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import InUseError, UserError
from face_classifier.core.progress import Observer
from face_classifier.gallery.owner.queue import Owner, OwnerClosedError
from face_classifier.gallery.owner.socket import ConnectionEndedError, is_same_user, listening, receive, send

T = TypeVar("T")
S = TypeVar("S")
Handler = Callable[[T, dict[str, Any], Observer], Any]
Answer = Callable[[dict[str, Any]], Any]  # of what needs no turn of the owner: called in any thread
logger = logging.getLogger(__name__)

NOTHING_ASIDE: Mapping[str, Answer] = MappingProxyType({})
PROGRAM = "face-classifier"
SILENCE = 10.0  # seconds without a sign of life after which the other side counts as dead
_SIGN = 2.0  # seconds after which a server that has nothing to say gives a sign of life
_STEP = 0.1  # seconds between two tellings of how far a command is
_PATIENCE = 60.0  # seconds for which a command waits for its turn
_MOST = 32  # connections at a time
_IDLE = 10.0  # seconds without a command after which a connection gives way to another, if there are too many
_PAUSE = 0.2  # seconds until a connection is taken that the system has no room for
_NO_ROOM = errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM


class Server(Generic[T]):
    """Takes commands for the owner of a folder from this user's other processes.

    A context manager: entering listens and announces where; leaving takes no new commands, lets those that were begun
    end, and removes the socket. The owner must be open all the while.
    """

    def __init__(
        self,
        folder: Root,
        owner: Owner[T],
        handler_of: Callable[[str], Handler[T] | None],
        announce: Callable[[str | None], None],
        *,
        aside: Mapping[str, Answer] = NOTHING_ASIDE,
        patience: float = _PATIENCE,
    ) -> None:
        """Does nothing yet.

        Parameters
        ----------
        folder: that the owner has locked.
        handler_of: what is done, by the name of the command, in the owner's thread; None: there is no such command.
        announce: tells others where the socket is; None: nowhere any more.
        aside: what is answered at once, by the name of the command, also while the owner is busy.
        patience: seconds for which a command waits for its turn.
        """
        self._folder, self._owner, self._handler_of, self._announce = folder, owner, handler_of, announce
        self._aside, self._patience = aside, patience
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._idle: dict[socket.socket, float] = {}  # connections without a command, and from when on they give way
        self._threads: set[threading.Thread] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Server[T]:
        """Raises OSError, UserError where there is no place for a socket."""
        with ExitStack() as stack:
            listener, address = stack.enter_context(listening(self._folder))
            wake, woken = socket.socketpair()
            stack.callback(wake.close)
            stack.callback(woken.close)
            self._announce(address)
            stack.callback(self._withdraw)
            # Made here: a thread that found no descriptor free for it would end, and the owner would answer nobody.
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(listener, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            accepting = threading.Thread(target=self._accept, args=(listener, selector), name="server")
            accepting.start()
            stack.callback(self._end, accepting, wake)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _end(self, accepting: threading.Thread, wake: socket.socket) -> None:
        wake.send(b"\0")
        accepting.join()
        with self._lock:
            self._ending.set()
            for connection in self._idle:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)  # wakes its thread, which carries out what has come by now
        for thread in list(self._threads):
            thread.join()

    def _withdraw(self) -> None:
        with suppress(OSError):  # the folder is gone, and its lock ends with this process
            self._announce(None)

    def _accept(self, listener: socket.socket, selector: selectors.BaseSelector) -> None:
        """What the thread does that takes connections."""
        while all(key.fileobj is listener for key, _ in selector.select()):
            try:
                connection, _ = listener.accept()
            except OSError as error:  # else it went away before it was taken
                if error.errno in _NO_ROOM:  # it still waits there, so the listener is ready all the while
                    selector.unregister(listener)
                    selector.select(_PAUSE)
                    selector.register(listener, selectors.EVENT_READ)
            else:
                self._begin(connection)

    def _begin(self, connection: socket.socket) -> None:
        """Have a thread converse with a connection; one for which there is no room is closed."""
        with ExitStack() as refusing, suppress(OSError):
            refusing.enter_context(connection)
            self._threads = {thread for thread in self._threads if thread.is_alive()}
            if is_same_user(connection) and (len(self._threads) < _MOST or self._make_room()):
                thread = threading.Thread(target=self._converse, args=(connection,), name="connection")
                with suppress(RuntimeError):  # the system has no more threads
                    thread.start()
                    self._threads.add(thread)
                    refusing.pop_all()

    def _make_room(self) -> bool:
        """End the connection that has been idle for longest, if it has to give way by now."""
        with self._lock:
            longest = min(self._idle, key=self._idle.__getitem__, default=None)
            if longest is None or self._idle[longest] > monotonic():
                return False
            del self._idle[longest]  # which ends the conversation
            with suppress(OSError):
                longest.shutdown(socket.SHUT_RD)
            return True

    def _converse(self, connection: socket.socket) -> None:
        """What the thread of a connection does: greets, and carries out command after command."""
        left: list[Callable[[], None]] = []
        with connection, suppress(ConnectionEndedError, OSError):
            connection.settimeout(SILENCE)
            send(connection, {"program": PROGRAM, "version": __version__, "pid": os.getpid()})
            while request := self._next(connection, math.inf if left else monotonic() + _IDLE):
                asker = Asker(connection, self._patience, left)
                asker.carry_out(self._owner, self._handler_of, request, self._aside)
            send(connection, {"ended": True})
        if left:
            with suppress(OwnerClosedError):
                self._owner.submit(lambda _: _put_in_order(left))

    def _next(self, connection: socket.socket, gives_way: float) -> dict[str, Any] | None:
        """The next request of a connection, however long that takes; None at the end.

        ``gives_way``: when (monotonic) it may be ended for another; never while it has something to be put in order.
        """
        with self._lock:
            if self._ending.is_set():
                return None
            self._idle[connection] = gives_way
        try:
            connection.settimeout(None)
            request = receive(connection)
        except ConnectionEndedError:
            if not self._ending.is_set() and connection in self._idle:
                raise
            request = None
        finally:
            connection.settimeout(SILENCE)
            with self._lock:
                self._idle.pop(connection, None)
        return request


@contextmanager
def serving(
    folder: Path,
    owner: Owner[T],
    handler_of: Callable[[str], Handler[T] | None],
    announce: Callable[[str | None], None],
    problem: Callable[[str], None],
    aside: Mapping[str, Answer] = NOTHING_ASIDE,
) -> Iterator[None]:
    """Within, other processes of this user send the owner commands, as `Server` says.

    ``problem``: is told a sentence where there is no place for a socket; then nobody can.
    """
    with ExitStack() as stack:
        try:
            root = stack.enter_context(Root(folder))
            stack.enter_context(Server(root, owner, handler_of, announce, aside=aside))
        except (OSError, UserError) as error:
            problem(
                f"no socket can be made for {folder} ({error}), so commands that change it are refused until this ends"
            )
        yield


class Asker:
    """Another process with a command, which is told what there is to tell meanwhile. An `Observer`."""

    def __init__(self, connection: socket.socket, patience: float, left: list[Callable[[], None]]) -> None:
        """``left``: what is to be done when the connection has ended."""
        self._connection, self._patience, self._left = connection, patience, left
        self._news: SimpleQueue[dict[str, Any] | None] = SimpleQueue()  # None: it has ended
        self._has_begun = False

    def problem(self, sentence: str) -> None:
        self._news.put({"problem": sentence})

    def at_end(self, sentence: str) -> None:
        self._news.put({"at_end": sentence})

    def through(self, steps: Sequence[S], name: str) -> Iterator[S]:
        self._news.put({"steps": len(steps), "name": name})
        latest = 0.0
        for number, step in enumerate(steps, 1):
            yield step
            if number == len(steps) or monotonic() > latest + _STEP:
                latest = monotonic()
                self._news.put({"step": number})

    def when_gone(self, action: Callable[[], None]) -> None:
        """Have something done in the owner's thread when that process ends its connection, or is killed."""
        self._left.append(action)

    def carry_out(
        self,
        owner: Owner[T],
        handler_of: Callable[[str], Handler[T] | None],
        request: dict[str, Any],
        aside: Mapping[str, Answer] = NOTHING_ASIDE,
    ) -> None:
        """Have it carried out and tell the answer. Raises OSError where the other side is gone: it is left out then,
        unless it has begun.
        """
        try:
            send(self._connection, {"answer": self._answer(owner, handler_of, request, aside)})
        except OwnerClosedError:
            send(self._connection, {"ended": True})
        except DiskError as error:
            send(self._connection, {"disk": error.told})
        except UserError as error:
            send(self._connection, {"error": str(error), "code": error.exit_code})
        except _FailedError as failed:
            cause = failed.__cause__
            if isinstance(cause, OSError):
                error_fields = [cause.errno, cause.strerror, os.fsdecode(cause.filename or "")]
                send(self._connection, {"os": error_fields})
            else:
                send(self._connection, {"error": str(failed), "code": 1})
        except (TypeError, ValueError, OverflowError) as error:  # the answer cannot be sent
            send(self._connection, {"error": _unexpected(request.get("command"), error), "code": 1})

    def _answer(
        self,
        owner: Owner[T],
        handler_of: Callable[[str], Handler[T] | None],
        request: dict[str, Any],
        aside: Mapping[str, Answer],
    ) -> Any:
        name, arguments = request.get("command"), request.get("arguments")
        if request.get("version") != __version__:
            raise InUseError(
                f"process {os.getpid()} has version {__version__} of the program and takes no commands of version "
                f"{request.get('version')}; stop it, or use that version"
            )
        if isinstance(name, str) and name in aside and isinstance(arguments, dict):
            return aside[name](arguments)
        handler = handler_of(name) if isinstance(name, str) else None
        if handler is None or not isinstance(arguments, dict):
            raise UserError(f"process {os.getpid()} has no command {name!r}; stop it, and run the command again")

        def carry_out(resource: T) -> Any:
            self._has_begun = True
            return handler(resource, arguments, self)

        future = self._submit(owner, carry_out)
        try:
            self._wait_for(future)
        except OSError:
            future.cancel()
            raise
        try:
            return future.result()
        except CancelledError:
            raise self._busy() from None
        except UserError:
            raise
        except Exception as error:
            logger.debug("an unexpected error in the command %s", name, exc_info=True)
            raise _FailedError(_unexpected(name, error)) from error

    def _submit(self, owner: Owner[T], action: Callable[[T], Any]) -> Future[Any]:
        end = monotonic() + self._patience
        while monotonic() < end:
            with suppress(TimeoutError):
                return owner.submit(action, seconds=min(_SIGN, self._patience))
            send(self._connection, {})
        raise self._busy()

    def _wait_for(self, future: Future[Any]) -> None:
        """Tell what there is to tell until the command has ended, or had its turn not soon enough."""
        future.add_done_callback(lambda _: self._news.put(None))
        end = monotonic() + self._patience
        while True:
            try:
                news = self._news.get(timeout=min(_SIGN, self._patience))
            except Empty:
                news = {}  # a sign of life
            if news is None:
                return
            send(self._connection, news)
            if not self._has_begun and monotonic() > end:
                future.cancel()

    def _busy(self) -> InUseError:
        return InUseError(
            f"process {os.getpid()} was too busy for {self._patience:g} seconds to carry this out; try again later"
        )


class _FailedError(Exception):
    """A command raised what nobody expected; the text is a sentence, the cause the error itself."""


def _put_in_order(actions: Sequence[Callable[[], None]]) -> None:
    """Do what processes that are gone have left to be done; they cannot be told what goes wrong."""
    for action in actions:
        try:
            action()
        except Exception as error:
            logger.warning("what another process left could not be put in order: %s", error, exc_info=True)


def _unexpected(name: object, error: Exception) -> str:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"the command {name} failed in process {os.getpid()} ({reason}); stop that process, and run it again"
