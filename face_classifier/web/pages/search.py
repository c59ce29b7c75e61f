"""``/search``: by name, by day, or by a picture that is uploaded."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.web.asked import site_of
from face_classifier.web.pages.rendering import page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/search")
def search(request: Request) -> HTMLResponse:
    """Three ways to find somebody; the picture is sent to ``/api/v1/search`` by the page's script."""
    return page(request, "search.html", catalogue=site_of(request).reader.now())
