"""The nearest of many rows, for one probe or for many at once."""

from __future__ import annotations

import numpy as np
import pytest

from face_classifier.core.types import Encoding, Face
from face_classifier.identity.matching.nearest import EncodingRows, Matrix


def replace(rows: EncodingRows, row: int, encoding: Encoding, handicap: float) -> None:
    rows.replace(np.array([row]), encoding[None], np.ones(1, np.int64), np.array([handicap]))


def rows_of(encodings: Matrix, handicaps: Matrix | None = None) -> EncodingRows:
    rows = EncodingRows()
    for number, encoding in enumerate(encodings):
        rows.append(encoding)
        if handicaps is not None:
            replace(rows, number, encoding, float(handicaps[number]))
    return rows


def face_like(dice: np.random.Generator, number: int) -> Matrix:
    """Numbers that are spread as those of real faces: strangers .8 apart, and much alike by a common mean."""
    return dice.normal(0.08, 0.05, (number, 128))


@pytest.mark.parametrize("people", [0, 1, 63, 4096, 9000])
def test_many_probes_at_once_find_the_same_rows_at_the_same_distances_bit_for_bit(people: int) -> None:
    dice = np.random.default_rng(people)
    known = face_like(dice, people)
    known[people // 2 :: 7] = known[: len(known[people // 2 :: 7])]  # rows that are equally near: the first counts
    rows = rows_of(known, dice.uniform(0, 0.1, people))
    probes = np.concatenate([face_like(dice, 150), known[:50]])
    forbidden = [set(dice.choice(people, min(people, few), replace=False)) for few in dice.integers(0, 5, len(probes))]
    one_by_one = [rows.nearest(probe, few) for probe, few in zip(probes, forbidden, strict=True)]
    assert rows.nearest_each(probes, forbidden) == one_by_one
    assert rows.nearest_each(probes) == [rows.nearest(probe) for probe in probes]


def test_rows_that_the_rough_product_cannot_tell_apart_are_told_apart() -> None:
    dice = np.random.default_rng(5)
    probe = face_like(dice, 1)
    away = dice.normal(size=(300, 128))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    distances = 0.4 + dice.permutation(300) * 1e-9
    rows = rows_of(probe + away * distances[:, None])
    found = rows.nearest_each(np.repeat(probe, 70, axis=0))
    assert found == [rows.nearest(probe[0])] * 70
    assert found[0] is not None
    assert found[0][0] == int(np.argmin(distances))


def test_whom_all_rows_are_forbidden_finds_nobody() -> None:
    rows = rows_of(face_like(np.random.default_rng(0), 3))
    assert rows.nearest_each(rows.all, [{0, 1, 2}, {0, 2}, ()]) == [None, (1, 0.0), (2, 0.0)]


@pytest.mark.parametrize("seed", range(4))
def test_probes_that_are_foreseen_find_the_same_whatever_changes_meanwhile(seed: int) -> None:
    dice = np.random.default_rng(seed)
    known = face_like(dice, 5000)
    foreseeing, plain = rows_of(known), rows_of(known)
    probes = np.concatenate([face_like(dice, 100), known[:100] + dice.normal(0, 0.02, (100, 128))])
    foreseeing.foresee(probes)
    for number, probe in enumerate(probes):
        near = plain.nearest(probe)
        assert near is not None
        for forbidden in ((), {near[0]}, set(range(5)), set(range(len(plain)))):
            assert foreseeing.nearest(probe, forbidden) == plain.nearest(probe, forbidden)
        for rows in (foreseeing, plain):  # the nearest row changes, another goes, one comes that is the nearest to some
            replace(rows, near[0], probe + known[number % 7] - known[number % 5], 0.01)
            rows.drop((number * 37) % len(rows))
            rows.append(probes[-number] if number % 3 else known[number])
    assert foreseeing._foreseen  # it was used up to the end


def test_probes_near_any_row_are_told(faces: dict[str, Face]) -> None:
    encodings = np.array([face.encoding for face in faces.values()])
    rows = rows_of(encodings[:3], np.full(3, 0.3))  # a handicap counts between people, not here
    distances = np.linalg.norm(encodings[:, None] - encodings[None, :3], axis=2).min(axis=1)
    for limit in (0.05, 0.3, 0.5, 0.7):
        assert rows.near_any(encodings, limit).tolist() == np.flatnonzero(distances < limit).tolist()
    assert EncodingRows().near_any(encodings, 2.0).tolist() == []
