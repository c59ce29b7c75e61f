"""A short clip of real photographs, for a first run without webcam or file, and for the tests.

The photographs (official portraits of two presidents, in the public domain) are those in the source distribution of
the package face_recognition.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from face_classifier.core.disk.durable import PRIVATE, write_durably
from face_classifier.core.types import Image
from face_classifier.vision.models.packages import Package, cache_folder, downloaded

RESULT = "result-demo"
SIZE = 640, 360  # width, height in pixels
FPS = 25

_PHOTOGRAPHS = Package(
    "face_recognition", "1.3.0", "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec", 3, source=True
)
_FOLDER = "face_recognition-1.3.0/tests/test_images/"
_BEGUN = 1_577_880_000  # 2020-01-01 12:00 UTC: the clip's modification time, which gives the faces their names
_CLIP = "demo-1.mp4"  # counted up when the scenes change


@dataclass(frozen=True)
class _View:
    """A rectangle of a photograph with the clip's aspect ratio."""

    across: float  # the centre in pixels of the photograph
    down: float
    width: float


@dataclass(frozen=True)
class _Scene:
    """A move over one photograph, or over two side by side."""

    seconds: float
    photographs: tuple[str, ...]
    begin: tuple[_View, ...]
    end: tuple[_View, ...]


_SCENES = (
    _Scene(4, ("obama.jpg",), (_View(455, 330, 1100),), (_View(480, 290, 700),)),
    _Scene(4, ("biden.jpg",), (_View(420, 420, 1300),), (_View(640, 420, 1100),)),
    _Scene(3, ("obama2.jpg",), (_View(300, 500, 1000),), (_View(310, 400, 800),)),
    _Scene(
        5,
        ("biden.jpg", "obama3.jpg"),
        (_View(580, 440, 800), _View(790, 470, 800)),
        (_View(560, 440, 950), _View(820, 470, 900)),
    ),
    _Scene(2, ("obama_partial_face2.jpg",), (_View(300, 300, 900),), (_View(380, 290, 900),)),
    _Scene(4, ("obama3.jpg",), (_View(700, 520, 1500),), (_View(790, 450, 1000),)),
    _Scene(3, ("biden.jpg",), (_View(580, 430, 1000),), (_View(580, 410, 1400),)),
)


def photographs() -> dict[str, Path]:
    """The photographs by file name, in the user's cache. Raises UserError if they have to be fetched and cannot be."""
    folder = cache_folder() / "photographs"
    names = {name for scene in _SCENES for name in scene.photographs} | {"obama_partial_face.jpg"}
    if not all((folder / name).exists() for name in names):
        folder.mkdir(exist_ok=True)
        with downloaded(_PHOTOGRAPHS) as members:
            for name in sorted(names):
                write_durably(folder / name, members(_FOLDER + name), PRIVATE.file)
    return {name: folder / name for name in sorted(names)}


def clip() -> Path:
    """The demo clip in the user's cache, made on first use. Raises UserError as `photographs` does."""
    path = cache_folder() / _CLIP
    if not path.exists():
        beside = path.with_name(f"part-{os.getpid()}-{_CLIP}")
        write_clip(beside)
        os.utime(beside, (_BEGUN, _BEGUN))
        beside.replace(path)
    return path


def copy_clip(path: Path) -> Path:
    """Write the clip to a file, in the place of one that is there. Raises UserError as `clip` does, OSError."""
    shutil.copy2(clip(), path)
    return path


def write_clip(path: Path, size: tuple[int, int] = SIZE) -> None:
    """Write the clip as MPEG-4 video of ``size`` (width, height in pixels) and 25 frames a second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
    try:
        for frame in _frames(size):
            writer.write(frame)
    finally:
        writer.release()


def _frames(size: tuple[int, int]) -> Iterator[Image]:
    paths = photographs()
    for scene in _SCENES:
        images = [np.asarray(cv2.imread(str(paths[name]))) for name in scene.photographs]
        count = round(scene.seconds * FPS)
        part = size[0] // len(images), size[1]
        for number in range(count):
            share = number / (count - 1)
            parts = [
                _look(image, begin, end, share, part)
                for image, begin, end in zip(images, scene.begin, scene.end, strict=True)
            ]
            yield np.hstack(parts)


def _look(image: Image, begin: _View, end: _View, share: float, size: tuple[int, int]) -> Image:
    """What is seen of a photograph when ``share`` of the move is done; beyond its edge it is dark."""
    across, down, wide = (
        first + share * (last - first)
        for first, last in ((begin.across, end.across), (begin.down, end.down), (begin.width, end.width))
    )
    scale = size[0] / wide
    shift = np.array([[scale, 0, size[0] / 2 - scale * across], [0, scale, size[1] / 2 - scale * down]])
    return cv2.warpAffine(
        image, shift, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_CONSTANT, borderValue=(24, 24, 24)
    )
