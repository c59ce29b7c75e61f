from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.types import Box, Detection
from face_classifier.vision.quality import assess
from face_classifier.vision.yunet import YuNet

FRONTAL = np.array([(30, 40), (70, 40), (50, 60), (35, 80), (65, 80)], np.float32)


@pytest.fixture(scope="module")
def portrait(data: Path) -> np.ndarray:
    return cv2.imread(str(min((data / "celeb13_photos").rglob("*.jpg"))))


@pytest.fixture(scope="module")
def detection(yunet_graph: Path, portrait: np.ndarray) -> Detection:
    return max(YuNet(yunet_graph).detect(portrait), key=lambda detection: detection.box.area)


def test_a_press_photo_is_good(portrait: np.ndarray, detection: Detection) -> None:
    assert assess(portrait, detection).value > 0.5


def test_blur_costs_sharpness_and_nothing_else(portrait: np.ndarray, detection: Detection) -> None:
    before = assess(portrait, detection)
    after = assess(cv2.GaussianBlur(portrait, (0, 0), detection.box.width / 10), detection)
    assert after.sharpness < before.sharpness - 0.3
    assert after.light == pytest.approx(before.light, abs=0.1)
    assert (after.size, after.pose) == (before.size, before.pose)


def test_a_dark_and_noisy_face_is_worth_little(portrait: np.ndarray, detection: Detection) -> None:
    dark = portrait * 0.1 + np.random.default_rng(0).normal(0, 2, portrait.shape)
    quality = assess(np.clip(dark, 0, 255).astype(np.uint8), detection)
    assert quality.light < 0.2
    assert quality.value < 0.15


def test_blur_costs_as_much_in_the_dark_as_in_usual_light(portrait: np.ndarray, detection: Detection) -> None:
    noise = np.random.default_rng(0).normal(0, 2, portrait.shape)
    sharp, blurred = (
        assess(np.clip(image * 0.1 + noise + 0.5, 0, 255).astype(np.uint8), detection).sharpness
        for image in (portrait, cv2.GaussianBlur(portrait, (0, 0), detection.box.width / 12))
    )
    assert sharp > 0.3
    assert blurred < 0.1


def test_a_face_that_can_still_be_told_in_the_dark_is_worth_something(
    portrait: np.ndarray, detection: Detection
) -> None:
    box = detection.box
    mean = portrait[box.top : box.bottom, box.left : box.right].mean()
    qualities = [assess(np.uint8(portrait * (grey / mean)), detection).light for grey in (60, 30, 20, 12, 3)]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[-2] > 0.05, "it would be discarded, though its encoding serves"
    assert qualities[-1] == 0.0


def test_a_smaller_face_is_worth_less(portrait: np.ndarray, detection: Detection) -> None:
    factor = 24 / detection.box.width
    small = cv2.resize(portrait, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    shrunk = Detection(detection.box.scaled(factor), detection.score, detection.landmarks * factor)
    assert assess(small, shrunk).value < assess(portrait, detection).value / 2


def test_turning_the_head_costs_pose_and_tilting_it_does_not() -> None:
    picture, box = np.full((100, 100, 3), 128, np.uint8), Box(0, 100, 100, 0)
    turned = FRONTAL + np.array([(0, 0), (-20, 0), (-25, 0), (0, 0), (-15, 0)], np.float32)
    angle = np.radians(30)
    rotation = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    tilted = ((FRONTAL - 50) @ rotation + 50).astype(np.float32)
    frontal, profile, sideways = (
        assess(picture, Detection(box, 0.9, points)).pose for points in (FRONTAL, turned, tilted)
    )
    assert frontal == sideways == 1.0
    assert profile < 0.6


def test_what_the_detector_does_not_tell_costs_nothing() -> None:
    quality = assess(np.full((100, 100, 3), 128, np.uint8), Detection(Box(0, 100, 100, 0)))
    assert (quality.pose, quality.score) == (1.0, 1.0)


def test_a_face_outside_the_picture_is_worth_nothing() -> None:
    assert assess(np.full((100, 100, 3), 128, np.uint8), Detection(Box(-50, 150, -10, 110))).value == 0.0
