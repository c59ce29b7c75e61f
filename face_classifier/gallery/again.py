"""The same face again: which faces of a frame were seen at an earlier pass over the same source."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from face_classifier.core.types import Box, Frame

SAME = 0.5  # overlap (intersection over union) from which two boxes at one position are one face


def reach(frame: Frame) -> tuple[float, float]:
    """The earliest and the latest position (seconds) that is the same as that of a frame."""
    least = frame.tolerance + 1e-6
    return frame.position - least, frame.position + least


def paired(frame: Frame, boxes: Sequence[Box], known: Sequence[Box | None]) -> dict[int, int]:
    """Which of the ``boxes`` in a frame is which of the ``known`` ones: the best overlaps first, one to one.

    ``boxes``: in pixels of the frame's image; ``known``: in those of the original.
    """
    overlaps = [
        (box.overlap(other), place, number)
        for place, other in enumerate(known)
        for number, box in enumerate(map(frame.original, boxes))
        if other and box.overlap(other) >= SAME
    ]
    found: dict[int, int] = {}
    for _, place, number in sorted(overlaps, key=lambda overlap: (-overlap[0], overlap[1:])):
        if number not in found and place not in found.values():
            found[number] = place
    return found


class KeptBefore:
    """Where faces of a source were kept (or deleted by the user) so far, as it was when this was made."""

    def __init__(self, places: Iterable[tuple[float, int, Box]]) -> None:
        """``places``: of each face the position in seconds, its id, and the box in pixels of the original."""
        self._places = sorted(places)
        self._positions = [position for position, _, _ in self._places]

    def __call__(self, frame: Frame, boxes: Sequence[Box]) -> set[int]:
        """Which of the ``boxes`` in a frame, by number, are such faces."""
        earliest, latest = reach(frame)
        near = self._places[bisect_left(self._positions, earliest) : bisect_right(self._positions, latest)]
        in_order = sorted(near, key=lambda place: place[1])  # as the table tells them
        return set(paired(frame, boxes, [box for _, _, box in in_order]))
