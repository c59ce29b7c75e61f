"""Faces, frames and sightings go to another process and come back as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timezone
from typing import Any

import msgpack
import numpy as np
import pytest

from face_classifier.core.messages import (
    MessageError,
    face_from,
    face_message,
    frame_from,
    frame_message,
    seen_from,
    seen_message,
    sighting_from,
    sighting_message,
)
from face_classifier.core.types import EMOTIONS, Box, Emotion, Face, Frame, Seen, Sighting
from face_classifier.gallery.owner.socket import packed

WHEN = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=timezone.utc)
SMILE = Emotion((1.0, *[0.0] * (len(EMOTIONS) - 1)), "fer")


def sent(message: dict[str, Any]) -> dict[str, Any]:
    """What the other side gets."""
    return msgpack.unpackb(packed(message)[4:], raw=False)


def same(one: Any, other: Any) -> bool:
    """Whether two values of one type have equal fields, arrays by their numbers."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(
            same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)
        )
    return one == other


@pytest.mark.parametrize("emotion", [None, SMILE])
def test_a_face_comes_back_as_it_was(faces: dict[str, Face], emotion: Emotion | None):
    face = replace(faces["obama.jpg"], quality=0.25, emotion=emotion)
    assert same(face_from(sent(face_message(face))), face)


@pytest.mark.parametrize("fingerprint", [None, "a file"])
def test_a_frame_comes_back_without_its_image(fingerprint: str | None):
    frame = Frame(np.ones((4, 5, 3), np.uint8), "clip.mp4", fingerprint, 7, 3.5, 0.02, WHEN, scale=2)
    back = frame_from(sent(frame_message(frame)))
    assert back.image.shape == (0, 0, 3)
    assert same(replace(back, image=frame.image), frame)


def test_a_sighting_comes_back_as_it_was(faces: dict[str, Face]):
    bare = Sighting(id=0, face="20240506_070809.123-0", person=None, distance=None)
    full = Sighting(
        id=3,
        face="20240506_070809.123-1",
        person="Zoë",
        distance=0.25,
        source="clip.mp4",
        frame=7,
        position=3.5,
        time=WHEN,
        box=Box(-1, 20, 30, -4),
        encoding=faces["obama.jpg"].encoding,
        pinned=False,
        corrected=True,
        quality=0.5,
        track=9,
        emotion=SMILE,
        fingerprint="a file",
    )
    for sighting in (bare, full):
        assert same(sighting_from(sent(sighting_message(sighting))), sighting)


def test_of_a_sighting_as_much_as_is_told_comes_back():
    sighting = Sighting(id=3, face="a", person="Zoë", distance=0.5, source="clip.mp4", track=9, kept=False)
    told = sighting_message(sighting, ("id", "face", "person", "distance", "kept"))
    assert same(sighting_from(sent(told)), Sighting(id=3, face="a", person="Zoë", distance=0.5, kept=False))


@pytest.mark.parametrize("seen", [Seen(Box(1, 4, 5, 2), None), Seen(Box(1, 4, 5, 2), "Zoë", SMILE, "a", True)])
def test_who_is_seen_comes_back_as_it_was(seen: Seen):
    assert same(seen_from(sent({"seen": seen_message(seen)})["seen"]), seen)


HOSTILE: dict[str, list[Any]] = {
    "box": ["box", [1, 2, 3], [0, 1, 1, 1 << 40], [5, 1, 1, 5], [0.5, 4, 5, 2]],
    "encoding": [b"", b"\0" * 1023, np.full(128, np.nan).tobytes(), [0.0] * 128],
    "made_by": [None, ["dlib"], ["dlib", 1, "a", "b"]],
    "quality": ["good", -0.5, float("nan"), True],
    "emotion": ["happy", ["fer", [1.0]], {"scores": [1.0] * 7, "engine": "fer"}, ["fer", ["a"] * 7]],
    "time": [None, 5, "yesterday", "2024-05-06T07:08:09", "9999-12-31T23:59:59+00:00"],
    "position": [float("inf"), "1", -1.0],
    "index": [0.5, -1, "a"],
    "scale": [0, 1.5],
    "source": [5, "a" * 5000],
    "fingerprint": [b"a file"],
    "id": [None, "1", 1.5],
    "face": [None, b"a"],
    "person": [5, b"Zoe"],
    "distance": ["near", float("nan")],
    "kept": [None, 2, "yes"],
    "track": ["a", -1],
    "more": [1],
}
READERS = {
    "face": (face_from, "box encoding made_by quality emotion"),
    "frame": (frame_from, "time position index scale source fingerprint"),
    "sighting": (
        sighting_from,
        "box encoding quality emotion position source fingerprint id face person distance kept track more",
    ),
}


@pytest.mark.parametrize(
    ("what", "key", "value"),
    [(what, key, value) for what, (_, keys) in READERS.items() for key in keys.split() for value in HOSTILE[key]],
)
def test_what_cannot_be_is_refused(faces: dict[str, Face], what: str, key: str, value: Any):
    face = faces["obama.jpg"]
    frame = Frame(np.ones((4, 5, 3), np.uint8), "clip.mp4", "a file", 7, 3.5, 0.02, WHEN)
    sighting = Sighting(id=3, face="a", person=None, distance=None, time=WHEN, box=face.box, encoding=face.encoding)
    told = {"face": face_message(face), "frame": frame_message(frame), "sighting": sighting_message(sighting)}[what]
    READERS[what][0](sent(told))
    with pytest.raises(MessageError):
        READERS[what][0](sent(told | {key: value}))


@pytest.mark.parametrize("message", [None, [], 5, {}, {"box": [0, 1, 1, 0]}])
@pytest.mark.parametrize("read", [face_from, frame_from, sighting_from, seen_from])
def test_what_is_something_else_is_refused(read: Callable[[object], object], message: object):
    with pytest.raises(MessageError):
        read(message)
