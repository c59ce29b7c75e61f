"""Files from addresses: what is fetched, and what is refused."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
import trustme

from face_classifier.core.errors import UserError
from face_classifier.core.network import dial
from face_classifier.photos import download as remote

CONTENT = bytes(range(256)) * 1000
PUBLIC = "93.184.215.14"

fetch_here = partial(remote.fetch, allow_private=True, patience=5)


class Site(BaseHTTPRequestHandler):
    """A web server with good and bad manners, one a path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.headers["Host"], self.path))  # type: ignore[attr-defined]
        path, _, query = self.path.partition("?")
        getattr(self, path.strip("/").replace("%20", "_"), self.missing)(unquote(query))
        self.close_connection = True

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def photo(self, _: str) -> None:
        self.answer(200, CONTENT, Content_Length=str(len(CONTENT)))

    my_photo = photo

    def open_ended(self, _: str) -> None:
        self.answer(200, CONTENT)

    def chunked(self, _: str) -> None:
        self.answer(200, b"%x\r\n%b\r\n0\r\n\r\n" % (len(CONTENT), CONTENT), Transfer_Encoding="chunked")

    def announced(self, _: str) -> None:
        self.answer(200, Content_Length="1000000000000")
        self.server.over.wait(10)  # type: ignore[attr-defined]

    def endless(self, _: str) -> None:
        self.answer(200, Content_Length="5")
        self.pour(CONTENT, 0)

    def endless_open(self, _: str) -> None:
        self.answer(200)
        self.pour(CONTENT, 0)

    def drip(self, _: str) -> None:
        self.answer(200)
        self.pour(b"x", 0.05)

    def drip_headers(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        self.pour(b"x", 0.05)

    def pour(self, content: bytes, pause: float) -> None:
        try:
            while not self.server.over.wait(pause):  # type: ignore[attr-defined]
                self.wfile.write(content)
        except OSError:
            pass

    def torn(self, _: str) -> None:
        self.answer(200, b"ten bytes.", Content_Length="100")

    def goto(self, goal: str) -> None:
        self.answer(302, Location=goal, Content_Length="0")

    def loop(self, _: str) -> None:
        self.goto("/loop")

    def gibberish(self, _: str) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH\r\n")

    def missing(self, _: str) -> None:
        self.answer(404, b"not here", Content_Length="8")

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Site)
        self.asked: list[tuple[str, str]] = []
        self.over = threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that goes away is what these tests are about."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[tuple[Server, threading.Thread]] = []

    def start(certificate: trustme.LeafCert | None = None) -> Server:
        server = Server()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    for server, thread in servers:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site(serve: Callable[..., Server]) -> str:
    return f"http://127.0.0.1:{serve().server_port}"


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes name lookups answer with these addresses, one set a lookup; gives the names that were looked up."""

    def answer_with(*answers: list[str]) -> list[str]:
        names: list[str] = []
        rest = list(answers)

        def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
            names.append(host)
            families = [(socket.AF_INET6 if ":" in address else socket.AF_INET, address) for address in rest.pop(0)]
            return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in families]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return names

    return answer_with


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses to which connections are opened, none of which answers."""
    addresses: list[str] = []

    def refuse(line: socket.socket, address: tuple[str, int]) -> None:
        addresses.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return addresses


@pytest.mark.parametrize("path", ["/photo", "/open_ended", "/chunked", "/my photo", "/photo?a=b c#part"])
def test_the_content_comes_whole(site: str, path: str):
    assert fetch_here(site + path) == CONTENT


def test_redirects_are_followed(site: str):
    assert fetch_here(f"{site}/goto?/goto?{site}/photo") == CONTENT


def test_redirects_end(site: str):
    with pytest.raises(UserError, match="one redirect too many"):
        fetch_here(f"{site}/loop")


@pytest.mark.parametrize(
    "goal", ["file:///etc/hostname", "ftp://127.0.0.1/a", "//", "http://[", "http://u:p@127.0.0.1/"]
)
def test_a_redirect_to_something_else_is_refused(site: str, goal: str):
    with pytest.raises(UserError):
        fetch_here(f"{site}/goto?{goal}")


def test_a_redirect_to_a_private_address_is_refused(
    serve: Callable[..., Server], resolve: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
):
    server = serve()
    public = dial.is_public
    monkeypatch.setattr(dial, "is_public", lambda address: str(address) == "127.0.0.1" or public(address))
    resolve(["127.0.0.1"], ["10.0.0.7"])
    with pytest.raises(UserError, match=r"http://inside.test/secret leads to 10.0.0.7, which is not on the public"):
        remote.fetch(f"http://photos.test:{server.server_port}/goto?http://inside.test/secret")
    assert [path for _, path in server.asked] == ["/goto?http://inside.test/secret"]


@pytest.mark.parametrize("path", ["/announced", "/endless_open"])
def test_too_much_is_refused_before_it_has_come(site: str, path: str):
    started = time.monotonic()
    with pytest.raises(UserError, match="is larger than 1 MB"):
        fetch_here(site + path, most_bytes=1_000_000)
    assert time.monotonic() - started < 2


def test_no_more_than_announced_is_read(site: str):
    assert fetch_here(f"{site}/endless") == CONTENT[:5]


def test_the_limit_itself_is_allowed(site: str):
    for path in ("/photo", "/open_ended", "/chunked"):
        assert fetch_here(site + path, most_bytes=len(CONTENT)) == CONTENT
        with pytest.raises(UserError, match="larger"):
            fetch_here(site + path, most_bytes=len(CONTENT) - 1)


@pytest.mark.parametrize("path", ["/drip", "/drip_headers", "/announced"])
def test_a_server_that_drips_holds_nobody(site: str, path: str):
    started = time.monotonic()
    with pytest.raises(UserError, match=rf"{path} takes longer than 0.5 seconds"):
        remote.fetch(site + path, allow_private=True, patience=0.5, most_bytes=10**13)
    assert 0.4 < time.monotonic() - started < 10


def test_a_server_that_accepts_and_is_silent_holds_nobody():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for scheme in ("http", "https"):
            with pytest.raises(UserError, match=r"takes longer than 0.2 seconds"):
                remote.fetch(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/", allow_private=True, patience=0.2)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/torn", "broke off after 10 of 100 bytes"),
        ("/nothing", r"is answered with 404 \(Not Found\)"),
        ("/gibberish", "does not answer as web servers do"),
    ],
)
def test_a_bad_answer_is_told(site: str, path: str, sentence: str):
    with pytest.raises(UserError, match=sentence):
        fetch_here(site + path)


def test_an_unreachable_host_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UserError, match=r"http://127.0.0.1:\d+/photo.jpg cannot be fetched \(Connection refused\)"):
        fetch_here(f"http://127.0.0.1:{port}/photo.jpg")


def test_a_host_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(UserError, match=r"http://no-such-host.invalid/ cannot be fetched \(Name or service not known"):
        remote.fetch("http://no-such-host.invalid/")


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 127.8.8.8 0.0.0.0 10.1.2.3 100.64.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 "
    "192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 "
    ":: ::1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::10.0.0.1 64:ff9b::10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 "
    "2001::1 2001:db8::1 2002:a00:1::1 2002:808:808::1 3fff::1 5f00::1 fc00::1 fd12::1 fe80::1 fec0::1 ff02::1".split(),
)
def test_an_address_that_is_not_public_is_refused(address: str, resolve: Callable[..., list[str]], dialled: list[str]):
    for url in ("http://photos.test/a.jpg", f"http://[{address}]/" if ":" in address else f"https://{address}/"):
        resolve([PUBLIC, address])
        with pytest.raises(UserError, match="is not on the public internet"):
            remote.fetch(url)
    assert not dialled


@pytest.mark.parametrize("address", "8.8.8.8 172.32.0.1 100.128.0.1 2606:4700::1111 2a00::1 64:ff9b::808:808".split())
def test_a_public_address_is_tried(address: str, resolve: Callable[..., list[str]], dialled: list[str]):
    resolve([address])
    with pytest.raises(UserError, match="Connection refused"):
        remote.fetch("http://photos.test/a.jpg")
    assert dialled == [address]


@pytest.mark.parametrize(
    "host",
    "2130706433 0x7f000001 0177.0.0.1 127.1 0x7f.1 0 127.0.0.1. 127。0。0。1 １２７.0.0.1 ⑯⑨.254.169.254 localhost "
    "[::1] [::ffff:127.0.0.1] [0:0:0:0:0:ffff:7f00:1] 8.8.2056 134744072 010.8.8.8".split(),
)
def test_an_odd_way_to_write_a_host_gains_nothing(host: str, dialled: list[str]):
    with pytest.raises(UserError):
        remote.fetch(f"http://{host}/")
    assert not dialled


def test_a_name_is_looked_up_once_and_that_address_is_used(resolve: Callable[..., list[str]], dialled: list[str]):
    names = resolve([PUBLIC], ["127.0.0.1"], ["127.0.0.1"])
    with pytest.raises(UserError, match="Connection refused"):
        remote.fetch("http://rebinding.test/")
    assert (names, dialled) == (["rebinding.test"], [PUBLIC])


def test_the_server_hears_the_name_not_the_address(serve: Callable[..., Server], resolve: Callable[..., list[str]]):
    server = serve()
    resolve(["127.0.0.1"])
    assert fetch_here(f"http://Photos.Test:{server.server_port}/photo?x=1") == CONTENT
    assert server.asked == [(f"photos.test:{server.server_port}", "/photo?x=1")]


def test_the_next_address_is_tried(serve: Callable[..., Server], resolve: Callable[..., list[str]]):
    server = serve()
    resolve(["::1", "127.0.0.1"])
    assert fetch_here(f"http://photos.test:{server.server_port}/photo") == CONTENT


def test_proxies_are_not_used(site: str, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch_here(f"{site}/photo") == CONTENT


def test_https_is_verified_for_the_name(
    serve: Callable[..., Server], authority: trustme.CA, resolve: Callable[..., list[str]]
):
    server = serve(authority.issue_cert("photos.test"))
    resolve(["127.0.0.1"], ["127.0.0.1"])
    assert fetch_here(f"https://photos.test:{server.server_port}/photo") == CONTENT
    with pytest.raises(
        UserError, match=r"the certificate of https://other.test:\d+/photo is not valid \(Hostname mismatch"
    ):
        fetch_here(f"https://other.test:{server.server_port}/photo")


def test_https_is_verified_for_the_authority(serve: Callable[..., Server], authority: trustme.CA):
    server = serve(trustme.CA().issue_cert("127.0.0.1"))
    with pytest.raises(UserError, match=r"the certificate of https://127.0.0.1:\d+/photo is not valid"):
        fetch_here(f"https://127.0.0.1:{server.server_port}/photo")


def test_a_redirect_from_https_to_http_is_refused(serve: Callable[..., Server], authority: trustme.CA, site: str):
    server = serve(authority.issue_cert("127.0.0.1"))
    with pytest.raises(UserError, match=r"redirects to http://127.0.0.1:\d+/photo, which is less safe"):
        fetch_here(f"https://127.0.0.1:{server.server_port}/goto?{site}/photo")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://host/a.jpg", "ftp://host/a.jpg is not an http, https or file address"),
        ("data:image/png;base64,AAAA", "is not an http, https or file address"),
        ("photo.jpg", "^photo.jpg is not an http"),
        ("http:///a.jpg", "names no host"),
        ("http://user:secret@host/a.jpg", "http://host/a.jpg holds a user name or password"),
        ("http://host:99999/a.jpg", "can be understood"),
        ("http://host:port/a.jpg", "can be understood"),
        ("http://[::1/a.jpg", "can be understood"),
        ("http://host/a\r\nX: y", "holds control characters"),
        ("http://host/\udcff", "bytes that are not text"),
        ("file:///\udcff", "bytes that are not text"),
        ("http://a..b/", "a host that cannot be a name"),
        ("http://a b/", "a host that cannot be a name"),
        ("http://" + "a" * 70 + ".test/", "a host that cannot be a name"),
    ],
)
def test_an_address_that_cannot_be_is_told(url: str, sentence: str):
    with pytest.raises(UserError, match=sentence) as caught:
        remote.fetch(url)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("path", ["/nothing", "/torn", "/goto?ftp://127.0.0.1/?secret&", "/photo"])
def test_what_may_be_secret_is_not_told(site: str, path: str):
    with pytest.raises(UserError) as caught:
        fetch_here(f"{site}{path}{'' if '?' in path else '?'}key=secret#secret", most_bytes=1000)
    assert "secret" not in str(caught.value)


def test_a_sentence_stays_short_and_printable():
    with pytest.raises(UserError) as caught:
        remote.fetch("x:" + "\x1b[31m" + "a" * 10_000)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_a_local_file_is_read(tmp_path: Path):
    path = tmp_path / "나 100% #1?.jpg"
    path.write_bytes(CONTENT)
    assert remote.fetch(path.as_uri()) == CONTENT
    assert remote.fetch(path.as_uri().replace("file://", "file://localhost")) == CONTENT
    with pytest.raises(UserError, match="larger"):
        remote.fetch(path.as_uri(), most_bytes=len(CONTENT) - 1)


def test_what_is_no_regular_local_file_is_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    for url, sentence in [
        ((tmp_path / "fifo").as_uri(), "not a regular file"),
        (tmp_path.as_uri(), "Is a directory|not a regular file"),
        ("file:///dev/zero", "not a regular file"),
        ("file:///dev/tty", "cannot be fetched|not a regular file"),
        ((tmp_path / "missing").as_uri(), r"missing cannot be fetched \(No such file or directory\)"),
        ("file://host/a.jpg", "not a file of this computer"),
        ("file:a.jpg", "not a file of this computer"),
        ("file:///a%00b", "not a file of this computer"),
    ]:
        with pytest.raises(UserError, match=sentence):
            remote.fetch(url)
