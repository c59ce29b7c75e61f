"""Alerts to a web server: what it gets, how that is signed, and where it is never sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme
from alerts.receivers import Asked, black_hole, closed_port, event, hook, wait_until
from conftest import need_tool

from face_classifier.alerts.channels import webhook
from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.alerts.channels.webhook import Webhook
from face_classifier.core.errors import UserError

KEY = base64.b64encode(bytes(range(24))).decode()


def alert(picture: bytes | None = None, **fields: object) -> Alert:
    return Alert("7:person", event(**fields), "family", picture)


def send(url: str, one: Alert | None = None, key: str | None = None, *, private: bool = True) -> None:
    Webhook(url, key, private=private).send(one or alert())


def is_signed(asked: Asked, key: bytes, now: float | None = None) -> bool:
    """What a receiver checks, written from the page of Standard Webhooks and by openssl rather than by our code."""
    stamp = asked.headers["webhook-timestamp"]
    if abs((time.time() if now is None else now) - int(stamp)) > 300:
        return False
    content = f"{asked.headers['webhook-id']}.{stamp}.".encode() + asked.body
    line = [
        need_tool("openssl", "openssl"),
        "dgst",
        "-sha256",
        "-mac",
        "HMAC",
        "-macopt",
        f"hexkey:{key.hex()}",
        "-binary",
    ]
    mine = subprocess.run(line, input=content, capture_output=True, check=True).stdout
    version, _, given = asked.headers["webhook-signature"].partition(",")
    return version == "v1" and hmac.compare_digest(base64.b64decode(given), mine)


def test_the_body_tells_what_happened():
    with hook() as server:
        send(f"{server.url}?token=1", alert(camera="가", person="김철수"))
    asked = server.asked[0]
    assert asked.path == "/hook/secret-path?token=1"
    assert asked.headers["content-type"] == "application/json"
    told = asked.json
    assert (told["id"], told["kind"], told["camera"], told["person"]) == ("7:person", "person", "가", "김철수")
    assert abs(datetime.fromisoformat(told["time"]) - datetime.now(timezone.utc)) < timedelta(seconds=5)
    assert 0 <= told["age"] < 5
    assert "picture" not in told
    assert "webhook-signature" not in asked.headers


def test_a_picture_goes_along_where_the_alert_has_it():
    picture = bytes(range(256)) * 400
    with hook() as server:
        send(server.url, alert(picture))
    assert base64.b64decode(server.asked[0].json["picture"]) == picture


@pytest.mark.parametrize(
    ("secret", "key"), [(f"whsec_{KEY}", bytes(range(24))), ("a word of mine 김", "a word of mine 김".encode())]
)
def test_another_implementation_finds_the_signature_right(secret: str, key: bytes):
    with hook() as server:
        send(server.url, key=secret)
    asked = server.asked[0]
    assert is_signed(asked, key)
    assert not is_signed(asked, b"another key")
    assert not is_signed(replace(asked, body=asked.body.replace(b"person", b"nobody")), key)
    assert not is_signed(asked, key, now=time.time() + 301)
    later = {**asked.headers, "webhook-timestamp": str(int(asked.headers["webhook-timestamp"]) + 1)}
    assert not is_signed(replace(asked, headers=later), key)


def test_the_recipe_of_the_documentation_checks_signatures():
    page = (Path(__file__).parents[3] / "docs" / "watch.md").read_text("utf-8")
    recipe = page.split("```python\n# Check")[1].split("```")[0]
    scope: dict[str, Callable[..., bool]] = {}
    exec(f"# Check{recipe}", scope)
    with hook() as server:
        send(server.url, key=f"whsec_{KEY}")
    asked = server.asked[0]
    assert scope["is_ours"](asked.headers, asked.body, f"whsec_{KEY}")
    assert not scope["is_ours"](asked.headers, asked.body + b" ", f"whsec_{KEY}")
    old = {**asked.headers, "webhook-timestamp": str(int(time.time()) - 301)}
    assert not scope["is_ours"](old, asked.body, f"whsec_{KEY}")


def test_an_id_with_odd_signs_stays_one_header():
    with hook() as server:
        send(server.url, Alert("missed:d\u00f6or\r\nX-Evil: 1", event()), key="k")
    assert server.asked[0].headers["webhook-id"] == "missed:d_or__X-Evil:_1"
    assert "x-evil" not in server.asked[0].headers
    assert is_signed(server.asked[0], b"k")


def test_the_signature_is_over_id_time_and_body():
    with hook() as server:
        send(server.url, key="key")
    asked = server.asked[0]
    content = b".".join([b"7:person", asked.headers["webhook-timestamp"].encode(), asked.body])
    expected = base64.b64encode(hmac.digest(b"key", content, hashlib.sha256)).decode()
    assert asked.headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int):
    with hook() as goal, hook() as server:
        server.answers.append((status, {"Location": goal.url}))
        with pytest.raises(ChannelError, match=rf"redirects \({status}\), which is not followed"):
            send(server.url)
    assert not goal.asked


@pytest.mark.parametrize(
    ("status", "is_final"),
    [(400, True), (401, False), (404, False), (413, True), (422, True), (429, False), (500, False)],
)
def test_an_answer_that_is_no_success_is_told_without_the_path(status: int, is_final: bool):
    with hook() as server:
        server.answers.append((status, {}))
        with pytest.raises(ChannelError, match=rf"http://127.0.0.1:{server.port} answers with {status}") as raised:
            send(server.url)
    assert raised.value.is_final == is_final
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_success_is_one(status: int):
    with hook() as server:
        server.answers.append((status, {}))
        send(server.url)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, "7", 7), (503, "120", 120), (500, "7", None), (429, "soon", None), (429, "-1", None), (429, "9" * 30, None)],
)
def test_retry_after_is_read(status: int, header: str, seconds: float | None):
    with hook() as server:
        server.answers.append((status, {"Retry-After": header}))
        with pytest.raises(ChannelError) as raised:
            send(server.url)
    assert raised.value.retry_after == seconds


def test_retry_after_may_be_a_date():
    later = datetime.now(timezone.utc) + timedelta(seconds=90)
    with hook() as server:
        server.answers.append((503, {"Retry-After": format_datetime(later, usegmt=True)}))
        with pytest.raises(ChannelError) as raised:
            send(server.url)
    assert raised.value.retry_after == pytest.approx(90, abs=3)


@pytest.mark.parametrize(
    "host",
    "127.0.0.1 127.8.8.8 0.0.0.0 10.1.2.3 169.254.169.254 192.168.1.1 100.64.0.1 [::1] [::] [::ffff:127.0.0.1] "
    "[fe80::1] [fd12::1] [64:ff9b::7f00:1] localhost".split(),
)
def test_private_addresses_are_refused_unless_they_are_allowed(host: str):
    with hook() as server, pytest.raises(ChannelError, match="is not on the public internet; set `private: true` of"):
        send(f"http://{host}:{server.port}/hook", private=False)
    assert not server.asked


@pytest.mark.parametrize("host", "2130706433 0x7f000001 0177.0.0.1 127.1 0".split())
@pytest.mark.parametrize("private", [True, False])
def test_odd_ways_to_write_an_address_are_refused(host: str, private: bool):
    with pytest.raises(UserError, match="has an odd host"):
        Webhook(f"http://{host}/", None, private=private)


def names_lead_to(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Answers name lookups, one after the other; gives the names that were looked up."""
    asked: list[str] = []
    rest = list(answers)

    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (rest.pop(0), port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.7"])
def test_a_name_that_leads_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch, address: str):
    names_lead_to(monkeypatch, address)
    with pytest.raises(ChannelError, match=f"http://alerts.test leads to {address}") as raised:
        send("http://alerts.test/secret", private=False)
    assert "secret" not in str(raised.value)


def test_a_name_is_looked_up_once_and_the_connection_goes_there(monkeypatch: pytest.MonkeyPatch):
    """A name server that tells a public address first, and a private one to whoever asks again."""
    names = names_lead_to(monkeypatch, "93.184.215.14", "127.0.0.1")
    dialled: list[object] = []

    def refuse(line: socket.socket, address: object) -> None:
        dialled.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(ChannelError, match=r"cannot be reached \(Connection refused\)"):
        send("http://rebinding.test/", private=False)
    assert (names, dialled) == (["rebinding.test"], [("93.184.215.14", 80)])


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with hook() as server:
        send(server.url)
    assert server.asked


@pytest.mark.parametrize("silent", ["black hole", "slow server"])
def test_a_server_that_is_silent_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch, silent: str):
    monkeypatch.setattr(webhook, "PATIENCE", 0.3)
    with black_hole() as hole, hook() as server:
        server.pause = 60
        begun = time.monotonic()
        with pytest.raises(ChannelError, match=r"does not answer within 0.3 seconds"):
            send(hole if silent == "black hole" else server.url)
        assert time.monotonic() - begun < 10


def test_a_server_that_drips_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webhook, "PATIENCE", 0.3)
    over = threading.Event()

    class Drip(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            while not over.wait(0.05):
                self.wfile.write(b"x")

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Drip) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(ChannelError, match="does not answer within"):
            send(f"http://127.0.0.1:{server.server_port}/")
        assert time.monotonic() - begun < 10
        over.set()
        thread.join()


def test_a_port_on_which_nobody_listens_is_told():
    with pytest.raises(ChannelError, match=r"cannot be reached \(Connection refused\)"):
        send(f"http://127.0.0.1:{closed_port()}/secret")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_closing_ends_a_trial_that_waits(scheme: str):
    with black_hole() as hole:
        channel = Webhook(hole.replace("http", scheme), None, private=True)
        ended: list[ChannelError] = []

        def wait() -> None:
            try:
                channel.send(alert())
            except ChannelError as error:
                ended.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: channel._line is not None and channel._line.fileno() >= 0)
        time.sleep(0.1)
        begun = time.monotonic()
        channel.close()
        thread.join()
        assert time.monotonic() - begun < 5
        assert len(ended) == 1
        with pytest.raises(ChannelError, match="cannot be reached"):
            channel.send(alert())


def secure(server: HTTPServer, certificate: trustme.LeafCert) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("127.0.0.1", None), ("other.test", "IP address mismatch"), (None, "unable to get local issuer")],
)
def test_the_certificate_is_checked(authority: trustme.CA, name: str | None, problem: str | None):
    issuer = authority if name else trustme.CA()
    asked: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None: ...

    with Server(("127.0.0.1", 0), Handler) as server:
        secure(server, issuer.issue_cert(name or "127.0.0.1"))
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"https://127.0.0.1:{server.server_port}/hook"
        if problem:
            with pytest.raises(ChannelError, match=f"the certificate of https://127.0.0.1:.* is not valid .*{problem}"):
                send(url)
        else:
            send(url)
        thread.join()
    assert len(asked) == (0 if problem else 1)


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        ("ftp://host/", None, "must begin with https:// or http://"),
        ("http://me:word@host/", None, "holds a user name or password"),
        ("http://host/", "whsec_***", "what follows is not base64"),
    ],
)
def test_what_cannot_be_sent_is_told_at_once(url: str, key: str | None, sentence: str):
    with pytest.raises(UserError, match=sentence) as raised:
        Webhook(url, key, private=True)
    assert "word" not in str(raised.value).replace("password", "")
