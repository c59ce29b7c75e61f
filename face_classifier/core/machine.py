"""What the machine does beside the program: it sleeps, and keeps memory that was freed."""

from __future__ import annotations

import ctypes
import time
from contextlib import suppress

_ASLEEP = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # a clock that goes on while the machine sleeps


_ARENA_MAX = -8  # M_ARENA_MAX in glibc's malloc.h


def asleep() -> float:
    """Seconds that the machine has slept since it was started, which `time.monotonic` does not count."""
    return time.clock_gettime(_ASLEEP) - time.monotonic()


def share_heap() -> None:
    """Have all threads that begin from now on take memory from one heap, where the C library can (glibc).

    Else each has one of its own, which keeps what was freed there: 20 to 30 MB of the frames of a 720p clip.
    """
    with suppress(OSError, AttributeError, TypeError):  # as in `give_back`
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Give what was freed back to the system, after something that took a lot; where the C library can (glibc).

    Else each thread's share of it stays with the process, and what is done again and again by new threads seems to
    take ever more.
    """
    with suppress(OSError, AttributeError, TypeError):  # TypeError: Windows has no program to look into
        ctypes.CDLL(None).malloc_trim(0)
