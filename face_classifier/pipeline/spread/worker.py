"""The workers of a local cluster: each carries out one task after the other, and ends with the process it works for.

The first process makes what all of them need, once, and forks them. On macOS, whose own libraries do not work in a
forked process, each makes that itself.
"""

from __future__ import annotations

import importlib
import logging
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler, recv_handle
from typing import Any

import cv2

_TASKS = "face_classifier.pipeline.spread.task", "face_classifier.vision.sface"
_FORKS = sys.platform != "darwin"
_ALONE = "alone"  # the argument of a worker that was not forked
logger = logging.getLogger(__name__)


def _receive(connection: Connection, calls: queue.SimpleQueue[bytes]) -> None:
    """Take what comes; where nobody is left at the other end, end at once, also in the middle of a task."""
    try:
        while True:
            calls.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(0)


def _carry_out(call: bytes) -> tuple[bool, Any]:
    """Whether it went well, and what came out or was raised; it can be sent."""
    try:
        work: tuple[Callable[..., Any], tuple[Any, ...]] = ForkingPickler.loads(call)
        function, arguments = work
        answer = True, function(*arguments)
    except Exception as error:
        answer = False, error
    try:
        sent = ForkingPickler.dumps(answer)
        if not answer[0]:
            ForkingPickler.loads(sent)  # an error may want more for its making than it keeps
    except Exception:
        return False, RuntimeError(f"{type(answer[1]).__name__}: {answer[1]}")
    return answer


def _prepare(call: bytes) -> None:
    usual = cv2.getNumThreads()
    cv2.setNumThreads(1)  # it would keep some, which no worker would have
    try:
        function, arguments = ForkingPickler.loads(call)
        function(*arguments)
    except Exception as error:  # which a worker meets, too, and tells
        logger.debug("what all workers need cannot be made: %s", error, exc_info=True)
    finally:
        cv2.setNumThreads(usual)


def main(descriptor: int) -> None:
    """Do what comes over a connection, until its end.

    It is (function, arguments), which makes what all workers need, or nothing, and behind it a connection for another
    worker: that one is forked, and its process told, whose number is no other's until all end. No thread runs here, so
    that nothing is forked by halves.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C reaches the whole group: whoever started this says when it ends
    os.set_inheritable(descriptor, False)
    connection = Connection(descriptor)
    if _FORKS:
        _load()
    try:
        while True:
            if call := connection.recv_bytes():
                if _FORKS:
                    _prepare(call)
                continue
            theirs = recv_handle(connection)
            process = _forked() if _FORKS else _spawned(theirs)
            if not process:
                break
            os.close(theirs)
            connection.send(process)
    except (EOFError, OSError):
        connection.close()  # if nothing more can be forked, it is known at once
        with suppress(ChildProcessError):
            while True:
                os.wait()  # they have been killed, or end as this does
        return
    connection.close()
    _work(Connection(theirs))


def _load() -> None:
    """Import what tasks need, which takes half a second, before the first one comes."""
    for module in _TASKS:
        importlib.import_module(module)


def _spawned(connection: int) -> int:
    """The number of a new process that works for a connection."""
    os.set_inheritable(connection, True)
    options = ["-X", "utf8"] if sys.flags.utf8_mode else []
    module = "face_classifier.pipeline.spread.worker"
    command = [sys.executable, *options, "-m", module, str(connection), _ALONE]
    return os.posix_spawn(sys.executable, command, os.environ)


def _forked() -> int:
    """As `os.fork`. Python warns from 3.12 on where there are threads: these are numpy's, which mind forking."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _work(connection: Connection) -> None:
    """Carry out what comes over a connection: (function, arguments), each answered by (whether it went well, what)."""
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, calls), daemon=True).start()
    while True:
        answer = _carry_out(calls.get())
        try:
            connection.send(answer)
        except OSError:
            os._exit(0)


if __name__ == "__main__":
    if _ALONE in sys.argv:
        _load()
        _work(Connection(int(sys.argv[1])))
    else:
        main(int(sys.argv[1]))
