"""What one camera saw last, for whoever looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from face_classifier.core.types import Frame, Image, Seen
from face_classifier.daemon.listeners import Listeners
from face_classifier.pipeline.watch import Shows


@dataclass(frozen=True, eq=False)
class Scene:
    """An analysed picture of a camera, with the faces in it as captures may show them."""

    number: int  # counts up from 1, for one camera
    arrived: float  # `time.monotonic()` when the camera sent it
    image: Image  # (height, width, 3) uint8, BGR, black where masks lie
    seen: Sequence[Seen]  # boxes in pixels of the image

    @property
    def age(self) -> float:
        """Seconds since the camera sent it."""
        return max(0.0, monotonic() - self.arrived)


class Viewing:
    """Shows the frames of one camera, knows the newest one, and when its loop turned last."""

    def __init__(self, name: str, stage: Shows, scenes: Listeners[str]) -> None:
        self._name, self._stage, self._scenes = name, stage, scenes
        self._count = 0
        self.turned = monotonic()
        self.scene: Scene | None = None

    @property
    def shows(self) -> bool:
        """Always: whoever asks for it gets the newest frame."""
        return True

    def turn(self) -> None:
        """The camera's loop has turned."""
        self.turned = monotonic()

    def forget(self) -> None:
        """What was seen is not shown any more."""
        self.scene = None

    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        """Show a frame (BGR, black where masks lie) with who was seen on it; it is the newest one from now on."""
        self.turn()
        self._count += 1
        arrived = self.turned if frame.arrived is None else frame.arrived
        self.scene = Scene(self._count, arrived, frame.image, tuple(seen))
        self._stage.show(frame, seen)
        self._scenes.tell(self._name)

    def end(self, source: str) -> None:
        """No frame of this source comes any more."""
        self._stage.end(source)

    def flush(self) -> None:
        """Show what still waits."""
        self.turn()
        self._stage.flush()
