"""What a page may see and do of the cameras of a daemon."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from face_classifier.daemon.cameras.cameras import Cameras
from face_classifier.daemon.cameras.viewing import Scene
from face_classifier.daemon.listeners import Listeners
from face_classifier.events.event import Event


class Looking:
    """Any thread may ask."""

    def __init__(self, cameras: Cameras, scenes: Listeners[str]) -> None:
        """``scenes``: are told the name of a camera that has a new scene."""
        self._cameras, self._scenes = cameras, scenes
        self.events: Listeners[Event] = Listeners()  # are told what happens

    def scene(self, camera: str) -> Scene | None:
        """What a camera saw last; None: nothing, it is paused, or there is none of that name."""
        return self._cameras.scene(camera)

    def shoot(self, camera: str) -> bytes | None:
        """What a camera saw last, drawn as in captures: JPEG; None: nothing, or not for long."""
        return self._cameras.shoot(camera)

    def pause(self, camera: str) -> None:
        """Have a camera watch nothing until `resume`, or the end of the run. Raises UserError: there is none."""
        self._cameras.pause(camera, paused=True)

    def resume(self, camera: str) -> None:
        """Have a camera that is paused watch again. Raises UserError: there is none."""
        self._cameras.pause(camera, paused=False)

    def seeing(self, tell: Callable[[str], None]) -> AbstractContextManager[None]:
        """Within, ``tell`` is called with the name of each camera that has a new scene; it must not block."""
        return self._scenes.hearing(tell)

    def hearing(self, tell: Callable[[Event], None]) -> AbstractContextManager[None]:
        """Within, ``tell`` is called with each event; it must not block."""
        return self.events.hearing(tell)
