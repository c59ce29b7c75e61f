"""A day of one camera as a strip: where its bars and hours lie. All photos of a day are one strip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import PurePath
from zlib import crc32

from face_classifier.core.types import PICTURE_SUFFIXES
from face_classifier.events.times import bounds
from face_classifier.events.visits import Visit
from face_classifier.gallery.passing.table import Outage
from face_classifier.identity.naming import natural

COLORS = 8  # of people, in the style sheet
_NEAR = 0.3  # per cent of a day: 4 minutes, a pixel on a phone; what lies nearer is one bar
_SHORTEST = 0.2  # per cent
_MOST_LANES = 6  # who comes while so many are there is drawn over others
_HOURS = 3  # between two labels


@dataclass(frozen=True)
class Bar:
    """Visits of one person that lie together."""

    left: float  # per cent of the day
    width: float
    lane: int  # from 0
    person: str | None
    color: int  # of the person, below COLORS
    first: datetime  # aware
    last: datetime
    visits: tuple[Visit, ...]


@dataclass(frozen=True)
class Away:
    """The camera sent nothing."""

    left: float  # per cent of the day
    width: float
    first: datetime
    last: datetime | None  # None: it sends nothing still


@dataclass(frozen=True)
class Strip:
    """One camera on one day."""

    camera: str | None  # or a file; None: all photos
    bars: Sequence[Bar]
    aways: Sequence[Away]
    lanes: int


def color_of(person: str) -> int:
    """The same person always has the same color."""
    return crc32(person.encode("utf-8", "surrogatepass")) % COLORS


def is_photo(source: str) -> bool:
    """Whether a source is a picture's file, of which a day may have thousands."""
    return PurePath(source).suffix.lower() in PICTURE_SUFFIXES


def hours(day: date) -> list[tuple[float, int]]:
    """(per cent of the day, hour on the clock on the wall) of each hour that is labelled, from 0 to 24."""
    begin, end = bounds(day)
    naive = datetime.combine(day, datetime.min.time())
    marks = [(naive + timedelta(hours=hour)).astimezone() for hour in range(0, 24, _HOURS)]
    return [(_across(mark, begin, end), hour) for mark, hour in zip(marks, range(0, 24, _HOURS), strict=True)] + [
        (100.0, 24)
    ]


def strips(day: date, found: Iterable[Visit], outages: Iterable[Outage]) -> list[Strip]:
    """A strip for each camera that saw somebody on a local day, or sent nothing for a while; the one of photos last."""
    (begin, end), now = bounds(day), datetime.now().astimezone()
    visits: dict[str | None, list[Visit]] = {}
    for visit in found:
        is_of_photo = visit.fingerprint is not None and is_photo(visit.camera)
        visits.setdefault(None if is_of_photo else visit.camera, []).append(visit)
    aways: dict[str | None, list[Away]] = {}
    for outage in outages:
        if outage.first < end and (outage.last is None or outage.last >= begin):
            left, right = (_across(at, begin, end) for at in (outage.first, outage.last or max(now, outage.first)))
            away = Away(left, max(right - left, _SHORTEST), outage.first, outage.last)
            aways.setdefault(outage.camera, []).append(away)
    return [
        _strip(camera, visits.get(camera, []), aways.get(camera, []), begin, end)
        for camera in sorted(visits.keys() | aways.keys(), key=lambda name: (name is None, natural(name or "")))
    ]


def _strip(camera: str | None, visits: Sequence[Visit], aways: Sequence[Away], begin: datetime, end: datetime) -> Strip:
    groups: list[tuple[float, float, list[Visit]]] = []
    latest: dict[str | None, int] = {}  # by person the place of the last group
    for visit in sorted(visits, key=lambda visit: visit.first):
        left, right = _across(visit.first, begin, end), _across(visit.last, begin, end)
        place = latest.get(visit.person)
        if place is not None and left - groups[place][1] <= _NEAR:
            groups[place] = groups[place][0], max(right, groups[place][1]), [*groups[place][2], visit]
        else:
            latest[visit.person] = len(groups)
            groups.append((left, right, [visit]))
    bars: list[Bar] = []
    free = [0.0]  # from where on each lane is
    for left, right, members in groups:
        lane = next((lane for lane, since in enumerate(free) if since <= left), None)
        if lane is None:
            lane = len(free) if len(free) < _MOST_LANES else _MOST_LANES - 1
            free[lane:] = [0.0]
        width = max(right - left, _SHORTEST)
        free[lane] = left + width + _NEAR
        person = members[0].person
        color = 0 if person is None else color_of(person)
        last = max(visit.last for visit in members)
        bars.append(Bar(left, width, lane, person, color, members[0].first, last, tuple(members)))
    return Strip(camera, bars, aways, len(free))


def _across(at: datetime, begin: datetime, end: datetime) -> float:
    """Where a time lies between two, in per cent; at an end if it is not between them."""
    return round(100 * min(1.0, max(0.0, (at - begin) / (end - begin))), 3)
