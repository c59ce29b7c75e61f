"""Who it is: the greedy rule of the original, and its averages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from face_classifier.core.types import Encoding, Face, Match, Sighting, as_stored
from face_classifier.identity.matching.crowd import among
from face_classifier.identity.matching.nearest import EncodingRows
from face_classifier.identity.person_db import PersonDB

OBAMA, OBAMA_AGAIN, OBAMA_OLD, BIDEN = "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"


def at(*places: float) -> Encoding:
    """An encoding at a place in the first dimensions; the others are 0."""
    encoding = np.zeros(128)
    encoding[: len(places)] = places
    return encoding


def sighting(face_id: int, person: str | None, encoding: Encoding | None, *, pinned: bool = False) -> Sighting:
    return Sighting(id=face_id, face=f"face {face_id}", person=person, distance=None, encoding=encoding, pinned=pinned)


def people(*sightings: Sighting, threshold: float = 0.44) -> PersonDB:
    found = PersonDB(threshold)
    for one in sightings:
        found.add(one)
    return found


def test_the_first_face_of_all_is_unknown_and_has_no_distance() -> None:
    assert people().decide(at(0)) == Match()


def test_a_face_goes_to_the_person_whose_average_is_nearest() -> None:
    found = people(sighting(1, "A", at(0)), sighting(2, "B", at(0.5)))
    assert found.decide(at(0.2)).person == "A"
    assert found.decide(at(0.3)).person == "B"
    assert found.decide(at(0.3)).distance == pytest.approx(0.2)


def test_the_average_counts_not_the_nearest_face() -> None:
    found = people(sighting(1, "A", at(0)), sighting(2, "A", at(0.8)), sighting(3, "B", at(1.1)))
    assert found.decide(at(0.79)).person == "B"  # A's own face is at .8, but A's average at .4
    assert found.decide(at(0.74)).person == "A"


def test_the_average_moves_with_every_face() -> None:
    found = people(sighting(1, "A", at(0)))
    assert found.decide(at(0.5)).person is None
    found.add(sighting(2, "A", at(0.4)))
    match = found.decide(at(0.5))
    assert match.person == "A"
    assert match.distance == pytest.approx(0.3)
    found.add(sighting(3, "A", at(0.5)))
    assert found.decide(at(0.5)).distance == pytest.approx(0.2)


def test_a_distance_equal_to_the_threshold_is_not_near() -> None:
    assert people(sighting(1, "A", at(0)), threshold=0.5).decide(at(0.5)).person is None
    assert people(sighting(1, None, at(0)), threshold=0.5).decide(at(0.5)).partners == ()
    assert people(sighting(1, "A", at(0)), threshold=0.5).decide(at(0.499)).person == "A"


def crowd(number: int, **rule: float) -> PersonDB:
    """People who are far from each other and from the origin."""
    found = PersonDB(0.46, **rule)
    for person in range(number):
        found.add(sighting(person + 1, f"person {person}", at(0, 5 + person)))
    return found


def test_the_threshold_falls_with_every_tenfold_of_a_hundred_people() -> None:
    limits = [crowd(number, tightening=0.05).threshold_now for number in (0, 1, 99, 100, 101, 1000)]
    assert limits[:4] == [0.46] * 4
    assert limits == sorted(limits, reverse=True)
    assert limits[4] < 0.46
    assert limits[5] == pytest.approx(0.41)
    assert among(0.46, 0.05, 10**5) == pytest.approx(0.31) == pytest.approx(among(0.46, 0.05, 10**7))


def test_among_many_people_a_face_must_be_nearer_to_a_person_and_to_an_unknown_face() -> None:
    few, many, fixed = crowd(50, tightening=0.05), crowd(1000, tightening=0.05), crowd(1000)
    for found, is_near in ((few, True), (many, False), (fixed, True)):
        assert found.threshold == 0.46
        found.add(sighting(5001, "A", at(0)))
        found.add(sighting(5002, None, at(-10)))
        assert (found.decide(at(0.43)).person == "A") is is_near
        assert found.decide(at(0.4)).person == "A"
        assert (found.decide(at(-10.43)).partners == (5002,)) is is_near
        assert found.decide(at(-10.4)).partners == (5002,)
        assert (found.limit("A", at(0)) > 0.43) is is_near


def test_two_unknown_faces_that_are_near_make_a_person() -> None:
    found = people(sighting(7, None, at(0)), sighting(8, None, at(5)))
    assert found.decide(at(4.9)) == Match(distance=pytest.approx(0.1), partners=(8,))


def test_a_known_person_within_reach_comes_before_a_nearer_unknown_face() -> None:
    found = people(sighting(1, "A", at(0)), sighting(2, None, at(0.4)))
    assert found.decide(at(0.39)).person == "A"


def test_the_distance_of_an_unknown_face_is_that_to_whoever_is_nearest() -> None:
    found = people(sighting(1, "A", at(2)), sighting(2, None, at(0, 3)))
    assert found.decide(at(0)) == Match(distance=pytest.approx(2))
    assert found.decide(at(0, 1.5)) == Match(distance=pytest.approx(1.5))


def test_a_decision_changes_nothing() -> None:
    found = people(sighting(1, "A", at(0)), sighting(2, None, at(5)))
    assert [found.decide(at(0.1)) for _ in range(2)] == [Match("A", pytest.approx(0.1))] * 2
    assert (found.persons, found.known_faces, found.unknown_faces) == (1, 1, 1)


def test_a_pinned_face_counts_but_founds_no_person() -> None:
    found = people(sighting(1, None, at(0), pinned=True))
    assert found.decide(at(0.1)) == Match()
    assert found.unknown_faces == 1


def test_a_face_that_founded_a_person_is_unknown_no_more() -> None:
    found = people(*(sighting(number, None, at(number)) for number in range(20)))
    for number in (0, 19, 7):
        found.remove(sighting(number, None, at(number)))
        assert found.decide(at(number)).partners == ()
        found.add(sighting(number, f"person {number}", at(number)))
    assert (found.persons, found.known_faces, found.unknown_faces) == (3, 3, 17)
    for number in {*range(20)} - {0, 19, 7}:
        assert found.decide(at(number)).partners == (number,)


def of_track(face_id: int, encoding: Encoding, quality: float | None) -> Sighting:
    return replace(sighting(face_id, None, encoding), track=7, quality=quality)


@pytest.mark.parametrize(
    ("qualities", "founds"),
    [
        ([0.5, 0.5], True),
        ([0.9, 0.1], True),
        ([0.5, 0.4], False),
        ([0.1, 0.1, 0.1], False),
        ([0.4, 0.3, 0.3], True),
        ([0.1] * 11, True),
        ([None, None], True),
        ([1.0], False),
    ],
)
def test_faces_of_a_track_found_a_person_if_they_are_worth_a_good_one(
    qualities: list[float | None], founds: bool
) -> None:
    found = PersonDB(0.44, founding=3)
    for number, quality in enumerate(qualities[:-1]):
        found.add(of_track(number + 1, at(0.1 * number), quality))
    assert bool(found.decide(at(0.1), 7, qualities[-1]).partners) is founds


def test_with_more_faces_to_found_a_person_good_ones_spare_one_and_with_two_none() -> None:
    for founding, least in ((2, 2), (3, 2), (4, 3), (10, 9)):
        found, faces = PersonDB(0.44, founding=founding), 1
        while not found.decide(at(0), 7, 1.0).partners:
            found.add(of_track(faces, at(0), 1.0))
            faces += 1
        assert faces == least


def test_a_face_without_encoding_is_refused() -> None:
    with pytest.raises(ValueError, match="face 3 has no encoding"):
        people(sighting(3, "A", None))


def test_what_was_added_is_not_changed() -> None:
    encoding = at(0)
    found = people(sighting(1, "A", encoding))
    found.add(sighting(2, "A", at(1)))
    assert not encoding.any()


def test_it_tells_whether_the_faces_of_a_person_are_those_that_were_taken_in() -> None:
    own, pinned = [sighting(1, "A", at(0)), sighting(2, "A", at(1))], sighting(5, None, at(3), pinned=True)
    unknown = [replace(sighting(number, None, at(2)), track=7) for number in (3, 4)]
    found = people(*own, *unknown, pinned)
    assert found.holds("A", own[::-1])
    assert found.holds(None, [*unknown, pinned])
    assert found.holds("B", [])
    for other in (
        replace(own[1], encoding=at(1, 1e-16)),
        replace(own[1], track=1),
        replace(own[1], corrected=True),
        replace(own[1], id=3),
    ):
        assert not found.holds("A", [own[0], other])
    assert not found.holds("A", own[:1])
    assert not found.holds("A", [*own, sighting(9, "A", at(1))])
    assert not found.holds(None, [*unknown, replace(pinned, pinned=False)])
    found.remove(unknown[0])
    assert found.holds(None, [pinned])
    found.drop("A")
    assert found.holds("A", [])


@pytest.mark.parametrize("seed", range(3))
def test_many_faces_are_placed_as_the_rule_says_it(seed: int) -> None:
    """The fast search beside the rule in its plainest words, over growing matrices and removed rows."""
    numbers = np.random.default_rng(seed)
    centres = numbers.normal(size=(12, 128)) * 0.06
    found = PersonDB(0.6)
    members: dict[str, list[Encoding]] = {}
    unknown: dict[int, Encoding] = {}
    for number in range(150):
        probe = centres[numbers.integers(12)] + numbers.normal(size=128) * 0.03
        averages = {name: float(np.linalg.norm(np.mean(own, axis=0) - probe)) for name, own in members.items()}
        loners = {face: float(np.linalg.norm(encoding - probe)) for face, encoding in unknown.items()}
        match = found.decide(probe)
        if averages and min(averages.values()) < 0.6:
            name = min(averages, key=averages.__getitem__)
            assert (match.person, match.partners) == (name, ())
            assert match.distance == pytest.approx(averages[name])
        elif loners and min(loners.values()) < 0.6:
            partner = min(loners, key=loners.__getitem__)
            assert (match.person, match.partners) == (None, (partner,))
            name = f"person_{number}"
            members[name] = [unknown.pop(partner)]
            found.remove(sighting(partner, None, probe))
            found.add(sighting(partner, name, members[name][0]))
        else:
            assert (match.person, match.partners) == (None, ())
            unknown[number] = probe
            found.add(sighting(number, None, probe))
            continue
        members[name].append(probe)
        found.add(sighting(number, name, probe))
    assert found.persons == len(members) > 3
    assert found.unknown_faces == len(unknown)


@pytest.mark.parametrize("seed", range(3))
def test_a_person_dropped_and_added_anew_counts_as_if_it_had_always_been_so(seed: int) -> None:
    """Faces change hands; only the people that changed are taken in anew, beside a gallery made anew of all."""
    numbers = np.random.default_rng(seed)
    centres = numbers.normal(size=(8, 128)) * 0.06
    names = ["A", "B", "C", "D", None]
    labels = [names[numbers.integers(5)] for _ in range(80)]
    encodings = [centres[numbers.integers(8)] + numbers.normal(size=128) * 0.03 for _ in range(80)]
    tracks = [int(numbers.integers(30)) if numbers.random() < 0.7 else None for _ in range(80)]

    def faces() -> list[Sighting]:
        return [
            replace(sighting(number, label, encodings[number], pinned=label is None and number % 7 == 0), track=track)
            for number, (label, track) in enumerate(zip(labels, tracks, strict=True))
        ]

    kept_up = PersonDB(0.6, spread=0.5)
    for face in faces():
        kept_up.add(face)
    for _ in range(10):
        moved = numbers.integers(80, size=3)
        before = [labels[number] for number in moved]
        for number in moved:
            labels[number] = names[numbers.integers(5)]
        changed = {*before, *(labels[number] for number in moved)}
        for name in changed:
            kept_up.drop(name)
        for face in faces():
            if face.person in changed:
                kept_up.add(face)
        anew = PersonDB(0.6, spread=0.5)
        for face in faces():
            anew.add(face)
        counts = [(found.persons, found.known_faces, found.unknown_faces) for found in (kept_up, anew)]
        assert counts[0] == counts[1]
        for probe in encodings[::7]:
            for track in (None, *range(0, 30, 5)):
                assert kept_up.decide(probe, track) == anew.decide(probe, track)


def test_real_faces_find_each_other(faces: dict[str, Face]) -> None:
    found = people(sighting(1, None, faces[OBAMA].encoding), sighting(2, None, faces[BIDEN].encoding))
    assert found.decide(faces[OBAMA_AGAIN].encoding).partners == (1,)
    known = people(sighting(1, "Barack", faces[OBAMA].encoding), sighting(2, "Joe", faces[BIDEN].encoding))
    assert {known.decide(faces[name].encoding).person for name in (OBAMA, OBAMA_AGAIN, OBAMA_OLD)} == {"Barack"}


def test_the_means_of_tracks_that_are_nobodys_are_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    dice, searched, large = np.random.default_rng(5), EncodingRows._searched, []
    many, faces = (as_stored(dice.normal(0, 0.1, (count, 128))) for count in (5000, 6))
    coming = [(faces[1], 7), (faces[3], -2), (many[0], 8), (faces[2], 7), (faces[4], -2), (faces[5], None)]
    alone, together = PersonDB(0.3, founding=4), PersonDB(0.3, founding=4)

    def searched_singly(rows: EncodingRows, *asked: Any) -> Any:
        large.append(len(rows) == len(many))
        return searched(rows, *asked)

    monkeypatch.setattr(EncodingRows, "_searched", searched_singly)
    found = []
    for people in (alone, together):
        people.add_all(Sighting(n, "", f"person {n}", None, encoding=one) for n, one in enumerate(many, 1))
        people.add(Sighting(6001, "", None, None, encoding=faces[0], track=7, quality=0.1))
        people.add(Sighting(6002, "", "person 1", None, encoding=many[0], track=8))
        large.clear()
        if people is together:
            people.foresee([encoding for encoding, _ in coming], [track for _, track in coming])
        told = []
        for number, (encoding, track) in enumerate(coming, 6003):
            told.append(people.decide(encoding, track, 0.1))
            if told[-1].person is None:
                people.add(Sighting(number, "", None, None, encoding=encoding, track=track, quality=0.1))
        found.append((told, sum(large)))
    assert found[0][0] == found[1][0]
    assert [singly for _, singly in found] == [5, 0]
