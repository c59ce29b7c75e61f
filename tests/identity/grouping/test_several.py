"""Clusters of several tracks are known better than a single face, and may be a little farther from each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from face_classifier.identity.grouping.people import second_thoughts
from face_classifier.identity.grouping.rule import DLIB, SFACE, Rule
from face_classifier.identity.grouping.templates import templates

# As if there was a cohort, and an uncrowded one
RULES = {
    "dlib": replace(DLIB, lonely=0.0, slope=0.0, several=DLIB.limit + 0.015),
    "sface": replace(SFACE, lonely=0.0, slope=0.0),
}


def labels(rule: Rule, one: int, other: int, apart: float, quality: float = 1.0, *, alike: bool = True) -> list[int]:
    """Of two clusters of so many photos each, all of them as far from all of the other as ``apart`` times the way from
    ``limit`` to ``several``; each photo is very near to its fellows.

    ``alike``: False = the limit holds for several photos, too.
    """
    distance = rule.limit + apart * (rule.several - rule.limit)
    points = np.zeros((one + other, 128))
    points[one:, 0] = np.sqrt(distance**2 - 2 * 0.05**2)
    points[np.arange(one + other), 1 + np.arange(one + other)] = 0.05
    count, rule = one + other, rule if alike else replace(rule, several=0.0)
    return second_thoughts(templates(points, np.full(count, quality), np.arange(count)), rule=rule).tolist()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
class TestSeveral:
    def test_two_pairs_of_photos_are_one_person_beyond_the_limit(self, rule: Rule) -> None:
        assert labels(rule, 2, 2, 0.8) == [0, 0, 0, 0]
        assert labels(rule, 2, 2, 0.8, alike=False) == [0, 0, 1, 1]

    def test_but_not_beyond_theirs(self, rule: Rule) -> None:
        assert labels(rule, 2, 2, 1.2) == [0, 0, 1, 1]

    def test_a_single_photo_is_not(self, rule: Rule) -> None:
        assert labels(rule, 2, 1, 0.8) == [0, 0, -1]

    def test_people_of_whom_much_is_known_are_not(self, rule: Rule) -> None:
        many = int(rule.lasting) + 1
        assert labels(rule, many, many, 0.8) == [0] * many + [1] * many
        assert labels(rule, many, many - 2, 0.8) == [0] * (2 * many - 2)

    def test_what_is_too_poor_to_be_a_person_is_not(self, rule: Rule) -> None:
        assert labels(rule, 2, 2, 0.8, quality=0.4) == [-1] * 4
        assert labels(rule, 2, 2, 0.8, quality=0.6) == [0] * 4
