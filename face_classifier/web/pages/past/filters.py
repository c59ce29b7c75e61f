"""Which visits a page is asked for, in its query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, TypeVar

from face_classifier.core.errors import WrongUseError
from face_classifier.events.times import moment, time_of_day
from face_classifier.events.visits import Wish

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Filters:
    """What was filled in, as far as it can be read. ``wrong``: the fields that cannot."""

    person: str | None = None
    camera: str | None = None
    since: datetime | None = None  # aware
    until: datetime | None = None  # aware
    from_time: time | None = None  # of the day, local
    to_time: time | None = None
    unknown: bool = False
    wrong: tuple[str, ...] = ()

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """The filters of a query, whose times are as `events.times` reads them."""
        now = datetime.now().astimezone()
        wrong: list[str] = []

        def read(key: str, as_what: Callable[[str], _Read]) -> _Read | None:
            given = query.get(key, "").strip()
            try:
                return as_what(given) if given else None
            except WrongUseError:
                wrong.append(key)
                return None

        filters = cls(
            query.get("person") or None,
            query.get("camera") or None,
            read("since", lambda given: moment(given, "since", now)),
            read("until", lambda given: moment(given, "until", now, end=True)),
            read("from_time", lambda given: time_of_day(given, "from_time")),
            read("to_time", lambda given: time_of_day(given, "to_time")),
            unknown=query.get("unknown", "") not in ("", "0", "false"),
        )
        return replace(filters, wrong=tuple(wrong))

    @property
    def wish(self) -> Wish:
        """The visits that are meant."""
        return Wish(
            self.person, self.camera, self.since, self.until, self.from_time, self.to_time, unknown=self.unknown
        )

    @property
    def narrows(self) -> bool:
        """Whether any is set."""
        return self.wish != Wish()

    @property
    def day_since(self) -> str:
        """For a field of a date."""
        return self.since.astimezone().date().isoformat() if self.since else ""

    @property
    def day_until(self) -> str:
        """The last day that counts, for a field of a date."""
        return self.last.isoformat() if self.last else ""

    @property
    def last(self) -> date | None:
        """The last day that counts."""
        return last_day(self.until) if self.until else None

    def query(self) -> dict[str, Any]:
        """What is set, for another address with the same filters."""
        found: dict[str, Any] = {
            "person": self.person,
            "camera": self.camera,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "from_time": self.from_time and f"{self.from_time:%H:%M}",
            "to_time": self.to_time and f"{self.to_time:%H:%M}",
            "unknown": "true" if self.unknown else None,
        }
        return {key: value for key, value in found.items() if value is not None}


def last_day(until: datetime) -> date:
    """The last local day of which something lies before a time."""
    here = until.astimezone()
    return here.date() if here.time() != time.min else date.fromordinal(here.toordinal() - 1)
