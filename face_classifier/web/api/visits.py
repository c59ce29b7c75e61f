"""``/api/v1/visits`` and ``tracks``: who passed when; ``now`` and ``status``: how it is at present."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, time
from itertools import chain, islice
from typing import Annotated, Any, Literal, TypeVar, cast

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from face_classifier.core.names import json_text
from face_classifier.events import times
from face_classifier.events.asked.backwards import Place, latest_tracks, latest_visits, place_of
from face_classifier.events.asked.lines import csv_lines
from face_classifier.events.asked.present import present
from face_classifier.events.visits import COLUMNS, Visit, Wish, record
from face_classifier.gallery.passing.passages import Passage
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.api.common.cards import catalogue_of, picture_of
from face_classifier.web.api.common.lists import Limit, Remembered
from face_classifier.web.api.common.problems import ProblemError, told
from face_classifier.web.api.common.text import Json, Name, Time, rfc3339
from face_classifier.web.api.common.writing import Done, Seen, carry_out, done, reading, writing
from face_classifier.web.asked import site_of

reader, writer = reading("visits"), writing("visits")

Form = Literal["json", "csv", "jsonl"]
_Read = TypeVar("_Read")
_TRACK_COLUMNS = ("track", *(column for column in COLUMNS if column not in ("visit", "tracks")), "said")
_Given = Annotated[str, Query(max_length=100)]
_A_TIME = "2026-11-27T14:30:00Z, 2026-11-27, yesterday or 2 h ago; local without an offset"


class Passed(BaseModel):
    """Somebody on one camera, or in one file, until they were gone for a while."""

    visit: int | None = Field(description="number of its first track; null: of a face that belongs to none")
    camera: Name = Field(description="its name, or the file's path as given")
    person: Name | None = Field(description="as who is who is known now; null: nobody knows")
    first: Time
    last: Time
    seconds: float
    first_position: float | None = Field(description="seconds, the source's clock; null: of several runs")
    last_position: float | None
    frames: int = Field(description="in which they were found")
    tracks: list[int]
    face: Name | None = Field(description="name of the best face that is kept")
    zones: list[Name]
    fingerprint: str | None = Field(description="of a file's content")
    face_id: int | None = None
    picture: str | None = Field(default=None, description="address of that face's picture")
    reviewed: bool = Field(default=False, description="somebody has looked at all its tracks")


class Track(BaseModel):
    """A face over consecutive frames, as far as it is one person's."""

    track: int | None
    camera: Name
    person: Name | None
    said: Name | None = Field(description="whose it was told to be at the time")
    first: Time
    last: Time
    seconds: float
    first_position: float | None
    last_position: float | None
    frames: int
    face: Name | None
    zones: list[Name]
    fingerprint: str | None
    face_id: int | None = None
    picture: str | None = None


class Visits(BaseModel):
    """A page of visits, the latest first."""

    items: list[Passed]
    next: str | None = Field(description="`cursor` of the next page; null: this is the last one")


class Tracks(BaseModel):
    """A page of tracks, the latest first."""

    items: list[Track]
    next: str | None


class Asked(BaseModel):
    """Which visits are asked for; what is left out asks for all."""

    wish: Any
    after: Any
    limit: int
    form: Form


def _asked(
    person: Annotated[str, Query(max_length=1000, description="only of this person")] = "",
    camera: Annotated[str, Query(max_length=4096, description="only on this camera, or in this file")] = "",
    since: Annotated[_Given, Query(description=f"only what was not over by then: {_A_TIME}")] = "",
    until: Annotated[_Given, Query(description="only what began by then; a day means its end")] = "",
    from_time: Annotated[_Given, Query(description="only who was there at some time of the day from then on …")] = "",
    to_time: Annotated[_Given, Query(description="… until then, which may be over midnight", examples=["06:00"])] = "",
    unknown: Annotated[bool, Query(description="only those whom nobody knows")] = False,
    format: Annotated[Form, Query(description="json: in pages; csv, jsonl: all of it, as it is read")] = "json",
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
    limit: Limit = 100,
) -> Asked:
    now = datetime.now().astimezone()

    def read(given: str, as_what: Callable[[str], _Read]) -> _Read | None:
        return as_what(given) if given.strip() else None

    wish = Wish(
        person or None,
        camera or None,
        read(since, lambda given: times.moment(given, "since", now)),
        read(until, lambda given: times.moment(given, "until", now, end=True)),
        read(from_time, lambda given: _time_of_day(given, "from_time")),
        read(to_time, lambda given: _time_of_day(given, "to_time")),
        unknown=unknown,
    )
    return Asked(wish=wish, after=_place(cursor) if cursor else None, limit=limit, form=format)


def _time_of_day(given: str, key: str) -> time:
    return times.time_of_day(given, key)


_Asked = Annotated[Asked, Depends(_asked)]
_TABLES: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}, "application/jsonl": {}}}}


@reader.get("/visits", summary="Who passed when", responses=told(410) | _TABLES, response_model=Visits)
def visits(request: Request, asked: _Asked) -> Any:
    """The latest first, with the person as whom they are known now."""
    catalogue = catalogue_of(request)
    if not catalogue.revision and not catalogue.people:
        found: Iterator[Visit] = iter(())
    else:
        found = latest_visits(site_of(request).settings(), asked.wish, asked.after)
    if asked.form != "json":
        return _streamed(asked.form, "visits", COLUMNS, map(_record, found))
    page, following = _page(request, catalogue, ("visits", asked.wish, asked.after, asked.limit), found)
    items = [
        Passed(**record(visit), **_picture(visit, catalogue), reviewed=_is_reviewed(visit, catalogue)) for visit in page
    ]
    return Visits(items=items, next=_cursor(place_of(page[-1])) if following else None)


@reader.get("/tracks", summary="Every track", responses=told(410) | _TABLES, response_model=Tracks)
def tracks(request: Request, asked: _Asked) -> Any:
    """What visits are made of, the latest first."""
    catalogue = catalogue_of(request)
    if not catalogue.revision and not catalogue.people:
        found: Iterator[tuple[Passage, Visit]] = iter(())
    else:
        found = latest_tracks(site_of(request).settings(), asked.wish, asked.after)
    if asked.form != "json":
        lines = (_track_record(passage, visit) for passage, visit in found)
        return _streamed(asked.form, "tracks", _TRACK_COLUMNS, lines)
    page, following = _page(request, catalogue, ("tracks", asked.wish, asked.after, asked.limit), found)
    items = [Track(**_track_record(passage, visit), **_picture(visit, catalogue)) for passage, visit in page]
    return Tracks(items=items, next=_cursor(place_of(page[-1][1])) if following else None)


def _page(
    request: Request, catalogue: Catalogue, asked: tuple[str, Wish, Place | None, int], found: Iterator[_Read]
) -> tuple[list[_Read], bool]:
    """Some of them, and whether there are more."""
    limit, remembered = asked[-1], cast(Remembered, request.app.state.remembered)
    page = remembered.page(catalogue, asked, lambda: list(islice(found, limit + 1)))
    return page[:limit], len(page) > limit


def _picture(visit: Visit, catalogue: Catalogue) -> dict[str, Any]:
    card = catalogue.face(visit.face) if visit.face is not None else None
    return {"face_id": card.id, "picture": picture_of(card)} if card else {}


def _is_reviewed(visit: Visit, catalogue: Catalogue) -> bool:
    return bool(visit.tracks) and all(track in catalogue.reviewed for track in visit.tracks)


def _record(visit: Visit) -> dict[str, Any]:
    """A line, whose times are RFC 3339 in UTC."""
    return record(visit) | {"first": rfc3339(visit.first), "last": rfc3339(visit.last)}


def _track_record(passage: Passage, visit: Visit) -> dict[str, Any]:
    told_of = {"track": passage.track, **_record(visit), "said": passage.said}
    return {key: told_of[key] for key in _TRACK_COLUMNS}


def _streamed(form: Form, name: str, columns: Iterable[str], lines: Iterator[dict[str, Any]]) -> Response:
    """All of it, a line at a time. What cannot be read is an error before anything is sent."""
    first = list(islice(lines, 1))
    records = chain(first, lines)
    if form == "csv":
        parts, kind = csv_lines(list(columns), records), "text/csv; charset=utf-8"
    else:
        parts, kind = (f"{json_text(line)}\n" for line in records), "application/jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "no-store"}
    return StreamingResponse(_blocks(parts), media_type=kind, headers=headers)


def _blocks(lines: Iterator[str], size: int = 200) -> Iterator[bytes]:
    while block := "".join(islice(lines, size)):
        yield block.encode()


def _cursor(place: Place) -> str:
    text = json.dumps([place.first.isoformat(), place.track, place.face])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str) -> Place:
    try:
        first, track, face = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = Place(datetime.fromisoformat(first), int(track), int(face))
        if place.first.tzinfo is None:
            raise ValueError
    except (ValueError, TypeError):
        raise ProblemError(410, "this cursor is not valid; begin without one") from None
    return place


class Reviewing(Seen):
    """Tracks that somebody has looked at."""

    tracks: list[Annotated[int, Field(ge=0, lt=1 << 63)]] = Field(min_length=1, max_length=10_000, examples=[[5, 6]])
    reviewed: bool = True


@writer.post("/visits/reviewed", summary="Mark visits as reviewed, or not", responses=told())
def reviewed(request: Request, body: Reviewing) -> Done:
    """By their tracks; it changes nobody."""
    return done(carry_out(request, "review", {"tracks": body.tracks, "reviewed": body.reviewed}, body))


class Here(BaseModel):
    """Somebody before a camera."""

    camera: Name
    person: Name | None
    here: bool = Field(description="still; false: it is who was there last, within a day")
    since: Time
    last: Time
    face_id: int | None = None
    picture: str | None = None


@reader.get("/now", summary="Who is in front of the cameras", responses=told())
def now(request: Request) -> list[Here]:
    """By camera, and who was there last, within a day."""
    catalogue = catalogue_of(request)
    if not catalogue.revision and not catalogue.people:
        return []
    return [
        Here(
            camera=visit.camera,
            person=visit.person,
            here=here,
            since=visit.first,
            last=visit.last,
            **_picture(visit, catalogue),
        )
        for visit, here in present(site_of(request).settings(), datetime.now().astimezone())
    ]


@reader.get("/status", summary="How everything does", responses=told(), response_class=Json)
def status(request: Request) -> dict[str, Any]:
    """As `face-classifier status --json` and /readyz tell it where cameras are watched; else of the folder alone."""
    site, catalogue = site_of(request), site_of(request).reader.now()
    common = {"watching": site.status is not None, "revision": catalogue.revision, "problem": catalogue.problem}
    if site.status:
        return {**site.status().record(), **common}
    people = catalogue.people
    gallery = {
        "folder": site.settings().result,
        "people": len(people),
        "known": sum(person.faces for person in people),
        "unknown": catalogue.unknown,
        "ignored": catalogue.ignored,
    }
    return {"live": True, "ready": catalogue.problem is None, "stuck": [], "cameras": [], "gallery": gallery, **common}
