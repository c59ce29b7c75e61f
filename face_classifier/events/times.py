"""Times as users write them: local where no offset is given, days by their names."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from face_classifier.core.config.parts.units import clock, duration
from face_classifier.core.errors import WrongUseError

_DAYS = {"today": 0, "yesterday": 1}  # days before today
_AGO = re.compile(r"(.+?)\s+ago", re.IGNORECASE)


def moment(given: str, option: str, now: datetime, *, end: bool = False) -> datetime:
    """A time of ``2026-11-27 14:30``, ``14:30``, ``2026-11-27``, ``yesterday``, ``now`` or ``2 h ago``, aware.

    Parameters
    ----------
    given: as the user wrote it; without an offset it is local time, and a time alone is of today.
    option: that it was given to, for the sentence.
    now: aware.
    end: whether a day stands for its end rather than its begin.

    Raises
    ------
    WrongUseError: it is none of these.
    """
    text = given.strip()
    if text.lower() == "now":
        return now
    found = day_of(text, now)
    if found is not None:
        return bounds(found)[end]
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(seconds=duration(ago[1]))
        return datetime.combine(now.astimezone().date(), clock(text)).astimezone()
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1:] in "Zz" else text).astimezone()
    except (ValueError, OverflowError):
        raise WrongUseError(
            f"{option} is {given!r}, but must be a time such as 2026-11-27 14:30, 14:30, 2026-11-27, yesterday, or "
            "2 h ago"
        ) from None


def day(given: str, option: str, now: datetime) -> date:
    """A day of ``2026-11-27``, ``today`` or ``yesterday``. Raises WrongUseError; parameters as of `moment`."""
    found = day_of(given.strip(), now)
    if found is None:
        raise WrongUseError(f"{option} is {given!r}, but must be a day such as 2026-11-27, today or yesterday")
    return found


def day_of(text: str, now: datetime) -> date | None:
    """The day that a text names; None if it names none."""
    if text.lower() in _DAYS:
        return now.astimezone().date() - timedelta(days=_DAYS[text.lower()])
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def time_of_day(given: str, option: str) -> time:
    """A time of day of ``21:00``. Raises WrongUseError; parameters as of `moment`."""
    try:
        return clock(given)
    except ValueError as error:
        raise WrongUseError(f"{option} is {given!r}, but must be {error}") from None


def bounds(of: date) -> tuple[datetime, datetime]:
    """When a day begins and ends where the program runs, aware: it has 23 or 25 hours where the clocks are changed."""
    begin, end = (datetime.combine(midnight, time.min).astimezone() for midnight in (of, of + timedelta(days=1)))
    return begin, end
