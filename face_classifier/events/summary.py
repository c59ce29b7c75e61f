"""Who came on a day: the visits of it, summed up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from face_classifier.core.words import counted
from face_classifier.events.times import bounds
from face_classifier.events.visits import Visit
from face_classifier.gallery.store import Store
from face_classifier.identity.naming import is_named, natural


@dataclass(frozen=True)
class PersonOfDay:
    """Somebody who came."""

    person: str
    visits: int
    first: datetime  # aware, UTC: when they were seen first on that day
    last: datetime  # aware, UTC
    seconds: float  # in view, in all
    cameras: tuple[str, ...]  # in the order in which they came to them


@dataclass(frozen=True)
class Summary:
    """What passed on a day."""

    day: date  # local
    people: tuple[PersonOfDay, ...]  # the named ones first, by name
    strangers: dict[str, int]  # by camera, how many were seen whom nobody knows

    def record(self) -> dict[str, Any]:
        """As what JSON can hold."""
        people = [
            {
                "person": one.person,
                "visits": one.visits,
                "first": one.first.isoformat(),
                "last": one.last.isoformat(),
                "seconds": round(one.seconds, 3),
                "cameras": list(one.cameras),
            }
            for one in self.people
        ]
        return {"day": self.day.isoformat(), "people": people, "strangers": self.strangers}

    def lines(self) -> Iterator[str]:
        """In words, a line a person."""
        count = sum(self.strangers.values())
        people = counted(len(self.people), "person") if self.people else "no persons"
        unknown = "nobody unknown" if not count else f"{count} unknown"
        yield f"{self.day:%A %Y-%m-%d}: {people}, {unknown}"
        for one in self.people:
            first, last = (f"{time.astimezone():%H:%M}" for time in (one.first, one.last))
            when = first if first == last else f"{first} to {last}"
            often = "once" if one.visits == 1 else f"{one.visits} times"
            yield f"{one.person}: {often}, {when}, {', '.join(one.cameras)}"
        for camera, number in self.strangers.items():
            yield f"unknown: {number} at {camera}"


def strangers_on(store: Store, day: date) -> Counter[str]:
    """By camera or file how many strangers passed on a local day of whom nothing else is kept."""
    numbers: Counter[str] = Counter()
    for of, number in store.strangers.counts().items():
        if of.day == day.isoformat():
            numbers[of.source] += number
    return numbers


def summary(visits: Iterable[Visit], day: date, strangers: Mapping[str, int] = MappingProxyType({})) -> Summary:
    """The summary of a local day; of a visit that goes over midnight only the part on that day counts.

    ``strangers``: as `strangers_on`, beside those who have visits.
    """
    begin, end = bounds(day)
    found = [visit for visit in visits if visit.last >= begin and visit.first < end]
    people: dict[str, list[Visit]] = {}
    for visit in found:
        if visit.person is not None:
            people.setdefault(visit.person, []).append(visit)
    return Summary(
        day,
        tuple(
            _of_person(person, people[person], begin, end)
            for person in sorted(people, key=lambda name: (not is_named(name), natural(name)))
        ),
        dict(sorted((Counter(visit.camera for visit in found if visit.person is None) + Counter(strangers)).items())),
    )


def _of_person(person: str, visits: list[Visit], begin: datetime, end: datetime) -> PersonOfDay:
    spans = [(max(visit.first, begin), min(visit.last, end)) for visit in visits]
    return PersonOfDay(
        person,
        len(visits),
        min(first for first, _ in spans),
        max(last for _, last in spans),
        sum((last - first).total_seconds() for first, last in spans),
        tuple(dict.fromkeys(visit.camera for visit in visits)),
    )
