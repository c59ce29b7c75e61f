"""A person gets another name by a command: as if the folder was renamed, and never out of the result folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import killed_at_every_line
from gallery.test_journal import World

from face_classifier.core.errors import UserError
from face_classifier.gallery import look
from face_classifier.gallery.folder import carry, opened
from face_classifier.gallery.past import back, journal
from face_classifier.gallery.table import rows


@pytest.fixture
def world(tmp_path: Path) -> World:
    """person_01 with three faces, person_02 with two, and an unknown one."""
    world = World(tmp_path / "result")
    world.run((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
    return world


def rename(world: World, person: str, name: str) -> dict[str, object]:
    return world.carry_out("rename", {"person": person, "name": name})


@pytest.mark.parametrize("name", ["김 철수", "Anna Maria", "O'Brien & Söhne", "person_77"])
def test_a_renamed_person_keeps_faces_and_all_that_lies_in_the_folder(world: World, name: str):
    (world.folder / "person_01" / "a note.txt").write_text("of the user")
    before = world.labels()
    answer = rename(world, "person_01", name)
    assert (answer["person"], answer["name"], answer["faces"]) == ("person_01", name, 3)
    assert world.labels() == {face: name if person == "person_01" else person for face, person in before.items()}
    assert (world.folder / name / "a note.txt").exists()
    assert not (world.folder / "person_01").exists()


def test_it_is_one_entry_of_the_journal_with_what_the_person_is_not_and_undo_takes_it_back(world: World):
    world.reject(world.pictures("person_01")[0])
    before, count = world.labels(), len(world.entries())
    rename(world, "person_01", "Anna")
    entry = world.entries()[-1]
    assert len(world.entries()) == count + 1
    assert (entry.door, entry.renamed) == ("command rename", {"Anna": "person_01"})
    assert [path.name for path in (world.folder / ".rejected").iterdir()] == ["Anna"]
    assert world.undo()["faces"] == 3
    assert world.labels() == before
    assert [path.name for path in (world.folder / ".rejected").iterdir()] == ["person_01"]


def test_it_does_the_same_as_the_file_manager(world: World, tmp_path: Path):
    rename(world, "person_01", "Anna")
    other = World(tmp_path / "other")
    other.run((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
    other.rename("person_01", "Anna")
    other.start()
    assert (world.labels(), world.flags()) == (other.labels(), other.flags())


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/tmp/x",
        "..",
        ".",
        "",
        " ",
        ".hidden",
        "unknowns",
        ".rejected",
        "faces.sqlite",
        "a/b",
        "a\\b",
        "a\nb",
        "x" * 300,
    ],
)
def test_a_name_that_no_folder_can_have_is_refused_in_a_sentence(world: World, name: str):
    before = sorted(os.walk(world.folder.parent))
    with pytest.raises(UserError, match=r"^the name '.*' .*give another name$"):
        rename(world, "person_01", name)
    assert sorted(os.walk(world.folder.parent)) == before


@pytest.mark.parametrize("person", ["unknowns", ".rejected", "..", "../other", "nobody", ""])
def test_only_a_person_can_be_renamed(world: World, person: str):
    (world.folder.parent / "other").mkdir()
    with pytest.raises(UserError, match="there is no person"):
        rename(world, person, "Anna")
    assert (world.folder.parent / "other").exists()


@pytest.mark.parametrize("name", ["person_02", "PERSON_02"])
def test_the_name_of_somebody_else_is_refused(world: World, name: str):
    with pytest.raises(UserError, match=r"^there is a person 'person_02' already; .*suggest accept"):
        rename(world, "person_01", name)
    assert len(world.pictures("person_01")) == 3


def test_a_file_or_a_folder_of_that_name_is_left_alone(world: World):
    (world.folder / "Anna").mkdir()
    (world.folder / "Bea").write_text("of the user")
    for name in ("Anna", "Bea"):
        with pytest.raises(UserError, match=f"there is something called '{name}' in the result folder"):
            rename(world, "person_01", name)
    assert (world.folder / "Bea").read_text() == "of the user"


def test_a_name_may_be_written_with_the_accent_apart(world: World):
    rename(world, "person_01", "José")
    assert rename(world, "Jose\u0301", "Pepe")["person"] == "José"


def test_a_rename_that_is_killed_is_done_or_not_at_the_next_start(world: World):
    rooms = (carry, opened, journal, look, rows)
    folders = killed_at_every_line(world.folder, rooms, world.folder.parent, lambda: rename(world, "person_01", "Anna"))
    assert len(folders) > 3
    for folder in folders:
        left = World(folder)
        left.start()
        assert set(left.labels().values()) in ({"person_01", "person_02", None}, {"Anna", "person_02", None})
        assert len(left.labels()) == 6
    assert "Anna" in left.labels().values()


def test_an_undo_gives_the_folder_its_name_back_as_a_whole_and_can_be_killed_anywhere(world: World):
    before, inode = world.labels(), (world.folder / "person_01").stat().st_ino
    rename(world, "person_01", "Anna")
    after, number = world.labels(), world.entries()[-1].number
    rooms = [carry, back, journal, rows]
    copies = killed_at_every_line(world.folder, rooms, world.folder.parent, lambda: world.undo(to=number - 1))
    assert len(copies) > 8
    for folder in copies:
        killed = World(folder)
        killed.start()
        assert killed.labels() in (before, after)
        if killed.labels() != before:
            killed.undo(to=number - 1)
        assert killed.labels() == before
    assert world.labels() == before
    assert (world.folder / "person_01").stat().st_ino == inode
