"""Which rule asks for which event, and where it goes: of the configuration and the event alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from face_classifier.core.config.parts.alerts import Rule
from face_classifier.core.names import alike
from face_classifier.core.schedule import Schedule
from face_classifier.events.event import Event

OF_PEOPLE = ("person", "new_person", "unknown")


class Match(NamedTuple):
    """A rule that asks for an event."""

    rule: Rule
    channels: tuple[str, ...]


class Rules:
    """All rules of a configuration."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(rule, Schedule(rule.hours, rule.days)) for rule in rules]

    def matches(self, event: Event, now: datetime) -> list[Match]:
        """The rules that ask for an event, in their order.

        People are compared as file systems without case do. Conditions on people and zones are asked of events about
        people alone, those on cameras, hours and days of all but the summary, which is of no camera and has its time.

        Parameters
        ----------
        event : what happened
        now : aware; hours and days are those of the local clock then
        """
        return [
            Match(rule, rule.channels)
            for rule, schedule in self._rules
            if event.kind in rule.on and all(_conditions(rule, schedule, event, now))
        ]


def _conditions(rule: Rule, schedule: Schedule, event: Event, now: datetime) -> Iterator[bool]:
    if event.kind == "summary":
        return
    yield not rule.cameras or event.camera in rule.cameras
    yield schedule.holds(now)
    if event.kind in OF_PEOPLE:
        person = None if event.person is None else alike(event.person)
        yield not rule.people or person in {alike(name) for name in rule.people}
        yield person not in {alike(name) for name in rule.not_people}
        yield not rule.zones or not set(rule.zones).isdisjoint(event.zones)
