"""A camera that runs for months becomes a stream of Frames, of which the newest counts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.sources.base import Grid, Sampling, frame_duration
from face_classifier.sources.live.feed import Feed, FeedState, Status
from face_classifier.sources.live.reading.job import Job
from face_classifier.sources.live.reading.memory import Shot

logger = logging.getLogger(__name__)

_LOOK_UP = 0.1  # seconds between two looks at ``stopping`` while a camera is silent
_SAME_MOMENT = 0.15  # seconds between the pictures of two streams that are one
_OPENS = 30.0  # seconds that the first picture of a camera may take which somebody waits for


@dataclass(frozen=True)
class SourceState:
    """How a live source is."""

    status: Status  # waiting: it will show nothing more, or not now
    since: float  # monotonic seconds
    reason: str  # one sentence, without user and password; empty while all is good
    frames: int  # handed out
    dropped: int  # that were due and not handed out, since newer ones came before
    last_frame: float | None  # monotonic seconds at which the newest picture came
    still: bool  # its picture seems to stand still: a suspicion


@dataclass(frozen=True)
class Camera:
    """What a live source reads."""

    name: str
    job: Job
    shown: str = ""  # the address as it may be told
    main: Job | None = None  # a stream of the same camera with larger pictures
    frozen: float = 60.0  # seconds without a change until its picture seems to stand still; 0 = never


class LiveSource:
    """A camera, read by a process of its own that is watched, killed when it hangs and started again.

    Frames just do not come while it is lost. Use it in a ``with`` statement.
    """

    live = True
    fingerprint = None  # a live source never repeats
    duration = None

    def __init__(self, camera: Camera, on_change: Callable[[SourceState], None] = lambda _: None) -> None:
        """``on_change`` is told when the status or the suspicion changes, in a thread of the source."""
        self.name = camera.name
        self.on_change = on_change
        self.start = datetime.now(timezone.utc)
        self._opened = time.monotonic()
        self._frames = self._taken = 0
        self._feed = Feed(camera.name, camera.job, camera.shown, self._tell, camera.frozen)
        self._main = camera.main and Feed(f"{camera.name} main", camera.main, "", _tell_main, 0.0)

    @property
    def state(self) -> SourceState:
        return self._state_of(self._feed.state)

    @property
    def dropped(self) -> int:
        """Pictures that were due and not handed out, since newer ones came before anybody took them."""
        return max(0, self._feed.pictures.kept - self._taken)

    def begin(self) -> LiveSource:
        """Start reading, so that the newest picture is there when frames are asked for."""
        self._feed.start()
        if self._main:
            self._main.start()
        return self

    def await_first(self) -> None:
        """Wait for the first picture. Raises UserError, which tells why there is none, and closes the source."""
        self.begin()
        until = time.monotonic() + _OPENS
        while self._feed.state.status == "starting" and time.monotonic() < until:
            self._feed.pictures.wait(_LOOK_UP)
        if self._feed.state.status != "good":
            reason = self._feed.state.reason
            self.close()
            raise UserError(reason or f"{self.name} has shown no picture for {_OPENS:g} s; check it")
        self._opened, self.start = time.monotonic(), datetime.now(timezone.utc)

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yields the newest picture whenever one is due, for ever; while the camera is lost, nothing.

        Positions are monotonic seconds since the source was opened. ``Frame.time`` is the wall clock (UTC) at which the
        picture came. Ends with a rehearsal file.

        Parameters
        ----------
        sampling : which frames
        start : does not matter
        stopping : ends it within a tenth of a second
        between : yield the frames between as well, with ``due=False``
        """
        self.begin()
        grid, after = Grid(sampling), (0, 0)
        pictures = self._feed.pictures
        while not stopping.is_set() and not sampling.ends_before(time.monotonic() - self._opened):
            pictures.want(0.0 if between else self._opened + grid.next)
            has_ended = self._feed.state.status == "waiting"
            taken = pictures.take(after, 0.0 if has_ended else _LOOK_UP)
            if taken is None:
                if has_ended:
                    return
                continue
            after, shot = taken
            self._taken += 1
            position = shot.at - self._opened
            if position < 0:
                continue
            if sampling.ends_before(position):
                return
            due = grid.due(position)
            if due:
                grid.advance(position)
            if due or between:
                self._frames += 1
                yield self._frame(shot, position, due)

    def notes(self) -> list[str]:
        """None: what a camera does not show is not known."""
        return []

    def retry_now(self) -> None:
        """Try a lost camera again at once, as after a changed password."""
        self._feed.retry_now()
        if self._main:
            self._main.retry_now()

    def close(self) -> None:
        """Ends all that reads; returns within 2 seconds whatever hangs."""
        feeds = [self._feed, *([self._main] if self._main else [])]
        for feed in feeds:
            feed.stop()
        for feed in feeds:
            feed.close()

    def __enter__(self) -> LiveSource:
        return self.begin()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _frame(self, shot: Shot, position: float, due: bool) -> Frame:
        tolerance = frame_duration(self._feed.fps) / 2
        when = datetime.fromtimestamp(shot.wall, timezone.utc)
        main = self._main.pictures.nearest(shot.at, _SAME_MOMENT) if self._main and due else None
        picture = main.image if main else None
        return Frame(
            shot.image,
            self.name,
            None,
            shot.number - 1,
            position,
            tolerance,
            when,
            due,
            main=picture,
            arrived=shot.came,
        )

    def _tell(self, state: FeedState) -> None:
        self.on_change(self._state_of(state))

    def _state_of(self, state: FeedState) -> SourceState:
        return SourceState(
            state.status, state.since, state.reason, self._frames, self.dropped, self._feed.last, state.still
        )


def _tell_main(state: FeedState) -> None:
    """A larger picture that is lost costs no frame, but better views: it is told in the log alone."""
    if state.status == "lost":
        logger.warning("%s; faces are cut out of the other stream meanwhile", state.reason)


def changes_told(name: str, tell: Callable[[str], None]) -> Callable[[SourceState], None]:
    """What a source may be given as ``on_change``: it tells in sentences what changed of a camera that was good."""
    before: list[SourceState] = []

    def changed(state: SourceState) -> None:
        if state.status == "lost":
            tell(f"{state.reason}; it is tried again")
        elif before and before[-1].status == "lost" and state.status == "good":
            tell(f"{name} shows pictures again, after {state.since - before[-1].since:.0f} s")
        elif state.still:
            tell(f"the picture of {name} seems to stand still; look whether it is live")
        before[:] = [state]

    return changed
