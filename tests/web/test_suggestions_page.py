"""The page of questions about people."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from conftest import Listener
from servers.pages import SECONDS, settings_of, site_of

from face_classifier.curate import ask
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.reading.catalogue import kept_apart
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.aside.apart import Apart
from face_classifier.web.aside.questions import Asking, Questions
from face_classifier.web.served import served


@pytest.fixture
def asked(result: Path) -> Path:
    """A folder in which one president has two names, and the other one has pictures of the first."""
    pictures = sorted((result / "person_01").iterdir())
    (result / "Barack").mkdir()
    for number, picture in enumerate(pictures[:13]):
        shutil.move(picture, result / ("Barack" if number < 9 else "person_02") / picture.name)
    (result / "person_01").rename(result / "Obama")
    with Gallery.open(settings_of(result), Listener()) as gallery:
        gallery.look()
    return result


@pytest.fixture
def questions(asked: Path) -> Iterator[Callable[[], Questions]]:
    """What may be asked now."""
    settings = settings_of(asked)
    asking = Asking(lambda: settings, Apart())
    with Reader(asked) as reader:

        def now() -> Questions:
            found = asking.now(reader.now(), SECONDS)
            assert found is not None
            return found

        yield now


def carry_out(folder: Path, name: str, **arguments: object) -> None:
    ask.carry_out(settings_of(folder), name, arguments, Listener())


def test_two_names_of_one_face_and_two_faces_of_one_name_are_asked_about(
    questions: Callable[[], Questions], asked: Path
) -> None:
    found = questions()
    (one,) = found.ones
    assert {one.one, one.other} == {"Barack", "Obama"}
    assert len(one.pairs) == 3
    assert [distance for _, _, distance in one.pairs] == sorted(distance for _, _, distance in one.pairs)
    (two,) = found.twos
    assert (two.person, two.counts[0]) == ("person_02", 4)
    assert set(two.go) <= set(two.movable) <= set(two.whole)
    assert not set(two.stay) & set(two.go)


def test_what_was_answered_is_asked_no_more_though_it_was_worked_out_before(
    questions: Callable[[], Questions], asked: Path
) -> None:
    before = questions()
    carry_out(asked, "suggest reject", one="Barack", other="Obama")
    carry_out(asked, "suggest reject --split", person="person_02")
    with Reader(asked) as reader:
        now = reader.now()
        assert kept_apart(now) == [("Barack", "Obama")]
        assert before.standing(now) == Questions([], [])
    carry_out(asked, "undo", to=None)
    carry_out(asked, "undo", to=None)
    with Reader(asked) as reader:
        assert before.standing(reader.now()) == before


def test_people_who_became_one_are_asked_about_no_more(questions: Callable[[], Questions], asked: Path) -> None:
    before = questions()
    carry_out(asked, "suggest accept", one="Barack", other="Obama")
    with Reader(asked) as reader:
        assert not before.standing(reader.now()).ones


def test_the_page_shows_one_question_with_three_faces_of_each(asked: Path) -> None:
    site = site_of(settings_of(asked))
    with (
        site.reader,
        served(make_app(site), "127.0.0.1", 0) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as client,
    ):
        page = client.get("/suggestions").text
        assert page.count('class="question"') == 1
        assert page.count("/faces/") == 6
        assert 'value="Obama" checked' in page  # who has more faces keeps the name, unless the user says otherwise
        assert client.get("/suggestions?show=two").text.count("/faces/") == 6
        assert "No pair was said to be two people" in client.get("/suggestions?show=answered").text
        carry_out(asked, "suggest reject", one="Barack", other="Obama")
        answered = client.get("/suggestions?show=answered").text
        assert 'data-one="Barack" data-other="Obama"' in answered
        page = client.get("/suggestions").text  # the next kind of question of which there is any
        assert 'data-kind="two"' in page
        assert 'data-kind="one"' not in page
        assert 'class="question"' not in client.get("/suggestions?show=one").text


def test_a_folder_without_people_says_how_to_begin(tmp_path: Path) -> None:
    site = site_of(settings_of(tmp_path / "nothing"))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        page = httpx.get(f"http://127.0.0.1:{port}/suggestions", timeout=SECONDS)
    assert page.status_code == 200
    assert "Nobody is here yet" in page.text
