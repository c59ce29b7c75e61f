"""Encodings as they are stored, which are those that decide."""

from __future__ import annotations

import numpy as np
import pytest

from face_classifier.core.messages import face_from, face_message
from face_classifier.core.types import Box, Face, Image, Provenance, as_stored
from face_classifier.vision.engine import Engine

MADE_BY = Provenance("s", "d", "c", "p")


def random_encodings(count: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.999, 0.999, (count, 128))


def test_stored_numbers_are_float32_and_no_others() -> None:
    given = random_encodings(1000)
    stored = as_stored(given)
    assert stored.dtype == np.float64
    np.testing.assert_array_equal(stored.astype(np.float32), stored)
    assert np.abs(stored - given).max() <= 2.0**-25
    np.testing.assert_array_equal(as_stored(stored), stored)


def test_sums_of_stored_numbers_do_not_depend_on_their_order() -> None:
    given = random_encodings(20_000)
    order = np.random.default_rng(4).permutation(len(given))
    assert not np.array_equal(given.sum(axis=0), given[order].sum(axis=0))
    stored = as_stored(given)
    np.testing.assert_array_equal(stored.sum(axis=0), stored[order].sum(axis=0))


def test_a_stored_zero_has_no_sign() -> None:
    assert as_stored(np.full(128, -1e-12)).tobytes() == np.zeros(128).tobytes()


def test_a_face_is_rounded_where_it_is_made(engine: Engine, portraits: dict[str, Image]) -> None:
    face, _ = engine.photo(portraits["obama.jpg"], own_cut=False)
    np.testing.assert_array_equal(as_stored(face.encoding), face.encoding)


def test_a_face_that_another_process_sends_is_rounded() -> None:
    given = random_encodings(1)[0]
    told = face_message(Face(Box(0, 9, 9, 0), np.zeros(128), MADE_BY)) | {"encoding": given.tobytes()}
    np.testing.assert_array_equal(face_from(told).encoding, as_stored(given))


@pytest.mark.parametrize("number", [np.inf, np.nan, 1e300])
def test_what_no_encoding_holds_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Face(Box(0, 9, 9, 0), np.full(128, number), MADE_BY)
