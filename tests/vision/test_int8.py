"""The encoders with 8-bit numbers: near those with floats, and only where the processor multiplies exactly."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from shutil import which

import cv2
import numpy as np
import onnx
import pytest
from vision.seams import EncoderTests

from face_classifier.core.types import Detection, Image
from face_classifier.identity.profiles import PROFILES
from face_classifier.photos.lookalike.people import finder_of
from face_classifier.vision.dlib_resnet import ResNetEncoder
from face_classifier.vision.engine import Encoder, make_engine
from face_classifier.vision.models import int8, precision
from face_classifier.vision.models import registry as models
from face_classifier.vision.models.dlib_dat import read_encoder
from face_classifier.vision.sface import SFaceEncoder

exact_here = pytest.mark.skipif(
    not precision.multiplies_exactly(), reason="this processor has no exact products of 8-bit numbers"
)


@cache
def make(name: str, exact: str) -> Encoder:
    if name == "sface":
        return SFaceEncoder(models.graph("sface" if exact == "fp32" else "sface-int8"), exact)
    graph = models.graph("dlib-resnet" if exact == "fp32" else "dlib-resnet-int8")
    return ResNetEncoder(graph, models.find(models.LANDMARKS), exact)


@exact_here
class TestSFaceInt8(EncoderTests):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return make("sface", "int8")


@exact_here
class TestResNetInt8(EncoderTests):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return make("dlib", "int8")


@exact_here
class TestResNetWithBoth(EncoderTests):
    @pytest.fixture
    def encoder(self) -> Encoder:
        graphs = models.graph("dlib-resnet"), models.graph("dlib-resnet-int8")
        return ResNetEncoder(graphs[0], models.find(models.LANDMARKS), rounded=graphs[1])

    def test_faces_that_others_of_their_track_decide_have_8_bit_numbers(
        self, encoder: Encoder, portraits: dict[str, Image], detections: dict[str, Detection]
    ) -> None:
        image, faces = portraits["obama.jpg"], [detections["obama.jpg"]] * 3
        found = encoder.encode(image, faces, once=[1])
        for number, exact in enumerate(("fp32", "int8", "fp32")):
            (alone,) = make("dlib", exact).encode(image, faces[:1])
            np.testing.assert_allclose(found[number], alone, atol=1e-6)


@exact_here
@pytest.mark.parametrize(("name", "median", "most"), [("dlib", 0.04, 0.08), ("sface", 0.035, 0.06)])
def test_encodings_are_in_the_space_of_those_by_floats(
    name: str, median: float, most: float, lfw_portraits: list[Image], portraits: dict[str, Image]
) -> None:
    floats, rounded = make(name, "fp32"), make(name, "int8")
    assert floats.space == rounded.space
    assert (floats.precision, rounded.precision) == ("fp32", "int8")
    detect = make_engine("fast", None, 1.0, pytest.fail).detect
    shifts = []
    for image in [*lfw_portraits, *portraits.values()]:
        faces = detect(image)
        pairs = zip(floats.encode(image, faces), rounded.encode(image, faces), strict=True)
        shifts += [np.linalg.norm(one - other) for one, other in pairs]
    assert len(shifts) >= 10
    assert np.median(shifts) < median
    assert max(shifts) < most < PROFILES[floats.space].threshold / 5


@exact_here
@pytest.mark.parametrize("name", ["dlib", "sface"])
def test_poor_faces_shift_little_more(name: str, portraits: dict[str, Image], detections: dict[str, Detection]) -> None:
    floats, rounded = make(name, "fp32"), make(name, "int8")
    for picture, image in portraits.items():
        box, poor = detections[picture].box, image.copy()
        noise = np.random.default_rng(0).normal(0, 12, image.shape)
        poor[: (box.top + box.bottom) // 2] = 0
        worse = {
            "dark": image // 8,
            "bright": np.clip(image.astype(int) * 3, 0, 255),
            "noisy": np.clip(image + noise, 0, 255),
            "blurred": cv2.GaussianBlur(image, (0, 0), 4),
            "small": cv2.resize(image[::6, ::6], image.shape[1::-1]),
            "half": poor,
        }
        for kind, changed in worse.items():
            faces = [detections[picture]]
            (one,), (other,) = (encoder.encode(changed.astype(np.uint8), faces) for encoder in (floats, rounded))
            assert np.linalg.norm(one - other) < 0.09, (picture, kind)  # the most is .0804, with OpenCV 5.0


def test_engines_take_them_where_products_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    made, once = {}, {}
    for exact in (True, False):
        monkeypatch.setattr(precision, "multiplies_exactly", lambda exact=exact: exact)
        for encoder in ("sface", "dlib"):
            for wanted in ("auto", "fp32", "int8"):
                engine = make_engine("fast", None, 1.0, pytest.fail, encoder, precision=wanted)
                made[exact, wanted, encoder] = engine.made_by.precision
                once[exact, wanted, encoder] = engine.made_once.precision
    assert {key for key, value in made.items() if value == "int8"} == {
        (True, "auto", "sface"),  # with dlib's they are not harmless
        (True, "int8", "sface"),
        (True, "int8", "dlib"),
    }
    assert set(made.values()) == {"int8", "fp32"}
    with_either = {(True, wanted, encoder) for wanted in ("auto", "int8") for encoder in ("sface", "dlib")}
    assert {key for key, value in once.items() if value == "int8"} == with_either


def test_the_original_engine_has_floats_alone() -> None:
    assert make_engine("original", "hog", 1.0, pytest.fail).made_by.precision == "fp32"


def test_a_processor_that_saturates_is_known() -> None:
    """As an emulated one that adds pairs of products in 16 bits, and so has 255 x 127 + 255 x 127 = 32,767."""
    emulator = which("qemu-x86_64")
    if emulator is None or sys.platform != "linux":
        pytest.skip("no emulator of processors is installed: Debian's package qemu-user")
    code = (
        "from face_classifier.vision.models.precision import *; "
        "print(multiplies_exactly(), precision_of('auto', 'sface'))"
    )
    command = [emulator, "-cpu", "Haswell", sys.executable, "-c", code]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert shown.stdout == "False fp32\n"


def test_the_probe_is_what_its_builder_makes() -> None:
    assert onnx.load(precision.PROBE) == int8.probe()


def test_every_layer_has_its_range(encoder_dat: Path) -> None:
    told = int8.dlib_ranges()
    assert len(told) == 1 + 3 * len(read_encoder(encoder_dat).blocks)
    assert all(low <= 0 < high for low, high in told)
    sizes, ranges = int8.sface_ranges()
    assert [len(one) for one in sizes] == [32, 64, 128, 128, 256, 256, *[512] * 6, 1024]
    assert len(ranges) == len(sizes)
    assert all(low < 0 < high for low, high in ranges)
    assert int8.RANGES.stat().st_size < 25_000  # statistics of many faces, no more


@pytest.mark.parametrize("encoder", ["sface", "dlib"])
def test_albums_have_floats_on_any_processor(encoder: str) -> None:
    assert finder_of(encoder, pytest.fail)()._engine.made_by.precision == "fp32"
