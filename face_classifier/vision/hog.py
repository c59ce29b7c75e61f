"""dlib's HOG face detector."""

from __future__ import annotations

import threading

from face_classifier.core.types import Box, Detection, Image, as_rgb


class HogDetector:
    """dlib's HOG detector with one upsampling, as ``face_recognition.face_locations`` calls it: faces from 40 px."""

    name = "hog"

    _one_at_a_time = threading.Lock()  # dlib's detector keeps state

    def __init__(self) -> None:
        import face_recognition  # here, because it loads 130 MB of models that the others do not need

        self._locations = face_recognition.face_locations

    def detect(self, image: Image, *, thorough: bool = False) -> list[Detection]:
        """The faces in a picture, searched at full size anyway. ``image``: (height, width, 3) uint8, BGR."""
        with self._one_at_a_time:
            return [Detection(Box(*css)) for css in self._locations(as_rgb(image))]
