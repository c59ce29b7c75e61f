"""What is uploaded to be searched for is refused where it would fill the memory or hold the page up."""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from servers.asking import Answer, ask, behind_doors

from face_classifier.web.doors import limits


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Any]:
    with behind_doors(tmp_path / "result") as one:
        yield one


def uploaded(app: Any, content: bytes, name: str = "a.png", field: str = "picture") -> Answer:
    body = (
        f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n--b--\r\n"
    )
    return sent(app, body)


def sent(app: Any, body: bytes, kind: str = "multipart/form-data; boundary=b", length: int | None = None) -> Answer:
    headers = {"Content-Type": kind, "Content-Length": str(len(body) if length is None else length)}
    return ask(app, "/api/v1/search", headers, method="POST", body=body)


def png(width: int, height: int) -> bytes:
    """A PNG whose head says so, of black rows that compress to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    packed = zlib.compressobj(9)
    rows = b"".join(packed.compress(bytes(1 + width // 8)) for _ in range(height)) + packed.flush()
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x01\x00\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG")
    return file.getvalue()


BOMBS = {
    "a picture of 30,000 by 30,000": lambda: png(30_000, 30_000),
    "a picture of one row": lambda: png(2_000_000_000, 1)[:10_000],
    "half a picture": lambda: jpeg()[:300],
    "a text": lambda: b"hello",
    "nothing": lambda: b"",
    "an SVG that asks others": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://evil.example/"/></svg>'
    ),
    "a page": lambda: b"<html><script>alert(1)</script>",
    "a video": lambda: b"\x00\x00\x00\x18ftypisom" + bytes(1000),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_picture_that_is_none_or_too_large_is_refused_in_a_sentence(app: Any, bomb: str):
    begun = time.monotonic()
    answer = uploaded(app, BOMBS[bomb]())
    assert 400 <= answer.status < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "<script" not in answer.text
    assert time.monotonic() - begun < 10


def test_forms_of_too_many_or_odd_parts_are_refused(app: Any):
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n'
    for body in (
        part * 20_000 + b"--b--\r\n",
        b"--b\r\n" + b"A: b\r\n" * 20_000 + b"\r\n\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: form-data; name=" + b"x" * 50_000 + b"\r\n\r\n\r\n--b--\r\n",
        b"--c\r\n\r\n",
        b"-" * 100_000,
        b"",
    ):
        assert 400 <= sent(app, body).status < 500
    assert 400 <= sent(app, b"--b--", "multipart/form-data").status < 500
    assert 400 <= sent(app, b"--b--", "multipart/form-data; boundary=" + "b" * 5000).status < 500


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/passwd", "<script>.png", "a\x00.png", "\udcff.png", "con"]
)
def test_the_name_of_an_uploaded_file_counts_for_nothing(app: Any, name: str, tmp_path: Path):
    before = set(tmp_path.rglob("*"))
    answer = uploaded(app, b"hello", name.encode("utf-8", "surrogateescape").decode("latin-1"))
    assert 400 <= answer.status < 500
    assert "script" not in answer.text
    assert set(tmp_path.rglob("*")) == before


def test_what_is_too_large_is_refused_before_it_is_read(app: Any):
    answer = sent(app, b"", length=limits.MOST_OF_FILES + 1)
    assert answer.status == 413
    assert "send at most 64,000,000 bytes" in answer.text


def test_a_body_that_is_longer_than_a_page_of_json_is_refused_where_no_file_is_expected(app: Any):
    for path in ("/api/v1/faces/assign", "/api/v1/faces/ignore", "/api/v1/journal/undo", "/login"):
        body = b'{"faces": [' + b"1," * limits.MOST + b"1]}"
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        assert ask(app, path, headers, method="POST", body=body).status == 413
    for path in ("/api/v1/faces/assign", "/api/v1/faces/ignore", "/api/v1/journal/undo"):
        deep = b"[" * 100_000
        assert 400 <= ask(app, path, {"Content-Type": "application/json"}, method="POST", body=deep).status < 500
