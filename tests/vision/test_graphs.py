from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from face_classifier.vision.models import graphs
from face_classifier.vision.models.session import open_session
from face_classifier.vision.models.zoo import read_sface


def test_encodings_are_dlibs_on_real_faces(
    encoder_graph: Path, encoder_dat: Path, lfw_portraits: list[np.ndarray]
) -> None:
    chips = np.stack([cv2.resize(portrait[50:200, 50:200, ::-1], (150, 150)) for portrait in lfw_portraits])
    _assert_dlibs(encoder_graph, encoder_dat, chips)


def test_encodings_are_dlibs_on_noise(encoder_graph: Path, encoder_dat: Path) -> None:
    chips = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    _assert_dlibs(encoder_graph, encoder_dat, chips)


def _assert_dlibs(graph: Path, dat: Path, chips: np.ndarray) -> None:
    ours = open_session(graph).run(None, {"faces": chips})[0]
    dlibs = dlib.face_recognition_model_v1(str(dat))
    np.testing.assert_allclose(ours, [dlibs.compute_face_descriptor(chip) for chip in chips], atol=1e-5)


def test_a_face_has_the_same_encoding_alone_and_in_company(encoder_graph: Path) -> None:
    chips = np.random.default_rng(1).integers(0, 256, (3, 150, 150, 3), dtype=np.uint8)
    session = open_session(encoder_graph)
    alone = np.concatenate([session.run(None, {"faces": chip[None]})[0] for chip in chips])
    np.testing.assert_allclose(session.run(None, {"faces": chips})[0], alone, atol=1e-6)


def test_yunet_computes_what_the_zoos_file_says(quantised_yunet: Path, yunet_graph: Path) -> None:
    image = np.random.default_rng(2).integers(0, 256, (1, 160, 224, 3), dtype=np.uint8)
    zoo = ReferenceEvaluator(str(quantised_yunet))
    planes = image.transpose(0, 3, 1, 2).astype(np.float32)
    expected = dict(zip(zoo.output_names, zoo.run(None, {zoo.input_names[0]: planes}), strict=True))
    levels = np.split(open_session(yunet_graph).run(None, {"image": image})[0][0], [560, 700], axis=1)
    for stride, maps in zip((8, 16, 32), levels, strict=True):
        cells = maps.T
        probabilities = 1 / (1 + np.exp(-cells[:, :2]))
        np.testing.assert_allclose(probabilities[:, 0], expected[f"cls_{stride}"][0, :, 0], atol=1e-4)
        np.testing.assert_allclose(probabilities[:, 1], expected[f"obj_{stride}"][0, :, 0], atol=1e-4)
        np.testing.assert_allclose(cells[:, 2:6], expected[f"bbox_{stride}"][0], atol=1e-3)
        np.testing.assert_allclose(cells[:, 6:], expected[f"kps_{stride}"][0], atol=1e-3)


def test_sface_computes_what_the_zoos_file_says(quantised_sface: Path, graph_folder: Path) -> None:
    face = np.random.default_rng(3).integers(0, 256, (1, 112, 112, 3), dtype=np.uint8)
    zoo = ReferenceEvaluator(str(quantised_sface))
    expected = zoo.run(None, {"data": face.transpose(0, 3, 1, 2).astype(np.float32)})[0]
    onnx.save(graphs.sface(read_sface(onnx.load(quantised_sface))), graph_folder / "sface.onnx")
    ours = open_session(graph_folder / "sface.onnx").run(None, {"faces": face})[0]
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_one_model_is_not_taken_for_another(quantised_yunet: Path, quantised_sface: Path) -> None:
    with pytest.raises(ValueError, match="YuNet has 53 convolutions"):
        graphs.yunet(onnx.load(quantised_sface))
    with pytest.raises(ValueError, match="not SFace"):
        read_sface(onnx.load(quantised_yunet))
