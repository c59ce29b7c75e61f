"""Faces in photos: looked for hard, from left to right, and shown upright."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pictures

from face_classifier.core.types import Box, Face, Image, cut
from face_classifier.photos.finder import LARGER, PLAIN, TILE, TURNED, FaceFinder, tile_image
from face_classifier.vision.engine import Engine

OBAMA, AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"


@pytest.fixture(scope="module")
def finder(engine: Engine) -> FaceFinder:
    return FaceFinder(engine)


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other))


def test_all_faces_are_found_from_left_to_right(finder: FaceFinder, closeups: dict[str, Image], faces: dict[str, Face]):
    found, how = finder.find_in(np.hstack([closeups[BIDEN], closeups[OBAMA]]))
    assert how == PLAIN
    assert [off(face.encoding, faces[name].encoding) < 0.35 for face, name in zip(found, (BIDEN, OBAMA), strict=True)]
    assert found[0].box.right <= 240 <= found[1].box.left + 1


def test_a_photo_that_exif_turns_is_read_upright(finder: FaceFinder, closeups: dict[str, Image], tmp_path: Path):
    upright = finder.find_in(closeups[OBAMA])[0][0]
    exif = Pictures.Exif()
    exif[0x0112] = 6
    file = tmp_path / "turned.jpg"
    Pictures.fromarray(np.rot90(closeups[OBAMA], 1)[:, :, ::-1]).save(file, exif=exif, quality=95)
    size, found, how = finder.find(file)
    assert (size, how) == ((240, 240), PLAIN)
    assert found[0].box.overlap(upright.box) > 0.8


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_face_that_lies_on_its_side_is_found_where_it_lies(
    finder: FaceFinder, closeups: dict[str, Image], turns: int
):
    image = closeups[AGAIN][:, 20:]
    upright = finder.find_in(image)[0][0]
    lying = np.ascontiguousarray(np.rot90(image, turns))
    found, how = finder.find_in(lying)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[upright.box.top : upright.box.bottom, upright.box.left : upright.box.right] = 1
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(np.rot90(mask, turns)))
    assert how == TURNED
    assert found[0].box.overlap(Box(top, left + width, top + height, left)) > 0.8
    assert off(found[0].encoding, upright.encoding) < 0.2
    assert np.abs(tile_image(found[0].tile).astype(int) - tile_image(upright.tile)).mean() < 12, "not upright"


def test_a_face_that_fills_its_picture_is_found(finder: FaceFinder, closeups: dict[str, Image], faces: dict[str, Face]):
    box = finder.find_in(closeups[OBAMA])[0][0].box
    inner = Box(box.top + 4, box.right - 4, box.bottom - 4, box.left + 4)
    found, _ = finder.find_in(cut(closeups[OBAMA], inner))
    assert off(found[0].encoding, faces[OBAMA].encoding) < 0.5


def test_a_tiny_face_is_found_in_the_enlarged_photo(finder: FaceFinder, closeups: dict[str, Image]):
    photo = np.full((240, 320, 3), 128, np.uint8)
    photo[100:136, 200:236] = cv2.resize(closeups[OBAMA], (36, 36), interpolation=cv2.INTER_AREA)
    found, how = finder.find_in(photo)
    assert how == LARGER
    assert found[0].box.overlap(Box(112, 224, 125, 212)) > 0.5


def test_a_tilted_head_is_not_taken_for_one_upside_down(photo_finder: FaceFinder, data: Path):
    _, faces, how = photo_finder.find(data / "lfw" / "Colin_Montgomerie" / "Colin_Montgomerie_0004.jpg")
    assert (len(faces), how) == (1, PLAIN)


def test_in_a_photo_without_a_face_there_is_none(finder: FaceFinder):
    ramp = np.tile(np.linspace(0, 255, 320).astype(np.uint8)[None, :, None], (240, 1, 3))
    assert finder.find_in(ramp) == ([], PLAIN)


def test_small_faces_in_a_large_photo_are_found(finder: FaceFinder, wide_view: Image):
    found, how = finder.find_in(wide_view)
    assert (len(found), how) == (12, PLAIN)


def test_heads_of_a_hundred_pixels_in_a_group_photo_of_12_megapixels_are_found(
    photo_finder: FaceFinder, data: Path, tmp_path: Path
):
    image = cv2.imread(str(data / "groups" / "human_solvay1927.jpg"))
    boxes = [face.box for face in photo_finder.find_in(image)[0] if face.box.height * 1.3 < 200]
    factor = 130 / 1.3 / float(np.median([box.height for box in boxes]))
    inset = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    photo = np.full((3000, 4000, 3), 110, np.uint8)
    photo[-inset.shape[0] :, -inset.shape[1] :] = inset
    cv2.imwrite(str(tmp_path / "group.jpg"), photo)
    across, down = 4000 - inset.shape[1], 3000 - inset.shape[0]
    there = [face.box for face in photo_finder.find(tmp_path / "group.jpg")[1]]
    large = [box.scaled(factor).moved(across, down) for box in boxes if 1.3 * factor * box.height >= 100]
    found = sum(any(box.overlap(other) > 0.4 for other in there) for box in large)
    known = len(large)
    assert known > 25  # of 29 people in the photo
    assert found >= 0.95 * known


@pytest.mark.parametrize("name", [OBAMA, BIDEN])
def test_in_a_dark_photo_the_face_is_found_at_once_and_known(
    photo_finder: FaceFinder, closeups: dict[str, Image], name: str
):
    dark = np.uint8(closeups[name] * 0.05)
    ((bright,), _), (found, how) = photo_finder.find_in(closeups[name]), photo_finder.find_in(dark)
    assert how == PLAIN
    assert found[0].box.overlap(bright.box) > 0.7
    assert off(found[0].encoding, bright.encoding) < 0.25


def test_small_faces_in_a_large_photo_that_lies_on_its_side_are_found(finder: FaceFinder, wide_view: Image):
    found, how = finder.find_in(np.ascontiguousarray(np.rot90(wide_view)))
    assert (len(found), how) == (12, TURNED)


def test_looking_for_faces_in_a_panorama_takes_less_memory_than_two_of_it(finder: FaceFinder):
    panorama = np.full((1000, 8000, 3), 110, np.uint8)
    tracemalloc.start()
    try:
        assert finder.find_in(panorama) == ([], PLAIN)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * panorama.nbytes


def test_a_tile_ends_where_the_photo_ends(finder: FaceFinder, closeups: dict[str, Image]):
    box = finder.find_in(closeups[OBAMA])[0][0].box
    photo = closeups[OBAMA][box.top - 10 : box.bottom + 10, box.left - 10 : box.right + 10]
    tile = tile_image(finder.find_in(np.ascontiguousarray(photo))[0][0].tile)
    assert tile.shape == (TILE, TILE, 3)
    edges = [tile[0], tile[-1], tile[:, 0], tile[:, -1]]
    assert all(edge.mean() > 5 for edge in edges), "black around the photo"
