"""Charts of visits, and who was seen with whom."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import httpx
from servers.pages import SECONDS, settings_of, site_of
from web.past.days import FRIDAY, fill, local, row

from face_classifier.events.visits import Visit, Wish
from face_classifier.gallery.store import Store
from face_classifier.web.app import make_app
from face_classifier.web.aside.passed import Calendar
from face_classifier.web.pages.past.charts import Charts
from face_classifier.web.served import served


def visit(first: datetime) -> Visit:
    return Visit(1, "door", None, "Ann", first, first + timedelta(minutes=2), None, None, (1,), 9, None, None, ())


def test_hours_are_shaded_by_how_many_came_and_days_end_with_the_last_visit() -> None:
    times = [local(FRIDAY, 7), local(FRIDAY, 7, 30), local(FRIDAY, 9), local(date(2026, 11, 2), 9)]
    charts = Charts.of(Calendar.of(map(visit, times)), Wish())
    assert charts is not None
    assert (charts.hours[4][7], charts.hours[4][9], charts.hours[0][9], charts.hours[0][0]) == (
        (2, 4),
        (1, 2),
        (1, 2),
        (0, 0),
    )
    assert (charts.days[-1].day, charts.days[-1].count, charts.days[-1].height) == (FRIDAY, 3, 100)
    assert [(bar.day.day, bar.count) for bar in charts.days if bar.count] == [(2, 1), (27, 3)]
    assert charts.days[-1].left + charts.days[-1].width <= 100


def test_nothing_is_drawn_of_nobody() -> None:
    assert Charts.of(Calendar.of([visit(local(FRIDAY, 7))]), Wish(person="Bob")) is None


def test_pages_show_when_somebody_comes_and_with_whom(result: Path) -> None:
    days = fill(result)
    with Store(result, writing=True) as store:
        one, two = days.people
        store.tracks.write(
            [
                row(2000, "door", local(FRIDAY, 20), 60, days.faces[one][0]),
                row(2001, "door", local(FRIDAY, 20), 60, days.faces[two][0]),
            ]
        )
    site = site_of(settings_of(result))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        base = f"http://127.0.0.1:{port}"
        events = httpx.get(f"{base}/events", params={"person": one, "camera": "door"}, timeout=SECONDS).text
        together = httpx.get(f"{base}/together", timeout=SECONDS).text
    assert 'class="hours-map"' in events
    assert events.count("person=person_01&amp;camera=door&amp;since=2026") == 3  # a bar a day
    assert 'class="meetings"' in together
    assert together.count(f"/people/{one}") == together.count(f"/people/{two}") == 1


def test_a_folder_of_nobody_says_what_comes_here(tmp_path: Path) -> None:
    site = site_of(settings_of(tmp_path / "nothing"))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/together", timeout=SECONDS)
    assert answer.status_code == 200
    assert "Nobody has been seen with anybody yet" in answer.text
