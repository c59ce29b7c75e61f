"""What the numbers of an encoding seem to mean: whose faces have the least and the greatest of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from face_classifier.core.errors import WrongUseError
from face_classifier.core.types import ENCODING_SIZE, Image
from face_classifier.display import contact_sheet
from face_classifier.display.overlay import KNOWN, UNKNOWN
from face_classifier.display.patches import Color
from face_classifier.photos.lookalike.people import PhotoGallery, Portrait

HEADER = ("dimension", "lowest", "of", "highest", "of")
_TILE = 96  # pixels
_LETTERS = 12  # pixels


class Extreme(NamedTuple):
    """A face with a low or a high value."""

    name: str
    portrait: Portrait
    value: float

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "photo": self.portrait.photo, "value": self.value}


@dataclass(frozen=True)
class Dimension:
    """One of the numbers of an encoding, and the faces at its two ends."""

    number: int  # from 0
    lowest: tuple[Extreme, ...]  # rising
    highest: tuple[Extreme, ...]  # rising

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "dimension": self.number,
            "lowest": [extreme.record() for extreme in self.lowest],
            "highest": [extreme.record() for extreme in self.highest],
        }


def chosen(words: Iterable[str]) -> list[int]:
    """The numbers of dimensions that a user names; none named = all. Raises UserError."""
    numbers = []
    for word in dict.fromkeys(words):
        if not (word.isascii() and word.isdecimal() and int(word) < ENCODING_SIZE):
            raise WrongUseError(f"--dimension is {word!r}, but must be a whole number from 0 to {ENCODING_SIZE - 1}")
        numbers.append(int(word))
    return numbers or list(range(ENCODING_SIZE))


def extremes(gallery: PhotoGallery, numbers: Iterable[int], k: int) -> list[Dimension]:
    """For each number of an encoding (from 0) the ``k`` photos with the lowest and the ``k`` with the highest value.

    Fewer where the gallery has too few to show none of them on both sides.
    """
    portraits = [(person.name, portrait) for person in gallery.people for portrait in person.portraits]
    values = np.array([portrait.encoding for _, portrait in portraits])
    k = max(1, min(k, len(portraits) // 2))

    def extreme(place: int, number: int) -> Extreme:
        name, portrait = portraits[place]
        return Extreme(name, portrait, float(values[place, number]))

    def dimension(number: int) -> Dimension:
        order = np.argsort(values[:, number], kind="stable")
        least, greatest = (tuple(extreme(place, number) for place in places) for places in (order[:k], order[-k:]))
        return Dimension(number, least, greatest)

    return [dimension(number) for number in numbers]


def rows(dimensions: Iterable[Dimension]) -> Iterator[Sequence[str]]:
    """A line for each dimension, as ``HEADER`` has it."""
    for dimension in dimensions:
        least, greatest = dimension.lowest[0], dimension.highest[-1]
        yield str(dimension.number), f"{least.value:.3f}", least.name, f"{greatest.value:.3f}", greatest.name


def picture(dimensions: Sequence[Dimension]) -> Image:
    """A row of faces for each dimension, the lowest on the left: (height, width, 3) uint8 BGR.

    Many rows are laid out in columns, about as wide as high together.
    """
    rows = [_row(dimension) for dimension in dimensions]
    height, width = rows[0].shape[:2]
    return contact_sheet.grid(rows, max(1, round((len(rows) * height / width) ** 0.5)))


def _row(dimension: Dimension) -> Image:
    sides = [
        contact_sheet.grid([_tile(extreme, color) for extreme in side], len(side))
        for side, color in ((dimension.lowest, UNKNOWN), (dimension.highest, KNOWN))
    ]
    faces = np.hstack(sides)
    return np.concatenate([contact_sheet.heading(f"dimension {dimension.number}", faces.shape[1]), faces])


def _tile(extreme: Extreme, color: Color) -> Image:
    tile = contact_sheet.square(extreme.portrait.image(), _TILE)
    return contact_sheet.captioned(tile, extreme.name, f"{extreme.value:.3f}", color=color, letters=_LETTERS)
