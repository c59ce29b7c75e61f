"""A source keeps the -S that it was first seen with, so that a rerun takes the same frames."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import cv2
import pytest
from conftest import Ended

from face_classifier.core.config.load import load
from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.gallery.store import Store
from face_classifier.library.runs import run as library_run
from face_classifier.pipeline.archive import head_of
from face_classifier.sources.discover import open_source

NOON = datetime(2024, 5, 6, 12, tzinfo=timezone.utc)


@pytest.fixture
def clip(tmp_path: Path, closeups: dict[str, Image]) -> Path:
    """Three seconds, 10 frames a second, of one person."""
    path = tmp_path / "still.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (240, 240))
    for _ in range(30):
        writer.write(closeups["obama.jpg"])
    writer.release()
    return path


@pytest.fixture
def seen(tmp_path: Path, clip: Path, command: Callable[..., Ended]) -> Callable[..., list[float]]:
    """Runs the program on the clip; returns the positions of the faces that are kept by then."""

    def run(*more: object) -> list[float]:
        assert command(clip, "--result", tmp_path / "result", *more).code == 0
        exported = command("export", "--result", tmp_path / "result").out.splitlines()
        return sorted(round(json.loads(line)["position"], 3) for line in exported)

    return run


def test_a_rerun_takes_the_frames_of_the_first_run(seen: Callable[..., list[float]]) -> None:
    assert seen() == [0.0, 0.5, 1.0, 2.0]
    assert seen() == [0.0, 0.5, 1.0, 2.0]


def test_a_run_that_was_ended_early_goes_on_to_the_same_faces(seen: Callable[..., list[float]]) -> None:
    assert seen("-s", 0.7) == [0.0, 0.5]
    assert seen() == [0.0, 0.5, 1.0, 2.0]


def test_a_run_from_later_on_keeps_faces_of_its_own_frames_once(seen: Callable[..., list[float]]) -> None:
    for _ in range(2):
        assert seen("-k", 0.7) == [0.7, 1.2, 1.7, 2.7]


def test_a_rerun_takes_the_seconds_that_the_first_was_given(seen: Callable[..., list[float]]) -> None:
    assert seen("-S", 2, "--encoder", "dlib") == [0.0, 2.0]
    assert seen("--encoder", "dlib") == [0.0, 2.0]
    assert seen("--engine", "original", "--encoder", "dlib") == [0.0, 2.0]


def test_seconds_that_are_given_win_and_those_of_the_first_run_stay(seen: Callable[..., list[float]]) -> None:
    assert seen("-S", 2) == [0.0, 2.0]
    assert seen("-S", 1) == [0.0, 1.0, 2.0]
    assert seen("--refresh", 0) == [0.0, 1.0, 2.0]


def test_a_source_of_an_earlier_version_counts_as_seen_once_a_second(
    tmp_path: Path, seen: Callable[..., list[float]], command: Callable[..., Ended]
) -> None:
    assert seen("-S", 1) == [0.0, 1.0, 2.0]
    with closing(sqlite3.connect(tmp_path / "result" / "faces.sqlite")) as table, table:
        table.execute("DROP TABLE steps")
    assert command("people", "--result", tmp_path / "result").code == 0  # which only reads
    assert seen("--refresh", 0) == [0.0, 1.0, 2.0]


def test_the_original_engine_looks_once_a_second_as_ever(seen: Callable[..., list[float]]) -> None:
    assert seen("--engine", "original", "--encoder", "dlib") == [0.0, 1.0, 2.0]


def test_a_file_analysed_ahead_of_its_turn_is_sampled_as_it_was_first_seen(
    tmp_path: Path, clip: Path, short_clip: Path, command: Callable[..., Ended]
) -> None:
    result = tmp_path / "result"
    command(short_clip, clip, "-S", 2, "--result", result)
    before = command("export", "--result", result).out
    assert len(before.splitlines()) == 4
    command(short_clip, clip, "--parallel", 2, "--result", result)
    assert command("export", "--result", result).out == before


def test_another_program_that_gives_no_seconds_gets_the_same(tmp_path: Path, clip: Path) -> None:
    for settings in ({"seconds": 2}, {}):
        sightings = library_run(clip, tmp_path / "result", **settings).sightings  # type: ignore[arg-type]
        assert [face.position for face in sightings or []] == [0.0, 2.0]


def test_a_record_of_its_own_is_sampled_as_a_source_that_was_never_seen(clip: Path) -> None:
    with open_source(str(clip)) as source:
        assert [head_of(source, load(chosen)).sampling.every for chosen in ({}, {"seconds": 0.2})] == [0.5, 0.2]


def test_what_kept_faces_without_a_run_leaves_the_seconds_to_the_first_run(tmp_path: Path) -> None:
    with Store(tmp_path / "result", writing=True) as store:
        assert store.step_of("clip") is None
        store.first_start("clip", NOON)
        assert store.step_of("clip") is None
        for step in (0.2, 0.7):
            assert store.first_start("clip", NOON, step) == NOON
            assert store.step_of("clip") == 0.2


@pytest.mark.parametrize("seconds", ["'often'", "-1.0", "9e999", "x'00'"])
def test_seconds_that_cannot_be_are_told(tmp_path: Path, seconds: str) -> None:
    with Store(tmp_path / "result", writing=True) as store:
        store.first_start("clip", NOON, 0.2)
    with closing(sqlite3.connect(tmp_path / "result" / "faces.sqlite")) as table, table:
        table.execute(f"UPDATE steps SET seconds = {seconds}")
    with Store(tmp_path / "result", writing=True) as store, pytest.raises(UserError, match="seconds of steps is"):
        store.step_of("clip")
