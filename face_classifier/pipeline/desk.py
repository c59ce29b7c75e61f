"""What a run has the owner of its gallery do: place the frames of its sources, look at the folders, think again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import inf
from time import monotonic
from typing import Protocol

from face_classifier.core.disk.retry import DiskError, Patience
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.progress import Observer as LongObserver
from face_classifier.core.types import Frame, Seen, Sighting
from face_classifier.events.event import Event
from face_classifier.events.passing import Passing, ZonesOf, in_no_zone
from face_classifier.events.records import JsonLines
from face_classifier.events.telling import UNKNOWN_AFTER, Rules
from face_classifier.events.visits import GAP
from face_classifier.gallery.gallery import Gallery, note_tracks
from face_classifier.pipeline.analysis.analyse import KeptBefore, none_kept
from face_classifier.pipeline.inputs import as_first_seen, sampling_as_first_seen
from face_classifier.pipeline.place import Placed, Session
from face_classifier.pipeline.placing.discretion import OPEN, Discretion
from face_classifier.pipeline.placing.parts import Frames, place_frame, place_part
from face_classifier.pipeline.placing.thoughts import SecondThoughts
from face_classifier.records import AnalysedFrame
from face_classifier.records.head import Head
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source


class Counts(Protocol):
    """How many people and faces a gallery has now."""

    @property
    def persons(self) -> int: ...

    @property
    def known_faces(self) -> int: ...

    @property
    def unknown_faces(self) -> int: ...


class Observer(LongObserver, Protocol):
    """Whoever watches a run from outside. Sources that run together call it from their own threads."""

    def opened(self, source: Source, sampling: Sampling) -> None: ...

    def analysed(self, frame: Frame, people: Counts) -> None:
        """The faces of a frame are placed. Called by the owner of the gallery, so it must be quick."""

    def closed(self, source: Source) -> None: ...


@dataclass(frozen=True)
class Begun:
    """What a source is analysed and placed with."""

    sampling: Sampling
    start: datetime
    kept_before: KeptBefore
    session: Session


class Desk:
    """The part of a run that the owner's thread carries out; it makes the desk, and nobody else calls it."""

    def __init__(
        self,
        gallery: Gallery,
        log: JsonLines | None,
        observer: Observer,
        patience: Patience,
        tell: Callable[[Event], None] | None = None,
    ) -> None:
        """``tell``: is told who comes before a live source, and must not block; None: nobody is to know."""
        self.gallery = gallery
        nested, self._tell_event = gallery.settings.nested, tell
        times = (nested.visits.gap, nested.visits.unknown_after) if nested else (GAP, UNKNOWN_AFTER)
        self._rules, self._passing = Rules(*times, gallery.store.people()), dict[Session, Passing]()
        self._log, self._observer, self._patience = log, observer, patience
        self._sessions: list[Session] = []  # with faces that may still be held
        self._ended: list[Session] = []  # of them those whose sources have ended
        self._failed: dict[Session, BaseException] = {}
        self.analysed = 0  # frames
        self.thoughts, self._note_tracks = SecondThoughts(gallery, self._tell), partial(note_tracks, gallery)

    def begin(
        self,
        fingerprint: str | None,
        start: datetime,
        sampling: Sampling,
        *,
        given: bool,
        follows: bool,
        zones_of: ZonesOf = in_no_zone,
        discretion: Discretion = OPEN,
    ) -> Begun:
        """Make ready for a source.

        Parameters
        ----------
        fingerprint: of its content; None for a live source.
        start: when it began, as it tells itself.
        sampling: as if it was never seen.
        given: whether the user says how far apart its frames lie.
        follows: whether the tracks of its records count.
        zones_of: in which zones of a camera a box lies.
        discretion: what is kept and shown of strangers.
        """
        store = self.gallery.store
        sampling, start = as_first_seen(fingerprint, start, sampling, store, given=given)
        kept_before = store.kept_before(fingerprint) if fingerprint else none_kept
        session = self._session(discretion, None if fingerprint else self._tell_event, zones_of, follows=follows)
        return Begun(sampling, start, kept_before, session)

    def begin_chapter(self, before: Session) -> Session:
        """Make ready for the next chapter of a file, in which nobody is followed from before. Raises DiskError."""
        self.end_all([before])
        return self._session(before.discretion, None, in_no_zone, follows=before.follows)

    def sampling(self, fingerprint: str | None, sampling: Sampling, *, given: bool) -> Sampling:
        """How a source would be sampled if it began now; as `begin`."""
        return sampling_as_first_seen(fingerprint, sampling, self.gallery.store, given=given)

    def _session(
        self, discretion: Discretion, tell: Callable[[Event], None] | None, zones_of: ZonesOf, *, follows: bool
    ) -> Session:
        gallery, rules = self.gallery, self._rules
        session = Session(gallery, self._tell, follows=follows, patience=self._patience, discretion=discretion)
        self._sessions.append(session)
        if follows:
            self._passing[session] = Passing(gallery.store, gallery.new_track, rules, tell=tell, zones_of=zones_of)
        return session

    def place(self, session: Session, analysed: AnalysedFrame) -> list[Seen]:
        """Place the faces of a frame. After an error the session takes no more: what is next must not overtake it."""
        placed = self.place_for(session, analysed)
        try:
            self._tell(placed.changed)
            self.analysed += 1
            self._observer.analysed(analysed.frame, self.gallery.people)
            self._catch_up()
        except BaseException as error:
            self._failed[session] = error
            raise
        return placed.seen

    def place_for(self, session: Session, analysed: AnalysedFrame) -> Placed:
        """As `place`, for another process, which tells by itself what becomes of its frames."""
        if session in self._failed:
            raise self._failed[session]
        try:
            passing = self._passing.get(session)
            placed = place_frame(session, passing, analysed)
            if passing and passing.is_due:
                self._patience.write(passing.flush)
            return placed
        except BaseException as error:
            self._failed[session] = error
            raise

    def place_part(self, record: str, head: Head, frames: Frames, *, again: bool = False) -> int | None:
        """Place the frames of a record, as `parts.place_part`; returns how many there are.

        None: that very record was placed already, and is not placed ``again``.
        """
        if not again and record in self.gallery.store.placed:
            return None
        part = place_part(self.gallery, self._rules, record, head, frames)
        self._tell(part.changed)
        self.analysed += len(part.frames)
        for frame in part.frames:
            self._observer.analysed(frame, self.gallery.people)
        self._catch_up()
        return len(part.frames)

    def end(self, session: Session) -> None:
        """Write what is still to be written of a source of another process, and have second thoughts."""
        self.end_all([session] if session in self._sessions else [])
        self.thoughts.at_once()
        self.gallery.write_views()

    def end_all(self, sessions: Collection[Session]) -> None:
        """Write what is to be written of sources that have ended, `holding` once it can be. Raises DiskError."""
        for session in sessions:
            if passing := self._passing.get(session):
                passing.end()
                self._patience.write(passing.flush)
        self._patience.write(self._note_tracks)
        self._ended += [session for session in sessions if session not in self._ended]
        self._catch_up()

    def _catch_up(self) -> None:
        """Write what is still to be written, if it may be tried now."""
        for session in self._sessions:
            if session.holds:
                self._patience.write(session.keep_held)
        for passing in self._passing.values():
            if passing.is_due:
                self._patience.write(passing.flush)
        if self._log:
            self._patience.write(self._log.flush)
        self._leave_ended()

    def _leave_ended(self) -> None:
        """Know no more of sources that have ended and of which all is written."""
        for session in [one for one in self._ended if not _holds(one, self._passing.get(one))]:
            session.tracks.end()
            self._ended.remove(session)
            self._sessions.remove(session)
            self._passing.pop(session, None)
            self._failed.pop(session, None)

    def hold_on(self) -> None:
        """Write what a live source, which goes on meanwhile, has to be written."""
        if not self._patience.holding:
            return
        try:
            self._catch_up()
            self._patience.write(self.thoughts.go_on)
        except BaseException as error:  # fails every source with its next frame: nobody else hears of it before the end
            self._failed |= dict.fromkeys(self._sessions, error)
            raise

    def _tell(self, changed: Sequence[Sighting]) -> None:
        if self._log:
            self._log.tell(changed)
        self.gallery.tell_problems()

    def think_again(self) -> None:
        """Begin to have second thoughts, and to bring the views up to date; `hold_on` goes on with it."""
        self.thoughts.begin()

    def stop_thinking(self) -> None:
        """Leave the rest to `finish`, or to the next run; but the pickle is whole."""
        self.thoughts.end()
        with suppress(FolderGoneError, DiskError):  # which is told as soon as something is written
            self.gallery.write_views(within=0)

    def look(self, touched: Collection[str] | None) -> float:
        """Take in what the user did to the folders; returns how many seconds that took.

        ``touched``: the only ones that changed; None: it may be any.
        """
        began = monotonic()
        with suppress(FolderGoneError, DiskError):  # which is told as soon as something is written
            self.gallery.look(touched=touched)
        self.gallery.tell_problems()
        return monotonic() - began

    def finish(self, *, think: bool = True, within: float = inf) -> Sequence[Sighting]:
        """Think again, or not, and `Gallery.write_views`; returns every face as it is labelled at the end."""
        try:
            if think:
                self.thoughts.at_once()
            self.gallery.write_views(within=within)
            self.gallery.store.tell_views_left_out()
            self._catch_up()
        finally:
            for session in self._sessions:
                session.give_up()
            self.gallery.tell_problems()
        return list(self.gallery.faces.values())


def _holds(session: Session, passing: Passing | None) -> bool:
    """Whether something of a source is still to be written."""
    return session.holds or (passing is not None and passing.holds)
