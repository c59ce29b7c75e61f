"""Dimensions: for each number of an encoding the faces at both its ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended

from face_classifier.core.errors import UserError
from face_classifier.photos.lookalike import dimensions
from face_classifier.photos.lookalike.people import Person, PhotoGallery, Portrait

Command = Callable[..., Ended]


def gallery(*values: float) -> PhotoGallery:
    """Somebody for each value of dimension 3, with the value for a name."""
    people = []
    for value in values:
        encoding = np.zeros(128)
        encoding[3] = value
        people.append(Person(f"{value:g}", (Portrait(f"{value:g}.jpg", encoding, b""),)))
    return PhotoGallery(people, "sface", len(values))


def test_the_lowest_and_the_highest_are_named_in_rising_order():
    (found,) = dimensions.extremes(gallery(5, 1, 4, 2, 6, 3), [3], 2)
    assert [(one.name, one.value) for one in found.lowest] == [("1", 1), ("2", 2)]
    assert [(one.name, one.value) for one in found.highest] == [("5", 5), ("6", 6)]
    assert list(dimensions.rows([found])) == [("3", "1.000", "1", "6.000", "6")]


def test_no_face_is_at_both_ends_of_a_small_gallery():
    (found,) = dimensions.extremes(gallery(3, 1, 2, 4), [3], 6)
    assert [one.name for one in (*found.lowest, *found.highest)] == ["1", "2", "3", "4"]
    (alone,) = dimensions.extremes(gallery(3), [3], 6)
    assert (len(alone.lowest), len(alone.highest)) == (1, 1)


def test_the_sheet_of_all_dimensions_is_about_as_wide_as_high():
    tile = cv2.imencode(".jpg", np.zeros((160, 160, 3), np.uint8))[1].tobytes()
    people = [Person(f"{n}", (Portrait(f"{n}.jpg", np.full(128, float(n)), tile),)) for n in range(12)]
    found = dimensions.extremes(PhotoGallery(people, "sface", 12), range(128), 6)
    height, width, _ = dimensions.picture(found).shape
    assert max(height, width) < 8000
    assert 0.5 < height / width < 2
    assert dimensions.picture(found[:3]).shape[1] < 1500


def test_all_dimensions_are_shown_unless_some_are_named():
    assert dimensions.chosen([]) == list(range(128))
    assert dimensions.chosen(["7", "0", "7"]) == [7, 0]


@pytest.mark.parametrize("given", ["128", "-1", "one", "1.5", ""])
def test_what_is_no_dimension_is_told(given: str):
    with pytest.raises(UserError, match="from 0 to 127"):
        dimensions.chosen([given])


def test_the_command_draws_the_faces_and_tells_the_values(
    command: Command, photo_folder: Callable[..., Path], tmp_path: Path
):
    folder = photo_folder({"Barack/1.jpg": "obama.jpg", "Barack/2.jpg": "obama2.jpg", "Joe.jpg": "biden.jpg"})
    arguments = ("dimensions", "--gallery", folder, "--dimension", 5, "--dimension", 9)
    ended = command(*arguments, "--json", "--picture", tmp_path / "out.png")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)
    assert [one["dimension"] for one in told] == [5, 9]
    for one in told:
        assert one["lowest"][0]["value"] <= one["highest"][0]["value"]
        assert Path(one["lowest"][0]["photo"]).is_file()
    assert cv2.imread(str(tmp_path / "out.png")).shape[1] > 200
    assert [line.split()[0] for line in command(*arguments).out.splitlines()] == ["dimension", "5", "9"]
