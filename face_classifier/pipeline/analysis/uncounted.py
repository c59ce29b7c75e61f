"""Faces that do not count, by their place or size, where strangers are shown to nobody: they may be anybody's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from face_classifier.core.types import Box, Frame, Image
from face_classifier.display.overlay import make_unknowable

_LATELY = 1.0  # seconds of the source for which a place stays covered in which no face is found: some are missed

_SAME = 0.3  # intersection over union from which a face that is found is taken for the one that was there


class Uncounted:
    """Covers them in the frames of one source, one after the other."""

    def __init__(self) -> None:
        self._lately: list[tuple[float, Box]] = []  # (seconds of the source, where)

    def cover(self, frame: Frame, counted: Sequence[Box], others: Sequence[Box]) -> Frame:
        """The frame as it may be analysed, stored, shown and sent; its main picture, too.

        Parameters
        ----------
        frame : the next one
        counted : where faces are that count, which stay as they are
        others : where those are that do not; all in pixels of the frame's image
        """
        now = frame.position
        self._lately = [
            (then, box)
            for then, box in self._lately
            if 0 <= now - then <= _LATELY and not any(box.overlap(face) >= _SAME for face in (*counted, *others))
        ] + [(now, box) for box in others]
        hidden = [box for _, box in self._lately]
        if not hidden:
            return frame
        main = None if frame.main is None else _covered(frame.main, frame.image.shape, counted, hidden)
        return replace(frame, image=_covered(frame.image, frame.image.shape, counted, hidden), main=main)


def _covered(image: Image, shape: Sequence[int], counted: Sequence[Box], hidden: Sequence[Box]) -> Image:
    """A copy; ``shape``: of the picture in whose pixels the boxes are."""
    down, across = image.shape[0] / shape[0], image.shape[1] / shape[1]
    made = image.copy()
    for box in hidden:
        make_unknowable(made, box.stretched(down, across))
    for box in counted:
        own = box.stretched(down, across)
        rows, columns = slice(max(0, own.top), max(0, own.bottom)), slice(max(0, own.left), max(0, own.right))
        made[rows, columns] = image[rows, columns]
    return made
