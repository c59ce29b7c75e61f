"""What passes a camera, or is in a file, as it is placed: its tracks are written, and who comes is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from face_classifier.core.disk.retry import DiskError
from face_classifier.core.machine import asleep
from face_classifier.core.types import Box, Frame
from face_classifier.events.event import Event
from face_classifier.events.observation import Observation
from face_classifier.events.telling import Rules, Seen, Telling
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.store import Store

_LATE = 1.0  # seconds after which what was seen is in the table
_OVER = 2.0  # seconds unseen after which a track is over: the follower takes no face for the same after 1.5 s
_NAP = 1.0  # seconds: two clocks are not read in the same moment

ZonesOf = Callable[[Box, Frame], tuple[str, ...]]


def in_no_zone(_box: Box, _frame: Frame) -> tuple[str, ...]:
    """`ZonesOf` of a source that has none."""
    return ()


@dataclass
class _Track:
    """A track of the gallery, as far as it was seen in this session."""

    number: int
    time: datetime  # UTC, when it was seen first
    first: float  # seconds, the source's clock
    last: float  # seconds: so far it was this face without a doubt
    seen: float  # seconds: so far it was followed
    frames: int = 0
    quality: float = -1.0  # of the best face
    best: int | None = None
    said: str | None = None
    says_anew: bool = False  # since it was written
    zones: dict[str, None] = field(default_factory=dict)
    told: Seen = field(default_factory=Seen)
    is_written: bool = False
    is_changed: bool = True

    def row(self, source: str, fingerprint: str | None, session: int) -> TrackRow:
        return TrackRow(
            self.number,
            source,
            fingerprint,
            session,
            self.time,
            self.time + timedelta(seconds=self.seen - self.first),
            self.first,
            self.seen,
            self.frames,
            self.best,
            self.said,
            tuple(self.zones),
        )


@dataclass
class _Followed:
    """A face by place and look."""

    seen: float  # seconds
    track: _Track | None = None  # whose it was, without a doubt
    since: float | None = None  # seconds, of the first frame in which there was a doubt, or no track yet
    time: datetime | None = None  # UTC, of that frame
    frames: int = 0  # since then


class Passing:
    """What passes one source in one session; used by the thread that owns the gallery."""

    def __init__(
        self,
        store: Store,
        new_track: Callable[[], int],
        rules: Rules,
        *,
        tell: Callable[[Event], None] | None = None,
        zones_of: ZonesOf = in_no_zone,
        slept: Callable[[], float] = asleep,
    ) -> None:
        """Nothing was seen yet.

        Parameters
        ----------
        store: takes the tracks.
        new_track: gives numbers of tracks that no track has.
        rules: when a visit is over, and who is told.
        tell: is told who comes, and must not block; None: nobody is to know, as of a file.
        zones_of: in which zones of the camera a box lies.
        slept: as `asleep`.
        """
        self._store, self._new_track, self._rules, self._zones_of = store, new_track, rules, zones_of
        self._tell, self._slept, self._slept_before, self._sleep = tell, slept, slept(), 0.0
        self._telling: Telling | None = None
        self._source = ""
        self._fingerprint: str | None = None
        self._session: int | None = None  # once something of it was written
        self._at = 0.0  # seconds, the source's clock and what the machine slept
        self._tracks: dict[int, _Track] = {}  # by their numbers in this table
        self._other: dict[int, int] = {}  # number in this table by the gallery's, where they differ
        self._followed: dict[int, _Followed] = {}
        self._written = monotonic()  # when the table was written last

    def observe(self, frame: Frame, observed: Sequence[Observation]) -> None:
        """Take in what was seen in the next analysed frame, whose image need not be there.

        A position before the last one is in another stream of a file, where nobody is followed from before.
        """
        at = frame.position if frame.fingerprint is not None else frame.position + self._slept_by_now()
        if not self._source:
            self._begin(frame, at)
        elif at < self._at:
            self._let_go(-1.0)
        self._at = at
        events: list[Event] = []
        for one in observed:
            track = self._take(frame, one)
            if track is not None and self._telling is not None:
                events += self._telling.seen(track.told, one, frame, at)
        self._let_go(_OVER)
        events += self._over(_OVER, frame)
        self._announce(events)

    def let_forgotten_go(self) -> set[int]:
        """Have the tracks end whose rows were removed; who is in view still, is seen anew. To be called before a frame.

        Returns the gallery's numbers of them, which are to be given to no face any more.
        """
        written = [track.number for track in self._tracks.values() if track.is_written] if self._session else []
        gone = self._store.tracks.gone(written) if written else set()
        for number in gone:
            del self._tracks[number]
        for followed in self._followed.values():
            if followed.track is not None and followed.track.number in gone:
                followed.track, followed.since, followed.frames = None, None, 0
        renamed = {gallerys for gallerys, number in self._other.items() if number in gone}
        for gallerys in renamed:
            del self._other[gallerys]
        return gone | renamed

    def _slept_by_now(self) -> float:
        """Seconds for which the machine has slept in this session; less than one at a time is none."""
        slept = self._slept()
        if slept - self._slept_before > _NAP:
            self._sleep, self._slept_before = self._sleep + slept - self._slept_before, slept
        return self._sleep

    def _begin(self, frame: Frame, at: float) -> None:
        self._source, self._fingerprint = frame.source, frame.fingerprint
        if self._tell is not None:
            self._telling = Telling(self._rules, frame.source)
            self._telling.resume(self._store, frame.time, at)

    def _take(self, frame: Frame, one: Observation) -> _Track | None:
        """Have a track go on, or begin; returns the one that the face is of, if that is known by now."""
        followed = self._followed.setdefault(one.followed, _Followed(self._at))
        followed.seen = self._at
        if one.track is None:
            if followed.since is None:
                followed.since, followed.time = self._at, frame.time
            followed.frames += 1
            if (track := followed.track) is not None:
                track.seen, track.is_changed = self._at, True
                if self._telling:
                    self._telling.stays(track.told, self._at)
            return None
        track = self._track_of(one, one.track, frame, followed)
        former = followed.track
        if former is not None and former is not track:
            former.seen, former.is_changed = former.last, True  # what was in doubt since then was not this face
        elif former is track:
            track.frames += followed.frames
        followed.track, followed.since, followed.frames = track, None, 0
        self._note(track, one, frame)
        return track

    def _track_of(self, one: Observation, gallerys: int, frame: Frame, followed: _Followed) -> _Track:
        number = self._other.get(gallerys, gallerys)
        known = self._tracks.get(number)
        if known is not None and (self._fingerprint is not None or self._at - known.seen <= self._rules.gap):
            return known
        if known is not None:  # in this very place before the machine slept, but who knows about meanwhile
            number = self._other[gallerys] = self._new_track()
        elif self._fingerprint is not None and one.face is not None and one.face > 0:
            # The user corrected it since an earlier run, so that the gallery does not tell its track any more.
            number = self._other[gallerys] = self._store.tracks.number_of_face(one.face) or number
            if number in self._tracks:
                return self._tracks[number]
        since, began, frames = self._at, frame.time, 0
        if followed.since is not None and followed.time is not None:
            since, began, frames = followed.since, followed.time, followed.frames
        track = _Track(number, began, since, self._at, self._at, frames)
        track.told.number, track.told.first, track.told.began = number, began, since
        self._tracks[number] = track
        return track

    def _note(self, track: _Track, one: Observation, frame: Frame) -> None:
        track.first, track.last, track.seen = min(track.first, self._at), self._at, self._at
        track.frames += 1
        track.is_changed = True
        track.zones.update(dict.fromkeys(self._zones_of(one.box, frame)))
        track.told.zones = tuple(track.zones)
        if one.person not in (None, track.said):
            track.said, track.says_anew = one.person, True
        if one.face is not None and one.face > 0 and one.picture is not None and (one.quality or 0.0) > track.quality:
            track.quality, track.best = one.quality or 0.0, one.face

    def _let_go(self, seconds: float) -> None:
        """Follow no face any more that was not seen for so long. What was in doubt then was its track after all."""
        for number, followed in list(self._followed.items()):
            if self._at - followed.seen > seconds:
                del self._followed[number]
                if (track := followed.track) is not None and followed.frames:
                    track.last, track.frames, track.is_changed = track.seen, track.frames + followed.frames, True

    def _over(self, seconds: float, frame: Frame | None) -> list[Event]:
        """What is told of tracks that were not seen for so long. They are remembered as long as a visit may go on."""
        events: list[Event] = []
        for track in list(self._tracks.values()) if self._telling or self._session else ():  # of a part none is over
            unseen = self._at - track.seen
            if self._telling and unseen > seconds:
                events += self._telling.over(track.told, frame)
            if track.is_written and not track.is_changed and unseen > max(self._rules.gap, _OVER):
                del self._tracks[track.number]
                self._other = {one: other for one, other in self._other.items() if other != track.number}
        return events

    def _announce(self, events: Sequence[Event]) -> None:
        """Tell events once the table has what they tell, so that nothing is told again after a crash."""
        if events and self._tell:
            with suppress(DiskError):  # which is told where it is tried again
                self.flush()
            for event in events:
                self._tell(event)

    # The table

    @property
    def is_due(self) -> bool:
        """Whether it is time for `flush`."""
        return monotonic() - self._written >= _LATE and self.holds

    @property
    def holds(self) -> bool:
        """Whether there is something that `flush` is to write."""
        return any(track.is_changed for track in self._tracks.values())

    def flush(self) -> None:
        """Write what was seen since the last time. Raises DiskError; then it is to be called again."""
        changed = [track for track in self._tracks.values() if track.is_changed]
        if changed:
            self._written = monotonic()
            session = self._store.tracks.new_session() if self._session is None else self._session
            origin = self._source, self._fingerprint, session
            self._store.tracks.write(
                [track.row(*origin) for track in changed if not track.is_written],
                [track.row(*origin) for track in changed if track.is_written],
                {track.number for track in changed if track.says_anew},
            )
            self._session = session
            for track in changed:
                track.is_written, track.is_changed, track.says_anew = True, False, False

    def end(self) -> None:
        """The source has ended, and with it what is seen. `flush` is to be called then."""
        self._let_go(-1.0)
        self._announce(self._over(-1.0, None))
