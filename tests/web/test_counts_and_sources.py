"""What stands beside a list follows what was done, and files are told by their names."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from conftest import Listener
from servers.pages import settings_of

from face_classifier.curate import ask
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.pages.rendering import file_name

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("/home/me/films/a b.mp4", "a b.mp4"),
        ("C:\\films\\a.mp4", "a.mp4"),
        ("front door", "front door"),
        ("rtsp://me:secret@10.0.0.9/stream/1", "rtsp://10.0.0.9/stream/1"),
        ("/", "/"),
    ],
)
def test_a_file_is_told_by_its_name_and_an_address_without_its_login(source: str, told: str) -> None:
    assert file_name(source) == told


@pytest.mark.parametrize("path", ["/", "/events"])
def test_visits_of_a_file_name_it_and_tell_where_it_lies(page_of: str, demo_clip: Path, path: str) -> None:
    page = httpx.get(page_of + path, timeout=10).text
    assert f'title="{demo_clip}">{demo_clip.name}</bdi>' in page


def test_the_first_page_has_the_latest_visits_of_a_folder_from_before_there_were_tracks(
    result: Path, page_of: str
) -> None:
    with closing(sqlite3.connect(result / "faces.sqlite")) as database, database:
        database.execute("DELETE FROM tracks")
    page = httpx.get(page_of, timeout=10).text
    visits = page.partition("Latest visits")[2]
    assert "person_01" in visits
    assert "person_02" in visits


def test_counts_of_unknown_and_ignored_faces_follow_what_is_done(result: Path, page_of: str, tab: Page) -> None:
    with Reader(result) as reader:
        two = [face.id for face in reader.now().faces_of("person_01", "odd", 0, 2)]
    for command in ("assign", "restore"):
        given = {"person": None} if command == "assign" else {}
        ask.carry_out(settings_of(result), command, {"faces": two, **given}, Listener())
    tab.goto(f"{page_of}/unknowns")
    tab.wait_for_selector('nav #unknown-count .count:has-text("2")')
    tab.locator("[data-face]").first.click()
    tab.keyboard.press("i")
    tab.wait_for_selector('nav #unknown-count .count:has-text("1")')
    tab.wait_for_selector('#count-ignored:has-text("1")')
    tab.keyboard.press("z")
    tab.wait_for_selector('nav #unknown-count .count:has-text("2")')
    tab.wait_for_selector("#count-ignored:not(:has(*))", state="attached")


def test_control_z_undoes_from_an_empty_field_and_leaves_what_is_typed(result: Path, page_of: str, tab: Page) -> None:
    tab.goto(f"{page_of}/people/person_01")
    tab.locator("[data-face]").first.click()
    tab.keyboard.press("i")
    tab.wait_for_selector("#toasts button")
    tab.evaluate("document.querySelector('h1').after(document.createElement('input'))")
    field = tab.locator("h1 + input")
    field.fill("Kim")
    field.press("Control+z")
    tab.wait_for_function("document.querySelector('h1 + input').value === ''")
    assert "Taken back" not in tab.locator("#toasts").inner_text()
    field.press("Control+z")
    tab.wait_for_selector('.toast:has-text("Taken back")')


def test_news_lies_beside_the_page_within_the_rail(page_of: str, tab: Page) -> None:
    tab.goto(page_of)
    tab.evaluate("""document.getElementById("main").insertAdjacentHTML("beforebegin",
        '<button class="news"><svg class="icon"></svg><span>Something has changed</span></button>')""")
    rail, news = tab.locator("nav.nav").bounding_box(), tab.locator(".news").bounding_box()
    assert rail
    assert news
    assert rail["x"] <= news["x"]
    assert news["x"] + news["width"] <= rail["x"] + rail["width"]
    assert tab.evaluate("document.querySelector('.news').scrollWidth <= document.querySelector('.news').offsetWidth")


def test_buttons_of_a_person_stay_where_they_are_however_long_the_words_beside_are(page_of: str, tab: Page) -> None:
    tab.goto(f"{page_of}/people/person_01")
    button = tab.locator("main [data-act=rename]").first
    before = button.bounding_box()
    tab.evaluate("document.getElementById('about').textContent += ' · a few words more'.repeat(9)")
    after = button.bounding_box()
    assert before
    assert after
    assert abs(after["y"] - before["y"]) < 30  # it is in the middle of a row that grew
    assert after["x"] == before["x"]


def test_what_is_wider_than_a_phone_scrolls_within_itself(page_of: str, tab: Page) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(page_of)
    tab.evaluate("""document.getElementById("main").innerHTML = '<div class="scrolls"><table><tr>' +
        '<th><i>a wide cell</i><span class="unseen">somebody</span></th>'.repeat(20) + "</tr></table></div>" """)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
