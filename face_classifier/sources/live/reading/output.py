"""What a process that reads a camera hands out: pictures over the shared memory, messages over a pipe."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from face_classifier.core.types import Image
from face_classifier.sources.live.reading.job import Message, Why
from face_classifier.sources.live.reading.memory import Memory

_STILL_EVERY = 2.0  # seconds between two pictures that are compared, at least


class JobError(Exception):
    """A job cannot go on."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(why)
        self.why, self.detail = why, detail


class Out:
    """Where a job puts what it reads."""

    def __init__(self, memory: Memory, pipe: int) -> None:
        self.memory = memory
        self._pipe = pipe
        self._compared: tuple[float, Image] | None = None

    def tell(self, message: Message) -> None:
        """At most 4096 bytes, which arrive in one piece."""
        os.write(self._pipe, message.line())

    def live(self) -> None:
        """The camera sent something, be it no picture yet."""
        self.memory.live(time.monotonic())

    def picture(self, take: Callable[[], Image], grey: Callable[[], Image] | None = None) -> None:
        """A whole picture came.

        Parameters
        ----------
        take : makes it BGR; called if it is wanted
        grey : makes it grey; None = it says nothing about whether the camera's picture stands still
        """
        now, wall = time.monotonic(), time.time()
        if self.memory.arrive(now):
            self.memory.publish(take(), now, wall)
        os.write(self._pipe, b"\n")
        if grey is not None:
            self._compare(now, grey)

    def _compare(self, now: float, grey: Callable[[], Image]) -> None:
        if self._compared is not None and now - self._compared[0] < _STILL_EVERY:
            return
        picture = grey()
        if self._compared is not None and self._compared[1].shape == picture.shape:
            self.tell(Message(changed=float((self._compared[1] != picture).mean())))
        self._compared = now, picture
