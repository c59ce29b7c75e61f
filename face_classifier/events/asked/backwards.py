"""Visits and tracks from the latest to the earliest, some at a time: a result folder may hold those of years."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from face_classifier.core.config.settings import Settings
from face_classifier.events.visits import Visit, Wish, visits
from face_classifier.gallery.opening import open_existing
from face_classifier.gallery.passing.passages import Passage, passages_between

_FIRST = timedelta(days=1)  # that are read at once; then twice as many, and so on
_BESIDE = timedelta(days=1)  # before and after them: a visit may have begun before, and goes on after
_INSTANT = timedelta(seconds=1)


class Place(NamedTuple):
    """Where in this order something is."""

    first: datetime  # aware
    track: int  # 0: none
    face: int  # 0: none


def latest_visits(settings: Settings, wish: Wish, after: Place | None = None) -> Iterator[Visit]:
    """The visits that are asked for, the one that began last first, as the table has them.

    Parameters
    ----------
    settings : name the folder, and say with `visits.gap` when one visit ends and the next begins.
    wish : which are asked for.
    after : only those that come after this place; None: all.

    Raises
    ------
    UserError : the folder cannot be used.
    """
    for begin, end in _stretches(settings, wish, after):
        passages = passages_between(settings, begin - _BESIDE, end + _BESIDE)
        found = (visit for visit in visits(passages, settings.visits.gap) if begin <= visit.first < end)
        yield from _ordered(found, wish, after)


def latest_tracks(settings: Settings, wish: Wish, after: Place | None = None) -> Iterator[tuple[Passage, Visit]]:
    """As `latest_visits`, each track by itself, with the visit that it would be alone."""
    for begin, end in _stretches(settings, wish, after):
        passages = [one for one in passages_between(settings, begin, end) if begin <= one.first < end]
        alone = {visits([passage])[0]: passage for passage in passages}
        for visit in _ordered(alone, wish, after):
            yield alone[visit], visit


def place_of(visit: Visit) -> Place:
    """Where a visit is in this order."""
    return Place(visit.first, visit.number or 0, visit.face or 0)


def _ordered(found: Iterable[Visit], wish: Wish, after: Place | None) -> list[Visit]:
    granted = (visit for visit in found if wish.grants(visit) and (after is None or place_of(visit) < after))
    return sorted(granted, key=place_of, reverse=True)


def _stretches(settings: Settings, wish: Wish, after: Place | None) -> Iterator[tuple[datetime, datetime]]:
    """Times between which what is asked for began, the latest first, without gaps."""
    with open_existing(settings, writing=False) as store:
        span = store.tracks.span()
    if span is None:
        return
    earliest, end = span[0], span[1] + _INSTANT
    if wish.since is not None:
        earliest = max(earliest, wish.since - _BESIDE)
    for limit in (wish.until, after and after.first + _INSTANT):
        end = end if limit is None else min(end, limit)
    length = _FIRST
    while end > earliest:
        begin = max(earliest, end - length)
        yield begin, end
        end, length = begin, 2 * length
