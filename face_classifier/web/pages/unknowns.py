"""``/unknowns``: faces of nobody yet, in groups that may be one person, then one by one; and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.curate.questions.groups import UnknownGroup
from face_classifier.gallery.reading.cards import FaceCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.asked import asides_of, site_of
from face_classifier.web.pages.lists import PIECE, cursor_after, start_of
from face_classifier.web.pages.rendering import page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

TABS = ("new", "ignored", "excluded")
GROUPS = 20  # at a time
PATIENCE = 1.5  # seconds for the groups; a page that has none says so, and goes on by itself


@router.get("/unknowns")
def unknowns(request: Request, tab: str = "new", cursor: str = "", after: str = "") -> HTMLResponse:
    """Unknown faces, ignored ones, or excluded pictures. ``after``: the cursor of groups; ``cursor``: of faces."""
    catalogue = site_of(request).reader.now()
    tab = tab if tab in TABS else "new"
    groups: Sequence[tuple[UnknownGroup, Sequence[FaceCard]]] = ()
    shown: Sequence[FaceCard] = ()
    more_groups, is_ready = None, True
    if tab == "excluded":
        shown = catalogue.excluded()
    elif tab == "ignored":
        shown = catalogue.ignored_faces()
    elif catalogue.unknown:
        found = asides_of(request).unknown.now(catalogue, PATIENCE)
        is_ready = found is not None
        if found is not None:
            firsts = [group.faces[0] for group in found.groups]
            begin = start_of(firsts, after)
            groups = [(group, _cards(catalogue, group.faces)) for group in found.groups[begin : begin + GROUPS]]
            more_groups = cursor_after(firsts, begin + GROUPS)
            shown = _cards(catalogue, [single.faces[0] for single in found.singles])
    ids = [face.id for face in shown]
    begin = start_of(ids, cursor)
    return page(
        request,
        "unknowns.html",
        "list",
        catalogue=catalogue,
        tab=tab,
        is_ready=is_ready,
        groups=groups,
        more_groups=more_groups,
        faces=shown[begin : begin + PIECE],
        count=len(shown),
        next=cursor_after(ids, begin + PIECE),
    )


def _cards(catalogue: Catalogue, faces: Sequence[int]) -> list[FaceCard]:
    return [card for face in faces if (card := catalogue.face(face))]
