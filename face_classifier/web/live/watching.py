"""What the pages know of the cameras of their own process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from face_classifier.daemon.cameras.viewing import Scene
from face_classifier.events.event import Event


class Watching(Protocol):
    """Cameras that are watched; any thread may ask. `face_classifier.daemon.looking.Looking` is one."""

    def scene(self, camera: str) -> Scene | None:
        """What a camera saw last; None: nothing, it is paused, or there is none of that name."""

    def shoot(self, camera: str) -> bytes | None:
        """What a camera saw last, drawn as in captures: JPEG; None: nothing, or not for long."""

    def pause(self, camera: str) -> None:
        """Have a camera watch nothing until `resume`, or the end of the run. Raises UserError: there is none."""

    def resume(self, camera: str) -> None:
        """Have a camera that is paused watch again. Raises UserError: there is none."""

    def seeing(self, tell: Callable[[str], None]) -> AbstractContextManager[None]:
        """Within, ``tell`` is called with the name of each camera that has a new scene; it must not block."""

    def hearing(self, tell: Callable[[Event], None]) -> AbstractContextManager[None]:
        """Within, ``tell`` is called with each event; it must not block."""
