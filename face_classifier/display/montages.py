"""Montages: sheets of a dozen faces, so that a person is seen at a glance."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from face_classifier.core.disk.files import png_bytes
from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Image, cut
from face_classifier.display.overlay import KNOWN, UNKNOWN, corners

if TYPE_CHECKING:
    from face_classifier.sources.pixels import Decoded

MONTAGE = re.compile(r"montage\.(.+)-\d{2,}\.png", re.DOTALL)
_TILE = 128  # pixels, both ways
_TILES = (6, 2)  # columns, rows
_ROOM = 1.7  # times the face: what a tile shows of its surroundings
_LOOK = "2"  # counted up when tiles are drawn otherwise, so that montages are made anew
_ALIKE = 2  # levels of 256, on average over a montage


class Portrait(NamedTuple):
    """A picture of one face in a result folder."""

    path: Path
    content: str  # SHA-256 of the file, hexadecimal
    box: Box | None  # of the face in the whole picture, pixels; None = its middle third, as the program cuts it
    known: bool  # False: of nobody yet


def person_of(file: str) -> str | None:
    """The folder of which a file is a montage; None: it is no montage."""
    match = MONTAGE.fullmatch(file)
    return match and match[1]


def is_of(file: str, name: str) -> bool:
    """Whether a file is called as a montage of that folder."""
    return person_of(file) == name


def montage_sheets(name: str, portraits: Sequence[Portrait]) -> dict[str, tuple[str, list[Portrait]]]:
    """The montages of one folder: file name -> (digest of what is on it, its portraits, in the order of the tiles)."""
    columns, rows = _TILES
    sheets = {}
    for number, first in enumerate(range(0, len(portraits), columns * rows)):
        part = list(portraits[first : first + columns * rows])
        seen = [
            _LOOK,
            *(f"{portrait.content} {portrait.box.css if portrait.box else ''} {portrait.known}" for portrait in part),
        ]
        digest = hashlib.sha256("\n".join(seen).encode()).hexdigest()
        sheets[f"montage.{name}-{number:02d}.png"] = digest, part
    return sheets


def draw_montage(portraits: Sequence[Portrait]) -> bytes:
    """A PNG of 6 x 2 tiles of 128 x 128 pixels; a picture that cannot be read leaves its tile black."""
    import imutils  # here: a run draws at its end

    tiles = [_tile(portrait) for portrait in portraits]
    sheet = imutils.build_montages(tiles, (_TILE, _TILE), _TILES)[0]
    return png_bytes(sheet)


def shows_the_same(one: bytes, other: bytes) -> bool:
    """Whether two pictures agree to a level or two; other versions of OpenCV do not make the very same."""
    images = [cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
              for content in (one, other)]  # fmt: skip
    if images[0] is None or images[1] is None or images[0].shape != images[1].shape:
        return one == other
    return bool(np.abs(images[0].astype(np.int16) - images[1]).mean() < _ALIKE)


def _tile(portrait: Portrait) -> Image:
    """The face with a little around it, undistorted, with corners that tell which one is meant."""
    try:
        image, face = _own_cut(portrait.path) if portrait.box is None else _photo(portrait.path, portrait.box)
    except UserError:
        return np.zeros((_TILE, _TILE, 3), np.uint8)
    window = window_of(image, face, own_cut=portrait.box is None)
    scale = _TILE / window.width
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    tile = np.asarray(cv2.resize(cut(image, window), (_TILE, _TILE), interpolation=shrink), np.uint8)
    moved = Box(face.top - window.top, face.right - window.left, face.bottom - window.top, face.left - window.left)
    corners(tile, moved.scaled(scale), KNOWN if portrait.known else UNKNOWN)
    return tile


def _own_cut(path: Path) -> tuple[Image, Box]:
    """OpenCV reads our own cuts in half the time, and without what makes Pillow ready for all formats."""
    image = None
    with suppress(OSError, cv2.error):
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    picture = _read(path).image if image is None else np.asarray(image, np.uint8)
    return picture, middle_of(picture)


def middle_of(image: Image) -> Box:
    """The box of the face in a picture that the program cut: its middle third."""
    height, width = image.shape[:2]
    return Box(height // 3, width - width // 3, height - height // 3, width // 3)


def window_of(image: Image, face: Box, *, own_cut: bool) -> Box:
    """The square around a face that shows who it is; ``own_cut``: black margins of the picture are left out.

    It may reach outside the picture where that is narrower.
    """
    height, width = image.shape[:2]
    return _window(_lit(image) if own_cut else (0, width, height, 0), face)


def _photo(path: Path, box: Box) -> tuple[Image, Box]:
    photo = _read(path)
    return photo.image, box.scaled(1 / photo.scale)


def _read(path: Path) -> Decoded:
    """As `decode`, which takes a tenth of a second to load."""
    from face_classifier.sources.picture import decode

    return decode(path)


def _lit(image: Image) -> tuple[int, int, int, int]:
    """Top, right, bottom, left of what is not the black by which a cut is filled up where the frame ended."""
    top, bottom, left, right = 0, image.shape[0], 0, image.shape[1]
    while top < bottom - 1 and not image[top].any():
        top += 1
    while bottom > top + 1 and not image[bottom - 1].any():
        bottom -= 1
    while left < right - 1 and not image[:, left].any():
        left += 1
    while right > left + 1 and not image[:, right - 1].any():
        right -= 1
    return top, right, bottom, left


def _window(part: tuple[int, int, int, int], face: Box) -> Box:
    """A square around a face, moved to show no more than the ``part`` (top, right, bottom, left), if it can."""
    top, right, bottom, left = part
    side = max(1, min(math.ceil(_ROOM * max(face.width, face.height)), max(right - left, bottom - top)))

    def begin(centre: float, low: int, high: int) -> int:
        if high - low < side:  # narrower than the square: in its middle
            return round((low + high - side) / 2)
        return min(max(round(centre - side / 2), low), high - side)

    x = begin((face.left + face.right) / 2, left, right)
    y = begin((face.top + face.bottom) / 2, top, bottom)
    return Box(y, x + side, y + side, x)
