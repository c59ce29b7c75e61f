"""Faces that no camera saw, with pictures that can be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np

from face_classifier.core.types import Box, Face, Frame, Match, Provenance
from face_classifier.gallery.store import Store

MADE_BY = Provenance("dlib-resnet-v1", "detector", "chip", "float32")
BEGAN = datetime(2026, 11, 27, tzinfo=timezone.utc)


def unread(path: Path, own_cut: bool) -> tuple[Face, bool]:
    raise AssertionError(f"{path} has its numbers already")


def face_of(number: int) -> tuple[Face, bytes]:
    """A face, and a picture of 90 x 90 pixels, that no other number has."""
    numbers = np.random.default_rng(number)
    encoding = numbers.standard_normal(128)
    picture = cv2.resize(numbers.integers(1, 255, (9, 9, 3), np.uint8), (90, 90))
    quality = float(numbers.random())
    face = Face(Box(30, 60, 60, 30), encoding / np.linalg.norm(encoding), MADE_BY, quality)
    return face, cv2.imencode(".png", picture)[1].tobytes()


def frame_of(number: int) -> Frame:
    """A frame of a camera, so many seconds after it began."""
    time = BEGAN + timedelta(seconds=number)
    return Frame(np.zeros((90, 90, 3), np.uint8), "door", None, number, float(number), 0.5, time)


def keep(store: Store, number: int, person: str | None, *, track: int | None = None, like: Face | None = None) -> int:
    """Keep a face with its picture; returns its id. ``like``: the face whose encoding it has."""
    face, picture = face_of(number)
    face = replace(face, encoding=like.encoding) if like else face
    kept = store.keep(frame_of(number), face, Match(person), 0, track, picture=picture)
    return kept.sightings[0].id
