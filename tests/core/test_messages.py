"""Faces, frames and sightings go to another process and come back as they were."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timezone
from typing import Any

import msgpack
import numpy as np
import pytest

from face_classifier.core.messages import (
    face_from,
    face_message,
    frame_from,
    frame_message,
    sighting_from,
    sighting_message,
)
from face_classifier.core.types import EMOTIONS, Box, Emotion, Face, Frame, Sighting
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
