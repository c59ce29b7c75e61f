"""Who passed when, for pages: a few days are read at once from the table, and a calendar of all is made aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone

import numpy as np
import numpy.typing as npt

from face_classifier.core.config.settings import Settings
from face_classifier.events.times import bounds
from face_classifier.events.visits import Visit, Wish, visits
from face_classifier.gallery.opening import open_existing
from face_classifier.gallery.passing.passages import passages_between, recent
from face_classifier.gallery.passing.table import Outage
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.aside.apart import Apart, size_of
from face_classifier.web.aside.aside import Aside

Ints = npt.NDArray[np.int32]
FEW = 20_000  # faces, or tracks, whose calendar is made in this process, in a quarter of a second
_BEFORE = timedelta(days=1)  # what began so long before a day is read, too: a visit may have begun with it
_NOBODY = -1
_EVER = datetime(1900, 1, 1, tzinfo=timezone.utc)
_TRACKS = 200  # the latest ones, for the latest visits
_DAY = 24 * 60  # minutes


@dataclass(frozen=True, eq=False)
class Calendar:
    """Every visit in columns of equal length, in the order in which they began: 20 bytes each."""

    people: Sequence[str]
    cameras: Sequence[str]
    person: Ints  # places in `people`; -1: of nobody
    camera: Ints  # places in `cameras`
    day: Ints  # the local day on which it began, as `date.toordinal` counts
    minute: Ints  # of that day, on the clock on the wall
    length: Ints  # minutes, the last one begun counts

    @classmethod
    def of(cls, found: Iterable[Visit]) -> Calendar:
        """The calendar of visits."""
        people: dict[str, int] = {}
        cameras: dict[str, int] = {}
        rows = []
        for visit in found:
            first = visit.first.astimezone()
            person = _NOBODY if visit.person is None else people.setdefault(visit.person, len(people))
            camera = cameras.setdefault(visit.camera, len(cameras))
            minute = first.hour * 60 + first.minute
            rows.append((person, camera, first.toordinal(), minute, int(visit.seconds // 60)))
        columns = np.array(rows, np.int32).reshape(-1, 5).T
        return cls(list(people), list(cameras), columns[0], columns[1], columns[2], columns[3], columns[4])

    def granted(self, wish: Wish) -> npt.NDArray[np.bool_]:
        """Which visits may be among those that are asked for; by whole days and minutes."""
        granted = np.ones(len(self.day), bool)
        if wish.person is not None:
            granted &= self.person == _place(self.people, wish.person)
        if wish.camera is not None:
            granted &= self.camera == _place(self.cameras, wish.camera)
        if wish.unknown:
            granted &= self.person == _NOBODY
        last = self.day + (self.minute + self.length) // _DAY
        if wish.since is not None:
            granted &= last >= wish.since.astimezone().toordinal()
        if wish.until is not None:
            granted &= self.day <= wish.until.astimezone().toordinal()
        if wish.from_time is not None or wish.to_time is not None:
            granted &= self._in_hours(wish.from_time or time.min, wish.to_time or time.min)
        return granted

    def _in_hours(self, begin: time, end: time) -> npt.NDArray[np.bool_]:
        opens, closes = begin.hour * 60 + begin.minute, end.hour * 60 + end.minute
        wide = (closes - opens) % _DAY or _DAY
        since = (self.minute - opens) % _DAY  # minutes since it opened last
        return np.asarray((since < wide) | (since + self.length >= _DAY))

    def days(self, wish: Wish) -> list[date]:
        """The days on which visits began that may be among those that are asked for, the latest first."""
        return [date.fromordinal(int(day)) for day in np.unique(self.day[self.granted(wish)])[::-1]]

    def together(self, days: Sequence[date], most: int) -> int:
        """How many of days, in order, can be read at once: with those between, so many visits. At least one."""
        ends = np.array([day.toordinal() for day in days])
        low, high = np.minimum(ends, ends[0]), np.maximum(ends, ends[0])
        order = np.sort(self.day)
        counts = np.searchsorted(order, high, "right") - np.searchsorted(order, low, "left")
        return max(1, int((counts <= most).sum()))

    def by_hour(self, wish: Wish) -> npt.NDArray[np.int64]:
        """(7, 24): how many visits began on each weekday, Monday first, in each hour of the clock on the wall."""
        granted = self.granted(wish)
        counts = np.zeros((7, 24), np.int64)
        np.add.at(counts, ((self.day[granted] - 1) % 7, self.minute[granted] // 60), 1)
        return counts

    def by_day(self, wish: Wish) -> dict[date, int]:
        """How many visits began on each day on which one did, the earliest first."""
        days, counts = np.unique(self.day[self.granted(wish)], return_counts=True)
        return {date.fromordinal(int(day)): int(count) for day, count in zip(days, counts, strict=True)}


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


class Passed:
    """The visits of a result folder. Threads may share it. Everything raises UserError where that cannot be used."""

    def __init__(self, settings: Callable[[], Settings], apart: Apart) -> None:
        """``settings``: name the folder; ``apart``: where the calendar of many faces is made."""
        self._settings, self._apart = settings, apart
        self._calendar: Aside[_Key, Calendar] = Aside("calendar", self._make)

    def on(self, days: Sequence[date]) -> dict[date, list[Visit]]:
        """The visits of local days, read at once with those of all days between, in the order in which they began.

        Those over midnight are on both days.
        """
        first, last = min(days), max(days)
        begin, end = bounds(first)[0], bounds(last)[1]
        read = visits(passages_between(self._settings(), begin - _BEFORE, end), self._settings().visits.gap)
        found: dict[date, list[Visit]] = {}
        for day in days:
            begin, end = bounds(day)
            found[day] = [visit for visit in read if visit.last >= begin and visit.first < end]
        return found

    def latest(self) -> list[Visit]:
        """The visits that the latest tracks make, the latest first; of files, too."""
        with open_existing(self._settings(), writing=False) as store, store.tracks.as_of_now():
            passages = recent(store, _EVER, most=_TRACKS)
            span = store.tracks.span()
        if passages or span is None:
            found = visits(passages, self._settings().visits.gap)
        else:  # a folder of runs before there were tracks
            day = span[1].astimezone().date()
            found = self.on([day])[day]
        return sorted(found, key=lambda visit: visit.last, reverse=True)

    def outages(self) -> list[Outage]:
        """When cameras sent nothing."""
        with open_existing(self._settings(), writing=False) as store:
            return store.tracks.outages()

    def calendar(self, catalogue: Catalogue, patience: float) -> Calendar | None:
        """All visits as of now, or as of a while ago; None: it is still to be made.

        ``catalogue``: of the gallery; ``patience``: seconds to wait for that of now.
        """
        with open_existing(self._settings(), writing=False) as store:
            key = _Key(catalogue.revision, store.first_track(), size_of(catalogue))
        done = self._calendar.get(key, patience)
        return done.made if done else None

    def end(self) -> None:
        """No calendar is made any more."""
        self._calendar.end()

    def _make(self, key: _Key) -> Calendar:
        settings = self._settings()
        return calendar_of(settings) if max(key.faces, key.track) <= FEW else self._apart.do(calendar_of, settings)


@dataclass(frozen=True)
class _Key:
    revision: int
    track: int  # above all others
    faces: int = field(compare=False)


def calendar_of(settings: Settings) -> Calendar:
    """Every visit of a result folder. Raises UserError where it cannot be used."""
    return Calendar.of(visits(passages_between(settings), settings.visits.gap))
