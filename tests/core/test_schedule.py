"""When hours and days hold, by the clock on the wall."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from face_classifier.core.schedule import Schedule

FRIDAY = 6  # of November 2026


def at(day: int, clock: str, month: int = 11) -> datetime:
    """A time on a wall in Berlin, as UTC."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, month, day, hour, minute).astimezone(timezone.utc)


@pytest.mark.usefixtures("berlin")
def test_hours_are_those_of_the_clock_on_the_wall_and_their_end_is_excluded() -> None:
    schedule = Schedule(["07:00-09:30", "18:00-24:00"])
    held = [clock for clock in ("06:59", "07:00", "09:29", "09:30", "18:00", "23:59") if schedule.holds(at(4, clock))]
    assert held == ["07:00", "09:29", "18:00", "23:59"]
    assert not schedule.holds(at(5, "00:00"))


@pytest.mark.usefixtures("berlin")
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    schedule = Schedule(["22:00-06:00"], ["fri"])
    assert schedule.holds(at(FRIDAY, "22:00"))
    assert schedule.holds(at(FRIDAY + 1, "05:59"))
    assert not schedule.holds(at(FRIDAY + 1, "06:00"))
    assert not schedule.holds(at(FRIDAY, "05:59"))
    assert not schedule.holds(at(FRIDAY + 1, "22:00"))


@pytest.mark.usefixtures("berlin")
def test_without_hours_a_day_holds_whole_and_without_days_each_does() -> None:
    assert Schedule().holds(at(4, "03:00"))
    weekend = Schedule(days=["sat", "sun"])
    assert [weekend.holds(at(FRIDAY + day, "12:00")) for day in range(4)] == [False, True, True, False]


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("day", "month", "hours_open"),
    [(28, 3, 7), (24, 10, 9), (10, 6, 8)],  # put forward, put back, and a usual night
)
def test_a_night_is_as_long_as_the_clock_on_the_wall_makes_it(day: int, month: int, hours_open: int) -> None:
    schedule = Schedule(["22:00-06:00"], ["sat", "wed"])
    noon = at(day, "12:00", month)
    minutes = sum(schedule.holds(noon + timedelta(minutes=minute)) for minute in range(24 * 60))
    assert minutes == hours_open * 60


@pytest.mark.parametrize("span", ["7:00-8:00", "07:00", "07:00-07:00", "25:00-26:00", "07:00-24:30", "24:00-06:00", ""])
def test_what_are_no_hours_is_refused_by_a_sentence(span: str) -> None:
    with pytest.raises(ValueError, match="is not a span of hours; give a start and an end, such as 22:00-06:00"):
        Schedule([span])


def test_what_is_no_day_is_refused_by_a_sentence() -> None:
    with pytest.raises(ValueError, match="'friday' is not a day of the week; give one of mon, tue"):
        Schedule(days=["friday"])
