"""``/events``: who passed when, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.core.errors import UserError
from face_classifier.core.names import shown
from face_classifier.events.times import bounds, day_of
from face_classifier.events.visits import Visit, Wish
from face_classifier.gallery.passing.table import Outage
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.identity.naming import natural
from face_classifier.web.aside.passed import Calendar
from face_classifier.web.asked import asides_of, site_of
from face_classifier.web.pages.past.charts import Charts
from face_classifier.web.pages.past.filters import Filters, last_day
from face_classifier.web.pages.past.strip import Strip, color_of, hours, is_photo, strips
from face_classifier.web.pages.rendering import page

PATIENCE = 1.0  # seconds for the calendar; a page that has none says so, and goes on by itself
_ENOUGH = 60  # visits on a page, with which no other day is begun
_MOST_DAYS = 14  # on a page
_MOST = 100  # visits of one day on a page
_STRIPS = 20  # of one day
_CHOICES = 200  # cameras and files
_AT_ONCE = 300  # visits that are read at once for several days
_OFFERED = 200  # names
_OUTAGE = 31  # days of an outage that are days of their own where nobody came

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class Shown:
    """A visit as a page shows it."""

    visit: Visit
    picture: tuple[int, str] | None  # face (id) and hash
    color: int | None  # of the person
    is_reviewed: bool


@dataclass(frozen=True)
class Day:
    """A day as a page shows it."""

    day: date
    count: int  # of visits
    people: int
    strips: Sequence[Strip]  # some of them
    more_strips: int  # that are not drawn
    hours: Sequence[tuple[float, int]]
    visits: Sequence[Shown]  # the latest first
    next_start: int | None  # where the rest of them begins


@router.get("/events")
def events(request: Request) -> HTMLResponse:
    """Visits by day, the latest first."""
    catalogue, passed = site_of(request).reader.now(), asides_of(request).passed
    filters = Filters.of(request.query_params)
    before = _day(request.query_params.get("before", ""))
    start = _number(request.query_params.get("start", ""))
    values: dict[str, Any] = {
        "filters": filters,
        "catalogue": catalogue,
        "csv": csv_address(filters),
        "before": before,
        "names": names_of(catalogue),
        "problem": None,
    }
    try:
        calendar = passed.calendar(catalogue, PATIENCE)
        outages = [] if filters.person or filters.unknown else passed.outages()
    except UserError as error:  # there is no folder yet, or it cannot be read just now
        values["problem"] = str(error) if catalogue.people or catalogue.revision else None
        return page(
            request, "events.html", days=[], older=None, cameras=[], charts=None, is_ready=True, is_empty=True, **values
        )
    candidates = days_of(calendar, outages, filters.wish) if calendar else []
    candidates = [day for day in candidates if before is None or day < before]
    days: list[Day] = []
    while calendar and candidates and len(days) < _MOST_DAYS and sum(len(day.visits) for day in days) < _ENOUGH:
        number = min(calendar.together(candidates, _AT_ONCE), _MOST_DAYS)
        some, candidates = candidates[:number], candidates[number:]
        of_days = passed.on(some)
        for place, day in enumerate(some):
            begin = start if not days else 0
            if found := _made(day, of_days[day], filters.wish, outages, catalogue, begin):
                days.append(found)
            if len(days) == _MOST_DAYS or sum(len(one.visits) for one in days) >= _ENOUGH:
                candidates = [*some[place + 1 :], *candidates]
                break
    return page(
        request,
        "events.html",
        days=days,
        older=days[-1].day if days and candidates else None,
        cameras=_cameras(calendar, outages),
        charts=Charts.of(calendar, filters.wish) if calendar and before is None else None,
        is_ready=calendar is not None,
        is_empty=calendar is not None and not len(calendar.day) and not days,
        **values,
    )


def _cameras(calendar: Calendar | None, outages: Sequence[Outage]) -> list[str]:
    """The cameras and files that a field offers: no photos, which are many, and no address with a login."""
    found = {*(calendar.cameras if calendar else ()), *(outage.camera for outage in outages)}
    return sorted((camera for camera in found if not is_photo(camera) and shown(camera) == camera), key=natural)[
        :_CHOICES
    ]


def names_of(catalogue: Catalogue) -> list[str]:
    """The names that a field offers: those of the most faces, in natural order."""
    people = sorted(catalogue.people, key=lambda person: (not person.named, -person.faces))[:_OFFERED]
    return sorted((person.name for person in people), key=natural)


def csv_address(filters: Filters) -> str:
    """Where the same visits are as a table."""
    return "/api/v1/visits?" + urlencode({**filters.query(), "format": "csv"})


def days_of(calendar: Calendar, outages: Sequence[Outage], wish: Wish) -> list[date]:
    """The days of which there may be something to show, the latest first."""
    now = datetime.now().astimezone()
    days = {*calendar.days(wish), now.date()}  # today may be newer than the calendar
    for outage in outages:
        if wish.camera in (None, outage.camera):
            first, last = outage.first.astimezone().date(), last_day(outage.last or now)
            first = max(first, last - timedelta(days=_OUTAGE))
            days.update(first + timedelta(days=number) for number in range((last - first).days + 1))
    since = wish.since.astimezone().date() if wish.since else date.min
    until = last_day(wish.until) if wish.until else date.max
    return sorted((day for day in days if since <= day <= until), reverse=True)


def _made(
    day: date,
    visits: Sequence[Visit],
    wish: Wish,
    outages: Sequence[Outage],
    catalogue: Catalogue,
    start: int,
) -> Day | None:
    """A day as it is shown; None: there is nothing of it."""
    begin, _ = bounds(day)
    found = [visit for visit in visits if wish.grants(visit)]
    away = [outage for outage in outages if wish.camera in (None, outage.camera)]
    drawn = strips(day, found, away)
    if not drawn:
        return None
    own = sorted((visit for visit in found if visit.first >= begin), key=lambda visit: visit.first, reverse=True)
    listed = [_shown(visit, catalogue) for visit in own[start : start + _MOST]]
    rest = start + _MOST if len(own) > start + _MOST else None
    people = {visit.person for visit in own if visit.person is not None}
    more = max(0, len(drawn) - _STRIPS)
    return Day(day, len(own), len(people), drawn[:_STRIPS], more, hours(day), listed, rest)


def _shown(visit: Visit, catalogue: Catalogue) -> Shown:
    card = catalogue.face(visit.face) if visit.face is not None else None
    return Shown(
        visit,
        (card.id, card.hash) if card else None,
        None if visit.person is None else color_of(visit.person),
        bool(visit.tracks) and all(track in catalogue.reviewed for track in visit.tracks),
    )


def _day(given: str) -> date | None:
    return day_of(given, datetime.now().astimezone())


def _number(given: str) -> int:
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 9 else 0
