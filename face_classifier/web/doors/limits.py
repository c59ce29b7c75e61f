"""How large what is sent may be, and how slowly it may come: told before it is read, where its length is told."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from face_classifier.web.doors.refusing import refusal

MOST = 1_000_000  # bytes of what is no file: 100,000 numbers of faces
MOST_OF_FILES = 64_000_000  # bytes of a picture that is uploaded, with its form: one of a raw format
_MOST_AT = {"/login": 4_000}  # where anybody may send
_PATIENCE, _RATE = 10.0, 20_000  # seconds until the first bytes; bytes a second at least, on average
_CLOSE = {"Connection": "close"}
_HEAD = 16_000  # bytes of a request's head, as far as it came at once
_FILES = ("multipart/form-data", "image/", "application/octet-stream")


class Limits:
    """Refuses bodies that are too large, and ends those that are too slow."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > _HEAD:
            await refusal(scope, 431, f"the head of the request is too large; send at most {_HEAD:,} bytes")(
                scope, receive, send
            )
            return
        most, told = most_of(scope["path"], headers.get("content-type", "")), headers.get("content-length", "0")
        if not (told.isascii() and told.isdecimal() and len(told) < 16) or int(told) > most:
            await refusal(scope, 413, _too_large(most))(scope, receive, send)
            return
        body = _Body(receive, most)
        with suppress(ClientDisconnect, WebSocketDisconnect):  # who has left waits for no answer
            await self._app(scope, body.receive if scope["type"] == "http" else receive, send)


class _Body:
    """What comes of one request, counted and timed until it is whole."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._begun, self._count, self._is_coming = time.monotonic(), 0, True

    async def receive(self) -> Message:
        """The next part. Raises HTTPException, which an application answers."""
        if not self._is_coming:
            return await self._receive()
        left = self._begun + _PATIENCE + self._count / _RATE - time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, left))
        except asyncio.TimeoutError:
            raise HTTPException(408, "the request came too slowly; send it again", _CLOSE) from None
        self._count += len(message.get("body", b""))
        self._is_coming = bool(message.get("more_body"))
        if self._count > self._most:
            raise HTTPException(413, _too_large(self._most), _CLOSE)
        return message


def most_of(path: str, kind: str) -> int:
    """How many bytes may be sent to a path, of a media type."""
    if path in _MOST_AT:
        return _MOST_AT[path]
    return MOST_OF_FILES if kind.lower().startswith(_FILES) else MOST


def _too_large(most: int) -> str:
    return f"the request is too large; send at most {most:,} bytes"
