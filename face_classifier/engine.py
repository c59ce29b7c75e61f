"""A detector and an encoder as one: pictures in, faces out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from face_classifier.detect import HogDetector
from face_classifier.encode import DlibEncoder
from face_classifier.faces import Box, Detection, Face, Image, Provenance


class Engine:
    """Finds and encodes faces."""

    def __init__(self, resize_ratio: float = 1.0) -> None:
        self._detector = HogDetector(resize_ratio)
        # Single photos are searched whole: they are small, and a face that is missed there is a wrong encoding.
        self._photo_detector = HogDetector()
        self._encoder = DlibEncoder()
        self.made_by = Provenance(self._encoder.space, self._detector.name, self._encoder.chip, self._encoder.precision)

    def detect(self, image: Image) -> list[Detection]:
        """Faces in a BGR picture (height, width, 3) uint8, from left to right."""
        return self._detector.detect(image)

    def encode(self, image: Image, detections: Sequence[Detection]) -> list[Face]:
        """The detected faces of the same picture as numbers, in the same order."""
        encodings = self._encoder.encode(image, detections)
        return [
            Face(detection.box, encoding, self.made_by)
            for detection, encoding in zip(detections, encodings, strict=True)
        ]

    def photo(self, image: Image, *, own_cut: bool) -> tuple[Face, bool]:
        """The one face that a BGR photo is about, and whether it was found at all.

        In a picture that the program cut itself (3 x 3 boxes) that is the most central face, in any other photo the
        largest. If none is found, the middle third of the picture is taken for the box.
        """
        detections = self._photo_detector.detect(image)
        if detections:
            chosen = min(detections, key=_off_centre(image)) if own_cut else max(detections, key=_area)
        else:
            chosen = Detection(_middle_third(image))
        return self.encode(image, [chosen])[0], bool(detections)


def _area(detection: Detection) -> int:
    return detection.box.area


def _off_centre(image: Image) -> Callable[[Detection], float]:
    height, width = image.shape[:2]

    def distance(detection: Detection) -> float:
        box = detection.box
        return float((box.left + box.right - width) ** 2 + (box.top + box.bottom - height) ** 2)

    return distance


def _middle_third(image: Image) -> Box:
    height, width = image.shape[:2]
    return Box(height // 3, max(width // 3 + 1, 2 * width // 3), max(height // 3 + 1, 2 * height // 3), width // 3)
