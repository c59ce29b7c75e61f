from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from face_classifier.vision.models.dlib_dat import read_detector, read_encoder


def test_encoder_has_29_convolutions_and_the_mean_of_its_pixels(encoder_dat: Path) -> None:
    encoder = read_encoder(encoder_dat)
    assert len(encoder.blocks) == 14
    assert encoder.stem.weights.shape == (32, 3, 7, 7)
    assert [first.weights.shape[0] for first, _ in encoder.blocks if first.stride == 2] == [64, 128, 256, 256]
    assert encoder.projection.shape == (256, 128)
    np.testing.assert_allclose(encoder.mean, [122.782, 117.001, 104.298], atol=1e-3)


def test_detector_has_the_window_and_overlap_that_it_was_trained_with(mmod_dat: Path) -> None:
    detector = read_detector(mmod_dat)
    assert detector.window == (80, 80)
    assert detector.overlap == pytest.approx(0.338, abs=1e-3)
    assert [len(convolution.bias) for convolution in detector.convolutions] == [16, 32, 32, 45, 45, 45, 1]


@pytest.mark.parametrize("kept", [0, 1, 100, 50_000, -1])
def test_a_file_that_was_cut_off_is_refused(mmod_dat: Path, tmp_path: Path, kept: int) -> None:
    with pytest.raises(ValueError, match="offset"):
        read_detector(_written(tmp_path, mmod_dat.read_bytes()[:kept]))


def test_a_file_with_something_behind_it_is_refused(mmod_dat: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 more bytes"):
        read_detector(_written(tmp_path, mmod_dat.read_bytes() + b"\0"))


def test_any_changed_byte_of_the_plan_is_refused(mmod_dat: Path, tmp_path: Path) -> None:
    content = mmod_dat.read_bytes()
    end = content.index(b"input_rgb_image_pyramid") + len(b"input_rgb_image_pyramid")
    versions = content.rindex(b"\1\2", 0, end)  # the last of the layers' versions, which all are 1 2
    for offset in [*range(versions - 30, end), content.index(b"con_4"), content.index(b"bn_con2")]:
        damaged = bytearray(content)
        damaged[offset] ^= 0x40
        with pytest.raises(ValueError, match="dlib model"):
            read_detector(_written(tmp_path, bytes(damaged)))


def test_a_weight_that_is_no_number_is_refused(mmod_dat: Path, tmp_path: Path) -> None:
    content = bytearray(mmod_dat.read_bytes())
    content[2000:2008] = b"\xff" * 8  # two NaN, whatever the alignment
    with pytest.raises(ValueError, match="finite"):
        read_detector(_written(tmp_path, bytes(content)))


def test_another_model_is_refused(encoder_dat: Path, mmod_dat: Path, predictor_dat: Path) -> None:
    for path in (mmod_dat, predictor_dat):
        with pytest.raises(ValueError, match="dlib model"):
            read_encoder(path)
    with pytest.raises(ValueError, match="instead of"):
        read_detector(encoder_dat)


def test_the_message_names_file_and_offset(mmod_dat: Path, tmp_path: Path) -> None:
    path = _written(tmp_path, b"\1\2" + mmod_dat.read_bytes()[2:])
    with pytest.raises(ValueError, match=r"damaged\.dat .*2 instead of 1, before offset 2"):
        read_detector(path)


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "damaged.dat"
    path.write_bytes(content)
    return path
