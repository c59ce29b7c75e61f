"""The newest pictures of a camera, from the process that reads it to the one that looks at them.

The memory has no name, so nothing is left behind whichever side is killed. It has room for the largest picture; pages
that nobody wrote to take no memory. A picture may be overwritten while it is copied: its stamp tells, and it is taken
anew (a sequence lock).
"""

from __future__ import annotations

import mmap
import os
import tempfile
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Image

LARGEST = 36_000_000  # pixels, as of files: 8K
_SLOTS = 3
_HEAD = 4096  # bytes, of the memory and of each slot: pictures lie on pages of their own
_ROOM = _HEAD + -(-LARGEST * 3 // 4096) * 4096
_SIZE = _HEAD + _SLOTS * _ROOM
_TRIES = 5  # to copy a picture before the next one overwrites it

# Words of 8 bytes in the head: counts, and seconds of the monotonic clock, which is one for all processes.
_PUBLISHED, _ARRIVED = 0, 1
_LIFE, _LAST, _WANTED = 2, 3, 4
_TAKEN = 5
_STAMP, _NUMBER, _WIDTH, _HEIGHT = 0, 1, 2, 3
_AT, _WALL, _CAME = 4, 5, 6


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture, copied."""

    image: Image  # BGR
    published: int  # its number among the pictures in this memory, from 1 on
    number: int  # among all pictures that came, from 1 on
    at: float  # as ``came``, by the clock of its source: that of a file may go faster
    wall: float  # the same by the wall clock: seconds since 1970, UTC
    came: float  # monotonic seconds at which it came


def new_memory() -> int:
    """A descriptor of new memory, which vanishes with the last process that has it open."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("frames")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, _SIZE)
    return descriptor


class Memory:
    """Shared memory with the newest pictures. One process writes, one reads."""

    def __init__(self, descriptor: int) -> None:
        """``descriptor``: of `new_memory`; it is closed here."""
        try:
            self._map = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)
        self._counts: npt.NDArray[np.uint64] = np.frombuffer(self._map, np.uint64, 8)
        self._times: npt.NDArray[np.float64] = np.frombuffer(self._map, np.float64, 8)
        places = [_HEAD + slot * _ROOM for slot in range(_SLOTS)]
        self._slots = [np.frombuffer(self._map, np.uint64, 8, place) for place in places]
        self._moments = [np.frombuffer(self._map, np.float64, 8, place) for place in places]
        self._pixels = [np.frombuffer(self._map, np.uint8, LARGEST * 3, place + _HEAD) for place in places]

    @property
    def arrived(self) -> int:
        """How many whole pictures came, whether they were wanted or not."""
        return int(self._counts[_ARRIVED])

    @property
    def last(self) -> float:
        """When the last of them came, monotonic seconds; 0 = none did."""
        return float(self._times[_LAST])

    @property
    def published(self) -> int:
        """How many pictures were put here."""
        return int(self._counts[_PUBLISHED])

    @property
    def taken(self) -> int:
        """The number of the newest one that was copied."""
        return int(self._counts[_TAKEN])

    @property
    def life(self) -> float:
        """When the camera last sent anything, monotonic seconds; 0 = never."""
        return float(self._times[_LIFE])

    def live(self, now: float) -> None:
        """The reader: the camera sent something at ``now``."""
        self._times[_LIFE] = now

    def arrive(self, now: float, at: float) -> bool:
        """The reader: a whole picture came at ``now``, which is ``at`` by its own clock. Whether it is wanted."""
        self._counts[_ARRIVED] += np.uint64(1)
        self._times[_LAST] = self._times[_LIFE] = now
        return at >= float(self._times[_WANTED])

    def want(self, moment: float) -> None:
        """The other side: pictures are wanted that come from ``moment`` (monotonic) on. At first all are."""
        self._times[_WANTED] = moment

    def publish(self, image: Image, at: float, wall: float, came: float) -> None:
        """The reader: keep a picture in place of the oldest; see `Shot`. Raises ValueError if it is too large."""
        height, width = image.shape[:2]
        if width * height > LARGEST:
            raise ValueError(f"a picture of {width} x {height} pixels has no room")
        number = self.published + 1
        slot, moments = self._slots[number % _SLOTS], self._moments[number % _SLOTS]
        slot[_STAMP] = 2 * number - 1  # odd: it is being written
        slot[_NUMBER], slot[_WIDTH], slot[_HEIGHT] = self._counts[_ARRIVED], width, height
        moments[_AT], moments[_WALL], moments[_CAME] = at, wall, came
        self._pixels[number % _SLOTS][: image.size].reshape(image.shape)[:] = image
        slot[_STAMP] = 2 * number
        self._counts[_PUBLISHED] = number

    def newest(self, after: int = 0) -> Shot | None:
        """A copy of the newest picture if there is one ``after`` that number of published ones."""
        for _ in range(_TRIES):
            number = self.published
            if number <= after:
                return None
            if shot := self._copy(number):
                self._counts[_TAKEN] = number
                return shot
        return None

    def nearest(self, moment: float, within: float) -> Shot | None:
        """A copy of the picture that came nearest to ``moment`` (monotonic), at most ``within`` seconds from it."""
        newest = self.published
        numbers = range(max(1, newest - _SLOTS + 2), newest + 1)  # the oldest is the next to be overwritten
        for number in sorted(numbers, key=lambda one: abs(self._at(one) - moment)):
            if abs(self._at(number) - moment) <= within and (shot := self._copy(number)):
                return shot
        return None

    def _at(self, number: int) -> float:
        return float(self._moments[number % _SLOTS][_AT])

    def _copy(self, number: int) -> Shot | None:
        """The picture of that number; None if it is overwritten meanwhile."""
        slot, moments = self._slots[number % _SLOTS], self._moments[number % _SLOTS]
        if int(slot[_STAMP]) != 2 * number:
            return None
        shape = height, width = int(slot[_HEIGHT]), int(slot[_WIDTH])
        if height * width > LARGEST:
            return None
        image = self._pixels[number % _SLOTS][: height * width * 3].reshape(*shape, 3).copy()
        times = (float(moments[place]) for place in (_AT, _WALL, _CAME))
        shot = Shot(image, number, int(slot[_NUMBER]), *times)
        return shot if int(slot[_STAMP]) == 2 * number else None
