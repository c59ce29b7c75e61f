"""Faces to choose from are spread, and later rounds look nearer to what was picked."""

from __future__ import annotations

import numpy as np
import pytest
from photos.lookalike.test_recommend import a_gallery, a_person, family, picks_of, unit

from face_classifier.core.errors import UserError
from face_classifier.photos.lookalike.people import PhotoGallery
from face_classifier.photos.lookalike.recommend import recommend
from face_classifier.photos.lookalike.rounds import Rounds


def test_a_round_shows_one_of_each_kind_and_nobody_twice():
    gallery = a_gallery(80)
    rounds = Rounds(gallery, 6, 8, seed=5)
    shown: list[int] = []
    for turn in range(rounds.total):
        numbers = rounds.offer(turn)
        shown += numbers
        if turn < 2:
            assert len({family(gallery.people[number]) for number in numbers}) == 8
        rounds.pick(turn, numbers[0])
    assert len(shown) == len(set(shown)) == 48


def test_later_rounds_look_nearer_to_what_was_picked():
    gallery = a_gallery(400)
    rounds = Rounds(gallery, 6, 8, seed=5)
    for turn in range(6):
        numbers = rounds.offer(turn)
        kin = [number for number in numbers if family(gallery.people[number]) == "3"]
        if turn >= 2:
            assert len(kin) >= 2, "there are more of the picked family than a plain spread shows"
        rounds.pick(turn, kin[0])


def test_the_same_seed_shows_the_same_faces_and_another_seed_others():
    def faces(seed: int) -> list[int]:
        rounds = Rounds(a_gallery(80), 3, 8, seed)
        for turn in range(3):
            rounds.pick(turn, rounds.offer(turn)[0])
        return [number for turn in range(3) for number in rounds.offer(turn)]

    assert faces(1) == faces(1)
    assert faces(1) != faces(2)


def test_people_who_are_all_the_same_picture_still_fill_a_round():
    gallery = PhotoGallery([a_person(f"twin_{number}", np.eye(128)[:1]) for number in range(20)], "sface", 20)
    assert len(set(Rounds(gallery, 2, 8, seed=1).offer(0))) == 8


@pytest.mark.parametrize("people", [2, 3, 5, 10])
def test_a_small_gallery_repeats_faces_but_no_picked_one_and_leaves_somebody_to_recommend(people: int):
    gallery = a_gallery(people)
    rounds = Rounds(gallery, 20, 8, seed=1)
    for turn in range(rounds.total):
        numbers = rounds.offer(turn)
        assert 2 <= len(numbers) == len(set(numbers))
        assert not {pick.name for pick in rounds.picks} & {gallery.people[number].name for number in numbers}
        rounds.pick(turn, numbers[-1])
    assert len(recommend(gallery, rounds.picks, 7).results) == 1


def test_one_person_or_one_choice_is_told():
    with pytest.raises(UserError, match="nobody but person_0_000"):
        Rounds(a_gallery(1), 6, 8, seed=1)
    with pytest.raises(UserError, match="--choices is 1"):
        Rounds(a_gallery(9), 6, 1, seed=1)


def test_another_answer_takes_back_the_rounds_after_it_and_the_same_answer_does_not():
    rounds = Rounds(a_gallery(80), 4, 8, seed=1)
    for turn in range(3):
        rounds.pick(turn, rounds.offer(turn)[0])
    before = [pick.name for pick in rounds.picks]

    rounds.pick(1, rounds.offer(1)[0])
    assert [pick.name for pick in rounds.picks] == before
    rounds.pick(1, rounds.offer(1)[1])
    assert rounds.answered == 2
    assert rounds.picks[0].name == before[0]
    assert rounds.picks[1].name != before[1]
    rounds.pick(0, None)
    assert (rounds.answered, rounds.picks) == (1, [])


def test_what_is_not_offered_cannot_be_picked():
    rounds = Rounds(a_gallery(80), 4, 8, seed=1)
    stranger = next(number for number in range(80) if number not in rounds.offer(0))
    with pytest.raises(ValueError, match="not offered"):
        rounds.pick(0, stranger)
    with pytest.raises(ValueError, match="cannot be offered"):
        rounds.offer(1)
    with pytest.raises(ValueError, match="cannot be offered"):
        rounds.pick(2, None)


def test_it_finds_nearer_people_than_random_choices_do():
    """A simulated user with a hidden taste takes the nearest of the faces shown."""
    random = np.random.default_rng(2)
    middles = random.normal(size=(25, 128))
    everybody = unit(middles[random.integers(25, size=400)] + random.normal(size=(400, 128)))
    gallery = PhotoGallery([a_person(f"p{number:03}", one[None]) for number, one in enumerate(everybody)], "sface", 400)
    ranks: dict[str, list[float]] = {"rounds": [], "random": []}
    for seed in range(30):
        taste = everybody[random.choice(400, 3, replace=False)].mean(axis=0)
        distances = np.linalg.norm(everybody - taste, axis=1)
        rounds = Rounds(gallery, 6, 8, seed)
        for turn in range(6):
            rounds.pick(turn, min(rounds.offer(turn), key=lambda number: distances[number]))
        chances = random.choice(400, (6, 8), replace=False)
        by_chance = picks_of(gallery, *(min(chance, key=lambda number: distances[number]) for chance in chances))
        order = {gallery.people[number].name: rank for rank, number in enumerate(np.argsort(distances))}
        for kind, picks in (("rounds", rounds.picks), ("random", by_chance)):
            ranks[kind] += [order[one.person.name] for one in recommend(gallery, picks, 7).results]
    assert np.mean(ranks["rounds"]) < 0.9 * np.mean(ranks["random"])
