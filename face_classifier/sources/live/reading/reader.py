"""The process that reads one camera: ``python -m face_classifier.sources.live.reading.reader MEMORY PARENT``.

It does one job after the other, as its parent writes them to its standard input, and ends with that: a library that
hangs in here is killed from outside, and harms nobody else. Addresses with their logins come over the pipe alone, so
that no list of processes shows them.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress

from face_classifier.sources.live.reading.job import Job, Message
from face_classifier.sources.live.reading.memory import Memory
from face_classifier.sources.live.reading.output import JobError, Out

_PDEATHSIG = 1  # prctl(2)


def carry_out(job: Job, out: Out) -> None:
    """Do a job until it fails. Raises JobError."""
    read = _reader_of(job)
    out.live()  # from now on what takes long is the camera
    read(job, out)


def _reader_of(job: Job) -> Callable[[Job, Out], None]:
    """What reads, with the libraries that it needs."""
    if job.kind == "stream":
        from face_classifier.sources.live.reading.stream import read_stream

        return read_stream
    if job.kind == "snapshot":
        from face_classifier.sources.live.reading.snapshot import read_snapshots

        return read_snapshots
    if job.kind == "device":
        from face_classifier.sources.live.reading.device import read_device

        return read_device
    from face_classifier.sources.live.reading.rehearsal import rehearse

    return rehearse


def main() -> None:
    """Do what the standard input says until its end."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # which a terminal sends to all: the parent decides
        signal.signal(ignored, signal.SIG_IGN)
    _end_with_parent()
    pipe = _private_output()
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_take_jobs, args=(jobs,), daemon=True).start()
    memory = Memory(int(sys.argv[1]))
    while True:
        job = jobs.get()
        out = Out(memory, pipe)
        try:
            carry_out(job, out)
            failure = Message(failed="ended")
        except JobError as error:
            failure = Message(failed=error.why, detail=error.detail)
        except BaseException as error:  # what it says may hold the login
            where = traceback.extract_tb(error.__traceback__)[-1]
            failure = Message(failed="unknown", detail=f"{type(error).__name__} in {where.name}, line {where.lineno}")
        out.tell(failure)


def _take_jobs(jobs: queue.SimpleQueue[Job]) -> None:
    with suppress(OSError, ValueError):
        while line := sys.stdin.buffer.readline():
            jobs.put(Job.of_line(line))
    os._exit(0)  # the parent is gone, or has done with this process


def _end_with_parent() -> None:
    """Have the kernel end this process with its parent, though a library hangs and holds the interpreter (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[2]):  # it ended before
        os._exit(0)


def _private_output() -> int:
    """The pipe to the parent; what libraries print goes nowhere."""
    pipe = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return pipe


if __name__ == "__main__":
    main()
