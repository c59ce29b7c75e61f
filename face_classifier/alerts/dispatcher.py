"""From events to channels: `Dispatcher.put` only lays an event down; threads do the rest."""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from face_classifier.alerts.channels.base import Alert, CameraState, Channel, PersonState
from face_classifier.alerts.outbox import ALL, Missed, Outcome
from face_classifier.alerts.router import Router
from face_classifier.alerts.worker import ChannelState, Worker
from face_classifier.core.config.parts.alerts import Alerts, AnyChannel
from face_classifier.events.event import Event

logger = logging.getLogger(__name__)

_LIMITS = 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0  # seconds
_DRAIN, _STOP, _END = 0.8, 1.3, 1.8  # seconds after the call of `close` until each of its steps is over
Make = Callable[[str, AnyChannel], Channel]  # of a channel's name and configuration; raises UserError


@dataclass(frozen=True)
class DispatchState:
    """How alerts do."""

    channels: tuple[ChannelState, ...]
    snoozed: Mapping[str, datetime]  # until when each rule is silent, UTC; "": every rule
    # From the arrival of the deciding frame until delivery: how many alerts, seconds together, and how many of them
    # took at most so many seconds
    told: int
    took: float
    limits: tuple[float, ...]
    counts: tuple[int, ...]


class Dispatcher:
    """Tells the owner. However channels, disk and network do, nothing here makes the caller wait."""

    def __init__(
        self,
        config: Alerts,
        channels: Mapping[str, AnyChannel],
        folder: Path,
        make: Make,
        tell: Callable[[str], None],
    ) -> None:
        """Start all channels, and go on with what an earlier process left.

        Parameters
        ----------
        config, channels : as `Settings.alerts` and `Settings.channels`
        folder : of the result; the outbox lies in it
        make : makes a channel, in the caller's thread
        tell : is given sentences for the owner, from other threads; they name no person

        Raises
        ------
        UserError : a channel cannot be made, such as for a secret that is missing; none is started then
        """
        self._make, self._tell = make, tell
        self._lock = threading.Lock()
        self._told, self._took, self._counts = 0, 0.0, [0] * len(_LIMITS)
        self._is_closed = False
        self._lost: set[str] = set()  # cameras whose loss was put, and not that they are back
        self._configured: dict[str, AnyChannel] = {}
        self._workers: dict[str, Worker] = {}  # replaced, never changed
        made = self._made(channels)
        self._router = Router(config, folder, lambda: self._workers, tell, self._put_live)
        self._swap(made, channels)
        self._router.begin()

    def put(self, event: Event) -> None:
        """Take note of an event; it never blocks, and never raises.

        ``camera_back`` is to be put whenever a camera begins to deliver, at the start too: it is told if its loss was.
        """
        try:
            if self._is_closed:
                return
            if self._is_news(event):
                self._put_live(event)
            self._router.put(event)
        except Exception:
            logger.debug("an event is not told", exc_info=True)

    def _is_news(self, event: Event) -> bool:
        """Whether channels that want all get an event: of a camera that is back, if its loss was put."""
        if event.kind == "camera_back":
            with self._lock:
                was_lost = event.camera in self._lost
                self._lost.discard(event.camera)
            return was_lost
        if event.kind == "camera_lost":
            with self._lock:
                self._lost.add(event.camera)
        return True

    def _put_live(self, event: Event) -> None:
        live = Alert(event.id, replace(event, picture=None), None, event.picture)
        for worker in self._workers.values():
            if worker.wants_all:
                worker.put(live)

    def tell_state(self, cameras: Sequence[CameraState], people: Sequence[PersonState]) -> None:
        """Hand the state of all cameras and named people to the channels that tell it; it never blocks."""
        for worker in self._workers.values():
            worker.tell_state((tuple(cameras), tuple(people)))

    def snooze(self, rule: str | None, until: datetime | None) -> None:
        """Silence a rule until a time, aware. ``rule`` None: all; ``until`` None: no more."""
        self._router.snooze(ALL if rule is None else rule, until)

    def reload(self, config: Alerts, channels: Mapping[str, AnyChannel]) -> None:
        """Go on by another configuration; channels that did not change are kept, with what waits for them.

        Raises UserError, and changes nothing, where a channel cannot be made.
        """
        self._swap(self._made(channels), channels)
        self._router.configure(config)

    def status(self) -> DispatchState:
        """How alerts do now."""
        with self._lock:
            told, took, counts = self._told, self._took, tuple(self._counts)
        states = tuple(worker.state() for worker in self._workers.values())
        return DispatchState(states, self._router.snoozes, told, took, _LIMITS, counts)

    def close(self) -> None:
        """Send what can be sent at once, keep the rest for the next process, and end: within two seconds."""
        begun = time.monotonic()
        self._is_closed = True
        workers = self._workers.values()
        self._router.settle(_DRAIN / 2)
        for worker in workers:
            worker.drain()
        for worker in workers:
            worker.join(begun + _DRAIN - time.monotonic())
        stops = [_stopping(worker) for worker in workers]
        for worker, stop in zip(workers, stops, strict=True):
            worker.join(begun + _STOP - time.monotonic())
            stop.join(max(0.0, begun + _STOP - time.monotonic()))
        self._router.end()
        self._router.join(begun + _END - time.monotonic())

    def _made(self, channels: Mapping[str, AnyChannel]) -> dict[str, Channel]:
        """The channels that are new or have changed; all or none."""
        made: dict[str, Channel] = {}
        try:
            for name, channel in channels.items():
                if self._configured.get(name) != channel:
                    made[name] = self._make(name, channel)
        except BaseException:
            for one in made.values():
                one.close()
            raise
        return made

    def _swap(self, made: Mapping[str, Channel], channels: Mapping[str, AnyChannel]) -> None:
        """Put new channels in the place of old ones."""
        before = self._workers
        kept = {name: worker for name, worker in before.items() if name in channels and name not in made}
        self._workers = kept | {name: self._worker(name, channels[name], one) for name, one in made.items()}
        self._configured = dict(channels)
        for name, worker in before.items():
            if name in kept:
                continue
            _stopping(worker)
            waiting, missed = worker.left()
            heir = self._workers.get(name)
            if heir and missed:
                heir.add_missed(missed)
            for alert in waiting:
                if heir:
                    heir.put(alert)
                else:
                    self._router.report(Outcome(name, alert.id, "given up"), None)

    def _worker(self, name: str, channel: AnyChannel, made: Channel) -> Worker:
        def report(outcome: Outcome, missed: Missed | None, took: float | None) -> None:
            if took is not None:
                self._count(took)
            if not made.wants_all:
                self._router.report(outcome, missed)

        return Worker(name, channel.type, made, report=report, tell=self._tell)

    def _count(self, took: float) -> None:
        with self._lock:
            self._told, self._took = self._told + 1, self._took + took
            place = bisect_left(_LIMITS, took)
            for number in range(place, len(_LIMITS)):
                self._counts[number] += 1


def _stopping(worker: Worker) -> threading.Thread:
    """Stops a worker, whose channel may hang."""
    thread = threading.Thread(target=worker.stop, name=f"alerts {worker.name} ends", daemon=True)
    thread.start()
    return thread
