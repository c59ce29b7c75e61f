"""The page as one application: what is asked of it goes to `api`, `pages`, `live` or `health`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from face_classifier import __version__
from face_classifier.web import health
from face_classifier.web.api.api import add_api
from face_classifier.web.aside.asides import Asides
from face_classifier.web.doors.doors import doors
from face_classifier.web.live import socket
from face_classifier.web.live.live import Live
from face_classifier.web.pages import login, people, person, search, settings, suggestions, unknowns
from face_classifier.web.pages.assets import Assets
from face_classifier.web.pages.now import home, live
from face_classifier.web.pages.past import charts, events, face_map, history
from face_classifier.web.site import Site


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await asyncio.to_thread(app.state.asides.end)


def make_app(site: Site) -> FastAPI:
    """The page of a site, behind its doors. FastAPI's own documentation is off, since it loads scripts from afar."""
    app = FastAPI(
        title="Face Classifier",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        middleware=doors(site.settings().web),
        lifespan=_lifespan,
    )
    app.state.site, app.state.asides, app.state.live = site, Asides(site.settings), Live(site)
    pages = (
        home,
        live,
        people,
        person,
        unknowns,
        suggestions,
        events,
        history,
        charts,
        face_map,
        search,
        settings,
        login,
    )
    for module in (*pages, socket):
        app.include_router(module.router)
    add_api(app)
    app.mount("/static", Assets(), name="static")
    if site.status:
        app.router.routes.extend(health.routes(site.status))
    return app
