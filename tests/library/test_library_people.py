"""Encodings are grouped into people, with what is certain about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import face_classifier as fc
from face_classifier.core.types import Face, Image


@pytest.fixture(scope="module")
def encodings(faces: dict[str, Face]) -> np.ndarray:
    """Five faces of one president, and two of the other: (7, 128)."""
    random = np.random.default_rng(1)
    ones = [faces[name].encoding for name in sorted(faces) if name.startswith("obama")]
    other = faces["biden.jpg"].encoding
    another = other + random.normal(0, 0.005, 128)
    return np.array([*ones, other, another * np.linalg.norm(other) / np.linalg.norm(another)])


def test_two_people_are_two(encodings: np.ndarray):
    labels = fc.cluster(encodings)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_the_order_changes_nothing(encodings: np.ndarray):
    order = np.random.default_rng(2).permutation(7)
    np.testing.assert_array_equal(fc.cluster(encodings[order]), fc.cluster(encodings)[order])


def test_a_face_that_is_like_no_other_is_nobodys(encodings: np.ndarray):
    assert fc.cluster(encodings[:6]).tolist() == [0, 0, 0, 0, 0, -1]
    assert fc.cluster(np.zeros((0, 128))).shape == (0,)


def test_faces_of_one_track_are_one_person_and_a_lone_track_needs_enough_of_them(encodings: np.ndarray):
    assert fc.cluster(encodings[5:], tracks=[4, 4], min_faces=4).tolist() == [-1, -1]
    assert fc.cluster(encodings[5:], tracks=[4, 4], quality=[0.5, 0.4]).tolist() == [-1, -1]
    assert fc.cluster(encodings[5:], tracks=[4, 4]).tolist() == [0, 0]
    assert fc.cluster(encodings[[0, 1, 5]], tracks=[3, 3, 3]).tolist() == [0, 0, 0]


def test_two_faces_in_one_frame_are_two_people(encodings: np.ndarray):
    alike = np.array([encodings[5], encodings[6], encodings[5], encodings[6]])
    assert fc.cluster(alike).tolist() == [0, 0, 0, 0]
    labels = fc.cluster(alike, frames=[0, 0, -1, -1])
    assert labels[0] != labels[1]


def test_links_are_kept(encodings: np.ndarray):
    labels = fc.cluster(encodings, cannot_link=[(5, 6)])
    assert labels[5] != labels[6] or labels[5] == -1
    # over another face, against the distances, and against a cannot-link
    for links in ([(0, 5), (5, 6)], [(5, 6), (0, 6)], [(6, 0), (5, 0)]):
        assert len(set(fc.cluster(encodings, must_link=links, cannot_link=[(0, 5)])[[0, 5, 6]].tolist())) == 1


def test_a_lower_threshold_parts_and_a_rule_of_ones_own_is_for_any_vectors(encodings: np.ndarray):
    assert fc.cluster(encodings, threshold=0.05).tolist()[:5] != [0] * 5
    rule = fc.Rule(start=1, limit=1, clear=1, ordinary=1, slope=0, track=1, unclear=0)
    assert fc.cluster([[0.0, 0], [0.1, 0], [9, 9], [9, 9.1]], rule=rule).tolist() == [0, 0, 1, 1]


def test_other_encodings_than_the_named_encoders_are_refused(portraits: dict[str, Image], encodings: np.ndarray):
    with pytest.raises(
        ValueError, match=r"face 0 is of another encoder: .*; name yours with encoder=, or give a rule="
    ):
        fc.cluster(encodings, encoder="dlib")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"tracks": [1, 2]}, "tracks are whole numbers for 7 faces"),
        ({"frames": [0.5] * 7}, "frames are whole numbers for 7 faces"),
        ({"quality": [2] * 7}, "quality is a number from 0 to 1 for each of 7 faces"),
        ({"cannot_link": [(0, 7)]}, "cannot_link has numbers of faces, from 0 to 6"),
        ({"must_link": [1, 2, 3]}, r"must_link has the shape \(pairs, 2\)"),
        ({"threshold": 0}, "the threshold is 0, but must be above 0"),
        ({"encoder": "none"}, "there is no encoder 'none'"),
    ],
)
def test_what_does_not_fit_is_told(encodings: np.ndarray, wrong: dict[str, Any], told: str):
    with pytest.raises(ValueError, match=told):
        fc.cluster(encodings, **wrong)


def test_vectors_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite numbers"):
        fc.cluster(np.full((2, 128), np.nan))
    with pytest.raises(ValueError, match=r"not \(128,\)"):
        fc.cluster(np.ones(128))
