"""The detector YuNet."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from vision.seams import DetectorTests

from face_classifier.vision.yunet import YuNet


@pytest.fixture(scope="module")
def detector(yunet_graph: Path) -> YuNet:
    return YuNet(yunet_graph)


class TestYuNet(DetectorTests):
    """As all."""


@pytest.fixture(scope="module")
def group(data: Path) -> np.ndarray:
    return cv2.resize(cv2.imread(str(data / "groups" / "bbt1.jpg")), (640, 352))


def test_yunet_finds_what_opencv_finds(detector: YuNet, quantised_yunet: Path, group: np.ndarray) -> None:
    size = group.shape[1::-1]
    opencvs = cv2.FaceDetectorYN.create(str(quantised_yunet), "", size, 0.8, 0.3).detect(group)[1]
    found = sorted(detector.detect(group), key=lambda detection: detection.box.left)
    assert len(found) == len(opencvs) >= 3
    for row, detection in zip(sorted(opencvs, key=lambda row: row[0]), found, strict=True):
        left, top, width, height = row[:4]
        assert detection.score == pytest.approx(row[14], abs=1e-3)
        np.testing.assert_allclose(detection.box.css, (top, left + width, top + height, left), atol=1)
        np.testing.assert_allclose(detection.landmarks, row[4:14].reshape(5, 2), atol=0.5)


@pytest.mark.parametrize("size", [(1280, 704), (2001, 1101), (640, 352), (500, 275)])
def test_boxes_and_landmarks_are_in_pixels_of_the_picture(
    detector: YuNet, group: np.ndarray, size: tuple[int, int]
) -> None:
    scale = size[0] / group.shape[1]
    best = max(detector.detect(group), key=lambda detection: detection.box.area)
    found = detector.detect(cv2.resize(group, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
    same = max(found, key=lambda detection: detection.box.overlap(best.box.scaled(scale)))
    assert same.box.overlap(best.box.scaled(scale)) > 0.8
    np.testing.assert_allclose(same.landmarks / scale, best.landmarks, atol=0.08 * best.box.width)


def test_eyes_nose_and_mouth_come_in_the_persons_order(detector: YuNet, lfw_portraits: list[np.ndarray]) -> None:
    right_eye, left_eye, nose, right_mouth, left_mouth = detector.detect(lfw_portraits[0])[0].landmarks
    assert right_eye[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


def test_yunet_takes_no_animal_or_thing_for_a_face_more_often_than_once_in_twenty(detector: YuNet, data: Path) -> None:
    pictures = [cv2.imread(str(path)) for path in (data / "negatives").rglob("*.jpg")]
    assert len(pictures) > 20
    assert sum(bool(detector.detect(picture)) for picture in pictures) <= len(pictures) / 20


def test_yunet_finds_more_faces_in_groups_than_hog(detector: YuNet, data: Path) -> None:
    hog = dlib.get_frontal_face_detector()
    pictures = [cv2.imread(str(data / "groups" / f"bbt{number}.jpg")) for number in (1, 2, 3)]
    hogs = [
        len(hog(np.ascontiguousarray(cv2.resize(picture, None, fx=0.7, fy=0.7)[:, :, ::-1]), 0)) for picture in pictures
    ]
    assert sum(len(detector.detect(picture)) for picture in pictures) >= max(sum(hogs), 9)
