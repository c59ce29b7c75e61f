"""Hours and days on which something holds, in local time."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

DAYS = "mon", "tue", "wed", "thu", "fri", "sat", "sun"
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
_DAY = 24 * 60  # minutes


class Schedule:
    """Times of the day by what a clock on the wall shows, on some days of the week.

    Hours that go over midnight belong to the day on which they begin: ``22:00-06:00`` on ``fri`` ends on Saturday
    morning. In the night in which a clock is put back, an hour that comes twice counts both times.
    """

    def __init__(self, hours: Iterable[str] = (), days: Collection[str] = ()) -> None:
        """When it holds.

        Parameters
        ----------
        hours: such as ``07:00-22:00``, the end excluded; an end that is not later than the begin is on the next day.
            None: all day.
        days: of DAYS. None: all of them.

        Raises
        ------
        ValueError: one of them is none; the sentence names it.
        """
        self._spans = [_minutes(span) for span in hours] or [(0, _DAY)]
        for day in days:
            if day not in DAYS:
                raise ValueError(f"{day!r} is not a day of the week; give one of {', '.join(DAYS)}")
        self._days = frozenset(map(DAYS.index, days or DAYS))

    def holds(self, now: datetime) -> bool:
        """Whether it does at a time, which is aware."""
        local = now.astimezone()
        today = local.hour * 60 + local.minute, local.weekday()
        yesterday = today[0] + _DAY, (local.date() - timedelta(days=1)).weekday()
        return any(
            begin <= minute < end and weekday in self._days
            for begin, end in self._spans
            for minute, weekday in (today, yesterday)
        )


def _minutes(span: str) -> tuple[int, int]:
    """Begin and end, in minutes since the midnight before the begin."""
    found = _HOURS.fullmatch(span)
    begin, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
    if not found or end > _DAY or begin == end:
        raise ValueError(f"{span!r} is not a span of hours; give a start and an end, such as 22:00-06:00")
    return begin, end if end > begin else end + _DAY
