"""Processes that this one begins, with a connection to each."""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection

_SECONDS = 5.0  # that a process has to end once it is killed


class Child:
    """A Python program of ours, which gets the number of its end of a connection as its first argument."""

    def __init__(self, program: str, *arguments: str, is_heard: bool = True) -> None:
        """Begin it.

        Parameters
        ----------
        program: dotted name of its module, which can be imported as it can here.
        arguments: further ones.
        is_heard: whether what it writes to its stderr is shown.
        """
        self.connection, theirs = Pipe()
        try:
            self._process = _begun(theirs, program, arguments, is_heard)
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait(self, seconds: float) -> bool:
        """Whether it ends by itself within this time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it at once: what it has not finished is as if it was never begun."""
        self._process.kill()

    def close(self) -> None:
        """Know no more of one that has died, or is about to."""
        self._process.kill()
        self._process.wait(_SECONDS)
        self.connection.close()


def _begun(connection: Connection, program: str, arguments: tuple[str, ...], is_heard: bool) -> subprocess.Popen[bytes]:
    number = connection.fileno()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, *(["-X", "utf8"] if sys.flags.utf8_mode else []), "-m", program, str(number), *arguments]
    stderr = None if is_heard else subprocess.DEVNULL
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, env=environment, pass_fds=[number]
    )
