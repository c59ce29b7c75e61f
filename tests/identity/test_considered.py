"""Faces as columns say what they say one by one: their parts of tracks, their sums, and where each is."""

from __future__ import annotations

import numpy as np
import pytest

from face_classifier.core.types import Sighting
from face_classifier.identity import considered as columns
from face_classifier.identity.considered import considered
from face_classifier.identity.grouping import templates as sums
from face_classifier.identity.grouping.templates import templates
from face_classifier.identity.rethink import rethink
from face_classifier.identity.tracks import parted, parts_of


@pytest.mark.parametrize("seed", range(20))
def test_tracks_come_apart_all_at_once_as_they_do_one_after_the_other(seed: int) -> None:
    """Faces that drift, cuts to somebody else and back, tracks that take turns, and distances of exactly the limit."""
    dice = np.random.default_rng(seed)
    tracks, faces = int(dice.integers(1, 40)), int(dice.integers(1, 400))
    track = dice.integers(0, tracks, faces) * 3 - 20
    encodings = np.zeros((faces, 128), np.float32)
    encodings[:, 0] = dice.integers(0, 3, faces) * (dice.random(faces) < dice.choice([0.0, 0.05, 0.5])) * 0.5
    encodings[:, 1:] += dice.normal(0, dice.choice([0.0, 0.02, 0.05]), (faces, 127)).astype(np.float32)
    order = dice.permutation(faces)
    expected = np.empty(faces, np.int64)
    each = [encodings[place].astype(np.float64) for place in order]
    expected[order] = parted(each, track[order].tolist(), 0.5)
    np.testing.assert_array_equal(parts_of(encodings, track, order, 0.5), expected)


def test_sums_of_tracks_do_not_depend_on_how_many_are_summed_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(3)
    encodings, quality = dice.normal(0, 0.05, (900, 128)), dice.random(900)
    track = np.unique(np.minimum(dice.zipf(1.3, 900), 80), return_inverse=True)[1]
    doubt = dice.random(900)
    whole = templates(encodings, quality, track, doubt)
    for faces in (1, 7, 100, 899):
        monkeypatch.setattr(sums, "_FACES", faces)
        for one, other in zip(whole, templates(encodings, quality, track, doubt), strict=True):
            np.testing.assert_array_equal(one, other)


def test_faces_are_where_they_are_said_to_be_however_many_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(4)
    faces = [
        Sighting(
            id=int(number),
            face="",
            person=[None, "Ada", "person_01", "person_02"][number % 4],
            distance=None,
            source=None if number % 5 == 0 else f"{number % 3}.mp4",
            position=float(number),
            encoding=None if number % 7 == 0 else np.rint(dice.normal(0, 0.05, 128) * 2**24) / 2**24,
            track=None if number % 2 else int(number // 4) + 1,
        )
        for number in dice.permutation(np.arange(1, 300))
    ]
    known = considered(faces)
    monkeypatch.setattr(columns, "_PIECE", 11)
    in_pieces = considered(iter(faces))
    left = [face for face in faces if face.encoding is not None]
    assert len(known) == len(left) == len(in_pieces)
    for one in (known, in_pieces):
        assert one.labels.ids.tolist() == [face.id for face in left]
        assert [(*one.labels.names, None)[person] for person in one.labels.person] == [face.person for face in left]
        np.testing.assert_array_equal(one.labels.encodings, np.array([face.encoding for face in left]))
        np.testing.assert_array_equal(one.places_of(one.labels.ids), np.arange(len(left)))
        assert one.places_of(np.array([[0, 7], [-3, 1000]])).tolist() == [[-1, -1], [-1, -1]]
    np.testing.assert_array_equal(known.source, in_pieces.source)
    assert rethink(known, []) == rethink(in_pieces, []) == rethink(faces, [])
