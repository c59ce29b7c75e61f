"""Faces, frames and sightings as plain values, as they go over sockets and into files; what comes back is checked.

A message holds None, bool, int, float, str, bytes, list and dict. A box is [top, right, bottom, left]; an encoding 128
little-endian float64, landmarks ten little-endian float32; a time ISO 8601 text in UTC; an emotion [engine, scores].
All readers raise MessageError where a message cannot be what it should be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import MAXYEAR, MINYEAR, datetime, timezone
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from face_classifier.core.types import (
    EMOTIONS,
    NO_IMAGE,
    Box,
    Detection,
    Emotion,
    Encoding,
    Face,
    Frame,
    Landmarks,
    Provenance,
    Seen,
    Sighting,
    check_encoding,
)

_T = TypeVar("_T")
_FLOATS, _POINTS = np.dtype("<f8"), np.dtype("<f4")
_LARGEST = 1 << 24  # pixels: no side of a picture is that long
_MOST_TEXT = 4096  # characters of a path or a name
_MOST_COUNT = 1 << 48  # of frames, tracks
_LAST = 1e12  # seconds of a source


class MessageError(ValueError):
    """What should be a frame, a face or a sighting is none; the text says what is wrong, for a sentence."""


# Values


def fields_of(message: object) -> Mapping[str, Any]:
    """What a message tells by name."""
    if not isinstance(message, dict):
        raise MessageError("a frame or a face has no fields")
    return message


def optional(value: object, read: Callable[[object], _T]) -> _T | None:
    return None if value is None else read(value)


def number_from(value: object, name: str, low: float, high: float) -> float:
    """A finite number from ``low`` to ``high``; ``name``: what it is, for the error."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MessageError(f"its {name} is not a number")
    if not low <= value <= high:
        raise MessageError(f"its {name} is {value:g}")
    return float(value)


def whole_from(value: object, name: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``; ``name``: what it is, for the error."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise MessageError(f"its {name} is not a whole number from {low} to {high}")
    return value


def truth_from(value: object) -> bool:
    if value not in (0, 1):
        raise MessageError("a mark of a face is neither true nor false")
    return bool(value)


def text_from(value: object, name: str) -> str:
    """A short text; ``name``: what it is, for the error."""
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise MessageError(f"its {name} is not a short text")
    return value


def time_from(value: object) -> datetime:
    """A time in UTC, with a zone and a year before and after it: another zone may need those."""
    try:
        time = datetime.fromisoformat(text_from(value, "time"))
        if time.tzinfo is None or not MINYEAR < time.year < MAXYEAR:
            raise ValueError
    except ValueError as error:
        raise MessageError(f"its time is {value!r}") from error
    return time.astimezone(timezone.utc)


def box_from(value: object) -> Box:
    if not isinstance(value, list) or len(value) != 4:
        raise MessageError("a box does not have four sides")
    try:
        return Box(*(whole_from(side, "box", -_LARGEST, _LARGEST) for side in value))
    except ValueError as error:
        raise MessageError(str(error)) from error


def _array(value: object, dtype: np.dtype[Any], name: str) -> np.ndarray[Any, Any]:
    if not isinstance(value, bytes) or len(value) % dtype.itemsize:
        raise MessageError(f"its {name} is not a row of numbers")
    return np.frombuffer(value, dtype)


def _encoding_message(encoding: Encoding) -> bytes:
    return encoding.astype(_FLOATS).tobytes()


def _encoding_from(value: object) -> Encoding:
    try:
        return check_encoding(_array(value, _FLOATS, "encoding").astype(np.float64))
    except ValueError as error:
        raise MessageError(str(error)) from error


def _landmarks_from(value: object) -> Landmarks:
    points = _array(value, _POINTS, "landmarks")
    if points.size != 10:
        raise MessageError("its landmarks are not five points")
    if not np.isfinite(points).all():
        raise MessageError("its landmarks hold something that is not a number")
    return points.reshape(5, 2).astype(np.float32)


def _provenance_from(value: object) -> Provenance:
    if not isinstance(value, list) or len(value) != 4:
        raise MessageError("an encoding does not tell what made it")
    return _provenance(*(text_from(word, "maker") for word in value))


@lru_cache(maxsize=16)
def _provenance(space: str, detector: str, chip: str, precision: str) -> Provenance:
    """All faces of a source have the same one."""
    return Provenance(space, detector, chip, precision)


def _emotion_message(emotion: Emotion) -> list[Any]:
    return [emotion.engine, [float(score) for score in emotion.scores]]


def _emotion_from(value: object) -> Emotion:
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[1], list):
        raise MessageError("an emotion is none")
    engine, scores = value
    if len(scores) != len(EMOTIONS):
        raise MessageError("an emotion has scores of other classes")
    return Emotion(tuple(number_from(score, "emotion", 0, 1.01) for score in scores), text_from(engine, "emotion"))


def _position_from(value: object) -> float:
    return number_from(value, "position", 0, _LAST)


def _quality_from(value: object) -> float:
    return number_from(value, "quality", 0, 1)


# Frames and faces


def frame_message(frame: Frame) -> dict[str, Any]:
    """A frame that was analysed, without its image."""
    return {
        "index": frame.index,
        "position": frame.position,
        "tolerance": frame.tolerance,
        "time": frame.time.isoformat(),
        "scale": frame.scale,
        "source": frame.source,
        "fingerprint": frame.fingerprint,
    }


def frame_from(message: object) -> Frame:
    """The frame, with `NO_IMAGE`."""
    told = fields_of(message)
    return Frame(
        NO_IMAGE,
        text_from(told.get("source"), "source"),
        optional(told.get("fingerprint"), lambda value: text_from(value, "fingerprint")),
        optional(told.get("index"), lambda value: whole_from(value, "index", 0, _MOST_COUNT)),
        _position_from(told.get("position")),
        number_from(told.get("tolerance"), "tolerance", 0, 1e6),
        time_from(told.get("time")),
        scale=whole_from(told.get("scale"), "scale", 1, 1 << 16),
    )


def detection_message(detection: Detection) -> dict[str, Any]:
    """Where a face is."""
    landmarks = detection.landmarks
    return {
        "box": list(detection.box.css),
        "score": detection.score if detection.score is None else float(detection.score),
        "landmarks": None if landmarks is None else landmarks.astype(_POINTS).tobytes(),
        "quality": detection.quality if detection.quality is None else float(detection.quality),
    }


def detection_from(message: object) -> Detection:
    told = fields_of(message)
    return Detection(
        box_from(told.get("box")),
        optional(told.get("score"), lambda value: number_from(value, "score", -1e6, 1e6)),
        optional(told.get("landmarks"), _landmarks_from),
        optional(told.get("quality"), _quality_from),
    )


def face_message(face: Face) -> dict[str, Any]:
    """A face as numbers."""
    made_by = face.made_by
    return {
        "box": list(face.box.css),
        "quality": face.quality if face.quality is None else float(face.quality),
        "encoding": _encoding_message(face.encoding),
        "made_by": [made_by.space, made_by.detector, made_by.chip, made_by.precision],
        "emotion": face.emotion and _emotion_message(face.emotion),
    }


def face_from(message: object, box: Box | None = None) -> Face:
    """``box``: what the message tells of it, where that was read already."""
    told = fields_of(message)
    return Face(
        box or box_from(told.get("box")),
        _encoding_from(told.get("encoding")),
        _provenance_from(told.get("made_by")),
        optional(told.get("quality"), _quality_from),
        optional(told.get("emotion"), _emotion_from),
    )


# What a gallery tells

_AS_PLAIN: dict[str, Callable[[Any], Any]] = {  # fields of a sighting that are no plain values
    "time": datetime.isoformat,
    "box": lambda box: list(box.css),
    "encoding": _encoding_message,
    "emotion": _emotion_message,
}
_SIGHTING: dict[str, Callable[[object], Any]] = {
    "id": lambda value: whole_from(value, "id", -_MOST_COUNT, 1 << 62),
    "face": lambda value: text_from(value, "face"),
    "person": lambda value: text_from(value, "person"),
    "distance": lambda value: number_from(value, "distance", 0, 1e6),
    "source": lambda value: text_from(value, "source"),
    "frame": lambda value: whole_from(value, "frame", 0, _MOST_COUNT),
    "position": _position_from,
    "time": time_from,
    "box": box_from,
    "encoding": _encoding_from,
    "pinned": truth_from,
    "corrected": truth_from,
    "quality": _quality_from,
    "track": lambda value: whole_from(value, "track", 0, _MOST_COUNT),
    "emotion": _emotion_from,
    "fingerprint": lambda value: text_from(value, "fingerprint"),
    "kept": truth_from,
    "seen": truth_from,
}
_NEEDED = "id", "face", "person", "distance"
_NEVER_NONE = {"id", "face", "pinned", "corrected", "kept", "seen"}


def sighting_message(sighting: Sighting, names: Iterable[str] = tuple(_SIGHTING)) -> dict[str, Any]:
    """A face of the gallery. ``names``: of the fields that are told; without the first four it cannot be read."""
    values = {name: getattr(sighting, name) for name in names}
    return {
        name: value if value is None or name not in _AS_PLAIN else _AS_PLAIN[name](value)
        for name, value in values.items()
    }


def sighting_from(message: object) -> Sighting:
    """The face, with what was told of it."""
    told = fields_of(message)
    if not set(_NEEDED) <= told.keys() <= _SIGHTING.keys():
        raise MessageError("a face of the gallery has other fields")
    fields: dict[str, Any] = {
        name: read(told[name]) if name in _NEVER_NONE else optional(told[name], read)
        for name, read in _SIGHTING.items()
        if name in told
    }
    return Sighting(**fields)


def seen_message(seen: Seen) -> list[Any]:
    """A face in a frame as windows and captures show it."""
    emotion = seen.emotion and _emotion_message(seen.emotion)
    return [list(seen.box.css), seen.person, emotion, seen.face, seen.forgotten, seen.hidden]


def seen_from(message: object) -> Seen:
    if not isinstance(message, list) or len(message) != 6:
        raise MessageError("a face in a frame is none")
    box, person, emotion, face, forgotten, hidden = message
    return Seen(
        box_from(box),
        optional(person, lambda value: text_from(value, "person")),
        optional(emotion, _emotion_from),
        optional(face, lambda value: text_from(value, "face")),
        truth_from(forgotten),
        truth_from(hidden),
    )
