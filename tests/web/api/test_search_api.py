"""A picture is uploaded, and who looks like the faces in it is told; nothing of it is kept."""

from __future__ import annotations

import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from servers.programs import Asking

from face_classifier.web.api import search

FORM = "multipart/form-data; boundary=b"


def part(content: bytes, name: str = "picture") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.jpg"\r\n\r\n'
    return head.encode() + content + b"\r\n--b--\r\n"


def test_who_is_in_a_picture_is_found_by_it(ask: Asking, photographs: dict[str, Path], result: Path):
    content = photographs["obama.jpg"].read_bytes()
    before = sorted(path for path in result.rglob("*") if path.suffix == ".png")
    found = ask("/search", "POST", params={"k": 3}, files={"picture": ("Obama.jpg", content, "image/jpeg")}).json()
    (face,) = found["faces"]
    nearest, other = face["people"]
    assert nearest["distance"] < 0.3 < other["distance"]
    assert {alike["face"]["person"] for alike in face["faces"]} == {nearest["name"]}
    assert len(face["faces"]) == 3
    top, right, bottom, left = face["box"]
    assert 0 <= left < right <= found["width"]
    assert 0 <= top < bottom <= found["height"]
    assert sorted(path for path in result.rglob("*") if path.suffix == ".png") == before


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", FORM, 422),
        (b"nothing of a form", FORM, 422),
        (part(b"", "picture"), FORM, 422),
        (part(b"text", "other"), FORM, 422),
        (part(b"no picture"), FORM, 422),
        (part(b"\xff\xd8\xff\xe0" + bytes(1000)), FORM, 422),
        (part(b"x")[:-9], FORM, 422),
        (b"--b\r\n" + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n\r\n--b--", FORM, 422),
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data", 415),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_in_words(content: bytes, kind: str, status: int, ask: Asking):
    ask("/search", "POST", content=content, headers={"Content-Type": kind}, status=status)


def test_a_picture_that_unpacks_to_beyond_measure_is_refused(ask: Asking):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")
    began = time.monotonic()
    refused = ask("/search", "POST", files={"picture": ("a.png", bomb)}, status=422)
    assert "pixels" in refused.json()["detail"]
    assert time.monotonic() - began < 5


def test_an_upload_that_is_too_large_is_refused_while_it_comes(ask: Asking, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "MOST_BYTES", 100_000)
    sent = 0

    def blocks() -> Iterator[bytes]:
        nonlocal sent
        yield part(b"")[:60]
        for _ in range(10_000):
            sent += 10_000
            yield bytes(10_000)

    headers = {"Content-Type": FORM}
    with suppress(httpx.TransportError):  # the connection ends while the rest is sent
        ask("/search", "POST", content=blocks(), headers=headers, status=413)
    assert sent < 50_000_000
    ask("/search", "POST", content=part(bytes(120_000)), headers=headers, status=413)


@contextmanager
def slow_upload(ask: Asking) -> Iterator[socket.socket]:
    """A connection over which a picture begins to come."""
    parts = urlsplit(str(ask.client.base_url))
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        head = f"POST /api/v1/search HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {FORM}\r\nContent-Length: 1000"
        connection.sendall(f"{head}\r\n\r\n".encode() + part(b"x")[:50])
        yield connection


def test_one_picture_at_a_time_is_searched_for_who_asks(ask: Asking):
    with slow_upload(ask):
        end = time.monotonic() + 10
        while True:
            answer = ask.client.post("/api/v1/search", content=part(b"x"), headers={"Content-Type": FORM})
            if answer.status_code == 429:
                break
            assert time.monotonic() < end, "two pictures of one who asks are searched at a time"
        assert ask("/people").json()["items"], "everything else goes on"
    while ask.client.post("/api/v1/search", content=part(b"x"), headers={"Content-Type": FORM}).status_code == 429:
        assert time.monotonic() < end, "an upload that was left holds the place"


def test_an_upload_that_takes_too_long_is_left(ask: Asking, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "_SECONDS", 0.3)
    with slow_upload(ask) as connection:
        assert b" 408 " in connection.recv(4096).splitlines()[0]
