"""Strangers stay two people across a cut: in joined clips, in photos shown one after another, and in reported films.

And whoever looks otherwise after a cut, or after turning their head, stays one.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from face_classifier.core.config.load import load
from face_classifier.pipeline import run as pipeline

ROOT = Path(__file__).parents[2]
BOTH = pytest.mark.parametrize("encoder", ["dlib", "sface"])


@pytest.fixture(scope="module")
def cuts() -> Iterator[ModuleType]:
    """The benchmark, which makes the films and counts what becomes of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("cuts")


def check(rows: Iterator[tuple[str, list]], encoder: str, *, online: bool = True) -> int:
    """No track has two people, no folder of the online rule either, and with SFace no person after second thoughts.

    Returns the number of films.
    """
    films = 0
    for name, outcomes in rows:
        for number, outcome in enumerate(outcomes):
            films += 1
            assert outcome.faces > 0, (name, number)
            assert outcome.mixed_tracks == 0, (name, number, outcome)
            assert not online or outcome.mixed_folders == 0, (name, number, outcome)
            assert encoder == "dlib" or outcome.mixed_people == 0, (name, number, outcome)
    return films


@BOTH
def test_some_pairs_of_people_joined_by_a_cut_at_the_same_place(cuts: ModuleType, data: Path, encoder: str) -> None:
    assert check(cuts.joined(data, encoder, [0.2], step=45), encoder) == 4


@BOTH
def test_photos_of_strangers_shown_one_after_another(cuts: ModuleType, data: Path, encoder: str) -> None:
    assert check(cuts.shown(data, encoder, [0.2], shows=1, people=15), encoder) == 2


@pytest.mark.proof
@BOTH
def test_all_pairs_of_people_joined_by_a_cut_at_the_same_place(cuts: ModuleType, data: Path, encoder: str) -> None:
    assert check(cuts.joined(data, encoder, [0.2, 1.0], step=1), encoder) == 272


@pytest.mark.proof
@BOTH
def test_photos_of_strangers_shown_at_several_rates(cuts: ModuleType, data: Path, encoder: str) -> None:
    """dlib's encodings of some strangers in LFW are nearer than its threshold, which no track can help."""
    rows = cuts.shown(data, encoder, [0.04, 0.2, 1.0], shows=3)
    assert check(rows, encoder, online=encoder != "dlib") == 18


def people_of(clip: Path, folder: Path, **flags: object) -> list[int]:
    """The number of faces of each person that a run makes of a clip."""
    chosen = load({"result": str(folder), **flags}, None, {})
    faces = pipeline.run(chosen, [str(clip)], threading.Event(), importlib.import_module("cuts").Quiet()).sightings
    names = [face.person for face in faces or () if face.person]
    return [names.count(name) for name in sorted(set(names))]


@BOTH
@pytest.mark.parametrize(("film", "skip", "faces"), [("two.mp4", 3.5, [5, 6]), ("cut/cut_editlist.mp4", 0.0, [4, 6])])
def test_two_people_in_a_film_that_was_reported(
    cuts: ModuleType, data: Path, tmp_path: Path, encoder: str, film: str, skip: float, faces: list[int]
) -> None:
    assert people_of(data / "reports" / film, tmp_path / "result", encoder=encoder, skip=skip) == faces


@BOTH
@pytest.mark.parametrize("every", [0.2, 1.0])
def test_one_person_in_seven_shots_stays_one(
    cuts: ModuleType, data: Path, tmp_path: Path, encoder: str, every: float
) -> None:
    clip = data / "videos" / "webcam" / "nggyup_one_person_cuts.mp4"
    assert len(people_of(clip, tmp_path / "result", encoder=encoder, seconds=every)) == 1


@pytest.mark.parametrize("skip", [0.0, 0.16, 0.32])
def test_two_people_who_turn_their_heads_within_a_second_stay_two(
    cuts: ModuleType, data: Path, tmp_path: Path, skip: float
) -> None:
    clip = data / "videos" / "surveillance" / "intel_head-pose-face-detection-female-and-male.gif"
    assert len(people_of(clip, tmp_path / "result", encoder="dlib", seconds=0.0, skip=skip)) == 2
