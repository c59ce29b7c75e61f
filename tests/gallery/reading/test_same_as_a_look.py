"""Whatever is done to a gallery, its catalogue tells what a look at the folders tells."""

from __future__ import annotations

import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from conftest import Listener
from gallery.reading.made_up import keep, unread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from face_classifier.core.config.settings import Settings
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS
from face_classifier.gallery.reading.folder_faces import FolderFaces
from face_classifier.gallery.reading.loading import Known
from face_classifier.gallery.reading.reader import Reader
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.gallery.store import Store
from face_classifier.identity.statistics import with_distances_today

NAMES = "Ann", "Ben", "김영수"
Step = tuple[str, int, int]


class Editor:
    """Changes a gallery as users, commands and runs do; a step that finds nothing to change does nothing."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store, self.kept = folder, store, 0

    def faces(self, person: str | None = "") -> list[int]:
        """The kept faces of a person; "": all."""
        rows = [row for row in self.store._inside.rows.all() if row.state == "kept"]
        return [row.id for row in rows if person == "" or row.folder == (person or UNKNOWNS)]

    def place(self, face: int) -> Path:
        row = self.store._inside.rows.with_id(face)
        return self.folder / row.folder / row.file

    def keep(self, one: int, other: int) -> None:
        keep(self.store, self.kept, [*NAMES, None][one % 4], track=other % 5 + 1)
        self.kept += 1

    def move_by_program(self, one: int, other: int) -> None:
        placed = [face for face in self.faces() if not self.store._inside.rows.with_id(face).pinned]
        if placed:
            self.store.move([placed[one % len(placed)]], [*NAMES, None][other % 4])

    def move_picture(self, one: int, other: int) -> None:
        if faces := self.faces():
            path = self.place(faces[one % len(faces)])
            target = self.folder / [*NAMES, UNKNOWNS][other % 4]
            target.mkdir(exist_ok=True)
            path.rename(target / path.name)

    def delete_picture(self, one: int, _other: int) -> None:
        if faces := self.faces():
            self.place(faces[one % len(faces)]).unlink()

    def rename(self, one: int, other: int) -> None:
        person = NAMES[one % 3]
        if (self.folder / person).is_dir():
            self.store.words.rename(person, f"{person} {other} {self.kept}")

    def exclude(self, one: int, _other: int) -> None:
        if faces := [face for face in self.faces() if face not in self.faces(None)]:
            self.store.words.exclude([faces[one % len(faces)]])

    def keep_apart(self, one: int, other: int) -> None:
        ones, others = self.faces(NAMES[one % 3]), self.faces(NAMES[other % 3])
        if ones and others and ones != others:
            self.store.words.keep_apart(ones, others)

    def join(self, one: int, other: int) -> None:
        if faces := self.faces():
            self.store.words.join([faces[one % len(faces)]], NAMES[other % 3])

    def put_aside(self, one: int, _other: int) -> None:
        if faces := self.faces(None):
            self.store.words.put_aside([faces[one % len(faces)]])

    def forget(self, one: int, _other: int) -> None:
        if faces := self.faces():
            path = self.place(faces[one % len(faces)])
            self.store.past.forget(self.store.past.to_forget(path.name, path))
            self.store.look(unread)
            self.store.past.compact()

    def undo(self, one: int, _other: int) -> None:
        past = self.store.past
        entries = [entry for entry in past.entries() if entry.undone is None][-1 - one % 3 :]
        if entries:
            past.bring_back(past.way_back(entries), entries, None)


STEPS = sorted(
    name
    for name, value in vars(Editor).items()
    if callable(value) and name[0] != "_" and name not in ("faces", "place")
)


def check(reader: Reader, folder: Path) -> None:
    """Compare the catalogue with a look by another reader, and with one that was read from the start."""
    catalogue = reader.now()
    assert catalogue.problem is None
    snapshot = take_snapshot(Settings(result=str(folder)), Listener())
    cards = {card.id: card for name in (*catalogue.names, None) for card in catalogue.faces(name).cards()}
    seen = {face.id: face for face in with_distances_today(snapshot.faces)}
    assert cards.keys() == seen.keys()
    for face, card in cards.items():
        told = seen[face]
        assert (card.person, card.name, card.time) == (told.person, told.face, told.time)
        assert (card.pinned, card.corrected, card.quality) == (told.pinned, told.corrected, told.quality)
        assert card.distance == (None if told.distance is None else pytest.approx(told.distance, abs=1e-5))
    assert sorted(name for name, _ in snapshot.excluded) == sorted(
        name.removeprefix(f"{EXCLUDED}/")
        for name, faces in catalogue._folders.items()
        for _ in faces.ids
        if name.startswith(EXCLUDED)
    )
    with Reader(folder) as other:
        assert_same(reader._known, other.now()._known)


def assert_same(one: Known, other: Known) -> None:
    assert (one.revision, one.words, one.folders.keys()) == (other.revision, other.words, other.folders.keys())
    for name, faces in one.folders.items():
        for field in fields(FolderFaces):
            mine, theirs = getattr(faces, field.name), getattr(other.folders[name], field.name)
            assert np.array_equal(mine, theirs, equal_nan=getattr(mine, "dtype", None) == np.float64), field.name


def after_any_changes(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "result"
        with Reader(folder) as reader, Store(folder, writing=True) as store:
            store.look(unread)
            editor = Editor(folder, store)
            for number in range(8):
                editor.keep(number, number)
            for name, one, other in steps:
                with store.past.entry("command test"):
                    getattr(editor, name)(one, other)
                    store.look(unread)
                check(reader, folder)


def run_changes(count: int, home: Path, *, derandomize: bool) -> None:
    set_hypothesis_home_dir(home)
    step = st.tuples(st.sampled_from(STEPS), st.integers(0, 9), st.integers(0, 9))
    chosen = settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=derandomize,
        suppress_health_check=[HealthCheck.too_slow],
    )
    chosen(given(st.lists(step, min_size=4, max_size=12))(after_any_changes))()


def test_a_catalogue_is_what_a_look_tells_after_any_changes(tmp_path: Path) -> None:
    run_changes(10, tmp_path, derandomize=True)


@pytest.mark.proof
def test_a_catalogue_is_what_a_look_tells_after_very_many_changes(tmp_path: Path) -> None:
    run_changes(300, tmp_path, derandomize=False)
