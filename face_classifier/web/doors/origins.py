"""Which other pages in the same browser may make it ask for something here: none, but a link may lead here.

Also where no password is asked for: a page of the internet can make a browser write to a page of this machine.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from face_classifier.web.doors.hosts import host_of
from face_classifier.web.doors.refusing import refusal
from face_classifier.web.doors.sessions import COOKIE

SAFE = ("GET", "HEAD")
_PORTS = {"http": 80, "https": 443}
_REFUSED = "another page asked for this, and only the page itself may; open it, and do it there"


class Origins:
    """Refuses what pages of another origin ask for.

    Programs that are no browsers send neither ``Origin`` nor ``Sec-Fetch-Site``, and are let through, unless they bring
    the cookie of a browser.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not _is_own(scope, Headers(scope=scope)):
            await refusal(scope, 403, _REFUSED)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_own(scope: Scope, headers: Headers) -> bool:
    is_write = scope["type"] == "websocket" or scope["method"] not in SAFE
    site, origins = headers.get("sec-fetch-site"), headers.getlist("origin")
    if site not in (None, "same-origin", "none"):
        is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return is_link and not is_write
    if not is_write:
        return True
    if not origins and site is None:
        return not has_cookie(headers)
    return all(_is_same(origin, scope, headers) for origin in origins)


def has_cookie(headers: Headers) -> bool:
    """Whether a request brings a session, a true one or not."""
    return any(COOKIE in cookie_parser(text) for text in headers.getlist("cookie"))


def _is_same(origin: str, scope: Scope, headers: Headers) -> bool:
    """Whether an origin is that under which this was asked for."""
    asked = scope["scheme"].replace("ws", "http")
    scheme, _, rest = origin.partition("://")
    port = _PORTS.get(asked)
    name, own = host_of(rest), host_of(headers.get("host", ""))
    return scheme == asked and name[0] is not None and (name[0], name[1] or port) == (own[0], own[1] or port)
