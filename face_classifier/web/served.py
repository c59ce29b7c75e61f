"""Serves an application in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import uvicorn

from face_classifier.core.config.parts.page import Web
from face_classifier.core.errors import UserError
from face_classifier.web.connections import Connections, Listener, Protocol, SocketProtocol

_PATIENCE = 1.0  # seconds for requests that are being answered at the end
_HEAD = 16_384  # bytes of a request's head
_BACKLOG = 1024  # connections that wait to be taken; the system drops others, which try again a second later
_MESSAGE = 65_536  # bytes of a WebSocket's message to us


@contextmanager
def served(app: Any, host: str, port: int, web: Web | None = None) -> Iterator[int]:
    """Within, an ASGI application is served; gives its port.

    Parameters
    ----------
    app: the application.
    host: name or address of this machine.
    port: 0 = any that is free.
    web: tells the certificate and its key, and which proxies may have many connections; None = there are none.

    Raises
    ------
    UserError: it cannot be served there, as if another program has that port.
    """
    web = web or Web()
    connections = Connections(web.proxy)
    with _listening(host, port, connections) as listener:
        server = _Server(_config(app, web, connections), connections)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), name="page", daemon=True
        )
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(_PATIENCE + 1)


def _config(app: Any, web: Web, connections: Connections) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",  # what strangers send wrongly is no line of our log, and at debug it has their headers
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the doors know which proxies are trusted
        lifespan="auto",
        timeout_graceful_shutdown=1,
        http=partial(Protocol, connections),  # type: ignore[arg-type]  # what makes a protocol is called alone
        h11_max_incomplete_event_size=_HEAD,
        ws=SocketProtocol,
        ws_max_size=_MESSAGE,
        ws_per_message_deflate=False,  # pictures are compressed already
        ssl_certfile=web.cert,
        ssl_keyfile=web.key,
    )
    try:
        config.load()
    except OSError as error:
        raise UserError(
            f"the page cannot be served with the certificate {web.cert} and the key {web.key} ({error}); name others"
        ) from error
    return config


class _Server(uvicorn.Server):
    """uvicorn's own, which closes connections that stand still, and at the end all."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # every second
            self._connections.sweep()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """What is being answered has half of the time; then streams end, too."""
        asyncio.get_running_loop().call_later(_PATIENCE / 2, self._connections.close_all)
        await super().shutdown(sockets)


def _listening(host: str, port: int, connections: Connections) -> Listener:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = Listener(family, kind, proto)
        listener.connections = connections
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"the page cannot be served at {host}:{port} ({reason}); give web.listen another port, or off for no page"
        ) from error
    return listener
