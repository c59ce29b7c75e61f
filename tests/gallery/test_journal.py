"""The journal: every change of whose face it is, by whom, and the way back; on small pictures of made-up people."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Listener, killed_at_every_line

from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Face, Frame, Image, Provenance, Sighting
from face_classifier.curate.commands import HANDLERS
from face_classifier.gallery import keep
from face_classifier.gallery.folder import carry
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.past import back, journal
from face_classifier.gallery.past.journal import FILE_MANAGER, RUN, SECOND_THOUGHTS, Entry
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS
from face_classifier.gallery.store import LookResult, Store
from face_classifier.identity.grouping.rule import DLIB
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.rethink import rethink

MADE_BY = Provenance("made-up", "none", "none", "fp64")
BOX = Box(10, 20, 20, 10)
BEGINNING = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
_VECTORS = np.linalg.qr(np.random.default_rng(1).normal(size=(128, 128)))[0]


def encoding_of(who: int, look: int) -> np.ndarray:
    """People are farther apart than 1, the looks of one no farther than .3."""
    noise = np.random.default_rng(1000 * who + look).normal(size=128)
    return _VECTORS[who] + 0.15 * noise / np.linalg.norm(noise)


def picture_of(who: int, look: int) -> Image:
    """A frame whose colour tells who is in its middle, and how they look."""
    image = np.random.default_rng(1000 * who + look).integers(0, 255, (30, 30, 3), np.uint8)
    image[10:20, 10:20] = who, look % 256, look // 256
    return image


def read_photo(path: Path, own_cut: bool) -> tuple[Face, bool]:
    image = cv2.imread(str(path))
    who, low, high = (int(value) for value in image[image.shape[0] // 2, image.shape[1] // 2])
    return Face(BOX, encoding_of(who, low + 256 * high), MADE_BY), True


class World:
    """A result folder, with what the program and the user do to it in short words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def look(self, store: Store) -> LookResult:
        return store.look(read_photo)

    def run(self, *seen: tuple[int, int], clip: str = "clip") -> None:
        """A clip of which each second shows somebody (who, look), without second thoughts."""
        with Store(self.folder, writing=True) as store:
            self.see(store, seen, clip)
            store.write_views(None, self.look(store).faces.hidden)

    def see(self, store: Store, seen: Iterable[tuple[int, int]], clip: str = "clip", rule: int = 2) -> None:
        people = PersonDB(0.44, founding=rule)
        for face in self.look(store).faces:
            people.add(face)
        began = BEGINNING + timedelta(hours=0 if clip == "clip" else zlib.crc32(clip.encode()) % 10_000)
        for second, (who, number) in enumerate(seen):
            frame = Frame(
                picture_of(who, number), f"{clip}.mp4", clip, second, float(second), 0.02,
                began + timedelta(seconds=second),
            )  # fmt: skip
            if store.same(frame, [BOX]):
                continue
            face = Face(BOX, encoding_of(who, number), MADE_BY)
            kept = store.keep(frame, face, people.decide(face.encoding, None), 0)
            if kept.new:
                for partner in kept.sightings[1:]:
                    people.remove(replace(partner, person=None))
                for sighting in kept.sightings:
                    people.add(sighting)

    def stand(self, who: int, looks: Iterable[int], clip: str, track: int | None = None) -> int:
        """Somebody is seen at one place for some seconds, ever better, with two pictures a track; returns the track."""
        settings = Settings(result=str(self.folder), pictures_per_track=2)
        with Store(self.folder, writing=True) as store:
            gallery = Gallery(settings, store, read_photo, Listener())
            track = gallery.new_track() if track is None else track
            for look in looks:
                image, time = picture_of(who, look), BEGINNING + timedelta(seconds=look)
                frame = Frame(image, f"{clip}.mp4", clip, look, float(look), 0.02, time)
                if not gallery.same(frame, [BOX], ()):
                    face = Face(BOX, encoding_of(who, look), MADE_BY, 0.5 + look / 1000)
                    gallery.keep(frame, face, 0, track, keep.face_picture(frame, face))
            gallery.write_views()
        return track

    def think_again(self) -> None:
        with Store(self.folder, writing=True) as store:
            looked = self.look(store)
            moves = rethink(looked.faces, store.cannot_links(), looked.kept_apart, DLIB).moves
            with store.past.entry(SECOND_THOUGHTS):
                for move in moves:
                    store.move(move.faces, move.person, new=move.new)

    def start(self) -> LookResult:
        """Start the program and end it at once."""
        with Store(self.folder, writing=True) as store:
            looked = self.look(store)
            len(looked.faces)  # which are read while the folder is open
            store.write_views(None, looked.faces.hidden)
        return looked

    def accept(self, person: str, other: str) -> None:
        with Store(self.folder, writing=True) as store:
            faces = [face.id for face in self.look(store).faces if face.person == other]
            with store.past.entry("command suggest accept"):
                store.words.join(faces, person)
                self.look(store)

    def reject(self, path: Path) -> None:
        with Store(self.folder, writing=True) as store:
            looked = self.look(store)
            with store.past.entry("command reject"):
                store.words.exclude([looked.faces[list(looked.pictures).index(path)].id])
                self.look(store)

    def keep_apart(self, one: str, other: str) -> None:
        with Store(self.folder, writing=True) as store:
            of: dict[str | None, list[int]] = {}
            for face in self.look(store).faces:
                of.setdefault(face.person, []).append(face.id)
            store.words.keep_apart(of[one], of[other])

    def carry_out(self, name: str, arguments: dict[str, Any]) -> Any:
        """A command, as its owner does it."""
        listener = Listener()
        with Store(self.folder, writing=True) as store:
            gallery = Gallery(Settings(result=str(self.folder)), store, read_photo, listener)
            return HANDLERS[name](gallery, arguments, listener)

    def undo(self, to: int | None = None) -> dict[str, Any]:
        return self.carry_out("undo", {"to": to})

    def forget(self, what: str) -> dict[str, Any]:
        return self.carry_out("forget", {"what": what, "path": str(Path(what).resolve())})

    def take_out(self, face: Sighting) -> int:
        """As `audit --apply` does it."""
        return self.carry_out("audit", {"faces": [[face.id, face.face, face.person]]})

    def entries(self) -> list[Entry]:
        with Store(self.folder, writing=False) as store:
            return store.past.entries()

    def doors(self) -> list[str]:
        return [entry.door for entry in self.entries()]

    def sightings(self) -> list[Sighting]:
        with Store(self.folder, writing=False) as store:
            return list(self.look(store).faces)

    def labels(self) -> dict[str, str | None]:
        """Person by face, as a reader sees them now."""
        return {face.face: face.person for face in self.sightings()}

    def flags(self) -> dict[str, tuple[bool, bool]]:
        """Whether the user has pinned, or put each face where it is."""
        return {face.face: (face.pinned, face.corrected) for face in self.sightings()}

    def kept_apart(self) -> list[tuple[int, int]]:
        with Store(self.folder, writing=False) as store:
            return list(self.look(store).kept_apart)

    def pictures(self, person: str) -> list[Path]:
        return sorted((self.folder / person).glob("*.png"))

    def move(self, path: Path, person: str) -> Path:
        """As the file manager does it."""
        (self.folder / person).mkdir(exist_ok=True)
        return path.rename(self.folder / person / path.name)

    def rename(self, person: str, name: str) -> None:
        (self.folder / person).rename(self.folder / name)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "result")


@pytest.fixture
def stocked(world: World) -> World:
    """person_01 with three faces, person_02 with two, and an unknown one."""
    world.run((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
    return world


# Entries


def test_keeping_a_face_is_no_entry_but_joining_an_unknown_one_to_it_is(world: World) -> None:
    world.run((1, 1), (2, 1))
    assert world.entries() == []
    world.run((1, 2), (1, 3), clip="another")
    (entry,) = world.entries()
    (change,) = entry.changes
    assert (entry.number, entry.door) == (1, RUN)
    assert (change.before.folder, change.after.folder) == (UNKNOWNS, "person_01")


def test_one_looks_user_changes_are_one_entry(stocked: World) -> None:
    before = stocked.entries()[-1].number
    stocked.rename("person_01", "Barack")
    moved = stocked.move(stocked.pictures(UNKNOWNS)[0], "Zoe")
    stocked.pictures("person_02")[0].unlink()
    began = datetime.now(timezone.utc)
    stocked.start()
    entry = stocked.entries()[-1]
    assert (entry.number, entry.door) == (before + 1, FILE_MANAGER)
    assert began <= entry.time <= datetime.now(timezone.utc)
    kinds = sorted((change.kind, change.before.folder, change.after.folder) for change in entry.changes)
    assert (
        kinds
        == [("delete", "person_02", "person_02"), ("move", UNKNOWNS, "Zoe")] + [("rename", "person_01", "Barack")] * 3
    )
    assert moved.exists()


def test_a_look_that_sees_nothing_new_is_no_entry(stocked: World) -> None:
    before = stocked.entries()
    stocked.start()
    stocked.start()
    assert stocked.entries() == before


def test_one_second_thought_is_one_entry(stocked: World) -> None:
    for path in stocked.pictures("person_01")[1:]:
        stocked.move(path, "person_02")
    with sqlite3.connect(stocked.folder / "faces.sqlite") as database:
        database.execute(
            "UPDATE faces SET folder = 'person_02', placed = 'person_02' WHERE folder = 'person_01' AND id > 1"
        )
    database.close()
    before = stocked.doors()
    stocked.think_again()
    assert stocked.doors() == [*before, SECOND_THOUGHTS]
    assert len(stocked.entries()[-1].labelled) >= 2


def test_a_commands_changes_are_its_own_and_the_users_an_entry_of_theirs(stocked: World) -> None:
    before = stocked.doors()
    with Store(stocked.folder, writing=True) as store:
        faces = [face.id for face in stocked.look(store).faces if face.person == "person_02"]
        with store.past.entry("command suggest accept"):
            store.words.join(faces, "person_01")
            stocked.move(stocked.pictures(UNKNOWNS)[0], "Zoe")
            stocked.look(store)
    assert sorted(stocked.doors()[len(before) :]) == ["command suggest accept", FILE_MANAGER]
    accepted = next(entry for entry in stocked.entries() if entry.door == "command suggest accept")
    assert {(change.before.folder, change.after.folder) for change in accepted.labelled} == {("person_02", "person_01")}


def test_numbers_are_never_given_twice(stocked: World) -> None:
    last = stocked.entries()[-1].number
    with closing(sqlite3.connect(stocked.folder / "faces.sqlite", isolation_level=None)) as database:
        database.execute("DELETE FROM journal")
        database.execute("DELETE FROM changes")
    stocked.rename("person_01", "Barack")
    stocked.start()
    assert stocked.entries()[-1].number == last + 1


def test_a_folder_of_an_earlier_version_opens_with_an_empty_journal(stocked: World) -> None:
    with closing(sqlite3.connect(stocked.folder / "faces.sqlite", isolation_level=None)) as database:
        for table in ("journal", "changes", "parted", "planned"):
            database.execute(f"DROP TABLE {table}")
    before = stocked.labels()
    assert stocked.entries() == []
    stocked.rename("person_01", "Barack")
    stocked.start()
    stocked.undo()
    assert stocked.labels() == before


# Taking back


def test_an_undo_takes_back_the_users_latest_changes(stocked: World) -> None:
    labels, flags = stocked.labels(), stocked.flags()
    stocked.rename("person_01", "Barack")
    stocked.move(stocked.pictures(UNKNOWNS)[0], "Zoe")
    undone = stocked.undo()
    assert (stocked.labels(), stocked.flags()) == (labels, flags)
    assert undone["faces"] == 4
    assert not undone["left"]
    assert not (stocked.folder / "Barack").exists()


def test_undo_again_goes_further_back(stocked: World) -> None:
    steps = [stocked.labels()]
    for person, name in (("person_01", "Ann"), ("person_02", "Bea"), ("Ann", "Amy")):
        stocked.rename(person, name)
        stocked.start()
        steps.append(stocked.labels())
    for labels in reversed(steps[:-1]):
        stocked.undo()
        assert stocked.labels() == labels


def test_an_undo_is_an_entry_and_can_be_taken_back(stocked: World) -> None:
    stocked.rename("person_01", "Barack")
    stocked.start()
    after, number = stocked.labels(), stocked.entries()[-1].number
    undone = stocked.undo()
    assert undone["entry"] == number + 1
    assert stocked.entries()[-1].door == "command undo"
    assert stocked.entries()[-2].undone == undone["entry"]
    stocked.undo(to=number)
    assert stocked.labels() == after
    assert stocked.entries()[-3].undone is None
    assert stocked.undo()["taken_back"] == [number]


def test_undo_to_an_entry_takes_back_all_after_it_also_across_a_rename(stocked: World) -> None:
    number, labels, flags = stocked.entries()[-1].number, stocked.labels(), stocked.flags()
    stocked.rename("person_01", "Barack")
    stocked.start()
    stocked.run((1, 7), clip="later")
    stocked.accept("Barack", "person_02")
    stocked.rename("Barack", "Mister B")
    stocked.move(stocked.pictures("Mister B")[0], UNKNOWNS)
    undone = stocked.undo(to=number)
    (new,) = stocked.labels().keys() - labels.keys()
    assert stocked.labels() == labels | {new: "person_01"}
    assert {face: flag for face, flag in stocked.flags().items() if face != new} == flags
    assert len(undone["taken_back"]) == 3
    folders = {path.name for path in stocked.folder.iterdir() if path.is_dir()}
    assert folders == {"person_01", "person_02", "unknowns"}


def test_a_renamed_folder_goes_back_with_the_faces_that_came_to_it_since(stocked: World) -> None:
    stocked.rename("person_01", "Barack")
    stocked.run((1, 8), clip="later")
    assert len(stocked.pictures("Barack")) == 4
    stocked.undo()
    assert len(stocked.pictures("person_01")) == 4
    stocked.run((1, 9), clip="even later")
    stocked.undo(to=stocked.entries()[-1].number - 1)
    assert len(stocked.pictures("Barack")) == 5


def test_a_renamed_folder_does_not_go_back_to_a_name_that_is_somebody_elses_by_now(stocked: World) -> None:
    stocked.rename("person_01", "Ann")
    stocked.start()
    stocked.rename("Ann", "Bea")
    stocked.start()
    (stocked.folder / "Ann").mkdir()
    cv2.imwrite(str(stocked.folder / "Ann" / "portrait.png"), picture_of(9, 1))
    stocked.start()
    before = stocked.labels()
    answer = stocked.undo()
    assert stocked.labels() == before
    assert answer["faces"] == 0
    assert [(left["person"], left["why"]) for left in answer["left"]] == [
        ("Bea", "its former folder is somebody else's by now")
    ] * 3
    (stocked.folder / "Ann" / "portrait.png").unlink()
    assert stocked.undo(to=2)["faces"] == 3
    assert set(stocked.labels().values()) == {"person_01", "person_02", None}


def test_what_the_program_decided_is_not_decided_again_once_it_was_taken_back(stocked: World) -> None:
    stocked.run((3, 2), clip="later")  # founds a person with the unknown face
    assert stocked.labels()["20240506_070814.000-0"] == "person_03"
    stocked.undo()
    assert stocked.labels()["20240506_070814.000-0"] is None
    stocked.think_again()
    stocked.run((3, 3), (3, 4), clip="much later")
    assert stocked.labels()["20240506_070814.000-0"] is None


def test_what_the_user_put_right_of_a_command_stays_and_is_told(stocked: World) -> None:
    faces = [face for face in stocked.sightings() if face.person == "person_02"]
    stocked.accept("person_01", "person_02")
    names = {face.face for face in faces}
    first, second = (path for path in stocked.pictures("person_01") if path.stem in names)
    stocked.move(first, "Zoe")
    undone = stocked.undo()
    assert stocked.labels()[first.stem] == "Zoe"
    assert stocked.labels()[second.stem] == "person_02"
    (left,) = undone["left"]
    assert (left["face"], left["person"]) == (first.stem, "Zoe")
    assert "stays" in left["why"]


def test_a_deleted_picture_is_told_and_the_others_come_back(stocked: World) -> None:
    stocked.rename("person_01", "Barack")
    gone, *left = stocked.pictures("Barack")
    gone.unlink()
    undone = stocked.undo()
    assert [one["face"] for one in undone["left"]] == [gone.stem]
    assert "cannot be brought back" in undone["left"][0]["why"]
    assert stocked.pictures("person_01") == [stocked.folder / "person_01" / path.name for path in left]


def test_a_picture_that_was_put_back_is_not_deleted_again(stocked: World) -> None:
    path = stocked.pictures("person_01")[0]
    content = path.read_bytes()
    path.unlink()
    stocked.start()
    path.write_bytes(content)
    undone = stocked.undo()
    assert path.exists()
    assert "not deleted again" in undone["left"][0]["why"]


def test_a_rejected_face_comes_back(stocked: World) -> None:
    labels, flags = stocked.labels(), stocked.flags()
    stocked.reject(stocked.pictures("person_01")[1])
    stocked.rename("person_01", "Barack")
    stocked.start()
    assert len(stocked.pictures(f"{EXCLUDED}/Barack")) == 1
    stocked.undo()
    assert len(stocked.pictures(f"{EXCLUDED}/person_01")) == 1
    stocked.undo()
    assert (stocked.labels(), stocked.flags()) == (labels, flags)
    stocked.undo(to=stocked.entries()[-1].number - 1)
    assert len(stocked.pictures(f"{EXCLUDED}/person_01")) == 1


def test_who_is_not_whom_goes_back_too(stocked: World) -> None:
    stocked.keep_apart("person_01", "person_02")
    apart = stocked.kept_apart()
    assert apart
    stocked.accept("person_01", "person_02")
    assert stocked.kept_apart() == []
    stocked.undo()
    assert stocked.kept_apart() == apart
    stocked.undo()
    assert stocked.kept_apart() == []


def test_there_may_be_nothing_to_take_back(world: World) -> None:
    world.run((1, 1))
    with pytest.raises(UserError, match="there is nothing to take back"):
        world.undo()
    with pytest.raises(UserError, match="there is no entry 3"):
        world.undo(to=3)


# Killed


def test_a_second_thought_killed_anywhere_is_one_entry_that_can_be_taken_back(stocked: World, tmp_path: Path) -> None:
    stocked.rename("person_01", "Barack")
    stocked.start()
    number, labels = stocked.entries()[-1].number, stocked.labels()

    def act() -> None:
        with Store(stocked.folder, writing=True) as store, store.past.entry(SECOND_THOUGHTS):
            faces = [face for face in stocked.look(store).faces if face.person == "person_02"]
            store.move([faces[0].id], None)
            store.move([faces[1].id], "Barack")

    copies = killed_at_every_line(stocked.folder, [carry, keep, journal], tmp_path / "copies", act)
    assert len(copies) > 5
    for copy in copies:
        killed = World(copy)
        killed.start()
        later = [entry for entry in killed.entries() if entry.number > number]
        assert [entry.door for entry in later] in ([], [SECOND_THOUGHTS])
        changed = {face for face, person in killed.labels().items() if labels[face] != person}
        assert len(changed) == sum(len(entry.labelled) for entry in later)
        if later:
            killed.undo()
        assert killed.labels() == labels


def test_an_undo_killed_anywhere_can_be_done_again(stocked: World, tmp_path: Path) -> None:
    labels, flags = stocked.labels(), stocked.flags()
    number = stocked.entries()[-1].number
    stocked.rename("person_01", "Barack")
    stocked.move(stocked.pictures("person_02")[0], UNKNOWNS)
    stocked.reject(stocked.pictures("Barack")[0])
    copies = killed_at_every_line(
        stocked.folder, [carry, back, journal], tmp_path / "copies", lambda: stocked.undo(to=number)
    )
    assert len(copies) > 8
    for copy in copies:
        killed = World(copy)
        killed.start()
        assert FILE_MANAGER not in killed.doors()[len(stocked.doors()) :]
        with suppress(UserError):  # nothing is left to take back
            killed.undo(to=number)
        assert (killed.labels(), killed.flags()) == (labels, flags)
