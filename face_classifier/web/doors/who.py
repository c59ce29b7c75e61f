"""Who asks: the owner, who is logged in or sits at this machine, or a program with a token; nobody else may."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from time import monotonic
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from face_classifier.core.config import tokens
from face_classifier.core.config.parts.page import Web
from face_classifier.core.errors import UserError
from face_classifier.web.doors.origins import SAFE
from face_classifier.web.doors.passwords import Password
from face_classifier.web.doors.refusing import API, refusal
from face_classifier.web.doors.sessions import COOKIE, Sessions

OWNER = "owner"
KNOWN = 5.0  # seconds after which somebody is asked again who they are
_OPEN = ("/login", "/logout", "/healthz")  # and what lies below /static/, which tells nothing of anybody
_LIVE = re.compile(r"/live(/|$)|/(api/v1/)?cameras/.*(\.mjpg|\.jpg)$")
_ASKING = ("/api/v1/search",)  # what is sent there is a picture to look for; nothing is changed
# Asks for the page once more, from this page
_AGAIN = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={}"><title>…</title>'
_logger = logging.getLogger(__name__)


class Keeper:
    """Knows the password, the sessions and the tokens of a page."""

    def __init__(self, web: Web) -> None:
        self.password = Password(web.password) if web.password else None
        self.sessions = Sessions(web.password) if web.password else None
        self._tokens = _Tokens(web.tokens_file) if web.tokens_file else None

    def of_token(self, word: str) -> tokens.Token | None:
        """Whose token a word is; as long for a wrong one as for a right one."""
        found = [token for token in (self._tokens.now() if self._tokens else ()) if token.is_of(word)]
        return found[0] if found else None

    def is_logged_in(self, cookie: str | None) -> bool:
        """Whether a cookie is that of somebody who gave the password."""
        return bool(self.sessions and cookie and self.sessions.holds(cookie))


class _Tokens:
    """Those of a file, as they are now."""

    def __init__(self, path: str) -> None:
        self._path, self._seen = Path(path), (0, 0, 0)
        self._those: tuple[tokens.Token, ...] = ()

    def now(self) -> tuple[tokens.Token, ...]:
        try:
            found = os.stat(self._path)
            seen = (found.st_mtime_ns, found.st_size, found.st_mode)
            if seen != self._seen:
                self._those, self._seen = tokens.read(str(self._path)), seen
        except (OSError, UserError) as error:
            if self._those or self._seen == (0, 0, 0):
                _logger.warning("no token is taken: %s", error)
            self._those, self._seen = (), (1, 0, 0)
        return self._those


class Who:
    """Lets in who may. ``request.state.who`` is ``owner``, or the name of a token; ``state.keeper`` is the `Keeper`.

    ``state.still_may()`` tells, of what goes on for long, whether who asked for it may still; it is quick.
    """

    def __init__(self, app: ASGIApp, keeper: Keeper) -> None:
        self._app, self._keeper = app, keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope["state"]["keeper"] = self._keeper
            scope["state"]["still_may"] = _Still(lambda: self._refusal(scope) is None)
            if refused := self._refusal(scope):
                await refused(scope, receive, send)
                return
            if scope["state"]["who"] and (line := scope["state"].get("line")):
                line.known = True
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, state = Headers(scope=scope), scope["state"]
        state["who"] = None
        scheme, _, word = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._of_token(scope, word.strip())
        if self._keeper.password is None:
            if not (state["near"] or state["through"] or is_open(scope)):
                sentence = "the page is for this machine and the proxies of web.proxy; set web.password to ask for one"
                return refusal(scope, 403, sentence)
            state["who"] = OWNER
            return None
        cookies = (cookie_parser(text).get(COOKIE) for text in headers.getlist("cookie"))
        if any(self._keeper.is_logged_in(cookie) for cookie in cookies):
            state["who"] = OWNER
            return None
        return None if is_open(scope) else _log_in(scope, headers)

    def _of_token(self, scope: Scope, word: str) -> Response | None:
        token = self._keeper.of_token(word)
        if token is None:
            return refusal(scope, 401, "there is no such token; make one with face-classifier token", _CHALLENGE)
        needed = scope_of(scope)
        if needed not in token.scopes:
            return refusal(scope, 403, f"the token {token.name} lacks the scope {needed}; make one that has it")
        scope["state"]["who"] = token.name
        return None


class _Still:
    """Whether somebody may still, as of a few seconds ago."""

    def __init__(self, may: Callable[[], bool]) -> None:
        self._may, self._asked = may, monotonic()

    def __call__(self) -> bool:
        if monotonic() - self._asked < KNOWN:
            return True
        self._asked = monotonic()
        return self._may()


_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def is_open(scope: Scope) -> bool:
    """Whether anybody may ask for this."""
    path: str = scope["path"]
    return scope["type"] == "http" and (path in _OPEN or path.startswith("/static/"))


def scope_of(scope: Scope) -> str:
    """Which scope of a token this needs: ``read``, ``write``, or ``live`` for what cameras see now."""
    if scope["type"] == "websocket":
        return "live"
    path: str = scope["path"]
    if scope["method"] not in SAFE and path not in _ASKING:
        return "write"
    return "live" if _LIVE.match(path) else "read"


def _log_in(scope: Scope, headers: Headers) -> Response:
    """Leads a person to the form, and tells a program what it needs."""
    is_page = scope["type"] == "http" and scope["method"] in SAFE and not scope["path"].startswith(API)
    if not is_page or not ("text/html" in headers.get("accept", "") or "hx-request" in headers):
        return refusal(scope, 401, "nobody is logged in; log in at /login, or send a token as Bearer", _CHALLENGE)
    if "hx-request" in headers:
        return Response(status_code=204, headers={"HX-Redirect": "/login"})
    query = scope["query_string"].decode("latin-1")
    asked = local(scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""))  # `//elsewhere` is no path
    if headers.get("sec-fetch-site") == "cross-site":  # a link elsewhere, to which a strict cookie was not sent
        return HTMLResponse(_AGAIN.format(escape(asked)))
    return RedirectResponse("/login?next=" + quote(asked, safe="/"), 303)


def local(address: str) -> str:
    """Where somebody goes who has logged in: a path of this page, ``/`` for anything else."""
    is_plain = address.isprintable() and "\\" not in address and " " not in address
    is_ours = address.startswith("/") and not address.startswith(("//", "/login", "/logout"))
    return address if is_plain and is_ours else "/"
