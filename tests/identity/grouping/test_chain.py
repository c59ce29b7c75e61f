"""What second thoughts go by beyond the distance: a cohort, missed meetings, the next person, one's fellows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.identity.grouping.people import UNKNOWN, near_misses, second_thoughts
from face_classifier.identity.grouping.rule import DLIB, SFACE, Rule
from face_classifier.identity.grouping.templates import Constraints, Templates, templates
from face_classifier.vision.engine import Engine, make_engine

ENCODERS = [("dlib", DLIB), ("sface", SFACE)]


def tracks(points: np.ndarray, faces: int = 1) -> Templates:
    """Each point a track of so many faces, all of them alike."""
    places = np.repeat(np.arange(len(points)), faces)
    return templates(points[places], np.ones(len(places)), places)


def at(*across: float, axis: int = 0) -> np.ndarray:
    """Points on a line in 128 dimensions, L2 as given."""
    return np.array(across)[:, None] * np.eye(128)[axis : axis + 1]


def around(centre: np.ndarray, count: int, scatter: float, seed: int = 0) -> np.ndarray:
    """So many points with a root mean squared distance of ``scatter`` to the centre, which is their mean."""
    off = np.random.default_rng(seed).normal(size=(count, 128))
    off -= off.mean(axis=0)
    return centre + off * scatter / np.sqrt((off**2).sum(axis=1).mean())


@pytest.fixture(scope="module")
def strangers(data: Path) -> np.ndarray:
    """dlib's encodings of one photo of each of eighty people."""
    engine: Engine = make_engine("fast", None, 1.0, pytest.fail, "dlib")
    photos = [sorted(folder.glob("*.jpg"))[0] for folder in sorted((data / "lfw").iterdir()) if folder.is_dir()]
    pictures = (cv2.imread(str(photo)) for photo in photos[::7][:80])
    return np.array([face.encoding for picture in pictures for face in engine.photo(picture, own_cut=True)[:1]])


class TestFewPeople:
    """Where nobody tells how near strangers are."""

    def test_strangers_in_a_few_photos_stay_unknown(self, strangers: np.ndarray) -> None:
        dice = np.random.default_rng(0)
        draws = [dice.choice(len(strangers), 40, replace=False) for _ in range(20)]
        people = [second_thoughts(tracks(strangers[draw]), rule=DLIB).max() + 1 for draw in draws]
        assert np.mean(np.array(people) > 0) <= 0.2

    @pytest.mark.parametrize(("encoder", "rule"), ENCODERS, ids=["dlib", "sface"])
    def test_two_visits_need_more_likeness_than_two_tracks_of_a_visit(self, encoder: str, rule: Rule) -> None:
        visits = tracks(at(0.0, rule.limit - 0.01), faces=4)
        assert second_thoughts(visits, Constraints(scene=np.array([0, 1])), rule).tolist() == [0, 1]
        assert second_thoughts(visits, Constraints(scene=np.array([0, 0])), rule).tolist() == [0, 0]

    @pytest.mark.parametrize(("encoder", "rule"), ENCODERS, ids=["dlib", "sface"])
    def test_once_others_are_known_the_usual_limit_holds(self, encoder: str, rule: Rule) -> None:
        pair = at(0.0, rule.limit - 0.01)
        others = np.vstack([at(*[3.0] * 3, axis=1), at(*[3.0] * 3, axis=2)])
        labels = second_thoughts(tracks(np.vstack([pair, others]), faces=4), rule=rule)
        assert labels[0] == labels[1]

    @pytest.mark.parametrize(("encoder", "rule"), ENCODERS, ids=["dlib", "sface"])
    @pytest.mark.parametrize(("others", "people"), [(4, 2), (40, 1)])
    def test_many_who_were_seen_twice_are_a_cohort(self, encoder: str, rule: Rule, others: int, people: int) -> None:
        pair = at(0.0, rule.limit - 0.01)
        twice = np.vstack([at(3.0, 3.0, axis=1 + number) for number in range(others)])
        labels = second_thoughts(tracks(np.vstack([pair, twice]), faces=4), rule=rule)
        assert len(set(labels[:2].tolist())) == people
        assert labels.max() + 1 == people + others

    def test_whom_the_want_of_a_cohort_keeps_apart_the_user_is_asked_about(self) -> None:
        visits = tracks(at(0.0, DLIB.limit - 0.01), faces=4)
        labels = second_thoughts(visits)
        assert labels.tolist() == [0, 1]
        (miss,) = near_misses(visits, labels)
        assert (miss.one, miss.other) == (0, 1)


@pytest.mark.parametrize(("encoder", "rule"), ENCODERS, ids=["dlib", "sface"])
def test_a_raised_threshold_never_makes_second_thoughts_laxer(encoder: str, rule: Rule) -> None:
    assert rule.stricter(1.2, 3) == rule.stricter(1.0, 3) == rule
    assert rule.stricter(0.9, 3).limit == pytest.approx(0.9 * rule.limit)
    assert rule.stricter(0.9, 3).among(10) == pytest.approx(0.9 * rule.among(10))


class TestMeetings:
    """A large album of two looks of one man, a hair too far apart, and of a woman who is with him now and then."""

    RULE = replace(SFACE, lonely=0.0)

    def labels(self, met: np.ndarray, gap: float = 0.01) -> np.ndarray:
        looks = [around(at(x)[0], 20, 0.2, seed) for seed, x in enumerate((0.0, 1.0))]
        scatter = 2 * self.RULE.spread * 0.0 + 2 * 0.2**2
        looks[1] = looks[1] - at(1.0) + at(((self.RULE.limit + gap) ** 2 - scatter) ** 0.5)
        woman = around(at(3.0, axis=1)[0], 40, 0.2, 9)
        return second_thoughts(tracks(np.vstack([*looks, woman])), Constraints(met), self.RULE)

    def test_two_who_never_meet_where_others_do_are_more_likely_one(self) -> None:
        with_her = np.array([[face, 40 + face] for face in range(40)])
        assert len(set(self.labels(with_her).tolist())) == 2

    def test_where_nobody_meets_nothing_follows(self) -> None:
        assert len(set(self.labels(np.zeros((0, 2), np.int64)).tolist())) == 3

    def test_it_counts_for_so_much_and_no_more(self) -> None:
        always = np.array([[face, woman] for face in range(40) for woman in range(40, 80)])
        assert len(set(self.labels(always, self.RULE.evidence - 0.005).tolist())) == 2
        assert len(set(self.labels(always, self.RULE.evidence + 0.005).tolist())) == 3

    def test_once_seen_together_they_are_two(self) -> None:
        with_her = np.array([[0, 20], *([face, 40 + face] for face in range(40))])
        assert len(set(self.labels(with_her).tolist())) == 3

    def test_who_is_always_alone_in_the_picture_meets_nobody_however_many_others_do(self) -> None:
        looks = [around(at(x)[0], 20, 0.2, seed) for seed, x in enumerate((0.0, 0.0))]
        looks[1] += at(((self.RULE.limit + 0.01) ** 2 - 2 * 0.2**2) ** 0.5)
        other = [around(at(3.0, axis=axis)[0], 20, 0.2, axis) for axis in (1, 2)]
        crowd = np.array([[one, another] for one in range(40, 60) for another in range(60, 80)])
        labels = second_thoughts(tracks(np.vstack([*looks, *other])), Constraints(crowd), self.RULE)
        assert len(set(labels.tolist())) == 4

    def test_who_is_in_other_scenes_could_not_have_met(self) -> None:
        looks = [around(at(x)[0], 20, 0.2, seed) for seed, x in enumerate((0.0, 0.0))]
        looks[1] += at(((self.RULE.limit + 0.01) ** 2 - 2 * 0.2**2) ** 0.5)
        other = [around(at(3.0, axis=axis)[0], 20, 0.2, axis) for axis in (1, 2)]
        faces = tracks(np.vstack([*looks, *other]))
        met = np.array([[face, 40 + face] for face in range(40)])
        for scenes, people in ((np.zeros(80, np.int64), 3), (np.arange(80) // 20 % 2, 4)):
            labels = second_thoughts(faces, Constraints(met, scene=scenes), self.RULE)
            assert len(set(labels.tolist())) == people


class TestAFaceBesideAPerson:
    """Three people of twelve faces, and faces that are beside the first."""

    RULE = replace(SFACE, guests=0.0)  # nobody is taken in whole
    PEOPLE = np.vstack([around(at(0.0)[0], 12, 0.25), *(around(at(0.6, axis=a)[0], 12, 0.25, a) for a in (1, 2))])

    def labels(self, beside: np.ndarray, apart: list[tuple[int, int]] | None = None, **certain: object) -> np.ndarray:
        pairs = np.array(apart or [], np.int64).reshape(-1, 2)
        return second_thoughts(tracks(np.vstack([self.PEOPLE, beside])), Constraints(pairs, **certain), self.RULE)

    def beside(self, *far: float) -> np.ndarray:
        return np.vstack([at(one, axis=20 + place) for place, one in enumerate(far)])

    def test_joins_it_where_the_others_are_clearly_farther(self) -> None:
        assert len(set(self.labels(np.zeros((0, 128))).tolist())) == 3
        near, far = self.beside(0.45), self.beside(0.52)
        assert self.labels(near)[36] == self.labels(near)[0]
        assert self.labels(far)[36] == UNKNOWN

    def test_does_not_where_another_person_is_as_near(self) -> None:
        between = at(0.3, axis=1) + self.beside(0.33)  # .45 from both
        assert self.labels(between)[36] == UNKNOWN

    def test_must_be_nearer_where_many_others_are_somebody(self) -> None:
        beside = self.beside(0.47)
        others = np.vstack([at(1.0, 1.0, 1.0, axis=30 + number) for number in range(30)])  # of three faces each
        alone, among_many = self.labels(beside), self.labels(np.vstack([beside, others]))
        assert alone[36] == alone[0]
        assert among_many[36] == UNKNOWN
        assert len(set(among_many.tolist())) == 3 + 30 + 1

    def test_goes_alone_where_a_companion_must_stay_apart(self) -> None:
        two = self.beside(0.43, 0.44)
        labels = self.labels(two, apart=[(37, 5)])
        assert labels[36] == labels[0]
        assert labels[37] == UNKNOWN

    def test_two_that_are_apart_do_not_both_join(self) -> None:
        labels = self.labels(self.beside(0.43, 0.44), apart=[(36, 37)])
        assert labels[36] == labels[0]
        assert labels[37] == UNKNOWN

    def test_stays_with_its_fellows_if_they_are_nearer(self) -> None:
        pair = at(0.43, axis=20) + np.vstack([at(0.1, axis=21), at(-0.1, axis=21)])
        stay = pair + at(0.12, axis=22) + at(0.2, axis=23)
        labels = self.labels(stay * 1.1)
        assert labels[36] == labels[37] not in {UNKNOWN, labels[0]}
        together = self.labels(pair)
        assert together[36] == together[37] == together[0]

    def test_of_a_named_person_stays(self) -> None:
        together = np.array([-1] * 36 + [0, 0])
        labels = self.labels(self.beside(0.43, 0.44), together=together, named=together >= 0)
        assert labels[36] == labels[37] != labels[0]

    def test_what_the_user_put_together_goes_together(self) -> None:
        together = np.array([-1] * 36 + [0, 0])
        labels = self.labels(self.beside(0.30, 0.40), apart=[(37, 5)], together=together)
        assert labels[36] == labels[37] != labels[0]
