"""Which alerts a past time would have sent by the rules of today: from who passed then, as whom they are known now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from face_classifier.alerts.decide import Decider, Memory, Sent
from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Teller
from face_classifier.events.event import Event
from face_classifier.events.visits import Visit, visits
from face_classifier.gallery.passing.passages import passages_of
from face_classifier.identity.naming import is_named


def replayed(settings: Settings, since: datetime, until: datetime, observer: Teller) -> list[tuple[datetime, Sent]]:
    """When which alert would have gone to which channel. Lost cameras, summaries and snoozes are not known any more.

    Parameters
    ----------
    settings: the rules, and the result folder, which is only read.
    since, until: aware; the end is excluded.
    observer: is told what is wrong in the folder.

    Raises
    ------
    UserError: the folder cannot be used.
    """
    known = visits(passages_of(settings, observer), settings.visits.gap)
    events = [event for event in _events(known, settings.visits.unknown_after) if since <= event.time < until]
    return list(_told(Decider(settings.alerts, Memory()), sorted(events, key=lambda event: event.time)))


def _told(decider: Decider, events: Sequence[Event]) -> Iterator[tuple[datetime, Sent]]:
    for event in events:
        yield from _due(decider, event.time)
        yield from ((event.time, one) for one in decider.decide(event, event.time))
    if events:
        yield from _due(decider, events[-1].time + timedelta(days=1))


def _due(decider: Decider, now: datetime) -> Iterator[tuple[datetime, Sent]]:
    """What would have been told without an event, until then."""
    while (due := decider.next_due()) is not None and due <= now:
        yield from ((due, one) for one in decider.due(due))


def _events(known: Sequence[Visit], unknown_after: float) -> Iterator[Event]:
    """What cameras told, or would have: a person at the begin of a visit, anew at the first one of all."""
    seen: set[str] = set()
    for visit in sorted(known, key=lambda visit: visit.first):
        is_new = visit.person is not None and visit.person not in seen
        if visit.person is not None:
            seen.add(visit.person)
        if visit.fingerprint is not None or visit.number is None:
            continue  # a file, or a face from before there were tracks: nobody was told
        if visit.person is None:
            time = min(visit.first + timedelta(seconds=unknown_after), visit.last)
            yield _event("unknown", visit, time, "Somebody unknown")
        elif is_new:
            yield _event("new_person", visit, visit.first, f"New person {visit.person}")
        else:
            yield _event("person", visit, visit.first, visit.person)


def _event(kind: str, visit: Visit, time: datetime, words: str) -> Event:
    return Event(
        id=f"{visit.number}-{kind}",
        kind=kind,
        time=time,
        decided=0.0,
        camera=visit.camera,
        person=visit.person,
        named=is_named(visit.person),
        track=visit.number,
        visit=visit.number,
        face=visit.face,
        face_name=visit.face_name,
        first=visit.first,
        zones=visit.zones,
        text=f"{words} at {visit.camera}",
    )
