"""What channels are told besides events: how cameras are and where people were last, and who came on a day."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from time import monotonic

from face_classifier.alerts.channels.base import CameraState, PersonState
from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.core.config.settings import Settings
from face_classifier.daemon.status import LOST, CameraStatus
from face_classifier.events.event import Event
from face_classifier.events.summary import strangers_on, summary
from face_classifier.events.visits import visits
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.passing.passages import Passage, recent
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.identity.naming import is_named

_WHOLE = 3600.0  # seconds after which it is read anew where everybody was last: who is who may have been corrected
_LATELY = timedelta(minutes=2)
_EVERY = 10.0  # seconds between two looks at the tracks
_LATE = timedelta(minutes=5)  # by which a summary may be late; after that it is left out, as when it began only now


class Household:
    """Where people were last, as far as tracks tell, and how many unknown ones came today.

    `look` belongs to the owner's thread, all else to the main one.
    """

    def __init__(self, alerts: Dispatcher) -> None:
        self._alerts = alerts
        self._read = self._read_whole = -_WHOLE  # monotonic
        self._last: dict[str, tuple[datetime, str] | None] = {}  # when and where, by the name of everybody who has one
        self._people: tuple[PersonState, ...] | None = None  # None: nobody has looked, so nobody is gone
        self._unknown: tuple[date, Counter[str]] = datetime.now().date(), Counter()  # by camera
        self._told: object = None

    def look(self, gallery: Gallery) -> None:
        """Take in who passed, if it is time for that."""
        if monotonic() - self._read < _EVERY:
            return
        store, now = gallery.store, datetime.now(timezone.utc)
        if self._people is None:
            midnight = datetime.combine(now.astimezone().date(), time.min).astimezone()
            today = [one for one in recent(store, midnight) if one.first >= midnight and one.fingerprint is None]
            self._unknown = midnight.date(), Counter(one.source for one in today if one.person is None)
        if monotonic() - self._read_whole >= _WHOLE:
            self._read_whole, self._last = monotonic(), {}
        self._read = monotonic()
        names = sorted(entry.name for entry in os.scandir(store.folder) if _is_of_somebody(entry))
        self._last = {name: self._last[name] if name in self._last else store.tracks.latest_of(name) for name in names}
        for one in recent(store, now - _LATELY):
            if one.person in self._last and one.fingerprint is None:
                before = self._last[one.person]
                self._last[one.person] = max(before or (one.last, one.source), (one.last, one.source))
        self._people = tuple(PersonState(name, *(self._last[name] or (None, None))) for name in names)

    def note(self, event: Event) -> None:
        """Count somebody unknown; from any thread."""
        if event.kind == "unknown":
            today = datetime.now().date()
            day, counts = self._unknown
            counts = counts if day == today else Counter()
            self._unknown = today, counts + Counter([event.camera])

    def tell(self, cameras: Iterable[CameraStatus]) -> None:
        """Hand over how everything is, once somebody has looked, and if it has changed.

        A camera that waits for its hours, or has just begun, is no reason to look after it: it counts as connected.
        """
        people, (day, counts) = self._people, self._unknown
        if people is None:
            return
        unknown = counts if day == datetime.now().date() else Counter()
        states = tuple(CameraState(camera.name, camera.status != LOST, unknown[camera.name]) for camera in cameras)
        if self._told != (states, people):
            self._told = states, people
            self._alerts.tell_state(states, people)


def _is_of_somebody(entry: os.DirEntry[str]) -> bool:
    """Whether it is the folder of a person whom the user named."""
    return is_named(entry.name) and entry.name != UNKNOWNS and not entry.name.startswith(".") and entry.is_dir()


class Daily:
    """Says when the summary of a day is due, once a day."""

    def __init__(self, now: datetime) -> None:
        self._looked = now.astimezone() - _LATE  # what an earlier process told is not told again: alerts know its id

    def is_due(self, at: time | None, now: datetime) -> bool:
        """Whether it came to be ``at`` o'clock since the last question; both aware. Not after a long sleep."""
        before, self._looked = self._looked, now.astimezone()
        if at is None:
            return False
        due = datetime.combine(self._looked.date(), at).astimezone()
        return before < due <= self._looked <= due + _LATE


def summary_of(gallery: Gallery, settings: Settings, now: datetime) -> Event:
    """The event that tells who came on this day, local time."""
    day = now.astimezone().date()
    midnight = datetime.combine(day, time.min).astimezone()
    found: Sequence[Passage] = recent(gallery.store, midnight)
    told = summary(visits(found, settings.visits.gap), day, strangers_on(gallery.store, day))
    return Event(
        f"summary-{day}", "summary", now.astimezone(timezone.utc), monotonic(), "", text="\n".join(told.lines())
    )
