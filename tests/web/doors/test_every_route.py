"""Every route of the page, those to come too, is asked without a login, by foreign pages, and for what is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.asking import HASH, Door, ask, behind_doors, doors_of

OPEN = {"/login", "/logout", "/healthz", "/static/icon.svg"}
SAFE = ("GET", "HEAD")


@pytest.fixture
def open_app(tmp_path: Path) -> Iterator[Any]:
    with behind_doors(tmp_path / "result") as app:
        yield app


@pytest.fixture
def locked_app(tmp_path: Path) -> Iterator[Any]:
    with behind_doors(tmp_path / "result", listen="0.0.0.0:8470", password=HASH) as app:
        yield app


def refused(doors: list[Door], statuses: tuple[int, ...], app: Any, headers: dict[str, str], **how: Any) -> None:
    """Each of the doors says no, and nothing else."""
    assert doors
    wrong = [
        (door, answer.status) for door in doors if (answer := door.asked(app, headers, **how)).status not in statuses
    ]
    assert not wrong


def test_there_are_routes_of_every_kind(open_app: Any):
    paths = {door.path for door in doors_of(open_app)}
    assert {"/", "/healthz", "/readyz", "/metrics", "/login", "/api/v1/openapi.json"} <= paths


def test_nothing_is_told_and_nothing_is_done_without_a_login(locked_app: Any):
    closed = [door for door in doors_of(locked_app) if door.path not in OPEN]
    refused(closed, (401,), locked_app, {}, client="192.0.2.7")
    refused(closed, (401, 403), locked_app, {"Cookie": "face-classifier=forged"})  # 403: a write that tells no origin
    refused(closed, (401,), locked_app, {"Authorization": "Bearer forged"})


def test_a_browser_without_a_login_is_led_to_the_form(locked_app: Any):
    for door in doors_of(locked_app):
        if door.path not in OPEN and door.method == "GET" and door.scheme == "http":
            answer = door.asked(locked_app, {"Accept": "text/html"})
            assert (answer.status, answer.headers.get("location")) in (
                (303, f"/login?next={door.path}"),
                (401, None),
            )
            assert (answer.status == 401) == door.path.startswith("/api/")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8470", "127.0.0.1.evil.example", "", "192.0.2.7"])
def test_no_route_answers_to_a_foreign_name(open_app: Any, host: str):
    refused(doors_of(open_app), (400,), open_app, {"Host": host})


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost", "http://localhost:3000", "https://localhost:8470",
     "http://127.0.0.1:8470", "http://evil.example@localhost:8470", "http://localhost:8470.evil.example", "",
     "http://localhost:8470, https://evil.example", "file://"],
)  # fmt: skip
def test_no_page_of_another_origin_writes_or_listens(open_app: Any, origin: str):
    writes = [door for door in doors_of(open_app) if door.method not in SAFE or door.scheme == "ws"]
    refused(writes, (403,), open_app, {"Origin": origin})
    refused(writes, (403,), open_app, {"Origin": origin, "Sec-Fetch-Site": "same-origin"})


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_no_other_site_embeds_fetches_or_writes_anything(open_app: Any, site: str):
    refused(doors_of(open_app), (403,), open_app, {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"})
    framed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    refused(doors_of(open_app), (403,), open_app, framed)
    linked = {**framed, "Sec-Fetch-Dest": "document"}
    writes = [door for door in doors_of(open_app) if door.method not in SAFE or door.scheme == "ws"]
    refused(writes, (403,), open_app, linked)
    assert ask(open_app, "/", linked).status == 200, "a link may lead here"


def test_the_page_itself_may(open_app: Any):
    for origin in ("http://localhost:8470", "http://LOCALHOST:8470"):
        answer = ask(open_app, "/logout", {"Origin": origin, "Sec-Fetch-Site": "same-origin"}, method="POST")
        assert answer.status == 303
    assert ask(open_app, "/logout", method="POST").status == 303, "a program that is no browser"
    answer = ask(open_app, "/logout", {"Host": "localhost", "Origin": "http://localhost:80"}, method="POST")
    assert answer.status == 303


def test_a_cookie_without_an_origin_writes_nothing(open_app: Any):
    writes = [door for door in doors_of(open_app) if door.method not in SAFE or door.scheme == "ws"]
    refused(writes, (403,), open_app, {"Cookie": "a=b; face-classifier=x"})


def test_every_answer_has_the_headers_that_keep_others_out(locked_app: Any, open_app: Any):
    for app in (locked_app, open_app):
        for door in doors_of(app):
            if door.scheme == "http":
                headers = door.asked(app, {"Origin": "https://evil.example"} if door.method not in SAFE else {}).headers
                assert headers["content-security-policy"].startswith("default-src 'self';"), door
                assert headers["x-content-type-options"] == "nosniff", door
                assert "cache-control" in headers, door


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO"])
def test_no_other_site_learns_by_an_odd_method_what_it_may(open_app: Any, method: str):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = ask(open_app, "/api/v1/people", headers, method=method)
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/..%2fapp.py",
     "/static/%2e%2e/app.py", "/static/%2e%2e%2fapp.py", "/static//etc/passwd",
     "/static/..%5capp.py", "/static/%00", "/static/....//app.py", "/static/%252e%252e/app.py", "/static/icon.svg/..",
     "/static/" + "a/../" * 20 + "../app.py", "/static/\udce9".encode("utf-8", "surrogateescape").decode("latin-1")],
)  # fmt: skip
def test_what_lies_beside_the_static_files_stays_there(open_app: Any, path: str):
    answer = ask(open_app, path.encode("ascii", "replace").decode())
    assert answer.status in (400, 404, 405)
    assert "def make_app" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("path", ["/login/../readyz", "/static/../readyz", "/healthz/../readyz", "/LOGIN", "//login",
                                  "/login/", "/healthz/", "/static", "/%2flogin",
                                  "/readyz?/login", "/login;/../readyz"])  # fmt: skip
def test_what_only_looks_like_an_open_door_is_locked(locked_app: Any, path: str):
    answer = ask(locked_app, path)
    assert answer.status in (401, 404, 307)
    assert "cameras" not in answer.text
