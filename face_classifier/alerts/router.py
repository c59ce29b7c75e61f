"""The thread between what happens and the channels: it decides, makes durable, and hands on."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from face_classifier.alerts.decide import Decider, Memory, Sent
from face_classifier.alerts.outbox import ALL, Missed, Outbox, Outcome
from face_classifier.alerts.worker import Worker
from face_classifier.core.config.parts.alerts import Alerts
from face_classifier.events.event import Event

logger = logging.getLogger(__name__)

MOST_EVENTS = 1000  # that wait to be decided
_LOOK = 0.5  # seconds between two looks at what other processes wrote
_Workers = Callable[[], Mapping[str, Worker]]


class Router:
    """Owns the outbox and the decider. All methods may be called from any thread and do not block."""

    def __init__(
        self,
        config: Alerts,
        folder: Path,
        workers: _Workers,
        tell: Callable[[str], None],
        returned: Callable[[Event], None],
    ) -> None:
        """Nothing is begun yet.

        Parameters
        ----------
        config : the rules
        folder : of the result, in which the outbox lies
        workers : gives those of all channels, by name
        tell : is given sentences for the owner
        returned : is given the first ``camera_back`` of each camera whose loss an earlier process told
        """
        self._config, self._folder, self._workers, self._tell = config, folder, workers, tell
        self._returned = returned
        self._begun = datetime.now(timezone.utc), time.monotonic()
        self._wake = threading.Condition()
        self._events: deque[Event] = deque()
        self._outcomes: list[tuple[Outcome, Missed | None]] = []
        self._calls: list[Callable[[], None]] = []
        self._flooded = 0
        self._is_ending = self._is_idle = False
        self.snoozes: Mapping[str, datetime] = {}  # replaced, never changed
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    # For others

    def begin(self) -> None:
        """Start, with what an earlier process left, once there are workers."""
        self._thread.start()

    def put(self, event: Event) -> None:
        """The oldest event gives way where too many wait, which is counted and told."""
        with self._wake:
            if self._is_ending:
                return
            self._events.append(event)
            if len(self._events) > MOST_EVENTS:
                self._events.popleft()
                self._flooded += 1
            self._wake.notify_all()

    def report(self, outcome: Outcome, missed: Missed | None) -> None:
        """What became of an alert, and what its channel has missed by then."""
        with self._wake:
            self._outcomes.append((outcome, missed))
            self._wake.notify_all()

    def configure(self, config: Alerts) -> None:
        """Go on by other rules."""
        self._call(lambda: self._decider.configure(config))

    def snooze(self, rule: str, until: datetime | None) -> None:
        """See `Outbox.snooze`."""
        self._call(lambda: self._snooze(rule, until))

    def settle(self, seconds: float) -> None:
        """Wait until all that was put is decided and kept, but no longer than that."""
        with self._wake:
            self._wake.wait_for(lambda: self._is_idle and not self._has_work(), seconds)

    def end(self) -> None:
        """Take nothing more, and end once what is there is kept."""
        with self._wake:
            self._is_ending = True
            self._wake.notify_all()

    def join(self, seconds: float) -> None:
        self._thread.join(max(0.0, seconds))

    def _call(self, call: Callable[[], None]) -> None:
        with self._wake:
            self._calls.append(call)
            self._wake.notify_all()

    # In the thread

    def _run(self) -> None:
        self._outbox = Outbox(self._folder, self._tell)
        try:
            self._decider = Decider(self._config, self._outbox.memory(), self._is_snoozed)
            self._written = _copy(self._decider.memory)
            self._lost_before = set(self._decider.memory.lost)
            self._take_up()
            looked = 0.0
            while self._wait():
                try:
                    if time.monotonic() - looked >= _LOOK:
                        looked = time.monotonic()
                        self._look()
                    self._step()
                except Exception as error:  # what comes next is to be told all the same
                    logger.debug("alerts stumble", exc_info=True)
                    self._tell(f"some alerts could not be told or noted ({type(error).__name__})")
                    time.sleep(_LOOK)
            self._keep(self._decider.due(self._now(), last=True))
        finally:
            self._outbox.close()

    def _wait(self) -> bool:
        """Until there is something to do. False: nothing will come."""
        due = self._decider.next_due()
        rest = _LOOK if due is None else min(_LOOK, max(0.0, (due - self._now()).total_seconds()))
        with self._wake:
            self._is_idle = True
            self._wake.notify_all()
            self._wake.wait_for(lambda: self._is_ending or self._has_work(), rest)
            self._is_idle = False
            return not self._is_ending or self._has_work()

    def _has_work(self) -> bool:
        return bool(self._events or self._outcomes or self._calls)

    def _step(self) -> None:
        with self._wake:
            events, self._events = self._events, deque()
            outcomes, self._outcomes = self._outcomes, []
            calls, self._calls = self._calls, []
            flooded, self._flooded = self._flooded, 0
        for call in calls:
            call()
        if flooded:
            self._tell(f"{flooded} events came faster than they could be told, and are not told")
        self._keep([one for event in events for one in self._decided(event)] + self._decider.due(self._now()))
        if outcomes:
            missed = {outcome.channel: missed for outcome, missed in outcomes}
            self._outbox.finish([outcome for outcome, _ in outcomes], missed)

    def _decided(self, event: Event) -> list[Sent]:
        try:
            if event.kind in ("camera_lost", "camera_back") and event.camera in self._lost_before:
                self._lost_before.discard(event.camera)
                if event.kind == "camera_back":
                    self._returned(event)
            return self._decider.decide(event, self._now())
        except Exception as error:  # the next event is to be told all the same
            logger.debug("an event is not told", exc_info=True)
            self._tell(f"an event of the kind {event.kind} could not be told ({type(error).__name__})")
            return []

    def _keep(self, sent: list[Sent]) -> None:
        """Make durable what is to be sent, then hand it on. Channels that want all have it already."""
        workers = self._workers()
        lasting = [one for one in sent if one.channel in workers and not workers[one.channel].wants_all]
        now = _copy(self._decider.memory)
        if lasting or now != self._written:
            lasting = self._outbox.keep(lasting, self._decider.memory)
            self._written = now
        for one in lasting:
            workers[one.channel].put(one.alert)

    def _take_up(self) -> None:
        """Go on with what was left by an earlier process."""
        self.snoozes = self._outbox.snoozes()
        workers, gone = self._workers(), list[Outcome]()
        for channel, missed in self._outbox.missed().items():
            if channel in workers:
                workers[channel].add_missed(missed)
        for one in self._outbox.pending():
            if one.channel in workers:
                workers[one.channel].put(one.alert)
            else:
                gone.append(Outcome(one.channel, one.alert.id, "given up"))
        if gone:
            self._outbox.finish(gone, {})

    def _look(self) -> None:
        """What other processes wrote, and what has waited for too long."""
        if self._outbox.has_changed():
            self.snoozes = self._outbox.snoozes()
            forgotten = self._outbox.forgotten()
            for name, worker in self._workers().items():
                worker.drop({id for channel, id in forgotten if channel == name})
        for worker in self._workers().values():
            worker.expire()

    def _snooze(self, rule: str, until: datetime | None) -> None:
        self._outbox.snooze(rule, until)
        self.snoozes = self._outbox.snoozes()

    def _is_snoozed(self, rule: str) -> bool:
        now = datetime.now(timezone.utc)
        return any(name in self.snoozes and self.snoozes[name] > now for name in (rule, ALL))

    def _now(self) -> datetime:
        """UTC, on which a clock that is put right has no influence."""
        wall, steady = self._begun
        return wall + timedelta(seconds=time.monotonic() - steady)


def _copy(memory: Memory) -> Memory:
    return Memory(memory.salt, dict(memory.cooling), set(memory.lost))
