"""The pages of people and of unknown faces, as they are answered over HTTP."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import cv2
import numpy as np
import pytest
from conftest import Listener
from servers.pages import settings_of

from face_classifier.curate import ask
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.pages import lists, people, person, unknowns
from face_classifier.web.pages.lists import cursor_after, start_of
from face_classifier.web.words.initials import fits

FACE = re.compile(r'data-face="(\d+)"')
CARD = re.compile(r'data-card data-person="([^"]*)"')
EVIL = "<b onclick=alert(1)>O'Neil & van Söhne</b>"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]
    body: bytes

    @property
    def faces(self) -> list[int]:
        return [int(face) for face in FACE.findall(self.text)]


@dataclass(frozen=True)
class Visitor:
    """Somebody who looks at the page of a folder."""

    port: int
    folder: Path

    def ask(self, path: str, method: str = "GET", body: str = "", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            if body:
                headers = {"Content_Type": "application/x-www-form-urlencoded", **headers}
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, given)
            answer = connection.getresponse()
            body = answer.read()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, body.decode("utf-8", "replace"), told, body)
        finally:
            connection.close()

    def say(self, command: str, **arguments: Any) -> Any:
        """Have a command carried out, as the terminal does."""
        return ask.carry_out(settings_of(self.folder), command, arguments, Listener())


@pytest.fixture
def visitor(page_of: str, result: Path) -> Visitor:
    return Visitor(urlsplit(page_of).port or 0, result)


@pytest.fixture
def reader(result: Path) -> Iterator[Reader]:
    with Reader(result) as reader:
        yield reader


def test_everybody_has_a_card_with_a_count_and_a_picture(visitor: Visitor, reader: Reader):
    page = visitor.ask("/people?sort=faces")
    first, second = sorted(reader.now().people, key=lambda person: -person.faces)
    assert CARD.findall(page.text) == [first.name, second.name]
    assert f"{first.faces} faces" in page.text
    address = re.search(rf'/faces/{first.best}\.jpg\?w=224&amp;v=[0-9a-f]{{8}}"', page.text)
    assert address is not None
    picture = visitor.ask(address[0].rstrip('"').replace("&amp;", "&"))
    decoded = cv2.imdecode(np.frombuffer(picture.body, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape[0] == decoded.shape[1]


def test_cards_are_sorted_and_found_by_first_consonants(visitor: Visitor):
    visitor.say("rename", person="person_01", name="김영수", seen=None)
    visitor.say("rename", person="person_02", name="Zoë", seen=None)
    assert CARD.findall(visitor.ask("/people?sort=name").text) == ["Zoë", "김영수"]
    assert CARD.findall(visitor.ask(f"/people?q={quote('ㄱㅇㅅ')}").text) == ["김영수"]
    assert CARD.findall(visitor.ask("/people?q=zo").text) == ["Zoë"]
    assert not CARD.findall(visitor.ask("/people?named=no").text)
    nobody = visitor.ask("/people?q=nobody")
    assert not CARD.findall(nobody.text)
    assert "Nobody fits" in nobody.text


def test_a_hidden_person_is_behind_the_filter(visitor: Visitor):
    visitor.say("hide", person="person_02")
    assert CARD.findall(visitor.ask("/people").text) == ["person_01"]
    assert CARD.findall(visitor.ask("/people?named=hidden").text) == ["person_02"]
    assert "Hidden" in visitor.ask("/people/person_02").text


def test_htmx_gets_the_list_and_nothing_around_it(visitor: Visitor):
    part = visitor.ask("/people?q=01", HX_Request="true")
    assert CARD.findall(part.text) == ["person_01"]
    assert "<html" not in part.text
    assert part.headers["vary"].startswith("HX-Request")


def test_the_faces_of_a_person_come_odd_ones_first(visitor: Visitor, reader: Reader):
    faces = visitor.ask("/people/person_01").faces
    cards = [reader.now().face(face) for face in faces]
    distances = [card.distance for card in cards if card and card.distance is not None]
    assert len(distances) == len(faces) == len(list((visitor.folder / "person_01").glob("*.png")))
    assert distances == sorted(distances, reverse=True)
    newest = [
        card.time for face in visitor.ask("/people/person_01?order=newest").faces if (card := reader.now().face(face))
    ]
    assert newest == sorted(newest, key=lambda time: time.timestamp() if time else 0, reverse=True)


def test_no_face_is_passed_over_when_others_are_moved_while_one_scrolls(
    visitor: Visitor, reader: Reader, monkeypatch: pytest.MonkeyPatch
):
    for module in (lists, people, person, unknowns):
        monkeypatch.setattr(module, "PIECE", 6)
    every = set(visitor.ask("/people/person_01?order=oldest").faces)
    assert len(every) == 6
    page = visitor.ask("/people/person_01?order=oldest")
    visitor.say("assign", faces=page.faces[:3], person="person_02", new=False, seen=None)
    left = {card.id for card in reader.now().faces_of("person_01")}
    seen = set(page.faces)
    while (following := re.search(r'hx-get="([^"]*cursor=[^"]*)"', page.text)) and len(seen) < 100:
        page = visitor.ask(following[1].replace("&amp;", "&"))
        assert page.faces
        seen |= set(page.faces)
    assert left <= seen


@pytest.mark.parametrize("path", ["/people", "/people/person_01?tab=not", "/people/person_01", "/unknowns"])
def test_a_part_of_a_page_is_made_without_the_rest(visitor: Visitor, path: str):
    part = visitor.ask(path, HX_Request="true")
    assert part.status == 200
    assert part.text.strip() in visitor.ask(path).text


def test_a_former_name_leads_to_the_person(visitor: Visitor):
    visitor.say("rename", person="person_01", name="Ana van der Berg", seen=None)
    visitor.say("merge", person="Ana van der Berg", **{"from": ["person_02"], "name": None, "seen": None})
    for former in ("person_01", "person_02"):
        answer = visitor.ask(f"/people/{former}?order=newest")
        assert (answer.status, answer.headers["location"]) == (303, "/people/Ana%20van%20der%20Berg?order=newest")
    assert visitor.ask("/people/nobody").status == 404
    assert "Nobody is called that" in visitor.ask("/people/nobody").text


def test_a_name_with_tags_in_it_is_shown_as_it_is_written(visitor: Visitor):
    visitor.say("rename", person="person_01", name="<b onclick=alert(1)>O'Neil & van Söhne", seen=None)
    for path in ("/people", f"/people/{quote(EVIL[:-4], safe='')}"):
        page = visitor.ask(path)
        assert page.status == 200
        assert "<b onclick" not in page.text
        assert "&lt;b onclick=alert(1)&gt;O&#39;Neil &amp; van Söhne" in page.text


def test_who_is_said_not_to_be_somebody_is_under_not_them(visitor: Visitor):
    face = visitor.ask("/people/person_01").faces[0]
    assert "You have not said No" in visitor.ask("/people/person_01?tab=not").text
    visitor.say("assign", faces=[face], person=None, new=False, seen=None, **{"not": "person_01"})
    assert visitor.ask("/people/person_01?tab=not").faces == [face]
    assert face not in visitor.ask("/people/person_01").faces
    assert visitor.ask("/people/person_02?tab=similar").status == 200


def test_ignored_and_excluded_faces_have_a_list_each(visitor: Visitor):
    ignored, excluded = visitor.ask("/people/person_01").faces[:2]
    visitor.say("ignore", faces=[ignored], seen=None)
    visitor.say("exclude", faces=[excluded], seen=None)
    assert visitor.ask("/unknowns?tab=ignored").faces == [ignored]
    assert visitor.ask("/unknowns?tab=excluded").faces == [excluded]
    assert not {ignored, excluded} & set(visitor.ask("/unknowns").faces)


def test_unknown_faces_that_may_be_one_person_are_a_group_with_one_field(visitor: Visitor):
    faces = visitor.ask("/people/person_02?order=best").faces[:6]
    visitor.say("ignore", faces=faces, seen=None)
    assert visitor.ask("/unknowns").faces == []
    visitor.say("restore", faces=faces, seen=None)
    page = visitor.ask("/unknowns")
    assert page.text.count("data-group") == page.text.count('name="name"') == 1
    assert sorted(page.faces) == sorted(faces)
    assert "6 faces" in page.text
    assert "Wed, Jan 1, 2020" in page.text
    part = visitor.ask("/unknowns", HX_Request="true")
    assert (part.faces, "<html" in part.text) == (page.faces, False)
    visitor.say("assign", faces=faces, person="Joe Biden", new=False, seen=None)
    assert "data-group" not in visitor.ask("/unknowns").text


def test_a_picture_is_kept_by_the_browser_only_under_its_own_hash(visitor: Visitor, reader: Reader):
    face = reader.now().people[0].best
    card = reader.now().face(face)
    assert card is not None
    right = visitor.ask(f"/faces/{face}.jpg?w=112&v={card.hash}")
    assert right.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert visitor.ask(f"/faces/{face}.jpg?w=112&v=00000000").headers["cache-control"] == "private, no-cache"
    again = visitor.ask(f"/faces/{face}.jpg?w=112", If_None_Match=right.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    for gone in (0, -1, 999999, 2**70):
        assert visitor.ask(f"/faces/{gone}.jpg").status == 404


def test_forgetting_a_person_says_what_is_gone(visitor: Visitor):
    page = visitor.ask("/people/person_02")
    faces = page.faces
    assert f"This deletes {len(faces)} pictures for good" in page.text
    refused = visitor.ask("/people/person_02/forget", "POST", Origin="https://evil.example")
    assert refused.status == 403
    own = f"http://127.0.0.1:{visitor.port}"
    seen = re.search(r'name="(revision)" value="([0-9]+)"', page.text)
    assert seen is not None
    body, asked = "=".join(seen.groups()), {"Origin": own, "Sec_Fetch_Site": "same-origin"}
    done = visitor.ask("/people/person_02/forget", "POST", body, **asked)
    assert f"{len(faces)} pictures and their numbers are gone" in done.text
    assert not (visitor.folder / "person_02").exists()
    assert visitor.ask(f"/faces/{faces[0]}.jpg?w=112").status == 404
    assert visitor.ask("/people/person_02").status == 404
    assert visitor.ask("/people/person_02/forget", "POST", body, **asked).status == 404


def test_a_page_that_is_old_forgets_nobody_whom_others_changed_since(visitor: Visitor, reader: Reader):
    asked = {"Origin": f"http://127.0.0.1:{visitor.port}", "Sec_Fetch_Site": "same-origin"}
    before = f"revision={reader.now().revision}"
    visitor.say("merge", person="person_02", **{"from": ["person_01"]}, seen=None)
    refused = visitor.ask("/people/person_02/forget", "POST", before, **asked)
    assert (refused.status, "moved in the meantime" in refused.text.lower()) == (409, True)
    assert visitor.ask("/people/person_02/forget", "POST", **asked).status == 422
    assert (visitor.folder / "person_02").exists()


@pytest.mark.parametrize("path", ["/people", "/unknowns"])
def test_an_empty_folder_tells_how_to_begin(visitor: Visitor, path: str):
    for name in ("person_01", "person_02"):
        visitor.say("forget", what=name, path=name)
    for pictures in visitor.folder.glob("unknowns/*.png"):
        visitor.say("forget", what=pictures.stem, path=str(pictures))
    assert "face-classifier watch --config configs/rehearsal.yaml" in visitor.ask(path).text


@pytest.mark.parametrize(
    ("name", "typed", "does"),
    [
        ("김영수", "ㄱㅇㅅ", True),
        ("김영수", "ㅇㅅ", True),
        ("김영수", "김ㅇ", True),
        ("김영수", "기", True),
        ("김영수", "거", False),
        ("김영수", "ㄱㅅ", False),
        ("김영수", "", True),
        ("박 지민", "ㅂㅈㅁ", True),
        ("Ana van der Berg", "VAN D", True),
        ("Ana", "anas", False),
    ],
)
def test_a_name_fits_what_is_typed_of_it(name: str, typed: str, does: bool):
    assert fits(name, typed) is does


def test_a_list_goes_on_after_what_is_left_of_the_piece_before():
    ids = list(range(10))
    assert cursor_after(ids, 10) is None
    cursor = cursor_after(ids, 6)
    assert start_of(ids, cursor) == 6
    assert start_of([0, 1, 2, 3, 6, 7], cursor) == 4  # 4 and 5 have gone
    assert start_of([6, 7], cursor) == 0
    assert [start_of(ids, odd) for odd in (None, "", "x-٣", "99")] == [0, 0, 0, 0]
