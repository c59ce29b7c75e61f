"""The page of who passed when."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from servers.pages import settings_of, site_of
from web.past.days import FRIDAY, Days, fill

from face_classifier.gallery.store import Store
from face_classifier.web.app import make_app
from face_classifier.web.served import served

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

CLIP = FRIDAY - timedelta(days=9)


@pytest.fixture
def days(result: Path) -> Days:
    return fill(result)


@pytest.fixture
def client(days: Days, page_of: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=page_of, timeout=10) as client:
        yield client


def shown(page: str) -> list[str]:
    """The days of a page."""
    return [part.partition('"')[0] for part in page.split('<h2 id="day-')[1:]]


def test_visits_are_shown_by_day_the_latest_first(client: httpx.Client, days: Days) -> None:
    page = client.get("/events").text
    # The last visit lasts into Saturday, which is a day of its own once it has begun.
    assert [day for day in shown(page) if day != "2026-11-28"][:2] == ["2026-11-27", "2026-11-26"]
    friday = page.partition('<h2 id="day-2026-11-27')[2].partition("day-2026-11-26")[0]
    assert friday.count("data-visit") == 5
    assert friday.index("11:59") < friday.index('class="visits"') < friday.rindex("7:05")
    assert "No picture" in friday


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("camera=door", 9),
        ("camera=yard&unknown=true", 3),
        ("camera=yard&since=2026-11-26&until=2026-11-26", 2),
        ("camera=door&from_time=07:00&to_time=07:10", 3),
        ("camera=door&from_time=23:00&to_time=01:00", 3),
        ("camera=attic", 0),
        ("person=nobody%20of%20that%20name", 0),
    ],
)
def test_a_filter_leaves_the_visits_that_fit(client: httpx.Client, query: str, count: int) -> None:
    page = client.get(f"/events?{query}").text
    assert page.count("data-visit") == count
    assert f"/api/v1/visits?{query.partition('&')[0]}" in page.replace("+", "%20")


def test_a_filter_by_person_keeps_their_visits_alone(client: httpx.Client, days: Days) -> None:
    page = client.get("/events", params={"person": days.people[0], "camera": "yard"}).text
    assert page.count("data-visit") == 3
    assert f'data-person="{days.people[1]}"' not in page


def test_what_is_no_time_is_told_and_left_out(client: httpx.Client) -> None:
    page = client.get("/events?camera=door&since=<script>&from_time=99:99")
    assert page.status_code == 200
    assert "since, from_time" in page.text
    assert page.text.count("data-visit") == 9


def test_days_are_turned_over_one_after_the_other(client: httpx.Client) -> None:
    page = client.get("/events?camera=yard&before=2026-11-26").text
    assert shown(page) == [CLIP.isoformat()]
    assert "The latest days" in page
    assert client.get("/events?before=2000-01-01").text.count("data-visit") == 0


def test_a_folder_in_which_nobody_passed_says_how_to_begin(tmp_path: Path) -> None:
    site = site_of(settings_of(tmp_path / "nothing"))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        page = httpx.get(f"http://127.0.0.1:{port}/events", timeout=10)
    assert page.status_code == 200
    assert "Nobody has passed yet" in page.text


def test_a_folder_without_a_journal_has_visits_too(result: Path) -> None:
    fill(result)
    with Store(result, writing=True) as store, store.tracks._table.together():
        for table in ("changes", "journal"):
            store.tracks._table.execute(f"DELETE FROM {table}")
    site = site_of(settings_of(result))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        page = httpx.get(f"http://127.0.0.1:{port}/events?camera=door", timeout=10).text
    assert page.count("data-visit") == 9


def photographed(folder: Path, source: str) -> None:
    """As if each of the faces had come from a file of its own, before there were tracks."""
    with closing(sqlite3.connect(folder / "faces.sqlite")) as table, table:
        table.execute("DELETE FROM tracks")
        table.execute("UPDATE faces SET track = NULL, fingerprint = id, source = ?", (source,))
        table.execute("UPDATE faces SET source = replace(source, '#', id)")


def test_a_day_of_photos_is_one_strip_and_no_choice_of_files(result: Path) -> None:
    photographed(result, "/photos/#.jpg")
    site = site_of(settings_of(result))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        page = httpx.get(f"http://127.0.0.1:{port}/events", timeout=10).text
    assert page.count("data-visit") == 38
    assert page.count('<figure class="strip">') == len(shown(page)) == 1
    assert "Photos</figcaption>" in page
    assert '<option value="/photos' not in page


def test_a_day_of_many_files_draws_some_and_counts_the_rest(result: Path) -> None:
    photographed(result, "rtsp://user:secret@127.0.0.1/#.mp4")
    site = site_of(settings_of(result))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        page = httpx.get(f"http://127.0.0.1:{port}/events", timeout=10).text
        home = httpx.get(f"http://127.0.0.1:{port}/", timeout=10).text
    assert page.count('<figure class="strip">') == 20
    assert "30 more cameras and files" in page
    assert "and 18 more, in the list below" in page
    assert "secret" not in page + home


def test_a_day_is_read_on_a_phone_and_a_bar_leads_to_its_visit(
    days: Days, page_of: str, context_of: Callable[..., BrowserContext]
) -> None:
    tab = context_of(width=390, height=844, has_touch=True).new_page()
    tab.goto(f"{page_of}/events?camera=door")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    widths = tab.evaluate(
        "[...document.querySelectorAll('.strip a rect')]"
        ".map(bar => bar.getBoundingClientRect().width + parseFloat(getComputedStyle(bar).strokeWidth))"
    )
    assert min(widths) >= 2
    bar = tab.locator(".strip a").nth(1)
    bar.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("location.hash") == f"#{tab.locator('.visit:target').get_attribute('id')}"


def test_a_form_without_script_filters(days: Days, page_of: str, context_of: Callable[..., BrowserContext]) -> None:
    tab = context_of(java_script_enabled=False).new_page()
    tab.goto(f"{page_of}/events")
    tab.locator("summary").first.click()
    tab.locator("select[name=camera]").select_option("yard")
    tab.locator("input[name=unknown]").check()
    tab.locator("form button").first.click()
    assert tab.locator(".visit").count() == 3
