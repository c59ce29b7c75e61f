"""What holds for every detector and for every encoder, whatever network it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from face_classifier.core.config.flat import Flat
from face_classifier.core.types import Box, Detection, Encoding, Image, check_encoding
from face_classifier.identity.profiles import PROFILES
from face_classifier.vision.engine import Detector, Encoder

FACES = {"obama.jpg": Box(57, 247, 164, 140), "biden.jpg": Box(96, 296, 225, 168)}  # in the small photographs


class DetectorTests:
    """Inherited by the tests of each detector, which have a fixture ``detector``."""

    def boxes(self, detector: Detector, image: Image) -> list[Box]:
        return sorted((detection.box for detection in detector.detect(image)), key=lambda box: box.left)

    def test_its_name_is_one_that_users_may_choose(self, detector: Detector) -> None:
        (field,) = (field for field in dataclasses.fields(Flat) if field.name == "detector")
        assert detector.name in field.metadata["choices"]

    @pytest.mark.parametrize("name", FACES)
    def test_it_finds_a_face_where_it_is(self, detector: Detector, portraits: dict[str, Image], name: str) -> None:
        (box,) = self.boxes(detector, portraits[name])
        assert box.overlap(FACES[name]) > 0.4

    def test_it_finds_two_faces_in_one_picture(self, detector: Detector, portraits: dict[str, Image]) -> None:
        left, right = portraits["obama.jpg"], portraits["biden.jpg"]
        height = min(len(left), len(right))
        both = self.boxes(detector, np.hstack([left[:height], right[:height]]))
        assert len(both) == 2
        assert both[0].overlap(FACES["obama.jpg"]) > 0.4
        assert both[1].overlap(FACES["biden.jpg"].moved(left.shape[1], 0)) > 0.4

    def test_boxes_grow_with_the_picture(self, detector: Detector, portraits: dict[str, Image]) -> None:
        image = portraits["obama.jpg"]
        (usual,), (large,) = self.boxes(detector, image), self.boxes(detector, cv2.resize(image, None, fx=1.5, fy=1.5))
        assert large.overlap(usual.scaled(1.5)) > 0.6

    def test_a_thorough_search_finds_the_large_faces_too(self, detector: Detector, portraits: dict[str, Image]) -> None:
        found = [detection.box for detection in detector.detect(portraits["biden.jpg"], thorough=True)]
        assert max(box.overlap(FACES["biden.jpg"]) for box in found) > 0.4

    def test_a_detection_has_a_score_and_five_landmarks_or_none(
        self, detector: Detector, portraits: dict[str, Image]
    ) -> None:
        for detection in detector.detect(portraits["biden.jpg"]):
            assert detection.score is None or np.isfinite(detection.score)
            assert detection.landmarks is None or detection.landmarks.shape == (5, 2)

    @pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (1, 2000), (2000, 1), (2, 5000), (240, 320)])
    @pytest.mark.parametrize("shade", [0, 128])
    def test_it_finds_nothing_in_a_plain_picture_of_any_shape(
        self, detector: Detector, shape: tuple[int, int], shade: int
    ) -> None:
        assert detector.detect(np.full((*shape, 3), shade, np.uint8)) == []

    def test_the_picture_stays_as_it_was(self, detector: Detector, portraits: dict[str, Image]) -> None:
        image = portraits["biden.jpg"].copy()
        image.flags.writeable = False
        detector.detect(image)
        assert np.array_equal(image, portraits["biden.jpg"])

    def test_a_view_of_a_picture_is_searched_like_the_picture(
        self, detector: Detector, portraits: dict[str, Image]
    ) -> None:
        view = portraits["biden.jpg"][:, ::-1]
        assert self.boxes(detector, view) == self.boxes(detector, view.copy()) != []

    def test_threads_that_share_it_get_the_faces_of_their_pictures(
        self, detector: Detector, portraits: dict[str, Image]
    ) -> None:
        images = list(portraits.values()) * 2
        alone = [self.boxes(detector, image) for image in images]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda image: self.boxes(detector, image), images)) == alone


def distance(one: Encoding, other: Encoding) -> float:
    return float(np.linalg.norm(one - other))


class EncoderTests:
    """Inherited by the tests of each encoder, which have a fixture ``encoder``."""

    @pytest.fixture
    def encoded(
        self, encoder: Encoder, portraits: dict[str, Image], detections: dict[str, Detection]
    ) -> Callable[[str], Encoding]:
        """The encoding of the face of a photograph."""
        return lambda name: encoder.encode(portraits[name], [detections[name]])[0]

    def test_it_tells_what_its_encodings_may_be_compared_with(self, encoder: Encoder) -> None:
        assert encoder.space in PROFILES
        assert encoder.chip
        assert encoder.precision

    def test_one_person_is_near_and_another_far(self, encoder: Encoder, encoded: Callable[[str], Encoding]) -> None:
        profile = PROFILES[encoder.space]
        one, same, other = (encoded(name) for name in ("obama.jpg", "obama2.jpg", "biden.jpg"))
        assert distance(one, same) < profile.threshold < distance(one, other)
        for encoding in (one, same, other):
            check_encoding(encoding)
            assert profile.fault(float(np.linalg.norm(encoding))) is None

    def test_a_face_whose_landmarks_are_not_known_is_the_same_person(
        self,
        encoder: Encoder,
        encoded: Callable[[str], Encoding],
        portraits: dict[str, Image],
        detections: dict[str, Detection],
    ) -> None:
        for name, image in portraits.items():
            box = detections[name].box
            unit = box.area**0.5
            middle, centre = (box.left + box.right) / 2, (box.top + box.bottom) / 2
            left, top, side = round(middle - 0.5 * unit), round(centre - 0.43 * unit), round(0.93 * unit)  # as HOG's
            (without,) = encoder.encode(image, [Detection(Box(top, left + side, top + side, left))])
            assert distance(without, encoded(name)) < PROFILES[encoder.space].threshold

    def test_faces_come_back_in_their_order_as_if_alone(
        self, encoder: Encoder, portraits: dict[str, Image], detections: dict[str, Detection]
    ) -> None:
        image, face = portraits["obama.jpg"], detections["obama.jpg"]
        assert face.landmarks is not None
        beside = replace(face, box=face.box.moved(40, 40), landmarks=face.landmarks + np.float32(40))
        alone = [encoder.encode(image, [one])[0] for one in (face, beside)]
        together = encoder.encode(image, [face, beside] * 5)
        np.testing.assert_allclose(together, alone * 5, atol=1e-5)
        assert distance(*alone) > 0.1

    def test_a_face_that_is_encoded_with_less_care_is_nearly_the_same_and_others_stay_as_they_are(
        self, encoder: Encoder, portraits: dict[str, Image], detections: dict[str, Detection]
    ) -> None:
        for name, image in portraits.items():
            careful = encoder.encode(image, [detections[name]] * 2)
            once, other = encoder.encode(image, [detections[name]] * 2, once=[0])
            assert distance(once, careful[0]) < PROFILES[encoder.space].threshold / 4
            np.testing.assert_allclose(other, careful[1], atol=1e-6)
            alike = (encoder.chip_once, encoder.precision_once) == (encoder.chip, encoder.precision)
            assert alike == (distance(once, careful[0]) < 1e-6)

    def test_of_no_faces_there_are_no_encodings(self, encoder: Encoder, portraits: dict[str, Image]) -> None:
        assert encoder.encode(portraits["obama.jpg"], []) == []

    @pytest.mark.parametrize("box", [Box(-60, 60, 60, -60), Box(200, 400, 400, 200), Box(0, 1, 1, 0)])
    def test_a_face_at_the_edge_or_beyond_still_has_an_encoding(self, encoder: Encoder, box: Box) -> None:
        picture = np.random.default_rng(0).integers(0, 256, (250, 250, 3), dtype=np.uint8)
        for points in (None, np.full((5, 2), 7, np.float32)):
            check_encoding(encoder.encode(picture, [Detection(box, landmarks=points)])[0])

    def test_the_picture_stays_as_it_was(
        self, encoder: Encoder, portraits: dict[str, Image], detections: dict[str, Detection]
    ) -> None:
        image = portraits["biden.jpg"].copy()
        image.flags.writeable = False
        encoder.encode(image, [detections["biden.jpg"]])
        assert np.array_equal(image, portraits["biden.jpg"])

    def test_a_view_of_a_picture_is_encoded_like_the_picture(
        self, encoder: Encoder, portraits: dict[str, Image]
    ) -> None:
        view = portraits["obama.jpg"][:, ::-1]
        width = view.shape[1]
        box = FACES["obama.jpg"]
        mirrored = Detection(Box(box.top, width - box.left, box.bottom, width - box.right))
        assert np.array_equal(encoder.encode(view, [mirrored]), encoder.encode(view.copy(), [mirrored]))

    def test_threads_that_share_it_get_the_encodings_of_their_faces(
        self,
        encoder: Encoder,
        encoded: Callable[[str], Encoding],
        portraits: dict[str, Image],
    ) -> None:
        names = list(portraits) * 3
        alone = [encoded(name) for name in names]
        with ThreadPoolExecutor(4) as pool:
            np.testing.assert_allclose(list(pool.map(encoded, names)), alone, atol=1e-6)
