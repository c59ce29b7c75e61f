"""dlib's encoder, by itself and over ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from vision.seams import EncoderTests

from face_classifier.core.types import Box, Detection, check_encoding
from face_classifier.vision.dlib_resnet import DlibEncoder, ResNetEncoder, face_chip
from face_classifier.vision.yunet import YuNet


@pytest.fixture(scope="module")
def encoder(encoder_graph: Path, predictor_dat: Path) -> ResNetEncoder:
    return ResNetEncoder(encoder_graph, predictor_dat)


class TestResNet(EncoderTests):
    """As all."""


class TestDlib(EncoderTests):
    @pytest.fixture
    def encoder(self, encoder_dat: Path, predictor_dat: Path) -> DlibEncoder:
        return DlibEncoder(encoder_dat, predictor_dat)


@pytest.fixture(scope="module")
def yunet(yunet_graph: Path) -> YuNet:
    return YuNet(yunet_graph)


@pytest.mark.parametrize(
    ("enlarge", "shift"), [(1.0, 0.01), (4.0, 0.04)], ids=["as it is", "so large that it is halved"]
)
def test_encodings_are_the_mean_of_dlibs_own_chips_and_their_mirror_images(
    encoder: ResNetEncoder,
    encoder_dat: Path,
    predictor_dat: Path,
    lfw_portraits: list[np.ndarray],
    enlarge: float,
    shift: float,
) -> None:
    predictor = dlib.shape_predictor(str(predictor_dat))
    reference = dlib.face_recognition_model_v1(str(encoder_dat))
    for portrait in lfw_portraits[:4]:
        picture = cv2.resize(portrait, None, fx=enlarge, fy=enlarge)
        edges = [round(edge * enlarge) for edge in (75, 175, 175, 75)]
        rgb = np.ascontiguousarray(picture[:, :, ::-1])
        shape = predictor(rgb, dlib.rectangle(edges[3], edges[0], edges[1], edges[2]))
        chip = dlib.get_face_chip(rgb, shape, 150, 0.25)
        both = [reference.compute_face_descriptor(np.ascontiguousarray(one)) for one in (chip, chip[:, ::-1])]
        expected = np.mean(both, axis=0)
        (ours,) = encoder.encode(picture, [Detection(Box(*edges))])
        check_encoding(ours)
        assert np.linalg.norm(ours - expected) < shift


def test_faces_of_one_person_are_nearer_than_those_of_others(encoder: ResNetEncoder, yunet: YuNet, data: Path) -> None:
    people = [sorted(folder.glob("*.jpg"))[:2] for folder in sorted((data / "lfw").iterdir()) if folder.is_dir()]
    several = [pair for pair in people if len(pair) == 2][::15][:10]
    pairs = [[_encoded(encoder, yunet, path) for path in pair] for pair in several]
    firsts, seconds = (np.array(side) for side in zip(*pairs, strict=True))
    distances = np.linalg.norm(firsts[:, None] - seconds, axis=2)
    assert (distances.argmin(axis=1) == np.arange(len(pairs))).sum() >= len(pairs) - 1


def _encoded(encoder: ResNetEncoder, yunet: YuNet, path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    return encoder.encode(picture, [max(yunet.detect(picture), key=lambda detection: detection.box.area)])[0]


def test_boxes_of_yunet_and_of_hog_lead_to_nearly_the_same_encoding(
    encoder: ResNetEncoder, yunet: YuNet, lfw_portraits: list[np.ndarray]
) -> None:
    hog = dlib.get_frontal_face_detector()
    shifts = []
    for portrait in lfw_portraits:
        for rectangle in hog(np.ascontiguousarray(portrait[:, :, ::-1]), 0)[:1]:
            box = Box(rectangle.top(), rectangle.right(), rectangle.bottom(), rectangle.left())
            nearest = max(yunet.detect(portrait), key=lambda detection: detection.box.overlap(box))
            one, other = encoder.encode(portrait, [nearest, Detection(box)])
            shifts.append(np.linalg.norm(one - other))
    assert len(shifts) >= 8
    assert np.mean(shifts) < 0.1


def test_more_faces_than_one_batch_keep_their_order(encoder: ResNetEncoder, lfw_portraits: list[np.ndarray]) -> None:
    chips = [np.ascontiguousarray(portrait[50:200, 50:200]) for portrait in lfw_portraits]
    together = encoder.encode_chips(chips)
    alone = [encoder.encode_chips([face])[0] for face in chips]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert encoder.encode_chips([]) == []


def test_a_chip_is_black_where_it_leaves_the_picture() -> None:
    white = np.full((100, 100, 3), 255, np.uint8)
    landmarks = np.array([(20, 10), (14, 10), (0, 10), (6, 10), (10, 22)], float)  # a face at the left edge
    face = face_chip(white, landmarks)
    assert face.shape == (150, 150, 3)
    assert not face[75, :10].any()
    assert (face[75, 80:] == 255).all()
