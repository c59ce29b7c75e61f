from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.types import Box, Detection, Image, check_encoding
from face_classifier.vision.models import registry as models
from face_classifier.vision.sface import SFaceEncoder, face_chip
from face_classifier.vision.yunet import YuNet


@pytest.fixture(scope="module")
def encoder() -> SFaceEncoder:
    return SFaceEncoder(models.graph("sface"))


@pytest.fixture(scope="module")
def yunet(yunet_graph: Path) -> YuNet:
    return YuNet(yunet_graph)


@pytest.fixture(scope="module")
def detections(portraits: dict[str, Image], yunet: YuNet) -> dict[str, Detection]:
    """The face of each of the demo's photographs."""
    return {
        name: max(yunet.detect(image), key=lambda detection: detection.box.area) for name, image in portraits.items()
    }


@pytest.mark.parametrize("turn", [0, 20, -35], ids=["upright", "to the left", "to the right"])
def test_chips_are_those_of_opencv(portraits: dict[str, Image], yunet: YuNet, quantised_sface: Path, turn: int) -> None:
    reference = cv2.FaceRecognizerSF.create(str(quantised_sface), "")
    for image in portraits.values():
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1)
        turned = cv2.warpAffine(image, matrix, (width, height))
        for detection in yunet.detect(turned):
            assert detection.landmarks is not None
            box = detection.box
            row = [box.left, box.top, box.width, box.height, *detection.landmarks.ravel(), 1]
            expected = reference.alignCrop(turned, np.array([row], np.float32))
            ours = face_chip(turned, detection.landmarks)
            assert np.abs(ours.astype(int) - expected).max() <= 2


def test_one_president_is_nearer_to_himself_than_to_another(
    encoder: SFaceEncoder, portraits: dict[str, Image], detections: dict[str, Detection]
) -> None:
    encodings = {name: encoder.encode(image, [detections[name]])[0] for name, image in portraits.items()}
    for encoding in encodings.values():
        check_encoding(encoding)
        assert np.linalg.norm(encoding) == pytest.approx(1)
    obamas = [encoding for name, encoding in encodings.items() if name.startswith("obama")]
    distances = [np.linalg.norm(one - other) for one in obamas for other in obamas if one is not other]
    assert len(obamas) >= 2
    assert max(distances) < 1.0
    assert min(np.linalg.norm(encodings["biden.jpg"] - obama) for obama in obamas) > 1.2


def test_east_asian_faces_are_told_apart(encoder: SFaceEncoder, yunet: YuNet, data: Path) -> None:
    encodings, people = [], []
    for number, folder in enumerate(sorted(path for path in (data / "asian_kpop15").iterdir() if path.is_dir())):
        for path in sorted(folder.glob("*.jpg"))[:6]:
            picture = cv2.copyMakeBorder(cv2.imread(str(path)), 80, 80, 80, 80, cv2.BORDER_CONSTANT)
            found = yunet.detect(picture)
            if found:
                encodings += encoder.encode(picture, [max(found, key=lambda detection: detection.box.area)])
                people.append(number)
    points, numbers = np.array(encodings), np.array(people)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert len(numbers) >= 40
    assert (numbers[distances.argmin(axis=1)] == numbers).mean() >= 0.9


def test_a_mirrored_picture_has_the_same_encoding(encoder: SFaceEncoder, portraits: dict[str, Image]) -> None:
    chip = np.ascontiguousarray(portraits["obama.jpg"][:112, :112])
    one, mirrored = encoder.encode_chips([chip, chip[:, ::-1]])
    np.testing.assert_allclose(one, mirrored, atol=1e-5)


def test_a_face_without_landmarks_is_still_the_same_person(
    encoder: SFaceEncoder, portraits: dict[str, Image], detections: dict[str, Detection]
) -> None:
    for name, image in portraits.items():
        exact = detections[name]
        unit = exact.box.area**0.5
        middle, centre = (exact.box.left + exact.box.right) / 2, (exact.box.top + exact.box.bottom) / 2
        left, top, side = round(middle - 0.5 * unit), round(centre - 0.43 * unit), round(0.93 * unit)  # as HOG's boxes
        square = Detection(Box(top, left + side, top + side, left))
        one, other = encoder.encode(image, [exact, square])
        assert np.linalg.norm(one - other) < 1.0


def test_faces_come_back_in_their_order(
    encoder: SFaceEncoder, portraits: dict[str, Image], detections: dict[str, Detection]
) -> None:
    image, face = portraits["obama.jpg"], detections["obama.jpg"]
    assert face.landmarks is not None
    beside = replace(face, landmarks=face.landmarks + np.float32(40))
    together = encoder.encode(image, [face, beside, face])
    np.testing.assert_allclose(together[0], together[2], atol=1e-6)
    assert np.linalg.norm(together[0] - together[1]) > 0.1
    assert encoder.encode(image, []) == []


@pytest.mark.parametrize("box", [Box(-60, 60, 60, -60), Box(300, 360, 360, 300), Box(0, 1, 1, 0)])
def test_a_face_at_the_edge_or_beyond_still_has_an_encoding(encoder: SFaceEncoder, box: Box) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (250, 250, 3), dtype=np.uint8)
    check_encoding(encoder.encode(picture, [Detection(box)])[0])
    points = np.full((5, 2), 7, np.float32)
    check_encoding(encoder.encode(picture, [Detection(box, landmarks=points)])[0])


def test_a_chip_is_black_where_it_leaves_the_picture() -> None:
    white = np.full((60, 60, 3), 255, np.uint8)
    chip = face_chip(white, np.array([(0, 20), (20, 20), (10, 32), (2, 42), (18, 42)], np.float32))
    assert chip.shape == (112, 112, 3)
    assert not chip[56, :20].any()
    assert (chip[56, 60:80] == 255).all()
