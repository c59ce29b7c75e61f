"""All cameras of a daemon: each begins, goes on when others are replaced, and ends."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from time import monotonic

from face_classifier.core.config.parts.cameras import Camera
from face_classifier.core.config.settings import Changes, Settings
from face_classifier.core.errors import UserError
from face_classifier.daemon import log
from face_classifier.daemon.cameras.loop import FILE_OVER, TIME_OVER, CameraLoop, Shared
from face_classifier.daemon.cameras.opening import view_of
from face_classifier.daemon.cameras.viewing import Scene
from face_classifier.daemon.status import LOST, CameraStatus
from face_classifier.sources.live.opening import open_live

_CLOSING = 2.0  # seconds for cameras to end
_ENDS = {FILE_OVER: "all files have ended", TIME_OVER: TIME_OVER}


class Cameras:
    """The cameras by name. The main thread changes them; any thread may ask."""

    def __init__(self, settings: Settings, shared: Shared) -> None:
        """``settings``: as the gallery has them; ``shared``: what all cameras share."""
        self._settings, self._shared = settings, shared
        self._loops: Mapping[str, CameraLoop] = {}  # replaced, never changed
        self._paused: frozenset[str] = frozenset()  # names, also of those that are known no more
        self._lock = threading.Lock()  # of both, so that none begins that was paused meanwhile
        self.hang = False  # one of them did not end in time

    def __len__(self) -> int:
        return len(self._loops)

    def begin(self, cameras: Mapping[str, Camera]) -> None:
        """Let those begin that do not run so far; others than these are known no more."""
        before = self._loops
        self._settings = self._settings.but(cameras=dict(cameras))
        with self._lock:
            self._loops = {name: before.get(name) or self._loop_of(name, camera) for name, camera in cameras.items()}
        for name, loop in self._loops.items():
            if name not in before:
                loop.start()

    def replace(self, found: Changes, cameras: Mapping[str, Camera]) -> None:
        """Take another configuration; those that did not change go on.

        One that is lost begins anew all the same: its password may be another one now.
        """
        names = {*found.removed, *found.changed}
        gone = {name: one for name, one in self._loops.items() if name in names or one.status().status == LOST}
        self.end(gone.values())
        self._loops = {name: loop for name, loop in self._loops.items() if name not in gone}
        self.begin(cameras)

    def end(self, loops: Collection[CameraLoop] | None = None) -> None:
        """End some cameras, or all, at a time."""
        loops = list(self._loops.values()) if loops is None else loops
        for loop in loops:
            loop.stop()
        end = monotonic() + _CLOSING
        for loop in loops:
            if not loop.join(end):
                self.hang = True
                log.tell("hangs", "did not end in time and is left", logging.WARNING, camera=loop.name)

    def look(self, now: datetime) -> None:
        """See to what is due. Never waits. ``now``: aware."""
        for loop in self._loops.values():
            loop.look(now)

    @property
    def have_ended(self) -> bool:
        """Whether none shows anything more: all were files, or the time of --stop is over."""
        return bool(self._loops) and all(loop.ended for loop in self._loops.values())

    @property
    def why_ended(self) -> str:
        """Why they `have_ended`."""
        ends = {loop.ended for loop in self._loops.values()}
        return "; ".join(text for end, text in _ENDS.items() if end in ends)

    @property
    def fault(self) -> BaseException | None:
        """What went wrong with the gallery, for which no camera can be blamed."""
        return next((loop.fault for loop in self._loops.values() if loop.fault), None)

    def status(self) -> tuple[CameraStatus, ...]:
        """How each does now."""
        return tuple(loop.status() for loop in self._loops.values())

    def shoot(self, name: str) -> bytes | None:
        """What a camera saw last, drawn as in captures: JPEG; None: nothing, or not for long."""
        loop = self._loops.get(name)
        return loop.shoot() if loop else None

    def scene(self, name: str) -> Scene | None:
        """What a camera saw last; None: nothing, it is paused, or there is none of that name."""
        loop = self._loops.get(name)
        return loop.scene if loop else None

    def pause(self, name: str, *, paused: bool) -> None:
        """Have a camera watch nothing, or watch again; from any thread. It stays so if it begins anew.

        Raises UserError where there is no such camera.
        """
        with self._lock:
            loop = self._loops.get(name)
            if loop is None:
                known = ", ".join(self._loops) or "there is none"
                raise UserError(f"there is no camera {name!r}; name one of these: {known}")
            self._paused = self._paused | {name} if paused else self._paused - {name}
            if paused:
                loop.pause()
            else:
                loop.resume()

    def _loop_of(self, name: str, camera: Camera) -> CameraLoop:
        settings = self._settings
        if camera.seconds is not None:
            settings = dataclasses.replace(settings, seconds=camera.seconds)
        loop = CameraLoop(name, partial(open_live, name, camera), view_of(camera), settings, self._shared)
        if name in self._paused:
            loop.pause()
        return loop
