"""``/faces/{id}.jpg``: pictures of faces, which a browser may keep, since their address tells which they are."""

from __future__ import annotations

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from face_classifier.web.pages.rendering import site_of

router = APIRouter(include_in_schema=False)

_LONGEST = 2**63 - 1  # of a number that SQLite takes
_KEPT = "private, max-age=31536000, immutable"


@router.get("/faces/{face}.jpg")
def picture(request: Request, face: int, w: int | None = Query(None, ge=1, le=4096), v: str = "") -> Response:
    """A JPEG of a face.

    Parameters
    ----------
    face
        Its id.
    w
        Pixels that the page needs; None: the whole picture as it is.
    v
        The first digits of the hash of its file. With the right ones this browser may keep the picture.
    """
    found = site_of(request).reader.picture(face, w) if 0 < face <= _LONGEST else None
    if found is None:
        return Response(status_code=404)
    tag = f'"{found.hash[:16]}-{w or ""}"'
    headers = {"ETag": tag, "Cache-Control": _KEPT if v == found.hash[:8] else "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(found.jpeg, headers=headers, media_type="image/jpeg")
