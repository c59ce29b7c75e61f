"""Webcams that stand in for real ones: devices behind the reader, which runs in a thread instead of a process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from face_classifier.sources.live import feed
from face_classifier.sources.live.child import Messages
from face_classifier.sources.live.reading.device import Device, read_device
from face_classifier.sources.live.reading.job import Job, Message
from face_classifier.sources.live.reading.memory import Memory, new_memory
from face_classifier.sources.live.reading.output import JobError, Out

OpenDevice = Callable[[Any], Device]


class _UnpluggedError(Exception):
    pass


class _Ending:
    """A device until its reader is to end; as a process, which is killed, that cannot wait for a picture."""

    def __init__(self, device: Device, ending: threading.Event) -> None:
        self._device, self._ending = device, ending
        self.isOpened, self.get, self.release = device.isOpened, device.get, device.release

    def read(self) -> tuple[bool, Any]:
        if self._ending.is_set():
            raise _UnpluggedError
        return self._device.read()


class HereReader:
    """In place of `Child`: the same reader, memory and messages, in a thread of this process."""

    def __init__(self, open_device: OpenDevice) -> None:
        descriptor = new_memory()
        self.memory = Memory(os.dup(descriptor))
        self._theirs = Memory(descriptor)
        self.number = os.getpid()
        self._open_device = open_device
        self._reading, self._pipe = os.pipe()
        self._messages = Messages(self._reading)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, job: Job) -> None:
        self._thread = threading.Thread(target=self._read, args=(job,), name="reader", daemon=True)
        self._thread.start()

    def messages(self, timeout: float, wake: int) -> list[Message]:
        return self._messages.next(timeout, wake)

    def end(self) -> None:
        self._ending.set()
        if self._thread:
            self._thread.join()
        os.close(self._pipe)
        os.close(self._reading)

    def _read(self, job: Job) -> None:
        out = Out(self._theirs, self._pipe)

        def opened(where: Any) -> Device:
            return _Ending(self._open_device(where), self._ending)

        try:
            read_device(job, out, opened)
        except JobError as error:
            out.tell(Message(failed=error.why, detail=error.detail))
        except _UnpluggedError:
            pass
        except BaseException as error:
            out.tell(Message(failed="unknown", detail=type(error).__name__))


def plug_in(open_device: OpenDevice) -> None:
    """From now on webcams are what ``open_device`` makes of their number."""
    feed.Child = lambda: HereReader(open_device)  # type: ignore[misc,assignment]


@contextmanager
def plugged_in(open_device: OpenDevice) -> Iterator[None]:
    """Within, webcams are what ``open_device`` makes of their number."""
    before = feed.Child
    plug_in(open_device)
    try:
        yield
    finally:
        feed.Child = before  # type: ignore[misc]
