"""Clocks beside that on the wall."""

from __future__ import annotations

import time

_ASLEEP = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # a clock that goes on while the machine sleeps


def asleep() -> float:
    """Seconds that the machine has slept since it was started, which `time.monotonic` does not count."""
    return time.clock_gettime(_ASLEEP) - time.monotonic()
