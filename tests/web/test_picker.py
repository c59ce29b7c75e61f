"""The page on which faces are picked, driven as a browser does it and as an intruder would."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.photos.lookalike.people import Person, PhotoGallery, Portrait
from face_classifier.photos.lookalike.recommend import Recommendation, recommend
from face_classifier.photos.lookalike.rounds import Rounds
from face_classifier.web import picker as page

TILE = cv2.imencode(".jpg", np.full((160, 160, 3), 90, np.uint8))[1].tobytes()
EVIL = '<script>alert("1")</script>'


class Browser:
    """Short words for looking at a page that is being served, and what became of it."""

    def __init__(self, rounds: Rounds, finish: Callable[[], Recommendation]) -> None:
        self.rounds = rounds
        self.problems: list[str] = []
        self.stopping = threading.Event()
        self._listening = threading.Event()
        self._finish = finish
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        assert self._listening.wait(10)

    def _serve(self) -> None:
        page.show(self.rounds, self._finish, self.stopping, self.problems.append, self._opened)

    def _opened(self, address: str) -> None:
        self.address = address
        self._listening.set()

    def close(self) -> None:
        self.stopping.set()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def open(self, place: str = "", pick: object = None) -> tuple[str, str]:
        """The address that one comes to, and the page."""
        data = None if pick is None else urllib.parse.urlencode({"pick": pick}).encode()
        with urllib.request.urlopen(self.address + place, data, timeout=10) as answer:
            return answer.url.removeprefix(self.address), answer.read().decode()

    def numbers(self, place: str) -> list[int]:
        """The faces to choose from."""
        return [int(number) for number in re.findall(r'name="pick" value="(\d+)"', self.open(place)[1])]

    def ask(self, method: str, path: str | None = None, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
        """The bare answer to any request."""
        parts = urllib.parse.urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        try:
            connection.putrequest(method, path or parts.path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(body)
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()


def a_gallery(people: int, name: str = "person") -> PhotoGallery:
    encodings = np.random.default_rng(1).normal(size=(people, 128))
    return PhotoGallery(
        [
            Person(f"{name}{number:02}", (Portrait(f"{name}{number}.jpg", one, TILE),))
            for number, one in enumerate(encodings)
        ],
        "sface",
        people,
    )


@contextlib.contextmanager
def browsing(gallery: PhotoGallery, rounds: int = 3, choices: int = 4) -> Iterator[Browser]:
    asked = Rounds(gallery, rounds, choices, seed=1)
    browser = Browser(asked, lambda: recommend(gallery, asked.picks, 7))
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with browsing(a_gallery(30)) as one:
        yield one


def test_picking_in_every_round_ends_with_the_recommendation(browser: Browser):
    place, shown = browser.open()
    assert place == "1"
    assert "Round 1 of 3" in shown
    chosen = []
    for turn in (1, 2, 3):
        assert len(browser.numbers(str(turn))) == 4
        chosen.append(browser.numbers(str(turn))[turn])
        place, shown = browser.open(str(turn), chosen[-1])
    assert shown.count("<figure>") == 7 + 3
    assert "You picked" in shown
    browser.thread.join(10)
    assert not browser.thread.is_alive(), "it ends by itself"
    assert [pick.name for pick in browser.rounds.picks] == [f"person{number:02}" for number in chosen]


def test_every_face_is_a_button_with_a_text_and_a_picture_in_it(browser: Browser):
    _, shown = browser.open("1")
    assert (
        len(re.findall(r'<button name="pick" value="\d+"><img src="data:image/png;base64,[^"]+" alt="Face', shown)) == 4
    )
    assert "None of these" in shown
    assert "<script" not in shown
    assert re.findall(r'(?:src|href|action)="(?!data:|/static/)[^"]*"', shown) == [], "nothing is loaded from elsewhere"


def test_going_back_replaces_the_pick(browser: Browser):
    first, second = browser.numbers("1")[:2]
    browser.open("1", first)
    browser.open("2", "none")
    assert "picked before" in browser.open("1")[1]
    place, _ = browser.open("1", second)
    assert place == "2"
    assert [pick.name for pick in browser.rounds.picks] == [f"person{second:02}"]
    assert browser.open("3")[0] == "2", "the rounds after it are to be answered again"


def test_what_an_old_page_sends_leads_to_the_round_that_is_due(browser: Browser):
    stranger = next(number for number in range(30) if number not in browser.numbers("1"))
    for word in (stranger, "", "x", "-1", "9" * 50):
        assert browser.open("1", word)[0] == "1"
    assert browser.open("3", "none")[0] == "1"
    assert browser.open("99")[0] == "1"
    assert browser.rounds.answered == 0


def test_none_in_every_round_is_told_on_the_page(browser: Browser):
    for turn in ("1", "2", "3"):
        _, shown = browser.open(turn, "none")
    assert "Nothing was picked" in shown
    browser.thread.join(10)
    assert not browser.thread.is_alive()


def test_names_are_escaped():
    with browsing(a_gallery(5, EVIL), rounds=1) as browser:
        number = browser.numbers("1")[0]
        for _, shown in (browser.open("1"), browser.open("1", number)):
            assert "<script" not in shown
            assert "&lt;script&gt;alert(&#34;1&#34;)" in shown


def test_a_name_that_is_not_utf8_can_be_shown():
    with browsing(a_gallery(5, "Ren\udce9e"), rounds=1) as browser:
        assert r"Face 1 of 4: Ren\xe9e" in browser.open("1")[1]


def test_only_who_knows_the_address_sees_anything(browser: Browser):
    token = urllib.parse.urlsplit(browser.address).path
    for path in ("/", "/1", "/favicon.ico", token[:-2], token.upper(), "/%00/", token + "../1", token + "1/2", "/é/"):
        assert browser.ask("GET", urllib.parse.quote(path, "/.%")).status == 404, path
    assert browser.ask("POST", "/1", Content_Length="0").status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "192.0.2.7"])
def test_a_foreign_name_that_leads_here_is_refused(browser: Browser, host: str):
    assert browser.ask("GET", Host=host).status == 400
    assert browser.ask("POST", Host=host, Content_Length="0").status == 400


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}])
def test_another_page_picks_nothing(browser: Browser, headers: dict[str, str]):
    assert browser.ask("POST", Content_Length="0", **headers).status == 403


def test_it_can_be_reached_through_a_tunnel(browser: Browser):
    assert browser.ask("GET", Host="localhost:8000").status == 303


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_only_get_and_post_are_answered(browser: Browser, method: str):
    assert browser.ask(method).status == 405


@pytest.mark.parametrize(
    ("length", "status"), [("10000000", 413), ("-1", 400), ("x", 400), ("9" * 100, 400), ("²", 400), (None, 303)]
)
def test_a_body_without_end_is_refused(browser: Browser, length: str | None, status: int):
    headers = {} if length is None else {"Content_Length": length}
    assert browser.ask("POST", browser.address[browser.address.index("/", 8) :] + "1", **headers).status == status


def test_nothing_is_kept_by_the_browser_and_nothing_else_may_be_loaded(browser: Browser):
    for answer in (browser.ask("GET"), browser.ask("GET", "/"), browser.ask("PUT")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_a_stop_ends_it_also_while_a_browser_holds_a_connection(browser: Browser):
    parts = urllib.parse.urlsplit(browser.address)
    browser.open("1", browser.numbers("1")[0])
    with socket.create_connection((parts.hostname, parts.port)) as silent:
        silent.sendall(b"GET ")
        browser.open("2")  # answered nevertheless
        browser.stopping.set()
        browser.thread.join(5)
        assert not browser.thread.is_alive()
    assert len(browser.rounds.picks) == 1
    with pytest.raises(urllib.error.URLError):
        browser.open()


def test_a_mistake_of_ours_ends_it_and_is_told():
    gallery = a_gallery(5)
    rounds = Rounds(gallery, 1, 4, seed=1)

    def wrong() -> Recommendation:
        raise ZeroDivisionError

    def pick(address: str) -> None:
        with pytest.raises(urllib.error.HTTPError, match="500"):
            urllib.request.urlopen(address + "1", b"pick=none", timeout=10)

    with pytest.raises(ZeroDivisionError):
        page.show(rounds, wrong, threading.Event(), pytest.fail, pick)


def test_a_browser_that_cannot_be_opened_ends_it():
    def opened(address: str) -> None:
        raise UserError("no browser")

    gallery = a_gallery(5)
    with pytest.raises(UserError, match="no browser"):
        page.show(
            Rounds(gallery, 1, 4, seed=1),
            lambda: recommend(gallery, [], 7),
            threading.Event(),
            pytest.fail,
            opened,
        )


@pytest.mark.parametrize("flags", [(), ("--no-browser",)])
def test_the_command_opens_the_page_and_prints_the_table(
    command: Callable,
    closeups: dict[str, Image],
    tmp_path: Path,
    flags: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
):
    (tmp_path / "gallery").mkdir()
    for name in ("obama", "biden"):
        cv2.imwrite(str(tmp_path / "gallery" / f"{name}.png"), closeups[f"{name}.jpg"])
    answered: list[str] = []

    def pick_the_first(address: str) -> None:
        with urllib.request.urlopen(address, timeout=10) as answer:
            numbers = re.findall(r'name="pick" value="(\d+)"', answer.read().decode())
        with urllib.request.urlopen(address + "1", f"pick={numbers[0]}".encode(), timeout=10) as answer:
            answered.append(answer.read().decode())

    if flags:
        monkeypatch.setattr("webbrowser.open", pytest.fail)
        told = "face_classifier.cli.photos.say"
        monkeypatch.setattr(told, lambda line, stream: pick_the_first(re.findall(r"http\S+", line)[0]))
    else:
        monkeypatch.setattr("webbrowser.open", pick_the_first)

    ended = command("recommend", "--gallery", tmp_path / "gallery", *flags)

    assert ended.code == 0
    assert "Recommended for you" in answered[0]
    assert re.search(r"^1 +(obama|biden) +\d\.\d{4} ", ended.out, re.MULTILINE)
    assert flags or "choose faces at http://127.0.0.1:" in ended.err
