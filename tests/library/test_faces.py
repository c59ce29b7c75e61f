"""Faces in arrays, as another program asks for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import face_classifier as fc
from face_classifier.core.types import Image
from face_classifier.vision.engine import Engine


def test_a_picture_has_a_face_with_an_encoding(portraits: dict[str, Image]):
    (detection,) = fc.detect(portraits["obama.jpg"])
    assert detection.landmarks is not None
    assert detection.landmarks.shape == (5, 2)
    (face,) = fc.encode(portraits["obama.jpg"])
    assert face.box == detection.box
    assert face.encoding.shape == (128,)
    assert face.encoding.dtype == np.float64


def test_encodings_are_those_of_a_run(portraits: dict[str, Image], engine: Engine):
    image = portraits["biden.jpg"]
    (face,), (expected,) = fc.encode(image), engine.encode(image, engine.detect(image))
    np.testing.assert_array_equal(face.encoding, expected.encoding)
    assert (face.made_by, face.quality) == (expected.made_by, expected.quality)


def test_only_the_given_detections_are_encoded_in_their_order(portraits: dict[str, Image]):
    both = np.hstack([portraits["obama.jpg"][:300, :300], portraits["biden.jpg"][:300, 50:350]])
    left, right = fc.detect(both)
    first, second = fc.encode(both, [right, left])
    assert (first.box, second.box) == (right.box, left.box)
    assert fc.encode(both, []) == []


@pytest.mark.parametrize("encoder", ["dlib", "sface"])
def test_two_photos_of_one_person_compare_as_the_same_and_of_two_as_not(portraits: dict[str, Image], encoder: str):
    one, again, other = (
        fc.encode(portraits[name], encoder=encoder)[0] for name in ("obama.jpg", "obama2.jpg", "biden.jpg")
    )
    same, different = fc.compare(one, again), fc.compare(one, other)
    assert same.same
    assert same.likeness > 0.99
    assert not different.same
    assert different.likeness < 0.05
    assert same.distance < fc.threshold(encoder) < different.distance
    np.testing.assert_allclose(
        fc.distances([one.encoding], [one.encoding, again.encoding, other.encoding]),
        [[0, same.distance, different.distance]],
    )


def test_encodings_of_two_encoders_are_not_compared(portraits: dict[str, Image]):
    one, other = (fc.encode(portraits["obama.jpg"], encoder=encoder)[0] for encoder in ("dlib", "sface"))
    with pytest.raises(ValueError, match="cannot be compared; encode both faces alike"):
        fc.compare(one, other)


def test_what_is_no_face_is_refused_by_a_sentence(portraits: dict[str, Image]):
    (face,) = fc.encode(portraits["obama.jpg"])
    with pytest.raises(TypeError, match="takes two faces, as encode\\(\\) gives them, not ndarray"):
        fc.compare(face, face.encoding)  # type: ignore[arg-type]


def test_a_picture_is_read_by_the_text_of_its_path_too(photographs: dict[str, Path]):
    path = photographs["obama.jpg"]
    np.testing.assert_array_equal(fc.read_picture(str(path)), fc.read_picture(path))


def test_an_emotion_is_read_where_it_is_asked_for(portraits: dict[str, Image]):
    (face,) = fc.encode(portraits["obama.jpg"], emotion=True)
    assert face.emotion is not None
    assert face.emotion.label == "happy"
    assert fc.encode(portraits["obama.jpg"])[0].emotion is None


def test_rgb_is_turned_round_before(portraits: dict[str, Image]):
    rgb = portraits["obama.jpg"][:, :, ::-1]  # as other libraries give it, not contiguous
    (face,) = fc.encode(fc.as_rgb(rgb))
    np.testing.assert_array_equal(face.encoding, fc.encode(portraits["obama.jpg"])[0].encoding)
    np.testing.assert_array_equal(fc.encode(rgb[:, :, ::-1])[0].encoding, face.encoding)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((9, 9), np.uint8), r"not uint8 \(9, 9\)"),
        (np.zeros((9, 9, 4), np.uint8), r"not uint8 \(9, 9, 4\)"),
        (np.zeros((9, 9, 3)), r"not float64 \(9, 9, 3\)"),
        ("photo.jpg", "not str"),
        (np.zeros((0, 9, 3), np.uint8), r"has pixels, but this one has the shape \(0, 9, 3\)"),
    ],
)
def test_what_is_no_picture_is_refused(image: object, told: str):
    for ask in (fc.detect, fc.encode):
        with pytest.raises(ValueError, match=told):
            ask(image)


def test_an_encoder_that_is_not_there_is_refused(portraits: dict[str, Image]):
    with pytest.raises(ValueError, match="there is no encoder 'arcface'; choose from dlib, sface"):
        fc.encode(portraits["obama.jpg"], encoder="arcface")
    with pytest.raises(ValueError, match=r"not \(2,\) and \(2, 128\)"):
        fc.distances([1, 2], np.zeros((2, 128)))
    assert fc.distances(np.zeros((0, 128)), np.zeros((2, 128))).shape == (0, 2)
