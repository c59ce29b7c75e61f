"""Indexes of photos in which SFace's encodings have length 1, as earlier versions wrote them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from face_classifier.photos.find import find_pictures
from face_classifier.photos.finder import FaceFinder
from face_classifier.photos.index import Photo, PhotoIndex, Reading
from face_classifier.vision.sface import FORMER_SPACE, SCALE, SFaceEncoder

PhotoFolder = Callable[..., Path]
TABLES = "photos", "faces"


def as_before(index: Path, version: int) -> None:
    with closing(sqlite3.connect(index, isolation_level=None)) as database:
        database.create_function("unit", 1, lambda raw: (np.frombuffer(raw) / SCALE).tobytes())
        database.execute("UPDATE faces SET encoding = unit(encoding)")
        for table in TABLES:
            database.execute(f"UPDATE {table} SET space = ?", (FORMER_SPACE,))
        if version == 1:
            database.execute("ALTER TABLE photos DROP COLUMN finder")
            database.execute("PRAGMA user_version = 1")


def read(index: Path, folder: Path, finder: Callable[[], FaceFinder]) -> Reading:
    given = [(path.name, path) for path in find_pictures(str(folder))]
    with PhotoIndex(index, SFaceEncoder.space) as opened:
        return opened.read(given, finder, threading.Event())


def remembered(index: Path) -> list[Photo]:
    with PhotoIndex(index, SFaceEncoder.space) as opened:
        return opened.remembered()


def assert_alike(photos: list[Photo], others: list[Photo]) -> None:
    assert [photo.name for photo in photos] == [photo.name for photo in others]
    for photo, other in zip(photos, others, strict=True):
        np.testing.assert_allclose(photo.largest.encoding, other.largest.encoding, rtol=1e-12)
        assert (photo.largest.box, photo.largest.tile) == (other.largest.box, other.largest.tile)


@pytest.fixture
def index(tmp_path: Path, photo_folder: PhotoFolder, photo_finder: FaceFinder) -> Path:
    """Of two photos, as of today."""
    read(tmp_path / "index", photo_folder({"a.jpg": "obama.jpg", "b.jpg": "biden.jpg"}), lambda: photo_finder)
    return tmp_path / "index"


def spaces(index: Path) -> set[str]:
    with closing(sqlite3.connect(index)) as database:
        return {space for table in TABLES for (space,) in database.execute(f"SELECT space FROM {table}")}


@pytest.mark.parametrize("version", [1, 2])
def test_who_reads_it_sees_todays_scale_and_changes_nothing(index: Path, version: int) -> None:
    today = remembered(index)
    as_before(index, version)
    before = index.read_bytes()
    assert_alike(remembered(index), today)
    with PhotoIndex(index, "") as opened:
        assert opened.faults() == []
        assert {space for _, space, _, _ in opened.faces()} == {SFaceEncoder.space}
    assert index.read_bytes() == before


@pytest.mark.parametrize("version", [1, 2])
def test_the_next_reading_converts_it_and_encodes_nothing_anew(
    index: Path, photo_folder: PhotoFolder, photo_finder: FaceFinder, version: int
) -> None:
    today = remembered(index)
    as_before(index, version)
    again = read(index, photo_folder({}), lambda: photo_finder)
    assert again.fresh == (2 if version == 1 else 0)  # whose finder is not known
    assert_alike(again.photos, today)
    assert spaces(index) == {SFaceEncoder.space}
    assert_alike(remembered(index), today)


def test_what_an_earlier_version_read_again_meanwhile_counts_once(
    index: Path, photo_folder: PhotoFolder, photo_finder: FaceFinder
) -> None:
    today = remembered(index)
    with closing(sqlite3.connect(index, isolation_level=None)) as database:
        for table in TABLES:
            names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
            copied = ", ".join(f"'{FORMER_SPACE}'" if name == "space" else f'"{name}"' for name in names)
            database.execute(f"INSERT INTO {table} SELECT {copied} FROM {table}")
    assert_alike(remembered(index), today)
    assert [len(photo.faces) for photo in remembered(index)] == [1, 1]
    assert read(index, photo_folder({}), lambda: photo_finder).fresh == 0
    assert spaces(index) == {SFaceEncoder.space}
    assert [len(photo.faces) for photo in remembered(index)] == [1, 1]


@pytest.mark.parametrize("version", [1, 2])
def test_who_opened_it_before_another_command_converted_it_reads_on(
    index: Path, photo_folder: PhotoFolder, photo_finder: FaceFinder, version: int
) -> None:
    as_before(index, version)
    folder = photo_folder({})
    given = [(path.name, path) for path in find_pictures(str(folder))]
    with PhotoIndex(index, SFaceEncoder.space) as opened:
        read(index, folder, lambda: photo_finder)
        new = [*given, ("c.jpg", photo_folder({"c.jpg": "obama2.jpg"}) / "c.jpg")]
        again = opened.read(new, lambda: photo_finder, threading.Event())
        assert (again.fresh, len(again.photos)) == (1, 3)
        opened.forget([again.photos[-1].content])
    assert len(remembered(index)) == 2


def test_faces_are_forgotten_in_it(index: Path) -> None:
    gone, left = remembered(index)
    as_before(index, 2)
    with PhotoIndex(index, SFaceEncoder.space) as opened:
        opened.forget([gone.content])
    assert_alike(remembered(index), [left])
