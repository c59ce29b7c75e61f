"""``/people``: everybody, with a face, a count, and when they were last seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.gallery.reading.cards import PersonCard
from face_classifier.identity.naming import natural
from face_classifier.web.asked import site_of
from face_classifier.web.pages.lists import PIECE
from face_classifier.web.pages.rendering import page
from face_classifier.web.words.initials import fits

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_NEVER = datetime.min.replace(tzinfo=timezone.utc)
SORTS: dict[str, Callable[[PersonCard], Any]] = {
    "last": lambda person: (person.last or _NEVER, person.faces),
    "faces": lambda person: person.faces,
    "name": lambda person: natural(person.name),
}
_RISING = {"name"}
VIEWS: dict[str, Callable[[PersonCard], bool]] = {
    "": lambda person: not person.hidden,
    "yes": lambda person: person.named and not person.hidden,
    "no": lambda person: not person.named and not person.hidden,
    "hidden": lambda person: person.hidden,
}


@router.get("/people")
def people(request: Request, sort: str = "last", q: str = "", named: str = "", cursor: str = "") -> HTMLResponse:
    """Cards of people. ``named``: yes, no, hidden, or all that are not hidden."""
    catalogue = site_of(request).reader.now()
    sort, named = sort if sort in SORTS else "last", named if named in VIEWS else ""
    chosen = [person for person in catalogue.people if VIEWS[named](person) and fits(person.name, q)]
    chosen.sort(key=SORTS[sort], reverse=sort not in _RISING)
    begin = int(cursor) if cursor.isascii() and cursor.isdigit() else 0
    return page(
        request,
        "people.html",
        "list",
        catalogue=catalogue,
        people=chosen[begin : begin + PIECE],
        found=len(chosen),
        next=begin + PIECE if begin + PIECE < len(chosen) else None,
        counts={view: _count(catalogue.people, granted) for view, granted in VIEWS.items()},
        sort=sort,
        q=q,
        named=named,
    )


def _count(people: Iterable[PersonCard], granted: Callable[[PersonCard], bool]) -> int:
    return sum(map(granted, people))
