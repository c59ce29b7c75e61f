"""Watches the cameras of a configuration into one gallery, for months."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache, partial
from pathlib import Path
from threading import Thread
from time import monotonic

from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.alerts.make import make_channel
from face_classifier.core.config.settings import Changes, Settings, changes
from face_classifier.core.disk.retry import Patience
from face_classifier.core.errors import UserError
from face_classifier.core.supervise import supervised
from face_classifier.core.words import counted
from face_classifier.curate.retention import Retaining
from face_classifier.daemon import log
from face_classifier.daemon.answers import Answers
from face_classifier.daemon.cameras.cameras import Cameras
from face_classifier.daemon.cameras.loop import LogObserver, Shared
from face_classifier.daemon.household import Daily, Household, summary_of
from face_classifier.daemon.looking import Looking
from face_classifier.daemon.notify import READY, STOPPING, WATCHDOG, notify, reloading, watchdog
from face_classifier.daemon.status import GOOD, GalleryStatus, Status, Times, memory
from face_classifier.daemon.wishes import Wish, Wishes
from face_classifier.events.event import Event
from face_classifier.gallery.gallery import Gallery
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.run import open_sinks
from face_classifier.pipeline.show import Stage
from face_classifier.pipeline.watch import Crew
from face_classifier.vision.engine import engine_of

STATUS = "status"  # the command of the owner's socket

_TURN = 0.5  # seconds between two looks at how everything does
_BEAT = 1.0  # seconds between two signs of life of the owner
_DRAWS = 1.5  # seconds for which montages are drawn at the end
_DRAWN = 2.5  # seconds after the wish to stop until that is over; see `wishes.IN_TIME`
_TELL_MANAGER = 30.0  # seconds between two tellings of how many cameras are good


@dataclass(frozen=True)
class _Beat:
    """The gallery as its owner found it last."""

    at: float  # monotonic
    people: int
    known: int
    unknown: int
    free: int | None


class Daemon:
    """Cameras, each in a thread of its own, whose frames one owner places."""

    def __init__(
        self, settings: Settings, load: Callable[[], Settings], here: Here, crew: Crew, alerts: Dispatcher
    ) -> None:
        """Use `opened`."""
        self._settings, self._load, self.here, self._alerts = settings, load, here, alerts
        shared = Shared(here, crew, self._tell)
        self._cameras = Cameras(here.settings, shared)
        self.looking = Looking(self._cameras, shared.scenes)
        self._retaining = Retaining(lambda: self._settings, partial(log.tell, "retention"))
        self._household, self._daily = Household(alerts), Daily(datetime.now(timezone.utc))
        self._started = monotonic()
        self._asked = self._started  # to stop
        self._restart: tuple[str, ...] = ()
        self._beat: _Beat | None = None

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings, load: Callable[[], Settings], wishes: Wishes) -> Iterator[Daemon]:
        """Opens the gallery and lets all cameras begin; ends them and closes it afterwards, whatever hangs.

        Parameters
        ----------
        settings: as they are now.
        load: reads them anew. Raises UserError.
        wishes: what is asked of it.

        Raises
        ------
        InUseError: another process owns the gallery.
        UserError: the gallery, or something that is to be written, cannot be used.
        """
        observer = LogObserver()
        with ExitStack() as last, ExitStack() as stack:  # `last` ends after the gallery, which is to be whole first
            patience = Patience(settings.patience, wishes.stopping, observer.problem)
            captures, _, lines = open_sinks(settings, wishes.stopping, observer, stack, 1)
            stage = Stage([captures] if captures else [], None, patience, wishes.stopping)
            engine = cache(partial(engine_of, settings, observer.problem))
            made: list[Daemon] = []  # as soon as there is one
            aside = {STATUS: lambda _: _of(made).status().record()}
            here = stack.enter_context(
                Here.opened(settings, engine, lines, observer, patience, aside, partial(_tell_each, made))
            )
            desk = Answers(
                here,
                lambda: _of(made)._settings,
                lambda: _of(made).status(),
                lambda camera: _of(made)._cameras.shoot(camera),
                lambda: alerts,
            )
            alerts = Dispatcher(
                settings.alerts,
                settings.channels,
                Path(settings.result),
                lambda name, channel: make_channel(name, channel, desk=desk),
                observer.problem,
            )
            closing = cache(partial(_begun, alerts.close, "end of alerts"))  # which a slow owner does not hold up
            last.callback(lambda: closing().join())
            own = engine(profile_of(here.settings).encoder)
            crew = Crew(here.settings, own, here, stage, observer, wishes.stopping)
            daemon = cls(settings, load, here, crew, alerts)
            with here.attending(live=True), here.looking():
                here.every(_BEAT, daemon._take_beat)
                made.append(daemon)
                try:
                    daemon._cameras.begin(settings.cameras)
                    yield daemon
                finally:
                    daemon._cameras.end()
            closing()
            if daemon._cameras.have_ended:
                here.finish()
            else:  # who waits for the end has no time for second thoughts
                here.finish(think=False, within=daemon._time_to_draw())
            if fault := daemon._fault():
                raise fault

    @property
    def settings(self) -> Settings:
        """As they are now; from any thread."""
        return self._settings

    @property
    def hangs(self) -> bool:
        """Whether something did not end in time, for which Python would wait at its end."""
        return self._cameras.hang

    def attend(self, wishes: Wishes) -> None:
        """Go on until it is asked to stop, or until no camera shows anything more.

        Raises what goes wrong with the gallery.
        """
        notify(READY, f"STATUS={self._summary()}")
        log.tell("started", f"watches {counted(len(self._cameras), 'camera')} into {self._settings.result}")
        told, fed, wanted = monotonic(), monotonic(), watchdog()
        while not self._cameras.have_ended:
            wish = wishes.next(_TURN)
            if wish is Wish.STOP:
                break
            if wish is Wish.RELOAD:
                self.reload()
            self._cameras.look(datetime.now(timezone.utc))
            self._household.tell(self._cameras.status())
            if fault := self._fault():
                raise fault
            if wanted is not None and monotonic() - fed >= wanted and self.status().live:
                notify(WATCHDOG)
                fed = monotonic()
            if monotonic() - told >= _TELL_MANAGER:
                notify(f"STATUS={self._summary()}")
                told = monotonic()
        self._asked = monotonic()
        notify(STOPPING)
        log.tell("stopping", self._cameras.why_ended if self._cameras.have_ended else "stops as asked")

    def reload(self) -> None:
        """Take the configuration as it is now; one that is invalid changes nothing. Cameras that stay go on."""
        notify(reloading(), "STATUS=reads its configuration")
        try:
            with supervised("the configuration"):
                self._take(self._load())
        except (UserError, OSError) as error:
            log.tell("reload", f"the configuration stays as it was: {error}", logging.WARNING)
        finally:
            notify(READY, f"STATUS={self._summary()}")

    def _take(self, new: Settings) -> None:
        """Go on by another configuration. Raises UserError, and changes nothing, where that cannot be."""
        old = self._settings
        found = changes(old, new)
        if found.alerts:
            self.here.note_uses_of(old.but(channels=new.channels))
            self._alerts.reload(new.alerts, new.channels)
        self._settings = old.but(**{key: getattr(new, key) for key in ("cameras", "keep", "channels", "alerts")})
        self._restart = found.restart
        self._cameras.replace(found, new.cameras)
        log.tell("reload", _told(found), restart=list(found.restart))

    def status(self) -> Status:
        """How it does now; from any thread."""
        now, beat, alerts = monotonic(), self._beat, self._alerts.status()
        return Status(
            pid=os.getpid(),
            uptime=now - self._started,
            gallery=GalleryStatus(
                folder=self._settings.result,
                answered=now - (beat.at if beat else self._started),
                people=beat.people if beat else 0,
                known=beat.known if beat else 0,
                unknown=beat.unknown if beat else 0,
                free=beat.free if beat else None,
                thoughts=Times(*self.here.thoughts),
            ),
            cameras=self._cameras.status(),
            channels=alerts.channels,
            told=Times(alerts.told, alerts.took, alerts.limits, alerts.counts),
            memory=memory(),
            restart=self._restart,
        )

    def _fault(self) -> BaseException | None:
        """What goes wrong with the gallery, for which no camera can be blamed."""
        return self._cameras.fault or self.here.failure

    def _take_beat(self, gallery: Gallery) -> None:
        people, free = gallery.people, None
        with suppress(OSError):
            free = shutil.disk_usage(self._settings.result).free
        self._beat = _Beat(monotonic(), people.persons, people.known_faces, people.unknown_faces, free)
        now = datetime.now(timezone.utc)
        self._retaining.look(gallery)
        try:
            self._household.look(gallery)
            if self._daily.is_due(self._settings.alerts.daily, now):
                self._tell(summary_of(gallery, self._settings, now))
        except (UserError, OSError) as error:
            log.tell("problem", f"who passed cannot be read ({error})", logging.WARNING)

    def _tell(self, event: Event) -> None:
        """Tell everybody of an event; never blocks."""
        if event.track is not None:
            log.passed(event)
        if event.kind in ("camera_lost", "camera_back"):
            self.here.note_camera(event.camera, event.time, lost=event.kind == "camera_lost")
        self._household.note(event)
        self._alerts.put(event)
        self.looking.events.tell(event)

    def _time_to_draw(self) -> float:
        """Seconds for montages that are left when it was asked to stop."""
        return min(_DRAWS, max(0.0, self._asked + _DRAWN - monotonic()))

    def _summary(self) -> str:
        good = [camera.status == GOOD for camera in self._cameras.status()]
        return f"{good.count(True)} of {counted(len(good), 'camera')} send pictures"


def _begun(action: Callable[[], None], name: str) -> Thread:
    thread = Thread(target=action, name=name, daemon=True)
    thread.start()
    return thread


def _of(made: list[Daemon]) -> Daemon:
    """The daemon, once there is one. Raises UserError."""
    if not made:
        raise UserError(f"process {os.getpid()} has just begun; try again in a moment")
    return made[0]


def _tell_each(made: list[Daemon], event: Event) -> None:
    """What is seen for other processes before there is a daemon is told to nobody."""
    for daemon in made:
        daemon._tell(event)


def _told(found: Changes) -> str:
    """What a reload has changed, in a sentence."""
    parts = [
        f"{what} {', '.join(names)}"
        for what, names in (("new:", found.added), ("gone:", found.removed), ("begun anew:", found.changed))
        if names
    ]
    parts += ["alerts and channels" for _ in range(found.alerts)] + [
        "how long things are kept" for _ in range(found.keep)
    ]
    if found.restart:
        parts.append(f"from the next start on: {', '.join(found.restart)}")
    return f"the configuration is read again; {'; '.join(parts) or 'nothing has changed'}"
