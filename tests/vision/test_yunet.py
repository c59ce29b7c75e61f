from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest

from face_classifier.core.types import Box
from face_classifier.vision.mmod import Mmod
from face_classifier.vision.yunet import YuNet


@pytest.fixture(scope="module")
def yunet(yunet_graph: Path) -> YuNet:
    return YuNet(yunet_graph)


@pytest.fixture(scope="module")
def group(data: Path) -> np.ndarray:
    return cv2.resize(cv2.imread(str(data / "groups" / "bbt1.jpg")), (640, 352))


def test_yunet_finds_what_opencv_finds(yunet: YuNet, quantised_yunet: Path, group: np.ndarray) -> None:
    size = group.shape[1::-1]
    opencvs = cv2.FaceDetectorYN.create(str(quantised_yunet), "", size, 0.8, 0.3).detect(group)[1]
    found = sorted(yunet.detect(group), key=lambda detection: detection.box.left)
    assert len(found) == len(opencvs) >= 3
    for row, detection in zip(sorted(opencvs, key=lambda row: row[0]), found, strict=True):
        left, top, width, height = row[:4]
        assert detection.score == pytest.approx(row[14], abs=1e-3)
        np.testing.assert_allclose(detection.box.css, (top, left + width, top + height, left), atol=1)
        np.testing.assert_allclose(detection.landmarks, row[4:14].reshape(5, 2), atol=0.5)


@pytest.mark.parametrize("size", [(1280, 704), (2001, 1101), (640, 352), (500, 275)])
def test_boxes_and_landmarks_are_in_pixels_of_the_picture(
    yunet: YuNet, group: np.ndarray, size: tuple[int, int]
) -> None:
    scale = size[0] / group.shape[1]
    best = max(yunet.detect(group), key=lambda detection: detection.box.area)
    found = yunet.detect(cv2.resize(group, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
    same = max(found, key=lambda detection: detection.box.overlap(best.box.scaled(scale)))
    assert same.box.overlap(best.box.scaled(scale)) > 0.8
    np.testing.assert_allclose(same.landmarks / scale, best.landmarks, atol=0.08 * best.box.width)


def test_eyes_nose_and_mouth_come_in_the_persons_order(yunet: YuNet, lfw_portraits: list[np.ndarray]) -> None:
    right_eye, left_eye, nose, right_mouth, left_mouth = yunet.detect(lfw_portraits[0])[0].landmarks
    assert right_eye[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


def test_nothing_is_found_where_nobody_is(yunet: YuNet) -> None:
    for shape in ((1, 1, 3), (3, 2000, 3), (240, 320, 3)):
        assert yunet.detect(np.full(shape, 128, np.uint8)) == []


def test_yunet_takes_no_animal_or_thing_for_a_face_more_often_than_once_in_twenty(yunet: YuNet, data: Path) -> None:
    pictures = [cv2.imread(str(path)) for path in (data / "negatives").rglob("*.jpg")]
    assert len(pictures) > 20
    assert sum(bool(yunet.detect(picture)) for picture in pictures) <= len(pictures) / 20


def test_yunet_finds_more_faces_in_groups_than_hog(yunet: YuNet, data: Path) -> None:
    hog = dlib.get_frontal_face_detector()
    pictures = [cv2.imread(str(data / "groups" / f"bbt{number}.jpg")) for number in (1, 2, 3)]
    hogs = [
        len(hog(np.ascontiguousarray(cv2.resize(picture, None, fx=0.7, fy=0.7)[:, :, ::-1]), 0)) for picture in pictures
    ]
    assert sum(len(yunet.detect(picture)) for picture in pictures) >= max(sum(hogs), 9)


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
