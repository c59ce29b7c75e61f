"""``/``: who is here, who was here last, how the cameras do, and what is still to be named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.core.errors import UserError
from face_classifier.events.visits import Visit
from face_classifier.gallery.reading.cards import PersonCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.asked import asides_of, site_of
from face_classifier.web.pages.rendering import page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_VISITS = 20
_PEOPLE = 8  # who was seen last


@dataclass(frozen=True)
class Shown:
    """A visit as the page shows it."""

    visit: Visit
    picture: tuple[int, str] | None  # face (id) and hash
    is_here: bool


@router.get("/")
def home(request: Request) -> HTMLResponse:
    """The first page."""
    site = site_of(request)
    catalogue = site.reader.now()
    latest = _latest(request, catalogue) if catalogue.revision else []
    return page(
        request,
        "home.html",
        folder=site.settings().result,
        cameras=site.cameras(),
        here=[shown for shown in latest if shown.is_here],
        visits=latest[:_VISITS],
        people=_seen_last(catalogue),
        unknown=catalogue.unknown,
        catalogue=catalogue,
    )


def _latest(request: Request, catalogue: Catalogue) -> list[Shown]:
    """The latest visits, the latest first; none where the table cannot be read just now."""
    gap = site_of(request).settings().visits.gap
    now = datetime.now(timezone.utc)
    try:
        found = asides_of(request).passed.latest()
    except UserError:
        return []

    def shown(visit: Visit) -> Shown:
        card = catalogue.face(visit.face) if visit.face is not None else None
        return Shown(visit, (card.id, card.hash) if card else None, visit.goes_on(now, gap))

    return [shown(visit) for visit in found]


def _seen_last(catalogue: Catalogue) -> list[tuple[PersonCard, str]]:
    """Named people who were seen last, each with the hash of the picture that stands for them."""
    seen = [person for person in catalogue.people if person.last is not None and not person.hidden]
    seen.sort(key=lambda person: (person.named, person.last), reverse=True)
    cards = [(person, catalogue.face(person.best)) for person in seen[:_PEOPLE]]
    return [(person, card.hash) for person, card in cards if card]
