"""dlib's HOG detector."""

from __future__ import annotations

import pytest
from vision.seams import FACES, DetectorTests

from face_classifier.core.types import Image
from face_classifier.vision.hog import HogDetector


@pytest.fixture(scope="module")
def detector() -> HogDetector:
    return HogDetector()


class TestHog(DetectorTests):
    def test_its_boxes_are_squares_around_the_face(self, detector: HogDetector, portraits: dict[str, Image]) -> None:
        (box,) = self.boxes(detector, portraits["biden.jpg"])
        assert abs(box.width - box.height) <= 1
        assert box.overlap(FACES["biden.jpg"]) > 0.7
