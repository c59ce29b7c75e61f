"""Memory that a process no longer needs, and keeps for later."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give what was freed back to the system, after something that took a lot; where the C library can (glibc).

    Else each thread's share of it stays with the process, and what is done again and again by new threads seems to
    take ever more.
    """
    with suppress(OSError, AttributeError, TypeError):  # TypeError: Windows has no program to look into
        ctypes.CDLL(None).malloc_trim(0)
