"""Random sequences of what the program and the user do to a result folder, and the way back from each."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import pytest
from gallery.test_journal import World
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from face_classifier.core.disk.files import content_hash
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.gallery.past.journal import FORGET
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.table import Rows, Table

NAMES = ["Ann", "Bea", "person_01", "person_77"]
_IN_MEMORY = "/dev/shm"  # durable writes take most of the time elsewhere
_PEOPLE = 4  # who are seen
numbers = st.integers(0, 1_000)


class Sequences(RuleBasedStateMachine):
    """A result folder as it was at first, changed at random, then brought back."""

    def __init__(self) -> None:
        super().__init__()
        self.above = Path(tempfile.mkdtemp(dir=_IN_MEMORY if os.path.isdir(_IN_MEMORY) else None))
        self.world = World(self.above / "result")
        self.clips = self.stood = 0
        self.tracks: dict[int, int] = {}  # who stood there, by the number of the track
        self.deleted: dict[bytes, str] = {}  # pictures that the user deleted, with their names
        self.lost: set[str] = set()  # faces that were deleted, and so may be gone, or back under another label

    def teardown(self) -> None:
        try:
            if hasattr(self, "labels"):
                self.go_back()
        finally:
            shutil.rmtree(self.above)

    @initialize(people=st.lists(st.integers(0, _PEOPLE - 1), min_size=3, max_size=6), changed=st.booleans())
    def begin(self, people: list[int], changed: bool) -> None:
        self.run(people)
        if changed:
            self.rename(0, "Ann")
            self.world.start()
        self.number = max((entry.number for entry in self.world.entries()), default=0)
        self.labels = self.world.labels()
        self.flags = self.world.flags()
        self.apart = self.world.kept_apart()
        self.pictures = self.contents()

    # What the program does

    @rule(people=st.lists(st.integers(0, _PEOPLE - 1), min_size=1, max_size=3))
    def run(self, people: list[int]) -> None:
        self.clips += 1
        self.world.run(*((who, 10 * self.clips + look) for look, who in enumerate(people)), clip=f"clip{self.clips}")

    @rule(who=st.integers(0, _PEOPLE - 1), seconds=st.integers(1, 6))
    def stand(self, who: int, seconds: int) -> None:
        self.stood += 1
        self.tracks[self.world.stand(who, range(500, 500 + seconds), f"camera{self.stood}")] = who

    @precondition(lambda self: self.tracks)
    @rule(which=numbers, look=st.integers(510, 520))
    def stand_on(self, which: int, look: int) -> None:
        track, who = sorted(self.tracks.items())[which % len(self.tracks)]
        self.world.stand(who, range(look, look + 2), f"track{track}", track)

    @rule()
    def run_again(self) -> None:
        self.world.run((0, 10), clip="clip1")

    @rule()
    def think_again(self) -> None:
        self.world.think_again()

    @rule()
    def look(self) -> None:
        self.world.start()

    # What commands do

    @rule(one=numbers, other=numbers, same=st.booleans())
    def decide(self, one: int, other: int, same: bool) -> None:
        self.world.start()
        people = sorted({person for person in self.world.labels().values() if person})
        if len(people) > 1:
            first, second = people[one % len(people)], people[other % len(people)]
            if first != second:
                (self.world.accept if same else self.world.keep_apart)(first, second)

    @rule(which=numbers)
    def audit(self, which: int) -> None:
        placed = [face for face in self.world.start().faces if face.person and not face.corrected]
        if placed:
            assert self.world.take_out(placed[which % len(placed)]) == 1

    @rule(which=numbers)
    def reject(self, which: int) -> None:
        kept = self.world.start().pictures
        if kept:
            self.world.reject(kept[which % len(kept)])

    @rule()
    def undo(self) -> None:
        with suppress(UserError):  # nothing was changed
            self.world.undo()

    @rule(back=st.integers(0, 3))
    def undo_to(self, back: int) -> None:
        self.world.start()
        latest = max((entry.number for entry in self.world.entries()), default=0)
        if latest - back > self.number:
            with suppress(UserError):  # somebody was forgotten since, and that is all
                self.world.undo(to=latest - back - 1)

    @rule(which=numbers, alone=st.booleans())
    def forget(self, which: int, alone: bool) -> None:
        looked = self.world.start()
        if looked.faces:
            face = looked.faces[which % len(looked.faces)]
            before = self.hashes()
            self.world.forget(face.face if alone or face.person is None else face.person)
            after = self.hashes()
            forgotten = {name: content for name, content in before.items() if name not in after}
            assert face.face in forgotten
            assert len(forgotten) == 1 or not alone
            self.lost.update(forgotten.values())
            for name in forgotten:
                self.labels.pop(name, None)

    # What the user does in the file manager

    @rule(which=numbers, name=st.sampled_from([*NAMES, UNKNOWNS]))
    def move(self, which: int, name: str) -> None:
        path = self.picture(which)
        if path and not (self.world.folder / name / path.name).exists():
            self.world.move(path, name)

    @rule(which=numbers, name=st.sampled_from(NAMES))
    def rename(self, which: int, name: str) -> None:
        folders = [path for path in self.folders() if path.name != UNKNOWNS]
        if folders and not (self.world.folder / name).exists():
            folders[which % len(folders)].rename(self.world.folder / name)

    @rule(which=numbers, into=numbers)
    def merge(self, which: int, into: int) -> None:
        folders = self.folders()
        if folders:
            origin, target = folders[which % len(folders)], folders[into % len(folders)]
            for path in sorted(origin.glob("*.png")):
                if not (target / path.name).exists():
                    path.rename(target / path.name)

    @rule(which=numbers)
    def delete(self, which: int) -> None:
        if path := self.picture(which):
            self.deleted[path.read_bytes()] = path.name
            self.lost.add(content_hash(path))
            path.unlink()

    @precondition(lambda self: self.deleted)
    @rule(which=numbers, into=numbers)
    def put_back(self, which: int, into: int) -> None:
        content, name = sorted(self.deleted.items())[which % len(self.deleted)]
        folders = self.folders()
        if folders and not (target := folders[into % len(folders)] / name).exists():
            target.write_bytes(content)
            del self.deleted[content]

    @rule(which=numbers, name=st.sampled_from(NAMES))
    def copy(self, which: int, name: str) -> None:
        if path := self.picture(which):
            (self.world.folder / name).mkdir(exist_ok=True)
            if not (self.world.folder / name / f"copy of {path.name}").exists():
                shutil.copy(path, self.world.folder / name / f"copy of {path.name}")
                self.lost.add(content_hash(path))  # which of the two it is may be told by what becomes of them

    # And the way back

    def go_back(self) -> None:
        self.world.start()
        if any(entry.number > self.number and entry.door != FORGET for entry in self.world.entries()):
            left = self.world.undo(to=self.number)["left"]
            for one in left:
                if "forgotten" in one["why"]:  # whose it was at first is nobody's name any more
                    self.labels.pop(one["face"], None)
        now = self.contents()
        for content in self.pictures:
            assert content in now or content in self.lost, "a picture is gone"
        hashes = self.hashes()
        certain = {face for face in self.labels if hashes.get(face) not in self.lost}
        assert {face: self.world.labels()[face] for face in certain} == {face: self.labels[face] for face in certain}
        if not self.lost:
            assert self.kept_apart() == self.apart
            by_user = certain - self.moved_by_program()
            flags = self.world.flags()
            assert {face: flags[face] for face in by_user} == {face: self.flags[face] for face in by_user}

    def kept_apart(self) -> list[tuple[int, int]]:
        return self.world.kept_apart()

    def moved_by_program(self) -> set[str]:
        """Faces of which the program decided something; that it is not to do so again is the user's word."""
        ids = {
            change.face
            for entry in self.world.entries()
            if entry.number > self.number and entry.door in ("run", "second thoughts", "command audit")
            for change in entry.changes
        }
        return {face.face for face in self.world.sightings() if face.id in ids}

    def folders(self) -> list[Path]:
        return sorted(path for path in self.world.folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    def picture(self, which: int) -> Path | None:
        pictures = [path for folder in self.folders() for path in sorted(folder.glob("*.png"))]
        return pictures[which % len(pictures)] if pictures else None

    def contents(self) -> set[str]:
        """The content of every picture, excluded ones too."""
        return {content_hash(path) for path in self.world.folder.rglob("*.png") if path.parent != self.world.folder}

    def hashes(self) -> dict[str, str]:
        """The content of each face's picture."""
        with Root(self.world.folder) as root, closing(Table(root, "faces.sqlite", writing=False)) as table:
            return {row.face: row.hash for row in Rows(table).all() if row.hash}


def run_sequences(count: int, steps: int, home: Path) -> None:
    set_hypothesis_home_dir(home)
    chosen = settings(
        max_examples=count,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Sequences, settings=chosen)


def test_undo_brings_back_what_was_not_deleted_whatever_happened(tmp_path: Path) -> None:
    run_sequences(12, 8, tmp_path)


@pytest.mark.proof
def test_undo_brings_back_what_was_not_deleted_whatever_happened_a_thousand_times(tmp_path: Path) -> None:
    run_sequences(1000, 12, tmp_path)
