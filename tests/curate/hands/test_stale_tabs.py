"""Two people, or a person and the program, change a gallery at once: what somebody did not see is never overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gallery.test_journal import World

from face_classifier.core.errors import UserError


class Tab:
    """A page that shows the gallery as it was when it was loaded."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen = 0
        self.load()

    def load(self) -> None:
        self.seen = max((entry.number for entry in self.world.entries()), default=0)

    def does(self, command: str, **arguments: Any) -> dict[str, Any]:
        """A command that is done."""
        answer = self.asks(command, **arguments)
        assert "conflict" not in answer, answer["conflict"]
        assert answer["revision"] > self.seen or answer["undo"] is None
        self.seen = answer["revision"]
        return answer

    def asks(self, command: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.world.carry_out(command, arguments | {"seen": self.seen, "door": "page"})
        return answer

    def is_refused(self, command: str, **arguments: Any) -> dict[str, Any]:
        """A command that is answered by a conflict, and changes nothing."""
        before = self.world.labels(), self.world.kept_apart(), len(self.world.entries())
        answer = self.asks(command, **arguments)
        assert set(answer) == {"conflict", "merge_into"}
        assert (self.world.labels(), self.world.kept_apart(), len(self.world.entries())) == before
        return answer


@pytest.fixture
def world(tmp_path: Path) -> World:
    """person_01 with three faces, person_02 with two, and three unknown ones."""
    world = World(tmp_path / "result")
    world.run((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1), (4, 1), (5, 1))
    return world


@pytest.fixture
def a(world: World) -> Tab:
    return Tab(world)


@pytest.fixture
def b(world: World) -> Tab:
    return Tab(world)


def ids(world: World, person: str | None) -> list[int]:
    return [face.id for face in world.sightings() if face.person == person]


def test_a_merge_of_whom_another_tab_has_renamed_is_refused(world: World, a: Tab, b: Tab) -> None:
    b.does("rename", person="person_02", name="Bea")
    assert "renamed to Bea" in a.is_refused("merge", person="person_01", **{"from": ["person_02"]})["conflict"]
    assert "renamed to Bea" in a.is_refused("merge", person="person_02", **{"from": ["person_01"]})["conflict"]


def test_a_merge_of_whom_another_tab_has_split_is_refused(world: World, a: Tab, b: Tab) -> None:
    b.does("part", person="person_01", faces=ids(world, "person_01")[:1], name=None)
    a.is_refused("merge", person="person_01", **{"from": ["person_02"]})
    a.is_refused("merge", person="person_02", **{"from": ["person_01"]})


def test_a_merge_of_whom_another_tab_has_emptied_is_refused(world: World, a: Tab, b: Tab) -> None:
    b.does("assign", faces=ids(world, "person_02"), person=None)
    assert "no longer has faces" in a.is_refused("merge", person="person_01", **{"from": ["person_02"]})["conflict"]


def test_a_merge_of_whom_another_tab_has_merged_is_refused(world: World, a: Tab, b: Tab) -> None:
    b.does("merge", person="person_01", **{"from": ["person_02"]}, name="Ann")
    a.is_refused("merge", person="person_02", **{"from": ["person_01"]})


def test_a_merge_of_whom_another_tab_has_told_apart_is_refused(world: World, a: Tab, b: Tab) -> None:
    b.does("judge", one="person_01", other="person_02", same=False)
    assert "answered" in a.is_refused("merge", person="person_01", **{"from": ["person_02"]})["conflict"]
    assert "answered" in a.is_refused("judge", one="person_02", other="person_01", same=True)["conflict"]


def test_faces_that_another_tab_moved_are_not_assigned(world: World, a: Tab, b: Tab) -> None:
    faces = ids(world, None)
    b.does("assign", faces=faces[:1], person="Zoe")
    a.is_refused("assign", faces=faces, person="person_01")
    a.is_refused("ignore", faces=faces)
    a.is_refused("exclude", faces=faces)


def test_faces_that_another_tab_ignored_excluded_or_restored_are_not_assigned(world: World, a: Tab, b: Tab) -> None:
    first, second, _ = ids(world, None)
    b.does("ignore", faces=[first])
    b.does("exclude", faces=[second])
    for face in (first, second):
        a.is_refused("assign", faces=[face], person="person_01")
    a.load()
    b.does("restore", faces=[first, second])
    for face in (first, second):
        a.is_refused("assign", faces=[face], person="person_01")


def test_faces_that_the_file_manager_moved_are_not_assigned(world: World, a: Tab) -> None:
    faces = ids(world, "person_01")
    for path in world.pictures("person_01"):
        world.move(path, "Zoe")
    answer = a.asks("assign", faces=faces, person="person_02")  # whose own look sees it first
    assert "moved in the meantime" in answer["conflict"]
    assert ids(world, "Zoe") == faces


def test_a_face_that_was_deleted_is_a_conflict_for_whoever_saw_it(world: World, a: Tab) -> None:
    (face,) = ids(world, "person_02")[:1]
    world.pictures("person_02")[0].unlink()
    assert "gone" in a.asks("assign", faces=[face], person="person_01")["conflict"]
    with pytest.raises(UserError, match=f"no face {face}"):
        world.carry_out("assign", {"faces": [face], "person": "person_01"})


def test_what_was_undone_in_between_is_a_conflict_too(world: World, a: Tab, b: Tab) -> None:
    faces = ids(world, None)
    b.does("assign", faces=faces, person="Zoe")
    b.load()
    world.undo()
    assert ids(world, None) == faces
    a.is_refused("assign", faces=faces, person="person_01")
    b.is_refused("assign", faces=faces, person="person_01")


def test_second_thoughts_in_between_are_a_conflict_for_what_they_moved_alone(world: World) -> None:
    faces = {face.id: face for face in world.sightings()}
    one, *_ = ids(world, "person_01")
    tab = Tab(world)
    assert world.take_out(faces[one]) == 1
    tab.is_refused("assign", faces=[one], person="person_02")
    tab.is_refused("merge", person="person_02", **{"from": ["person_01"]})
    tab.does("assign", faces=ids(world, None)[-1:], person="person_02")


def test_faces_that_a_run_keeps_in_between_are_no_conflict(world: World, a: Tab, b: Tab) -> None:
    unknown = ids(world, None)
    world.run((1, 7), (2, 7), (3, 7), (6, 1), clip="another")  # 3 becomes a person with one of the unknown ones
    assert len(ids(world, "person_01")) == 4
    assert a.seen < Tab(world).seen
    a.does("assign", faces=unknown, person="person_02")
    b.seen = Tab(world).seen
    world.run((1, 8), clip="third")
    b.does("merge", person="person_01", **{"from": ["person_02"]})


def test_a_person_who_gained_faces_meanwhile_is_still_who_faces_are_assigned_to(world: World, a: Tab, b: Tab) -> None:
    first, second, _ = ids(world, None)
    b.does("assign", faces=[first], person="person_01")
    answer = a.does("assign", faces=[second], person="person_01")
    assert answer["unseen"] == 1
    assert {first, second} < set(ids(world, "person_01"))


def test_what_the_same_tab_did_since_is_no_conflict_though_others_did_something_too(
    world: World, a: Tab, b: Tab
) -> None:
    first, second, third = ids(world, None)
    own = a.asks("assign", faces=[first], person="Kim")
    b.load()
    b.does("assign", faces=[third], person="person_02")
    a.is_refused("assign", faces=[second], person="Kim")
    more = a.asks("assign", faces=[second], person="Kim", mine=[own["entry"]])
    assert more["unseen"] == 1
    assert set(ids(world, "Kim")) == {first, second}
    a.is_refused("assign", faces=[third], person="Kim", mine=[own["entry"], more["entry"]])


def test_a_tab_takes_back_one_after_the_other_of_what_it_did(world: World, a: Tab) -> None:
    before = world.labels()
    entries = [a.asks("assign", faces=[face], person="person_01", mine=[])["entry"] for face in ids(world, None)]
    mine = list(entries)
    for entry in reversed(entries):
        mine.append(world.carry_out("undo", {"to": entry - 1, "seen": entry, "mine": mine, "door": "page"})["entry"])
    assert world.labels() == before


@pytest.mark.parametrize("mine", [[True], ["3"], 3, [-1]])
def test_entries_of_the_same_tab_are_told_by_their_numbers(world: World, a: Tab, mine: Any) -> None:
    with pytest.raises(UserError, match="mine must be a list"):
        a.asks("assign", faces=ids(world, None), person="person_01", mine=mine)


def test_nobody_is_brought_back_under_a_name_that_went(world: World, a: Tab, b: Tab) -> None:
    unknown = ids(world, None)
    b.does("rename", person="person_02", name="Bea")
    assert "renamed to Bea" in a.is_refused("assign", faces=unknown, person="person_02")["conflict"]
    b.does("merge", person="person_01", **{"from": ["Bea"]})
    b.does("rename", person="person_01", name="person_02")
    a.is_refused("assign", faces=unknown, person="person_02")


def test_a_new_name_that_another_tab_gave_first_is_no_silent_merge(world: World, a: Tab, b: Tab) -> None:
    first, second, third = ids(world, None)
    b.does("assign", faces=[first], person="Kim")
    assert a.is_refused("assign", faces=[second], person="Kim")["merge_into"] == "Kim"
    assert (
        a.is_refused("part", person="person_01", faces=ids(world, "person_01")[:1], name="Kim")["merge_into"] == "Kim"
    )
    b.does("assign", faces=[third], person="Kim")


@pytest.mark.parametrize("name", ["person_02", "PERSON_02"])
def test_a_name_that_is_taken_is_a_conflict_that_tells_whom_to_merge_into(world: World, a: Tab, name: str) -> None:
    assert a.is_refused("rename", person="person_01", name=name)["merge_into"] == "person_02"
    faces = ids(world, "person_01")[:1]
    assert a.is_refused("part", person="person_01", faces=faces, name=name)["merge_into"] == "person_02"
    a.does("assign", faces=ids(world, None), person="Zoe")
    assert a.is_refused("merge", person="person_01", name=name, **{"from": ["Zoe"]})["merge_into"] == "person_02"


def test_a_rename_of_whom_another_tab_changed_is_refused(world: World, a: Tab, b: Tab) -> None:
    b.does("assign", faces=ids(world, "person_01")[:1], person="person_02")
    a.is_refused("rename", person="person_01", name="Ann")
    a.is_refused("part", person="person_02", faces=ids(world, "person_02")[:1], name=None)
    a.is_refused("judge", one="person_01", other="person_02", same=False)


def test_who_saw_nothing_overwrites_nothing_unless_they_say_so(world: World, b: Tab) -> None:
    """``seen`` null is for whoever decides by what is there now."""
    faces = ids(world, None)
    b.does("assign", faces=faces[:1], person="Zoe")
    answer = world.carry_out("assign", {"faces": faces, "person": "person_01", "seen": None})
    assert answer["faces"] == 3
    assert set(faces) < set(ids(world, "person_01"))


def test_a_page_of_another_folder_is_told(world: World, a: Tab) -> None:
    a.seen += 1000
    assert "not the one" in a.is_refused("assign", faces=ids(world, None), person="Zoe")["conflict"]


# Undo


def test_an_undo_does_not_take_back_what_another_tab_did_since(world: World, a: Tab, b: Tab) -> None:
    first, second, _ = ids(world, None)
    answer = a.does("assign", faces=[first], person="person_01")
    b.load()
    b.does("assign", faces=[second], person="person_02")
    assert "history" in a.is_refused("undo", to=answer["undo"])["conflict"]
    assert "history" in a.is_refused("undo", to=None)["conflict"]
    a.load()
    a.does("undo", to=answer["undo"])
    assert {first, second} < set(ids(world, None))


def test_an_undo_does_not_take_back_what_the_file_manager_did_since(world: World, a: Tab) -> None:
    answer = a.does("assign", faces=ids(world, None)[:1], person="person_01")
    world.move(world.pictures("person_02")[0], "Zoe")
    assert "history" in a.asks("undo", to=answer["undo"])["conflict"]
    assert len(ids(world, "Zoe")) == 1


def test_an_undo_leaves_what_a_run_and_second_thoughts_did_with_other_faces(world: World, a: Tab) -> None:
    first, second, _ = ids(world, None)
    answer = a.does("assign", faces=[second], person="person_02")
    world.run((3, 7), clip="another")  # who founds a person with the first of the unknown ones
    taken = next(face for face in world.sightings() if face.id in ids(world, "person_01"))
    world.take_out(taken)
    undone = a.does("undo", to=answer["undo"])
    assert (undone["changed"], len(undone["taken_back"])) == ([second], 1)
    assert second in ids(world, None)
    assert taken.id in ids(world, None)
    assert first in ids(world, "person_03")


def test_an_undo_is_refused_where_second_thoughts_moved_the_same_faces(world: World, a: Tab, b: Tab) -> None:
    answer = a.does("judge", one="person_01", other="person_02", same=True)
    placed = next(face for face in world.sightings() if face.person == "person_01" and not face.corrected)
    a.does("undo", to=answer["undo"])
    again = a.does("merge", person="person_01", **{"from": ["person_02"]}, name="Zoe")
    assert world.take_out(next(face for face in world.sightings() if face.id == placed.id)) == 1
    assert "history" in a.is_refused("undo", to=again["undo"])["conflict"]


def test_an_undo_through_the_page_is_an_undo_too(world: World, a: Tab) -> None:
    before = world.labels()
    a.does("assign", faces=ids(world, None)[:1], person="person_01")
    a.does("assign", faces=ids(world, None)[:1], person="person_02")
    a.does("undo", to=None)
    a.does("undo", to=None)
    assert world.labels() == before


def test_what_was_done_from_the_same_page_is_taken_back_though_it_was_loaded_before(world: World, a: Tab) -> None:
    seen, (first, second, third) = a.seen, ids(world, None)
    answers = [a.does("assign", faces=[face], person="person_01") for face in (first, second)]
    Tab(world).does("assign", faces=[third], person="person_02")
    a.seen = seen
    mine = [answer["entry"] for answer in answers]
    assert "history" in a.is_refused("undo", to=answers[1]["undo"], mine=mine)["conflict"]
    world.undo()
    mine.append(max(entry.number for entry in world.entries()))
    mine.append(mine[-1] - 1)
    undone = a.does("undo", to=answers[1]["undo"], mine=mine)
    assert second in undone["changed"]
    assert first in ids(world, "person_01")
