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

    def picture(self, take: Callable[[], Image], grey: Callable[[], Image] | None = None, ahead: float = 0.0) -> bool:
        """A whole picture came. Returns whether it was wanted.

        Parameters
        ----------
        take : makes it BGR; called if it is wanted
        grey : makes it (height, width), of one colour; None = it does not tell whether the picture stands still
        ahead : seconds by which its own clock is ahead of the others
        """
        now, wall = time.monotonic(), time.time()
        wanted = self.memory.arrive(now, now + ahead)
        if wanted:
            self.memory.publish(take(), now + ahead, wall + ahead, now)
        os.write(self._pipe, b"\n")
        if grey is not None:
            self._compare(now, grey)
        return wanted

    def _compare(self, now: float, grey: Callable[[], Image]) -> None:
        if self._compared is not None and now - self._compared[0] < _STILL_EVERY:
            return
        picture = grey()
        if self._compared is not None and self._compared[1].shape == picture.shape:
            self.tell(Message(changed=float((self._compared[1] != picture).mean())))
        self._compared = now, picture
