"""By which names the page may be asked for, which proxies are believed, and what every answer tells browsers."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from servers.asking import ask, behind_doors, run
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from face_classifier.core.config.parts.page import Web
from face_classifier.web.doors.doors import doors
from face_classifier.web.doors.hosts import host_of, names

HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$2q4DzrZEUrFFd9D7LZeJcA"
PROXY = "10.0.0.1"


def asked(web: Web, client: str = "127.0.0.1", **headers: str) -> httpx.Response:
    """The answer of a page that tells how it was asked."""

    async def tell(request: Request) -> JSONResponse:
        url = request.url
        return JSONResponse([request.client.host if request.client else None, f"{url.scheme}://{url.netloc}"])

    app = Starlette(routes=[Route("/healthz", tell)], middleware=doors(web))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(client, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
            return await one.get("/healthz", headers={name.replace("_", "-"): value for name, value in headers.items()})

    return run(ask())


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:8470", "[::1]:8470", "cctv.example", "CCTV.example:443", "house"]
)
def test_it_answers_to_its_own_names(host: str):
    assert asked(Web(listen="house:8470", hosts=("cctv.example",)), host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "", " ", "a@localhost", "localhost@evil", "localhost:x", "[::1",
     "192.0.2.1", "[::2]", "0.0.0.0", "localhost/", "localhost?", "localhost#x", "http://localhost"],
)  # fmt: skip
def test_another_name_that_leads_here_is_refused(host: str):
    answer = asked(Web(listen="0.0.0.0:8470", password=HASH), host=host)
    assert answer.status_code == 400
    assert "name it in web.hosts" in answer.text


def test_it_answers_to_the_address_at_which_it_is_reached(tmp_path: Path):
    with behind_doors(tmp_path / "result", listen="[::]:8470", password=HASH) as app:
        for server, host in (
            ("192.0.2.5", "192.0.2.5"),
            ("::ffff:192.0.2.5", "192.0.2.5"),
            ("fe80::1%eth0", "[fe80::1]"),
        ):
            assert ask(app, "/healthz", {"Host": f"{host}:8470"}, server=server).status == 200
        assert ask(app, "/healthz", {"Host": "192.0.2.6:8470"}, server="192.0.2.5").status == 400


def test_the_name_of_the_machine_counts_where_others_reach_the_page():
    name = socket.gethostname().lower()
    assert {name, f"{name.partition('.')[0]}.local"} <= names(Web(listen="0.0.0.0:8470", password=HASH))
    assert names(Web()) == {"localhost", "127.0.0.1", "::1"}


def test_a_proxy_is_known_by_ipv6_too():
    told = {"X_Forwarded_For": "198.51.100.7"}
    assert asked(Web(proxy=(PROXY,)), f"::ffff:{PROXY}", **told).json()[0] == "198.51.100.7"


def test_name_and_port_are_read_apart():
    assert host_of("Cctv.example") == ("cctv.example", None)
    assert host_of("[::1]:8470") == ("::1", 8470)
    assert host_of("a/b") == host_of("a b") == host_of("a:99999") == host_of("http://a") == (None, None)


def test_a_proxy_that_is_named_is_believed():
    told = {"X_Forwarded_For": "6.6.6.6, 192.0.2.7", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "cctv.example"}
    answer = asked(Web(proxy=(PROXY,), hosts=("cctv.example",)), PROXY, **told)
    assert answer.json() == ["192.0.2.7", "https://cctv.example"]


@pytest.mark.parametrize("client", ["127.0.0.1", "10.0.0.2"])
def test_nobody_else_is(client: str):
    told = {"X_Forwarded_For": PROXY, "X_Forwarded_Proto": "https", "X_Forwarded_Host": "cctv.example"}
    answer = asked(Web(proxy=(PROXY,), hosts=("cctv.example",), password=HASH), client, **told)
    assert answer.json() == [client, "http://localhost"]


def test_a_foreign_name_is_refused_through_a_proxy_too():
    assert asked(Web(proxy=(PROXY,)), PROXY, X_Forwarded_Host="localhost, evil.example").status_code == 400


@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_every_answer_tells_browsers_to_load_nothing_from_elsewhere_and_to_keep_nothing(host: str):
    headers = asked(Web(), host=host).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
