"""Web servers on this machine, good and bad, and events to tell them."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from face_classifier.events.event import Event


def event(id: str = "7:person", kind: str = "person", camera: str = "door", **fields: Any) -> Event:
    """Something that has just happened."""
    fields = {"person": "Anna", "named": True, "text": f"Anna at {camera}"} | fields if kind == "person" else fields
    return Event(id, kind, datetime.now(timezone.utc), time.monotonic(), camera, **fields)


@dataclass
class Asked:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int  # that was answered
    time: float  # seconds since 1970

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Hook:
    """A web server that answers requests as it is told."""

    port: int
    asked: list[Asked] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # the next ones; then 200
    pause: float = 0.0  # seconds before each answer
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/secret-path"

    def ids(self) -> list[str]:
        return [one.json["id"] for one in self.asked]


@contextmanager
def hook(port: int = 0) -> Iterator[Hook]:
    """A web server; 0: on any free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = it.answers.pop(0) if it.answers else (200, {})
            lower = {name.lower(): value for name, value in self.headers.items()}
            it.asked.append(Asked(self.path, lower, body, status, time.time()))
            it.over.wait(it.pause)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_: object) -> None:
            """Whoever asked has gone."""

    server = Server(("127.0.0.1", port), Handler)
    it = Hook(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield it
    finally:
        it.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a server that accepts, and is silent."""
    with ExitStack() as lines, socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                try:
                    lines.enter_context(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/hook"
        finally:
            over.set()
            thread.join()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(is_so: Callable[[], object], seconds: float = 10.0) -> None:
    """Fails where it is not so in time."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)
