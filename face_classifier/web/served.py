"""Serves an application in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from face_classifier.core.errors import UserError

_PATIENCE = 1.0  # seconds for requests that are being answered at the end
_MOST = 32  # requests at a time
_MOST_SAID = 65_536  # bytes that a tab may say at a time


@contextmanager
def served(app: Any, host: str, port: int) -> Iterator[int]:
    """Within, an ASGI application is served; gives its port.

    Parameters
    ----------
    app: the application.
    host: name or address of this machine.
    port: 0 = any that is free.

    Raises
    ------
    UserError: it cannot be served there, as if another program has that port.
    """
    with _listening(host, port) as listener:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=_MOST,
            timeout_graceful_shutdown=1,
            ws_per_message_deflate=False,  # most of what it sends are pictures, which cannot be packed any more
            ws_max_size=_MOST_SAID,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), name="page", daemon=True
        )
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(_PATIENCE + 1)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except BaseException:
            listener.close()
            raise
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"the page cannot be served at {host}:{port} ({reason}); give web.listen another port, or off for no page"
        ) from error
    return listener
