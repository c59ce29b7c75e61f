"""Asks an application without a server: requests and WebSockets with any header, from any address."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from face_classifier.core.config.parts.page import Web
from face_classifier.core.config.settings import Settings
from face_classifier.curate.ask import CarriedOut
from face_classifier.daemon.status import GalleryStatus, Status, Times
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.site import Site

PASSWORD = "correct horse"
# argon2id of it at the least cost, so that tests are quick
HASH = "$argon2id$v=19$m=8,t=1,p=1$VlnAn1v+3xBBIQrwYf+zsQ$lLconTM2Q49zT2L8JgFqca+fFQHBrrb0KfIXY/LVEmE"
SECONDS = 10
_T = TypeVar("_T")
_NONE = Times(0, 0.0)
STATUS = Status(1, 1.0, GalleryStatus("result", 0.1, 0, 0, 0, 1, _NONE), (), (), _NONE, 1, ())


class Answer(NamedTuple):
    """What came back. Of a WebSocket that is accepted the status is 101."""

    status: int
    headers: Mapping[str, str]
    cookies: list[str]
    text: str


def ask(
    app: Any,
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
    client: str = "127.0.0.1",
    scheme: str = "http",
    server: str = "127.0.0.1",
) -> Answer:
    """Ask for ``path`` as it is, percent-encoded or not; a ``ws`` scheme opens a WebSocket."""
    given = {"host": "localhost:8470", **{name.lower(): value for name, value in (headers or {}).items()}}
    raw, _, query = path.partition("?")
    scope = {
        "type": "websocket" if scheme.startswith("ws") else "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": (server, 8470),
        "client": (client, 50_000),
        "scheme": scheme,
        "method": method,
        "root_path": "",
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }
    return run(_exchange(app, scope, body))


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """What a coroutine returns: in a thread of its own, since Playwright's loop runs in that of the tests."""
    before = set(threading.enumerate())
    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, asyncio.wait_for(work, SECONDS)).result()
    finally:
        for thread in set(threading.enumerate()) - before:  # of the pool, which end after the loop
            thread.join(SECONDS)


async def _exchange(app: Any, scope: dict[str, Any], body: bytes) -> Answer:
    kind, sent = scope["type"], []
    first = {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": body}
    coming: list[dict[str, Any]] = [first, {"type": f"{kind}.disconnect", "code": 1000}]
    done, gone = asyncio.Event(), False

    async def receive() -> dict[str, Any]:
        nonlocal gone
        if len(coming) == 1 and kind == "http":
            await done.wait()
        gone = kind == "websocket" and len(coming) == 1
        return coming.pop(0) if len(coming) > 1 else coming[0]

    async def send(message: dict[str, Any]) -> None:
        if gone:
            raise OSError("nobody is there any more")  # as a server does
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    await app(scope, receive, send)
    if sent[0]["type"] == "websocket.accept":
        return Answer(101, {}, [], "")
    if sent[0]["type"] == "websocket.close":
        return Answer(403, {}, [], "")
    pairs = [(name.decode().lower(), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    text = b"".join(message.get("body", b"") for message in sent[1:]).decode("utf-8", "replace")
    return Answer(sent[0]["status"], dict(pairs), [value for name, value in pairs if name == "set-cookie"], text)


class Door(NamedTuple):
    """A route of an application with values for what its path leaves open."""

    path: str
    method: str
    scheme: str

    def asked(self, app: Any, headers: Mapping[str, str] | None = None, **how: Any) -> Answer:
        return ask(app, self.path, headers, method=self.method, **{"scheme": self.scheme, **how})


def doors_of(app: Any, values: Mapping[str, str] | None = None) -> list[Door]:
    """Every route and method of an application; ``values`` by name for what paths leave open, else 1."""
    return list(_doors(app.routes, lambda route: route.path, values or {}))


def _doors(routes: list[BaseRoute], path_of: Callable[[Any], str], values: Mapping[str, str]) -> Iterator[Door]:
    for route in routes:
        if context := getattr(route, "include_context", None):  # FastAPI's, since it includes routers as they are
            yield from _doors(route.original_router.routes, context.path_for, values)  # type: ignore[attr-defined]
            continue
        assert isinstance(route, Route | WebSocketRoute | Mount), f"a kind of route that tests know nothing of: {route}"
        path = re.sub(r"\{(\w+)[^}]*\}", lambda found: values.get(found[1], "1"), path_of(route))
        if isinstance(route, WebSocketRoute):
            yield Door(path, "GET", "ws")
        elif isinstance(route, Mount):
            yield Door(f"{path}/icon.svg", "GET", "http")
        else:
            yield from (Door(path, method, "http") for method in sorted(route.methods or ("GET",)))


@contextmanager
def behind_doors(folder: Path, **web: Any) -> Iterator[Any]:
    """The page of a result folder, which need not be there; a command that is carried out fails the test."""

    def nobody(command: str, _arguments: dict[str, Any]) -> CarriedOut:
        raise AssertionError(f"{command} was carried out")

    settings = Settings(result=str(folder)).but(web=Web(**web))
    with Reader(folder) as reader:
        yield make_app(Site(lambda: settings, nobody, reader, lambda: STATUS))
