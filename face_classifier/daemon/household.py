"""What channels are told besides events: how cameras are and where people were last, and who came on a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from time import monotonic

from face_classifier.alerts.channels.base import CameraState, PersonState
from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.core.config.settings import Settings
from face_classifier.events.event import Event
from face_classifier.events.summary import summary
from face_classifier.events.visits import visits
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.passing.passages import Passage, recent
from face_classifier.identity.naming import is_named

_WHOLE = 3600.0  # seconds after which all tracks of a month are read anew: who is who may have been corrected
_MONTH, _LATELY = timedelta(days=30), timedelta(minutes=2)
_EVERY = 10.0  # seconds between two looks at the tracks
_LATE = timedelta(minutes=5)  # by which a summary may be late; after that it is left out, as when it began only now


class Household:
    """Where people were last, as far as tracks of a month tell, and how many unknown ones came today.

    `look` belongs to the owner's thread, all else to the main one.
    """

    def __init__(self, alerts: Dispatcher) -> None:
        self._alerts = alerts
        self._read = self._read_whole = -_WHOLE  # monotonic
        self._last: dict[str, tuple[datetime, str]] = {}  # when and where, by person
        self._people: tuple[PersonState, ...] = ()
        self._unknown: tuple[date, Counter[str]] = datetime.now().date(), Counter()  # by camera
        self._told: object = None

    def look(self, gallery: Gallery) -> None:
        """Take in who passed, if it is time for that."""
        if monotonic() - self._read < _EVERY:
            return
        now, is_whole = datetime.now(timezone.utc), monotonic() - self._read_whole >= _WHOLE
        found = recent(gallery.store, now - (_MONTH if is_whole else _LATELY))
        if is_whole:
            self._read_whole, self._last = monotonic(), {}
            midnight = datetime.combine(now.astimezone().date(), time.min).astimezone()
            unknown = Counter(one.source for one in found if one.person is None and one.first >= midnight)
            self._unknown = midnight.date(), unknown
        self._read = monotonic()
        self._take(found)
        named = [person for person, *_ in gallery.store.portraits() if is_named(person)]
        self._people = tuple(PersonState(name, *self._last.get(name, (None, None))) for name in named)

    def _take(self, found: Collection[Passage]) -> None:
        for one in found:
            if one.person is not None and (one.person not in self._last or self._last[one.person][0] <= one.last):
                self._last[one.person] = one.last, one.source

    def note(self, event: Event) -> None:
        """Count somebody unknown; from any thread."""
        if event.kind == "unknown":
            today = datetime.now().date()
            day, counts = self._unknown
            counts = counts if day == today else Counter()
            self._unknown = today, counts + Counter([event.camera])

    def tell(self, connected: Mapping[str, bool]) -> None:
        """Hand over how everything is, if it has changed. ``connected``: whether each camera sends pictures."""
        day, counts = self._unknown
        unknown = counts if day == datetime.now().date() else Counter()
        cameras = tuple(CameraState(name, is_good, unknown[name]) for name, is_good in connected.items())
        if self._told != (cameras, self._people):
            self._told = cameras, self._people
            self._alerts.tell_state(cameras, self._people)


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
    told = summary(visits(found, settings.visits.gap), day)
    return Event(
        f"summary-{day}", "summary", now.astimezone(timezone.utc), monotonic(), "", text="\n".join(told.lines())
    )
