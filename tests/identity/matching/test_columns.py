"""Faces taken in as columns, and in any order: a gallery that grew is the one that is read anew, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face_classifier.core.types import Face, Sighting
from face_classifier.identity.certainty import SFACE_CERTAINTY
from face_classifier.identity.matching.columns import LabelColumns, columns_of, digest_of, key_of
from face_classifier.identity.person_db import PersonDB

NAMES = "Ada", "Ben", "Cleo", None
STEP = 2.0**-24
DICE = np.random.default_rng(14)
# Five people of many faces each, multiples of a step as every encoding is; some of them very near.
CENTRES = DICE.normal(0, 0.05, (5, 128))
ENCODINGS = np.rint((CENTRES[DICE.integers(0, 5, 60)] + DICE.normal(0, 0.02, (60, 128))) / STEP) * STEP


def nobody() -> PersonDB:
    return PersonDB(0.5, spread=0.6, founding=4, tightening=0.05)


@st.composite
def some_faces(draw: st.DrawFn) -> list[Sighting]:
    """Up to forty faces of a few people and tracks."""
    faces = []
    for number in range(1, draw(st.integers(1, 40)) + 1):
        person = draw(st.sampled_from(NAMES))
        face = Sighting(
            id=number,
            face=f"face {number}",
            person=person,
            distance=None,
            encoding=ENCODINGS[draw(st.integers(0, len(ENCODINGS) - 1))],
            track=draw(st.sampled_from([None, 1, 2, 3, 4])),
            quality=draw(st.sampled_from([None, 0.1, 0.3, 1 / 3, 0.7, 0.123456789])),
            corrected=person is not None and draw(st.booleans()),
            pinned=person is None and draw(st.integers(0, 4)) == 0,
        )
        faces.append(face)
    return faces


def assert_same(one: PersonDB, other: PersonDB) -> None:
    counts = [(people.persons, people.known_faces, people.unknown_faces) for people in (one, other)]
    assert counts[0] == counts[1]
    for probe in ENCODINGS[::3]:
        for track in (None, 1, 2, 3, 4):
            assert one.decide(probe, track, 0.3) == other.decide(probe, track, 0.3)
        for name in NAMES[:-1]:
            assert one.holds(name, []) == other.holds(name, [])
            if not one.holds(name, []):
                assert one.limit(name, probe) == other.limit(name, probe)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(some_faces(), st.data())
def test_a_gallery_that_grew_in_any_order_is_the_one_that_is_read_anew(
    faces: list[Sighting], data: st.DataObject
) -> None:
    grown = nobody()
    there: dict[int, Sighting] = {}
    for face in data.draw(st.permutations(faces)):
        grown.add(face)
        there[face.id] = face
        other = there[data.draw(st.sampled_from(sorted(there)))]
        match data.draw(st.sampled_from(["stay", "remove", "move", "drop", "together"])):
            case "remove":
                _take_out(other, grown, there)
            case "move":
                _take_out(other, grown, there)
                moved = replace(other, person=data.draw(st.sampled_from(NAMES)), pinned=False, corrected=False)
                grown.add(moved)
                there[moved.id] = moved
            case "drop":
                grown.drop(other.person)
                there = {face.id: face for face in there.values() if face.person != other.person}
            case "together":
                again = [face for face in there.values() if face.person == other.person]
                grown.drop(other.person)
                grown.add_columns(columns_of(again[::-1]))
    anew = nobody()
    anew.add_all(there[number] for number in sorted(there))
    assert_same(grown, anew)
    for person in NAMES:
        own = [face for face in there.values() if face.person == person]
        assert grown.holds(person, own)
        assert anew.holds(person, own)


def _take_out(face: Sighting, people: PersonDB, there: dict[int, Sighting]) -> None:
    """A face, of an unknown one with its track as it was, of which the others stay."""
    del there[face.id]
    mates = [
        other
        for other in there.values()
        if face.track is not None and (other.track, other.person, other.pinned) == (face.track, None, False)
    ]
    people.remove(face, mates if face.person is None and not face.pinned else ())


@settings(max_examples=30, deadline=None, database=None, derandomize=True)
@given(some_faces(), st.integers(1, 7))
def test_faces_taken_in_as_columns_count_as_one_by_one(faces: list[Sighting], pieces: int) -> None:
    one_by_one, at_once, in_pieces = nobody(), nobody(), nobody()
    for face in faces:
        one_by_one.add(face)
    columns = as_read(faces)
    at_once.add_columns(columns)
    for start in range(0, len(columns), pieces):
        in_pieces.add_columns(columns[start : start + pieces])
    assert_same(one_by_one, at_once)
    assert_same(one_by_one, in_pieces)
    for person in NAMES:
        assert at_once.holds(person, [face for face in faces if face.person == person])


def as_read(faces: Sequence[Sighting]) -> LabelColumns:
    """As a file of float32 has them, and with people of whom there is no face."""
    columns = columns_of(faces)
    return replace(
        columns,
        names=["Zoe", *columns.names],
        person=np.where(columns.person < 0, -1, columns.person + 1).astype(np.int32),
        encodings=columns.encodings.astype(np.float32),
    )


def test_real_faces_are_the_same_in_any_order(faces: dict[str, Face]) -> None:
    known = [
        Sighting(number, name, name[:4], None, encoding=np.rint(face.encoding / STEP) * STEP)
        for number, (name, face) in enumerate(sorted(faces.items()), 1)
    ]
    forth, back = (PersonDB(0.5, spread=0.6, certainty=SFACE_CERTAINTY) for _ in range(2))
    forth.add_all(known)
    for face in known[::-1]:
        back.add(face)
    for face in known[::2]:
        for people in (forth, back):
            people.remove(face)
        forth.add(face)
    back.add_columns(columns_of(known[::2]))
    for face in known:
        assert face.encoding is not None
        assert forth.decide(face.encoding) == back.decide(face.encoding)


def test_of_people_who_are_equally_near_the_first_by_name_counts_whoever_came_first() -> None:
    encoding = ENCODINGS[0]
    for names in (["Ada", "Ben", "Cleo"], ["Cleo", "Ben", "Ada"]):
        people = nobody()
        for number, name in enumerate(names, 1):
            people.add(Sighting(number, name, name, None, encoding=encoding))
        assert people.decide(encoding).person == "Ada"
        people.drop("Ada")
        assert people.decide(encoding).person == "Ben"


def test_faces_that_exchange_their_encodings_are_not_the_same_ones() -> None:
    one, other = (Sighting(number, "", "Ada", None, encoding=ENCODINGS[number]) for number in (1, 2))
    people = nobody()
    people.add_all([one, other])
    assert people.holds("Ada", [other, one])
    assert not people.holds("Ada", [replace(one, encoding=other.encoding), replace(other, encoding=one.encoding)])


def test_a_face_that_is_on_no_disk_yet_is_on_no_track_of_others() -> None:
    people = nobody()
    people.add(Sighting(-4, "", None, None, encoding=ENCODINGS[0]))
    people.add(Sighting(2, "", None, None, encoding=ENCODINGS[1]))
    for track in (4, 5, 8, 9):
        assert people.decide(ENCODINGS[0] + 3, track, 1.0).partners == ()
    assert people.unknown_faces == 2


def test_one_face_has_the_digest_and_the_key_that_columns_tell() -> None:
    face = Sighting(7, "", None, None, encoding=-ENCODINGS[0], track=3, quality=0.3)
    others = {"quality": None}, {"quality": float("nan")}, {"track": None}, {"track": None, "id": -4}, {"pinned": True}
    faces = [face, *(replace(face, **other) for other in others), replace(face, corrected=True, encoding=np.zeros(128))]
    columns = columns_of(faces)
    assert [digest_of(one) for one in faces] == columns.digests().tolist()
    assert [key_of(one) for one in faces] == columns.keys().tolist()
    assert len({digest_of(one) for one in faces}) == len(faces) - 1  # a quality that is none is none either way


@pytest.mark.parametrize("faces", [0, 1])
def test_columns_without_a_face_change_nothing(faces: int) -> None:
    people = nobody()
    people.add_columns(columns_of([Sighting(1, "", "Ada", None, encoding=ENCODINGS[0])][:faces]))
    people.add_columns(columns_of([]))
    assert people.known_faces == people.persons == faces
