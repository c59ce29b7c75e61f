"""One video stream of a file as it is read: its frames one by one, with their numbers and positions."""

from __future__ import annotations

import math
import threading
from contextlib import closing, suppress

from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.sources.base import SAME_TIME
from face_classifier.sources.capture import Capture
from face_classifier.sources.chapters import Chapter

LONGEST = 10 * 365 * 86400.0  # seconds: a position beyond ten years is noise
_CONSTANT = 0.9  # of the steps from frame to frame must be one frame long for a constant rate


class Clock:
    """Positions of successive frames, always rising, in seconds, from the times a container tells.

    A time that does not rise is not a time (raw streams say 0 for ever, some AVIs for the last frame): such a frame
    comes one frame's duration after the one before. So does one after a jump, and the following ones go on from there.
    """

    def __init__(self, step: float, jump: float = math.inf) -> None:
        """``step``: seconds a frame; ``jump``: seconds from which a step of the clock, either way, is none of time."""
        self._step, self._jump = step, jump
        self._last: float | None = None
        self._behind = 0.0  # seconds that the container's clock is ahead of the position

    def position(self, container_time: float) -> float:
        """The position of the next frame in seconds, from what the container tells: seconds, or NaN."""
        last = -self._step if self._last is None else self._last
        now = container_time - self._behind
        if self._last is not None and abs(now - last) > self._jump and abs(container_time) < LONGEST:
            now = last + self._step
            self._behind = container_time - now
        usable = max(last, -SAME_TIME) < now < LONGEST  # False for NaN
        self._last = max(now, 0.0) if usable else last + self._step
        return self._last


class Lack:
    """Counts the frames that a container lacks which drops damaged ones: transport streams.

    It shows in the positions of the others, as far as the frame rate is constant.
    """

    def __init__(self, step: float) -> None:
        """``step``: seconds a frame."""
        self._step = step
        self._first = self._last = 0.0
        self._frames = self._regular = 0

    def add(self, position: float) -> None:
        """The position of the next frame in seconds."""
        if not self._frames:
            self._first = self._last = position
        self._regular += abs((position - self._last) / self._step - 1) < 0.25
        self._last = position
        self._frames += 1

    def missing(self) -> int:
        if self._regular < _CONSTANT * (self._frames - 1):
            return 0
        return max(0, round((self._last - self._first) / self._step) + 1 - self._frames)


class Reading:
    """A stream from a place on."""

    def __init__(
        self, capture: Capture, clock: Clock, lack: Lack | None, index: int | None, chapter: Chapter, first: int | None
    ) -> None:
        """What it needs to know.

        Parameters
        ----------
        capture : open at that place
        clock : tells positions
        lack : counts what the container lacks, where it may drop damaged frames
        index : 0-based number of its next frame; None = not known
        chapter : which is to be read, so that what is lost before it is not counted
        first : number of the first frame of that; None = not known
        """
        self._capture, self._clock, self._lack, self._chapter = capture, clock, lack, chapter
        self._next, self._first = index, first
        self._lost_before = None if chapter.is_sought and chapter.begin else 0
        self._is_back = False
        self.index: int | None = None  # of the frame that was grabbed
        self.position = 0.0  # seconds, of that

    @property
    def is_empty(self) -> bool:
        """Whether it was read from its beginning on and had no frame so far."""
        return self._next == 0

    def grab(self, stopping: threading.Event) -> bool:
        """Go on to the next frame that can be decoded. False at the end, and when ``stopping`` is set."""
        if self._is_back:
            self._is_back = False
            return True
        if not self._capture.grab(stopping):
            return False
        self.position = self._clock.position(self._capture.position())
        if self._lack is not None:
            self._lack.add(self.position)
        if not self._chapter.is_to_come(self.position):
            if self._lost_before is None:
                self._lost_before = self._capture.lost
            if self._first is not None:
                self._next, self._first = self._first, None
        self.index = self._next
        self._next = None if self._next is None else self._next + 1
        return True

    def put_back(self) -> None:
        """The frame that was grabbed is the next one again."""
        self._is_back = True

    def retrieve(self) -> Image | None:
        """The picture of the frame that was grabbed; None if it cannot be decoded."""
        return self._capture.retrieve()

    def close(self) -> int:
        """Returns how many frames could not be decoded; of a chapter that was sought, from its begin on."""
        self._capture.close()
        lost = 0 if self._lost_before is None else self._capture.lost - self._lost_before
        return lost + (self._lack.missing() if self._lack is not None else 0)


def last_position(path: str, clock: Clock) -> float:
    """The last position in a file in seconds, roughly where frames are not stored in order; 0 if it cannot be read."""
    last = 0.0
    with suppress(UserError), closing(Capture(path, decoding=False)) as capture:
        while capture.grab():
            last = max(last, clock.position(capture.position()))
    return last
