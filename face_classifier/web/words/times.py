"""Times and numbers as people of each language write them, in the time zone of this machine."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Literal

from babel.dates import (
    format_date,
    format_skeleton,
    format_time,
    format_timedelta,
    get_datetime_format,
    get_day_names,
)
from babel.numbers import format_decimal, format_percent


def local(time: datetime) -> datetime:
    """The same moment on the clock of this machine."""
    return time.astimezone()


def moment(time: datetime, language: str) -> str:
    """Date and time of day, to the minute: ``Nov 27, 2026, 2:05 PM``."""
    both = str(get_datetime_format("medium", locale=language))
    return both.replace("{1}", date_of(time, language)).replace("{0}", clock(time, language))


def clock(time: datetime, language: str) -> str:
    """The time of day, to the minute."""
    here = local(time)
    return format_time(here, "short", tzinfo=here.tzinfo, locale=language).replace("\u202f", " ")


def day(time: datetime | date, language: str) -> str:
    """The day with its weekday, and its year where that is another than now."""
    the_day = local(time).date() if isinstance(time, datetime) else time
    form = "EEEMMMd" if the_day.year == datetime.now().year else "yMMMEd"
    noon = datetime(the_day.year, the_day.month, the_day.day, 12)
    return format_skeleton(form, noon, tzinfo=timezone.utc, locale=language)


def weekday(number: int, language: str) -> str:
    """The short name of a day of the week; 0: Monday."""
    return get_day_names("abbreviated", locale=language)[number]


def date_of(time: datetime | date, language: str) -> str:
    """The date alone: ``Nov 27, 2026``."""
    return format_date(local(time).date() if isinstance(time, datetime) else time, "medium", locale=language)


def ago(time: datetime, language: str, now: datetime | None = None, *, short: bool = False) -> str:
    """How long ago: ``3 hours ago``, or ``3 hr ago`` where there is little room. Above a month it is the date."""
    passed = (now or datetime.now(timezone.utc)) - time
    if abs(passed) > timedelta(days=30):
        return date_of(time, language)
    form: Literal["short", "long"] = "short" if short else "long"
    return format_timedelta(-passed, add_direction=True, format=form, locale=language)


def lasting(length: timedelta | float, language: str) -> str:
    """A length of time, given as such or in seconds: ``4 minutes``."""
    whole = length if isinstance(length, timedelta) else timedelta(seconds=length)
    return format_timedelta(whole, locale=language)


def number(value: float, language: str) -> str:
    """``12,345`` or ``0.46``."""
    return format_decimal(value, locale=language)


def percent(part: float, language: str) -> str:
    """A part of one: ``73%``."""
    return format_percent(part, locale=language)
