from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.types import Face
from face_classifier.identity.grouping.people import UNKNOWN, near_misses, second_thoughts
from face_classifier.identity.grouping.rule import DLIB, Rule
from face_classifier.identity.grouping.templates import Constraints, Templates, shared_frames, templates
from face_classifier.vision.engine import Engine

USUAL = replace(DLIB, lonely=0.0)  # as where there is a cohort
PLAIN = replace(  # nothing but average linkage
    USUAL, slope=0.0, start=DLIB.limit, clear=DLIB.limit, ratio=np.inf, meeting=0.0, lasting=np.inf, several=0.0
)


def photos(points: np.ndarray) -> Templates:
    """Each point a track of one face."""
    return templates(points, np.ones(len(points)), np.arange(len(points)))


def people(centres: np.ndarray, faces: int, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    """(people * faces, d): so many faces around each centre."""
    points = np.repeat(centres, faces, axis=0)
    return points + np.random.default_rng(seed).normal(0, noise, points.shape)


def places(*across: float) -> np.ndarray:
    """Points on a line in 128 dimensions, L2 as given."""
    return np.array(across)[:, None] * np.eye(128)[:1]


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels[labels != UNKNOWN])}


@pytest.fixture(scope="module")
def celebrities(engine: Engine, data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Encodings and numbers of 24 people with 4 faces each, and of 12 with one, mixed."""
    folders = sorted(folder for folder in (data / "lfw").iterdir() if folder.is_dir())
    pictures = [sorted(folder.glob("*.jpg")) for folder in folders]
    chosen = [paths[:4] for paths in pictures if len(paths) >= 4][::10][:24]
    chosen += [paths for paths in pictures if len(paths) == 1][::20][:12]
    mixed = np.random.default_rng(0).permutation(sum(map(len, chosen)))
    encodings = [engine.photo(cv2.imread(str(path)), own_cut=True)[0].encoding for paths in chosen for path in paths]
    numbers = [number for number, paths in enumerate(chosen) for _ in paths]
    return np.array(encodings)[mixed], np.array(numbers)[mixed]


def test_celebrities_become_one_person_each(celebrities: tuple[np.ndarray, np.ndarray]) -> None:
    encodings, numbers = celebrities
    labels = second_thoughts(photos(encodings))
    pure = [len(set(numbers[labels == label])) == 1 for label in range(labels.max() + 1)]
    whole = [len(set(labels[numbers == number])) == 1 for number in range(24)]
    assert labels.max() + 1 >= 24
    assert np.mean(pure) >= 0.9
    assert np.mean(whole) >= 0.7
    assert (labels[numbers >= 24] == UNKNOWN).mean() >= 0.8


def test_the_order_of_celebrities_does_not_matter(celebrities: tuple[np.ndarray, np.ndarray]) -> None:
    encodings, _ = celebrities
    expected = partition(second_thoughts(photos(encodings)))
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(encodings))
        labels = np.empty(len(encodings), np.int64)
        labels[order] = second_thoughts(photos(encodings[order]))
        assert partition(labels) == expected


def test_celebrities_the_user_named_keep_their_own_faces(celebrities: tuple[np.ndarray, np.ndarray]) -> None:
    encodings, numbers = celebrities
    together = np.full(len(numbers), -1)
    for number in range(24):
        together[np.flatnonzero(numbers == number)[:2]] = number
    named = together >= 0
    labels = second_thoughts(photos(encodings), Constraints(together=together, named=named))
    of_name = [set(labels[together == number]) for number in range(24)]
    assert all(len(found) == 1 for found in of_name)
    assert len(set.union(*of_name)) == 24


def test_a_photograph_of_somebody_else_founds_nobody(faces: dict[str, Face]) -> None:
    names = [*sorted(name for name in faces if name.startswith("obama")), "biden.jpg"]
    labels = second_thoughts(photos(np.array([faces[name].encoding for name in names])))
    assert labels.tolist() == [0] * (len(names) - 1) + [UNKNOWN]


@pytest.mark.parametrize("seed", range(4))
def test_without_crowding_it_is_average_linkage(seed: int) -> None:
    dice = np.random.default_rng(seed)
    points = dice.normal(0, 0.08, (60, 16)) + np.repeat(dice.normal(0, 0.1, (12, 16)), 5, axis=0)
    cannot_links = dice.integers(0, 60, (30, 2))
    cannot_links = cannot_links[cannot_links[:, 0] != cannot_links[:, 1]]
    labels = second_thoughts(photos(points), Constraints(cannot_links), PLAIN)
    naive = {group for group in joined_pair_by_pair(points, cannot_links, PLAIN.limit) if len(group) > 1}
    assert 3 < len(naive) < 25
    assert partition(labels) == naive


def joined_pair_by_pair(points: np.ndarray, cannot_links: np.ndarray, limit: float) -> set[frozenset[int]]:
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    squares[cannot_links[:, 0], cannot_links[:, 1]] = squares[cannot_links[:, 1], cannot_links[:, 0]] = np.inf
    groups = [frozenset([number]) for number in range(len(points))]
    while len(groups) > 1:
        distance, one, other = min(
            (squares[np.ix_(list(one), list(other))].mean() ** 0.5, at, at + 1 + beyond)
            for at, one in enumerate(groups)
            for beyond, other in enumerate(groups[at + 1 :])
        )
        if distance >= limit:
            break
        groups[one] |= groups.pop(other)
    return set(groups)


@pytest.mark.parametrize("rule", [DLIB, PLAIN], ids=["dlib", "plain"])
def test_tracks_that_are_apart_never_become_one_person(rule: Rule) -> None:
    points = people(places(0.0, 0.3), faces=30)
    dice = np.random.default_rng(1)
    cannot_links = np.array([pair for pair in dice.integers(0, 60, (80, 2)) if pair[0] != pair[1]])
    labels = second_thoughts(photos(points), Constraints(cannot_links), rule)
    assert (labels != UNKNOWN).any()
    assert all(labels[one] != labels[other] or labels[one] == UNKNOWN for one, other in cannot_links)


def test_the_users_word_outweighs_a_shared_frame_and_any_distance() -> None:
    points = places(0.0, 0.01, 2.0)
    certain = Constraints(np.array([[0, 2]]), np.array([5, -1, 5]))
    labels = second_thoughts(photos(points), certain)
    assert labels[0] == labels[2] != UNKNOWN


def test_two_named_people_stay_two_and_a_third_face_joins_one_of_them() -> None:
    points = np.vstack([people(places(0.0, 0.2), faces=3), places(0.05)])
    together = np.array([0, 0, 0, 1, 1, 1, -1])
    certain = Constraints(together=together, named=together >= 0)
    labels = second_thoughts(photos(points), certain)
    assert labels[0] != labels[3]
    assert labels[6] == labels[0]
    assert second_thoughts(photos(points)).max() == 0


def test_a_person_named_by_the_user_needs_no_second_face() -> None:
    certain = Constraints(together=np.array([0, -1]), named=np.array([True, False]))
    assert second_thoughts(photos(places(0.0, 5.0)), certain).tolist() == [0, UNKNOWN]


def test_a_long_track_is_a_person_and_a_short_one_is_not() -> None:
    points = people(places(0.0, 5.0), faces=4)[:5]
    tracks = templates(points, np.ones(5), np.array([0, 0, 0, 0, 1]))
    assert second_thoughts(tracks).tolist() == [0, UNKNOWN]


def test_poor_faces_found_nobody_but_may_join_somebody() -> None:
    points = people(places(0.0, 5.0), faces=6)
    poor = np.full(12, 0.1)
    assert (second_thoughts(templates(points, poor, np.arange(12))) == UNKNOWN).all()
    poor[:2] = 0.9
    assert second_thoughts(templates(points, poor, np.arange(12))).tolist() == [0] * 6 + [UNKNOWN] * 6


@pytest.mark.parametrize(
    ("qualities", "label"), [([0.5, 0.5], 0), ([0.4, 0.3, 0.3], 0), ([0.5, 0.4], UNKNOWN), ([1.0], UNKNOWN)]
)
def test_what_founded_a_person_by_itself_stays_one(qualities: list[float], label: int) -> None:
    faces = len(qualities)
    tracks = templates(np.zeros((faces, 128)), np.array(qualities), np.zeros(faces, np.int64))
    assert second_thoughts(tracks).tolist() == [label]


def test_an_odd_frame_of_a_track_does_not_split_it() -> None:
    points = people(places(0.0), faces=12)
    points[5] += places(0.6)[0]
    tracks = templates(points, np.ones(12), np.array([0] * 6 + [1] * 6))
    assert second_thoughts(tracks).tolist() == [0, 0]


def test_a_various_person_takes_in_a_face_that_is_near_only_to_the_mean() -> None:
    various = people(np.zeros((1, 128)), faces=20, noise=0.028)
    face = photos(np.vstack([various, places(0.43)]))
    assert second_thoughts(face, rule=replace(USUAL, ratio=np.inf, lasting=np.inf))[20] == UNKNOWN
    assert second_thoughts(face, rule=USUAL)[20] == 0


def test_two_heavy_people_need_more_likeness_than_two_light_ones() -> None:
    light, heavy = (photos(places(0.0, 0.5))._replace(weight=np.full(2, weight)) for weight in (4.0, 40.0))
    assert second_thoughts(light, rule=USUAL).tolist() == [0, 0]
    labels = second_thoughts(heavy, rule=USUAL)
    assert labels.tolist() == [0, 1]
    (miss,) = near_misses(heavy, labels)
    assert (miss.one, miss.other) == (0, 1)
    assert miss.distance == pytest.approx(0.5, abs=1e-3)


def test_limits_shrink_where_everybody_is_alike() -> None:
    corners = np.eye(128)[:5] * 0.44 / 2**0.5  # 0.44 from each other
    crowd = photos(people(corners, faces=6, noise=0.005))
    assert len(partition(second_thoughts(crowd))) == 5
    assert len(partition(second_thoughts(crowd, rule=replace(DLIB, slope=0.0)))) == 1
    two = photos(people(corners[:2], faces=2, noise=0.005))
    assert len(partition(second_thoughts(two))) == 1


def test_near_misses_are_told_nearest_first_and_never_for_those_apart() -> None:
    points = np.vstack([people(places(place), faces=3, noise=0.001) for place in (0.0, 0.535, 1.08, 5.0)])
    labels = np.repeat([7, 3, 9, UNKNOWN], 3)  # as folders may be numbered
    misses = near_misses(photos(points), labels)
    assert [(miss.one, miss.other) for miss in misses] == [(3, 7), (3, 9)]
    assert misses[0].distance < misses[1].distance < DLIB.limit + DLIB.unclear
    rejected = Constraints(cannot_links=np.array([[0, 4]]))
    assert [(miss.one, miss.other) for miss in near_misses(photos(points), labels, rejected)] == [(3, 9)]


def test_two_named_people_who_look_alike_are_a_near_miss() -> None:
    points = people(places(0.0, 0.2), faces=3)
    together = np.repeat([0, 1], 3)
    certain = Constraints(together=together, named=together >= 0)
    labels = second_thoughts(photos(points), certain)
    assert [(miss.one, miss.other) for miss in near_misses(photos(points), labels, certain)] == [(0, 1)]


def test_labels_count_from_the_heaviest_person() -> None:
    points = people(places(0.0, 5.0, 10.0), faces=5)[[0, 1, 5, 6, 7, 8, 10, 11, 12]]
    assert second_thoughts(photos(points)).tolist() == [2, 2, 0, 0, 0, 0, 1, 1, 1]


def test_a_template_sums_up_the_faces_of_a_track() -> None:
    dice = np.random.default_rng(3)
    encodings, tracks = dice.normal(size=(9, 128)), np.array([0, 1, 1, 0, 2, 0, 1, 0, 0])
    quality = dice.uniform(0, 1, 9)
    summed = templates(encodings, quality, tracks)
    for track in range(3):
        own, share = encodings[tracks == track], (1 + quality[tracks == track]) / 2
        mean = np.average(own, axis=0, weights=share)
        np.testing.assert_allclose(summed.mean[track], mean)
        assert summed.weight[track] == pytest.approx(share.sum())
        assert summed.worth[track] == pytest.approx(quality[tracks == track].sum())
        assert summed.scatter[track] == pytest.approx(np.average(((own - mean) ** 2).sum(axis=1), weights=share))


def test_faces_in_one_frame_hold_their_tracks_apart() -> None:
    frames, tracks = np.array([4, 4, 4, 7, 7, 9]), np.array([0, 2, 1, 2, 0, 3])
    assert shared_frames(frames, tracks).tolist() == [[0, 1], [0, 2], [1, 2]]


@pytest.mark.parametrize(
    "nothing",
    [
        lambda: second_thoughts(templates(np.zeros((0, 128)), np.zeros(0), np.zeros(0, np.int64))),
        lambda: near_misses(photos(places(0.0, 0.5)), np.array([UNKNOWN, 0])),
        lambda: shared_frames(np.zeros(0, np.int64), np.zeros(0, np.int64)),
    ],
    ids=["no track", "one person", "no frame"],
)
def test_nothing_comes_of_nothing(nothing: Callable[[], object]) -> None:
    assert len(nothing()) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("certain", "rule"),
    [
        (lambda: Constraints(np.array([0, 1])), r"shape \(pairs, 2\), not \(2,\)"),
        (lambda: Constraints(np.array([[0, 2]])), "from 0 to 1"),
        (lambda: Constraints(together=np.array([0])), "together has a value for each of 2 tracks"),
        (lambda: Constraints(named=np.array([True])), "named has a value for each of 2 tracks"),
    ],
)
def test_constraints_that_do_not_fit_are_refused(certain: Callable[[], Constraints], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        second_thoughts(photos(places(0.0, 5.0)), certain())
