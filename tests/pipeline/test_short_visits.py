"""Whoever is seen for a moment gets a folder, at every -S."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended

from face_classifier.core.types import Image

FPS = 25


@pytest.fixture
def visit(closeups: dict[str, Image], tmp_path: Path) -> Callable[[float], Path]:
    """Makes a clip of five seconds, in which somebody is seen from the first second on for so many."""

    def make(seconds: float) -> Path:
        path = tmp_path / "visit.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (320, 280))
        for number in range(5 * FPS):
            image = np.full((280, 320, 3), 127, np.uint8)
            if 1 <= number / FPS < 1 + seconds:
                image[20:260, 40:280] = closeups["obama.jpg"]
            writer.write(image)
        writer.release()
        return path

    return make


@pytest.mark.parametrize(
    ("encoder", "every", "seconds", "kept"),
    [("dlib", 0.2, 0.5, 3), ("sface", 0.2, 0.9, 3), ("sface", 0.5, 0.9, 2), ("dlib", 1.0, 1.9, 2)],
)
def test_a_short_visit_makes_a_person(
    tmp_path: Path,
    visit: Callable[[float], Path],
    command: Callable[..., Ended],
    encoder: str,
    every: float,
    seconds: float,
    kept: int,
) -> None:
    result = tmp_path / "result"
    ended = command(visit(seconds), "-S", every, "--result", result, "--encoder", encoder)
    assert f"1 person, {kept} known faces, 0 unknown faces" in ended.out


def test_a_single_frame_does_not(tmp_path: Path, visit: Callable[[float], Path], command: Callable[..., Ended]) -> None:
    ended = command(visit(0.15), "-S", 0.2, "--result", tmp_path / "result")
    assert "0 persons, 0 known faces, 1 unknown face" in ended.out


def test_a_longer_one_is_kept_once_a_second_after_its_first_faces(
    tmp_path: Path, visit: Callable[[float], Path], command: Callable[..., Ended]
) -> None:
    ended = command(visit(3.9), "-S", 0.2, "--result", tmp_path / "result")
    assert "1 person, 6 known faces, 0 unknown faces" in ended.out  # at 0, .2, .4, 1.4, 2.4, 3.4 s
    again = command(tmp_path / "visit.mp4", "-S", 0.2, "--result", tmp_path / "result")
    assert again.out == ended.out
