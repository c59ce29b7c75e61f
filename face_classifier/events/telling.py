"""Who is told, and when: a person once a visit, somebody unknown who stays so, and nothing again after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

from face_classifier.core.disk.files import jpeg_of_png
from face_classifier.core.types import Frame
from face_classifier.events.event import Event
from face_classifier.events.observation import Observation
from face_classifier.events.visits import GAP, Visit, visits
from face_classifier.gallery.passing.passages import recent
from face_classifier.gallery.store import Store
from face_classifier.identity.naming import is_named

UNKNOWN_AFTER = 2.0  # seconds
_LONGEST = timedelta(days=1)  # of a visit that may go on after a restart
_MOST = 1000  # tracks among which it is sought: a clock that was set back far would make all of them recent


@dataclass(frozen=True)
class Rules:
    """What the events of all sources of a gallery have in common."""

    gap: float = GAP  # seconds out of view after which somebody comes anew
    unknown_after: float = UNKNOWN_AFTER  # seconds of somebody in view until it is told that nobody knows them
    names: set[str] = field(default_factory=set)  # of everybody who was in the gallery by now


@dataclass
class Seen:
    """What was told of a track, and what may have to be."""

    number: int = 0
    first: datetime | None = None  # aware, UTC
    began: float = 0.0  # seconds, the source's clock
    person: str | None = None
    zones: tuple[str, ...] = ()
    latest: _Latest | None = None
    events: int = 0  # about a person
    told_unknown: bool = False


@dataclass(frozen=True)
class _Latest:
    """What an event tells of the frame that decides it, and of the best view of the track."""

    time: datetime  # aware, UTC
    arrived: float  # monotonic seconds
    face: int | None
    face_name: str | None
    distance: float | None
    quality: float  # of the best view
    picture: bytes | None  # of that, PNG


@dataclass
class _Visit:
    number: int  # of its first track
    first: datetime  # aware, UTC
    last: float  # seconds, the source's clock


class Telling:
    """Says what is to be told of one camera; the clock is that of the source, in seconds."""

    def __init__(self, rules: Rules, camera: str) -> None:
        self._rules, self._camera = rules, camera
        self._store: Store | None = None
        self._visits: dict[str, _Visit] = {}  # those that were told and may still go on, by person
        self._unknown_before = 0  # how many were told as unknown, and may still be in view after a restart

    def resume(self, store: Store, now: datetime, at: float) -> None:
        """Go on with the visits that went on when an earlier run ended.

        Parameters
        ----------
        store: knows them.
        now: aware, UTC, of the first frame.
        at: its position.
        """
        self._store = store
        for visit, told, unseen in self._going_on(now):
            if visit.person is None:
                self._unknown_before += visit.seconds >= self._rules.unknown_after
            elif told and visit.number is not None:
                self._visits[visit.person] = _Visit(visit.number, visit.first, at - unseen)

    def _going_on(self, now: datetime) -> Iterator[tuple[Visit, bool, float]]:
        """Visits of the table that may go on, whether they were told, and for how many seconds nobody was seen."""
        assert self._store is not None
        gap = self._rules.gap
        passages = recent(self._store, now - timedelta(seconds=gap) - _LONGEST, self._camera, _MOST)
        told = {passage.person for passage in passages if passage.said is not None}
        for visit in visits(passages, gap):
            unseen = max(0.0, (now - visit.last).total_seconds())
            if unseen <= gap and visit.number is not None:
                yield visit, visit.person in told, unseen

    def _under_another_name(self, person: str, now: datetime, at: float) -> _Visit | None:
        """The visit that goes on of somebody who had another name when it was told, and is called ``person`` now."""
        for visit, told, unseen in self._going_on(now) if self._store else ():
            if told and visit.person == person and visit.number is not None:
                return _Visit(visit.number, visit.first, at - unseen)
        return None

    def seen(self, track: Seen, one: Observation, frame: Frame, at: float) -> Iterator[Event]:
        """What is to be told, now that a track was seen without a doubt, at ``at``."""
        track.latest = _latest(track.latest, one, frame)
        if one.person is None:
            if track.person is None and at - track.began >= self._rules.unknown_after:
                yield from self._unknown(track)
            return
        before, track.person = track.person, one.person
        is_known = one.person in self._rules.names
        self._rules.names.add(one.person)
        visit = self._visits.get(one.person)
        if before not in (None, one.person) and not (is_known or one.new_person):
            visit = self._visits.pop(before or "", None)  # a new name of the same person
        elif not (is_known or one.new_person or visit):
            visit = self._under_another_name(one.person, frame.time, at)
        if visit:
            self._visits[one.person] = visit
        if visit is None or at - visit.last > self._rules.gap:
            assert track.first is not None
            visit = self._visits[one.person] = _Visit(track.number, track.first, at)
            track.events += 1
            yield self._event("new_person" if one.new_person else "person", track, visit)
        visit.last = at

    def stays(self, track: Seen, at: float) -> None:
        """A track is still followed, though there is a doubt whose it is."""
        if track.person is not None and (visit := self._visits.get(track.person)):
            visit.last = at

    def over(self, track: Seen, frame: Frame | None) -> Iterator[Event]:
        """What is to be told, now that a track is over; ``frame``: that shows it, None: the source has ended."""
        if track.latest is not None and frame is not None and not track.told_unknown:
            track.latest = replace(track.latest, time=frame.time, arrived=_arrived(frame))
        if track.person is None:
            yield from self._unknown(track)
        if track.latest is not None:
            track.latest = replace(track.latest, picture=None)

    def _unknown(self, track: Seen) -> Iterator[Event]:
        if not track.told_unknown and track.latest is not None:
            track.told_unknown = True
            if self._unknown_before:
                self._unknown_before -= 1
            else:
                yield self._event("unknown", track, None)

    def _event(self, kind: str, track: Seen, visit: _Visit | None) -> Event:
        assert track.latest is not None
        latest, person = track.latest, track.person if visit else None
        often = f"-{track.events}" if track.events > 1 else ""
        words = {"new_person": f"New person {person}", "person": f"{person}", "unknown": "Somebody unknown"}[kind]
        return Event(
            id=f"{track.number}-{kind}{often}",
            kind=kind,
            time=latest.time,
            decided=latest.arrived,
            camera=self._camera,
            person=person,
            named=is_named(person),
            track=track.number,
            visit=visit.number if visit else track.number,
            face=latest.face if latest.face is not None and latest.face > 0 else None,
            face_name=latest.face_name,
            first=visit.first if visit else track.first,
            distance=latest.distance,
            zones=track.zones,
            text=f"{words} at {self._camera}",
            picture=jpeg_of_png(latest.picture) if latest.picture else None,
        )


def _latest(before: _Latest | None, one: Observation, frame: Frame) -> _Latest:
    """The view of this frame, with the best picture so far."""
    quality, picture = one.quality or 0.0, one.picture
    if before is not None and (picture is None or (before.picture is not None and quality < before.quality)):
        quality, picture = before.quality, before.picture
    return _Latest(frame.time, _arrived(frame), one.face, one.face_name, one.distance, quality, picture)


def _arrived(frame: Frame) -> float:
    """Monotonic seconds."""
    return monotonic() if frame.arrived is None else frame.arrived
