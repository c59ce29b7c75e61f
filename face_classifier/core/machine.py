"""What the machine does beside the program: it sleeps, and keeps memory that was freed."""

from __future__ import annotations

import ctypes
import time
from contextlib import suppress

_ASLEEP = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # a clock that goes on while the machine sleeps


def asleep() -> float:
    """Seconds that the machine has slept since it was started, which `time.monotonic` does not count."""
    return time.clock_gettime(_ASLEEP) - time.monotonic()


def give_back() -> None:
    """Give what was freed back to the system, after something that took a lot; where the C library can (glibc).

    Else each thread's share of it stays with the process, and what is done again and again by new threads seems to
    take ever more.
    """
    with suppress(OSError, AttributeError, TypeError):  # TypeError: Windows has no program to look into
        ctypes.CDLL(None).malloc_trim(0)
