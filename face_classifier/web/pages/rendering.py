"""Makes pages of templates, in which everything is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.web.site import Site

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def site_of(request: Request) -> Site:
    """The site that a request asks about."""
    site: Site = request.app.state.site
    return site


def page(request: Request, template: str, **values: Any) -> HTMLResponse:
    """A page of a template, ``NAME.html``."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(request=request, **values))
