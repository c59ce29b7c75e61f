"""Questions about people and visits are answered in a browser: by keys, by a finger, and taken back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import Listener
from servers.pages import SECONDS, settings_of, site_of
from web.past.days import Days, fill

from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.reading.catalogue import Catalogue, kept_apart
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.served import served

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

SWIPE = """([from, to]) => {
  const one = document.querySelector(".question:not([hidden]) h2");
  const tell = (type, x) => one.dispatchEvent(new PointerEvent(type, {
    bubbles: true, pointerType: "touch", isPrimary: true, pointerId: 7, clientX: x, clientY: 200,
  }));
  tell("pointerdown", from);
  for (let step = 1; step <= 5; step += 1) tell("pointermove", from + ((to - from) * step) / 5);
  tell("pointerup", to);
}"""


@pytest.fixture
def asked(result: Path) -> Path:
    """One president has three names, and the other one has pictures of him."""
    pictures = sorted((result / "person_01").iterdir())
    for name in ("Barack", "Hussein"):
        (result / name).mkdir()
    for number, picture in enumerate(pictures[:17]):
        folder = "Barack" if number < 7 else "Hussein" if number < 14 else "person_02"
        shutil.move(picture, result / folder / picture.name)
    (result / "person_01").rename(result / "Obama")
    with Gallery.open(settings_of(result), Listener()) as gallery:
        gallery.look()
    return result


@pytest.fixture
def now(result: Path) -> Iterator[Callable[[], Catalogue]]:
    with Reader(result) as reader:
        yield reader.now


@pytest.fixture
def address(result: Path) -> Iterator[str]:
    site = site_of(settings_of(result))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


def question(tab: Page) -> str:
    """The key of the question that is shown."""
    return tab.locator(".question:visible").get_attribute("data-question") or ""


def test_questions_are_answered_skipped_and_taken_back_by_keys(
    asked: Path, address: str, now: Callable[[], Catalogue], tab: Page
) -> None:
    tab.goto(f"{address}/suggestions")
    first = question(tab)
    assert tab.locator(".question").count() >= 2
    tab.keyboard.press("s")
    second = question(tab)
    assert second != first
    tab.keyboard.press("z")
    assert question(tab) == first
    with tab.expect_response("**/api/v1/suggestions/**") as answer:
        tab.keyboard.press("n")
        assert question(tab) == second  # at once
    assert answer.value.status == 200
    assert len(kept_apart(now())) == 1
    with tab.expect_response("**/api/v1/journal/undo") as answer:
        tab.keyboard.press("z")
    assert answer.value.status == 200
    assert kept_apart(now()) == []
    assert question(tab) == first
    people = len(now().people)
    with tab.expect_response("**/api/v1/suggestions/**") as answer:
        tab.keyboard.press("y")
    assert answer.value.status == 200
    assert len(now().people) == people - 1


def test_both_get_the_name_that_was_chosen(asked: Path, address: str, now: Callable[[], Catalogue], tab: Page) -> None:
    tab.goto(f"{address}/suggestions")
    shown = tab.locator(".question:visible")
    other = shown.get_attribute("data-other") or ""
    one = shown.get_attribute("data-one") or ""
    shown.get_by_label(other).check()
    with tab.expect_response("**/api/v1/suggestions/**"):
        shown.locator("[data-act=same]").click()
    assert now().person(other) is not None
    assert now().person(one) is None


def test_a_no_is_kept_shown_and_asked_again_on_demand(
    asked: Path, address: str, now: Callable[[], Catalogue], tab: Page
) -> None:
    tab.goto(f"{address}/suggestions")
    with tab.expect_response("**/api/v1/suggestions/**"):
        tab.keyboard.press("n")
    tab.goto(f"{address}/suggestions?show=answered")
    assert tab.locator("[data-answer]").count() == 1
    with tab.expect_response("**/api/v1/suggestions/**"):
        tab.get_by_role("button", name="Ask again").click()
    assert kept_apart(now()) == []


def test_one_who_is_two_is_parted(asked: Path, address: str, now: Callable[[], Catalogue], tab: Page) -> None:
    tab.goto(f"{address}/suggestions?show=two")
    before = now()
    with tab.expect_response("**/split") as answer:
        tab.keyboard.press("n")
    assert answer.value.status == 200
    after = now()
    assert len(after.people) == len(before.people) + 1
    assert ("person_02", answer.value.json()["part"]) in [tuple(sorted(pair)) for pair in kept_apart(after)]


@pytest.mark.parametrize(("to", "same"), [(380, True), (20, False), (230, None)])
def test_a_finger_answers_by_going_across(
    to: int,
    same: bool | None,
    asked: Path,
    address: str,
    now: Callable[[], Catalogue],
    context_of: Callable[..., BrowserContext],
) -> None:
    tab = context_of(width=390, height=844, has_touch=True, is_mobile=True).new_page()
    tab.goto(f"{address}/suggestions")
    people, first = len(now().people), question(tab)
    if same is None:  # not far enough
        tab.evaluate(SWIPE, [200, to])
        assert question(tab) == first
        return
    with tab.expect_response("**/api/v1/suggestions/**"):
        tab.evaluate(SWIPE, [200, to])
    assert (len(now().people) == people - 1, len(kept_apart(now())) == 1) == (same, not same)


@pytest.fixture
def days(result: Path) -> Days:
    return fill(result)


def test_a_visit_is_corrected_and_reviewed_from_its_page(
    days: Days, address: str, now: Callable[[], Catalogue], tab: Page
) -> None:
    tab.goto(f"{address}/events?camera=yard&person={days.people[0]}")
    visit = tab.locator("[data-visit]").first
    faces = [int(face) for face in (visit.get_attribute("data-faces") or "").split(",")]
    tab.keyboard.press("j")
    with tab.expect_response("**/api/v1/visits/reviewed") as answer:
        tab.keyboard.press("r")
    assert answer.value.status == 200
    assert [int(track) for track in (visit.get_attribute("data-tracks") or "").split(",")] == list(now().reviewed)
    tab.reload()
    assert tab.locator("[data-visit]").first.get_attribute("data-reviewed") is not None
    tab.keyboard.press("j")
    tab.keyboard.press("a")
    tab.locator("#chooser input").fill("Visitor")
    with tab.expect_response("**/api/v1/faces/assign") as answer:
        tab.keyboard.press("Enter")
    assert answer.value.status == 200
    assert {card.person for face in faces if (card := now().face(face))} == {"Visitor"}
    tab.wait_for_function("() => document.querySelectorAll('[data-visit]').length === 2")  # it is no longer theirs


def test_history_goes_back_to_how_it_was(asked: Path, address: str, now: Callable[[], Catalogue], tab: Page) -> None:
    before = [(person.name, person.faces) for person in now().people]
    tab.goto(f"{address}/suggestions")
    with tab.expect_response("**/api/v1/suggestions/**"):
        tab.keyboard.press("y")
    assert [(person.name, person.faces) for person in now().people] != before
    tab.goto(f"{address}/history")
    tab.get_by_role("link", name="Back to here").first.click()
    with tab.expect_response("**/api/v1/journal/undo") as answer:
        tab.get_by_role("button", name="Go back").click()
    assert answer.value.status == 200
    assert [(person.name, person.faces) for person in now().people] == before
    tab.locator(".entry.undone").first.wait_for(timeout=SECONDS * 1000)
