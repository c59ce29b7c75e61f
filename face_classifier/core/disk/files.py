"""Content hashes, names, and pictures as bytes."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import cv2

from face_classifier.core.types import Image

_BLOCK = 1 << 20  # bytes
# Of all settings the fastest on faces, and smaller than OpenCV's own: 9 ms and 350 kB for a face of 300 pixels, not
# 11 ms and 510 kB.
_PNG = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
)


def content_hash(path: Path) -> str:
    """SHA-256 of the file's content, hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def time_name(time: datetime) -> str:
    """How files are named after a time, aware: ``YYYYmmdd_HHMMSS.mmm``, local."""
    local = time.astimezone()
    return f"{local:%Y%m%d_%H%M%S}.{local.microsecond // 1000:03d}"


def png_bytes(image: Image) -> bytes:
    """A BGR picture as PNG; the same picture gives the same bytes."""
    done, content = cv2.imencode(".png", image, _PNG)
    if not done:
        raise ValueError(f"a picture of shape {image.shape} cannot be written as PNG")
    return content.tobytes()
