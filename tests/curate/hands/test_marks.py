"""People are hidden, pictures stand for them, tracks are looked through: no entry of the journal tells it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from curate.hands.test_hands import do
from curate.hands.test_stale_tabs import ids
from gallery.test_journal import BEGINNING, World

from face_classifier.core.errors import UserError
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.reading.reader import Reader
from face_classifier.gallery.store import Store


@pytest.fixture
def world(tmp_path: Path) -> World:
    """person_01 with three faces, person_02 with two, and an unknown one."""
    world = World(tmp_path / "result")
    world.run((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
    return world


def hidden(world: World) -> set[str]:
    with Reader(world.folder) as reader:
        return {person.name for person in reader.now().people if person.hidden}


def cover(world: World, person: str) -> int:
    with Reader(world.folder) as reader:
        card = reader.now().person(person)
        assert card is not None
        return card.best


def test_a_hidden_person_stays_so_under_another_name_and_with_more_faces(world: World) -> None:
    count = len(world.entries())
    assert do(world, "hide", person="person_01")["undo"] is None
    assert len(world.entries()) == count
    assert hidden(world) == {"person_01"}
    do(world, "rename", person="person_01", name="Ann")
    world.run((1, 9), clip="another")
    world.undo()
    world.rename("person_01", "Zoe")
    world.start()
    assert hidden(world) == {"Zoe"}
    do(world, "show", person="Zoe")
    assert hidden(world) == set()


def test_who_takes_in_faces_of_a_hidden_person_is_not_hidden_by_them(world: World) -> None:
    do(world, "hide", person="person_01")
    do(world, "assign", faces=[1], person="person_02")
    assert hidden(world) == {"person_01"}
    do(world, "merge", person="person_02", **{"from": ["person_01"]})
    assert hidden(world) == set()


def test_a_face_stands_for_its_person_until_it_is_moved(world: World) -> None:
    best = cover(world, "person_01")
    other = next(face for face in ids(world, "person_01") if face != best)
    do(world, "cover", person="person_01", face=other)
    assert cover(world, "person_01") == other
    do(world, "cover", person="person_01", face=best)
    do(world, "cover", person="person_01", face=other)
    do(world, "rename", person="person_01", name="Ann")
    assert cover(world, "Ann") == other
    do(world, "ignore", faces=[other])
    assert cover(world, "Ann") != other
    with pytest.raises(UserError, match="must be the number of one of Ann"):
        do(world, "cover", person="Ann", face=other)


def test_marks_of_whom_is_forgotten_go(world: World) -> None:
    do(world, "hide", person="person_01")
    do(world, "cover", person="person_01", face=1)
    world.forget("person_01")
    with Store(world.folder, writing=True) as store:
        assert store.flags.flagged("hidden") == store.flags.flagged("cover") == set()


def test_tracks_are_looked_through_or_to_be_again(world: World) -> None:
    with Store(world.folder, writing=True) as store:
        session = store.tracks.new_session()
        store.tracks.write(
            [
                TrackRow(number, "door", None, session, BEGINNING, BEGINNING, 0.0, 0.0, 1, None, None)
                for number in (1, 2)
            ],
            {},
        )
    assert do(world, "review", tracks=[1, 2, 99], reviewed=True)["tracks"] == 2
    assert do(world, "review", tracks=[1, 1], reviewed=True)["tracks"] == 0
    assert do(world, "review", tracks=[2], reviewed=False)["tracks"] == 1
    with Reader(world.folder) as reader:
        assert set(reader.now().reviewed) == {1}
    with Store(world.folder, writing=True) as store:
        store.tracks.remove_tracks(BEGINNING + timedelta(days=1))
        assert store.flags.reviewed() == set()


def test_what_is_no_track_is_refused(world: World) -> None:
    for tracks, reviewed in (([], True), (["1"], True), ([1], None), (None, True)):
        with pytest.raises(UserError, match="must be"):
            do(world, "review", tracks=tracks, reviewed=reviewed)
