"""The recipes of the README print what it shows."""

from __future__ import annotations

import re
import shlex
import shutil
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import Ended

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
PROGRAM = ["sh", "scripts/run"]
HOME = "/home/me/face-classifier"  # where the README's reader stands
CLOCK = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d ")  # of what happens while the recipe runs
PICTURE = re.compile(
    r"20\d{6}_\d{6}\.\d{3}-\d"
)  # of pictures that are nearly as near another processor may take another
DECIMAL = re.compile(r"\d+\.\d+")
NEAR, NEAR_PER_CENT = 0.03, 1.0  # by how much a distance or quality, and a likeness, may differ on another processor

TRIES = 3  # what is watched loses frames on a busy machine, and less is seen until its time is over


def recipes() -> list[tuple[str, str]]:
    """The commands of the README and what it shows them to print, in their order."""
    blocks = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [(command, output) for block in blocks for command, output in re.findall(r"\$ (.*)\n((?:[^$].*\n)*)", block)]


def words_and_numbers(text: str) -> tuple[list[str], list[float]]:
    """The words of a text with a mark for each decimal number, and these numbers."""
    text = PICTURE.sub("@", CLOCK.sub("@ ", text))
    return DECIMAL.sub("#", text).split(), [float(number) for number in DECIMAL.findall(text)]


@pytest.mark.usefixtures("clock_of_utc")
def test_the_recipes_print_what_the_readme_shows(
    photographs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Ended]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACE_CLASSIFIER_WEB__LISTEN", "off")  # which no other program can have
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, path in photographs.items():
        shutil.copy(path, photos / name)
    told = recipes()
    assert len(told) > 5
    for line, shown in told:
        program, *arguments = shlex.split(line)
        if program == "mv":
            Path(arguments[0]).rename(arguments[1])
            continue
        assert [program, arguments[0]] == PROGRAM
        for _ in range(TRIES if arguments[1] == "watch" else 1):
            shutil.rmtree(tmp_path / "house", ignore_errors=True)
            ended = command(*arguments[1:])
            assert ended.code == 0, line
            words, numbers = words_and_numbers(ended.out.replace(str(tmp_path), HOME))
            if words == words_and_numbers(shown)[0]:
                break
        assert words == words_and_numbers(shown)[0], line
        per_cent = [
            word == "%" for before, word in pairwise([*words, ""]) if "#" in before for _ in range(before.count("#"))
        ]
        for number, other, likeness in zip(numbers, words_and_numbers(shown)[1], per_cent, strict=True):
            assert number == pytest.approx(other, abs=NEAR_PER_CENT if likeness else NEAR), line


@pytest.fixture
def clock_of_utc(monkeypatch: pytest.MonkeyPatch):
    """Local times are UTC's meanwhile, as the README shows them."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
