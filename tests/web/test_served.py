"""The server, attacked by clients that are slow, silent, many, or send too much: the owner is served meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import websockets.sync.client
from servers.asking import HASH, PASSWORD, behind_doors
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from face_classifier.core.config.parts.page import Web
from face_classifier.web import connections
from face_classifier.web.connections import EACH, MOST
from face_classifier.web.doors import limits
from face_classifier.web.doors.doors import doors
from face_classifier.web.served import served

SECONDS = 10  # for anything here, which fails then
PATIENCE = 1.0  # seconds, in these tests


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PATIENCE", PATIENCE)
    monkeypatch.setattr(limits, "_PATIENCE", PATIENCE)


class House:
    """A page with what floods, what waits and what is talked to."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.received: list[int] = []
        self.port = 0

    def app(self, web: Web) -> Starlette:
        routes = [
            Route("/healthz", self.health),
            Route("/flood", self.flood),
            Route("/api/upload", self.upload, methods=["POST"]),
            WebSocketRoute("/api/v1/ws", self.talk),
        ]
        return Starlette(routes=routes, middleware=doors(web))

    async def health(self, _request: Request) -> PlainTextResponse:
        return PlainTextResponse("well")

    async def flood(self, _request: Request) -> StreamingResponse:
        async def more() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 100_000
                    await asyncio.sleep(0)
            finally:
                self.ended.set()

        return StreamingResponse(more())

    async def upload(self, request: Request) -> PlainTextResponse:
        count = 0
        async for part in request.stream():
            count += len(part)
            self.received.append(count)
        return PlainTextResponse(str(count))

    async def talk(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            async for text in socket.iter_text():
                for _ in range(1 if text == "hello" else 10**9):
                    await socket.send_bytes(b"x" * (10 if text == "hello" else 100_000))
        finally:
            self.ended.set()

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SECONDS, (address, 0))

    def health_in(self) -> float:
        """Seconds until it says that it is well, over a new connection."""
        begun = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
        return time.monotonic() - begun


@pytest.fixture
def house() -> Iterator[House]:
    one = House()
    with served(one.app(Web()), "127.0.0.1", 0) as one.port:
        yield one


def closed_in(end: socket.socket, meanwhile: Callable[[], object] = lambda: None) -> float:
    """Seconds until the server closes a connection, whatever it sends first."""
    begun = time.monotonic()
    end.settimeout(0.1)
    while time.monotonic() - begun < SECONDS:
        try:
            meanwhile()
            if not end.recv(65_536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        pytest.fail("the connection was not closed")
    return time.monotonic() - begun


HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def test_a_head_that_never_ends_is_ended(house: House):
    with house.connect() as end:
        end.sendall(HEAD)
        assert PATIENCE * 0.8 < closed_in(end, lambda: end.sendall(b"A: b\r\n")) < PATIENCE + 2
    with house.connect() as end:
        end.sendall(HEAD + b"\r\n")
        assert end.recv(1000).startswith(b"HTTP/1.1 200")
        assert closed_in(end, lambda: end.sendall(b"\r\n")) < PATIENCE + 2


def test_a_connection_that_says_nothing_is_closed(house: House):
    with house.connect() as end:
        assert PATIENCE * 0.8 < closed_in(end) < PATIENCE + 2


def test_a_reader_that_does_not_read_is_left(house: House):
    with house.connect() as end:
        end.sendall(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert house.ended.wait(SECONDS), "what floods it goes on"
    assert house.health_in() < 1


def test_a_reader_that_reads_slowly_is_served(house: House):
    with house.connect() as end:
        end.sendall(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until = time.monotonic() + 2.5 * PATIENCE
        while time.monotonic() < until:
            assert end.recv(2_000_000)
            time.sleep(0.05)
        assert not house.ended.is_set()


def post(length: str, kind: str = "application/json") -> bytes:
    return f"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{length}\r\n\r\n".encode()


def test_a_body_that_drips_is_ended(house: House):
    with house.connect() as end:
        end.sendall(post("Content-Length: 1000"))
        begun, answer = time.monotonic(), b""
        end.settimeout(0.1)
        while b"\r\n\r\n" not in answer and time.monotonic() - begun < SECONDS:
            with contextlib.suppress(TimeoutError):
                answer += end.recv(1000)
            with contextlib.suppress(OSError):
                end.send(b"x")
        assert answer.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - begun < PATIENCE + 5


@pytest.mark.parametrize(
    ("length", "kind"),
    [
        (f"Content-Length: {limits.MOST + 1}", "application/json"),
        (f"Content-Length: {limits.MOST_OF_FILES + 1}", "multipart/form-data; boundary=a"),
        ("Content-Length: 99999999999999999999", "image/jpeg"),
    ],
)
def test_a_body_that_is_too_large_is_refused_before_it_comes(house: House, length: str, kind: str):
    with house.connect() as end:
        end.sendall(post(length, kind))
        assert end.recv(1000).startswith(b"HTTP/1.1 4")
        assert closed_in(end) < 1
    assert not house.received


def test_a_body_of_unknown_length_is_counted(house: House):
    with house.connect() as end:
        end.sendall(post("Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        with contextlib.suppress(OSError):
            for _ in range(200):
                end.sendall(chunk)
        answer = b""
        with contextlib.suppress(OSError):
            answer = end.recv(1000)
        assert not answer or answer.startswith(b"HTTP/1.1 413")
    assert house.received[-1] <= limits.MOST
    assert house.health_in() < 1


def test_a_large_picture_comes_in(house: House):
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request("POST", "/api/upload", b"x" * 20_000_000, {"Content-Type": "image/jpeg"})
        assert connection.getresponse().read() == b"20000000"


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        HEAD + b"A: " + b"b" * 70_000 + b"\r\n\r\n",
        HEAD + b"A: b\r\n" * 10_000 + b"\r\n",
        b"A" * 100_000,
        b"GET " + b"/a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=range(9),
)
def test_what_is_no_request_ends_its_connection_alone(house: House, junk: bytes, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING), house.connect() as end:
        with contextlib.suppress(OSError):
            end.sendall(junk)
        end.settimeout(SECONDS)
        with contextlib.suppress(OSError):
            assert end.recv(1000)[:10] in (b"HTTP/1.1 4", b"")
        assert house.health_in() < 1
    assert not caplog.records


def test_silent_connections_lock_nobody_out(house: House):
    with contextlib.ExitStack() as many:
        ends = [many.enter_context(house.connect()) for _ in range(300)]
        for number, end in enumerate(ends):
            with contextlib.suppress(OSError):
                end.sendall(HEAD if number % 2 else b"G")
        assert max(house.health_in() for _ in range(5)) < SECONDS / 2


def test_one_household_has_a_share_of_all_connections():
    those = connections.Connections()
    with contextlib.ExitStack() as many:

        def arrive(address: str) -> connections.Line | None:
            end = many.enter_context(socket.socket())
            return those.of(end.fileno()) if those.admit(end, address) else None

        owner = arrive("192.0.2.7")
        assert owner
        owner.known = True
        owner.tell(is_busy=True)
        own = [arrive(f"2001:db8::{number:x}") for number in range(2 * EACH)]
        assert sum(line is not None and those.of(line.number) is line for line in own) == EACH
        for number in range(3 * MOST):
            line = arrive(f"10.0.{number % 250}.{number // 250}")
            assert line, "a newcomer always gets in"
            line.tell(is_busy=True)
            assert len(those._lines) <= MOST
        assert those.of(owner.number) is owner, "whoever is known and served gives way to nobody"


def test_a_proxy_that_is_trusted_may_have_all_connections():
    those = connections.Connections(["10.0.0.1"])
    with contextlib.ExitStack() as many:
        for _ in range(2 * EACH):
            assert those.admit(many.enter_context(socket.socket()), "10.0.0.1")
        assert len(those) == 2 * EACH


def test_who_holds_all_connections_busy_does_not_lock_the_owner_out(tmp_path: Path):
    slow = (
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    house = House()
    with (
        behind_doors(tmp_path / "result", password=HASH) as app,
        served(app, "127.0.0.1", 0) as house.port,
        contextlib.ExitStack() as many,
    ):
        for number in range(MOST + 10):
            end = many.enter_context(house.connect(f"127.0.0.{2 + number // (EACH - 1)}"))
            end.sendall(slow)
        house.health_in()  # by then all have come
        assert house.health_in() < 1
        connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=SECONDS)
        with contextlib.closing(connection):
            form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{house.port}"}
            connection.request("POST", "/login", f"password={PASSWORD.replace(' ', '+')}", form)
            assert connection.getresponse().status == 303


def sockets_to(house: House, **options: Any) -> Any:
    return websockets.sync.client.connect(
        f"ws://127.0.0.1:{house.port}/api/v1/ws", open_timeout=SECONDS, close_timeout=1, **options
    )


def test_a_socket_is_for_pages_of_our_own(house: House):
    with sockets_to(house, origin=f"http://127.0.0.1:{house.port}") as own:
        own.send("hello")
        assert own.recv(SECONDS) == b"x" * 10
    for origin in ("https://evil.example", f"http://localhost:{house.port}", "null"):
        with pytest.raises(InvalidStatus) as refused:
            sockets_to(house, origin=origin)
        assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        sockets_to(house, additional_headers={"Host": "evil.example"})
    assert refused.value.response.status_code == 400


def test_a_socket_stays_on_which_nobody_says_anything(house: House):
    with sockets_to(house, ping_interval=None) as own:
        with pytest.raises(TimeoutError):
            own.recv(3 * PATIENCE)
        own.send("hello")
        assert own.recv(SECONDS) == b"x" * 10


def test_a_message_that_is_too_large_ends_a_socket(house: House):
    with sockets_to(house) as own, contextlib.suppress(ConnectionClosed):
        own.send("x" * 100_000)
        own.recv(SECONDS)
        pytest.fail("it was taken")
    assert house.health_in() < 1


def test_a_socket_that_is_not_read_is_left(house: House):
    with sockets_to(house, max_queue=1) as own:
        own.send("flood")
        assert house.ended.wait(SECONDS), "what floods it goes on"
    assert house.health_in() < 1


def test_it_ends_soon_whatever_goes_on(caplog: pytest.LogCaptureFixture):
    house = House()
    with contextlib.ExitStack() as many:
        with served(house.app(Web()), "127.0.0.1", 0) as house.port:
            socket_ = many.enter_context(sockets_to(house))
            socket_.send("hello")
            flooded = many.enter_context(house.connect())
            flooded.sendall(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert flooded.recv(1000)
            dripping = many.enter_context(house.connect())
            dripping.sendall(post("Content-Length: 1000"))
            begun = time.monotonic()
        assert time.monotonic() - begun < 8
        assert not [thread for thread in threading.enumerate() if thread.name == "page"]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[House, ssl.SSLContext]]:
    house, authority = House(), trustme.CA()
    identity = authority.issue_cert("localhost", "127.0.0.1")
    web = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    identity.cert_chain_pems[0].write_to_path(web["cert"])
    identity.private_key_pem.write_to_path(web["key"])
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with (
        behind_doors(tmp_path / "result", password=HASH, **web) as app,
        served(app, "127.0.0.1", 0, Web(**web)) as house.port,
    ):
        yield house, context


def asked_securely(secure: tuple[House, ssl.SSLContext], path: str, method: str = "GET", body: str = "") -> Any:
    house, context = secure
    connection = http.client.HTTPSConnection("127.0.0.1", house.port, timeout=SECONDS, context=context)
    with contextlib.closing(connection):
        headers = {"Origin": f"https://127.0.0.1:{house.port}", "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer


def test_over_tls_the_cookie_stays_there(secure: tuple[House, ssl.SSLContext]):
    answer = asked_securely(secure, "/login", "POST", f"password={PASSWORD.replace(' ', '+')}")
    assert answer.status == 303
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_handshake_that_never_ends_is_ended(secure: tuple[House, ssl.SSLContext]):
    house, _ = secure
    with contextlib.ExitStack() as many:
        ends = [many.enter_context(house.connect()) for _ in range(100)]
        for end in ends[:50]:
            end.sendall(b"\x16\x03\x01\x02\x00")
        begun = time.monotonic()
        assert asked_securely(secure, "/healthz").status == 200
        assert time.monotonic() - begun < 5
        assert closed_in(ends[-1]) < PATIENCE + 5
        plain = many.enter_context(house.connect())
        plain.sendall(HEAD + b"\r\n")
        assert closed_in(plain) < PATIENCE + 2
    assert json.dumps(asked_securely(secure, "/healthz").status) == "200"
