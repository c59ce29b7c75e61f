"""Has work done in a process of its own: it leaves the cameras and the pages beside it their time, and its memory."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from face_classifier.core.errors import UserError
from face_classifier.gallery.reading.catalogue import Catalogue

_Made = TypeVar("_Made")

_SECONDS = 3600.0  # for one piece of work, on a busy machine; the processor's time is limited by the program itself
_PROGRAM = "face_classifier.web.aside.worker"
_TIMES = 2  # a process that was killed is begun again so often altogether


class Apart:
    """The processes that work just now, which any thread may end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working: set[subprocess.Popen[bytes]] = set()
        self._has_ended = False

    def do(self, work: Callable[..., _Made], *given: Any) -> _Made:
        """What ``work`` returns for what is given, worked out in a process of its own, which yields to others.

        Parameters
        ----------
        work : of a module's top; the other process imports it
        given : its arguments; they and what it returns are pickled, for the same program with the same rights

        Raises
        ------
        UserError : what ``work`` raised; or it could not be worked out, as where the memory did not suffice
        """
        task = pickle.dumps((work, given), pickle.HIGHEST_PROTOCOL)
        for _ in range(_TIMES):
            try:
                answer = self._answered(task)
            except OSError:
                break
            if answer:
                is_done, made = pickle.loads(answer)
                if is_done:
                    return made
                raise UserError(made)
        raise UserError("this could not be worked out; look at the page again later")

    def end(self) -> None:
        """Kill what works, and begin no more."""
        with self._lock:
            self._has_ended = True
            for process in self._working:
                process.kill()

    def _answered(self, task: bytes) -> bytes:
        """What the process says; nothing where it was killed. Raises OSError where it cannot be begun."""
        with self._begun([sys.executable, "-m", _PROGRAM]) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(b"%d\n" % len(task) + task)
                process.stdin.flush()  # it stays open: the process ends with it
            except BrokenPipeError:
                return b""
            return process.stdout.read()

    @contextmanager
    def _begun(self, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Within, a process works with pipes; it is killed at the end."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        with self._lock:
            if self._has_ended:
                raise OSError("the program ends")
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            self._working.add(process)
        timer = threading.Timer(_SECONDS, process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()
            process.communicate()
            with self._lock:
                self._working.discard(process)
            timer.join()


def size_of(catalogue: Catalogue) -> int:
    """How many faces a gallery has, from which one sees what is to be worked out apart."""
    return sum(person.faces for person in catalogue.people) + catalogue.unknown
