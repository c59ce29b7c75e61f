"""A process of a local cluster: carries out one task after the other, and ends with the process that started it."""

from __future__ import annotations

import importlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

_TASKS = "face_classifier.pipeline.spread.task"


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


def main(descriptor: int) -> None:
    """Carry out what comes over a connection: (function, arguments), each answered by (whether it went well, what)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C reaches the whole group: whoever started this says when it ends
    connection = Connection(descriptor)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, calls), daemon=True).start()
    importlib.import_module(_TASKS)  # which takes a second: before the first task comes
    while True:
        answer = _carry_out(calls.get())
        try:
            connection.send(answer)
        except OSError:
            os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
