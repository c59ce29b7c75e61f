"""Records as plain values, as they go over a socket and into files; what comes back is believed in nothing.

A frame is a dict of the fields of `Frame` that a source does not tell once for all, and its faces; see
`docs/records.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from face_classifier.core import messages
from face_classifier.core.messages import MessageError
from face_classifier.core.types import Box
from face_classifier.records.frames import AnalysedFace, AnalysedFrame
from face_classifier.vision.sface import in_todays_scale

_MOST_FACES = 10_000  # in a frame
_MOST_STREAMS = 1000  # of a file
_LARGER = 40  # times: 8K beside the smallest streams that cameras send
MOST_PICTURE = 64 << 20  # bytes
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@dataclass(frozen=True)
class Origin:
    """What all frames of a source share."""

    source: str  # path as given, or a camera's name
    fingerprint: (
        str | None
    )  # of its content; that of the frames of further video streams ends with their number; None for live sources


def plain_frame(analysed: AnalysedFrame) -> dict[str, Any]:
    """A record as values that msgpack and SQLite take."""
    told = messages.frame_message(analysed.frame)
    for name in vars(Origin("", None)):
        del told[name]
    _, mark, stream = (analysed.frame.fingerprint or "").partition("#")
    return told | {"stream": int(stream) if mark else 1, "faces": [plain_face(face) for face in analysed.faces]}


def plain_face(analysed: AnalysedFace) -> dict[str, Any]:
    """A face of a record as values that msgpack and SQLite take."""
    face = analysed.face
    encoded = {"encoding": None} if face is None else messages.face_message(face) | {"picture": analysed.picture}
    marks = {"track": analysed.track, "sure": analysed.sure, "discarded": analysed.discarded}
    return encoded | messages.detection_message(analysed.detection) | marks


def frame_from(values: object, origin: Origin) -> AnalysedFrame:
    """The record that `plain_frame` told. Raises MessageError where it cannot be one."""
    told = messages.fields_of(values)
    faces = told.get("faces")
    if not isinstance(faces, list) or len(faces) > _MOST_FACES:
        raise MessageError("a frame has no list of faces")
    stream = messages.whole_from(told.get("stream"), "stream", 1, _MOST_STREAMS)
    fingerprint = f"{origin.fingerprint}#{stream}" if origin.fingerprint and stream > 1 else origin.fingerprint
    frame = messages.frame_from({**told, "source": origin.source, "fingerprint": fingerprint})
    return AnalysedFrame(frame, tuple(_face_from(messages.fields_of(face)) for face in faces))


def shifted(analysed: AnalysedFrame, shift: timedelta) -> AnalysedFrame:
    """The same so much later. Raises MessageError where there is no such time."""
    if not shift:
        return analysed
    frame = analysed.frame
    try:
        time = frame.time + shift
    except OverflowError as error:
        raise MessageError(f"its time is {frame.time} where its source began {shift} later") from error
    return replace(analysed, frame=replace(frame, time=messages.time_from(time.isoformat())))


def _face_from(told: Mapping[str, Any]) -> AnalysedFace:
    detection = messages.detection_from(told)
    face = picture = None
    if told.get("encoding") is not None:
        face = in_todays_scale(messages.face_from(told, detection.box))  # a record may be of an earlier version
        picture = _picture(told.get("picture"), detection.box)
    track = messages.whole_from(told.get("track"), "track", 0, 1 << 48)
    sure, discarded = (messages.truth_from(told.get(name)) for name in ("sure", "discarded"))
    return AnalysedFace(detection, track, sure, face, picture, discarded)


def _picture(value: object, box: Box) -> bytes:
    """A picture of a face: a PNG of the size that its box says, or of the same in a larger picture."""
    if not isinstance(value, bytes) or len(value) > MOST_PICTURE or not value.startswith(_PNG):
        raise MessageError("a picture is not a PNG")
    sides = [int.from_bytes(value[len(_PNG) + place :][:4], "big") for place in (0, 4)]
    least = 3 * box.width, 3 * box.height
    if any(side % 3 or not low <= side <= low * _LARGER for side, low in zip(sides, least, strict=True)):
        raise MessageError("a picture is not a PNG of three times the width and height of its box")
    return value
