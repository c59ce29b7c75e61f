"""Which photos an argument stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from face_classifier.core.errors import UserError
from face_classifier.photos.find import find_pictures

PhotoFolder = Callable[..., Path]


def test_a_folder_stands_for_its_pictures_and_those_below(photo_folder: PhotoFolder, tmp_path: Path):
    folder = photo_folder({"b.jpg": b"", "a/c.GIF": b"", "clip.mp4": b"", "note.txt": b"", ".hidden/d.jpg": b""})
    (folder / "link.png").symlink_to(folder / "b.jpg")
    (tmp_path / "other").mkdir()
    (folder / "linked").symlink_to(tmp_path / "other")
    assert find_pictures(str(folder)) == [folder / "a/c.GIF", folder / "b.jpg", folder / "link.png"]
    assert find_pictures(str(folder / "note.txt")) == [folder / "note.txt"]


def test_a_folder_without_pictures_is_told(photo_folder: PhotoFolder, tmp_path: Path):
    with pytest.raises(UserError, match="only 2 videos"):
        find_pictures(str(photo_folder({"a.mp4": b"", "b/c.mov": b""})))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no picture in it; give a folder of photos"):
        find_pictures(str(tmp_path / "empty"))
    with pytest.raises(UserError, match="does not exist"):
        find_pictures(str(tmp_path / "nowhere"))


def test_a_video_is_no_photo(photo_folder: PhotoFolder):
    folder = photo_folder({"clip.MP4": b"", "moving.gif": b""})
    with pytest.raises(UserError, match=r"clip\.MP4 is a video; give photos"):
        find_pictures(str(folder / "clip.MP4"))
    assert find_pictures(str(folder / "moving.gif")) == [folder / "moving.gif"]
