"""What is remembered by track, of a source that may go on for months."""

from __future__ import annotations

from itertools import islice
from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")
_REMEMBERED = 1000  # tracks that are remembered while their face is not in view


def latest(known: dict[_K, _V], most: int = _REMEMBERED) -> dict[_K, _V]:
    """The latest ones of what is known, by track."""
    return known if len(known) <= most else dict(islice(known.items(), len(known) - most, None))
