"""What the person at the terminal sees: tables that fit, statistics of few and of many, how far a run has come."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from face_classifier.cli import console
from face_classifier.core.types import Face, Sighting
from face_classifier.identity.naming import natural


def printed_on_a_terminal(columns: int, *line: object, cwd: Path) -> str:
    """What a command shows on a terminal so many columns wide."""
    ours, theirs = pty.openpty()
    try:
        env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
        command = [sys.executable, "-m", "face_classifier", *map(str, line)]
        with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=env, cwd=cwd) as process:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    part = os.read(ours, 65536)
                except OSError:  # Linux tells the end so
                    break
                if not part:
                    break
                shown += part
        assert process.returncode == 0
    finally:
        os.close(ours)
    return shown.decode()


@pytest.fixture
def people(faces: dict[str, Face]) -> Callable[[int], list[Sighting]]:
    """So many people of two faces each, by real encodings with noise."""

    def make(count: int) -> list[Sighting]:
        noise = np.random.default_rng(1)
        encoding = faces["obama.jpg"].encoding
        made = []
        for number in range(1, count + 1):
            for _ in range(2):
                made.append(
                    Sighting(len(made) + 1, f"face{len(made)}", f"person_{number:02d}", None,
                             encoding=encoding + noise.normal(0, 0.01, 128))
                )  # fmt: skip
        return made

    return make


def test_up_to_twenty_people_are_told_at_the_end_as_the_original_did(people, capsys: pytest.CaptureFixture[str]):
    unknown = replace(people(1)[0], id=99, person=None)
    console.print_statistics([*people(20), unknown], "result")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "20 persons, 40 known faces, 1 unknown face"
    assert len(lines) == 21
    assert lines[20].startswith("person_20  [ ")


def test_of_more_people_their_number_is_told_and_where_to_see_them(people, capsys: pytest.CaptureFixture[str]):
    unknown = replace(people(1)[0], id=99, person=None)
    console.print_statistics([*people(21), unknown], "faces")
    assert capsys.readouterr().out.splitlines() == [
        "21 persons, 42 known faces, 1 unknown face",
        "`face-classifier people --result faces` lists them",
    ]


def test_a_table_of_a_thousand_people_is_a_line_each(people, capsys: pytest.CaptureFixture[str]):
    console.print_people(people(1000))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1002
    assert sum(map(len, lines)) < 100 * len(lines)
    assert lines[101].split()[0] == "person_100"


def test_numbers_in_names_are_counted():
    names = ["person_100", "person_11", "anna 2", "Anna 10", "person_2", "2", "10", "Anna", "9" * 5000]
    assert sorted(names, key=natural) == [
        "2", "10", "9" * 5000, "Anna", "anna 2", "Anna 10", "person_2", "person_11", "person_100",
    ]  # fmt: skip


def test_a_table_fits_the_terminal(tmp_path: Path, short_clip: Path):
    subprocess.run(
        [sys.executable, "-m", "face_classifier", str(short_clip), "-S", "0", "--founding", "2"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    folder = tmp_path / "result" / "person_01"
    folder.rename(folder.with_name("Anna Karolina von und zu Hohenstein-Öttingen geborene Müller 박원상 " * 2))
    shown = printed_on_a_terminal(80, "people", cwd=tmp_path).splitlines()
    assert all(console.cell_len(line) <= 80 for line in shown)
    assert any("…" in line for line in shown)
    assert shown[1].split() == "person faces first seen last seen spread nearest apart".split()


def test_a_run_over_many_photos_says_how_many_are_done_and_the_time_left(
    tmp_path: Path, photo_folder: Callable[..., Path]
):
    photos = photo_folder({f"{number}.jpg": "obama.jpg" for number in range(12)})
    shown = printed_on_a_terminal(120, photos, cwd=tmp_path)
    assert "of 12" in shown
    assert "11 of 12" in shown or "12 of 12" in shown
    assert "ETA" in shown
