"""Montages: sheets of faces at a glance, made from folders and rows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Gallery

from face_classifier.core.types import Image, cut
from face_classifier.display.overlay import KNOWN, UNKNOWN
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.store import Store

OBAMA, OBAMA_AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"


def tiles(path: Path) -> np.ndarray:
    """A montage as (2, 6, 128, 128, 3)."""
    sheet = cv2.imread(str(path))
    assert sheet.shape == (256, 768, 3)
    return sheet.reshape(2, 128, 6, 128, 3).transpose(0, 2, 1, 3, 4)


def is_marked(tile: np.ndarray, color: tuple[int, int, int]) -> bool:
    """Whether the corners around a face are there; JPEG may have been between."""
    return bool((np.abs(tile.astype(int) - color).sum(axis=2) < 30).sum() >= 8)


def test_a_montage_is_six_by_two_tiles_of_128(gallery: Gallery) -> None:
    gallery.see(OBAMA, OBAMA_AGAIN)
    sheet = tiles(gallery.folder / "montage.person_01-00.png")
    assert all(sheet[0, number].std() > 20 for number in (0, 1))
    assert not sheet[0, 2:].any()
    assert not sheet[1].any()


def test_a_face_on_a_montage_keeps_its_proportions(gallery: Gallery) -> None:
    """The cut around a tall box is tall; a circle in it stays one."""
    image = np.full((576, 408, 3), 40, np.uint8)
    cv2.circle(image, (204, 288), 80, (255, 255, 255), -1)
    (gallery.folder / "Anna").mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / "Anna" / "20240506_070809.000-0.png"), image)
    gallery.look()
    rows, columns = np.nonzero(tiles(gallery.folder / "montage.Anna-00.png")[0, 0].min(axis=2) > 200)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert abs(height - width) <= 2
    assert height > 50


def test_a_tile_shows_the_picture_and_not_the_black_beside_it(gallery: Gallery, closeups: dict[str, Image]) -> None:
    """Of a face at the border of the frame half of the cut may be black."""
    image = closeups[OBAMA].copy()
    image[:, : image.shape[1] // 3] = 0
    image[: image.shape[0] // 3] = 0
    (gallery.folder / "Barack").mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / "Barack" / "20240506_070809.000-0.png"), image)
    gallery.look()
    assert (tiles(gallery.folder / "montage.Barack-00.png")[0, 0].max(axis=2) == 0).mean() < 0.05


@pytest.mark.parametrize(("folder", "color"), [("Barack", KNOWN), (UNKNOWNS, UNKNOWN)])
def test_a_tile_marks_the_face_that_is_meant(
    gallery: Gallery, closeups: dict[str, Image], folder: str, color: tuple[int, int, int]
) -> None:
    """Of the two faces in a photo the larger counts."""
    smaller = cv2.resize(closeups[BIDEN], (120, 120))
    image = np.zeros((240, 360, 3), np.uint8)
    image[:, :240], image[60:180, 240:] = closeups[OBAMA], smaller
    (gallery.folder / folder).mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / folder / "both.png"), image)
    (sighting,) = gallery.look()
    tile = tiles(gallery.folder / f"montage.{folder}-00.png")[0, 0]
    assert is_marked(tile, color)
    assert sighting.box is not None
    face = cut(image, sighting.box)
    found = cv2.matchTemplate(tile, cv2.resize(face, (round(face.shape[1] * 128 / (1.7 * face.shape[0])), 75)), 5)
    assert found.max() > 0.8


def test_from_the_thirteenth_picture_on_there_is_another_montage(gallery: Gallery) -> None:
    (gallery.folder / UNKNOWNS).mkdir(parents=True)
    for number in range(13):
        picture = np.full((60, 60, 3), 10 * number + 20, np.uint8)
        cv2.imwrite(str(gallery.folder / UNKNOWNS / f"{number:02d}.png"), picture)
    gallery.look()
    assert sorted(path.name for path in gallery.folder.glob("montage.*")) == [
        "montage.unknowns-00.png",
        "montage.unknowns-01.png",
    ]
    assert tiles(gallery.folder / "montage.unknowns-00.png")[1, 5, 64, 64, 0] == 130
    assert tiles(gallery.folder / "montage.unknowns-01.png")[0, 0, 64, 64, 0] == 140


def test_only_changed_montages_are_built_again(gallery: Gallery) -> None:
    gallery.see(OBAMA, OBAMA_AGAIN, BIDEN)
    before = {path.name: path.stat() for path in gallery.folder.glob("montage.*")}
    gallery.move(gallery.picture(UNKNOWNS), "Joe")
    gallery.look()
    after = {path.name: path.stat() for path in gallery.folder.glob("montage.*")}
    assert after.keys() == {"montage.person_01-00.png", "montage.Joe-00.png"}
    same = "montage.person_01-00.png"
    assert (after[same].st_ino, after[same].st_mtime_ns) == (before[same].st_ino, before[same].st_mtime_ns)


def test_a_montage_follows_an_edited_picture(gallery: Gallery) -> None:
    gallery.see(OBAMA)
    path = gallery.picture(UNKNOWNS)
    cv2.imwrite(str(path), np.full((90, 90, 3), 77, np.uint8))
    gallery.look()
    assert (tiles(gallery.folder / "montage.unknowns-00.png")[0, 0, 32:96, 32:96] == 77).all()


def test_montages_of_who_is_gone_go_too(gallery: Gallery) -> None:
    gallery.see(OBAMA, OBAMA_AGAIN, BIDEN)
    (gallery.folder / "person_01").rename(gallery.folder / "Barack")
    gallery.look()
    assert {path.name for path in gallery.folder.glob("montage.*")} == {
        "montage.Barack-00.png",
        "montage.unknowns-00.png",
    }


def test_a_montage_that_the_user_deleted_is_built_again(gallery: Gallery) -> None:
    gallery.see(OBAMA)
    (gallery.folder / "montage.unknowns-00.png").unlink()
    gallery.look()
    assert (gallery.folder / "montage.unknowns-00.png").exists()


def test_a_copy_is_not_on_the_montage(gallery: Gallery) -> None:
    gallery.see(OBAMA)
    gallery.copy(gallery.picture(UNKNOWNS), "Barack")
    gallery.look()
    assert {path.name for path in gallery.folder.glob("montage.*")} == {"montage.unknowns-00.png"}


def test_a_view_that_cannot_be_written_is_told_and_stops_nothing(gallery: Gallery) -> None:
    gallery.see(OBAMA)
    for name in ("face_encodings", "montage.unknowns-00.png"):
        (gallery.folder / name).unlink()
        (gallery.folder / name / "inner").mkdir(parents=True)  # a folder, and not an empty one
    assert len(gallery.look()) == 1
    assert sum("cannot be written" in problem for problem in gallery.problems) == 1


def test_a_person_whose_name_is_too_long_for_a_montage_has_none(gallery: Gallery, portraits: dict[str, Image]) -> None:
    name = "오" * 85  # 255 bytes, the most a file system takes
    (gallery.folder / name).mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / name / "me.png"), portraits[OBAMA])
    assert len(gallery.look()) == 1
    assert any("cannot be written" in problem for problem in gallery.problems)
    assert set(gallery.labels().values()) == {name}


def test_only_montages_of_changed_people_are_looked_at(gallery: Gallery) -> None:
    gallery.see(OBAMA, BIDEN, OBAMA_AGAIN)
    (gallery.folder / "person_01").rename(gallery.folder / "Barack")
    with Store(gallery.folder, writing=True) as store:
        store.write_views(None, store.look(gallery.read_photo).faces.hidden)
        (gallery.folder / "Barack").rename(gallery.folder / "Barry")
        (gallery.folder / "montage.unknowns-00.png").unlink()
        looked = store.look(gallery.read_photo)
        assert looked.changed == {"Barack", "Barry"}
        store.write_views(looked.changed, looked.faces.hidden)
        assert [path.name for path in gallery.folder.glob("montage*")] == ["montage.Barry-00.png"]
        store.write_views(None, looked.faces.hidden)
        assert (gallery.folder / "montage.unknowns-00.png").exists()
