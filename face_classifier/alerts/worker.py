"""One channel's thread: what waits for it, when it is tried again, and what it has missed."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from face_classifier.alerts.channels.base import (
    LIVE_PATIENCE,
    PATIENCE,
    Alert,
    CameraState,
    Channel,
    ChannelError,
    PersonState,
    StateChannel,
)
from face_classifier.alerts.outbox import Missed, Outcome
from face_classifier.core.words import counted
from face_classifier.events.event import Event

logger = logging.getLogger(__name__)

MOST = 100  # alerts that wait for a channel; each may hold a picture of some 100 kB
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before an alert is tried again: doubled each time
_JITTER = 0.2  # of a pause, so that many programs do not knock at one moment
_LONGEST_REST = 3600.0  # seconds that another side may ask for
_IN_A_ROW = 3  # trials after which the next alert has its turn: this one may be the one that is not liked
_State = tuple[Sequence[CameraState], Sequence[PersonState]]


@dataclass(frozen=True)
class ChannelState:
    """How a channel does. Counts are since the program began to use it."""

    name: str
    type: str
    status: str  # good, failing
    reason: str  # why it fails, without secrets, or nothing
    sent: int  # alerts
    missed: int
    queued: int


@dataclass
class _Waiting:
    alert: Alert
    note_of: Missed | None = None  # it tells what was missed
    trials: int = 0


class _Health:
    """Whether a channel takes alerts, and until when it is left alone."""

    def __init__(self) -> None:
        self.failures, self.reason = 0, ""  # in a row; why the last one
        self._until = 0.0  # monotonic

    def rest(self) -> float:
        """Seconds for which nothing is tried."""
        return max(0.0, self._until - time.monotonic())

    def fail(self, error: ChannelError, *, pauses: bool) -> bool:
        """Whether that is news. ``pauses``: nothing is tried for a while."""
        pause = min(_FIRST_PAUSE * 2 ** min(self.failures, 10), _LONGEST_PAUSE)
        pause *= random.uniform(1 - _JITTER, 1 + _JITTER)
        pause = max(pause, min(error.retry_after or 0.0, _LONGEST_REST))
        self.failures, self.reason = self.failures + 1, str(error)
        self._until = time.monotonic() + pause if pauses else 0.0
        return self.failures == 1

    def recover(self) -> bool:
        """Whether that is news."""
        was_failing, self.failures, self.reason, self._until = self.failures > 0, 0, "", 0.0
        return was_failing


class Worker:
    """Hands alerts to a channel in a thread of its own. All methods may be called from any thread and never block."""

    def __init__(
        self,
        name: str,
        kind: str,
        channel: Channel,
        *,
        report: Callable[[Outcome, Missed | None, float | None], None],
        tell: Callable[[str], None],
    ) -> None:
        """Start.

        Parameters
        ----------
        name, kind : of the channel, as the configuration has them
        channel : it is closed in the end
        report : is told what became of each alert, what the channel has missed by then and was not told of, and how
            many seconds after the deciding frame it was delivered
        tell : is given sentences for the owner
        """
        self.name, self.kind, self.wants_all = name, kind, channel.wants_all
        self._channel, self._report, self._tell = channel, report, tell
        self._patience = LIVE_PATIENCE if channel.wants_all else PATIENCE
        self._wake = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._state: _State | None = None
        self._missed: Missed | None = None
        self._sent = self._lost = 0
        self._health = _Health()
        self._is_stopping = self._is_draining = False
        self._thread = threading.Thread(target=self._run, name=f"alerts {name}", daemon=True)
        self._thread.start()

    # For others

    def put(self, alert: Alert) -> None:
        """The oldest one gives way where too many wait."""
        with self._wake:
            self._waiting.append(_Waiting(alert))
            too_many = [self._waiting[1].alert] if len(self._waiting) > MOST else []  # the first one is on its way
            if too_many:
                del self._waiting[1]
            self._wake.notify_all()
        self._give_up(too_many)

    def tell_state(self, state: _State) -> None:
        """If the channel tells states; the newest one counts."""
        if not isinstance(self._channel, StateChannel):
            return
        with self._wake:
            self._state = state
            self._wake.notify_all()

    def expire(self) -> None:
        """Give up what waits for too long, even where the channel hangs."""
        with self._wake:
            old = [one.alert for one in self._waiting if one.alert.age() > self._patience]
            self._waiting = deque(one for one in self._waiting if one.alert.age() <= self._patience)
        self._give_up(old)

    def drop(self, ids: set[str]) -> None:
        """Never send these: they were forgotten."""
        with self._wake:
            self._waiting = deque(one for one in self._waiting if one.alert.id not in ids)

    def add_missed(self, missed: Missed) -> None:
        """It has missed these before; it is told when it can be."""
        with self._wake:
            self._missed = self._missed + missed if self._missed else missed
            self._wake.notify_all()

    def left(self) -> tuple[list[Alert], Missed | None]:
        """What it has not handed over yet, and what it has missed and not told."""
        with self._wake:
            return [one.alert for one in self._waiting], self._missed

    def state(self) -> ChannelState:
        with self._wake:
            health, counts = self._health, (self._sent, self._lost, len(self._waiting))
            return ChannelState(self.name, self.kind, "failing" if health.failures else "good", health.reason, *counts)

    def drain(self) -> None:
        """End as soon as nothing waits, or a trial fails."""
        with self._wake:
            self._is_draining = True
            self._wake.notify_all()

    def stop(self) -> None:
        """End after the trial that is under way, and have the channel end that one."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify_all()
        try:
            self._channel.close()
        except Exception:
            logger.debug("the channel %s does not close", self.name, exc_info=True)

    def join(self, seconds: float) -> None:
        self._thread.join(max(0.0, seconds))

    # In the thread

    def _run(self) -> None:
        while (job := self._next()) is not None:
            if isinstance(job, _Waiting):
                self._try(job)
            else:
                self._try_state(job)

    def _next(self) -> _Waiting | _State | None:
        """What is to be handed over now; waits for it. None: nothing any more."""
        while True:
            self.expire()
            with self._wake:
                if self._is_stopping or (self._is_draining and (self._health.failures or not self._waiting)):
                    return None
                rest = self._health.rest()
                if not rest:
                    if self._state is not None:
                        state, self._state = self._state, None
                        return state
                    if self._waiting:
                        return self._waiting[0]
                    if self._missed and not self.wants_all:
                        return _Waiting(_note(self.name, self._missed), self._missed)
                self._wake.wait(min(rest, 1.0) if rest else None)

    def _try(self, one: _Waiting) -> None:
        error = _error_of(lambda: self._channel.send(one.alert))
        if error is None:
            self._succeed(one)
            return
        self._fail(error)
        is_final = error.is_final or self.wants_all
        with self._wake:
            if is_final and one.note_of:
                self._missed = None
            is_first = bool(self._waiting) and self._waiting[0] is one
            one.trials += 1
            if is_first and is_final:
                self._waiting.popleft()
            elif is_first and one.trials % _IN_A_ROW == 0:
                self._waiting.rotate(-1)
        if is_first and is_final:
            self._give_up([one.alert])

    def _try_state(self, state: _State) -> None:
        assert isinstance(self._channel, StateChannel)
        channel = self._channel
        error = _error_of(lambda: channel.tell_state(*state))
        if error is None:
            self._recover()
        else:
            self._fail(error)

    def _fail(self, error: ChannelError) -> None:
        with self._wake:
            is_news = self._health.fail(error, pauses=not (error.is_final or self.wants_all)) and not self._is_stopping
        if is_news:
            what = "until it does, they are dropped" if self.wants_all else "they are tried again for ten minutes"
            self._tell(f"the channel {self.name} does not take alerts ({error}); {what}")

    def _recover(self) -> None:
        with self._wake:
            was_failing = self._health.recover()
            missed = self._missed if self.wants_all else None
            if self.wants_all:
                self._missed = None
        if was_failing:
            count = f"; it has missed {missed.count}" if missed else ""
            self._tell(f"the channel {self.name} takes alerts again{count}")

    def _succeed(self, one: _Waiting) -> None:
        with self._wake:
            if self._waiting and self._waiting[0] is one:
                self._waiting.popleft()
            if one.note_of and self._missed:
                self._missed = self._missed.less(one.note_of)
            self._sent += not one.note_of
            missed = self._missed
        self._recover()
        self._report(Outcome(self.name, one.alert.id, "delivered"), missed, None if one.note_of else one.alert.age())

    def _give_up(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            time_of = alert.event.time.astimezone(timezone.utc)
            with self._wake:
                self._lost += 1
                one = Missed(1, time_of, time_of)
                self._missed = missed = self._missed + one if self._missed else one
            self._report(Outcome(self.name, alert.id, "given up"), missed, None)


def _error_of(call: Callable[[], None]) -> ChannelError | None:
    """What a call to a channel raises; of what was not expected, its kind alone is told."""
    try:
        call()
    except ChannelError as error:
        return error
    except Exception as error:
        logger.debug("a channel fails with %s", type(error).__name__)  # its words may hold an address
        return ChannelError(f"it fails with {type(error).__name__}")
    return None


def _note(channel: str, missed: Missed) -> Alert:
    """The alert that tells a channel what it has missed; its id is the same until it is told."""
    first, last = (f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" for moment in (missed.first, missed.last))
    between = f"at {first}" if missed.count == 1 else f"between {first} and {last}"
    count = counted(missed.count, "alert was", "alerts were")
    text = f"{count} not delivered to {channel}, {between}"
    event = Event(
        f"missed:{channel}:{missed.first.isoformat()}",
        "missed",
        datetime.now(timezone.utc),
        time.monotonic(),
        "",
        text=text,
    )
    return Alert(event.id, event)
