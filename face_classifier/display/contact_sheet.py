"""Pictures of many faces: squares, captions, rows and grids."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from face_classifier.core.disk.durable import write_durably
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.display.overlay import KNOWN
from face_classifier.display.patches import SHADE, Color, paste
from face_classifier.display.text import shortened, text

LETTERS = 16  # pixels
GAP = 8  # pixels
MOST_SIDE = 16_000  # pixels of a file: viewers refuse more, and WebP
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_WEBP_QUALITY, 92)


def square(image: Image, side: int) -> Image:
    """The middle of a BGR picture (height, width, 3) uint8 as (side, side, 3)."""
    height, width = image.shape[:2]
    size = min(height, width)
    top, left = (height - size) // 2, (width - size) // 2
    return np.asarray(cv2.resize(image[top : top + size, left : left + size], (side, side), interpolation=_SHRINK))


def fitted(image: Image, side: int) -> Image:
    """All of a BGR picture (height, width, 3) uint8, as large as fits into (side, side, 3)."""
    shrink = side / max(image.shape[:2])
    height, width = (max(1, round(length * shrink)) for length in image.shape[:2])
    tile = np.full((side, side, 3), SHADE, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    tile[top : top + height, left : left + width] = cv2.resize(image, (width, height), interpolation=_SHRINK)
    return tile


def shrunk(image: Image, side: int) -> Image:
    """A BGR picture (height, width, 3) uint8 with sides of at most ``side`` pixels."""
    shrink = side / max(image.shape[:2])
    if shrink >= 1:
        return image
    height, width = (max(1, round(length * shrink)) for length in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=_SHRINK), np.uint8)


def encoded(image: Image, suffix: str) -> bytes:
    """A BGR picture (height, width, 3) uint8 as a file of the kind ".png", ".jpg", ".jpeg" or ".webp"."""
    return png_bytes(image) if suffix == ".png" else cv2.imencode(suffix, image, _QUALITY)[1].tobytes()


def captioned(tile: Image, *lines: str, color: Color = KNOWN, letters: int = LETTERS) -> Image:
    """A picture with lines of text below it, each shortened to its width.

    Parameters
    ----------
    tile : (height, width, 3) uint8, BGR
    lines : of text
    color : of the letters, BGR
    letters : their size in pixels

    Returns
    -------
    (height + that of the lines, width, 3) uint8, BGR
    """
    width = tile.shape[1]
    patches = [text(shortened(line, letters, width), letters, color, width=width) for line in lines]
    below = np.full((sum(patch.shape[0] for patch in patches), width, 3), SHADE, np.uint8)
    top = 0
    for patch in patches:
        paste(below, patch, (width - patch.shape[1]) // 2, top)
        top += patch.shape[0]
    return np.concatenate([tile, below])


def heading(line: str, width: int, letters: int = LETTERS) -> Image:
    """A line of text at the left of a dark strip: (its height, width, 3) uint8 BGR."""
    patch = text(line, letters, width=width - 2 * GAP)
    strip = np.full((patch.shape[0], width, 3), SHADE, np.uint8)
    paste(strip, patch, GAP, 0)
    return strip


def grid(tiles: Sequence[Image], columns: int) -> Image:
    """Pictures of one size in rows of at most ``columns``, with gaps: (height, width, 3) uint8 BGR.

    Raises ValueError if there is none.
    """
    height, width = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), SHADE, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = (GAP + (number // columns) * (height + GAP), GAP + (number % columns) * (width + GAP))
        sheet[top : top + height, left : left + width] = tile
    return sheet


def stacked(strips: Sequence[Image]) -> Image:
    """Pictures below each other, the narrower ones filled up on the right: (height, width, 3) uint8 BGR."""
    width = max(strip.shape[1] for strip in strips)
    return np.concatenate(
        [np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=SHADE[0]) for strip in strips]
    )


def check_files(files: Mapping[str, str | None]) -> None:
    """Before long work: whether `write` will know what to write; ``files``: by option.

    Raises UserError for a suffix that is no picture's, and for the same file twice.
    """
    taken: dict[str, str] = {}
    for option, file in files.items():
        if file is None:
            continue
        if Path(file).suffix.lower() not in _SUFFIXES:
            raise UserError(f"{option} is {file!r}, but must end in .png, .jpg or .webp")
        other = taken.setdefault(os.path.realpath(file), option)
        if other != option:
            raise UserError(f"{option} and {other} are both {file}; give {option} another file")


def write(file: str, drawn: Image, option: str = "--picture") -> None:
    """Writes a picture as PNG, JPEG or WebP, shrunk to sides of at most `MOST_SIDE` pixels.

    Parameters
    ----------
    file : path; its suffix tells the format
    drawn : (height, width, 3) uint8, BGR
    option : with which the user named the file

    Raises
    ------
    UserError : the suffix is another one, or the file cannot be written; it names the option
    """
    check_files({option: file})
    try:
        write_durably(Path(file), encoded(shrunk(drawn, MOST_SIDE), Path(file).suffix.lower()))
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror}); give another file to {option}") from error


_SHRINK = cv2.INTER_AREA
