"""Visits: somebody on one camera, from when they came until they were gone for a while. Pure functions.

A visit is made of tracks when it is read, so that a correction of who is who changes it, and a program that was killed
leaves none open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from face_classifier.gallery.passing.passages import Passage

GAP = 30.0  # seconds out of view after which somebody comes anew
# By which clock two passages lie apart: by that of the source in a file or in one run; by that on the wall between two
# runs, of which it is known that one came after the other; by that on the wall, whichever was earlier, where even that
# is not known.
_SOURCE, _WALL, _UNKNOWN = "source", "wall", "unknown"


@dataclass(frozen=True)
class Visit:
    """Somebody on one camera, or in one file."""

    number: int | None  # of its first track; None: of a face that belongs to none
    camera: str  # or the file's path as given
    fingerprint: str | None  # of a file's content
    person: str | None  # None = unknown
    first: datetime  # aware, UTC
    last: datetime  # aware, UTC, never before `first`
    first_position: float | None  # seconds, the source's clock; None: it is not known to be of one run
    last_position: float | None  # seconds, as that
    tracks: tuple[int, ...]
    frames: int  # that were analysed, and in which they were found
    face: int | None  # row of the best face of the first track that has one
    face_name: str | None
    zones: tuple[str, ...]
    faces: tuple[int, ...] = ()  # rows of all its faces that are kept

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.last - self.first).total_seconds()

    def goes_on(self, now: datetime, gap: float) -> bool:
        """Whether who it is still is before the camera. ``now``: aware; ``gap``: seconds, `Visits.gap`."""
        return self.fingerprint is None and (now - self.last).total_seconds() <= gap


@dataclass(frozen=True)
class Wish:
    """Which visits are asked for."""

    person: str | None = None  # None: anybody
    camera: str | None = None  # the name, or a file's path as given; None: any
    since: datetime | None = None  # aware; those that were over before are left out
    until: datetime | None = None  # aware; those that began later are left out
    from_time: time | None = None  # of the day, local; only those that were there at some time from then ...
    to_time: time | None = None  # ... until then, which may be over midnight
    unknown: bool = False  # only those of nobody

    def grants(self, visit: Visit) -> bool:
        """Whether a visit is one of them."""
        return (
            (self.person is None or visit.person == self.person)
            and (self.camera is None or visit.camera == self.camera)
            and (self.since is None or visit.last >= self.since)
            and (self.until is None or visit.first < self.until)
            and not (self.unknown and visit.person is not None)
            and self._is_in_hours(visit)
        )

    def _is_in_hours(self, visit: Visit) -> bool:
        if self.from_time is None and self.to_time is None:
            return True
        begin, end = self.from_time or time.min, self.to_time or time.min
        first, last = visit.first.astimezone(), visit.last.astimezone()
        day = first.date() - timedelta(days=1)
        while day <= last.date():
            opens = datetime.combine(day, begin).astimezone()
            closes = datetime.combine(day if end > begin else day + timedelta(days=1), end).astimezone()
            if first < closes and last >= opens:
                return True
            day += timedelta(days=1)
        return False


def visits(passages: Iterable[Passage], gap: float = GAP) -> list[Visit]:
    """The visits that passages make, in the order in which they began.

    Those of one person on one camera that are no further apart than ``gap`` seconds are one visit; one of nobody is a
    visit by itself. The order is that in which the program saw them, whatever the clock on the wall did: within a run
    of a source, and within a file, time is what the source's own clock counts. Between two runs there is only the clock
    on the wall, and where that went back, no time has passed. Where the runs are not known, there is nothing but that
    clock.
    """
    groups: dict[tuple[str, str | None], list[Passage]] = defaultdict(list)
    made: list[Visit] = []
    for passage in passages:
        if passage.person is None:
            made.append(_Visit(passage).made())
        else:
            groups[passage.fingerprint or passage.source, passage.person].append(passage)
    for group in groups.values():
        made += _joined(sorted(group, key=_order), gap)
    return sorted(made, key=_began)


def _joined(group: Sequence[Passage], gap: float) -> Iterator[Visit]:
    """The visits of one person in one place, of passages in order."""
    visit: _Visit | None = None
    for passage in group:
        if visit is None or not visit.takes(passage, gap):
            if visit is not None:
                yield visit.made()
            visit = _Visit(passage)
    if visit is not None:
        yield visit.made()


class _Visit:
    """A visit as it goes on."""

    def __init__(self, first: Passage) -> None:
        self._passages = [first]
        self._last, self._last_position = first.last, first.last_position
        self._is_of_one_run = True

    def takes(self, passage: Passage, gap: float) -> bool:
        """Whether a passage, which began later, belongs to it; then it does from now on."""
        clock = _SOURCE if passage.fingerprint is not None or passage.session == self._passages[-1].session else _WALL
        if passage.fingerprint is None and 0 in (passage.session, self._passages[-1].session):
            clock = _UNKNOWN
        apart = self._apart(passage, clock)
        if apart > gap:
            return False
        more = {
            _SOURCE: passage.last_position - self._last_position,
            _WALL: max(0.0, apart) + passage.last_position - passage.first_position,
            _UNKNOWN: (passage.last - self._last).total_seconds(),
        }[clock]
        self._last += timedelta(seconds=max(0.0, more))
        position = passage.last_position
        self._last_position = max(self._last_position, position) if clock == _SOURCE else position
        self._is_of_one_run &= clock == _SOURCE
        self._passages.append(passage)
        return True

    def _apart(self, passage: Passage, clock: str) -> float:
        """Seconds between them; negative where they overlap, or where the clock on the wall went back."""
        if clock == _SOURCE:
            return passage.first_position - self._last_position
        after = (passage.first - self._last).total_seconds()
        if clock == _WALL:
            return after
        return max(after, (self._passages[0].first - passage.last).total_seconds())

    def made(self) -> Visit:
        first = self._passages[0]
        shown = next((passage for passage in self._passages if passage.face is not None), first)
        return Visit(
            first.track,
            first.source,
            first.fingerprint,
            first.person,
            first.first,
            self._last,
            first.first_position if self._is_of_one_run else None,
            self._last_position if self._is_of_one_run else None,
            tuple(passage.track for passage in self._passages if passage.track is not None),
            sum(passage.frames for passage in self._passages),
            shown.face,
            shown.face_name,
            tuple(dict.fromkeys(zone for passage in self._passages for zone in passage.zones)),
            tuple(face for passage in self._passages for face in passage.faces),
        )


def _order(passage: Passage) -> tuple[int, float, int]:
    """In a file by position, of a camera as the program saw them."""
    if passage.fingerprint is not None:
        return 0, passage.first_position, passage.track or 0
    if passage.session == 0:
        return 0, passage.first.timestamp(), passage.track or passage.face or 0
    return passage.session, passage.first_position, passage.track or 0


def _began(visit: Visit) -> tuple[bool, float]:
    return visit.number is not None, visit.first.timestamp() if visit.number is None else visit.number


COLUMNS = tuple(
    "visit camera person first last seconds first_position last_position frames tracks face zones fingerprint".split()
)


def record(visit: Visit) -> dict[str, Any]:
    """A visit as the fields of a line, under the names and in the units that docs/reference/visits.md tells."""
    values = (
        visit.number,
        visit.camera,
        visit.person,
        visit.first.isoformat(),
        visit.last.isoformat(),
        round(visit.seconds, 3),
        *(None if at is None else round(at, 3) for at in (visit.first_position, visit.last_position)),
        visit.frames,
        list(visit.tracks),
        visit.face_name,
        list(visit.zones),
        visit.fingerprint,
    )
    return dict(zip(COLUMNS, values, strict=True))
