"""``/map``: faces in the plane, what is alike together, to look around in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.core.errors import UserError
from face_classifier.gallery.reading.cards import FaceCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.aside.plane import MOST, Plane, can_be_drawn
from face_classifier.web.asked import asides_of, site_of
from face_classifier.web.pages.past.strip import color_of
from face_classifier.web.pages.rendering import page

SIDE = 1000  # of the drawing
_FEWEST = 3  # faces of a map
_PATIENCE = 0.5  # seconds for the map of now
_LABELS = 40  # people whose names are drawn
_MARGIN = 30

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class Dot:
    """A face on the map."""

    card: FaceCard
    x: float  # from 0 to SIDE
    y: float
    color: int | None  # of its person; None: nobody's


@dataclass(frozen=True)
class Named:
    """A person on the map."""

    name: str
    faces: int
    x: float
    y: float


@router.get("/map")
def face_map(request: Request) -> HTMLResponse:
    """The map, or a sentence why there is none yet."""
    catalogue = site_of(request).reader.now()
    is_drawable, problem = can_be_drawn(), None
    plane: Plane | None = None
    count = sum(person.faces for person in catalogue.people) + catalogue.unknown
    if is_drawable and count >= _FEWEST:
        try:
            plane = asides_of(request).planes.now(catalogue, _PATIENCE)
        except UserError as error:
            problem = str(error)
    dots = dots_of(plane, catalogue) if plane else []
    people = _people(dots)
    return page(
        request,
        "map.html",
        catalogue=catalogue,
        dots=dots,
        people=people,
        labels=sorted(people, key=lambda one: -one.faces)[:_LABELS],
        count=count,
        most=MOST,
        side=SIDE,
        is_drawable=is_drawable,
        is_ready=plane is not None,
        is_small=count < _FEWEST,
        problem=problem,
    )


def dots_of(plane: Plane, catalogue: Catalogue) -> list[Dot]:
    """The faces of a map that are still there, with whose they are now."""
    places = np.round(_MARGIN + plane.places * (SIDE - 2 * _MARGIN), 1)
    cards = ((catalogue.face(face), place) for face, place in zip(plane.faces, places.tolist(), strict=True))
    return [
        Dot(card, x, y, None if card.person is None else color_of(card.person))
        for card, (x, y) in cards
        if card and not card.excluded
    ]


def _people(dots: Sequence[Dot]) -> list[Named]:
    """Everybody on a map, each in the middle of their faces."""
    of_person: Mapping[str, list[Dot]] = defaultdict(list)
    for dot in dots:
        if dot.card.person is not None:
            of_person[dot.card.person].append(dot)
    return [
        Named(
            name,
            len(own),
            round(float(np.median([dot.x for dot in own])), 1),
            round(float(np.median([dot.y for dot in own])), 1),
        )
        for name, own in of_person.items()
    ]
