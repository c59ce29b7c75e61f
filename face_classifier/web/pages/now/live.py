"""``/live`` and ``/live/{camera}``: what the cameras see; masks and zones are drawn on one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from face_classifier.core.config.parts.cameras import Camera
from face_classifier.web.asked import site_of
from face_classifier.web.pages.rendering import page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/live")
def live(request: Request) -> HTMLResponse:
    """All cameras."""
    site = site_of(request)
    return page(request, "live.html", cameras=site.cameras())


@router.get("/live/{camera}")
def camera(request: Request, camera: str) -> Response:
    """One camera, large; one that is watched no more leads to those that are."""
    site = site_of(request)
    found = [one for one in site.cameras() if one.name == camera]
    if not found:
        return RedirectResponse("/live", 303)
    settings = site.settings()
    given = settings.cameras[camera]
    return page(
        request,
        "camera.html",
        camera=found[0],
        areas=json.dumps(list(_areas(given)), ensure_ascii=False),
        pixelates=(given.pixelate or settings.pixelate) != "nobody",
    )


def _areas(camera: Camera) -> Iterator[dict[str, Any]]:
    """Masks and zones as they are configured, for the script that draws them."""
    for mask in camera.masks:
        yield {"kind": "mask", "name": "", "role": "", "points": mask}
    for name, zone in camera.zones.items():
        role = "only" if name in camera.only else "ignore" if name in camera.ignore else ""
        yield {"kind": "zone", "name": name, "role": role, "points": zone}
