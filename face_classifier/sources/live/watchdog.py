"""When a camera is lost, and when it is tried again. All times are monotonic seconds."""

from __future__ import annotations

import random

from face_classifier.sources.live.reading.job import Job, Why
from face_classifier.sources.live.reading.memory import Memory

_WAITS = (1.0, 2.0, 4.0, 8.0)  # from the beginning of one attempt to the next; the last one again and again
_SHORTEST = 0.5  # from the end of an attempt that took long to the next one
_UNAUTHORIZED = 30.0  # many cameras lock out whoever tries wrong passwords often
_JITTER = 0.25  # share by which a wait may be shorter: cameras of one recorder are not asked all at once
_LASTING = 10.0  # for which pictures come until the waits begin anew: a camera that flaps is not asked each second
_PROOF = 2.0  # for which pictures come until a camera that flaps counts as good: else each flap would be told
_MARGIN = 0.5  # in which the reader may tell by itself what is wrong
_DEVICE_OPENS = 10.0  # which drivers take at the most
_STARTS = 30.0  # which a reader takes to start at the most: many at once, on a small computer, are slow
_KEY_PICTURE = 15.0  # until the first whole picture of a stream that is open and sends: some send a key picture rarely
_STEP = 1.0  # a longer step between two looks was a pause of this process, not of the camera


class Watchdog:
    """One attempt: counts the time for which no new picture came, as far as this process was awake to see it."""

    def __init__(self, job: Job, memory: Memory, now: float) -> None:
        self._memory, self._is_file = memory, job.kind == "file"
        self._silence = job.silence + _MARGIN + (job.every if job.kind == "snapshot" else 0.0)
        self._opening = max(self._silence, _DEVICE_OPENS) if job.kind == "device" else self._silence
        self._began = self._looked = now
        self._last = now  # the last sign that counts
        self._quiet = 0.0
        self._first: float | None = None  # when the first picture of this attempt came
        self._up: float | None = None  # when the reader was ready to ask the camera
        self.is_open = False

    def shows(self, *, flaps: bool) -> bool:
        """Whether the camera is good."""
        return self._first is not None and (not flaps or self.lasted() >= _PROOF)

    def lasted(self) -> float:
        """For how long pictures came."""
        return 0.0 if self._first is None else self._memory.last - self._first

    def is_silent(self, now: float) -> bool:
        """Whether the camera is lost at ``now``. To be asked several times a second."""
        if self._up is None:
            if self._memory.life <= self._began:
                return now - self._began > _STARTS
            self._up = self._last = self._looked = now
        if self._first is None and self._memory.last > self._began:
            self._first = self._memory.last
        sign = self._sign()
        self._quiet = 0.0 if sign > self._last else self._quiet + min(now - self._looked, _STEP)
        self._last, self._looked = max(self._last, sign), now
        if self._first is None and self.is_open and now - self._up > _KEY_PICTURE:
            return True
        return self._quiet > (self._silence if self.is_open else self._opening)

    def _sign(self) -> float:
        """Whole pictures count; before the first one, and of a file with its pauses, anything that comes."""
        any_sign = self._first is None or self._is_file
        return self._memory.life if any_sign else self._memory.last


class Waits:
    """How long to wait between two attempts."""

    def __init__(self) -> None:
        self._failed = 0  # attempts, since pictures came for a while
        self._flaps = False

    @property
    def flaps(self) -> bool:
        """Whether pictures came for a moment only, the last time that they came."""
        return self._flaps

    def next(self, why: Why, lasted: float, began: float, now: float) -> float:
        """The moment of the next attempt.

        Parameters
        ----------
        why : the last attempt ended
        lasted : seconds for which it brought pictures
        began : when it began
        now : when it ended
        """
        if lasted:
            self._flaps = lasted < _LASTING
        self._failed = 0 if lasted >= _LASTING else self._failed
        wait = _WAITS[min(self._failed, len(_WAITS) - 1)]
        self._failed += 1
        if why == "unauthorized":
            return now + _UNAUTHORIZED
        begin = now if lasted else began
        return max(begin + wait * random.uniform(1 - _JITTER, 1), now + _SHORTEST)
