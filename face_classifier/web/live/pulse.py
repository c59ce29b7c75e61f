"""Looks now and then, while a tab is open, at what nobody tells: the gallery's revision, and how cameras are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any

from face_classifier.daemon.status import CameraStatus
from face_classifier.web.live.hub import Hub

_EVERY = 0.5  # seconds between two looks
_OTHERWISE = 4  # times as long as a look took is waited at least before the next one

State = Callable[[], Mapping[str, Any] | None]


class Pulse:
    """Publishes ``revision`` and ``camera`` when they change, in a thread that lives as long as a tab is open."""

    def __init__(self, hub: Hub, gallery: State, cameras: Callable[[], tuple[CameraStatus, ...]]) -> None:
        """Does nothing yet.

        Parameters
        ----------
        hub : tells the tabs
        gallery : ``revision`` as it is now; None: it cannot be read just now
        cameras : how each is now; quick
        """
        self._hub, self._gallery, self._cameras = hub, gallery, cameras
        self._changed = threading.Condition()
        self._tabs = 0
        self._thread: threading.Thread | None = None
        self._told: Mapping[str, Any] | None = None
        self._told_cameras: dict[str, dict[str, Any]] | None = None

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Within, a tab is open."""
        with self._changed:
            self._tabs += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="live pulse", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._tabs -= 1
                self._changed.notify()

    @property
    def gallery(self) -> Mapping[str, Any] | None:
        """What was told of the gallery last; None: nothing so far."""
        return self._told

    def _beat(self) -> None:
        """What the thread does."""
        while self._goes_on():
            began = monotonic()
            self._look()
            wait = max(_EVERY, _OTHERWISE * (monotonic() - began))
            with self._changed:
                self._changed.wait_for(lambda: not self._tabs, wait)

    def _goes_on(self) -> bool:
        with self._changed:
            if not self._tabs:
                self._thread = None
            return self._tabs > 0

    def _look(self) -> None:
        cameras = {camera.name: told(camera) for camera in self._cameras()}
        before, self._told_cameras = self._told_cameras, cameras
        for name, camera in cameras.items():
            if before is not None and before.get(name, {}).get("status") != camera["status"]:
                self._hub.publish("camera", camera)
        gallery = self._gallery()
        if gallery is not None and gallery != self._told:
            self._told = gallery
            self._hub.publish("revision", gallery)


def told(camera: CameraStatus) -> dict[str, Any]:
    """How a camera is, for a tab; ages are seconds."""
    return {
        "camera": camera.name,
        "status": camera.status,
        "age": round(camera.since, 1),
        "reason": camera.reason.removeprefix(f"{camera.name} "),
        "still": camera.still,
    }
