"""A process of a local cluster: carries out one task after the other, and ends with the process that started it."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

Call = tuple[Callable[..., Any], tuple[Any, ...]]


def _receive(connection: Connection, calls: queue.Queue[Call | Exception]) -> None:
    """Take what comes; where nobody is left at the other end, end at once, also in the middle of a task."""
    while True:
        try:
            calls.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)
        except Exception as error:  # a function that cannot be imported here
            calls.put(error)


def main(descriptor: int) -> None:
    """Carry out what comes over a connection: (function, arguments), each answered by (whether it went well, what)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C reaches the whole group: whoever started this says when it ends
    connection = Connection(descriptor)
    calls: queue.Queue[Call | Exception] = queue.Queue()
    threading.Thread(target=_receive, args=(connection, calls), daemon=True).start()
    while True:
        call = calls.get()
        try:
            if isinstance(call, Exception):
                raise call
            function, arguments = call
            answer = True, function(*arguments)
        except Exception as error:
            answer = False, error
        try:
            connection.send(answer)
        except OSError:
            os._exit(0)
        except Exception as error:  # what cannot be pickled
            connection.send((False, TypeError(f"{type(answer[1]).__name__} cannot be sent ({error})")))


if __name__ == "__main__":
    main(int(sys.argv[1]))
