"""What is written is done once, told in full, and refused in words when it cannot be."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers.pages import settings_of
from servers.programs import Asking
from starlette.responses import Response

from face_classifier.core.disk.retry import asking_the_disk
from face_classifier.core.errors import InUseError
from face_classifier.curate.ask import CarriedOut
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.api.common.problems import ProblemError
from face_classifier.web.api.common.writing import Once
from face_classifier.web.app import make_app
from face_classifier.web.served import served
from face_classifier.web.site import Site


def test_what_is_sent_again_with_its_key_is_done_once(ask: Asking):
    face = ask.faces_of("person_01")[0]
    write: dict[str, Any] = {"json": {"faces": [face], "person": "new"}, "headers": {"Idempotency-Key": "a"}}
    first = ask("/faces/assign", "POST", **write).json()
    assert ask("/faces/assign", "POST", **write).json() == first
    assert (ask.revision, ask.names()) == (first["revision"], ["person_01", "person_02", "person_03"])
    other = {"json": {"faces": [face], "person": "Ann"}, "headers": {"Idempotency-Key": "a"}}
    ask("/faces/assign", "POST", status=422, **other)
    ask("/faces/ignore", "POST", status=422, **write)  # the same body, sent elsewhere
    assert ask("/faces/assign", "POST", **other | {"headers": {"Idempotency-Key": "b"}}).json()["person"] == "Ann"


def test_what_was_refused_may_be_tried_again_with_its_key(ask: Asking):
    face, key = ask.faces_of("person_01")[0], {"Idempotency-Key": "k"}
    revision = ask.revision
    ask("/faces/assign", "POST", json={"faces": [face], "person": "Ann"})
    stale = {"faces": [face], "person": "Bea", "revision": revision}
    ask("/faces/assign", "POST", json=stale, headers=key, status=409)
    ask("/journal/undo", "POST", json={"to": revision})
    ask("/faces/assign", "POST", json=stale | {"mine": [revision + 1, revision + 2]}, headers={"Idempotency-Key": "l"})
    ask("/faces/assign", "POST", json=stale, headers=key, status=409)  # not an answer from memory


def test_answers_are_remembered_within_bounds():
    once = Once(most=3, most_bytes=1000)
    for number in range(5):
        asked = "owner", str(number)
        assert once.begin(asked, b"x") is None
        once.end(asked, Response(b"answer"))
    assert once.begin(("owner", "0"), b"x") is None, "the oldest is forgotten"
    assert once.begin(("owner", "4"), b"x") is not None
    assert once.begin(("other", "4"), b"x") is None, "somebody else's key is another one"
    with pytest.raises(ProblemError, match="still being carried out"):
        once.begin(("other", "4"), b"x")
    once.end(("owner", "0"), Response(bytes(2000)))
    once.end(("other", "4"), None)
    assert once.begin(("owner", "4"), b"x") is None, "one large answer makes the others go"


@contextmanager
def page_that(folder: Path, carry_out: Callable[[str, dict[str, Any]], CarriedOut]) -> Iterator[Asking]:
    """A client of a page whose owner does this."""
    settings = settings_of(folder)
    with (
        Reader(folder) as reader,
        served(make_app(Site(lambda: settings, carry_out, reader)), "127.0.0.1", 0) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
    ):
        yield Asking(client)


def test_an_owner_that_is_busy_is_to_be_asked_later(sorted_clip: Path):
    def busy(_name: str, _arguments: dict[str, Any]) -> CarriedOut:
        raise InUseError("the gallery is too busy now; ask again in a minute")

    with page_that(sorted_clip, busy) as ask:
        answer = ask("/faces/ignore", "POST", json={"faces": [1]}, status=503)
        assert int(answer.headers["retry-after"]) > 0
        assert "too busy" in answer.json()["detail"]


@pytest.mark.parametrize("number", [28, 122])  # ENOSPC, EDQUOT
def test_a_disk_that_is_full_is_told_as_that(sorted_clip: Path, number: int):
    def full(_name: str, _arguments: dict[str, Any]) -> CarriedOut:
        with asking_the_disk(sorted_clip / "faces.sqlite"):
            raise OSError(number, os.strerror(number))

    with page_that(sorted_clip, full) as ask:
        answer = ask("/faces/ignore", "POST", json={"faces": [1]}, status=507)
        assert "make room" in answer.json()["detail"]


def test_a_key_whose_request_is_still_carried_out_waits(sorted_clip: Path):
    begun, going_on = threading.Event(), threading.Event()

    def slow(_name: str, _arguments: dict[str, Any]) -> CarriedOut:
        begun.set()
        assert going_on.wait(10)
        return CarriedOut({"undo": None, "entry": None, "changed": [], "faces": 0, "revision": 1}, ["a note"])

    answers: list[httpx.Response] = []
    with page_that(sorted_clip, slow) as ask:
        write: dict[str, Any] = {"json": {"faces": [1]}, "headers": {"Idempotency-Key": "a"}}
        first = threading.Thread(target=lambda: answers.append(ask("/faces/ignore", "POST", **write)))
        first.start()
        try:
            assert begun.wait(10), "the first request did not come to the owner"
            ask("/faces/ignore", "POST", status=409, **write)
        finally:
            going_on.set()
            first.join()
    assert answers[0].json()["notes"] == ["a note"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"x"', b"null", b'{"faces": []}', b'{"faces": [1.5]}', b'{"faces": ["a"]}', b'{"faces": [-1]}',
     b'{"faces": [99999999999999999999999]}', b'{"faces": [1], "revision": -1}', b"\xff\xfe", b'{"faces": [NaN]}'],
)  # fmt: skip
def test_a_body_that_is_none_is_refused_in_words(content: bytes, ask: Asking):
    ask("/faces/ignore", "POST", content=content, headers={"Content-Type": "application/json"}, status=422)


def test_the_journal_tells_all_that_was_written_page_by_page(ask: Asking):
    one, two, *_ = ask.faces_of("person_01")
    ask("/faces/assign", "POST", json={"faces": [one], "person": "Ann"})
    ask("/faces/assign", "POST", json={"faces": [two], "person": None, "not": "person_01"})
    whole = ask("/journal").json()["items"]
    assert [entry["door"] for entry in whole[:2]] == ["page", "page"]
    assert whole[1]["faces"] == [
        {"face": one, "before": {"person": "person_01", "state": "kept"}, "after": {"person": "Ann", "state": "kept"}}
    ]
    assert whole[0]["kept_apart"]
    pages, cursor = [], None
    while True:
        page = ask("/journal", params={"limit": 1, **({"cursor": cursor} if cursor else {})}).json()
        pages += page["items"]
        if not (cursor := page["next"]):
            break
    assert pages == whole
    undone = ask("/journal/undo", "POST", json={}).json()
    assert undone["taken_back"] == [whole[0]["entry"]]
    ask("/journal/undo", "POST", json={"to": 1, "entry": 1}, status=422)
    ask("/journal/undo", "POST", json={"to": 999}, status=422)
    ask("/journal", params={"cursor": "x"}, status=410)


def test_there_is_nothing_to_reload_without_cameras(ask: Asking):
    ask("/reload", "POST", status=404)
