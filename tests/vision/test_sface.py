"""The encoder SFace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from vision.seams import EncoderTests

from face_classifier.core.types import Encoding, Image
from face_classifier.vision.models import registry as models
from face_classifier.vision.sface import SFaceEncoder, face_chip
from face_classifier.vision.yunet import YuNet


@pytest.fixture(scope="module")
def encoder() -> SFaceEncoder:
    return SFaceEncoder(models.graph("sface"))


class TestSFace(EncoderTests):
    def test_its_encodings_have_one_length(self, encoded: Callable[[str], Encoding]) -> None:
        assert np.linalg.norm(encoded("obama.jpg")) == pytest.approx(0.446)


@pytest.fixture(scope="module")
def yunet(yunet_graph: Path) -> YuNet:
    return YuNet(yunet_graph)


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


def test_without_its_mirror_image_a_face_is_encoded_as_it_is(
    encoder: SFaceEncoder, portraits: dict[str, Image]
) -> None:
    chip = portraits["obama.jpg"][60:172, 80:192]
    (both,) = encoder.encode_chips([chip])
    one, mirrored = encoder.encode_chips([chip, chip[:, ::-1]], once=[0, 1])
    assert np.linalg.norm(one - mirrored) > 0.01
    mean = one + mirrored
    np.testing.assert_allclose(0.446 * mean / np.linalg.norm(mean), both, atol=1e-6)


def test_a_chip_is_black_where_it_leaves_the_picture() -> None:
    white = np.full((60, 60, 3), 255, np.uint8)
    chip = face_chip(white, np.array([(0, 20), (20, 20), (10, 32), (2, 42), (18, 42)], np.float32))
    assert chip.shape == (112, 112, 3)
    assert not chip[56, :20].any()
    assert (chip[56, 60:80] == 255).all()
