"""A run on a folder of photos alone says which command sorts the photos themselves."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Ended

FITS = "has only photos"


@pytest.fixture
def pictures(photographs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of photos whose name a shell would take apart, in the folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my pictures"
    folder.mkdir()
    for name in ("obama.jpg", "obama2.jpg"):
        shutil.copy(photographs[name], folder)
    return folder


def test_a_run_on_photos_alone_tells_the_command_that_sorts_them(pictures: Path, command: Callable[..., Ended]):
    ended = command(pictures)
    assert ended.code == 0
    said = [line for line in ended.err.splitlines() if FITS in line]
    assert len(said) == 1
    program, *words = shlex.split(said[0].split("; to sort the photos themselves, run ")[1])
    assert program == "face-classifier"
    assert command(*words).code == 0
    assert len(list((pictures.parent / "people" / "person_01").iterdir())) == 2


def test_a_run_on_photos_and_videos_or_on_one_photo_tells_none(
    pictures: Path, demo_clip: Path, command: Callable[..., Ended]
):
    assert FITS not in command(pictures / "obama.jpg").err
    shutil.copy(demo_clip, pictures)
    ended = command(pictures, "--stop", "1")
    assert ended.code == 0
    assert FITS not in ended.err


def test_enrolling_somebody_from_a_folder_of_photos_tells_none(pictures: Path, command: Callable[..., Ended]):
    ended = command("enroll", "Barack Obama", pictures)
    assert ended.code == 0
    assert FITS not in ended.err
