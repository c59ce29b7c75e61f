"""``/api/v1/cameras``: what the cameras of this process see; they are paused, and watch again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from face_classifier.core.errors import UserError
from face_classifier.daemon.status import CameraStatus
from face_classifier.web.asked import live_of, site_of
from face_classifier.web.live.live import Live
from face_classifier.web.live.tiles import Viewer
from face_classifier.web.live.watching import Watching

router = APIRouter()

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_BOUNDARY = "picture"
Name = Annotated[str, Path(max_length=100)]


class Camera(BaseModel):
    """A camera as it is now. Ages are seconds."""

    name: str
    status: str  # good, lost, starting, paused, waiting
    since: float  # age of that status
    reason: str
    still: bool  # its picture seems to stand still
    last_frame: float | None  # age of the last one

    @classmethod
    def of(cls, status: CameraStatus) -> Camera:
        return cls(**{key: getattr(status, key) for key in cls.model_fields})


@router.get("/api/v1/cameras")
def cameras(request: Request) -> list[Camera]:
    """How each camera does now."""
    site = site_of(request)
    return [Camera.of(camera) for camera in site.cameras()]


@router.get("/api/v1/cameras/{camera}/snapshot.jpg", response_class=Response)
def snapshot(request: Request, camera: Name) -> Response:
    """What a camera sees now, with names and without what is masked or hidden."""
    picture = _watching(request, camera).shoot(camera)
    if picture is None:
        raise HTTPException(503, f"{camera} shows nothing now; look at its status")
    return Response(picture, headers={**_NO_STORE, "Content-Type": "image/jpeg"})


@router.post("/api/v1/cameras/{camera}/pause")
def pause(request: Request, camera: Name) -> Camera:
    """Have a camera watch nothing until it is resumed, or the program ends."""
    _watching(request, camera).pause(camera)
    return _camera(request, camera)


@router.post("/api/v1/cameras/{camera}/resume")
def resume(request: Request, camera: Name) -> Camera:
    """Have a camera that is paused watch again."""
    _watching(request, camera).resume(camera)
    return _camera(request, camera)


@router.get("/cameras/{camera}/stream.mjpg", include_in_schema=False)
async def stream(request: Request, camera: Name) -> Response:
    """What a camera sees, as motion JPEG for Home Assistant.

    No page of ours has it: in Chromium six of them on one page hold up every other request.
    """
    _watching(request, camera)
    kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
    parts = _parts(live_of(request), camera, request.state.still_may)
    return StreamingResponse(parts, media_type=kind, headers=_NO_STORE)


async def _parts(live: Live, camera: str, still_may: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Each new picture of a camera, as a part of a stream; the newest one where the client is slow.

    The stream ends where its client may see it no longer.
    """
    woken, loop = asyncio.Event(), asyncio.get_running_loop()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(woken.set)

    assert live.tiles is not None
    with live.tiles.viewing(wake) as viewer:
        viewer.want([(camera, "large")])
        async for jpeg in _pictures(viewer, woken):
            if not still_may():
                return
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + b"\r\n"


async def _pictures(viewer: Viewer, woken: asyncio.Event) -> AsyncIterator[bytes]:
    while True:
        woken.clear()
        if tile := viewer.next():
            yield tile.jpeg
        else:
            await woken.wait()


def _watching(request: Request, camera: str) -> Watching:
    """What the cameras see. Raises UserError where there is none of that name: 404."""
    watching = site_of(request).watching
    if watching is None:
        raise HTTPException(404, "no camera is watched here; start face-classifier watch")
    names = [one.name for one in cameras(request)]
    if camera not in names:
        raise HTTPException(404, f"there is no camera {camera!r}; name one of these: {', '.join(names)}")
    return watching


def _camera(request: Request, name: str) -> Camera:
    found = next((camera for camera in cameras(request) if camera.name == name), None)
    if found is None:
        raise UserError(f"{name} is no longer watched, since the configuration was reloaded")
    return found
