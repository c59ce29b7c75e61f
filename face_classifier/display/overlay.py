"""Drawing on pictures: corners around faces, and their names."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from face_classifier.core.types import Box, Image, Seen
from face_classifier.display.text import SHADE, Color, Patch, paste, text

KNOWN: Color = (120, 255, 120)
UNKNOWN: Color = (60, 190, 255)
UNKNOWN_NAME = "unknown"


def annotate(image: Image, seen: Iterable[Seen]) -> Image:
    """A copy of ``image``, (height, width, 3) uint8 BGR, with corners around each face and its name under it.

    The emotion follows the name, where there is one. Strokes and letters grow with the picture. A name that would leave
    the picture is moved inside. A face that lies outside the picture is not drawn.
    """
    drawn = np.ascontiguousarray(image).copy()
    height, width = drawn.shape[:2]
    inside = [
        face
        for face in seen
        if face.box.left < width and face.box.right > 0 and face.box.top < height and face.box.bottom > 0
    ]
    for face in inside:
        corners(drawn, face.box, UNKNOWN if face.person is None else KNOWN)
    for face in inside:  # after all corners, so that none crosses a name
        _draw_name(drawn, face)
    return drawn


def corners(image: Image, box: Box, color: Color) -> None:
    """Marks the corners of a face, in place.

    Parameters
    ----------
    image : (height, width, 3) uint8, BGR
    box : in pixels of ``image``; may reach outside
    color : BGR
    """
    thickness = max(1, round(min(image.shape[:2]) / 240))
    length = max(2 * thickness, round(min(box.width, box.height) * 0.22))
    for grow, ink in ((max(1, thickness // 2), SHADE), (0, color)):  # a dark rim keeps it visible on any ground
        for top in (box.top, box.bottom - thickness):
            for left in (box.left, box.right - thickness):
                across = box.left if left == box.left else box.right - length
                down = box.top if top == box.top else box.bottom - length
                _fill(image, across - grow, top - grow, length + 2 * grow, thickness + 2 * grow, ink)
                _fill(image, left - grow, down - grow, thickness + 2 * grow, length + 2 * grow, ink)


def _fill(image: Image, left: int, top: int, width: int, height: int, color: Color) -> None:
    image[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = color


def drawn_area(image: Image, face: Seen) -> tuple[Box, Box]:
    """Where `annotate` draws on ``image``, (height, width, 3): around the face, and its name; pixels."""
    thickness = max(1, round(min(image.shape[:2]) / 240))
    box, (patch, left, top) = face.box, _name_of(image, face)
    around = Box(box.top - thickness, box.right + thickness, box.bottom + thickness, box.left - thickness)
    return around, Box(top, left + patch.shape[1], top + patch.shape[0], left)


def _draw_name(image: Image, face: Seen) -> None:
    paste(image, *_name_of(image, face))


def _name_of(image: Image, face: Seen) -> tuple[Patch, int, int]:
    """The name under a face as it is drawn, and the left and top of its place in ``image``."""
    height, width = image.shape[:2]
    size = _letter_size(face.box.width, min(height, width))
    name = UNKNOWN_NAME if face.person is None else face.person
    patch = text(
        f"{name} · {face.emotion.label}" if face.emotion else name,
        size,
        UNKNOWN if face.person is None else KNOWN,
        ground=SHADE,
        width=min(max(3 * face.box.width, 8 * size), width),
    )
    left = (face.box.left + face.box.right - patch.shape[1]) // 2
    top = face.box.bottom + size // 3
    return patch, max(0, min(left, width - patch.shape[1])), max(0, min(top, height - patch.shape[0]))


def _letter_size(face_width: int, picture_side: int) -> int:
    """Pixels; in steps of a fifth, so that a face that comes nearer does not need its name drawn anew at each frame."""
    wanted = min(max(face_width / 6, picture_side / 50, 12), max(picture_side / 22, 12))
    return round(12 * 1.2 ** math.floor(math.log(wanted / 12, 1.2) + 1e-9))
