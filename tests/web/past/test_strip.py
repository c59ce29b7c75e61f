"""Where the bars of a day lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from web.past.days import FRIDAY, local

from face_classifier.events.visits import Visit
from face_classifier.gallery.passing.table import Outage
from face_classifier.web.pages.past.strip import hours, strips


def visit(person: str | None, first: datetime, minutes: float, camera: str = "door") -> Visit:
    last = first + timedelta(minutes=minutes)
    return Visit(1, camera, None, person, first, last, None, None, (1,), 9, None, None, ())


def test_a_bar_lies_where_the_visit_was() -> None:
    (strip,) = strips(FRIDAY, [visit("Ann", local(FRIDAY, 6), 12 * 60)], [])
    (bar,) = strip.bars
    assert (strip.camera, strip.lanes, bar.left, bar.width, bar.lane) == ("door", 1, 25, 50, 0)


def test_who_is_there_at_the_same_time_is_on_another_lane_and_who_comes_again_at_once_is_one_bar() -> None:
    found = [
        visit("Ann", local(FRIDAY, 6), 30),
        visit("Bob", local(FRIDAY, 6, 10), 5),
        visit("Ann", local(FRIDAY, 6, 33), 5),
        visit("Ann", local(FRIDAY, 9), 5),
    ]
    (strip,) = strips(FRIDAY, found, [])
    assert [(bar.person, bar.lane, len(bar.visits)) for bar in strip.bars] == [
        ("Ann", 0, 2),
        ("Bob", 1, 1),
        ("Ann", 0, 1),
    ]
    assert strip.bars[0].color == strip.bars[2].color


def test_ten_thousand_visits_are_a_few_hundred_bars() -> None:
    found = [visit(None, local(FRIDAY, 0) + timedelta(seconds=8 * number), 0.1) for number in range(10_000)]
    (strip,) = strips(FRIDAY, found, [])
    assert len(strip.bars) <= 100 / 0.3 + 1


def test_what_is_of_other_days_is_cut_off_and_outages_are_drawn() -> None:
    before, after = FRIDAY - timedelta(days=1), FRIDAY + timedelta(days=1)
    outages = [
        Outage("yard", local(before, 23), local(FRIDAY, 6)),
        Outage("yard", local(FRIDAY, 18), local(after, 6)),
        Outage("yard", local(after, 7), None),
        Outage("yard", local(before, 1), local(before, 2)),
    ]
    door, yard = strips(FRIDAY, [visit("Ann", local(FRIDAY, 23), 120)], outages)
    assert [(bar.left + bar.width) for bar in door.bars] == [pytest.approx(100, abs=0.01)]
    assert [(away.left, away.width) for away in yard.aways] == [(0, 25), (75, 25)]


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    assert hours(FRIDAY)[:3] == [(0, 0), (12.5, 3), (25, 6)]
    assert hours(date(2026, 1, 1))[-1] == (100, 24)


def test_all_photos_of_a_day_are_one_strip_the_last() -> None:
    found = [
        replace(visit("Ann", local(FRIDAY, 6 + number), 0, f"/photos/{number}.JPG"), fingerprint=f"{number}")
        for number in range(5)
    ]
    clip = replace(visit("Ann", local(FRIDAY, 9), 1, "/photos/clip.mp4"), fingerprint="clip")
    camera = visit("Ann", local(FRIDAY, 9), 1, "yard.jpg")  # a live source may be called so
    drawn = strips(FRIDAY, [*found, clip, camera], [])
    assert [(strip.camera, len(strip.bars)) for strip in drawn] == [("/photos/clip.mp4", 1), ("yard.jpg", 1), (None, 5)]
