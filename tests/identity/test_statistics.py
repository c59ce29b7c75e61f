"""What there is of each person: distances within and between people."""

from __future__ import annotations

import numpy as np
import pytest
from identity.test_person_db import at, sighting

from face_classifier.identity.statistics import by_person, statistics


def test_people_are_sorted_by_name_and_unknown_faces_are_nobody() -> None:
    grouped = by_person(
        [sighting(1, "b", at(1)), sighting(2, None, at(2)), sighting(3, "a", at(3)), sighting(4, "b", at(4))]
    )
    assert [(name, matrix.shape) for name, matrix in grouped] == [("a", (1, 128)), ("b", (2, 128))]
    assert grouped[1][1][:, 0].tolist() == [1, 4]


def test_statistics_tell_the_distances_between_and_within_people() -> None:
    first, second = statistics([("A", np.array([at(0), at(0.3), at(0.6)])), ("B", np.array([at(0.3, 0.4)]))])
    assert (first.name, first.faces, second.name, second.faces) == ("A", 3, "B", 1)
    assert first.to_averages == pytest.approx([0, 0.4])
    assert second.to_averages == pytest.approx([0.4, 0])
    assert (first.nearest, first.mean, first.furthest) == pytest.approx((0, 0.2, 0.3), abs=1e-12)
    assert (second.nearest, second.mean, second.furthest) == (0, 0, 0)


def test_there_are_no_statistics_of_nobody() -> None:
    assert list(statistics(by_person([sighting(1, None, at(0))]))) == []
