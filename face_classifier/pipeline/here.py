"""A run that owns its gallery: the owner's thread places, thinks again, looks at folders, and takes commands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import TypeVar

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.retry import Patience
from face_classifier.core.progress import Teller
from face_classifier.core.types import Seen, Sighting
from face_classifier.curate.corrections import Change
from face_classifier.events.event import Event
from face_classifier.events.records import JsonLines
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner, OwnerClosedError
from face_classifier.gallery.owner.server import NOTHING_ASIDE, Answer, Handler, serving
from face_classifier.gallery.owner.watcher import Watcher
from face_classifier.gallery.past.back import RECORDS
from face_classifier.identity.rules import crowded
from face_classifier.pipeline.analysis.analyse import follows
from face_classifier.pipeline.analysis.view import View
from face_classifier.pipeline.desk import Begun, Desk, Observer
from face_classifier.pipeline.guests import Guests, note_uses, uses_of
from face_classifier.pipeline.inputs import Known, sampling_of
from face_classifier.pipeline.place import Session
from face_classifier.pipeline.placing.discretion import Discretion
from face_classifier.pipeline.placing.parts import Frames
from face_classifier.records import AnalysedFrame
from face_classifier.records.head import Head
from face_classifier.sources.base import Sampling
from face_classifier.vision.engine import Engine

_T = TypeVar("_T")
_CATCH_UP = 0.1  # seconds between two looks at whether a disk takes again what it refused
_OTHERWISE = 9  # times as long as a look took is waited at least before the next one


class Here:
    """Places frames in a gallery that this process owns."""

    def __init__(self, owner: Owner[Gallery], desk: Desk, patience: Patience, observer: Observer) -> None:
        """``desk``: made by the owner's thread; ``patience``: that of the gallery's store."""
        self._owner, self._desk, self._patience, self._observer = owner, desk, patience, observer
        self.settings = desk.gallery.settings
        self._sessions: list[Session] = []  # of sources that did not end yet

    @classmethod
    @contextmanager
    def opened(
        cls,
        settings: Settings,
        engine: Callable[[str], Engine] | None,
        log: JsonLines | None,
        observer: Observer,
        patience: Patience,
        aside: Mapping[str, Answer] = NOTHING_ASIDE,
        tell: Callable[[Event], None] | None = None,
        *,
        analyses: bool = True,
    ) -> Iterator[Here]:
        """Opens the result folder, and has commands of other processes carried out.

        Parameters
        ----------
        settings: of the run.
        engine: makes the one that the gallery needs, by the name of its encoder, and has a folder made where there is
            none; None: one is made as soon as a picture needs it, and the folder must be there.
        log: gets a line for each face that is placed.
        observer: is told what goes wrong.
        patience: with the disk.
        aside: what other processes are answered at once, by the name of the command.
        tell: is told who comes before a live source, and must not block; None: nobody is to know.
        analyses: whether the engine is made to begin with; False: as soon as a picture needs it.

        Raises
        ------
        UserError: the folder cannot be used.
        """
        make, until_done = engine is not None, patience.until_done
        opens = partial(
            Gallery.open, settings, observer, engine=engine, analyses=analyses, make=make, until_done=until_done
        )
        with Owner(opens) as owner, ExitStack() as stack:
            owner.call(lambda gallery: note_uses(gallery.store.past, uses_of(settings)))
            desk = owner.call(lambda gallery: Desk(gallery, log, observer, patience, tell))
            _tell_crowd(settings, desk.gallery, observer)
            guests = Guests(desk)

            def handler_of(name: str) -> Handler[Gallery] | None:
                from face_classifier.curate.commands import HANDLERS  # of all corrections: no run waits for these

                return guests.handlers.get(name) or HANDLERS.get(name)

            tell_socket = desk.gallery.store.tell_socket
            stack.enter_context(serving(Path(settings.result), owner, handler_of, tell_socket, observer.problem, aside))
            yield cls(owner, desk, patience, observer)

    def note_uses_of(self, settings: Settings) -> None:
        """Have the gallery remember where else its faces will be seen by other settings. Raises DiskError."""
        self._owner.call(lambda gallery: note_uses(gallery.store.past, uses_of(settings)))

    def note_records(self, folder: Path) -> None:
        """Have the gallery remember a folder of records, in which its faces can be forgotten, too. Raises DiskError."""
        self._owner.call(lambda gallery: gallery.store.past.note_use(RECORDS, folder.resolve()))

    def begin(self, source: Known, sampling: Sampling, view: View, discretion: Discretion) -> Begun:
        """Make ready for a source, whose fingerprint is known already."""
        follow, given = follows(self.settings), self.settings.seconds is not None
        begun = self._owner.call(
            lambda _: self._desk.begin(
                source.fingerprint,
                source.start,
                sampling,
                given=given,
                follows=follow,
                discretion=discretion,
                zones_of=view.zones_of,
            )
        )
        self._sessions.append(begun.session)
        return begun

    def begin_chapter(self, begun: Begun) -> Begun:
        """Make ready for the next chapter of a file. Raises DiskError."""
        session = self._owner.call(lambda _: self._desk.begin_chapter(begun.session))
        self._sessions[self._sessions.index(begun.session)] = session
        return replace(begun, session=session)

    def sampling(self, source: Known) -> Sampling:
        """How a source would be sampled if it began now."""
        fingerprint, given = source.fingerprint, self.settings.seconds is not None
        return self._owner.call(lambda _: self._desk.sampling(fingerprint, sampling_of(self.settings), given=given))

    def note_camera(self, camera: str, time: datetime, *, lost: bool) -> None:
        """Have noted that a camera sends nothing from a time (aware) on, or sends pictures again.

        It does not wait: where the owner has no room for it, or has ended, it is not noted.
        """
        with suppress(TimeoutError, OwnerClosedError):
            self._owner.submit(lambda gallery: gallery.store.tracks.note_camera(camera, time, lost=lost), seconds=0)

    def submit(self, begun: Begun, analysed: AnalysedFrame) -> Future[list[Seen]]:
        """Have the faces of the next frame placed."""
        return self._owner.submit(lambda _: self._desk.place(begun.session, analysed))

    def place_part(self, record: str, head: Head, frames: Frames, *, again: bool = False) -> Future[int | None]:
        """Have the frames of a record placed, all or none; see `Desk.place_part`."""
        return self._owner.submit(lambda _: self._desk.place_part(record, head, frames, again=again))

    def end(self, begun: Begun) -> None:
        """A source has ended while others go on: write what is still to be written of it. Raises DiskError."""
        self._sessions.remove(begun.session)
        self._owner.call(lambda _: self._desk.end_all([begun.session]))

    def every(self, seconds: float, action: Callable[[Gallery], None]) -> None:
        """Have something done with the gallery again and again, between the frames; see `failure`."""
        self._owner.every(seconds, action)

    def ask(self, action: Callable[[Gallery], _T], seconds: float) -> _T:
        """Have something done with the gallery, and return what that returns or raise what it raises.

        Raises TimeoutError where its turn has not come after so many seconds; then it is left out.
        """
        future = self._owner.submit(action, seconds=seconds)
        try:
            return future.result(seconds)
        except futures.TimeoutError:
            if future.cancel():
                raise TimeoutError("the owner of the gallery is busy") from None
            return future.result()

    @property
    def thoughts(self) -> tuple[int, float]:
        """How often it was thought again while it went on, and how many seconds in all."""
        return self._desk.thoughts.count, self._desk.thoughts.seconds

    @property
    def failure(self) -> BaseException | None:
        """What ended something that is done regularly, such as second thoughts."""
        return self._owner.failure

    @contextmanager
    def attending(self, *, live: bool) -> Iterator[None]:
        """Within, live sources go on while a disk refuses what is to be written, and have second thoughts.

        At the end all is written. Raises DiskError.
        """
        self._patience.holding = live
        regular = []
        if live:
            regular.append(self._owner.every(_CATCH_UP, lambda _: self._desk.hold_on()))
            regular.append(self._owner.every(self.settings.rethink, lambda _: self._desk.think_again()))
        try:
            yield
        finally:
            for action in regular:
                action.cancel()
            self._owner.call(lambda _: self._desk.stop_thinking())
            self._patience.holding = False
            self._owner.call(lambda _: self._desk.end_all(self._sessions))
            self._sessions.clear()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Within, what the user does to the folders is taken in at once, for a tenth of the time at most."""
        ending = threading.Event()

        def look(touched: Collection[str] | None) -> None:
            seconds = self._owner.call(lambda _: self._desk.look(touched))
            ending.wait(_OTHERWISE * seconds)

        with Watcher(Path(self.settings.result), look, self._observer.problem):
            try:
                yield
            finally:
                ending.set()

    def finish(self, *, think: bool = True, within: float = inf) -> Sequence[Sighting]:
        """As `Desk.finish`."""
        return self._owner.call(lambda _: self._desk.finish(think=think, within=within))

    @property
    def rethought(self) -> Sequence[Change]:
        """The faces that second thoughts moved, each from where it was at first to where it is now."""
        return [change for change in self._desk.thoughts.changes.values() if change.person != change.then]

    @property
    def analysed(self) -> int:
        """How many frames were placed."""
        return self._desk.analysed


def _tell_crowd(settings: Settings, gallery: Gallery, observer: Teller) -> None:
    """Tell the user whose threshold is too lax for so many people; one that the gallery told is as it should be."""
    wished = replace(gallery.settings, threshold=settings.threshold)
    if sentence := crowded(wished, gallery.people.persons):
        observer.problem(sentence)
