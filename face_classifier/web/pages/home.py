"""``/``: who is here, and how everything does."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.web.pages.rendering import page, site_of

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
def home(request: Request) -> HTMLResponse:
    """The first page."""
    return page(request, "home.html", folder=site_of(request).settings().result)
