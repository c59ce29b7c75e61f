"""Light for dark pictures."""

from __future__ import annotations

import numpy as np
import pytest

from face_classifier.core.types import Box, Detection, Image
from face_classifier.vision.engine import Encoder, Engine, make_engine
from face_classifier.vision.light import lit


def darkened(image: Image, light: float, noise: float = 0.0) -> Image:
    """``light``: share of what it was; ``noise``: sigma in grey levels, as of a sensor."""
    noisy = image * light + np.random.default_rng(0).normal(0, noise, image.shape)
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=["sface", "dlib"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return make_engine("fast", None, 1.0, pytest.fail, request.param)._encoder


def test_a_picture_in_usual_light_stays_as_it_is(portraits: dict[str, Image]) -> None:
    for image in portraits.values():
        assert lit(image) is image
        assert lit(darkened(image, 0.4)).mean() == darkened(image, 0.4).mean()


def test_a_bright_lamp_in_the_dark_does_not_count(portraits: dict[str, Image]) -> None:
    dark = darkened(portraits["obama.jpg"], 0.12)
    dark[:40, :40] = 255  # 1 % of the picture
    assert lit(dark).mean() > 3 * dark.mean()


def test_light_brings_no_noise(portraits: dict[str, Image]) -> None:
    image = portraits["obama.jpg"]
    clean, noisy = lit(darkened(image, 0.12)), lit(darkened(image, 0.12, 2))
    gain = clean.mean() / darkened(image, 0.12).mean()
    assert gain > 3
    assert (noisy.astype(float) - clean).std() < 0.5 * 2 * gain


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (64, 64)])
@pytest.mark.parametrize("shade", [0, 1, 63, 64, 255])
def test_plain_pictures_of_any_shape_stay_plain(shape: tuple[int, int], shade: int) -> None:
    after = lit(np.full((*shape, 3), shade, np.uint8))
    assert after.shape == (*shape, 3)
    assert len(np.unique(after)) == 1


@pytest.mark.parametrize(("light", "noise"), [(0.05, 0.0), (0.06, 2.0)])
def test_faces_in_a_dark_picture_are_found(
    engine: Engine, portraits: dict[str, Image], light: float, noise: float
) -> None:
    for name, image in portraits.items():
        (bright,) = engine.detect(image)
        (dark,) = engine.detect(darkened(image, light, noise))
        assert dark.box.overlap(bright.box) > 0.7, name


def test_in_the_dark_there_is_no_face_where_none_is(engine: Engine) -> None:
    assert engine.detect(darkened(np.zeros((240, 320, 3), np.uint8), 1.0, 3)) == []


def test_a_dark_face_is_encoded_as_in_usual_light(
    encoder: Encoder, portraits: dict[str, Image], detections: dict[str, Detection]
) -> None:
    for name, image in portraits.items():
        bright, dark = (encoder.encode(picture, [detections[name]])[0] for picture in (image, darkened(image, 0.12)))
        assert np.linalg.norm(bright - dark) < 0.2, name


def test_a_dark_face_in_a_bright_picture_is_lit_alone(
    encoder: Encoder, portraits: dict[str, Image], detections: dict[str, Detection]
) -> None:
    image, face = portraits["obama.jpg"], detections["obama.jpg"]
    around = Box(face.box.top - 60, face.box.right + 60, face.box.bottom + 60, face.box.left - 60)
    half = image.copy()
    rows, columns = slice(max(0, around.top), around.bottom), slice(max(0, around.left), around.right)
    half[rows, columns] = darkened(image, 0.12)[rows, columns]
    half[-60:] = 255
    assert lit(half) is half
    bright, dark = (encoder.encode(picture, [face])[0] for picture in (image, half))
    assert np.linalg.norm(bright - dark) < 0.2
