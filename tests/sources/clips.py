"""Clips whose pictures tell their number, and MP4 files with a box changed, for the tests of sources."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np

from face_classifier.core.types import Frame
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source

START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
EVERY_FRAME = Sampling(every=0)
BITS = 10


def numbered(number: int) -> np.ndarray:
    """A picture that tells its number: white columns are the ones of its binary form."""
    image = np.zeros((32, 16 * BITS, 3), np.uint8)
    for bit in range(BITS):
        image[:, 16 * bit : 16 * bit + 16] = 255 * (number >> bit & 1)
    return image


def number_of(image: np.ndarray) -> int:
    return sum(1 << bit for bit in range(BITS) if image[16, 16 * bit + 8].mean() > 127)


def write_clip(path: Path, count: int = 50, fps: float = 25.0, codec: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (16 * BITS, 32))
    assert writer.isOpened()
    for number in range(count):
        writer.write(numbered(number))
    writer.release()
    return path


def run(path: Path | str, sampling: Sampling = EVERY_FRAME) -> list[Frame]:
    with open_source(str(path)) as source:
        return list(source.frames(sampling, START, threading.Event()))


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = 0
    while offset < len(data):
        size, name = struct.unpack_from(">I4s", data, offset)
        yield name, data[offset + 8 : offset + size]
        offset += size


def change_box(data: bytes, path: list[bytes], change: Callable[[bytes], bytes]) -> bytes:
    """The MP4 with the content of the box at ``path`` changed; sizes above it follow."""
    changed = b""
    for name, content in boxes(data):
        if name == path[0]:
            content = change_box(content, path[1:], change) if path[1:] else change(content)
        changed += struct.pack(">I4s", len(content) + 8, name) + content
    return changed


def patch(path: Path, box: str, change: Callable[[bytes], bytes]) -> None:
    data = path.read_bytes()
    patched = change_box(data, [name.encode() for name in box.split("/")], change)
    assert patched != data
    path.write_bytes(patched)
