"""Pictures of one camera without end: its reader is watched, killed when it hangs, and started again."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from face_classifier.sources.live.child import Child, ChildGone
from face_classifier.sources.live.reading.job import Job, Message, Why
from face_classifier.sources.live.reading.memory import Memory, Shot
from face_classifier.sources.live.reasons import sentence_of
from face_classifier.sources.live.still import Stillness
from face_classifier.sources.live.watchdog import Waits, Watchdog

logger = logging.getLogger(__name__)

Status = Literal["starting", "good", "lost", "waiting"]

_TICK = 0.25  # seconds between two looks at the clock
_LEAVE = 1.5  # seconds for which closing waits for the thread, which waits a second at most for the process


@dataclass(frozen=True)
class FeedState:
    """How a camera is."""

    status: Status
    since: float  # monotonic seconds
    reason: str  # one sentence, without secrets; empty while it is good
    still: bool = False  # its picture seems to stand still: a suspicion, which leaves it good


@dataclass(frozen=True)
class _Outcome:
    """How an attempt ended."""

    why: Why
    detail: str = ""
    lasted: float = 0.0  # seconds for which pictures came
    usable: bool = True  # its process waits for the next job


_NO_PROCESS = _Outcome("no process")


class Pictures:
    """The newest pictures of a camera, over all processes that read it one after the other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._memory: Memory | None = None
        self._generation = 0
        self._earlier = self._earlier_kept = 0  # pictures of earlier memories
        self._wanted = 0.0

    @property
    def arrived(self) -> int:
        """How many whole pictures came so far."""
        return self._earlier + (self._memory.arrived if self._memory else 0)

    @property
    def kept(self) -> int:
        """How many of them were wanted, and so could be taken."""
        return self._earlier_kept + (self._memory.published if self._memory else 0)

    def use(self, memory: Memory) -> None:
        """From now on they come from ``memory``."""
        with self._changed:
            self._earlier, self._earlier_kept = self.arrived, self.kept
            self._memory, self._generation = memory, self._generation + 1
            memory.want(self._wanted)

    def release(self) -> None:
        """No more come, and none can be taken."""
        with self._changed:
            self._earlier, self._earlier_kept, self._memory = self.arrived, self.kept, None
            self._changed.notify_all()

    def notify(self) -> None:
        """Wake who waits: there is a new picture, or another state."""
        with self._changed:
            self._changed.notify_all()

    def want(self, moment: float) -> None:
        """Only pictures from ``moment`` (monotonic seconds) on are of use: the reader need not make others."""
        with self._changed:
            self._wanted = moment
            if self._memory is not None:
                self._memory.want(moment)

    def wait(self, timeout: float) -> None:
        """Wait for a picture or another state, at most ``timeout`` seconds."""
        with self._changed:
            self._changed.wait(timeout)

    def take(self, after: tuple[int, int], timeout: float) -> tuple[tuple[int, int], Shot] | None:
        """The newest picture, if within ``timeout`` seconds there is another one than that ``after``.

        Returns with it what to ask ``after`` next; at first (0, 0). `Shot.number` counts over all processes.
        """
        with self._changed:
            if not self._is_new(after):
                self._changed.wait(timeout)
            memory, generation, earlier = self._memory, self._generation, self._earlier
        if memory is None:
            return None
        shot = memory.newest(after[1] if after[0] == generation else 0)
        return None if shot is None else ((generation, shot.published), replace(shot, number=earlier + shot.number))

    def nearest(self, moment: float, within: float) -> Shot | None:
        """The picture that came nearest to ``moment`` (monotonic), at most ``within`` seconds from it."""
        memory = self._memory
        return memory.nearest(moment, within) if memory else None

    def _is_new(self, after: tuple[int, int]) -> bool:
        if self._memory is None:
            return False
        return self._memory.published > (after[1] if after[0] == self._generation else 0)


class Feed:
    """A camera whose newest picture can be taken at any time.

    A thread of its own watches over the process that reads it, on the monotonic clock: after ``job.silence`` seconds
    without a new whole picture the process is killed, whatever it hangs in. It tries again for ever.
    """

    def __init__(self, name: str, job: Job, shown: str, told: Callable[[FeedState], None], frozen: float) -> None:
        """Starts nothing yet.

        Parameters
        ----------
        name : of the camera
        job : what is to be read
        shown : the address as it may be told
        told : is told every change of the state, in the feed's thread
        frozen : seconds without a change until the picture seems to stand still; 0 = never
        """
        self.pictures = Pictures()
        self.fps = 0.0  # as the camera tells; 0 = it did not
        self.last: float | None = None  # when the last picture came, monotonic seconds
        self.state = FeedState("starting", time.monotonic(), "")
        self._name, self._job, self._shown, self._told = name, job, shown, told
        self._still, self._waits = Stillness(frozen), Waits()
        self._closing, self._hurry = threading.Event(), threading.Event()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._lock = threading.Lock()  # over the descriptor that wakes
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Once; a second time is nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def retry_now(self) -> None:
        """Try again at once, as after a changed password."""
        self._hurry.set()
        self._wake()

    def stop(self) -> None:
        """Have the process and the thread end soon; `close` waits for that."""
        self._closing.set()
        self._wake()

    def close(self) -> None:
        """End the process and the thread; returns within 2 seconds whatever hangs. A second time is nothing."""
        self.stop()
        if self._thread.ident is None:
            self._release()
        elif self._thread is not threading.current_thread():
            self._thread.join(_LEAVE)
        self.pictures.release()

    def _wake(self) -> None:
        with self._lock, suppress(BlockingIOError):
            if self._waker >= 0:
                os.write(self._waker, b"!")

    def _release(self) -> None:
        with self._lock:
            if self._waker >= 0:
                os.close(self._waker)
                os.close(self._woken)
                self._waker = self._woken = -1

    def _run(self) -> None:
        child: Child | None = None
        try:
            while not self._closing.is_set():
                self._hurry.clear()
                child = child or self._new_child()
                began = time.monotonic()
                outcome = self._attempt(child) if child else _NO_PROCESS
                if self._closing.is_set():
                    return
                if child and not outcome.usable:
                    child.end()
                    child = None
                self._lose(outcome)
                if outcome.why == "finished":
                    return
                child = child or self._new_child()  # which is ready when the wait is over
                self._pause(self._waits.next(outcome.why, outcome.lasted, began, time.monotonic()), child)
        except Exception as error:
            logger.debug("the watch over %s ends", self._name, exc_info=True)
            self._set("lost", f"{self._name} is no longer watched ({type(error).__name__}); restart it")
        finally:
            if child is not None:
                child.end()
            self._release()

    def _new_child(self) -> Child | None:
        """None: the system has no room for one just now, such as no memory, process or descriptor."""
        try:
            child = Child()
        except OSError as error:
            logger.debug("%s cannot be read by a process (%s)", self._name, error)
            return None
        logger.debug("%s is read by process %d", self._name, child.number)
        self.pictures.use(child.memory)
        return child

    def _attempt(self, child: Child) -> _Outcome:
        watchdog = Watchdog(self._job, child.memory, time.monotonic())
        try:
            child.begin(self._job)
            while not self._closing.is_set():
                for message in child.messages(_TICK, self._woken):
                    self._hear(message, watchdog)
                    if message.failed:
                        return _Outcome(message.failed, message.detail, watchdog.lasted())
                self._rest()
                if watchdog.is_silent(time.monotonic()):
                    return _Outcome("silent", "", watchdog.lasted(), usable=False)
                self._show(child, good=watchdog.shows(flaps=self._waits.flaps))
        except ChildGone:
            return _Outcome("crashed", "", watchdog.lasted(), usable=False)
        return _Outcome("ended")

    def _show(self, child: Child, *, good: bool) -> None:
        if child.memory.last > (self.last or 0.0):
            self.last = child.memory.last
            self.pictures.notify()
        if good and self.state.status != "good":
            self._set("good", "")

    def _hear(self, message: Message, watchdog: Watchdog) -> None:
        if message.opened is not None:
            watchdog.is_open = True
            self.fps = message.fps
            logger.debug("%s is open: %s, %g frames a second", self._name, message.opened, message.fps)
        if message.changed is not None and self._still.add(message.changed, time.monotonic()):
            self._set("good", "", still=self._still.is_still)

    def _lose(self, outcome: _Outcome) -> None:
        self._still.forget()
        status: Status = "waiting" if outcome.why == "finished" else "lost"
        sentence = sentence_of(outcome.why, self._job, self._name, self._shown, outcome.detail)
        logger.debug("%s (%s %s)", sentence, outcome.why, outcome.detail)
        self._set(status, sentence)

    def _set(self, status: Status, reason: str, *, still: bool = False) -> None:
        """Told is what is new: that it is lost once, whatever the reasons are that follow."""
        before = self.state
        same = status == before.status
        self.state = FeedState(status, before.since if same else time.monotonic(), reason, still)
        if same and still == before.still:
            return
        try:
            self._told(self.state)
        except Exception:
            logger.debug("telling the state of %s failed", self._name, exc_info=True)
        self.pictures.notify()

    def _pause(self, until: float, child: Child | None) -> None:
        """Wait, unless there is a hurry."""
        while not self._closing.is_set() and not self._hurry.is_set() and time.monotonic() < until:
            try:
                if child:
                    child.messages(until - time.monotonic(), self._woken)
                else:
                    self._closing.wait(_TICK)
            except ChildGone:  # which the next attempt tells
                self._closing.wait(_TICK)
            self._rest()

    def _rest(self) -> None:
        """Take back what woke this thread."""
        with suppress(BlockingIOError):
            os.read(self._woken, 64)
