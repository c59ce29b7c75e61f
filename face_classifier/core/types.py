"""The data that all folders exchange: Box, Frame, Detection, Face, Match, Sighting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # shape (height, width, 3)
Landmarks = npt.NDArray[np.float32]  # shape (5, 2)
Encoding = npt.NDArray[np.float64]  # shape (128,)

ENCODING_SIZE = 128
DLIB_SPACE = "dlib-resnet-v1"  # of all encoders that run dlib's network
_UNITS = 1 << 24  # of which a stored number of an encoding is a whole number, in 1
EMOTIONS = ("angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral")

# Which files of a folder are taken for pictures; those of cameras' raw formats for the preview in them.
RAW_SUFFIXES = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .rw2 .rwl "
    ".sr2 .srf .srw .x3f".split()
)
PICTURE_SUFFIXES = RAW_SUFFIXES.union(
    ".avif .bmp .dib .heic .heif .hif .j2k .jfif .jp2 .jpe .jpeg .jpg .jxl .mpo .pbm .pgm .png .pnm .ppm .tif .tiff "
    ".webp".split()
)


@dataclass(frozen=True, order=True)
class Box:
    """A bounding box in pixels of a picture, in dlib's "css" order; may reach outside the picture.

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
        return self.stretched(factor, factor)

    def stretched(self, down: float, across: float) -> Box:
        """The same box in a picture so many times as high and as wide; at least one pixel each way."""
        top, left = round(self.top * down), round(self.left * across)
        return Box(top, max(left + 1, round(self.right * across)), max(top + 1, round(self.bottom * down)), left)

    def moved(self, right: int, down: int) -> Box:
        """The same box so many pixels further to the right and down."""
        return Box(self.top + down, self.right + right, self.bottom + down, self.left + right)

    def grown(self) -> Box:
        """This box grown by one box size on every side: 3 x wide, 3 x high."""
        return Box(self.top - self.height, self.right + self.width, self.bottom + self.height, self.left - self.width)


NO_IMAGE: Image = np.zeros((0, 0, 3), np.uint8)  # of a frame that comes from a message, or is not shown any more


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
    scale: int = 1  # how many times as large as ``image`` the original is, where that is very large
    main: Image | None = None  # the same view at the same moment in more pixels, as ``image``; None = there is none
    arrived: float | None = None  # `time.monotonic()` when a live source sent it; None = it comes from a file

    def original(self, box: Box) -> Box:
        """A box in ``image``, in pixels of the original."""
        return box.scaled(self.scale)

    def without_image(self) -> Frame:
        """The frame with `NO_IMAGE`, once nobody needs its pictures."""
        return self if self.image is NO_IMAGE else replace(self, image=NO_IMAGE, main=None)

    def __post_init__(self) -> None:
        shape, dtype = self.image.shape, self.image.dtype
        if len(shape) != 3 or shape[2] != 3 or dtype != np.uint8 or not self.image.flags.c_contiguous:
            raise ValueError(f"a frame needs a contiguous uint8 picture (height, width, 3), not {dtype} {shape}")
        if self.time.tzinfo is None:
            raise ValueError("a frame needs a time with a time zone")


class Search(Enum):
    """How a picture is searched for faces."""

    NONE = "none"  # not at all: nothing has moved
    CARRY = "carry"  # not at all, as long as the faces of the last frame can be followed by their looks
    USUAL = "usual"
    KEEN = "keen"  # thoroughly, if the usual search finds nothing
    THOROUGH = "thorough"  # for small faces, too


@dataclass(frozen=True, eq=False)
class Detection:
    """Where a face is."""

    box: Box
    score: float | None = None  # the detector's own confidence, where it tells one
    # (5, 2) x, y in pixels of the original picture: the person's right eye, left eye, nose tip, right and left corner
    # of the mouth; None from a detector that has none (and whose box is square then, as dlib's are)
    landmarks: Landmarks | None = None
    quality: float | None = None  # 0 = useless to 1 = as good as matters; None = not assessed

    def scaled(self, factor: float) -> Detection:
        """The same detection in a picture ``factor`` times as large."""
        landmarks = None if self.landmarks is None else self.landmarks * np.float32(factor)
        return replace(self, box=self.box.scaled(factor), landmarks=landmarks)

    def moved(self, right: int, down: int) -> Detection:
        """The same detection so many pixels further to the right and down."""
        landmarks = None if self.landmarks is None else self.landmarks + np.array((right, down), np.float32)
        return replace(self, box=self.box.moved(right, down), landmarks=landmarks)


@dataclass(frozen=True)
class Provenance:
    """What made an encoding."""

    space: str  # the encoder's weights; encodings of two spaces are never compared
    detector: str
    chip: str  # how the face was aligned and cut for the encoder
    precision: str  # of the encoder's arithmetic


@dataclass(frozen=True)
class Emotion:
    """What a face seems to express."""

    scores: tuple[float, ...]  # of each of EMOTIONS, in that order; 0 to 1, together 1
    engine: str  # that read it

    def __post_init__(self) -> None:
        if len(self.scores) != len(EMOTIONS):
            raise ValueError(f"an emotion has a score for each of {len(EMOTIONS)} classes, not {len(self.scores)}")

    @property
    def label(self) -> str:
        """The class with the highest score."""
        return EMOTIONS[self.scores.index(max(self.scores))]


@dataclass(frozen=True, eq=False)
class Face:
    """A face as numbers."""

    box: Box
    encoding: Encoding  # (128,) float64; as it was made, or given: rounded by `as_stored` here
    made_by: Provenance
    quality: float | None = None  # as of its detection
    emotion: Emotion | None = None  # None = not asked for

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoding", check_encoding(as_stored(check_encoding(self.encoding))))


@dataclass(frozen=True)
class Match:
    """What PersonDB decides for a face; without ``person``, ``partners`` make a new person together with it."""

    person: str | None = None  # None = nobody known
    distance: float | None = None  # L2, before joining; None = there was nothing to compare with
    partners: tuple[int, ...] = ()  # ids of the unknown faces that are of the same person


@dataclass(frozen=True)
class Seen:
    """A face in a frame as windows and captures show it."""

    box: Box
    person: str | None  # None = unknown
    emotion: Emotion | None = None  # None = not asked for
    face: str | None = None  # the name of the face that was kept of it last; None = none was
    forgotten: bool = False  # no picture is to be made of it: the user had the person forgotten, or keeps no strangers
    hidden: bool = False  # the user wants to see the named only


@dataclass(frozen=True)
class Sighting:
    """A face of the gallery: where and when it was seen, and whose it is now."""

    id: int  # of the row, or that the row would have; 0 = not stored
    face: str  # the stem of the picture's file when first written
    person: str | None  # None = unknown
    distance: float | None  # L2, at the decision
    source: str | None = None
    frame: int | None = None  # 0-based
    position: float | None = None  # seconds, the source's clock
    time: datetime | None = None  # aware, UTC
    box: Box | None = None  # pixels of the original picture
    encoding: Encoding | None = None  # (128,) float64; None where it was not asked for
    pinned: bool = False  # the user put it into `unknowns`: it is not to be placed by the program
    corrected: bool = False  # the user put it into the person's folder: it is not to be moved by the program
    quality: float | None = None  # 0 to 1; None = not assessed
    track: int | None = None  # faces with one number are one face over consecutive frames; None = alone
    emotion: Emotion | None = None  # None = not asked for when it was kept
    fingerprint: str | None = None  # of the source's content, as in `Frame`; None for live sources
    kept: bool = True  # False: it is held in memory, since the disk refuses it; the id is negative
    seen: bool = False  # True: it has no picture; id, name, label and encoding are those of the face that it is like


class Label(NamedTuple):
    """What counts of a face when another one is to be placed: parts of its sighting."""

    id: int
    person: str | None
    track: int | None
    pinned: bool
    corrected: bool
    encoding: Encoding
    quality: float | None


def check_encoding(value: Any) -> Encoding:
    """Returns ``value``. Raises ValueError unless it is a finite float64 array of shape (128,)."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != (ENCODING_SIZE,):
        what = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"an encoding is a float64 array of shape ({ENCODING_SIZE},), not {what}")
    if not np.isfinite(value).all():
        raise ValueError("an encoding holds finite numbers only")
    return value


def as_stored(encoding: npt.NDArray[np.floating]) -> Encoding:
    """The same numbers rounded to multiples of 2⁻²⁴, which are float32 as long as they are below 1.

    Whatever is decided by encodings is decided by these, before they are stored and after: they lose nothing in a file
    of float32, and sums of them as float64 are exact, whatever their order.

    ``encoding``: (..., 128). Returns float64 of that shape, without negative zeros.
    """
    with np.errstate(over="ignore"):  # what is no encoding may be of any size
        rounded = (np.rint(np.asarray(encoding, np.float64) * _UNITS) / _UNITS).astype(np.float32)
    return rounded.astype(np.float64) + 0.0


def as_rgb(image: Image) -> Image:
    """BGR to RGB or back: a contiguous copy, since dlib silently loses faces on negative-stride views."""
    return np.ascontiguousarray(image[:, :, ::-1])


def cut(image: Image, box: Box) -> Image:
    """The part of a picture in ``box``, padded with black where the box leaves the picture."""
    height, width = image.shape[:2]
    top, left = max(0, box.top), max(0, box.left)
    bottom, right = min(height, box.bottom), min(width, box.right)
    padded = np.zeros((box.height, box.width, 3), np.uint8)
    if top < bottom and left < right:
        padded[top - box.top : bottom - box.top, left - box.left : right - box.left] = image[top:bottom, left:right]
    return padded
