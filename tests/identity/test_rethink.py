"""Second thoughts: what the user said stays, the rest is put where it belongs, and then there is no more to do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.types import Encoding, Face, Sighting
from face_classifier.identity.grouping.rule import SFACE
from face_classifier.identity.naming import is_named
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.rethink import Move, Rethought
from face_classifier.identity.rethink import rethink as rethink_by
from face_classifier.vision.engine import Engine

rethink = partial(rethink_by, rule=SFACE)  # of the encoder of all faces here
OBAMA, OBAMA_AGAIN, OBAMA_OLD, BIDEN = "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"
HALF, OTHER_HALF = "obama_partial_face.jpg", "obama_partial_face2.jpg"


@pytest.fixture
def sighting(faces: dict[str, Face]) -> Callable[..., Sighting]:
    """Makes the next face of a gallery."""
    numbers = count(1)

    def make(name: str, person: str | None = None, **more: object) -> Sighting:
        number = next(numbers)
        face = Sighting(id=number, face=f"face {number}", person=person, distance=None, encoding=faces[name].encoding)
        return replace(face, **more)

    return make


@pytest.fixture(scope="module")
def many(data: Path, engine: Engine) -> list[list[Encoding]]:
    """Real encodings of twelve people, four of each."""
    people = [folder for folder in sorted((data / "lfw").iterdir()) if len(list(folder.glob("*.jpg"))) >= 4][:12]
    return [
        [engine.photo(cv2.imread(str(path)), own_cut=False)[0].encoding for path in sorted(folder.glob("*.jpg"))[:4]]
        for folder in people
    ]


def carried_out(sightings: Sequence[Sighting], rethought: Rethought) -> list[Sighting]:
    """The gallery after the moves, new people numbered as a store would."""
    numbers = count(901)
    person: dict[int, str | None] = {}
    for move in rethought.moves:
        person |= dict.fromkeys(move.faces, f"person_{next(numbers)}" if move.new else move.person)
    return [replace(face, person=person.get(face.id, face.person)) for face in sightings]


def groups(sightings: Sequence[Sighting]) -> set[frozenset[int]]:
    """Who is together, whatever the names."""
    members: dict[str | int, set[int]] = {}
    for face in sightings:
        members.setdefault(face.person or -face.id, set()).add(face.id)
    return {frozenset(found) for found in members.values()}


def mixed(many: list[list[Encoding]], seed: int) -> list[Sighting]:
    """The twelve people in a random order and in all sorts of folders: named, numbered, wrong, corrected, none."""
    chance = random.Random(seed)
    faces = [(person, encoding) for person, own in enumerate(many) for encoding in own]
    chance.shuffle(faces)
    sightings = []
    for number, (person, encoding) in enumerate(faces, 1):
        folder = chance.choice([None, None, f"Name {person}" if person < 4 else f"person_{person:02d}", "person_05"])
        sightings.append(
            Sighting(
                id=number,
                face=f"face {number}",
                person=folder,
                distance=None,
                encoding=encoding,
                pinned=folder is None and chance.random() < 0.1,
                corrected=folder is not None and folder != "person_05" and chance.random() < 0.1,
            )
        )
    return sightings


def test_a_gallery_of_nobody_gives_no_thoughts():
    assert rethink([], []) == Rethought([], [])


def test_a_person_just_named_gets_their_old_unknown_faces(sighting):
    gallery = [sighting(OBAMA_OLD), sighting(BIDEN), sighting(OBAMA, "Barack"), sighting(HALF, "Barack")]
    assert rethink(gallery, []).moves == [Move((1,), "Barack")]


def test_unknown_faces_that_are_alike_become_a_new_person(sighting):
    gallery = [sighting(OBAMA), sighting(BIDEN), sighting(OBAMA_AGAIN)]
    assert rethink(gallery, []).moves == [Move((1, 3), None, new=True)]


def test_people_of_the_programs_own_naming_are_joined(sighting):
    gallery = [sighting(OBAMA, "person_01"), sighting(HALF, "person_01"), sighting(OBAMA_AGAIN, "person_02")]
    assert rethink(gallery, []).moves == [Move((3,), "person_01")]


def test_a_wrong_face_leaves_a_person_of_the_programs_own_naming(sighting):
    gallery = [sighting(OBAMA, "person_01"), sighting(HALF, "person_01"), sighting(BIDEN, "person_01")]
    assert rethink(gallery, []).moves == [Move((3,), None)]


def test_named_people_are_never_joined_but_suggested(sighting):
    gallery = [sighting(OBAMA, "Barack"), sighting(HALF, "Barack"), sighting(OBAMA_AGAIN, "Barry")]
    rethought = rethink(gallery, [])
    assert rethought.moves == []
    (asked,) = rethought.suggestions
    assert (asked.one, asked.other) == ("Barack", "Barry")
    assert 0.2 < asked.distance < 0.45
    assert asked.margin > 0


def test_a_person_without_a_name_is_not_joined_to_a_named_one_but_suggested(sighting):
    gallery = [sighting(OBAMA, "Barack"), sighting(HALF, "Barack"), sighting(OBAMA_AGAIN, "person_02")]
    rethought = rethink(gallery, [])
    assert rethought.moves == []
    assert [(asked.one, asked.other) for asked in rethought.suggestions] == [("Barack", "person_02")]


def test_people_whom_the_user_refused_to_join_are_neither_joined_nor_suggested(sighting):
    numbered = [sighting(OBAMA, "person_01"), sighting(OBAMA_AGAIN, "person_02")]
    named = [sighting(OBAMA, "Barack"), sighting(OBAMA_AGAIN, "Barry")]
    assert rethink(numbered, []).moves
    assert rethink(named, []).suggestions
    assert rethink(numbered, [], [(2, 1)]).moves == [Move((1, 2), None)]  # one face alone is nobody
    assert rethink(named, [], [(4, 3)]) == Rethought([], [])


def test_tracks_that_shared_a_frame_are_two_people(sighting):
    gallery = [sighting(OBAMA, track=1), sighting(OBAMA_AGAIN, track=2)]
    assert rethink(gallery, [(1, 2)]).moves == []
    assert rethink(gallery, []).moves == [Move((1, 2), None, new=True)]


def test_a_face_that_the_user_put_away_is_not_placed(sighting):
    gallery = [sighting(OBAMA, "Barack"), sighting(HALF, "Barack"), sighting(OBAMA_AGAIN, pinned=True)]
    assert rethink(gallery, []).moves == []


def test_a_folder_that_the_user_put_a_face_into_keeps_all_its_faces(sighting):
    own = [sighting(OBAMA, "person_01"), sighting(HALF, "person_01")]
    wrong = [sighting(BIDEN, "person_01", corrected=True), sighting(BIDEN, "person_01", corrected=True)]
    assert rethink([*own, *wrong], []).moves == []


def test_folders_that_the_user_merged_stay_one(sighting):
    own = [sighting(BIDEN, "person_01") for _ in range(30)]
    merged = [sighting(name, "person_01", corrected=True) for name in (OBAMA, HALF, OTHER_HALF)]
    assert rethink([*own, *merged], []).moves == []
    new = sighting(OBAMA_AGAIN)
    assert rethink([*own, *merged, new], []).moves == []  # most of that person is far away
    assert rethink([*merged, new], []).moves == [Move((new.id,), "person_01")]


@pytest.mark.parametrize("seed", range(6))
def test_once_carried_out_second_thoughts_have_nothing_to_add(many, seed: int):
    gallery = mixed(many, seed)
    first = rethink(gallery, [], [(1, 40), (2, 30)])
    assert first.moves
    assert rethink(carried_out(gallery, first), [], [(1, 40), (2, 30)]).moves == []


@pytest.mark.parametrize("seed", range(6))
def test_no_face_of_the_users_placing_is_moved(many, seed: int):
    gallery = mixed(many, seed)
    after = carried_out(gallery, rethink(gallery, []))
    for old, new in zip(gallery, after, strict=True):
        if old.corrected or old.pinned or is_named(old.person):
            assert new.person == old.person
        if is_named(new.person):
            assert old.person in (None, new.person)


def test_the_order_in_which_faces_came_does_not_matter(many):
    gallery = [
        Sighting(id=number, face=str(number), person=None, distance=None, encoding=encoding)
        for number, encoding in enumerate((encoding for own in many for encoding in own), 1)
    ]
    found = groups(carried_out(gallery, rethink(gallery, [])))
    assert sum(len(group) >= 3 for group in found) >= 10
    for seed in range(4):
        shuffled = random.Random(seed).sample(gallery, len(gallery))
        assert groups(carried_out(shuffled, rethink(shuffled, []))) == found


def test_a_continued_track_does_not_go_to_whom_the_user_said_it_is_not(sighting, faces: dict[str, Face]):
    people = PersonDB(0.46)
    for face in (sighting(OBAMA, "Barack", track=7), sighting(HALF, "Barack", track=8), sighting(BIDEN, "Joe")):
        people.add(face)
    probe = faces[OBAMA_AGAIN].encoding
    assert people.decide(probe, 7).person == people.decide(probe, 9).person == "Barack"
    for track in (7, 9):
        people.keep_apart(track, "Barack")
        assert people.decide(probe, track).person is None
    assert people.decide(probe, 8).person == "Barack"
    people.keep_apart(7, "somebody who is gone")
    assert people.decide(np.asarray(faces[BIDEN].encoding), 7).person == "Joe"
