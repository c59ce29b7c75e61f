"""Who passed when, as pages ask it."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest
from servers.pages import settings_of
from web.past.days import FRIDAY, Days, fill, local

from face_classifier.events.visits import Wish
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.aside.apart import Apart
from face_classifier.web.aside.passed import Calendar, Passed

SECONDS = 10.0


@pytest.fixture
def days(result: Path) -> Days:
    return fill(result)


@pytest.fixture
def passed(days: Days) -> Passed:
    settings = settings_of(days.folder)
    return Passed(lambda: settings, Apart())


@pytest.fixture
def calendar(passed: Passed, days: Days) -> Calendar:
    with Reader(days.folder) as reader:
        found = passed.calendar(reader.now(), SECONDS)
    assert found is not None
    return found


def test_visits_of_a_day_are_those_of_the_table(passed: Passed, days: Days) -> None:
    one, two = days.people
    found = [(visit.camera, visit.person, visit.first) for visit in passed.on([FRIDAY])[FRIDAY]]
    assert found == [
        ("door", two, local(FRIDAY - timedelta(days=1), 23, 59)),
        ("yard", None, local(FRIDAY, 3, 30)),
        ("door", one, local(FRIDAY, 7, 5)),
        ("door", two, local(FRIDAY, 7, 20)),
        ("yard", one, local(FRIDAY, 12)),
        ("door", two, local(FRIDAY, 23, 59)),
    ]
    assert all(len(visit.faces) == (visit.person is not None) for visit in passed.on([FRIDAY])[FRIDAY])


def test_the_calendar_knows_on_which_days_somebody_came(calendar: Calendar, days: Days) -> None:
    one, _ = days.people
    of_cameras = Wish(camera="yard")
    assert calendar.days(of_cameras) == [FRIDAY - timedelta(days=back) for back in (0, 1, 9)]
    assert calendar.days(Wish(person=one, camera="yard", until=local(FRIDAY - timedelta(days=2), 0))) == [
        FRIDAY - timedelta(days=9)
    ]
    assert calendar.days(Wish(person="nobody of that name")) == []
    assert calendar.days(Wish(unknown=True, since=local(FRIDAY, 0))) == [FRIDAY]


@pytest.mark.parametrize(
    ("begin", "end", "count"),
    [
        (time(7), time(8), 6),
        (time(7, 7), time(7, 8), 3),  # who came at 7:05 was there for two minutes
        (time(23), time(4), 6),  # over midnight
        (time(0), time(1), 3),  # who came at 23:59 was there at midnight
        (time(13), time(14), 0),
    ],
)
def test_hours_of_the_day_count_whoever_was_there_then(calendar: Calendar, begin: time, end: time, count: int) -> None:
    wish = Wish(from_time=begin, to_time=end)
    own = [name in ("door", "yard") for name in (calendar.cameras[place] for place in calendar.camera)]
    assert int((calendar.granted(wish) & own).sum()) == count


def test_visits_are_counted_by_hour_and_day(calendar: Calendar, days: Days) -> None:
    one, _ = days.people
    wish = Wish(person=one, camera="yard")
    counts = calendar.by_hour(wish)
    assert (counts[4, 12], counts[3, 12], counts[2, 12], counts.sum()) == (1, 1, 1, 3)
    assert calendar.by_day(wish) == {FRIDAY - timedelta(days=back): 1 for back in (9, 1, 0)}
    assert calendar.by_day(Wish(camera="attic")) == {}


def test_days_are_read_at_once_as_far_as_they_are_few(passed: Passed, calendar: Calendar) -> None:
    days = [FRIDAY - timedelta(days=back) for back in (0, 1, 9)]
    assert [calendar.together(days, most) for most in (0, 5, 10, 100)] == [1, 1, 2, 3]
    whole = passed.on(days)
    assert all(whole[day] == passed.on([day])[day] for day in days)


def test_a_folder_without_tracks_has_an_empty_calendar() -> None:
    calendar = Calendar.of([])
    assert calendar.days(Wish()) == []
    assert calendar.by_hour(Wish()).sum() == 0
