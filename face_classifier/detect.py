"""Where faces are: a picture in, bounding boxes out."""

from __future__ import annotations

import cv2
import face_recognition

from face_classifier.faces import Box, Detection, Image, as_rgb


class HogDetector:
    """dlib's HOG detector with one upsampling, as ``face_recognition.face_locations`` calls it: faces from 40 px."""

    name = "hog"

    def __init__(self, resize_ratio: float = 1.0) -> None:
        """``resize_ratio``: search a picture this many times as large (0 to 1]; smaller is faster and misses more."""
        self._ratio = resize_ratio

    def detect(self, image: Image) -> list[Detection]:
        """Faces in a BGR picture (height, width, 3), boxes in its own pixels, from left to right."""
        rgb = as_rgb(image)
        if self._ratio != 1:
            height, width = image.shape[:2]
            size = max(1, round(width * self._ratio)), max(1, round(height * self._ratio))
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        boxes = [Box(*css).scaled(1 / self._ratio) for css in face_recognition.face_locations(rgb)]
        return [Detection(box) for box in sorted(boxes, key=lambda box: (box.left, box.top))]
