"""Charts of visits, and ``/together``: who was seen with whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from math import ceil

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.core.errors import UserError
from face_classifier.events.visits import Wish
from face_classifier.gallery.reading.cards import FaceCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.gallery.reading.together import Together
from face_classifier.web.aside.passed import Calendar
from face_classifier.web.asked import site_of
from face_classifier.web.pages.rendering import page

_LEVELS = 4  # shades above none
_DAYS = 60  # days of a chart
_MATRIX = 12  # people of it
_PAIRS = 100  # in the list
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class Bar:
    """A day of a chart."""

    day: date
    count: int
    left: float  # per cent of the width
    width: float
    height: float  # per cent of the height


@dataclass(frozen=True)
class Charts:
    """When visits began."""

    hours: Sequence[Sequence[tuple[int, int]]]  # (7, 24): count and shade, 0 to 4; Monday first
    days: Sequence[Bar]
    most: int  # visits on one of these days
    total: int  # visits of all hours

    @classmethod
    def of(cls, calendar: Calendar, wish: Wish) -> Charts | None:
        """Of the visits that are asked for; None: there is none."""
        counts = calendar.by_hour(wish)
        if not counts.any():
            return None
        bars = _bars(calendar.by_day(wish))
        return cls(_shaded(counts), bars, max(bar.count for bar in bars), int(counts.sum()))


def _shaded(counts: npt.NDArray[np.int64]) -> list[list[tuple[int, int]]]:
    most = int(counts.max())
    return [[(count, ceil(count * _LEVELS / most)) for count in row] for row in counts.tolist()]


def _bars(counts: Mapping[date, int]) -> list[Bar]:
    """The days up to the last one with a visit."""
    last = max(counts)
    days = [last - timedelta(days=back) for back in reversed(range(_DAYS))]
    most = max(counts.get(day, 0) for day in days)
    wide = 100 / _DAYS
    return [
        Bar(day, count, round(place * wide, 2), round(0.8 * wide, 2), round(100 * count / most, 2))
        for place, day in enumerate(days)
        for count in [counts.get(day, 0)]
    ]


@dataclass(frozen=True)
class Meeting:
    """Two people, and how often they were seen together."""

    one: str
    other: str
    occasions: int
    last: datetime  # aware, UTC
    shade: int


@dataclass(frozen=True)
class Matrix:
    """The people who were seen with others most often."""

    people: Sequence[tuple[str, FaceCard | None]]
    rows: Sequence[Sequence[Meeting | None]]


@router.get("/together")
def together(request: Request) -> HTMLResponse:
    """Pairs of people, those who were seen together most often first."""
    catalogue = site_of(request).reader.now()
    problem = None
    pairs: Sequence[Together] = ()
    try:
        pairs = [pair for pair in catalogue.together if _is_shown(pair, catalogue)]
    except UserError as error:
        problem = str(error)
    most = max((pair.occasions for pair in pairs), default=1)
    meetings = [_meeting(pair, most) for pair in pairs]
    return page(
        request,
        "together.html",
        catalogue=catalogue,
        matrix=_matrix(meetings, catalogue),
        meetings=meetings[:_PAIRS],
        total=len(meetings),
        problem=problem,
    )


def _is_shown(pair: Together, catalogue: Catalogue) -> bool:
    cards = catalogue.person(pair.one), catalogue.person(pair.other)
    return all(card is not None and not card.hidden for card in cards)


def _meeting(pair: Together, most: int) -> Meeting:
    last = _EPOCH + timedelta(microseconds=pair.last)
    return Meeting(pair.one, pair.other, pair.occasions, last, ceil(pair.occasions * _LEVELS / most))


def _matrix(meetings: Sequence[Meeting], catalogue: Catalogue) -> Matrix | None:
    """None: there are not three people, of whom a list tells more."""
    times: dict[str, int] = {}
    for meeting in meetings:
        for name in (meeting.one, meeting.other):
            times[name] = times.get(name, 0) + meeting.occasions
    names = sorted(times, key=lambda name: -times[name])[:_MATRIX]
    if len(names) < 3:
        return None
    of_pair = {frozenset((meeting.one, meeting.other)): meeting for meeting in meetings}
    cards = [catalogue.person(name) for name in names]
    people = [(card.name, catalogue.face(card.best)) for card in cards if card]
    rows = [[of_pair.get(frozenset((one, other))) if one != other else None for other in names] for one in names]
    return Matrix(people, rows)
