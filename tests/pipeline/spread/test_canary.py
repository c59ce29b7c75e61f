"""The canary is the same in every process that computes alike, and another one where a last bit differs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np
import pytest

from face_classifier.core.types import Detection, Encoding, Image, Search
from face_classifier.gallery import keep
from face_classifier.pipeline.spread import canary as module
from face_classifier.pipeline.spread.canary import Canary, canary
from face_classifier.vision.engine import Engine, make_engine

_ULP = 2.0**-24
_KERNELS = 5.4e-7  # the largest difference between encodings by AVX2 and by AVX-512


@pytest.fixture(scope="module")
def usual(engine: Engine) -> Canary:
    return canary(engine)


def changed(engine: Engine, change: Callable[[Encoding], Encoding]) -> Engine:
    """The same engine, with something changed in what its encoder makes."""

    class Encoder:
        space, chip, chip_once, precision = "sface", engine.made_by.chip, "once", engine.made_by.precision
        precision_once = precision

        def encode(self, image: Image, detections: Sequence[Detection], once: Collection[int] = ()) -> list[Encoding]:
            return [change(encoding) for encoding in engine._encoder.encode(image, detections, once)]

    encoder = Encoder()
    encoder.chip_once = engine._encoder.chip_once
    encoder.space = engine.made_by.space
    return Engine(engine._detector, encoder)


def test_it_is_the_same_again_and_in_another_process(engine: Engine, usual: Canary) -> None:
    assert canary(changed(engine, lambda encoding: encoding)) == usual
    code = (
        "from face_classifier.vision.engine import make_engine\n"
        "from face_classifier.pipeline.spread.canary import canary\n"
        "print(canary(make_engine('fast', None, 1.0, print)).digest)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "", "OMP_NUM_THREADS": "2"},
        check=True,
    )
    assert shown.stdout == f"{usual.digest}\n"


def test_every_detector_finds_its_faces() -> None:
    for detector in (None, "hog"):
        engine = make_engine("fast", detector, 1.0, pytest.fail)
        found = [len(engine.search(frame.image, Search.USUAL)) for frame in module._frames()]
        assert found == [2, 2, 2, 1]


@pytest.mark.parametrize("largest", [_KERNELS, _KERNELS / 10])
def test_encodings_that_differ_as_those_of_another_processor_give_another_one(
    engine: Engine, usual: Canary, largest: float
) -> None:
    random = np.random.default_rng(1)
    values: list[float] = []

    def otherwise(encoding: Encoding) -> Encoding:
        result = encoding + random.uniform(-largest, largest, encoding.shape)
        values.extend(np.round(result / _ULP) != np.round(encoding / _ULP))
        return result

    assert canary(changed(engine, otherwise)).digest != usual.digest
    assert len(values) == 7 * 128
    assert np.mean(values) > 5 * largest / _KERNELS / 10  # of the values after rounding: far more than one of them


def test_one_value_that_differs_by_what_is_stored_gives_another_one(engine: Engine, usual: Canary) -> None:
    count = iter(range(100))

    def last_bit(encoding: Encoding) -> Encoding:
        return encoding + (np.arange(128) == 77) * _ULP if next(count) == 5 else encoding

    assert canary(changed(engine, last_bit)).digest != usual.digest


def test_boxes_and_pictures_that_differ_give_another_one(
    engine: Engine, usual: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, png = Engine.search, keep.png_bytes

    def a_pixel_lower(self: Engine, image: Image, how: Search) -> list[Detection]:
        return [replace(one, box=one.box.moved(0, 1)) for one in search(self, image, how)]

    def a_bit(image: Image) -> bytes:
        picture = image.copy()
        picture[0, 0, 0] ^= 1
        return png(picture)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "search", a_pixel_lower)
        assert canary(engine).digest != usual.digest
    monkeypatch.setattr(keep, "png_bytes", a_bit)
    assert canary(engine).digest != usual.digest


def test_another_precision_gives_another_one_and_is_told() -> None:
    floats = canary(make_engine("fast", None, 1.0, pytest.fail, precision="fp32"))
    usual = make_engine("fast", None, 1.0, pytest.fail)
    if usual.made_by.precision == "fp32":
        pytest.skip("this processor has no exact products of 8-bit numbers")
    here = canary(usual)
    assert here.digest != floats.digest
    assert here.why_another(floats) == "precision is fp32 there and int8 here"


def test_a_sentence_tells_what_differs(usual: Canary) -> None:
    versions = {**usual.versions, "numpy": "1.0", "rawpy": "0.1"}
    del versions["Pillow"]
    here, there = replace(usual, versions={**usual.versions, "rawpy": "0.2"}), replace(usual, versions=versions)
    numpy, pillow = usual.versions["numpy"], usual.versions["Pillow"]
    assert here.why_another(there) == (
        f"Pillow is missing there and {pillow} here, numpy is 1.0 there and {numpy} here, "
        "rawpy is 0.1 there and 0.2 here"
    )
    told = replace(usual, processor="A").why_another(replace(usual, processor="B"))
    assert told == "the processor there (B) computes differently from the one here (A)"
