from __future__ import annotations

from pathlib import Path

import cv2
import face_recognition
import numpy as np
import pytest

from face_classifier.detect import HogDetector
from face_classifier.encode import DlibEncoder
from face_classifier.engine import Engine
from face_classifier.faces import Box, Detection, Face, Image, as_rgb


def distance(one: Face, other: Face) -> float:
    return float(np.linalg.norm(one.encoding - other.encoding))


def test_two_photographs_of_one_person_are_near_and_of_two_people_far(faces: dict[str, Face]):
    assert distance(faces["obama.jpg"], faces["obama2.jpg"]) < 0.44
    assert distance(faces["obama.jpg"], faces["biden.jpg"]) > 0.6


def test_the_encoder_is_given_rgb(photographs: dict[str, Path]):
    bgr = cv2.imread(str(photographs["obama.jpg"]))
    rgb = face_recognition.load_image_file(photographs["obama.jpg"])
    box = Box(*face_recognition.face_locations(rgb)[0])
    ours = DlibEncoder().encode(bgr, [Detection(box)])[0]
    right = face_recognition.face_encodings(rgb, [box.css])[0]
    swapped = face_recognition.face_encodings(np.ascontiguousarray(rgb[:, :, ::-1]), [box.css])[0]
    assert np.linalg.norm(ours - right) < 0.02  # two JPEG decoders differ by a shade
    assert np.linalg.norm(ours - swapped) > 5 * np.linalg.norm(ours - right)


def test_boxes_are_top_right_bottom_left_around_the_face(portraits: dict[str, Image]):
    image = portraits["biden.jpg"]
    (box,) = (detection.box for detection in HogDetector().detect(image))
    # the photograph's face spans rows 241-562 and columns 419-740 of 2204 x 970, here at 0.4 of that
    assert box.overlap(Box(96, 296, 225, 168)) > 0.7


def test_half_the_resolution_finds_a_large_face_in_the_same_place(photographs: dict[str, Path]):
    image = cv2.imread(str(photographs["obama.jpg"]))
    (whole,) = HogDetector().detect(image)
    (half,) = HogDetector(0.5).detect(image)
    assert whole.box.overlap(half.box) > 0.6


def test_half_the_resolution_searches_a_quarter_of_the_pixels(portraits: dict[str, Image], monkeypatch):
    searched = []

    def spy(rgb: Image) -> list[tuple[int, int, int, int]]:
        searched.append(rgb.shape[:2])
        return []

    monkeypatch.setattr(face_recognition, "face_locations", spy)
    HogDetector(0.5).detect(np.zeros((100, 200, 3), np.uint8))
    assert searched == [(50, 100)]


def test_faces_come_from_left_to_right(portraits: dict[str, Image], engine: Engine):
    height = min(portraits["biden.jpg"].shape[0], portraits["obama.jpg"].shape[0])
    both = np.ascontiguousarray(np.hstack([portraits["obama.jpg"][:height], portraits["biden.jpg"][:height]]))
    boxes = [detection.box for detection in engine.detect(both)]
    assert len(boxes) == 2
    assert boxes[0].left < boxes[1].left


def test_repeated_detection_loses_no_face(portraits: dict[str, Image]):
    """dlib read freed memory when it was given views with negative strides."""
    detector = HogDetector()
    assert all(len(detector.detect(portraits["obama.jpg"])) == 1 for _ in range(5))
    assert as_rgb(portraits["obama.jpg"]).flags.c_contiguous


def test_a_photo_is_about_its_largest_face_and_our_own_cut_about_its_central_one(
    portraits: dict[str, Image], engine: Engine
):
    small = cv2.resize(portraits["obama.jpg"], None, fx=0.6, fy=0.6)
    large = portraits["biden.jpg"][:360]
    canvas = np.zeros((380, 1100, 3), np.uint8)
    canvas[10 : 10 + min(small.shape[0], 370), 440 : 440 + small.shape[1]] = small[:370]
    canvas[10 : 10 + large.shape[0], 700 : 700 + large.shape[1]] = large
    by_size, _ = engine.photo(canvas, own_cut=False)
    by_place, _ = engine.photo(canvas, own_cut=True)
    assert by_size.box.left > 700
    assert by_place.box.right < 700


@pytest.mark.parametrize("shape", [(90, 60), (1, 1), (2, 5)])
def test_in_a_photo_without_a_face_the_middle_third_is_taken(engine: Engine, shape: tuple[int, int]):
    face, found = engine.photo(np.full((*shape, 3), 128, np.uint8), own_cut=False)
    assert not found
    assert face.encoding.shape == (128,)
    if shape == (90, 60):
        assert face.box == Box(30, 40, 60, 20)
