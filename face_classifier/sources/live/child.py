"""A process that reads a camera, as its parent sees it."""

from __future__ import annotations

import logging
import os
import select
import subprocess
import sys
import time
from contextlib import suppress

from face_classifier.sources.live.reading.job import Job, Message
from face_classifier.sources.live.reading.memory import Memory, new_memory

logger = logging.getLogger(__name__)

_READER = "face_classifier.sources.live.reading.reader"
_END_WITHIN = 1.0  # seconds from the signal that none ignores to the end of a process
# What a reader inherits of the environment: where things lie and how to get out. No password of anybody.
_INHERITED = frozenset(
    "PATH HOME LANG LANGUAGE LC_ALL LC_CTYPE TZ TMPDIR LD_LIBRARY_PATH DYLD_LIBRARY_PATH VIRTUAL_ENV PYTHONHOME "
    "PYTHONUTF8 PYTHONWARNINGS SSL_CERT_FILE SSL_CERT_DIR http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY "
    "NO_PROXY OMP_NUM_THREADS OPENCV_LOG_LEVEL OPENCV_FFMPEG_LOGLEVEL".split()
)


class ChildGone(Exception):  # noqa: N818
    """The process has ended by itself: it was killed, or a library broke it."""


class Messages:
    """What a reader tells, line by line, from the descriptor of a pipe."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._begun = b""  # of a line

    def next(self, timeout: float, wake: int) -> list[Message]:
        """What it tells within ``timeout`` seconds, or until the descriptor ``wake`` is readable.

        Raises ChildGone once all is read that it told.
        """
        poll = select.poll()  # select cannot take the descriptors of a program with a thousand files
        poll.register(self._pipe, select.POLLIN)
        poll.register(wake, select.POLLIN)
        if self._pipe not in dict(poll.poll(max(0.0, timeout) * 1000)):
            return []
        data = os.read(self._pipe, 1 << 16)
        if not data:
            raise ChildGone
        *lines, self._begun = (self._begun + data).split(b"\n")
        return [Message.of_line(line) for line in lines if line] or [Message()]


class Child:
    """A process with the memory that it writes pictures to. It is killed with `end`, at the latest with its parent."""

    def __init__(self) -> None:
        descriptor = new_memory()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _READER, str(descriptor), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[descriptor],
                bufsize=0,
                env=_environment(),
            )
        except BaseException:
            os.close(descriptor)
            raise
        try:
            self.memory = Memory(descriptor)
        except BaseException:
            with self._process:
                self._process.kill()
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._messages = Messages(self._stdout.fileno())

    @property
    def number(self) -> int:
        """Of the process."""
        return self._process.pid

    def begin(self, job: Job) -> None:
        """Give it a job. Raises ChildGone."""
        try:
            self._stdin.write(job.line())
        except OSError as error:
            raise ChildGone from error

    def messages(self, timeout: float, wake: int) -> list[Message]:
        """What it tells; see `Messages.next`."""
        return self._messages.next(timeout, wake)

    def end(self) -> None:
        """Kill it; returns within a second though it hangs in the kernel, and no longer waits for it then."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._stdin.close()
        self._stdout.close()
        until = time.monotonic() + _END_WITHIN
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(until - time.monotonic())
            return
        logger.warning("the process %d, which read a camera, does not end: the kernel holds it", self._process.pid)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _INHERITED}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONSAFEPATH": "1"}
