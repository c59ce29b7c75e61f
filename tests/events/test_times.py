"""Times as users write them, where the program runs."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from face_classifier.core.errors import WrongUseError
from face_classifier.events.times import bounds, day, moment, time_of_day

UTC = timezone.utc
NOW = datetime(2026, 11, 27, 11, 30, tzinfo=UTC)  # half past twelve in Berlin
pytestmark = pytest.mark.usefixtures("berlin")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-11-27 14:30", datetime(2026, 11, 27, 13, 30, tzinfo=UTC)),
        ("2026-07-01T14:30:15.5", datetime(2026, 7, 1, 12, 30, 15, 500_000, tzinfo=UTC)),
        ("2026-11-27T14:30:00Z", datetime(2026, 11, 27, 14, 30, tzinfo=UTC)),
        ("2026-11-27 14:30-05:00", datetime(2026, 11, 27, 19, 30, tzinfo=UTC)),
        ("8:05", datetime(2026, 11, 27, 7, 5, tzinfo=UTC)),
        ("now", NOW),
        (" Today ", datetime(2026, 11, 26, 23, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 25, 23, tzinfo=UTC)),
        ("2 h ago", NOW - timedelta(hours=2)),
        ("10min ago", NOW - timedelta(minutes=10)),
    ],
)
def test_a_time_without_an_offset_is_local(given: str, meant: datetime) -> None:
    found = moment(given, "--since", NOW)
    assert found == meant
    assert found.tzinfo is not None


def test_a_day_is_its_end_where_that_is_asked() -> None:
    assert moment("yesterday", "--until", NOW, end=True) == datetime(2026, 11, 26, 23, tzinfo=UTC)
    assert moment("2026-11-27 10:00", "--until", NOW, end=True) == datetime(2026, 11, 27, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["", "never", "25:00", "2026-02-30", "2026-11-27 25:00", "2 h", "-1 h ago", "1e999 d ago", "9" * 30]
)
def test_what_is_no_time_is_told_in_a_sentence(given: str) -> None:
    with pytest.raises(WrongUseError, match=r"^--since is .*, but must be a time such as [^.]*$"):
        moment(given, "--since", NOW)


def test_days_and_times_of_the_day_are_told_apart_from_others() -> None:
    assert day("yesterday", "--day", NOW) == date(2026, 11, 26)
    with pytest.raises(WrongUseError, match="--day is '14:30', but must be a day"):
        day("14:30", "--day", NOW)
    assert time_of_day("6:05", "--to-time").hour == 6
    with pytest.raises(WrongUseError, match="--to-time is '24:01', but must be a time of day"):
        time_of_day("24:01", "--to-time")


@pytest.mark.parametrize(("of", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 27), 24)])
def test_a_day_is_as_long_as_its_clock_has_it(of: date, hours: int) -> None:
    begin, end = bounds(of)
    assert end.astimezone(UTC) - begin.astimezone(UTC) == timedelta(hours=hours)
