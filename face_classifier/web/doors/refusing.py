"""How a door says no: one sentence, to programs as a problem of RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

API = "/api/"


def refusal(scope: Scope, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that ends the connection, since nobody reads the body of what is refused.

    Parameters
    ----------
    scope: of the request or WebSocket.
    status: of HTTP.
    sentence: what is wrong, and what to do; it quotes no secret.
    headers: more of them, such as Retry-After.
    """
    more = {**(headers or {}), "Connection": "close"}
    if not str(scope["path"]).startswith(API):
        return PlainTextResponse(sentence[:1].upper() + sentence[1:] + ".\n", status, more)
    problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
    return JSONResponse(problem, status, more, "application/problem+json")
