"""One camera of a daemon: a thread that analyses it for ever, whatever goes wrong with it."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from time import monotonic
from typing import TypeVar

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.files import jpeg_bytes
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.errors import UserError
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Frame, Seen
from face_classifier.daemon import log
from face_classifier.daemon.cameras.viewing import Scene, Viewing
from face_classifier.daemon.listeners import Listeners
from face_classifier.daemon.status import PAUSED, CameraStatus
from face_classifier.display.overlay import annotate
from face_classifier.events.event import Event
from face_classifier.gallery.owner.queue import OwnerClosedError
from face_classifier.pipeline.analysis.view import View
from face_classifier.pipeline.desk import Begun, Counts
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.inputs import Known
from face_classifier.pipeline.placing.discretion import Discretion
from face_classifier.pipeline.watch import Crew, classify
from face_classifier.records import AnalysedFrame
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source
from face_classifier.sources.live.source import LiveSource, SourceState

_T = TypeVar("_T")
FILE_OVER, TIME_OVER = "its file has ended", "the time of --stop is over"
_ANEW = 600.0  # seconds for which a camera is lost until it is opened anew
_WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds until a camera whose analysis failed is begun anew
_FRESH = 10.0  # seconds for which the last picture of a camera is what it sees
_PAUSE = 0.2  # seconds between two looks at whether a pause is over
_STEADY = 60.0  # seconds after which a failure is the first one again


@dataclass(frozen=True)
class Shared:
    """What the cameras of a daemon share."""

    here: Here
    crew: Crew
    tell: Callable[[Event], None]  # never blocks
    scenes: Listeners[str] = field(default_factory=Listeners)  # are told the name of a camera that has a new one


Opens = Callable[[Callable[[SourceState], None]], LiveSource]


class CameraLoop:
    """Watches one camera from `start` to `stop`, whatever goes wrong with it."""

    def __init__(self, name: str, opens: Opens, view: View, settings: Settings, shared: Shared) -> None:
        """Does nothing yet.

        Parameters
        ----------
        name: of the camera.
        opens: opens it, and has changes of its state told. Raises UserError.
        view: what counts of its pictures, and when.
        settings: of this camera.
        shared: with the others.
        """
        self.name = name
        self.fault: BaseException | None = None  # of the gallery, for which no camera can be blamed
        self.ended = ""  # why it shows nothing more: its file is over, or the time of --stop; empty: it goes on
        self._opens, self._view, self._shared = opens, view, shared
        self._stopping, self._anew, self._paused = threading.Event(), threading.Event(), threading.Event()
        self._counting = _Counting(shared.here)
        self._viewing = Viewing(name, shared.crew.stage, shared.scenes)
        self._crew = replace(
            shared.crew,
            settings=settings,
            places=self._counting,
            stage=self._viewing,
            observer=LogObserver(name),
            stopping=self._anew,
            view=view,
        )
        self._lock = threading.Lock()  # of the state, which its source changes, too
        self._state = _State("starting", monotonic())
        self._lost, self._dropped = 0, 0
        self._source: LiveSource | None = None
        self._opened = monotonic()  # when that was
        self._end = ""  # why its frames came to their end last
        self._thread = threading.Thread(target=self._watch, name=f"camera {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def pause(self) -> None:
        """Have it watch nothing until `resume`; its stream is closed. What it saw is not shown any more."""
        self._paused.set()
        self._anew.set()

    def resume(self) -> None:
        self._paused.clear()

    def stop(self) -> None:
        """Have it end soon; `join` waits for that."""
        self._stopping.set()
        self._anew.set()

    def join(self, end: float) -> bool:
        """Wait until it has ended, or until ``end`` on the monotonic clock; returns whether it has."""
        self._thread.join(max(0.0, end - monotonic()))
        return not self._thread.is_alive()

    def look(self, now: datetime) -> None:
        """Begin anew where that is due: at the end of its hours, or what has been lost for long. Never waits."""
        since = max(self._state.since, self._opened)
        is_long_lost = self._state.status == "lost" and monotonic() - since > _ANEW
        if self._source and (is_long_lost or not self._view.is_open(now)):
            self._anew.set()

    def status(self) -> CameraStatus:
        """How it does now; from any thread."""
        now, state, counted, source = monotonic(), self._state, self._counting, self._source
        seen = source.state if source else None
        return CameraStatus(
            name=self.name,
            status=state.status,
            since=now - state.since,
            reason=seen.reason if seen and seen.status == state.status else state.reason,
            still=bool(seen and seen.still),
            last_frame=now - seen.last_frame if seen and seen.last_frame is not None else None,
            analysed=counted.frames,
            dropped=self._dropped + (seen.dropped if seen else 0),
            faces=counted.faces,
            tracks=counted.tracks,
            lost=self._lost,
            turned=now - self._viewing.turned if self._thread.is_alive() else 0.0,
        )

    @property
    def scene(self) -> Scene | None:
        """What it saw last; None: nothing, or it is paused. The picture of a lost camera grows old."""
        return None if self._paused.is_set() else self._viewing.scene

    def shoot(self) -> bytes | None:
        """What it saw last, drawn as in captures: JPEG; None: nothing, or not for long."""
        scene = self.scene
        if scene is None or scene.age > _FRESH:
            return None
        return jpeg_bytes(annotate(scene.image, scene.seen))

    def _watch(self) -> None:
        """What its thread does."""
        failures = 0
        while not self._stopping.is_set():
            began = monotonic()
            self._anew.clear()
            if self._stopping.is_set():  # `stop` came before that, which took half of it back
                return
            try:
                if self._paused.is_set():
                    self._change(PAUSED, "is paused")
                    self._viewing.forget()
                    self._wait(_PAUSE)
                    continue
                if self._state.status == PAUSED:
                    self._change("starting")
                if not self._view.is_open(datetime.now(timezone.utc)):
                    self._change("waiting", "waits for its hours")
                    self._wait(1.0)
                    continue
                with supervised(f"camera {self.name}"):
                    self._watch_once()
            except OwnerClosedError:
                return
            except (DiskError, FolderGoneError) as error:
                self.fault = error
                return
            except (UserError, OSError) as error:
                failures = 0 if monotonic() - began > _STEADY else failures
                self._change("lost", str(error))
                self._wait(_WAITS[min(failures, len(_WAITS) - 1)])
                failures += 1
            else:
                if not self._anew.is_set():  # its frames have come to their end
                    self._change("waiting", self._end)
                    self.ended = self._end
                    return

    def _watch_once(self) -> None:
        with self._opens(self._hear) as source:
            self._opened, self._source = monotonic(), source
            try:
                classify(source, self._crew)
                self._end = FILE_OVER if source.state.status == "waiting" else TIME_OVER
            finally:
                self._source, self._dropped = None, self._dropped + source.dropped
                self._counting.end()

    def _wait(self, seconds: float) -> None:
        """As long as that, or until it is to stop; the loop turns meanwhile."""
        end = monotonic() + seconds
        while not self._stopping.wait(min(0.5, max(0.0, end - monotonic()))) and monotonic() < end:
            self._viewing.turn()

    def _hear(self, state: SourceState) -> None:
        """Its source has changed; called in any thread."""
        self._change(state.status, state.reason)
        if state.still:
            log.tell("still", "its picture seems to stand still", logging.WARNING, camera=self.name)

    def _change(self, status: str, reason: str = "") -> None:
        with self._lock:
            before, self._state = self._state, _State(status, monotonic(), reason)
            if before.status == status:
                self._state = replace(before, reason=reason)
                return
            self._lost += status == "lost"
        if self._stopping.is_set():
            return
        away = monotonic() - before.since
        if status == "lost":
            log.tell("camera_lost", reason, logging.WARNING, camera=self.name)
            self._shared.tell(_event("camera_lost", self.name, f"{self.name} is lost: {self._without_name(reason)}"))
        elif status == "good":  # alerts know whether its loss was told, by an earlier process too
            is_back = before.status == "lost"
            text = f"is back after {away:.0f} s" if is_back else "sends pictures"
            log.tell("camera_back" if is_back else "camera", text, camera=self.name)
            self._shared.tell(_event("camera_back", self.name, f"{self.name} {text}"))
        else:
            log.tell("camera", reason or status, camera=self.name)

    def _without_name(self, sentence: str) -> str:
        return sentence.removeprefix(f"{self.name} ")


@dataclass(frozen=True)
class _State:
    status: str  # as of `SourceState`
    since: float  # monotonic
    reason: str = ""


def _event(kind: str, camera: str, text: str) -> Event:
    return Event(f"{kind}-{uuid.uuid4().hex}", kind, datetime.now(timezone.utc), monotonic(), camera, text=text)


class _Counting:
    """Has the frames of one camera placed, and counts what is seen."""

    def __init__(self, here: Here) -> None:
        self._here = here
        self._begun: Begun | None = None
        self._newest = -1  # number of a track by place and look
        self.frames = self.faces = self.tracks = 0
        self.last: float | None = None  # monotonic, when a frame was last handed over

    def begin(self, source: Known, sampling: Sampling, view: View, discretion: Discretion) -> Begun:
        self._newest = -1
        self._begun = self._here.begin(source, sampling, view, discretion)
        return self._begun

    def begin_chapter(self, begun: Begun) -> Begun:
        self._newest = -1
        self._begun = self._here.begin_chapter(begun)
        return self._begun

    def sampling(self, source: Known) -> Sampling:
        return self._here.sampling(source)

    def submit(self, begun: Begun, analysed: AnalysedFrame) -> Future[list[Seen]]:
        self.last = monotonic()
        self.frames += 1
        self.faces += len(analysed.faces)
        for face in analysed.faces:
            self.tracks += face.track > self._newest
            self._newest = max(self._newest, face.track)
        return self._here.submit(begun, analysed)

    def end(self) -> None:
        """Write what is still to be written of it."""
        begun, self._begun = self._begun, None
        if begun:
            self._here.end(begun)


class LogObserver:
    """Tells the log what goes wrong, of a camera or of the gallery."""

    def __init__(self, camera: str | None = None) -> None:
        self._fields = {"camera": camera} if camera else {}

    def problem(self, sentence: str) -> None:
        log.tell("problem", sentence, logging.WARNING, **self._fields)

    at_end = problem

    def through(self, steps: Sequence[_T], name: str) -> Iterator[_T]:
        yield from steps

    def opened(self, source: Source, sampling: Sampling) -> None:
        """Nothing: `CameraLoop` tells it."""

    def analysed(self, frame: Frame, people: Counts) -> None:
        """Nothing: `_Counting` counts."""

    def closed(self, source: Source) -> None:
        for note in source.notes():
            self.problem(note)
