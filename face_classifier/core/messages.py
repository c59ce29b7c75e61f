"""Faces, frames and sightings as messages between processes hold them: plain dicts of None, numbers, str and bytes.

An encoding is bytes: 128 numbers of 8 bytes each (IEEE 754, the lowest byte first). A time is ISO 8601 text in UTC. A
box is [top, right, bottom, left].
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

import numpy as np

from face_classifier.core.types import Box, Emotion, Encoding, Face, Frame, Image, Provenance, Sighting

NO_IMAGE: Image = np.zeros((0, 0, 3), np.uint8)
_FLOATS = np.dtype("<f8")
_OF_A_FRAME = ("source", "fingerprint", "index", "position", "tolerance", "scale")


def encoding_message(encoding: Encoding) -> bytes:
    return encoding.astype(_FLOATS).tobytes()


def encoding_from(message: bytes) -> Encoding:
    return np.frombuffer(message, _FLOATS).astype(np.float64)


def frame_message(frame: Frame) -> dict[str, Any]:
    """A frame that was analysed, without its image."""
    return {name: getattr(frame, name) for name in _OF_A_FRAME} | {"time": frame.time.isoformat()}


def frame_from(message: dict[str, Any]) -> Frame:
    """The frame, with `NO_IMAGE`."""
    return Frame(
        NO_IMAGE, time=datetime.fromisoformat(message["time"]), **{name: message[name] for name in _OF_A_FRAME}
    )


def face_message(face: Face) -> dict[str, Any]:
    made_by = face.made_by
    return {
        "box": list(face.box.css),
        "encoding": encoding_message(face.encoding),
        "made_by": [made_by.space, made_by.detector, made_by.chip, made_by.precision],
        "quality": face.quality,
        "emotion": _emotion_message(face.emotion),
    }


def face_from(message: dict[str, Any]) -> Face:
    return Face(
        Box(*message["box"]),
        encoding_from(message["encoding"]),
        Provenance(*message["made_by"]),
        message["quality"],
        _emotion_from(message["emotion"]),
    )


def sighting_message(sighting: Sighting) -> dict[str, Any]:
    """A face of the gallery with all that is known of it."""
    message = {field.name: getattr(sighting, field.name) for field in fields(sighting)}
    return message | {
        "time": sighting.time and sighting.time.isoformat(),
        "box": sighting.box and list(sighting.box.css),
        "encoding": None if sighting.encoding is None else encoding_message(sighting.encoding),
        "emotion": _emotion_message(sighting.emotion),
    }


def sighting_from(message: dict[str, Any]) -> Sighting:
    time, box, encoding = message["time"], message["box"], message["encoding"]
    return Sighting(
        **message
        | {
            "time": time and datetime.fromisoformat(time),
            "box": box and Box(*box),
            "encoding": None if encoding is None else encoding_from(encoding),
            "emotion": _emotion_from(message["emotion"]),
        }
    )


def _emotion_message(emotion: Emotion | None) -> dict[str, Any] | None:
    return None if emotion is None else {"scores": list(emotion.scores), "engine": emotion.engine}


def _emotion_from(message: dict[str, Any] | None) -> Emotion | None:
    return None if message is None else Emotion(tuple(message["scores"]), message["engine"])
