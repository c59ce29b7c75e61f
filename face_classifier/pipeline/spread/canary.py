"""The canary: a tiny clip and a picture that each process analyses, so that those are known which compute otherwise.

Processors differ, and so do versions of libraries. By AVX2 alone (an emulated Haswell) all detections and pictures were
those of a processor with AVX-512, and so were the encodings of SFace; of dlib's encoder 45 to 61 of the 128 stored
numbers of each of the seven faces here differed, by up to 1.2e-7. Records of both in one result folder would make it
depend on which process analysed what. What the canary shows was drawn by ``scripts/canary.py``.
"""

from __future__ import annotations

import json
import platform
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from hashlib import sha256
from pathlib import Path

from face_classifier.core import messages
from face_classifier.core.types import Frame, Search
from face_classifier.gallery.keep import face_picture
from face_classifier.pipeline.archive import versions
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.vision.engine import Engine

_SHOWN = "canary.mp4", "canary.jpg"  # H.264 and JPEG, each frame with one face or two
_BEGAN = datetime(2020, 1, 1, tzinfo=timezone.utc)
_THREADS = 2  # that look at frames at a time
_DIGITS = 16  # hexadecimal


@dataclass(frozen=True)
class Canary:
    """How a process computes."""

    digest: str  # equal where all that a record holds would be equal by the last bit
    versions: dict[str, str]  # of the program, the libraries and the models, and the encoder's precision
    processor: str  # for the user

    def why_another(self, other: Canary) -> str:
        """Why ``other``, of a process elsewhere, has another digest than this one here: part of a sentence."""
        names = sorted(self.versions.keys() | other.versions.keys())
        pairs = [(name, self.versions.get(name, "missing"), other.versions.get(name, "missing")) for name in names]
        told = [f"{name} is {there} there and {here} here" for name, here, there in pairs if here != there]
        processors = (
            f"the processor there ({other.processor}) computes differently from the one here ({self.processor})"
        )
        return ", ".join(told) or processors


def canary(engine: Engine) -> Canary:
    """What this process makes of the clip and the picture with an engine. Raises UserError where they are missing."""
    digest = sha256()
    with ThreadPoolExecutor(_THREADS) as pool:
        for told in pool.map(partial(_told, engine), _frames()):
            digest.update(told)
    precision = "/".join(dict.fromkeys((engine.made_by.precision, engine.made_once.precision)))
    made = versions() | {"precision": precision}
    return Canary(digest.hexdigest()[:_DIGITS], made, _processor())


def _told(engine: Engine, frame: Frame) -> bytes:
    """All that an engine makes of a frame."""
    detections = engine.search(frame.image, Search.USUAL)
    # With less care those of every second frame, since a record has such faces, too.
    once = range(len(detections)) if (frame.index or 0) % 2 else ()
    faces = engine.encode(frame.image, detections, once)
    told = (*map(messages.detection_message, detections), *map(messages.face_message, faces))
    values = (json.dumps(value, sort_keys=True, default=_hexadecimal).encode() for value in told)
    return b"".join((*values, *(face_picture(frame, face) for face in faces)))


def _frames() -> Iterator[Frame]:
    for name in _SHOWN:
        with open_source(str(Path(__file__).with_name(name))) as source:
            yield from source.frames(Sampling(0.0), _BEGAN, threading.Event())


def _hexadecimal(value: bytes) -> str:
    return value.hex()


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
