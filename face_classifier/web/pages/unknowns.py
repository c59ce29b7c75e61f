"""``/unknowns``: faces of nobody yet, in groups that may be one person, then one by one; and what was left out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.pages.lists import PIECE, cursor_after, start_of
from face_classifier.web.pages.rendering import page, site_of

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

TABS = ("new", "ignored", "excluded")


@router.get("/unknowns")
def unknowns(request: Request, tab: str = "new", cursor: str = "") -> HTMLResponse:
    """Unknown faces, ignored ones, or excluded pictures."""
    catalogue = site_of(request).reader.now()
    tab = tab if tab in TABS else "new"
    return page(request, "unknowns.html", "list", catalogue=catalogue, tab=tab, **_of_tab(catalogue, tab, cursor))


def _of_tab(catalogue: Catalogue, tab: str, cursor: str) -> dict[str, Any]:
    """``faces``, and the cursor of the ``next`` ones."""
    if tab == "excluded":
        shown = catalogue.excluded()
    elif tab == "ignored":
        shown = catalogue.ignored_faces()
    else:
        ids = catalogue.ids_of(None)
        begin = start_of(ids, cursor)
        return {"faces": catalogue.faces_of(None, start=begin, count=PIECE), "next": cursor_after(ids, begin + PIECE)}
    ids = [face.id for face in shown]
    begin = start_of(ids, cursor)
    return {"faces": shown[begin : begin + PIECE], "next": cursor_after(ids, begin + PIECE)}
