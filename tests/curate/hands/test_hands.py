"""What the page's commands make of a gallery, and that an undo takes it back; on small pictures of made-up people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from curate.hands.test_stale_tabs import ids
from gallery.test_journal import World

from face_classifier.core.disk.files import content_hash
from face_classifier.core.errors import UserError


@pytest.fixture
def world(tmp_path: Path) -> World:
    """person_01 with three faces, person_02 with two, and three unknown ones."""
    world = World(tmp_path / "result")
    world.run((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1), (4, 1), (5, 1))
    return world


def do(world: World, command: str, **arguments: Any) -> dict[str, Any]:
    answer: dict[str, Any] = world.carry_out(command, arguments)
    assert "conflict" not in answer
    return answer


def state(world: World) -> Any:
    """All that an undo brings back: what lies where, what was said, and what the program remembers of it."""
    pictures = [path for path in world.folder.rglob("*.png") if path.parent != world.folder]
    places = {path.relative_to(world.folder): content_hash(path) for path in pictures}
    return places, world.labels(), world.flags(), world.kept_apart()


def comes_back(world: World, before: Any, answer: dict[str, Any]) -> None:
    assert state(world) != before
    world.carry_out("undo", {"to": answer["undo"], "seen": answer["revision"]})
    assert state(world) == before


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("assign", {"faces": [6, 7], "person": "person_01"}),
        ("assign", {"faces": [6, 1], "person": "Zoe"}),
        ("assign", {"faces": [6, 1, 3], "new": True}),
        ("assign", {"faces": [1, 2, 6]}),
        ("assign", {"faces": [1, 2], "not": "person_01"}),
        ("assign", {"faces": [1, 2, 5], "person": "Zoe"}),
        ("assign", {"faces": [3], "person": "person_01", "not": "person_02"}),
        ("merge", {"person": "person_01", "from": ["person_02"]}),
        ("merge", {"person": "person_01", "from": ["person_02"], "name": "Zoe"}),
        ("merge", {"person": "person_01", "from": ["person_02"], "name": "person_02"}),
        ("part", {"person": "person_01", "faces": [1]}),
        ("part", {"person": "person_01", "faces": [1, 2], "name": "Zoe"}),
        ("rename", {"person": "person_01", "name": "Zoe"}),
        ("ignore", {"faces": [6, 1]}),
        ("exclude", {"faces": [6, 1, 2, 3]}),
        ("judge", {"one": "person_01", "other": "person_02", "same": True}),
        ("judge", {"one": "person_01", "other": "person_02", "same": False}),
    ],
)
def test_an_undo_brings_back_all_that_a_command_changed(world: World, command: str, arguments: dict[str, Any]) -> None:
    before = state(world)
    comes_back(world, before, do(world, command, **arguments))


def test_faces_become_a_persons_by_the_users_word(world: World) -> None:
    answer = do(world, "assign", faces=[6, 7], person="person_01", door="page Lena")
    assert (answer["person"], answer["changed"], answer["faces"]) == ("person_01", [6, 7], 2)
    assert ids(world, "person_01") == [1, 2, 5, 6, 7]
    entry = world.entries()[-1]
    assert (entry.door, answer["revision"], answer["undo"]) == ("page Lena", entry.number, entry.number - 1)
    world.think_again()
    assert ids(world, "person_01") == [1, 2, 5, 6, 7]


def test_a_person_whom_nobody_is_called_like_is_made(world: World) -> None:
    assert do(world, "assign", faces=[6], person="김 영수")["person"] == "김 영수"
    assert ids(world, "김 영수") == [6]
    assert do(world, "assign", faces=[7], new=True)["person"] == "person_03"
    assert ids(world, "person_03") == [7]


def test_a_name_that_is_written_otherwise_is_the_same_person(world: World) -> None:
    do(world, "assign", faces=[6], person="José")
    assert do(world, "assign", faces=[7], person="Jose\u0301")["person"] == "José"
    assert do(world, "assign", faces=[8], person="josé")["person"] == "José"
    assert ids(world, "José") == [6, 7, 8]


def test_faces_that_become_unknown_are_not_whose_they_were(world: World) -> None:
    do(world, "assign", faces=[1], person=None)
    assert world.flags()[world.sightings()[0].face] == (False, False), "they are asked about again"
    assert (1, 2) in world.kept_apart()
    world.think_again()
    assert 1 in ids(world, None)


def test_all_faces_of_somebody_stay_unknown_until_somebody_says_otherwise(world: World) -> None:
    all_of_them = ids(world, "person_01")
    do(world, "assign", faces=all_of_them, person=None)
    world.think_again()
    assert set(all_of_them) <= set(ids(world, None))
    do(world, "restore", faces=all_of_them)
    world.think_again()
    assert not set(all_of_them) & set(ids(world, None))


def test_who_is_not_somebody_may_be_anybody_else_and_the_no_is_kept_until_it_is_taken_back(world: World) -> None:
    before = state(world)
    denied = do(world, "assign", faces=[1], person=None, **{"not": "person_01"})
    assert (1, 2) in world.kept_apart()
    assert world.flags()[world.sightings()[0].face] == (False, False), "it is asked about again"
    world.think_again()
    assert 1 in ids(world, None), "what it is not is still said"
    comes_back(world, before, denied)
    do(world, "assign", faces=[1], person=None, **{"not": "person_01"})
    do(world, "restore", faces=[1], **{"not": "person_01"})
    assert world.kept_apart() == []
    world.think_again()
    assert 1 in ids(world, "person_01")


def test_a_no_to_an_unknown_face_that_stays_unknown_is_kept(world: World) -> None:
    do(world, "assign", faces=[6], person=None, **{"not": "person_02"})
    assert {other for one, other in world.kept_apart() if one == 6} == {3, 4}
    assert world.entries()[-1].pairs


def test_excluded_faces_go_back_to_whom_they_were_taken_from(world: World) -> None:
    before = state(world)
    do(world, "exclude", faces=[1, 6])
    assert ids(world, "person_01") == [2, 5]
    assert {path.parent.name for path in (world.folder / ".rejected").rglob("*.png")} == {"person_01", "unknowns"}
    answer = do(world, "restore", faces=[1, 6])
    assert sorted(answer["changed"]) == [1, 6]
    assert ids(world, "person_01") == [1, 2, 5]
    assert 6 in ids(world, None)
    assert world.flags()[next(face.face for face in world.sightings() if face.id == 6)] == (False, False)
    assert state(world)[0] == before[0]


def test_an_excluded_face_can_become_somebodys(world: World) -> None:
    do(world, "exclude", faces=[1, 6])
    before = state(world)
    answer = do(world, "assign", faces=[1, 6], person="person_02")
    assert ids(world, "person_02") == [1, 3, 4, 6]
    comes_back(world, before, answer)
    do(world, "assign", faces=[1, 6], new=True)
    assert ids(world, "person_03") == [1, 6]


def test_the_direction_and_the_name_of_a_merge_are_what_is_told(world: World) -> None:
    do(world, "assign", faces=[6], person="Zoe")
    answer = do(world, "merge", person="person_01", **{"from": ["person_02", "Zoe"]}, name="Ann")
    assert (answer["person"], answer["faces"]) == ("Ann", 6)
    assert ids(world, "Ann") == [1, 2, 3, 4, 5, 6]
    assert {person for person in world.labels().values() if person} == {"Ann"}
    assert world.entries()[-1].number == answer["revision"]


def test_a_merge_may_take_the_name_of_whom_it_takes_in(world: World) -> None:
    do(world, "rename", person="person_02", name="Ann")
    assert do(world, "merge", person="person_01", **{"from": ["Ann"]}, name="Ann")["person"] == "Ann"
    assert ids(world, "Ann") == [1, 2, 3, 4, 5]


def test_what_was_put_apart_stays_apart_and_can_be_put_together_again(world: World) -> None:
    answer = do(world, "part", person="person_01", faces=[1])
    assert (answer["person"], answer["new"]) == ("person_01", "person_03")
    world.think_again()
    assert ids(world, "person_03") == [1]
    do(world, "merge", person="person_01", **{"from": ["person_03"]})
    assert world.kept_apart() == []


def test_a_no_to_a_suggestion_is_kept_and_taken_back(world: World) -> None:
    do(world, "judge", one="person_01", other="person_02", same=False)
    assert world.kept_apart()
    answer = do(world, "judge", one="person_02", other="person_01", same=None)
    assert answer["person"] is None
    assert world.kept_apart() == []
    assert do(world, "judge", one="person_01", other="person_02", same=None)["undo"] is None
    do(world, "rename", person="person_02", name="Zoe")
    assert do(world, "judge", one="person_01", other="Zoe", same=True)["person"] == "Zoe"


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        ("assign", {"faces": [], "person": "Zoe"}, "faces must be a list"),
        ("assign", {"faces": ["1"], "person": "Zoe"}, "faces must be a list"),
        ("assign", {"faces": [True], "person": "Zoe"}, "faces must be a list"),
        ("assign", {"faces": [1 << 70], "person": "Zoe"}, "faces must be a list"),
        ("assign", {"faces": [-1], "person": "Zoe"}, "faces must be a list"),
        ("assign", {"faces": [1], "person": "\ud800"}, "must be a name"),
        ("assign", {"faces": [1], "person": "a\0b"}, "no folder can have it"),
        ("assign", {"faces": [1], "person": "Zoe", "seen": 1 << 70}, "seen is"),
        ("merge", {"person": "person_01", "from": ["\ud800"]}, "from must be a list"),
        ("assign", {"faces": [999], "person": "Zoe"}, "there is no face 999"),
        ("assign", {"faces": [0], "person": "Zoe"}, "there is no face 0"),
        ("assign", {"faces": [1], "person": "../x"}, "no folder can have it"),
        ("assign", {"faces": [1], "person": ""}, "is empty"),
        ("assign", {"faces": [1], "person": "unknowns"}, "the faces of nobody"),
        ("assign", {"faces": [1], "person": 5}, "must be a name"),
        ("assign", {"faces": [1], "person": "Zoe", "new": True}, "not both"),
        ("assign", {"faces": [1], "person": "person_01", "not": "person_01"}, "give two people"),
        ("assign", {"faces": [1], "not": "nobody"}, "there is no person 'nobody'"),
        ("assign", {"faces": [1], "seen": "x"}, "seen is 'x'"),
        ("assign", {"faces": [1], "door": "run"}, "the door is 'run'"),
        ("assign", {"faces": [1], "door": "page "}, "the door is 'page '"),
        ("assign", {"faces": [1], "door": "page a\nb"}, "the door is"),
        ("assign", {"faces": [1], "door": "page " + "x" * 100}, "the door is"),
        ("merge", {"person": "person_01", "from": []}, "from must be a list"),
        ("merge", {"person": "person_01", "from": ["person_01"]}, "give the names of two people"),
        ("merge", {"person": "nobody", "from": ["person_01"]}, "there is no person 'nobody'"),
        ("merge", {"person": "unknowns", "from": ["person_01"]}, "there is no person 'unknowns'"),
        ("part", {"person": "person_01", "faces": [1, 2, 5]}, "these are all faces"),
        ("part", {"person": "person_01", "faces": [1, 3]}, "do not belong to person_01"),
        ("judge", {"one": "person_01", "other": "person_01", "same": True}, "two people"),
        ("judge", {"one": "person_01", "other": "person_02", "same": "yes"}, "true, false or null"),
        ("judge", {"one": "person_01", "same": True}, "other is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    world: World, command: str, arguments: dict[str, Any], sentence: str
) -> None:
    before = state(world)
    with pytest.raises(UserError, match=sentence):
        world.carry_out(command, arguments)
    assert state(world) == before
