"""Records as plain values, as they go over a socket and into files; what comes back is believed in nothing.

A frame is a dict of the fields of `Frame` that a source does not tell once for all, and its faces; see
`docs/records.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import MAXYEAR, MINYEAR, datetime, timedelta, timezone
from typing import Any, TypeVar

import numpy as np

from face_classifier.core.types import (
    EMOTIONS,
    Box,
    Detection,
    Emotion,
    Encoding,
    Face,
    Frame,
    Landmarks,
    Provenance,
    check_encoding,
)
from face_classifier.pipeline.records.frames import NO_IMAGE, AnalysedFace, AnalysedFrame

_T = TypeVar("_T")
_FLOATS, _POINTS = np.dtype("<f8"), np.dtype("<f4")
_MOST_FACES = 10_000  # in a frame
_LARGEST = 1 << 24  # pixels: no side of a picture is that long
_MOST_TEXT = 4096  # characters of a path or a name
MOST_PICTURE = 64 << 20  # bytes
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


class RecordError(ValueError):
    """What should be a record is none; the text says what is wrong, for a sentence."""


@dataclass(frozen=True)
class Origin:
    """What all frames of a source share."""

    source: str  # path as given, or a camera's name
    fingerprint: str | None  # of its content; None for live sources


def plain_frame(analysed: AnalysedFrame) -> dict[str, Any]:
    """A record as values that msgpack and SQLite take."""
    frame = analysed.frame
    return {
        "index": frame.index,
        "position": frame.position,
        "tolerance": frame.tolerance,
        "time": frame.time.isoformat(),
        "scale": frame.scale,
        "faces": [plain_face(face) for face in analysed.faces],
    }


def plain_face(analysed: AnalysedFace) -> dict[str, Any]:
    """A face of a record as values that msgpack and SQLite take."""
    detection, face = analysed.detection, analysed.face
    landmarks = detection.landmarks
    values: dict[str, Any] = {
        "box": list(detection.box.css),
        "score": detection.score if detection.score is None else float(detection.score),
        "landmarks": None if landmarks is None else landmarks.astype(_POINTS).tobytes(),
        "quality": detection.quality if detection.quality is None else float(detection.quality),
        "track": analysed.track,
        "sure": analysed.sure,
        "discarded": analysed.discarded,
        "encoding": None,
    }
    if face is not None:
        made_by, emotion = face.made_by, face.emotion
        values["encoding"] = face.encoding.astype(_FLOATS).tobytes()
        values["made_by"] = [made_by.space, made_by.detector, made_by.chip, made_by.precision]
        values["emotion"] = emotion and [emotion.engine, [float(score) for score in emotion.scores]]
        values["picture"] = analysed.picture
    return values


def frame_from(values: object, origin: Origin) -> AnalysedFrame:
    """The record that `plain_frame` told. Raises RecordError where it cannot be one."""
    told = _mapping(values)
    time = time_from(told.get("time"))
    index = told.get("index")
    faces = told.get("faces")
    if not isinstance(faces, list) or len(faces) > _MOST_FACES:
        raise RecordError("a frame has no list of faces")
    frame = Frame(
        NO_IMAGE,
        origin.source,
        origin.fingerprint,
        None if index is None else _whole(index, "index", 0, 1 << 48),
        _number(told.get("position"), "position", 0, 1e12),
        _number(told.get("tolerance"), "tolerance", 0, 1e6),
        time,
        scale=_whole(told.get("scale"), "scale", 1, 1 << 16),
    )
    return AnalysedFrame(frame, tuple(_face_from(face) for face in faces))


def time_from(value: object) -> datetime:
    """A time in UTC. Raises RecordError where it has no zone, or no year before and after it: a zone may need those."""
    try:
        time = datetime.fromisoformat(_text(value, "time"))
        if time.tzinfo is None or not MINYEAR < time.year < MAXYEAR:
            raise ValueError
    except ValueError as error:
        raise RecordError(f"its time is {value!r}") from error
    return time.astimezone(timezone.utc)


def shifted(analysed: AnalysedFrame, shift: timedelta) -> AnalysedFrame:
    """The same so much later. Raises RecordError where there is no such time."""
    frame = analysed.frame
    try:
        time = frame.time + shift
    except OverflowError as error:
        raise RecordError(f"its time is {frame.time} where its source began {shift} later") from error
    return replace(analysed, frame=replace(frame, time=time_from(time.isoformat())))


def _face_from(values: object) -> AnalysedFace:
    told = _mapping(values)
    box = _box(told.get("box"))
    detection = Detection(
        box,
        _optional(told.get("score"), lambda score: _number(score, "score", -1e6, 1e6)),
        _optional(told.get("landmarks"), _landmarks),
        _optional(told.get("quality"), lambda quality: _number(quality, "quality", 0, 1)),
    )
    face = picture = None
    if told.get("encoding") is not None:
        face = Face(
            box,
            _encoding(told["encoding"]),
            _provenance(told.get("made_by")),
            detection.quality,
            _optional(told.get("emotion"), _emotion),
        )
        picture = _picture(told.get("picture"), box)
    track = _whole(told.get("track"), "track", 0, 1 << 48)
    return AnalysedFace(detection, track, _truth(told.get("sure")), face, picture, _truth(told.get("discarded")))


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RecordError("a frame or a face has no fields")
    return value


def _optional(value: object, read: Callable[[object], _T]) -> _T | None:
    return None if value is None else read(value)


def _number(value: object, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RecordError(f"its {name} is no number")
    if not low <= value <= high:
        raise RecordError(f"its {name} is {value:g}")
    return float(value)


def _whole(value: object, name: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RecordError(f"its {name} is no whole number from {low} to {high}")
    return value


def _truth(value: object) -> bool:
    if value not in (0, 1):
        raise RecordError("a mark of a face is neither true nor false")
    return bool(value)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise RecordError(f"its {name} is no short text")
    return value


def _box(value: object) -> Box:
    if not isinstance(value, list) or len(value) != 4:
        raise RecordError("a box has no four sides")
    try:
        box = Box(*(_whole(side, "box", -_LARGEST, _LARGEST) for side in value))
    except ValueError as error:
        raise RecordError(str(error)) from error
    return box


def _array(value: object, dtype: np.dtype[Any], name: str) -> np.ndarray[Any, Any]:
    if not isinstance(value, bytes) or len(value) % dtype.itemsize:
        raise RecordError(f"its {name} is no row of numbers")
    numbers = np.frombuffer(value, dtype)
    if not np.isfinite(numbers).all():
        raise RecordError(f"its {name} holds what is no number")
    return numbers


def _encoding(value: object) -> Encoding:
    try:
        return check_encoding(_array(value, _FLOATS, "encoding").astype(float))
    except ValueError as error:
        raise RecordError(str(error)) from error


def _landmarks(value: object) -> Landmarks:
    points = _array(value, _POINTS, "landmarks")
    if points.size != 10:
        raise RecordError("its landmarks are no five points")
    return points.reshape(5, 2).astype(np.float32)


def _provenance(value: object) -> Provenance:
    if not isinstance(value, list) or len(value) != 4:
        raise RecordError("an encoding does not tell what made it")
    return Provenance(*(_text(word, "maker") for word in value))


def _emotion(value: object) -> Emotion:
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[1], list):
        raise RecordError("an emotion is none")
    engine, scores = value
    if len(scores) != len(EMOTIONS):
        raise RecordError("an emotion has scores of other classes")
    return Emotion(tuple(_number(score, "emotion", 0, 1.01) for score in scores), _text(engine, "emotion"))


def _picture(value: object, box: Box) -> bytes:
    """A picture of a face: a PNG of the size that its box says."""
    size = (3 * box.width).to_bytes(4, "big") + (3 * box.height).to_bytes(4, "big")
    if not isinstance(value, bytes) or len(value) > MOST_PICTURE or not value.startswith(_PNG + size):
        raise RecordError("a picture is no PNG of three times the width and height of its box")
    return value
