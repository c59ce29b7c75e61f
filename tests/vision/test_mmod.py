"""dlib's CNN detector, MMOD."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from vision.seams import DetectorTests

from face_classifier.core.types import Box
from face_classifier.vision.mmod import Mmod


@pytest.fixture(scope="module")
def detector(mmod_graph: Path) -> Mmod:
    return Mmod(mmod_graph)


class TestMmod(DetectorTests):
    """As all."""


def test_mmod_finds_what_dlib_finds(
    mmod_graph: Path, mmod_dat: Path, lfw_portraits: list[np.ndarray], data: Path
) -> None:
    ours, dlibs = Mmod(mmod_graph), dlib.cnn_face_detection_model_v1(str(mmod_dat))
    several = cv2.imread(str(data / "groups" / "azurecv_faces.jpg"))
    found = 0
    for picture in [*lfw_portraits[:3], cv2.resize(several, (400, 308))]:
        expected = sorted(dlibs(np.ascontiguousarray(picture[:, :, ::-1]), 0), key=lambda face: face.rect.left())
        detections = ours.detect(picture)
        assert [detection.score for detection in detections] == pytest.approx(
            [face.confidence for face in expected], abs=0.01
        )
        for detection, face in zip(detections, expected, strict=True):
            edges = face.rect.top(), face.rect.right(), face.rect.bottom(), face.rect.left()
            np.testing.assert_allclose(detection.box.css, edges, atol=2)
        found += len(detections)
    assert found >= 4


def test_mmod_finds_smaller_faces_in_an_enlarged_picture(mmod_graph: Path, lfw_portraits: list[np.ndarray]) -> None:
    small = cv2.resize(lfw_portraits[0], (120, 120), interpolation=cv2.INTER_AREA)  # a face of about 45 pixels
    assert Mmod(mmod_graph).detect(small) == []
    (detection,) = Mmod(mmod_graph, enlarge=2.5).detect(small)
    assert detection.box.overlap(Box(35, 85, 90, 35)) > 0.4
