"""What measures who is who counts right, and runs with nothing but the demo's photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from face_classifier.core.types import Box, Sighting

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def test_strangers_share_splits_and_losses_are_counted_by_the_largest_faces_alone() -> None:
    from recognition.replay import Record, outcome

    large, small = Box(0, 60, 60, 0), Box(0, 90, 20, 70)
    records = [Record(name, name, frozenset({(0.0, large), (1.0, large)}), 2) for name in ("a1", "a2", "b", "c")]

    def face(source: str, position: float, person: str | None, box: Box = large) -> Sighting:
        return Sighting(1, source, person, None, source=source, position=position, box=box)

    person_of = {"a1": "Ann", "a2": "Ann", "b": "Bob", "c": "Cid"}
    clean = [face("a1", 0.0, "p1"), face("a2", 1.0, "p1"), face("b", 0.0, "p2"), face("c", 0.0, None)]
    found = outcome(clean, records, person_of)
    assert (found.shared, found.split, found.without) == (0, (), ("Cid",))
    someone_behind = face("b", 0.0, "p1", small)
    assert outcome([*clean, someone_behind], records, person_of).shared == 0
    found = outcome([*clean, face("b", 1.0, "p1"), face("c", 1.0, "p3")], records, person_of)
    assert (found.shared, found.split, found.without) == (1, ("Bob",), ())


def test_halves_take_every_second_name_and_keep_families_together() -> None:
    from recognition.faces import NOBODY, Faces, half, of_half

    assert half(["d", "a", "c", "b"], 0) == ["a", "c"]
    people = ["t1/x", "t2/x", NOBODY, "t1/y"]
    numbers = np.array([0, 7, 8, 9])
    faces = Faces(np.zeros((4, 128)), np.array(people), numbers, numbers, numbers, np.ones(4))
    assert of_half(faces, 0).person.tolist() == ["t1/x", NOBODY, "t1/y"]
    assert of_half(faces, 1).person.tolist() == ["t2/x", NOBODY]
    assert of_half(faces, 0).track.tolist() == [0, 1, 2]


def test_two_people_of_the_demo_get_a_folder_each_from_records_that_are_made_once(
    engine: object, tmp_path: Path
) -> None:
    from recognition import demo, draws
    from recognition.replay import Recorder

    recorder = Recorder(engine, "dlib", tmp_path)  # type: ignore[arg-type]
    scenes = dict(list(demo.scenes(tmp_path).items())[:3])
    told = draws.drawn(draws.of_scenes(scenes), recorder, draws=2)
    assert [(one.shared, one.split, one.without) for one in told.finally_] == [(0, (), ())] * 2
    made = sorted((tmp_path / "records").rglob("*.record"))
    assert len(made) == 3
    again = Recorder(engine, "dlib", tmp_path)  # type: ignore[arg-type]
    before = [path.stat().st_mtime_ns for path in made]
    draws.drawn(draws.of_scenes(scenes), again, draws=1)
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "records").rglob("*.record"))] == before
