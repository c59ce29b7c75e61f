"""dlib's HOG face detector."""

from __future__ import annotations

import threading

import dlib

from face_classifier.core.types import Box, Detection, Image, as_rgb


class HogDetector:
    """dlib's HOG detector with one upsampling, called as ``face_recognition.face_locations`` does: faces from 40 px."""

    name = "hog"

    _one_at_a_time = threading.Lock()  # dlib's detector keeps state

    def __init__(self) -> None:
        self._found = dlib.get_frontal_face_detector()

    def detect(self, image: Image, *, thorough: bool = False) -> list[Detection]:
        """The faces in a picture, searched at full size anyway. ``image``: (height, width, 3) uint8, BGR."""
        height, width = image.shape[:2]
        with self._one_at_a_time:
            found = self._found(as_rgb(image), 1)
        return [
            Detection(Box(max(box.top(), 0), min(box.right(), width), min(box.bottom(), height), max(box.left(), 0)))
            for box in found
        ]
