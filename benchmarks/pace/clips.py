"""The clips that a benchmark makes by itself, of the demo's photographs."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from face_classifier.cli import demo
from face_classifier.core.types import Image
from pace.process import Numbers

SIZE = 1280, 720
# encoder, and what its codec is called: the first that PyAV has
_CODECS = ("libx264", "h264"), ("mpeg4", "mpeg4")
# Photograph, centre of the view and its width in pixels of the photograph: faces of about 140 pixels in the clip.
_PANELS = (("obama.jpg", 480, 400, 900), ("biden.jpg", 580, 500, 950), ("obama3.jpg", 790, 560, 1200))


def make(folder: str, seconds: float, live_seconds: float) -> Numbers:
    """Clips of three faces at 720p: 25 frames a second for files, 30 and 15 for cameras. Tells their paths.

    Those that are there already are taken as they are.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    lengths = {"three": (seconds, 25), "camera": (live_seconds, 30), "four": (live_seconds, 15)}
    paths = {name: Path(folder) / f"{name}-{fps}-{length:g}s.mp4" for name, (length, fps) in lengths.items()}
    for name, path in paths.items():
        if not path.exists():
            length, fps = lengths[name]
            part = path.with_suffix(".part.mp4")
            _write(part, three_faces(length, fps), fps)
            part.rename(path)
    return {name: str(path) for name, path in paths.items()}


def three_faces(seconds: float, fps: int) -> Iterator[Image]:
    """Three photographs side by side, each swaying by itself as a head does: BGR (720, 1280, 3)."""
    images = {name: cv2.imread(str(file)) for name, file in demo.photographs().items()}
    for number in range(round(seconds * fps)):
        now = number / fps
        parts = []
        for place, (name, across, down, wide) in enumerate(_PANELS):
            width = SIZE[0] * (place + 1) // 3 - SIZE[0] * place // 3
            scale = width / wide
            centre = across + 40 * np.sin(0.9 * now + place), down + 25 * np.sin(1.3 * now + 2 * place)
            shift = np.array([[scale, 0, width / 2 - scale * centre[0]], [0, scale, SIZE[1] / 2 - scale * centre[1]]])
            parts.append(cv2.warpAffine(images[name], shift, (width, SIZE[1]), flags=cv2.INTER_AREA))
        yield np.hstack(parts)


def _write(path: Path, images: Iterator[Image], fps: int) -> None:
    encoder, name = next(codec for codec in _CODECS if codec[0] in av.codecs_available)
    with av.open(str(path), "w") as film:
        stream: Any = film.add_stream(encoder, rate=Fraction(fps), options={"crf": "20"} if name == "h264" else {})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        if name != "h264":
            stream.bit_rate = 4_000_000
        for image in images:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        film.mux(stream.encode())


def codec(path: str) -> Numbers:
    """The codec and the size of a film."""
    with av.open(path) as film:
        stream = film.streams.video[0]
        return {"codec": stream.codec_context.name, "width": stream.width, "height": stream.height}
