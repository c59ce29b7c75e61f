"""A living gallery takes in what changed, and is then as one that is opened anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gallery.folder.test_compare import read_photo

from face_classifier.core.config.load import load
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS
from face_classifier.gallery.store import Store
from face_classifier.identity.person_db import PersonDB

PROBES = np.random.default_rng(7).normal(0.0, 0.05, (20, 128))


class Silent:
    def problem(self, sentence: str) -> None:
        raise AssertionError(sentence)

    def at_end(self, sentence: str) -> None:
        raise AssertionError(sentence)


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Gallery]:
    folder = tmp_path / "result"
    for number, name in enumerate(("Ann", "Ann", "Bob", "Bob", "Cem", UNKNOWNS, UNKNOWNS)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"20240506_070809.000-{number}.png").write_bytes(bytes([number]))
    with Store(folder, writing=True) as store:
        yield Gallery(load({"result": str(folder), "threshold": 0.8}), store, read_photo, Silent())


def knows(people: PersonDB) -> object:
    return people.persons, people.known_faces, people.unknown_faces, [people.decide(probe) for probe in PROBES]


def anew(living: Gallery) -> Gallery:
    return Gallery(living.settings, living.store, read_photo, Silent())


def pictures(living: Gallery, name: str) -> list[Path]:
    return sorted((living.store.folder / name).iterdir())


def move(living: Gallery, name: str, target: str) -> None:
    (living.store.folder / target).mkdir(parents=True, exist_ok=True)
    picture = pictures(living, name)[0]
    picture.rename(living.store.folder / target / picture.name)


@pytest.mark.parametrize(
    ("name", "target"),
    [("Ann", "Bob"), (UNKNOWNS, "Ann"), ("Cem", UNKNOWNS), ("Bob", f"{EXCLUDED}/Bob"), ("Cem", "D")],
)
@pytest.mark.parametrize("told", [True, False])
def test_a_move_is_taken_in(living: Gallery, name: str, target: str, told: bool) -> None:
    move(living, name, target)
    looked = living.look(touched={name, target} if told else None)
    assert looked.changed is not None
    assert "Bob" not in looked.changed or "Bob" in (name, target)
    assert knows(living.people) == knows(anew(living).people)
    assert list(living.faces) == sorted(living.faces)
    assert [(face_id, face.person) for face_id, face in living.faces.items()] == [
        (face.id, face.person) for face in looked.faces
    ]


def test_a_renamed_person_is_taken_in(living: Gallery) -> None:
    (living.store.folder / "Ann").rename(living.store.folder / "Zoe")
    living.look(touched={"Ann", "Zoe"})
    assert {face.person for face in living.faces.values()} == {"Zoe", "Bob", "Cem", None}
    assert knows(living.people) == knows(anew(living).people)


def test_an_edit_in_place_is_found_by_whom_nobody_told(living: Gallery) -> None:
    picture = pictures(living, "Cem")[0]
    picture.write_bytes(b"something else")
    looked = living.look()
    assert looked.changed == {"Cem"}
    ((face),) = (face for face in looked.faces if face.person == "Cem")
    assert np.array_equal(face.encoding, read_photo(picture, True)[0].encoding)


def test_what_went_from_a_folder_that_is_told_to_one_that_is_not_is_not_deleted(living: Gallery) -> None:
    move(living, "Ann", "Bob")
    looked = living.look(touched={"Ann"})
    assert [move.kind for move in looked.moves] == ["move"]
    assert len(living.faces) == 7


def test_what_came_from_a_folder_that_is_not_told_is_no_copy(living: Gallery) -> None:
    move(living, "Ann", "Bob")
    looked = living.look(touched={"Bob"})
    assert [move.kind for move in looked.moves] == ["move"]
    assert living.store.problems() == []


def test_faces_of_a_look_are_not_those_of_a_later_moment(living: Gallery) -> None:
    move(living, "Ann", "Bob")
    looked = living.store.look(read_photo)
    living.store.move([looked.moves[0].face], None)
    with pytest.raises(RuntimeError, match="after something else was written"):
        list(looked.faces)


def test_faces_that_are_taken_in_together_make_the_very_sums_of_those_taken_in_one_by_one(living: Gallery) -> None:
    together, one_by_one = PersonDB(0.8, spread=0.5), PersonDB(0.8, spread=0.5)
    together.add_all(living.faces.values())
    for face in living.faces.values():
        one_by_one.add(face)
    assert knows(together) == knows(one_by_one) == knows(anew(living).people)
    limits = [[people.limit(name, np.zeros(128)) for name in ("Ann", "Bob")] for people in (together, one_by_one)]
    assert limits[0] == limits[1]


def test_faces_are_as_they_are_whenever_one_is_asked_for(living: Gallery) -> None:
    first, *others = living.faces
    pictures(living, "Ann")[0].unlink()
    assert first in living.faces  # until somebody looks
    living.look()
    assert first not in living.faces
    assert list(living.faces) == [face.id for face in living.faces.values()] == others
    living.store.move([others[-1]], "Bob")
    assert living.faces[others[-1]].person == "Bob"
