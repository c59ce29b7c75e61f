"""The connections of the page's server: how many there may be, of whom, and how long each may do nothing.

uvicorn has no time limit for what a client sends or reads, and counts idle connections as requests, so that 32 of them
made it refuse everybody. Here a stranger's connection gives way when there are too many, and the owner's does not.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from face_classifier.web.doors.hosts import household

MOST, EACH = 256, 64  # connections, of all and of one household; a proxy that is trusted may have them all
PATIENCE = 20.0  # seconds: until the head of a request is whole, and for reading what is sent


class Line:
    """A connection. ``known``: somebody who may asked by it."""

    def __init__(self, end: socket.socket, household: str, now: Callable[[], float]) -> None:
        self.household, self.known = household, False
        self._end, self._now = end, now
        self.number = end.fileno()
        self.since = now()  # when it became busy or idle
        self.is_busy = False  # a request is being answered, or it is a WebSocket
        self._unread: float | None = None  # since when much of what was sent has not been read

    @property
    def is_open(self) -> bool:
        return self._end.fileno() >= 0

    def tell(self, *, is_busy: bool) -> None:
        """What it does from now on."""
        if is_busy != self.is_busy:
            self.is_busy, self.since = is_busy, self._now()

    def tell_reading(self, *, is_read: bool) -> None:
        """Whether what is sent is read."""
        self._unread = None if is_read else self._now()

    @property
    def stands_still(self) -> bool:
        """Whether it has done nothing for too long."""
        latest = self._now() - PATIENCE
        return (not self.is_busy and self.since < latest) or (self._unread is not None and self._unread < latest)

    def close(self) -> None:
        """Whoever reads or writes there learns of it."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)


class Connections:
    """All of one server, which only its thread uses."""

    def __init__(self, proxies: Sequence[str] = (), now: Callable[[], float] = time.monotonic) -> None:
        self._proxies = [ipaddress.ip_network(proxy) for proxy in proxies]
        self._now = now
        self._lines: dict[int, Line] = {}

    def admit(self, end: socket.socket, address: str) -> bool:
        """Whether a new connection may stay; if there are too many, one that matters less gives way first."""
        self._forget_closed()
        line = Line(end, household(address), self._now)
        own = [other for other in self._lines.values() if other.household == line.household]
        if len(own) >= EACH and not self._is_proxy(line.household) and not self._close_one(own):
            return False
        if len(self._lines) >= MOST and not self._close_one(self._lines.values()):
            return False
        self._lines[line.number] = line
        return True

    def of(self, number: int) -> Line | None:
        """The connection of a file descriptor."""
        return self._lines.get(number)

    def sweep(self) -> None:
        """Close those that have done nothing for too long; to be called every second or so."""
        self._forget_closed()
        for line in self._lines.values():
            if line.stands_still:
                line.close()

    def close_all(self) -> None:
        for line in self._lines.values():
            line.close()

    def __len__(self) -> int:
        self._forget_closed()
        return len(self._lines)

    def _close_one(self, among: Any) -> bool:
        """Close the oldest idle one, or a stranger's, of who has most; never one by which the owner is answered."""
        count = Counter(line.household for line in self._lines.values())
        free = [line for line in among if not (line.known and line.is_busy)]
        if not free:
            return False
        worst = min(free, key=lambda line: (line.known, line.is_busy, -count[line.household], line.since))
        worst.close()
        del self._lines[worst.number]
        return True

    def _forget_closed(self) -> None:
        for number in [number for number, line in self._lines.items() if not line.is_open]:
            del self._lines[number]

    def _is_proxy(self, address: str) -> bool:
        with suppress(ValueError):
            return any(ipaddress.ip_address(address) in network for network in self._proxies)
        return False


class Listener(socket.socket):
    """A listening socket that hands out only connections that may stay."""

    connections: Connections

    def accept(self) -> tuple[socket.socket, Any]:
        while True:
            end, address = super().accept()
            if self.connections.admit(end, str(address[0])):
                return end, address
            end.close()


class Protocol(H11Protocol):
    """uvicorn's own, which tells `Connections` what it does. ``state.line`` of a request is its `Line`."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._all, self._line = connections, None  # type: Connections, Line | None
        self._is_handed_over = False  # it is a WebSocket from now on

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._line = self._all.of(transport.get_extra_info("socket").fileno())
        self.app_state = {**self.app_state, "line": self._line}

    def handle_events(self) -> None:
        super().handle_events()
        self._tell(is_busy=self._is_handed_over or (self.cycle is not None and not self.cycle.response_complete))

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._tell(is_busy=not self.cycle.response_complete)  # another request may have been waiting

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._is_handed_over = True
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._line:
            self._line.tell_reading(is_read=False)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._line:
            self._line.tell_reading(is_read=True)

    def _tell(self, *, is_busy: bool) -> None:
        if self._line:
            self._line.tell(is_busy=is_busy)


class SocketProtocol(WebSocketsSansIOProtocol):
    """The same of a WebSocket, which is busy until it ends."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._line: Line | None = self.app_state.get("line")

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # else uvicorn 0.54 logs an error (its pull request 3138)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._line:
            self._line.tell_reading(is_read=False)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._line:
            self._line.tell_reading(is_read=True)
