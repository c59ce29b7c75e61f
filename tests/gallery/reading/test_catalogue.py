"""Who is in a result folder, read beside its owner."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from gallery.reading.made_up import BEGAN, keep, unread

from face_classifier.core.types import Face
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.gallery.reading.reader import Reader
from face_classifier.gallery.store import Store
from face_classifier.identity.statistics import with_distances_today


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ann has three faces, Ben two, and two are of nobody."""
    result = tmp_path / "result"
    with Store(result, writing=True) as store:
        store.look(unread)
        for number, person in enumerate(("Ann", "Ann", "Ann", "Ben", "Ben", None, None)):
            keep(store, number, person)
    return result


@pytest.fixture
def reader(folder: Path) -> Iterator[Reader]:
    with Reader(folder) as opened:
        yield opened


def contents(catalogue: Catalogue) -> dict[str | None, list[int]]:
    """The ids of the faces of everybody."""
    names = [*(person.name for person in catalogue.people), None]
    return {name: sorted(card.id for card in catalogue.faces_of(name)) for name in names}


def test_a_catalogue_tells_the_people_and_faces_of_the_table(folder: Path, reader: Reader) -> None:
    catalogue = reader.now()
    assert [(person.name, person.faces, person.named) for person in catalogue.people] == [
        ("Ann", 3, True),
        ("Ben", 2, True),
    ]
    assert (catalogue.unknown, catalogue.ignored, catalogue.problem) == (2, 0, None)
    with Store(folder, writing=False) as store:
        for face in with_distances_today(list(store.look(unread).faces)):
            card = catalogue.face(face.id)
            assert card is not None
            assert (card.name, card.person, card.time, card.source) == (face.face, face.person, face.time, face.source)
            assert (card.track, card.quality, card.corrected) == (face.track, face.quality, face.corrected)
            assert card.distance == (None if face.distance is None else pytest.approx(face.distance, abs=1e-6))


def test_a_folder_that_is_not_there_has_nobody_until_it_is(tmp_path: Path) -> None:
    result = tmp_path / "result"
    with Reader(result) as reader:
        assert (reader.now().people, reader.now().unknown, reader.now().problem) == ((), 0, None)
        assert reader.picture(1, 112) is None
        with Store(result, writing=True) as store:
            store.look(unread)
            face = keep(store, 0, "Ann")
            assert contents(reader.now()) == {"Ann": [face], None: []}


def test_what_is_written_by_others_is_read_at_once(folder: Path, reader: Reader) -> None:
    before = reader.now()
    assert reader.now() is before
    with Store(folder, writing=True) as store:
        store.look(unread)
        for number in range(10, 14):
            face = keep(store, number, "Ann")
            card = reader.now().face(face)
            assert card is not None
            assert card.person == "Ann"
        store.words.rename("Ann", "Anna")
        store.look(unread)
        catalogue = reader.now()
        assert [person.name for person in catalogue.people] == ["Anna", "Ben"]
        assert catalogue.revision > before.revision
    assert [person.name for person in before.people] == ["Ann", "Ben"]
    assert len(before.faces_of("Ann")) == 3


def test_a_folder_in_place_of_another_one_is_read(folder: Path, reader: Reader, tmp_path: Path) -> None:
    assert len(reader.now().people) == 2
    shutil.rmtree(folder)
    assert reader.now().people == ()
    assert reader.now().problem == f"the result folder {folder} is gone; put it back, or mount its disk"
    with Store(folder, writing=True) as store:
        store.look(unread)
        keep(store, 3, "Cleo")
    assert [person.name for person in reader.now().people] == ["Cleo"]
    assert reader.now().problem is None


def test_a_table_that_cannot_be_read_leaves_what_was_known_with_a_sentence(folder: Path, reader: Reader) -> None:
    known = reader.now()
    (folder / "faces.sqlite").rename(folder / "aside")
    (folder / "faces.sqlite").write_bytes(b"this is no table at all, but it is long enough to be read as one" * 100)
    catalogue = reader.now()
    assert contents(catalogue) == contents(known)
    assert catalogue.problem is not None
    assert "faces.sqlite cannot be read just now" in catalogue.problem
    (folder / "aside").replace(folder / "faces.sqlite")
    assert reader.now().problem is None


@pytest.mark.parametrize(("order", "expected"), [("newest", [2, 1, 0]), ("oldest", [0, 1, 2])])
def test_faces_come_in_the_order_that_is_asked_for(reader: Reader, order: str, expected: list[int]) -> None:
    catalogue = reader.now()
    ids = contents(catalogue)["Ann"]
    assert [card.id for card in catalogue.faces_of("Ann", order)] == [ids[place] for place in expected]  # type: ignore[arg-type]
    assert catalogue.ids_of("Ann", order) == [ids[place] for place in expected]  # type: ignore[arg-type]
    assert [card.id for card in catalogue.faces_of("Ann", order, 1, 1)] == [ids[expected[1]]]  # type: ignore[arg-type]


def test_the_odd_ones_come_first(folder: Path, reader: Reader, faces: dict[str, Face]) -> None:
    with Store(folder, writing=True) as store:
        store.look(unread)
        names = "obama.jpg", "obama2.jpg", "biden.jpg"
        ids = [keep(store, 20 + number, "Barack", like=faces[name]) for number, name in enumerate(names)]
    cards = reader.now().faces_of("Barack", "odd")
    assert cards[0].id == ids[2]
    distances = [card.distance for card in cards if card.distance is not None]
    assert len(distances) == 3
    assert distances == sorted(distances, reverse=True)


def test_the_nearest_people_of_a_face_are_told_but_for_its_own(reader: Reader) -> None:
    catalogue = reader.now()
    of_ann, unknown = contents(catalogue)["Ann"], contents(catalogue)[None]
    assert [name for name, _ in catalogue.nearest(of_ann, 9)] == ["Ben"]
    near = catalogue.nearest(unknown[:1], 9)
    assert sorted(name for name, _ in near) == ["Ann", "Ben"]
    for name, distance in near:
        away = catalogue.faces(None).encodings[0] - catalogue.faces(name).average
        assert distance == pytest.approx(np.linalg.norm(away), abs=1e-6)
    assert near[0][1] <= near[1][1]
    assert catalogue.nearest([], 9) == []
    assert catalogue.nearest([999], 9) == []


def test_faces_that_the_user_said_are_not_a_person_are_told_as_such(folder: Path, reader: Reader) -> None:
    before = contents(reader.now())
    stranger = before[None][0]
    with Store(folder, writing=True) as store:
        store.look(unread)
        store.words.keep_apart([stranger], before["Ann"])
        store.words.exclude([before["Ann"][0]])
        store.look(unread)
    catalogue = reader.now()
    excluded, said = catalogue.not_them("Ann")
    assert (excluded.id, excluded.excluded, excluded.person) == (before["Ann"][0], True, None)
    assert (said.id, said.excluded) == (stranger, False)
    assert catalogue.not_them("Ben") == []
    assert [name for name, _ in catalogue.nearest([stranger], 9)] == ["Ben"]
    assert stranger not in [card.id for card, _ in catalogue.similar_unknown("Ann", 9)]
    assert stranger in [card.id for card, _ in catalogue.similar_unknown("Ben", 9)]


def test_what_the_user_put_into_unknowns_is_ignored(folder: Path, reader: Reader) -> None:
    face = contents(reader.now())["Ann"][0]
    card = reader.now().face(face)
    assert card is not None
    with Store(folder, writing=True) as store:
        store.look(unread)
        (folder / "Ann" / f"{card.name}.png").rename(folder / "unknowns" / f"{card.name}.png")
        store.look(unread)
    catalogue = reader.now()
    assert (catalogue.unknown, catalogue.ignored) == (2, 1)
    assert [card.id for card in catalogue.ignored_faces()] == [face]
    assert face not in [card.id for card in catalogue.faces_of(None)]
    assert face not in catalogue.ids_of(None)
    assert face not in [card.id for card, _ in catalogue.similar_unknown("Ann", 9)]


def test_an_entry_that_goes_on_after_it_was_read_is_read_to_its_end(folder: Path, reader: Reader) -> None:
    ones = contents(reader.now())[None]
    with Store(folder, writing=True) as store:
        store.look(unread)
        with store.past.entry("command ignore"):
            for count, face in enumerate(ones, 1):
                store.words.put_aside([face])
                assert reader.now().ignored == count


def test_a_person_is_hidden_and_has_a_cover_as_the_user_says(folder: Path, reader: Reader) -> None:
    ann, ben = reader.now().people
    other = next(face for face in contents(reader.now())["Ann"] if face != ann.best)
    with Store(folder, writing=True) as store:
        store.look(unread)
        store.flags.hide([ben.best], hidden=True)
        store.flags.cover(contents(reader.now())["Ann"], other)
        assert [(card.best, card.hidden) for card in reader.now().people] == [(other, False), (ben.best, True)]
        assert reader.now().person("Ann") == reader.now().people[0]
        assert reader.now().nearest([other], 9) == []
        store.flags.hide([ben.best], hidden=False)
        assert [card.hidden for card in reader.now().people] == [False, False]


def test_a_former_name_leads_to_who_has_it_now(folder: Path, reader: Reader) -> None:
    with Store(folder, writing=True) as store:
        store.look(unread)
        store.words.rename("Ann", "Anna")
        store.look(unread)
        store.words.join(contents(reader.now())["Anna"], "Ben")
        store.look(unread)
        store.words.rename("Ben", "Benjamin")
        store.look(unread)
    catalogue = reader.now()
    assert [person.name for person in catalogue.people] == ["Benjamin"]
    assert {catalogue.successor(name) for name in ("Ann", "Anna", "Ben")} == {"Benjamin"}
    assert catalogue.successor("Nobody") is None


def test_a_former_name_leads_to_nobody_who_left_before_it_came(folder: Path, reader: Reader) -> None:
    with Store(folder, writing=True) as store:
        store.look(unread)
        for old, new in (("Ben", "Cleo"), ("Ann", "Ben")):
            store.words.rename(old, new)
            store.look(unread)
        shutil.rmtree(folder / "Ben")
        store.look(unread)
    catalogue = reader.now()
    assert [person.name for person in catalogue.people] == ["Cleo"]
    assert catalogue.successor("Ann") is None


def track(number: int, first: float, last: float, source: str = "door") -> TrackRow:
    """Of a camera, between two seconds after it began."""
    begun, over = (BEGAN + timedelta(seconds=seconds) for seconds in (first, last))
    return TrackRow(number, source, None, 1, begun, over, first, last, 1, None, None)


def test_people_are_together_while_one_camera_sees_both(folder: Path, reader: Reader) -> None:
    with Store(folder, writing=True) as store:
        store.look(unread)
        for number, person in (
            (1000, "Ann"),
            (1100, "Ben"),
            (1170, "Cleo"),
            (9000, "Ann"),
            (9001, "Cleo"),
            (9002, "Ben"),
        ):
            keep(store, number, person, track=number)
        store.tracks.write(
            [
                *(track(1000, 1000, 1150), track(1100, 1100, 1160), track(1170, 1170, 1180)),
                *(track(9000, 9000, 9000.5), track(9001, 9001, 9003), track(9002, 9002, 9002)),
            ]
        )
    told = [(pair.one, pair.other, pair.occasions) for pair in reader.now().together]
    assert told == [("Ann", "Ben", 1), ("Ben", "Cleo", 1)]


def test_a_track_whose_faces_are_of_two_people_now_shows_nobody_together(folder: Path, reader: Reader) -> None:
    with Store(folder, writing=True) as store:
        store.look(unread)
        for number, person in ((1000, "Ann"), (1001, "Ben"), (1002, "Ann")):
            keep(store, number, person, track=7)
        store.tracks.write([track(7, 1000, 1002)])
    assert reader.now().together == []
