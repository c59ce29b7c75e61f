"""Files that survive a power cut."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from face_classifier.core.disk.durable import write_durably
from face_classifier.core.disk.files import content_hash, former_png_bytes, png_bytes
from face_classifier.core.types import Image


def test_a_file_is_written_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    written = write_durably(path, b"content")
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["a.png"]
    now = path.stat()
    assert (written.st_size, written.st_mtime_ns) == (now.st_size, now.st_mtime_ns)


def test_content_reaches_the_disk_before_its_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    synced = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else os.fstat(descriptor).st_size
        synced.append((kind, path.read_bytes()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    write_durably(path, b"the new content")
    assert synced == [(15, b"old"), ("folder", b"the new content")]


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_durably(tmp_path / "gone" / "a.png", b"content")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["x" * 255, "오" * 85])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    write_durably(tmp_path / name, b"content")
    assert os.listdir(tmp_path) == [name]


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 17)
    (tmp_path / "a").write_bytes(content)
    assert content_hash(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (300, 400)])
def test_a_picture_as_png_is_the_same_picture(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(3).integers(0, 255, (*size, 3), np.uint8)
    content = png_bytes(picture)
    assert np.array_equal(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), picture)
    assert png_bytes(picture.copy()) == content
    with PIL.Image.open(io.BytesIO(content)) as opened:  # which checks the sums of all chunks
        assert np.array_equal(np.asarray(opened)[..., ::-1], picture)


@pytest.mark.parametrize("size", [(0, 4, 3), (4, 0, 3), (4, 4), (4, 4, 4)])
def test_what_is_no_picture_is_not_written_as_png(size: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="cannot be written as PNG"):
        png_bytes(np.zeros(size, np.uint8))


def test_a_face_as_png_is_about_as_small_as_it_was_and_can_be_written_as_it_was(portraits: dict[str, Image]) -> None:
    now = png_bytes(portraits["obama.jpg"])
    former = former_png_bytes(now)
    assert len(now) < 1.05 * len(former)
    assert png_bytes(cv2.imdecode(np.frombuffer(former, np.uint8), cv2.IMREAD_COLOR)) == now
