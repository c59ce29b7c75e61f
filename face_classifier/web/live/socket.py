"""``/api/v1/ws``: one socket a tab, on which it is told what happens, and shown what cameras see."""

from __future__ import annotations

import asyncio
import json
import struct
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from face_classifier.web.asked import live_of
from face_classifier.web.live.live import Live
from face_classifier.web.live.tiles import Size, Tile, Viewer

router = APIRouter()

_BEAT = 5.0  # seconds of silence after which a tab is told that all is well
_MOST_CAMERAS = 64
_POLICY_VIOLATION = 1008


class _Look(BaseModel):
    """What a tab says: at which cameras it looks from now on. None while it is hidden."""

    model_config = ConfigDict(extra="forbid")

    look: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=_MOST_CAMERAS)]
    size: Size = "small"


@router.websocket("/api/v1/ws")
async def live(socket: WebSocket, since: Annotated[int | None, Query(ge=0)] = None) -> None:
    """Tell a tab what happens, as long as it is open.

    Text messages are JSON with ``type`` and ``seq``: ``hello`` (how everything is) comes first, then events after
    ``since``, or ``resync`` where some of those are forgotten: the page is to be fetched anew. ``beat`` says that all
    is well. Binary messages are pictures: two bytes with the length of a header (big-endian), the header (JSON:
    camera, age in seconds, size), a JPEG.
    """
    await socket.accept()
    line = live_of(socket)
    woken, loop = asyncio.Event(), asyncio.get_running_loop()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(woken.set)

    with line.tab(wake) as viewer:
        listening = asyncio.create_task(_listen(socket, viewer))
        sending = asyncio.create_task(_send(socket, line, viewer, woken, since))
        try:
            await asyncio.wait((listening, sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, sending):
                task.cancel()
            await asyncio.gather(listening, sending, return_exceptions=True)


async def _listen(socket: WebSocket, viewer: Viewer | None) -> None:
    """Take in what a tab says until it is gone; one that talks nonsense has to go."""
    try:
        while True:
            said = _Look.model_validate_json(await socket.receive_text())
            if viewer:
                viewer.want([(camera, said.size) for camera in said.look])
    except (ValidationError, KeyError):  # KeyError: bytes
        await socket.close(_POLICY_VIOLATION)
    except WebSocketDisconnect:
        pass


async def _send(socket: WebSocket, line: Live, viewer: Viewer | None, woken: asyncio.Event, since: int | None) -> None:
    """Tell a tab what is new, as fast as it takes it; of pictures only the newest."""
    hello = line.hello()
    await _tell(socket, hello)
    seq = int(hello["seq"]) if since is None else since
    try:
        while True:
            if not socket.state.still_may():
                await socket.close(_POLICY_VIOLATION)
                return
            woken.clear()
            told = line.hub.after(seq)
            if told is None:
                seq = line.hub.seq
                await _tell(socket, {"type": "resync", "seq": seq})
            for event in told or ():
                await _tell(socket, event.record)
                seq = event.seq
            if viewer and (tile := viewer.next()):
                await socket.send_bytes(_packed(tile))
                continue
            if not await happens(woken, _BEAT):
                await _tell(socket, {"type": "beat", "seq": seq})
    except (WebSocketDisconnect, RuntimeError):  # it is gone, or being closed
        pass


async def happens(event: asyncio.Event, seconds: float) -> bool:
    """Whether an event came within so many seconds.

    `asyncio.wait_for` would lose a cancellation at the moment of the event, before Python 3.12.
    """
    loop = asyncio.get_running_loop()
    end = loop.call_later(seconds, event.set)
    try:
        await event.wait()
    finally:
        end.cancel()
    return loop.time() < end.when()


async def _tell(socket: WebSocket, what: dict[str, Any]) -> None:
    await socket.send_text(json.dumps(what, ensure_ascii=False, separators=(",", ":")))


def _packed(tile: Tile) -> bytes:
    header = json.dumps({"camera": tile.camera, "age": round(tile.age, 2), "size": tile.size}).encode()
    return struct.pack(">H", len(header)) + header + tile.jpeg
