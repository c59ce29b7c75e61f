"""Drawing on pictures: corners around faces, and their names; and making faces unknowable."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np

from face_classifier.core.disk.files import png_bytes
from face_classifier.core.types import Box, Image, Seen
from face_classifier.display.patches import SHADE, Color, Patch, paste

KNOWN: Color = (120, 255, 120)
UNKNOWN: Color = (60, 190, 255)
UNKNOWN_NAME = "unknown"
_BLOCKS = 4  # both ways, of a face that is not to be known


def annotate(image: Image, seen: Iterable[Seen]) -> Image:
    """A copy of ``image``, (height, width, 3) uint8 BGR, with corners around each face and its name under it.

    Faces that are hidden or forgotten are made unknowable, and the forgotten have no corners and no name. The emotion
    follows the name, where there is one. Strokes and letters grow with the picture. A name that would leave
    the picture is moved inside. A face that lies outside the picture is not drawn.
    """
    drawn = np.ascontiguousarray(image).copy()
    height, width = drawn.shape[:2]
    faces = list(seen)
    for face in faces:
        if face.hidden or face.forgotten:
            make_unknowable(drawn, face.box)
    inside = [
        face
        for face in faces
        if not face.forgotten
        and face.box.left < width
        and face.box.right > 0
        and face.box.top < height
        and face.box.bottom > 0
    ]
    for face in inside:
        corners(drawn, face.box, UNKNOWN if face.person is None else KNOWN)
    for face in inside:  # after all corners, so that none crosses a name
        _draw_name(drawn, face)
    return drawn


def annotate_within(image: Image, seen: Iterable[Seen], width: int) -> Image:
    """As `annotate`, on a picture that is shrunk to ``width`` pixels first if it is wider.

    Whoever is hidden is made unknowable by as few blocks as in the whole picture.
    """
    factor = width / image.shape[1]
    if factor >= 1:
        return annotate(image, seen)
    size = width, max(1, round(image.shape[0] * factor))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return annotate(small, [replace(face, box=face.box.scaled(factor)) for face in seen])


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


def make_unknowable(image: Image, box: Box) -> None:
    """Pixelate a face with hair and chin, in place: a few blocks, each the mean of what it covers.

    Parameters
    ----------
    image : (height, width, 3) uint8, BGR
    box : of the face, in pixels of ``image``; may reach outside
    """
    pixelate(image, _around(box), _BLOCKS)


def _around(box: Box) -> Box:
    """A face with hair and chin."""
    rows, columns = box.height // 2, box.width // 2
    return Box(box.top - rows, box.right + columns, box.bottom + rows, box.left - columns)


def hide_in_cut(picture: bytes, box: Box, hidden: Iterable[Box]) -> bytes:
    """The picture that is kept of a face, with others in it, or the face itself, made unknowable.

    Parameters
    ----------
    picture : PNG of ``box.grown()``, however many pixels that has
    box : of the face, in pixels of its frame
    hidden : boxes of faces, in the same; one that is ``box`` hides the face itself, which else stays as it is

    Returns
    -------
    PNG; ``picture`` itself where none of them is in it.
    """
    whole = box.grown()
    near = [other for other in hidden if _around(other).overlap(whole) > 0]
    found = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) if near else None
    if found is None:
        return picture
    image = np.asarray(found, np.uint8)
    down, across = image.shape[0] / whole.height, image.shape[1] / whole.width

    def inside(other: Box) -> Box:
        return other.moved(-whole.left, -whole.top).stretched(down, across)

    own = inside(box)
    rows, columns = slice(own.top, own.bottom), slice(own.left, own.right)
    before = image[rows, columns].copy()
    for other in near:
        make_unknowable(image, inside(other))
    if box not in near:
        image[rows, columns] = before
    return png_bytes(image)


def pixelate(image: Image, box: Box, blocks: int) -> None:
    """In place, as so many blocks both ways; ``box``: pixels, may leave the picture."""
    height, width = image.shape[:2]
    top, left, bottom, right = max(0, box.top), max(0, box.left), min(height, box.bottom), min(width, box.right)
    if top < bottom and left < right:
        part = image[top:bottom, left:right]
        small = cv2.resize(part, (blocks, blocks), interpolation=cv2.INTER_AREA)
        part[:] = cv2.resize(small, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)


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
    from face_classifier.display.text import text  # fonts, for which nobody waits who has no name to draw

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
