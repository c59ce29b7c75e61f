"""Clips made of the demo's photographs, which anybody has: what needs no other data is measured on them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from face_classifier.cli import demo

# The scenes of the demo's clip that show one person: who, and from which second to which (`cli/demo.py`)
_SCENES = (("obama", 0, 4), ("biden", 4, 8), ("obama", 8, 11), ("obama", 16, 18), ("obama", 18, 22), ("biden", 22, 25))


def scenes(folder: Path) -> dict[str, Path]:
    """A clip of each scene, by person and number: each is some moves over one photograph. Fetches the photographs."""
    clips = {}
    capture = cv2.VideoCapture(str(demo.clip()))
    frames = []
    while (read := capture.read())[0]:
        frames.append(np.asarray(read[1], np.uint8))
    capture.release()
    for number, (person, begin, end) in enumerate(_SCENES):
        path = clips[f"{person} {number}"] = folder / f"scene-{number}.mp4"
        if not path.exists():
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), demo.FPS, demo.SIZE)
            for image in frames[begin * demo.FPS : end * demo.FPS]:
                writer.write(image)
            writer.release()
    return clips
