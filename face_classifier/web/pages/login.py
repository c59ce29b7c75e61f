"""``/login`` and ``/logout``."""

from __future__ import annotations

import math

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from face_classifier.web.doors.passwords import LaterError
from face_classifier.web.doors.sessions import COOKIE, SECONDS
from face_classifier.web.doors.who import Keeper, local
from face_classifier.web.pages.rendering import page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/login")
def form(request: Request, next: str = "/") -> Response:
    """Asks for the password, unless none is needed."""
    if _keeper(request).password is None or request.state.who:
        return RedirectResponse(local(next), 303)
    return page(request, "login.html", next=local(next), wrong=False, wait=0)


@router.post("/login")
async def log_in(request: Request, next: str = "/") -> Response:
    """Begins a session if the password is right."""
    keeper = _keeper(request)
    if keeper.password is None or keeper.sessions is None:
        return RedirectResponse(local(next), 303)
    async with request.form(max_files=0, max_fields=5) as fields:
        word = fields.get("password", "")
    wait, is_right = 0, False
    try:
        is_right = await keeper.password.is_right(str(word), request.client.host if request.client else "")
    except LaterError as error:
        wait = math.ceil(error.seconds)
    if not is_right:
        again = page(
            request, "login.html", next=local(next), wrong=not wait, wait=wait, status_code=429 if wait else 401
        )
        if wait:
            again.headers["Retry-After"] = str(wait)
        return again
    answer = RedirectResponse(local(next), 303)
    answer.set_cookie(
        COOKIE,
        keeper.sessions.begin(),
        max_age=SECONDS,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/logout")
def log_out(request: Request) -> Response:
    """Ends the session, also where its cookie was copied to."""
    keeper, cookie = _keeper(request), request.cookies.get(COOKIE)
    if keeper.sessions and cookie:
        keeper.sessions.end(cookie)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, secure=request.url.scheme == "https", httponly=True, samesite="strict")
    return answer


def _keeper(request: Request) -> Keeper:
    keeper: Keeper = request.state.keeper
    return keeper
