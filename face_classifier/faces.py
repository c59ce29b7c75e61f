"""The words that every room speaks: Box, Frame, Detection, Face, Match, and the error that a user sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # shape (height, width, 3)
Encoding = npt.NDArray[np.float64]  # shape (128,)

ENCODING_SIZE = 128


class UserError(Exception):
    """Something the user can mend. The text is one sentence: what, which value, what to do."""


@dataclass(frozen=True, order=True)
class Box:
    """A bounding box in pixels of the original picture, in dlib's "css" order; may reach outside the picture.

    ``bottom`` and ``right`` are exclusive, so that ``bottom - top`` is the height.
    """

    top: int
    right: int
    bottom: int
    left: int

    def __post_init__(self) -> None:
        if self.bottom <= self.top or self.right <= self.left:
            raise ValueError(
                f"a box needs top < bottom and left < right, not top {self.top}, right {self.right}, "
                f"bottom {self.bottom}, left {self.left}"
            )

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def css(self) -> tuple[int, int, int, int]:
        """(top, right, bottom, left), the order of ``face_recognition``."""
        return self.top, self.right, self.bottom, self.left

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        width = min(self.right, other.right) - max(self.left, other.left)
        if height <= 0 or width <= 0:
            return 0.0
        common = height * width
        return common / (self.area + other.area - common)

    def scaled(self, factor: float) -> Box:
        """The same box in a picture ``factor`` times as large; at least one pixel each way."""
        top, left = round(self.top * factor), round(self.left * factor)
        return Box(
            top, max(left + 1, round(self.right * factor)), max(top + 1, round(self.bottom * factor)), left
        )

    def grown(self) -> Box:
        """This box grown by one box size on every side: 3 x wide, 3 x high."""
        return Box(
            self.top - self.height, self.right + self.width, self.bottom + self.height, self.left - self.width
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source, upright."""

    image: Image  # (height, width, 3) uint8, BGR as OpenCV decodes, C-contiguous
    source: str  # path as given, or a camera's name
    fingerprint: str | None  # of the source's content; None for live sources, which never repeat
    index: int | None  # 0-based number of the frame in its source; None where it is not known
    position: float  # seconds from the start of the source (its own clock); 0 for a picture
    tolerance: float  # seconds: half the time that one frame lasts; two positions this close are one
    time: datetime  # when the frame was taken, aware, UTC
    due: bool = True  # False: only for a live window to show, not to be analysed

    def __post_init__(self) -> None:
        shape, dtype = self.image.shape, self.image.dtype
        if len(shape) != 3 or shape[2] != 3 or dtype != np.uint8 or not self.image.flags.c_contiguous:
            raise ValueError(f"a frame needs a contiguous uint8 picture (height, width, 3), not {dtype} {shape}")
        if self.time.tzinfo is None:
            raise ValueError("a frame needs a time with a time zone")

    @cached_property
    def rgb(self) -> Image:
        """The picture as RGB, (height, width, 3) uint8, contiguous.

        dlib loses faces on negative-stride views without a word, hence a copy.
        """
        return np.ascontiguousarray(self.image[:, :, ::-1])


@dataclass(frozen=True, eq=False)
class Detection:
    """Where a face is."""

    box: Box
    score: float | None = None  # the detector's own confidence, where it tells one


@dataclass(frozen=True, eq=False)
class Face:
    """A face as numbers."""

    box: Box
    encoding: Encoding  # (128,) float64
    space: str  # the weights that made the encoding; encodings of two spaces are never compared

    def __post_init__(self) -> None:
        check_encoding(self.encoding)


@dataclass(frozen=True)
class Match:
    """What PersonDB decided for a face."""

    person: str | None  # None = unknown
    distance: float | None  # L2 distance at the decision, before joining; None = nothing to compare with
    partner: int | None = None  # face id of the unknown that made a new person together with this face


@dataclass(frozen=True)
class Seen:
    """A face in a frame after its placing: what windows, captures and logs show."""

    box: Box
    name: str  # the face id, which is the stem of its picture's file
    person: str | None
    distance: float | None
    frame: Frame = field(repr=False)
    known_before: bool = False  # the face was in the gallery already

def check_encoding(value: Any) -> Encoding:
    """Return ``value`` if it is a finite float64 array of shape (128,); else raise ValueError."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != (ENCODING_SIZE,):
        what = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"an encoding is a float64 array of shape ({ENCODING_SIZE},), not {what}")
    if not np.isfinite(value).all():
        raise ValueError("an encoding holds finite numbers only")
    return value
