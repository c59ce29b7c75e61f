"""``/people/{name}``: the faces of one person, odd ones first, and what may be theirs or is not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from face_classifier.core.progress import Log
from face_classifier.gallery.reading.cards import FaceCard, PersonCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.gallery.reading.folder_faces import Order
from face_classifier.photos.forgetting import forget_everywhere
from face_classifier.web.addresses import person_url
from face_classifier.web.api.common.writing import carry_out
from face_classifier.web.asked import site_of
from face_classifier.web.pages.lists import PIECE, cursor_after, start_of
from face_classifier.web.pages.rendering import page

logger = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Tab = Literal["faces", "visits", "similar", "not"]
_SEE_OTHER = 303
_SIMILAR = 300  # unknown faces are enough to look through at once
_ALIKE = 6  # people
_ENOUGH = 200  # faces tell to whom somebody is alike


@router.get("/people/{name}")
def person(request: Request, name: str, tab: str = "faces", order: str = "odd", cursor: str = "") -> Response:
    """One person. A former name leads to who has the faces now."""
    catalogue = site_of(request).reader.now()
    card = catalogue.person(name)
    if card is None:
        successor = catalogue.successor(name)
        if successor is not None:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(person_url(successor) + query, _SEE_OTHER)
        return page(request, "nobody.html", status_code=404, name=name)
    tab, order = tab if tab in get_args(Tab) else "faces", order if order in get_args(Order) else "odd"
    return page(
        request,
        "person.html",
        "list",
        catalogue=catalogue,
        person=card,
        tab=tab,
        order=order,
        **_of_tab(catalogue, card, tab, order, cursor),
    )


def _of_tab(catalogue: Catalogue, person: PersonCard, tab: str, order: Any, cursor: str) -> dict[str, Any]:
    """``faces`` with their distances, the cursor of the ``next`` ones, and ``alike``: the nearest people."""
    faces: Sequence[tuple[FaceCard, float | None]] = ()
    following = None
    if tab == "faces":
        ids = catalogue.ids_of(person.name, order)
        begin = start_of(ids, cursor)
        faces = [(face, face.distance) for face in catalogue.faces_of(person.name, order, begin, PIECE)]
        following = cursor_after(ids, begin + PIECE)
    elif tab == "similar":
        faces = catalogue.similar_unknown(person.name, _SIMILAR)
    elif tab == "not":
        faces = [(face, None) for face in catalogue.not_them(person.name)]
    some = catalogue.faces(person.name).ids
    some = some[:: len(some) // _ENOUGH + 1].tolist()
    near = catalogue.nearest(some, _ALIKE) if tab == "faces" and not cursor else []
    alike = [(card, distance) for name, distance in near if (card := catalogue.person(name))]
    return {"faces": faces, "next": following, "alike": alike}


@router.post("/people/{name}/forget")
def forget(request: Request, name: str, revision: Annotated[int, Form(ge=0)]) -> HTMLResponse:
    """Forget a person for good, as the dialog of their page says; nobody whom others changed since it was shown."""
    site = site_of(request)
    if site.reader.now().person(name) is None:
        return page(request, "nobody.html", status_code=404, name=name)

    def by_owner(command: str, given: dict[str, Any]) -> Any:
        return carry_out(request, command, given)

    answer = forget_everywhere(site.settings(), name, Log(logger), by_owner, {"seen": revision})
    return page(request, "forgotten.html", name=name, answer=answer)
