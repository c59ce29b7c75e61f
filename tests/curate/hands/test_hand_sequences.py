"""Random sequences of what two pages and the file manager do to a gallery, and the way back to the beginning."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from curate.hands.test_hands import state
from gallery.test_journal import World
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from face_classifier.core.errors import UserError
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.store import Store

NAMES = ["Ann", "Bea", "person_01", "person_77"]
_IN_MEMORY = "/dev/shm"  # durable writes take most of the time elsewhere
numbers = st.integers(0, 1_000)
several = st.lists(numbers, min_size=1, max_size=4)
names = st.sampled_from(NAMES)


class Hands(RuleBasedStateMachine):
    """A gallery that two tabs and a file manager change, then all of it taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.above = Path(tempfile.mkdtemp(dir=_IN_MEMORY if os.path.isdir(_IN_MEMORY) else None))
        self.world = World(self.above / "result")
        self.done = 0  # commands that changed something

    def teardown(self) -> None:
        try:
            if hasattr(self, "before"):
                self.go_back()
        finally:
            shutil.rmtree(self.above)

    @initialize(changed=st.booleans())
    def begin(self, changed: bool) -> None:
        self.world.run((0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (3, 1), (0, 3))
        if changed:
            self.world.rename("person_01", "Ann")
            self.world.start()
        self.number = self.latest()
        self.tabs = [self.number, self.number]
        self.before = state(self.world)

    def latest(self) -> int:
        return max((entry.number for entry in self.world.entries()), default=0)

    def does(self, tab: int, command: str, **arguments: Any) -> None:
        """A command of a tab, which sees what it did itself; a conflict, or a refusal, changes nothing."""
        self.world.start()  # what the file manager did
        before = state(self.world), self.latest()
        try:
            answer = self.world.carry_out(command, arguments | {"seen": self.tabs[tab], "door": f"page {tab}"})
        except UserError:
            assert (state(self.world), self.latest()) == before
            self.tabs[tab] = before[1]
            return
        if "conflict" in answer:
            assert (state(self.world), self.latest()) == before
            self.tabs[tab] = before[1]
            return
        assert answer["revision"] == self.latest()
        assert (answer["undo"] is None) == (answer["revision"] == before[1])
        if command != "undo" and answer["undo"] is not None:
            self.done += 1
        self.tabs[tab] = answer["revision"]

    def faces(self, which: list[int], *, all_lying: bool = False) -> list[int]:
        with Store(self.world.folder, writing=False) as store:
            lying = store.words.lying(range(1, 30))
        ids = sorted(face for face, where in lying.items() if all_lying or not where.folder.startswith("."))
        return [ids[one % len(ids)] for one in which]

    def person(self, which: int) -> str:
        people = sorted({person for person in self.world.labels().values() if person})
        return people[which % len(people)] if people else "nobody"

    # Tabs

    @rule(tab=st.integers(0, 1), which=several, name=st.none() | names, new=st.booleans(), no=st.none() | numbers)
    def assign(self, tab: int, which: list[int], name: str | None, new: bool, no: int | None) -> None:
        more = {"not": self.person(no)} if no is not None else {}
        faces = self.faces(which, all_lying=True)
        self.does(tab, "assign", faces=faces, person=name, new=new and name is None, **more)

    @rule(tab=st.integers(0, 1), which=several, command=st.sampled_from(["ignore", "exclude"]))
    def put_aside(self, tab: int, which: list[int], command: str) -> None:
        self.does(tab, command, faces=self.faces(which))

    @rule(tab=st.integers(0, 1), which=several, no=st.none() | numbers)
    def restore(self, tab: int, which: list[int], no: int | None) -> None:
        more = {"not": self.person(no)} if no is not None else {}
        self.does(tab, "restore", faces=self.faces(which, all_lying=True), **more)

    @rule(tab=st.integers(0, 1), into=numbers, goes=st.lists(numbers, min_size=1, max_size=2), name=st.none() | names)
    def merge(self, tab: int, into: int, goes: list[int], name: str | None) -> None:
        origins = [self.person(one) for one in goes]
        self.does(tab, "merge", person=self.person(into), name=name, **{"from": origins})

    @rule(tab=st.integers(0, 1), which=numbers, faces=several, name=st.none() | names)
    def part(self, tab: int, which: int, faces: list[int], name: str | None) -> None:
        person = self.person(which)
        own = [face.id for face in self.world.sightings() if face.person == person]
        if own:
            self.does(tab, "part", person=person, faces=[own[one % len(own)] for one in faces], name=name)

    @rule(tab=st.integers(0, 1), which=numbers, name=names)
    def name(self, tab: int, which: int, name: str) -> None:
        self.does(tab, "rename", person=self.person(which), name=name)

    @rule(tab=st.integers(0, 1), one=numbers, other=numbers, same=st.sampled_from([True, False, None]))
    def judge(self, tab: int, one: int, other: int, same: bool | None) -> None:
        self.does(tab, "judge", one=self.person(one), other=self.person(other), same=same)

    @rule(tab=st.integers(0, 1), back=st.integers(0, 3), latest=st.booleans())
    def undo(self, tab: int, back: int, latest: bool) -> None:
        to = self.latest() - back - 1
        if latest or to >= self.number:
            self.does(tab, "undo", to=None if latest else to)

    @rule(tab=st.integers(0, 1), back=st.integers(0, 4))
    def undo_one(self, tab: int, back: int) -> None:
        if (entry := self.latest() - back) > self.number:
            self.does(tab, "undo", to=None, entry=entry)

    # The file manager

    @rule(which=numbers, name=st.sampled_from([*NAMES, UNKNOWNS]))
    def move(self, which: int, name: str) -> None:
        pictures = sorted(self.world.folder.glob("[!.]*/*.png"))
        path = pictures[which % len(pictures)] if pictures else None
        if path and not (self.world.folder / name / path.name).exists():
            self.world.move(path, name)

    @rule(which=numbers, name=names)
    def rename(self, which: int, name: str) -> None:
        folders = sorted({path.parent for path in self.world.folder.glob("[!.]*/*.png")})
        folders = [path for path in folders if path.name != UNKNOWNS]
        if folders and not (self.world.folder / name).exists():
            with suppress(FileNotFoundError):
                folders[which % len(folders)].rename(self.world.folder / name)

    # And the way back

    def go_back(self) -> None:
        self.world.start()
        if self.latest() > self.number:
            answer = self.world.carry_out("undo", {"to": self.number, "seen": self.latest(), "door": "page"})
            assert answer["left"] == []
        assert state(self.world) == self.before


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
    run_state_machine_as_test(Hands, settings=chosen)


def test_an_undo_brings_back_all_that_pages_and_the_file_manager_did(tmp_path: Path) -> None:
    run_sequences(8, 8, tmp_path)


@pytest.mark.proof
def test_an_undo_brings_back_all_that_pages_and_the_file_manager_did_a_thousand_times(tmp_path: Path) -> None:
    run_sequences(1000, 12, tmp_path)
