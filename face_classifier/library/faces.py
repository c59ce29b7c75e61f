"""Faces in arrays: where they are, what they are as numbers, and whether two are one person's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from face_classifier.core.config.flat import USUAL_ENCODER
from face_classifier.core.types import Detection, Face, Image
from face_classifier.identity.profiles import BY_ENCODER, PROFILES, EncoderProfile
from face_classifier.vision.engine import Engine, make_engine

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """How two faces compare."""

    distance: float  # L2 between their encodings
    same: bool  # the distance is below the encoder's threshold, by which a run decides
    likeness: float  # 0 to 1: the probability that they are one person's, had that been as likely as not before


def detect(image: npt.NDArray[np.uint8], *, thorough: bool = False) -> list[Detection]:
    """Finds the faces in a picture, with YuNet.

    Parameters
    ----------
    image : (height, width, 3) uint8, BGR as OpenCV has it (`as_rgb` turns RGB into BGR), upright
    thorough : search for small faces, too, at up to ten times the cost; larger pictures than full HD always are

    Returns
    -------
    The faces from left to right. Boxes and landmarks are in pixels of ``image``; boxes may reach outside.

    Raises ValueError for another array, `UserError` if a model cannot be had (the first use fetches it).
    """
    return _engine(USUAL_ENCODER, False).detect(_checked(image), thorough=thorough)


def encode(
    image: npt.NDArray[np.uint8],
    detections: Sequence[Detection] | None = None,
    *,
    encoder: str = USUAL_ENCODER,
    emotion: bool = False,
) -> list[Face]:
    """Encodes the faces in a picture.

    Parameters
    ----------
    image : (height, width, 3) uint8, BGR, as of `detect`
    detections : of the faces to encode, in ``image``; None = all that `detect` finds
    encoder : "sface", or "dlib", the original program's
    emotion : read what each face seems to express, too; mind where the law forbids it

    Returns
    -------
    A face for each detection, in their order; ``encoding`` is (128,) float64. Never compare encodings of two encoders.

    Raises ValueError for another array or encoder, `UserError` if a model cannot be had.
    """
    image, engine = _checked(image), _engine(profile_of(encoder).encoder, emotion)
    return engine.encode(image, engine.detect(image) if detections is None else list(detections))


def compare(one: Face, other: Face) -> Comparison:
    """Compares two faces. Raises ValueError if two encoders made their encodings, TypeError for what is no `Face`.

    With dlib's encoder the likeness of East-Asian faces is far too high.
    """
    for face in (one, other):
        if not isinstance(face, Face):
            raise TypeError(f"compare() takes two faces, as encode() gives them, not {type(face).__name__}")
    space = one.made_by.space
    if other.made_by.space != space:
        raise ValueError(f"encodings of {space} and {other.made_by.space} cannot be compared; encode both faces alike")
    profile = PROFILES[space]
    distance = float(np.linalg.norm(one.encoding - other.encoding))
    return Comparison(distance, distance < profile.threshold, profile.likeness(distance))


def distances(encodings: npt.ArrayLike, others: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """L2 distances between two sets of encodings of one encoder, or of any other vectors.

    Parameters
    ----------
    encodings : (n, d) floats
    others : (m, d) floats

    Returns
    -------
    (n, m) float64

    Raises ValueError where shapes do not fit.
    """
    rows, columns = np.asarray(encodings, np.float64), np.asarray(others, np.float64)
    if rows.ndim != 2 or columns.ndim != 2 or rows.shape[1] != columns.shape[1]:
        raise ValueError(f"encodings have the shapes (n, d) and (m, d), not {rows.shape} and {columns.shape}")
    return np.array([np.linalg.norm(columns - row, axis=1) for row in rows]).reshape(len(rows), len(columns))


def threshold(encoder: str = USUAL_ENCODER) -> float:
    """The L2 distance below which a run takes two faces for one person's. Raises ValueError for another encoder."""
    return profile_of(encoder).threshold


def profile_of(encoder: str) -> EncoderProfile:
    """The limits of an encoder. Raises ValueError if there is none of that name."""
    if encoder not in BY_ENCODER:
        raise ValueError(f"there is no encoder {encoder!r}; choose from {', '.join(BY_ENCODER)}")
    return BY_ENCODER[encoder]


@cache
def _engine(encoder: str, emotion: bool) -> Engine:
    return make_engine("fast", None, 1.0, _LOG.warning, encoder, emotion="fer" if emotion else None)


def _checked(image: npt.NDArray[np.uint8]) -> Image:
    """The picture, contiguous. Raises ValueError."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        what = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"a picture is a uint8 array (height, width, 3), BGR, not {what}")
    if not image.size:
        raise ValueError(f"a picture has pixels, but this one has the shape {image.shape}")
    return np.ascontiguousarray(image)
