"""The result folder: what people do to it with their file manager, and what becomes of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Gallery, rows_of

from face_classifier.core.disk.durable import PART
from face_classifier.core.disk.files import content_hash, former_png_bytes
from face_classifier.core.errors import UserError
from face_classifier.core.names import shown
from face_classifier.core.types import Box, Face, Frame, Image, Match, cut
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.store import FoldersChangedError, Store
from face_classifier.gallery.table import file
from face_classifier.sources.picture import read_picture

OBAMA, OBAMA_AGAIN, OBAMA_OLD, BIDEN = "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"

MOVES = """
SELECT folder, CASE WHEN kind = 'delete' AND folder = new_folder THEN '' ELSE new_folder END, kind
FROM changes JOIN journal ON number = entry WHERE door = 'file manager' AND kind <> 'follow' ORDER BY entry, face
"""


def moves_of(gallery: Gallery) -> list[tuple[str, str, str]]:
    database = sqlite3.connect(gallery.folder / "faces.sqlite")
    try:
        return database.execute(MOVES).fetchall()
    finally:
        database.close()


def state_of(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Everything in a folder: inode, size, modification time."""
    seen = {str(path.relative_to(folder)): path.lstat() for path in [folder, *folder.rglob("*")]}
    return {name: (found.st_ino, found.st_size, found.st_mtime_ns) for name, found in seen.items()}


def told(gallery: Gallery, *words: str) -> bool:
    """Whether just one of the problems has all these words."""
    return sum(all(word in problem for word in words) for problem in gallery.problems) == 1


@pytest.fixture
def stocked(gallery: Gallery) -> Gallery:
    """One person of two faces, person_01, and one unknown face."""
    gallery.see(OBAMA, OBAMA_AGAIN, BIDEN)
    return gallery


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder outside of those that only root may enter, worked on by a user for whom permissions count."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)


# Keeping


def test_an_unknown_face_is_kept_in_unknowns(gallery: Gallery) -> None:
    (sighting,) = gallery.see(OBAMA)
    assert sighting.person is None
    assert gallery.pictures() == [f"unknowns/{sighting.face}.png"]
    assert sighting.distance is None


def test_two_unknown_faces_that_look_alike_make_a_new_person(stocked: Gallery) -> None:
    folders = [picture.split("/")[0] for picture in stocked.pictures()]
    assert folders == ["person_01", "person_01", "unknowns"]


def test_the_picture_is_three_boxes_wide_and_high(gallery: Gallery) -> None:
    (sighting,) = gallery.see(BIDEN)
    box = sighting.box
    assert box is not None
    assert cv2.imread(str(gallery.picture(UNKNOWNS))).shape == (3 * box.height, 3 * box.width, 3)


def test_the_name_is_local_time_and_number_from_the_left(gallery: Gallery, frame: Callable[..., Frame]) -> None:
    gallery.see(OBAMA)
    local = frame(OBAMA).time.astimezone()
    assert gallery.picture(UNKNOWNS).name == f"{local:%Y%m%d_%H%M%S}.000-0.png"


def test_a_taken_name_gets_a_counter(gallery: Gallery) -> None:
    gallery.see(OBAMA, fingerprint="one clip")
    gallery.see(BIDEN, fingerprint="another that began at the same time")
    first, second = gallery.pictures()
    assert second == first.replace(".png", "_2.png")


def test_what_is_cut_beyond_the_edge_is_black() -> None:
    picture = np.full((10, 10, 3), 200, np.uint8)
    part = cut(picture, Box(top=-5, right=15, bottom=5, left=5))
    assert part.shape == (10, 10, 3)
    assert (part[5:, :5] == 200).all()
    assert not part[:5].any()
    assert not part[:, 5:].any()


def test_what_is_cut_far_outside_is_all_black() -> None:
    assert not cut(np.full((10, 10, 3), 200, np.uint8), Box(20, 40, 30, 30)).any()


def test_a_row_tells_where_and_when_and_by_what_a_face_was_seen(stocked: Gallery, faces: dict[str, Face]) -> None:
    row = rows_of(stocked)[1]
    assert (row.source, row.fingerprint, row.frame, row.position) == ("clip.mp4", "clip", 25, 1.0)
    assert row.time == datetime(2024, 5, 6, 7, 8, 10, tzinfo=timezone.utc)
    assert row.box == faces[OBAMA_AGAIN].box
    assert row.encoding is not None
    assert np.allclose(row.encoding, faces[OBAMA_AGAIN].encoding)
    assert (row.space, row.detector, row.chip) == ("sface-2021dec-x.446", "yunet", "yunet-5")
    assert row.precision == faces[OBAMA_AGAIN].made_by.precision  # which depends on the processor
    assert row.placed == row.folder == "person_01"
    assert row.distance == pytest.approx(np.linalg.norm(faces[OBAMA].encoding - faces[OBAMA_AGAIN].encoding))
    assert row.hash == content_hash(stocked.folder / row.folder / row.file)


def test_a_faces_row_is_there_before_the_next_face(gallery: Gallery, frame: Callable[..., Frame], faces) -> None:
    with Store(gallery.folder, writing=True) as store:
        store.look(gallery.read_photo)
        store.keep(frame(OBAMA), faces[OBAMA], Match(), 0)
        with Store(gallery.folder, writing=False) as reader:
            assert len(reader.look(gallery.read_photo).faces) == 1


# The same face again


def test_the_same_clip_again_writes_nothing(stocked: Gallery) -> None:
    before = state_of(stocked.folder)
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN)
    after = state_of(stocked.folder)
    for name in (".lock", "faces.sqlite", "."):
        del before[name], after[name]
    assert after == before


def test_a_face_seen_again_has_the_label_that_it_has_now(stocked: Gallery) -> None:
    (stocked.folder / "person_01").rename(stocked.folder / "Barack")
    assert [sighting.person for sighting in stocked.see(OBAMA)] == ["Barack"]


def test_a_face_within_half_a_frame_is_the_same_and_beyond_is_another(
    gallery: Gallery, frame: Callable[..., Frame], faces: dict[str, Face]
) -> None:
    gallery.see(OBAMA)
    box = faces[OBAMA].box
    with Store(gallery.folder, writing=True) as store:
        store.look(gallery.read_photo)
        assert store.same(frame(OBAMA, 0.019), [box])
        assert not store.same(frame(OBAMA, 0.03), [box])
        assert not store.same(frame(OBAMA, 0, "another clip"), [box])
        assert not store.same(frame(OBAMA, 0, None), [box])


def test_a_face_whose_box_overlaps_by_half_is_the_same(
    gallery: Gallery, frame: Callable[..., Frame], faces: dict[str, Face]
) -> None:
    gallery.see(OBAMA)
    box = faces[OBAMA].box
    near = Box(box.top, box.right + box.width // 4, box.bottom, box.left + box.width // 4)
    far = Box(box.top, box.right + box.width // 2, box.bottom, box.left + box.width // 2)
    with Store(gallery.folder, writing=True) as store:
        store.look(gallery.read_photo)
        assert list(store.same(frame(OBAMA), [far, near])) == [1]
        assert list(store.same(frame(OBAMA), [near, box])) == [1]  # the nearest one, and only that
        assert not store.same(frame(OBAMA), [far])


def test_a_deleted_face_is_not_brought_back(stocked: Gallery) -> None:
    stocked.picture(UNKNOWNS).unlink()
    before = stocked.pictures()
    for _ in range(2):
        assert stocked.see(OBAMA, OBAMA_AGAIN, BIDEN) == []
        assert stocked.pictures() == before


def test_a_deleted_face_leaves_its_row_without_encoding(stocked: Gallery) -> None:
    stocked.picture(UNKNOWNS).unlink()
    stocked.look()
    row = rows_of(stocked)[2]
    assert (row.state, row.encoding) == ("deleted", None)
    assert row.box is not None


def test_a_deleted_picture_put_back_is_revived(stocked: Gallery, tmp_path: Path) -> None:
    path = stocked.picture(UNKNOWNS)
    kept = shutil.move(path, tmp_path / path.name)
    stocked.look()
    assert path.stem not in stocked.labels()
    shutil.move(kept, path)
    assert path.stem in {sighting.face for sighting in stocked.look()}
    assert rows_of(stocked)[2].encoding is not None
    assert len(rows_of(stocked)) == 3
    assert not rows_of(stocked)[2].pinned
    assert [kind for *_, kind in moves_of(stocked)] == ["delete", "revive"]


def test_a_deleted_picture_put_back_elsewhere_gets_that_label(stocked: Gallery, tmp_path: Path) -> None:
    path = stocked.picture(UNKNOWNS)
    kept = Path(shutil.copyfile(path, tmp_path / "kept.png"))
    path.unlink()
    stocked.look()
    stocked.copy(kept, "Joe")
    stocked.look()
    assert stocked.labels()[path.stem] == "Joe"
    assert len(rows_of(stocked)) == 3


def test_a_face_of_which_a_crash_left_the_picture_alone_is_given_its_row(
    gallery: Gallery, frame: Callable[..., Frame], faces: dict[str, Face]
) -> None:
    gallery.see(OBAMA)
    database = sqlite3.connect(gallery.folder / "faces.sqlite")
    database.execute("DELETE FROM faces")
    database.commit()
    database.close()
    before = gallery.pictures()
    gallery.see(OBAMA)
    assert gallery.pictures() == before
    (row,) = rows_of(gallery)
    assert (row.fingerprint, row.position, row.box) == ("clip", 0.0, faces[OBAMA].box)
    assert np.allclose(row.encoding, faces[OBAMA].encoding)


def test_alike_frames_of_a_still_scene_are_faces_of_their_own(gallery: Gallery) -> None:
    gallery.see(OBAMA, OBAMA, OBAMA)
    before = gallery.pictures()
    assert len(before) == 3
    for path in gallery.folder.glob("*/*"):
        path.touch()  # a folder restored from a backup: every picture has to be read
    assert len(gallery.look()) == 3
    assert gallery.problems == []
    (gallery.folder / before[0]).unlink()
    for path in gallery.folder.glob("*/*"):
        os.utime(path, (1, 1))
    assert len(gallery.look()) == 2
    gallery.see(OBAMA, OBAMA, OBAMA)
    assert gallery.pictures() == before[1:]


def test_of_alike_frames_the_one_that_was_deleted_stays_deleted(gallery: Gallery) -> None:
    gallery.see(OBAMA, OBAMA)
    first, second = (gallery.folder / picture for picture in gallery.pictures())
    first.unlink()
    gallery.look()
    gallery.move(second.rename(second.with_name("at home.png")), "Barack")
    os.utime(gallery.picture("Barack"), (1, 1))
    gallery.look()
    assert [(row.file, row.state) for row in rows_of(gallery)] == [(first.name, "deleted"), ("at home.png", "kept")]


def test_alike_frames_of_a_still_scene_stay_single_without_the_table(gallery: Gallery) -> None:
    gallery.see(OBAMA, OBAMA, OBAMA)
    before = gallery.pictures()
    (gallery.folder / "faces.sqlite").unlink()
    gallery.see(OBAMA, OBAMA, OBAMA)
    assert gallery.pictures() == before
    assert [Path(row.file).stem for row in sorted(rows_of(gallery), key=lambda row: row.position or 0)] == sorted(
        Path(picture).stem for picture in before
    )


def test_so_do_those_of_a_folder_from_before_pictures_were_written_otherwise(gallery: Gallery) -> None:
    gallery.see(OBAMA, OBAMA)
    before = gallery.pictures()
    for picture in before:
        path = gallery.folder / picture
        now = path.read_bytes()
        path.write_bytes(former_png_bytes(now))
        assert path.read_bytes() != now
    (gallery.folder / "faces.sqlite").unlink()
    gallery.see(OBAMA, OBAMA)
    assert gallery.pictures() == before


def test_a_camera_never_repeats(gallery: Gallery) -> None:
    gallery.see(OBAMA, fingerprint=None)
    gallery.see(OBAMA, fingerprint=None)
    assert len(gallery.pictures()) == 2


# Names and numbers of people


def test_a_renamed_folder_is_the_name_of_the_person(stocked: Gallery) -> None:
    (stocked.folder / "person_01").rename(stocked.folder / "오바마 🇺🇸")
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN, OBAMA_OLD)
    assert sorted(stocked.labels().values(), key=str) == [None, *["오바마 🇺🇸"] * 3]
    assert not (stocked.folder / "person_01").exists()
    assert {kind for *_, kind in moves_of(stocked)} == {"rename"}
    assert {row.placed for row in rows_of(stocked)} == {"오바마 🇺🇸", UNKNOWNS}


def test_a_number_is_not_given_again_after_a_rename(stocked: Gallery) -> None:
    (stocked.folder / "person_01").rename(stocked.folder / "Barack")
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN, BIDEN)
    assert set(stocked.labels().values()) == {"Barack", "person_02"}


def test_a_number_is_not_given_again_after_a_removal(stocked: Gallery) -> None:
    shutil.rmtree(stocked.folder / "person_01")
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN, BIDEN)
    assert set(stocked.labels().values()) == {"person_02"}


def test_a_users_own_number_raises_the_mark(gallery: Gallery) -> None:
    (gallery.folder / "person_07").mkdir(parents=True)
    gallery.look()
    (gallery.folder / "person_07").rmdir()
    gallery.see(OBAMA, OBAMA_AGAIN)
    assert set(gallery.labels().values()) == {"person_08"}


def test_a_number_that_the_user_takes_meanwhile_is_left_to_him(
    gallery: Gallery, frame: Callable[..., Frame], faces: dict[str, Face]
) -> None:
    with Store(gallery.folder, writing=True) as store:
        store.look(gallery.read_photo)
        unknown = store.keep(frame(OBAMA), faces[OBAMA], Match(), 0).sightings[0]
        (gallery.folder / "person_01").mkdir()
        kept = store.keep(frame(OBAMA_AGAIN, 1), faces[OBAMA_AGAIN], Match(partners=(unknown.id,), distance=0.4), 0)
    assert [sighting.person for sighting in kept.sightings] == ["person_02", "person_02"]


def test_numbers_go_on_after_99(gallery: Gallery) -> None:
    (gallery.folder / "person_99").mkdir(parents=True)
    gallery.see(OBAMA, OBAMA_AGAIN)
    assert set(gallery.labels().values()) == {"person_100"}


def test_folders_that_the_user_named_keep_their_names(gallery: Gallery, portraits: dict[str, Image]) -> None:
    for name in ("Barack", "person_x", "Person_01"):
        (gallery.folder / name).mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / "Barack" / "me.png"), portraits[OBAMA])
    gallery.see(OBAMA_AGAIN, BIDEN)
    assert {path.name for path in gallery.folder.iterdir() if path.is_dir()} == {
        "Barack", "person_x", "Person_01", UNKNOWNS,
    }  # fmt: skip
    assert sorted(gallery.labels().values(), key=str) == ["Barack", "Barack", None]


# Moving, merging, copying, deleting


def test_a_moved_picture_belongs_to_where_it_lies(stocked: Gallery) -> None:
    path = stocked.move(stocked.picture(UNKNOWNS), "Joe")
    stocked.look()
    assert stocked.labels()[path.stem] == "Joe"
    assert moves_of(stocked) == [(UNKNOWNS, "Joe", "move")]
    row = rows_of(stocked)[2]
    assert (row.placed, row.folder) == (UNKNOWNS, "Joe")  # what the program thought, and what the user says


def test_a_picture_renamed_and_moved_is_known_by_its_content(stocked: Gallery) -> None:
    path = stocked.picture(UNKNOWNS)
    (stocked.folder / "Joe").mkdir()
    path.rename(stocked.folder / "Joe" / "at the oval office.png")
    os.utime(stocked.folder / "Joe" / "at the oval office.png", (1, 1))
    stocked.look()
    assert stocked.labels()[path.stem] == "Joe"
    before = stocked.pictures()
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN)
    assert stocked.pictures() == before


def test_two_people_merged_by_moving_all_pictures_are_one(stocked: Gallery) -> None:
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN, BIDEN)
    for path in list((stocked.folder / "person_02").iterdir()):
        stocked.move(path, "person_01")
    stocked.look()
    assert list(stocked.labels().values()) == ["person_01"] * 4
    assert (stocked.folder / "person_02").is_dir()  # empty, the user's to remove
    assert {kind for *_, kind in moves_of(stocked)} == {"move"}
    (stocked.folder / "person_02").rmdir()
    stocked.look()
    assert stocked.problems == []


def test_a_person_folder_emptied_or_removed_is_a_person_gone(stocked: Gallery) -> None:
    for path in (stocked.folder / "person_01").iterdir():
        path.unlink()
    stocked.look()
    assert list(stocked.labels().values()) == [None]
    assert not list(stocked.folder.glob("montage.person_01*"))
    (stocked.folder / "person_01").rmdir()
    stocked.look()
    assert list(stocked.labels().values()) == [None]
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN)
    assert not (stocked.folder / "person_01").exists()


@pytest.mark.parametrize("keeps_time", [False, True])
def test_a_copy_is_told_and_counts_nowhere_until_the_original_is_gone(stocked: Gallery, keeps_time: bool) -> None:
    path = stocked.picture(UNKNOWNS)
    copied = stocked.copy(path, "Joe")
    if keeps_time:
        shutil.copystat(path, copied)
    assert len(stocked.look()) == 3
    assert stocked.labels()[path.stem] is None
    assert told(stocked, f"Joe/{path.name} is a copy of unknowns/{path.name}")
    path.unlink()
    stocked.look()
    assert stocked.labels()[path.stem] == "Joe"
    assert stocked.problems == []
    assert len(rows_of(stocked)) == 3


def test_a_copy_under_another_name_beside_the_original_counts_once(stocked: Gallery) -> None:
    path = stocked.picture(UNKNOWNS)
    shutil.copy2(path, path.with_name(f"{path.stem} (copy).png"))
    assert len(stocked.look()) == 3
    assert told(stocked, "(copy).png is a copy of")


def test_a_picture_dropped_in_twice_counts_once(gallery: Gallery, portraits: dict[str, Image]) -> None:
    for person in ("A", "B"):
        (gallery.folder / person).mkdir(parents=True)
        cv2.imwrite(str(gallery.folder / person / "me.png"), portraits[OBAMA])
    assert len(gallery.look()) == 1
    assert gallery.labels() == {"me": "A"}
    assert told(gallery, "B/me.png is a copy of A/me.png")


def test_two_pictures_of_one_name_in_two_folders_are_two_faces(gallery: Gallery, portraits: dict[str, Image]) -> None:
    for person, name in (("Barack", OBAMA), ("Joe", BIDEN)):
        (gallery.folder / person).mkdir(parents=True)
        cv2.imwrite(str(gallery.folder / person / "me.png"), portraits[name])
    assert sorted(sighting.person or "" for sighting in gallery.look()) == ["Barack", "Joe"]
    for person in ("Barack", "Joe"):  # swapped, and with new times, so that only the content tells
        (gallery.folder / person).rename(gallery.folder / f"{person} 2")
    (gallery.folder / "Barack 2").rename(gallery.folder / "Joe")
    (gallery.folder / "Joe 2").rename(gallery.folder / "Barack")
    for path in gallery.folder.glob("*/*"):
        os.utime(path, (1, 1))
    before = {row.hash: row.id for row in rows_of(gallery)}
    gallery.look()
    for row in rows_of(gallery):
        assert row.id == before[row.hash]
        assert row.hash == content_hash(gallery.folder / row.folder / row.file)


def test_an_edited_picture_is_encoded_anew(stocked: Gallery, portraits: dict[str, Image]) -> None:
    path = stocked.picture(UNKNOWNS)
    old = rows_of(stocked)[2].encoding
    cv2.imwrite(str(path), cv2.convertScaleAbs(cv2.imread(str(path)), alpha=1.3, beta=20))
    stocked.look()
    rows = rows_of(stocked)
    assert len(rows) == 3
    assert 0 < np.linalg.norm(rows[2].encoding - old) < 0.4
    assert rows[2].hash == content_hash(path)
    assert (rows[2].source, rows[2].position) == ("clip.mp4", 2.0)


def test_an_edited_picture_without_a_face_keeps_its_numbers(stocked: Gallery) -> None:
    path = stocked.picture(UNKNOWNS)
    old = rows_of(stocked)[2].encoding
    cv2.imwrite(str(path), np.zeros((90, 90, 3), np.uint8))
    assert len(stocked.look()) == 3
    assert np.array_equal(rows_of(stocked)[2].encoding, old)


def test_a_picture_damaged_in_place_is_told_every_time_and_keeps_its_numbers(stocked: Gallery) -> None:
    path = stocked.picture(UNKNOWNS)
    path.write_bytes(b"")
    for _ in range(2):
        assert len(stocked.look()) == 3
        assert told(stocked, path.name, "left alone")


# Unknown, by whom


def test_a_face_that_the_user_moves_to_unknowns_founds_no_person(stocked: Gallery) -> None:
    for path in list((stocked.folder / "person_01").iterdir()):
        stocked.move(path, UNKNOWNS)
    sightings = stocked.look()
    assert [sighting.pinned for sighting in sightings] == [True, True, False]
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN, OBAMA_OLD)
    assert set(stocked.labels().values()) == {None}


def test_a_face_that_the_user_puts_back_to_unknowns_stays_there(gallery: Gallery) -> None:
    gallery.see(OBAMA)
    path = gallery.move(gallery.picture(UNKNOWNS), "Joe")
    gallery.look()
    gallery.move(path, UNKNOWNS)
    assert [sighting.pinned for sighting in gallery.look()] == [True]
    gallery.see(OBAMA, OBAMA_AGAIN)
    assert set(gallery.labels().values()) == {None}


def test_a_photo_dropped_into_unknowns_stays_there(gallery: Gallery, portraits: dict[str, Image]) -> None:
    (gallery.folder / UNKNOWNS).mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / UNKNOWNS / "who.jpg"), portraits[OBAMA])
    assert [sighting.pinned for sighting in gallery.look()] == [True]
    gallery.see(OBAMA_AGAIN)
    assert set(gallery.labels().values()) == {None}


def test_a_face_that_the_program_put_into_unknowns_may_still_found_a_person(gallery: Gallery) -> None:
    gallery.see(OBAMA)
    gallery.look()
    gallery.see(OBAMA, OBAMA_AGAIN)
    assert set(gallery.labels().values()) == {"person_01"}


def test_so_it_may_without_the_table(gallery: Gallery) -> None:
    gallery.see(OBAMA)
    (gallery.folder / "faces.sqlite").unlink()
    assert [sighting.pinned for sighting in gallery.look()] == [False]
    gallery.see(OBAMA, OBAMA_AGAIN)
    assert set(gallery.labels().values()) == {"person_01"}


def test_a_pinned_face_that_gets_a_name_is_pinned_no_more(stocked: Gallery) -> None:
    for path in list((stocked.folder / "person_01").iterdir()):
        stocked.move(path, UNKNOWNS)
    stocked.look()
    for path in list((stocked.folder / UNKNOWNS).iterdir()):
        stocked.move(path, "Barack")
    assert [sighting.pinned for sighting in stocked.look()] == [False] * 3


def test_unknowns_renamed_is_a_person_and_new_unknowns_are_made(stocked: Gallery) -> None:
    (stocked.folder / UNKNOWNS).rename(stocked.folder / "Joe")
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN)
    assert set(stocked.labels().values()) == {"person_01", "Joe"}
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN, "obama_partial_face.jpg")
    assert not (stocked.folder / UNKNOWNS).exists()


# What else people put there


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPG", "png", "bmp", "webp"])
def test_a_photo_dropped_in_gets_an_encoding(gallery: Gallery, photographs, portraits, faces, suffix: str) -> None:
    (gallery.folder / "Barack").mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / "Barack" / f"me.{suffix}"), portraits[OBAMA])
    (sighting,) = gallery.look()
    assert (sighting.face, sighting.person, sighting.source) == ("me", "Barack", None)
    assert np.linalg.norm(sighting.encoding - faces[OBAMA].encoding) < 0.15
    assert gallery.see(OBAMA_AGAIN)[0].person == "Barack"


def test_of_several_faces_in_a_photo_the_largest_counts(gallery: Gallery, portraits, faces) -> None:
    small = cv2.resize(portraits[BIDEN][:455], None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    both = np.zeros((455, 364 + small.shape[1], 3), np.uint8)
    both[: small.shape[0], : small.shape[1]] = small
    both[:, small.shape[1] :] = portraits[OBAMA]
    (gallery.folder / "Barack").mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / "Barack" / "both.png"), both)
    (sighting,) = gallery.look()
    assert np.linalg.norm(sighting.encoding - faces[OBAMA].encoding) < 0.15


@pytest.fixture
def small_and_central(portraits: dict[str, Image], faces: dict[str, Face]) -> Image:
    """A picture with one president in its middle, and the other larger at its edge."""
    sheet = np.zeros((455, 1100, 3), np.uint8)
    small = cv2.resize(portraits[BIDEN][:455], None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    left = 550 - round(0.7 * (faces[BIDEN].box.left + faces[BIDEN].box.right) / 2)
    sheet[100 : 100 + small.shape[0], left : left + small.shape[1]] = small
    sheet[:, -364:] = portraits[OBAMA]
    return sheet


def test_in_a_picture_of_our_own_the_most_central_face_counts(gallery: Gallery, faces, small_and_central) -> None:
    (gallery.folder / "Joe").mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / "Joe" / "20200101_120000.000-0.png"), small_and_central)
    small_and_central[0, 0] = 1
    cv2.imwrite(str(gallery.folder / "Joe" / "a photo.png"), small_and_central)
    own, photo = gallery.look()
    assert np.linalg.norm(own.encoding - faces[BIDEN].encoding) < 0.3
    assert np.linalg.norm(photo.encoding - faces[OBAMA].encoding) < 0.3


def test_so_it_does_when_that_picture_was_renamed_and_edited(gallery: Gallery, faces, small_and_central) -> None:
    gallery.see(BIDEN)
    path = gallery.picture(UNKNOWNS)
    path = path.rename(path.with_name("joe.png"))
    gallery.look()
    cv2.imwrite(str(path), small_and_central)
    (sighting,) = gallery.look()
    assert np.linalg.norm(sighting.encoding - faces[BIDEN].encoding) < 0.3


def test_a_photo_in_which_no_face_is_found_still_counts(gallery: Gallery, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (120, 90, 3), np.uint8)
    (gallery.folder / "Nemo").mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / "Nemo" / "noise.png"), noise)
    (sighting,) = gallery.look()
    assert sighting.person == "Nemo"
    assert sighting.box == Box(top=40, right=60, bottom=80, left=30)  # the middle third
    assert sighting.encoding is not None


def test_what_cannot_be_read_is_told_and_left_alone(stocked: Gallery) -> None:
    folder = stocked.folder / "person_01"
    contents = {
        "empty.png": b"",
        "text.png": b"no picture",
        "torn.png": stocked.picture(UNKNOWNS).read_bytes()[:2000],
        "notes.txt": b"text",
        "film.mp4": b"film",
        "no suffix": b"",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.png")
    assert len(stocked.look()) == 3
    for name, content in contents.items():
        assert told(stocked, name, "left alone")
        assert (folder / name).read_bytes() == content
    assert told(stocked, "pipe.png", "left alone")
    assert len(stocked.problems) == 7


def test_bad_pictures_of_all_kinds_stop_nothing(stocked: Gallery, data: Path, faces: dict[str, Face]) -> None:
    bad = [path for path in (data / "badfiles").rglob("*.*") if path.is_file() and path.stat().st_size < 200_000][:40]
    if not bad:
        pytest.skip("there are no bad files in the test data")
    for number, path in enumerate(bad):
        shutil.copyfile(path, stocked.folder / "person_01" / f"{number}{path.suffix}")
    reads = []

    def read(path: Path, _own_cut: bool) -> tuple[Face, bool]:
        reads.append(read_picture(path).shape)
        return faces[OBAMA], False

    with Store(stocked.folder, writing=True) as store:
        sightings = store.look(read).faces
        assert len(sightings) == 3 + len(reads)
        store.write_views(None, sightings.hidden)


def test_hidden_files_and_litter_are_passed_over_silently(stocked: Gallery, portraits: dict[str, Image]) -> None:
    (stocked.folder / ".hidden").mkdir()
    for name in (".hidden/me.png", "person_01/.me.png", "person_01/._x.png"):
        cv2.imwrite(str(stocked.folder / name), portraits[OBAMA])
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "person_01/Thumbs.db", "person_01/.directory"):
        (stocked.folder / name).write_bytes(b"x")
    assert len(stocked.look()) == 3
    assert stocked.problems == []
    assert (stocked.folder / ".hidden/me.png").exists()


def test_folders_inside_a_persons_folder_are_told_and_left_alone(stocked: Gallery) -> None:
    (stocked.folder / "Family").mkdir()
    (stocked.folder / "person_01").rename(stocked.folder / "Family" / "person_01")
    assert len(stocked.look()) == 1
    assert told(stocked, "Family/person_01", "folder inside", "left alone")
    (stocked.folder / "Family" / "person_01").rename(stocked.folder / "person_01")
    stocked.look()
    assert sorted(stocked.labels().values(), key=str) == [None, "person_01", "person_01"]


def test_files_beside_the_folders_are_told_and_left_alone(stocked: Gallery) -> None:
    (stocked.folder / "notes.txt").write_text("mine")
    (stocked.folder / "face.png").write_bytes(stocked.picture(UNKNOWNS).read_bytes())
    assert len(stocked.look()) == 3
    assert told(stocked, "notes.txt", "left alone")
    assert told(stocked, "face.png", "left alone")
    assert (stocked.folder / "notes.txt").read_text() == "mine"


def test_links_are_told_and_left_alone(stocked: Gallery, tmp_path: Path, portraits: dict[str, Image]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    cv2.imwrite(str(outside / "me.png"), portraits[OBAMA])
    links = {
        "Linked": outside,  # a folder
        "Loop": stocked.folder,
        "Nowhere": tmp_path / "missing",
        "person_01/file.png": outside / "me.png",
        "person_01/loop.png": Path("loop.png"),
        "person_01/nowhere.png": tmp_path / "missing.png",
        "person_01/up": stocked.folder,
    }
    for name, target in links.items():
        (stocked.folder / name).symlink_to(target)
    assert len(stocked.look()) == 3
    for name in links:
        assert told(stocked, f"{stocked.folder / name} is a link", "left alone")
    assert len(stocked.problems) == len(links)
    assert [path.name for path in outside.iterdir()] == ["me.png"]


def test_nothing_is_written_through_a_link(gallery: Gallery, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    gallery.folder.mkdir()
    (gallery.folder / UNKNOWNS).symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match="unknowns is a link"):
        gallery.see(OBAMA)
    assert not list((tmp_path / "outside").iterdir())


def test_a_file_where_unknowns_should_be_is_one_sentence(gallery: Gallery) -> None:
    gallery.folder.mkdir()
    (gallery.folder / UNKNOWNS).write_text("mine")
    with pytest.raises(UserError, match="unknowns is a file where a folder"):
        gallery.see(OBAMA)
    assert (gallery.folder / UNKNOWNS).read_text() == "mine"


def test_a_result_folder_that_is_a_link_is_followed(gallery: Gallery, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    gallery.folder.symlink_to(tmp_path / "elsewhere")
    gallery.see(OBAMA)
    assert list((tmp_path / "elsewhere" / UNKNOWNS).iterdir())


@pytest.mark.parametrize("name", [b"\xff\xfe.png", b"caf\xe9.png"])
def test_names_that_are_not_utf8_are_told_and_left_alone(stocked: Gallery, name: bytes) -> None:
    folder = os.fsencode(stocked.folder / "person_01")
    source = stocked.picture(UNKNOWNS)
    try:
        shutil.copy(source, os.fsdecode(folder + b"/" + name))
        os.mkdir(os.fsencode(stocked.folder) + b"/" + name[:-4])
    except OSError:
        pytest.skip("this file system admits UTF-8 names only")
    assert len(stocked.look()) == 3
    assert len(stocked.problems) == 2
    assert all("not UTF-8" in problem and shown(problem).isprintable() for problem in stocked.problems)
    assert os.path.exists(os.fsdecode(folder + b"/" + name))


@pytest.mark.parametrize("stem", ["x" * 251, "오" * 83, "🇺" * 62, "new\nline", "quo'te\"s", " space ", "a.b.c", "-r"])
def test_unusual_names_are_names(gallery: Gallery, portraits: dict[str, Image], stem: str) -> None:
    (gallery.folder / stem).mkdir(parents=True)
    (gallery.folder / stem / f"{stem}.png").write_bytes(cv2.imencode(".png", portraits[OBAMA])[1].tobytes())
    assert gallery.see(OBAMA_AGAIN)[0].person == stem
    assert set(gallery.labels().values()) == {stem}
    assert stem in {sighting.face for sighting in gallery.look()}


def test_a_folder_that_cannot_be_read_loses_nothing(unprivileged: Path, engine, frame) -> None:
    gallery = Gallery(unprivileged / "result", engine, frame)
    gallery.see(OBAMA, OBAMA_AGAIN, BIDEN)
    before = [(row.folder, row.state, row.encoding.tobytes()) for row in rows_of(gallery)]
    (gallery.folder / "person_01").chmod(0)
    assert len(gallery.look()) == 1
    assert told(gallery, "person_01", "cannot be read", "left alone")
    assert [sighting.person for sighting in gallery.see(OBAMA)] == ["person_01"]
    (gallery.folder / "person_01").chmod(0o755)
    gallery.look()
    assert [(row.folder, row.state, row.encoding.tobytes()) for row in rows_of(gallery)] == before


def test_a_picture_that_cannot_be_read_loses_nothing(unprivileged: Path, engine, frame) -> None:
    gallery = Gallery(unprivileged / "result", engine, frame)
    gallery.see(OBAMA)
    path = gallery.picture(UNKNOWNS)
    path.touch()  # not known by its time any more, so it has to be read
    path.chmod(0)
    gallery.look()
    assert told(gallery, path.name, "cannot be read")
    path.chmod(0o644)
    assert len(gallery.look()) == 1
    assert rows_of(gallery)[0].state == "kept"
    assert moves_of(gallery) == []


# Changes while the program runs


def test_a_folder_renamed_meanwhile_is_not_brought_back(
    stocked: Gallery, frame: Callable[..., Frame], faces: dict[str, Face]
) -> None:
    with Store(stocked.folder, writing=True) as store:
        store.look(stocked.read_photo)
        (stocked.folder / "person_01").rename(stocked.folder / "Barack")
        with pytest.raises(FoldersChangedError):
            store.keep(frame(OBAMA_OLD, 9), faces[OBAMA_OLD], Match("person_01", 0.3), 0)
        with pytest.raises(FoldersChangedError):
            store.same(frame(OBAMA, 0), [faces[OBAMA].box])
        store.look(stocked.read_photo)
        kept = store.keep(frame(OBAMA_OLD, 9), faces[OBAMA_OLD], Match("Barack", 0.3), 0)
    assert kept.sightings[0].person == "Barack"
    assert not (stocked.folder / "person_01").exists()


@pytest.mark.parametrize("step", ["open", "replace", "sync"])
def test_a_folder_renamed_between_look_and_write_is_not_brought_back(
    stocked: Gallery, frame: Callable[..., Frame], faces: dict[str, Face], monkeypatch, step: str
) -> None:
    from face_classifier.core.disk import rooted

    person, named = stocked.folder / "person_01", stocked.folder / "Barack"
    done = {"open": os.getpid, "replace": os.fstat, "sync": rooted.sync}[step]

    def rename_then(*arguments: object) -> object:
        monkeypatch.undo()
        if person.exists():
            person.rename(named)
        return done(*arguments)

    with Store(stocked.folder, writing=True) as store:
        store.look(stocked.read_photo)
        target, name = (rooted, "sync") if step == "sync" else (os, done.__name__)
        monkeypatch.setattr(target, name, rename_then)
        with pytest.raises(FoldersChangedError):
            store.keep(frame(OBAMA_OLD, 9), faces[OBAMA_OLD], Match("person_01", 0.3), 0)
        store.look(stocked.read_photo)
        store.keep(frame(OBAMA_OLD, 9), faces[OBAMA_OLD], Match("Barack", 0.3), 0)
    assert not person.exists()
    assert len(list(named.glob("*.png"))) == 3
    stocked.look()
    assert not list(stocked.folder.glob(f"**/{PART}*"))


def test_a_partner_that_is_gone_meanwhile_founds_no_person(
    gallery: Gallery, frame: Callable[..., Frame], faces: dict[str, Face]
) -> None:
    with Store(gallery.folder, writing=True) as store:
        store.look(gallery.read_photo)
        unknown = store.keep(frame(OBAMA), faces[OBAMA], Match(), 0).sightings[0]
        gallery.move(gallery.picture(UNKNOWNS), "Barack")
        with pytest.raises(FoldersChangedError):
            store.keep(frame(OBAMA_AGAIN, 1), faces[OBAMA_AGAIN], Match(partners=(unknown.id,), distance=0.4), 0)
    assert not (gallery.folder / "person_01").exists()


def test_so_it_does_not_when_the_partner_goes_in_the_last_moment(
    gallery: Gallery, frame: Callable[..., Frame], faces: dict[str, Face], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(gallery.folder, writing=True) as store:
        store.look(gallery.read_photo)
        unknown = store.keep(frame(OBAMA), faces[OBAMA], Match(), 0).sightings[0]
        rename = os.rename

        def moved_before(*paths: object, **folders: int) -> None:
            monkeypatch.undo()
            gallery.move(gallery.picture(UNKNOWNS), "Barack")
            rename(*paths, **folders)

        monkeypatch.setattr(os, "rename", moved_before)
        with pytest.raises(FoldersChangedError):
            store.keep(frame(OBAMA_AGAIN, 1), faces[OBAMA_AGAIN], Match(partners=(unknown.id,), distance=0.4), 0)
        (sighting,) = store.look(gallery.read_photo).faces
    assert sighting.person == "Barack"
    assert moves_of(gallery) == [(UNKNOWNS, "Barack", "move")]
    assert not (gallery.folder / "person_01").exists()


def test_a_picture_on_its_way_between_two_folders_is_not_taken_for_deleted(
    stocked: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stocked.picture(UNKNOWNS)
    scandir = os.scandir

    def move_then(folder: str | int) -> object:
        name = os.readlink(f"/proc/self/fd/{folder}") if isinstance(folder, int) else folder
        if name.endswith("/unknowns") and path.exists():
            stocked.move(path, "person_01")  # which was read before
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", move_then)
    stocked.look()
    monkeypatch.undo()
    assert [row.state for row in rows_of(stocked)] == ["kept"] * 3
    stocked.look()
    assert stocked.labels()[path.stem] == "person_01"


def test_the_whole_folder_removed_meanwhile_is_one_sentence(gallery: Gallery, frame, faces) -> None:
    with Store(gallery.folder, writing=True) as store:
        store.look(gallery.read_photo)
        shutil.rmtree(gallery.folder)
        with pytest.raises(UserError):
            store.keep(frame(OBAMA), faces[OBAMA], Match(), 0)
        with pytest.raises(UserError, match="is gone"):
            store.look(gallery.read_photo)
    assert not gallery.folder.exists()


# Opening


def test_a_second_writer_is_refused_with_the_first_ones_number(gallery: Gallery) -> None:
    with (
        Store(gallery.folder, writing=True),
        pytest.raises(UserError, match=rf"in use by process {os.getpid()}"),
    ):
        Store(gallery.folder, writing=True)
    Store(gallery.folder, writing=True).close()


def test_a_reader_reads_while_another_writes(stocked: Gallery) -> None:
    with Store(stocked.folder, writing=True):
        assert len(stocked.labels()) == 3


def test_a_reader_changes_nothing_on_disk(stocked: Gallery, portraits: dict[str, Image]) -> None:
    (stocked.folder / "person_01").rename(stocked.folder / "Barack")
    stocked.picture(UNKNOWNS).unlink()
    (stocked.folder / "face_encodings").write_bytes(b"torn")
    (stocked.folder / "Joe").mkdir()
    cv2.imwrite(str(stocked.folder / "Joe" / "me.png"), portraits[BIDEN])
    cv2.imwrite(str(stocked.folder / "Joe" / "none.png"), np.zeros((60, 60, 3), np.uint8))
    (stocked.folder / "Joe" / f"{PART}1-2").write_bytes(b"")
    before = state_of(stocked.folder)
    assert sorted(stocked.labels().values(), key=str) == ["Barack", "Barack", "Joe", "Joe"]
    assert state_of(stocked.folder) == before


def test_a_reader_of_an_older_folder_changes_nothing_on_disk(stocked: Gallery) -> None:
    (stocked.folder / "faces.sqlite").unlink()
    before = state_of(stocked.folder)
    assert len(stocked.labels()) == 3
    assert state_of(stocked.folder) == before


def test_a_reader_in_a_folder_that_is_read_only(unprivileged: Path, engine, frame) -> None:
    gallery = Gallery(unprivileged / "result", engine, frame)
    gallery.see(OBAMA)
    gallery.folder.chmod(0o555)
    assert len(gallery.labels()) == 1


def test_a_reader_of_a_table_that_is_just_being_made(gallery: Gallery) -> None:
    gallery.folder.mkdir()
    (gallery.folder / "faces.sqlite").write_bytes(b"")
    assert gallery.labels() == {}


def test_a_reader_without_a_result_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no result folder"):
        Store(tmp_path / "none", writing=False)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(unprivileged: Path) -> None:
    locked = unprivileged / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    for folder in (locked, locked / "result"):
        with pytest.raises(UserError, match=r"cannot be written \(Permission denied\)"):
            Store(folder, writing=True)


def test_a_file_for_a_result_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "result").write_text("mine")
    with pytest.raises(UserError, match="cannot be written"):
        Store(tmp_path / "result", writing=True)
    with pytest.raises(UserError, match="no result folder"):
        Store(tmp_path / "result", writing=False)
    assert (tmp_path / "result").read_text() == "mine"


def spoil_head(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def spoil_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:-512] = os.urandom(len(content) - 8192 - 512)
    path.write_bytes(content)


def spoil_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_tables(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("DROP TABLE faces")
    database.commit()
    database.close()


@pytest.mark.parametrize("large", [0, file._LARGE], ids=["read by another thread", "read at once"])
@pytest.mark.parametrize("spoil", [spoil_head, spoil_middle, spoil_end, spoil_tables])
def test_a_damaged_table_is_set_aside_and_no_label_is_lost(
    stocked: Gallery, spoil: Callable[[Path], None], large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "_LARGE", large)
    (stocked.folder / "person_01").rename(stocked.folder / "Barack")
    stocked.look()
    before = stocked.labels()
    path = stocked.folder / "faces.sqlite"
    spoil(path)
    damaged = path.read_bytes()
    with pytest.raises(UserError, match="is damaged"):
        Store(stocked.folder, writing=False)
    stocked.look()
    assert told(stocked, "was damaged", "faces.sqlite.damaged")
    assert (stocked.folder / "faces.sqlite.damaged").read_bytes()[:4096] == damaged[:4096]
    assert stocked.labels() == before
    pictures = stocked.pictures()
    stocked.see(OBAMA, OBAMA_AGAIN, BIDEN)
    assert stocked.pictures() == pictures
    assert stocked.problems == []


def test_a_second_damaged_table_does_not_replace_the_first(gallery: Gallery) -> None:
    gallery.folder.mkdir()
    for content in (b"one" * 100, b"two" * 100):
        (gallery.folder / "faces.sqlite").write_bytes(content)
        gallery.look()
    assert {path.read_bytes()[:3] for path in gallery.folder.glob("*.damaged")} == {b"one", b"two"}


def test_a_table_of_a_newer_version_is_not_touched(stocked: Gallery) -> None:
    path = stocked.folder / "faces.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    for writing in (True, False):
        with pytest.raises(UserError, match="newer version"):
            Store(stocked.folder, writing=writing)
    assert path.read_bytes() == before


def test_a_full_disk_is_one_sentence(stocked: Gallery, frame: Callable[..., Frame], faces: dict[str, Face]) -> None:
    with Store(stocked.folder, writing=True) as store:
        store.look(stocked.read_photo)
        database = store._inside.table.database
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")

        def fill_up() -> None:
            for position in range(9, 99):
                store.keep(frame(BIDEN, position), faces[BIDEN], Match(), 0)

        with pytest.raises(UserError, match="disk is full"):
            fill_up()
    assert len(stocked.look()) == len(stocked.pictures())  # a picture whose row did not fit in has one now


def test_a_problem_is_told_once_a_run(stocked: Gallery) -> None:
    (stocked.folder / "notes.txt").write_text("mine")
    with Store(stocked.folder, writing=True) as store:
        for expected in (1, 0):
            store.look(stocked.read_photo)
            assert len(store.problems()) == expected


def test_faces_are_for_nobody_else_to_read(stocked: Gallery) -> None:
    for path in stocked.folder.glob("**/*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE(stocked.folder.stat().st_mode) == 0o700


def test_half_written_files_of_a_killed_process_are_removed(stocked: Gallery) -> None:
    for folder in (stocked.folder, stocked.folder / UNKNOWNS):
        (folder / f"{PART}123-456").write_bytes(b"half")
    stocked.look()
    assert not list(stocked.folder.glob(f"**/{PART}*"))


def test_memory_does_not_grow_with_pictures(gallery: Gallery, frame: Callable[..., Frame], faces) -> None:
    import tracemalloc

    with Store(gallery.folder, writing=True) as store:
        store.look(gallery.read_photo)
        tracemalloc.start()
        try:
            store.keep(frame(OBAMA), faces[OBAMA], Match(), 0)
            before = tracemalloc.get_traced_memory()[0]
            for position in range(1, 11):
                store.keep(frame(OBAMA, position), faces[OBAMA], Match(), 0)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert grown < 50_000  # bytes; one picture is 300,000


def test_the_number_of_a_track_that_was_only_seen_beside_another_is_not_used_again(gallery: Gallery) -> None:
    with Store(gallery.folder, writing=True) as store:
        assert store.first_track() == 1
        store.add_cannot_links([(3, 7)])
        assert store.first_track() == 8
        assert store.cannot_links() == [(3, 7)]
