"""Files that survive a power cut."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.disk.durable import write_durably
from face_classifier.core.disk.files import content_hash, png_bytes


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


def test_a_picture_as_png_is_the_same_picture() -> None:
    picture = np.random.default_rng(3).integers(0, 255, (7, 9, 3), np.uint8)
    content = png_bytes(picture)
    assert np.array_equal(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), picture)
    assert png_bytes(picture.copy()) == content
