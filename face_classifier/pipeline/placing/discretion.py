"""What is kept and shown of strangers: by a camera's ``known_only`` and ``pixelate``, or by the flags of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from face_classifier.core.config.flat import STRANGERS
from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Box, Seen
from face_classifier.identity.naming import number_in

_LATELY = 1.0  # seconds of the source for which a face stays covered that is not found: some are missed in some frames
_SAME = 0.3  # intersection over union from which a face that is found is taken for the one that was there


@dataclass(frozen=True)
class Discretion:
    """How strangers are treated in one source."""

    known_only: bool = False  # of whoever is no person of the gallery nothing is kept but a count
    pixelate: bool = False  # whoever has no name of the user's is shown pixelated

    def __bool__(self) -> bool:
        return self.known_only or self.pixelate

    def shown(self, face: Seen) -> Seen:
        """A face as windows and captures may show it."""
        if self.known_only and face.person is None:
            return replace(face, forgotten=True)
        if self.pixelate and (face.person is None or number_in(face.person) is not None):
            return replace(face, hidden=True)
        return face


OPEN = Discretion()  # all is kept and shown


def discretion_of(settings: Settings, source: str) -> Discretion:
    """How strangers are treated in a source: as its camera says, and as the run does where it says nothing."""
    camera = settings.cameras.get(source)
    known_only = camera.known_only if camera else None
    pixelate = camera.pixelate if camera else None
    return Discretion(
        settings.known_only if known_only is None else known_only, (pixelate or settings.pixelate) == STRANGERS
    )


class Cover:
    """What windows and captures may show of one source, frame after frame.

    Where a face was covered a moment ago and none is found now, the place stays covered.
    """

    def __init__(self, discretion: Discretion) -> None:
        self._discretion = discretion
        self._lately: list[tuple[float, Box]] = []  # (seconds of the source, where)

    def over(self, position: float, faces: Sequence[Seen]) -> list[Seen]:
        """The faces of the frame at ``position`` (seconds) as they may be shown; then places that stay covered."""
        if not self._discretion:
            return list(faces)
        shown = [self._discretion.shown(face) for face in faces]
        self._lately = [
            (then, box)
            for then, box in self._lately
            if 0 <= position - then <= _LATELY and not any(box.overlap(face.box) >= _SAME for face in shown)
        ]
        missed = [Seen(box, None, forgotten=True) for _, box in self._lately]
        self._lately += [(position, face.box) for face in _covered(shown)]
        return [*shown, *missed]

    def hidden(self, faces: Sequence[Seen]) -> list[Box]:
        """Which faces of a frame may not be seen."""
        return [face.box for face in _covered(map(self._discretion.shown, faces))]


def _covered(faces: Iterable[Seen]) -> list[Seen]:
    return [face for face in faces if face.hidden or face.forgotten]
