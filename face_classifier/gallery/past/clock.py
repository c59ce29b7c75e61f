"""Whether the clock on the wall can be believed, before what is old by it is removed.

A clock that is years ahead would have everything removed at once. That it was set right is not to be told from that it
was set wrong; so it has to go on steadily for a day, or to come back to where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from face_classifier.gallery.folder.opened import ResultFolder

_BACK, _AHEAD = timedelta(hours=1), timedelta(days=1)  # by which it may differ from when it was looked at last
_STEADY = timedelta(days=1)
# Marks: seconds since 1970; 0 = none.
_BELIEVED = "clock believed"  # what it showed last that was believed
_DOUBTED = "clock doubted"  # what it showed last, if that is doubted,
_UNTIL = "clock doubted until"  # and until when


class Doubt(NamedTuple):
    """The clock has jumped."""

    believed: datetime  # what it showed before
    until: datetime  # it is believed from then on, if it goes on steadily
    is_new: bool  # it jumped since it was looked at last


class Clock:
    """What is remembered of the clock in an open result folder, over restarts."""

    def __init__(self, folder: ResultFolder, until_done: Callable[[Callable[[], Any]], Any]) -> None:
        self._folder, self._until_done = folder, until_done

    def believed(self) -> datetime | None:
        """What it showed last that was believed; None: it was never asked for."""
        return self._time(_BELIEVED)

    def doubt(self, now: datetime, latest: Callable[[], datetime | None]) -> Doubt | None:
        """Whether there is a doubt about ``now``; to be asked often. Raises DiskError.

        ``latest``: tells, for the first question, when something happened last; None: nothing ever did.
        """
        believed = self.believed() or latest() or now
        doubted, until = self._time(_DOUBTED), self._time(_UNTIL)
        if _goes_on(believed, now):
            self.believe(now)
            return None
        if doubted and until and _goes_on(doubted, now):
            if now >= until:
                self.believe(now)
                return None
            self._note(believed, now, until)
            return Doubt(believed, until, is_new=False)
        self._note(believed, now, now + _STEADY)
        return Doubt(believed, now + _STEADY, is_new=True)

    def believe(self, now: datetime) -> None:
        """The clock is right. Raises DiskError."""
        self._note(now, None, None)

    def _time(self, mark: str) -> datetime | None:
        seconds = self._folder.notes.mark(mark)
        return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None

    def _note(self, believed: datetime, doubted: datetime | None, until: datetime | None) -> None:
        def write() -> None:
            with self._folder.table.together():
                for mark, time in ((_BELIEVED, believed), (_DOUBTED, doubted), (_UNTIL, until)):
                    self._folder.notes.set_mark(mark, int(time.timestamp()) if time else 0)

        self._until_done(write)


def _goes_on(before: datetime, now: datetime) -> bool:
    return before - _BACK <= now <= before + _AHEAD
