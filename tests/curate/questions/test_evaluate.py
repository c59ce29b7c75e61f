"""Measures of a grouping, on cases that can be counted by hand."""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest

from face_classifier.curate.questions.evaluate import bcubed, edits, evaluate

_ = -1  # unknown


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_a_right_grouping_has_nothing_to_edit_whatever_its_numbers():
    told = evaluate(ints(7, 7, 3, 3, 3), ints(0, 0, 5, 5, 5))
    assert (told.precision, told.recall, told.f, told.edits) == (1, 1, 1, 0)
    assert (told.faces, told.true_people, told.people, told.unknown) == (5, 2, 2, 0)


def test_two_people_in_one_folder_cost_precision_and_a_move_for_each_wrong_face():
    # three faces of one and one of the other: 3 x 3/4 and 1 x 1/4 of four faces
    assert bcubed(ints(0, 0, 0, 1), ints(0, 0, 0, 0)) == (pytest.approx((3 * 3 / 4 + 1 / 4) / 4), 1)
    assert edits(ints(0, 0, 0, 1), ints(0, 0, 0, 0)) == 1


def test_a_person_in_two_folders_costs_recall_and_one_merge():
    # two of three faces together, one alone: 2 x 2/3 and 1 x 1/3 of three faces
    assert bcubed(ints(0, 0, 0), ints(0, 0, 1)) == (1, pytest.approx((2 * 2 / 3 + 1 / 3) / 3))
    assert edits(ints(0, 0, 0), ints(0, 0, 1)) == 1


def test_an_unknown_face_is_alone_and_is_moved_only_to_somebody():
    told = evaluate(ints(0, 0, 0, 1), ints(0, 0, _, _))
    assert told.precision == 1
    assert told.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert (told.edits, told.unknown, told.people) == (1, 2, 1)


def test_two_unknown_faces_are_not_together():
    assert bcubed(ints(0, 1), ints(_, _)) == (1, 1)
    assert bcubed(ints(0, 0), ints(_, _)) == (1, 0.5)


def test_of_two_people_with_as_many_faces_in_a_folder_it_is_whose_folder_is_still_missing():
    # the first folder is person 0's; the second, half of 0 and half of 1, is 1's: one move and no merge
    assert edits(ints(0, 0, 0, 0, 1), ints(0, 0, 0, 1, 1)) == 1


def test_the_fewest_edits_are_counted_whatever_the_folders_are_called():
    # Folder a holds one face each of 0 and 1, b of 1 and 2, c of 2: a is 0's, b is 1's, c is 2's, two moves are left.
    truth = [0, 1, 1, 2, 2]
    for names in permutations("abc"):
        a, b, c = names
        assert evaluate(truth, [a, a, b, b, c]).edits == 2


def brute_force(truth: list[int], labels: list[int]) -> int:
    groups = sorted(set(labels) - {_})
    sizes = Counter(truth)
    least = len(truth) * 2
    for owners in product(sorted(sizes), repeat=len(groups)):
        owner = dict(zip(groups, owners, strict=True))
        moves = sum(label != _ and owner[label] != one for one, label in zip(truth, labels, strict=True))
        least = min(least, moves + len(owners) - len(set(owners)))
    return least + sum(label == _ and sizes[one] > 1 for one, label in zip(truth, labels, strict=True))


def test_no_assignment_of_folders_to_people_takes_fewer_edits():
    random = np.random.default_rng(5)
    for faces in random.integers(1, 12, 60):
        truth = random.integers(0, 4, faces).tolist()
        labels = random.integers(-1, 4, faces).tolist()
        assert evaluate(truth, labels).edits == brute_force(truth, labels)


def test_a_worked_example():
    truth = ints(0, 0, 0, 0, 1, 1, 1, 2)
    labels = ints(0, 0, 0, 1, 1, 1, _, 1)
    # folder 0: three of person 0. Folder 1: one of 0, two of 1, one of 2; person 1's third face is unknown.
    told = evaluate(truth, labels)
    assert told.precision == pytest.approx((3 * 1 + 1 / 4 + 2 * 2 / 4 + 1 + 1 / 4) / 8)
    assert told.recall == pytest.approx((3 * 3 / 4 + 1 / 4 + 2 * 2 / 3 + 1 / 3 + 1) / 8)
    assert told.edits == 3  # of 0 and of 2 out of folder 1, and the unknown face into it
    assert told.f == pytest.approx(2 / (1 / told.precision + 1 / told.recall))


def test_people_and_groups_may_have_names():
    told = evaluate(["Ada", "Ada", "Bob", "Bob"], ["person_01", "person_01", None, "person_01"])
    assert (told.faces, told.true_people, told.people, told.unknown, told.edits) == (4, 2, 1, 1, 2)
    assert told.precision == pytest.approx((2 / 3 + 2 / 3 + 1 + 1 / 3) / 4)


def test_no_faces_and_labels_of_others_are_refused():
    with pytest.raises(ValueError, match="of the same faces, not of 0 and 0"):
        evaluate(ints(), ints())
    with pytest.raises(ValueError, match="of the same faces, not of 2 and 3"):
        evaluate(ints(0, 1), ints(0, 1, 1))


def test_the_order_of_the_faces_changes_nothing():
    random = np.random.default_rng(3)
    truth, labels = random.integers(0, 9, 200), random.integers(-1, 12, 200)
    order = random.permutation(200)
    told, turned = evaluate(truth, labels), evaluate(truth[order], labels[order])
    assert (told.edits, told.people, told.unknown) == (turned.edits, turned.people, turned.unknown)
    assert told.f == pytest.approx(turned.f)
