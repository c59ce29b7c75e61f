"""What is remembered by track, of a source that may go on for months."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")
_REMEMBERED = (
    100  # tracks that are remembered while their face is not in view; after a few frames it begins another one
)


def latest(known: dict[_K, _V], most: int = _REMEMBERED) -> dict[_K, _V]:
    """The latest ones of what is known, by track."""
    return known if len(known) <= most else dict(islice(known.items(), len(known) - most, None))


def in_view(known: dict[_K, _V], tracks: Collection[_K]) -> dict[_K, _V]:
    """All that is known of the tracks that are in view, which are the latest from then on, and of some before."""
    for track in tracks:
        if track in known:
            known[track] = known.pop(track)
    return latest(known, max(_REMEMBERED, len(tracks)))
