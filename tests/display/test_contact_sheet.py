"""Sheets: squares, captions and grids keep every picture whole and in its place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.display import contact_sheet
from face_classifier.display.patches import SHADE

RED, BLUE = (0, 0, 255), (255, 0, 0)


def plain(height: int, width: int, color: tuple[int, int, int]) -> Image:
    return np.full((height, width, 3), color, np.uint8)


def test_a_square_is_the_middle_of_a_picture():
    image = np.hstack([plain(20, 20, RED), plain(20, 20, BLUE), plain(20, 20, RED)])
    assert np.array_equal(contact_sheet.square(image, 10), plain(10, 10, BLUE))


def test_a_whole_picture_is_not_cut():
    tile = contact_sheet.fitted(np.hstack([plain(20, 10, RED), plain(20, 30, BLUE)]), 40)
    assert np.array_equal(tile[10:30], np.hstack([plain(20, 10, RED), plain(20, 30, BLUE)]))
    assert np.array_equal(tile[:10], plain(10, 40, SHADE))


@pytest.mark.parametrize(
    "name", ["Ann", "박원상", "محمد الأمين", "🎬", "Wolfeschlegelsteinhausenbergerdorff the elder", ""]
)
def test_a_caption_of_any_name_keeps_the_width(name: str):
    tile = plain(100, 100, RED)
    captioned = contact_sheet.captioned(tile, name, "0.4049")
    assert np.array_equal(captioned[:100], tile)
    assert captioned.shape == contact_sheet.captioned(tile, "x", "y").shape
    written = (captioned[100:] != SHADE).any(axis=2)
    half = written.shape[0] // 2
    assert written[half:].any()
    assert written[:half].any() == bool(name)


def test_a_grid_has_rows_with_gaps():
    grid = contact_sheet.grid([plain(10, 20, RED), plain(10, 20, BLUE), plain(10, 20, RED)], 2)
    gap = contact_sheet.GAP
    assert grid.shape == (3 * gap + 20, 3 * gap + 40, 3)
    assert tuple(grid[gap, gap]) == RED
    assert tuple(grid[gap, 2 * gap + 20]) == BLUE
    assert tuple(grid[2 * gap + 10, gap]) == RED
    assert tuple(grid[2 * gap + 10, 2 * gap + 20]) == SHADE


def test_strips_of_several_widths_are_stacked():
    stacked = contact_sheet.stacked([plain(10, 30, RED), contact_sheet.heading("me", 50)])
    assert stacked.shape[1] == 50
    assert np.array_equal(stacked[:10, 30:], plain(10, 20, SHADE))


def test_a_picture_that_cannot_be_written_is_told_with_its_option(tmp_path: Path):
    contact_sheet.write(str(tmp_path / "map.png"), plain(5, 5, RED), "--map")
    assert np.array_equal(cv2.imread(str(tmp_path / "map.png")), plain(5, 5, RED))
    with pytest.raises(UserError, match="give another file to --map"):
        contact_sheet.write(str(tmp_path / "nowhere" / "map.png"), plain(5, 5, RED), "--map")


def test_a_caption_too_long_is_cut_in_the_middle_where_names_of_files_do_not_differ():
    one, other, same = (
        contact_sheet.captioned(plain(96, 96, RED), f"Bill_Gates_and_a_long_{middle}_name_{number:04}.jpg")
        for middle, number in (("a", 1), ("a", 2), ("b", 1))
    )
    assert (one != other).any()
    assert np.array_equal(one, same)


@pytest.mark.parametrize(
    ("suffix", "begins"), [(".png", b"\x89PNG"), (".JPG", b"\xff\xd8"), (".jpeg", b"\xff\xd8"), (".webp", b"RIFF")]
)
def test_a_file_is_what_its_suffix_says(tmp_path: Path, suffix: str, begins: bytes):
    file = tmp_path / f"out{suffix}"
    contact_sheet.write(str(file), plain(20, 30, RED))
    assert file.read_bytes().startswith(begins)
    assert np.abs(cv2.imread(str(file)).astype(int) - RED).max() < 9


def test_a_suffix_of_no_picture_is_told(tmp_path: Path):
    for name in ("out.txt", "out"):
        with pytest.raises(UserError, match=r"must end in \.png, \.jpg or \.webp"):
            contact_sheet.write(str(tmp_path / name), plain(5, 5, RED))
    assert not list(tmp_path.iterdir())


def test_a_picture_that_viewers_would_refuse_is_shrunk(tmp_path: Path):
    contact_sheet.write(str(tmp_path / "long.png"), plain(2 * contact_sheet.MOST_SIDE, 60, RED))
    assert cv2.imread(str(tmp_path / "long.png")).shape == (contact_sheet.MOST_SIDE, 30, 3)
