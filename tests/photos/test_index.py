"""The index of photos: each is encoded once by content, and forgotten with its file."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.photos.find import find_pictures
from face_classifier.photos.finder import FaceFinder
from face_classifier.photos.index import PhotoIndex, Reading
from face_classifier.sources.base import MOST_BYTES
from face_classifier.vision.engine import Engine

PhotoFolder = Callable[..., Path]
OBAMA, AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"


@pytest.fixture(scope="module")
def finder(engine: Engine) -> FaceFinder:
    return FaceFinder(engine)


@pytest.fixture
def read(finder: FaceFinder, tmp_path: Path) -> Callable[..., Reading]:
    """Reads all photos of a folder, as a program that is started anew."""

    def run(folder: Path, *, stop_after: int | None = None) -> Reading:
        stopping = threading.Event()

        def steps(work: Sequence[object]) -> Iterator[object]:
            for number, one in enumerate(work):
                if number == stop_after:
                    stopping.set()
                yield one

        with PhotoIndex(tmp_path / "index", finder.space) as index:
            given = [(path.relative_to(folder).as_posix(), path) for path in find_pictures(str(folder))]
            return index.read(given, lambda: finder, stopping, steps)

    return run


def no_finder() -> FaceFinder:
    pytest.fail("a photo was encoded again")


def remembered(tmp_path: Path, space: str) -> list[str]:
    with PhotoIndex(tmp_path / "index", space) as index:
        return [photo.name for photo in index.remembered()]


# Remembering


def test_an_unchanged_photo_is_encoded_once(photo_folder: PhotoFolder, read: Callable[..., Reading], tmp_path: Path):
    folder = photo_folder({"a.jpg": OBAMA, "b.jpg": BIDEN})
    first, before = read(folder), (tmp_path / "index").read_bytes()
    again = read(folder)
    assert (first.fresh, again.fresh) == (2, 0)
    assert [photo.name for photo in again.photos] == ["a.jpg", "b.jpg"]
    for one, other in zip(first.photos, again.photos, strict=True):
        assert np.array_equal(one.largest.encoding, other.largest.encoding)
        assert (one.largest.box, one.largest.tile, one.size) == (other.largest.box, other.largest.tile, other.size)
    assert (tmp_path / "index").read_bytes() == before, "an index that may only be read would not do"


def test_a_changed_photo_is_encoded_again_and_the_old_face_is_forgotten(
    photo_folder: PhotoFolder, read: Callable[..., Reading], tmp_path: Path
):
    folder = photo_folder({"a.jpg": OBAMA, "b.jpg": BIDEN})
    old = read(folder).photos[0].largest.tile
    photo_folder({"a.jpg": AGAIN})
    changed = read(folder)
    assert changed.fresh == 1
    assert changed.photos[0].largest.tile != old
    assert old not in (tmp_path / "index").read_bytes()


def test_a_photo_that_was_touched_moved_renamed_or_copied_is_not_encoded_again(
    photo_folder: PhotoFolder, read: Callable[..., Reading]
):
    folder = photo_folder({"a.jpg": OBAMA, "b.jpg": BIDEN, "c.jpg": AGAIN})
    read(folder)
    (folder / "a.jpg").rename(folder / "renamed.jpg")
    (folder / "deep").mkdir()
    (folder / "b.jpg").rename(folder / "deep" / "b.jpg")
    os.utime(folder / "c.jpg", (1, 1))
    (folder / "copy.jpg").write_bytes((folder / "c.jpg").read_bytes())
    again = read(folder)
    assert again.fresh == 0
    assert [photo.name for photo in again.photos] == ["c.jpg", "copy.jpg", "deep/b.jpg", "renamed.jpg"]


def test_a_deleted_photo_is_forgotten_with_its_face(
    photo_folder: PhotoFolder, read: Callable[..., Reading], finder: FaceFinder, tmp_path: Path
):
    folder = photo_folder({"a.jpg": OBAMA, "b.jpg": BIDEN})
    gone = read(folder).photos[0].largest
    (folder / "a.jpg").unlink()
    read(folder)
    content = (tmp_path / "index").read_bytes()
    assert remembered(tmp_path, finder.space) == ["b.jpg"]
    assert gone.tile not in content
    assert gone.encoding.tobytes() not in content


def test_what_was_read_before_a_stop_is_not_read_again(
    photo_folder: PhotoFolder,
    read: Callable[..., Reading],
    closeups: dict[str, Image],
    finder: FaceFinder,
    tmp_path: Path,
):
    photos = {f"{number:02}.jpg": np.roll(closeups[OBAMA], number, axis=1) for number in range(12)}
    folder = photo_folder(photos)
    stopped = read(folder, stop_after=4)
    assert stopped.stopped
    assert 4 <= len(stopped.photos) < 12
    assert remembered(tmp_path, finder.space) == [photo.name for photo in stopped.photos]
    rest = read(folder)
    assert (rest.stopped, len(rest.photos)) == (False, 12)
    assert rest.fresh == 12 - stopped.fresh


def test_what_was_read_before_a_crash_is_kept(
    photo_folder: PhotoFolder, read: Callable[..., Reading], finder: FaceFinder, tmp_path: Path
):
    folder = photo_folder({"a.jpg": OBAMA, "b.jpg": BIDEN})

    def steps(work: Sequence[object]) -> Iterator[object]:
        yield work[0]
        raise RuntimeError("crash")

    given = [(path.name, path) for path in sorted(folder.iterdir())]
    with PhotoIndex(tmp_path / "index", finder.space) as index, pytest.raises(RuntimeError):
        index.read(given, lambda: finder, threading.Event(), steps)
    assert read(folder).fresh == 1


def test_each_encoder_has_its_own_encodings_of_a_photo(
    photo_folder: PhotoFolder, read: Callable[..., Reading], finder: FaceFinder, tmp_path: Path
):
    folder = photo_folder({"a.jpg": OBAMA})
    read(folder)
    with PhotoIndex(tmp_path / "index", "another") as index:
        assert index.remembered() == []
        assert index.read([("a.jpg", folder / "a.jpg")], lambda: finder, threading.Event()).fresh == 1
    assert read(folder).fresh == 0


def test_names_need_not_be_utf8(
    photo_folder: PhotoFolder, read: Callable[..., Reading], finder: FaceFinder, tmp_path: Path
):
    name = os.fsdecode(b"Ren\xe9e.jpg")
    try:
        folder = photo_folder({"a.jpg": OBAMA, name: BIDEN})
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert [photo.name for photo in read(folder).photos] == [name, "a.jpg"]
    assert read(folder).fresh == 0
    assert remembered(tmp_path, finder.space) == [name, "a.jpg"]
    (folder / name).unlink()
    read(folder)
    assert remembered(tmp_path, finder.space) == ["a.jpg"]


def test_an_index_without_a_file_remembers_while_it_is_open(photo_folder: PhotoFolder, finder: FaceFinder):
    given = [("me", photo_folder({"a.jpg": OBAMA}) / "a.jpg")]
    with PhotoIndex(None, finder.space) as index:
        assert index.read(given, lambda: finder, threading.Event()).fresh == 1
        assert index.read(given, no_finder, threading.Event()).fresh == 0


# What was searched by a lesser finder


def of_an_earlier_version(index: Path) -> None:
    """Have an index be as that of version 1, whose finder found no face on the right of a photo."""
    with closing(sqlite3.connect(index, isolation_level=None)) as database:
        database.execute("ALTER TABLE photos DROP COLUMN finder")
        database.execute("PRAGMA user_version = 1")
        database.execute('DELETE FROM faces WHERE "left" > 240')


@pytest.fixture
def both(photo_folder: PhotoFolder, closeups: dict[str, Image]) -> Path:
    """A photo of two people, and one of one of them."""
    folder = photo_folder({"b.jpg": BIDEN})
    cv2.imwrite(str(folder / "a.png"), np.hstack([closeups[BIDEN], closeups[OBAMA]]))
    return folder


def test_a_photo_that_an_earlier_version_searched_is_searched_anew_once(
    both: Path, read: Callable[..., Reading], tmp_path: Path
):
    want = [face.box for face in read(both).photos[0].faces]
    assert len(want) == 2
    of_an_earlier_version(tmp_path / "index")
    reading = read(both)
    assert (reading.fresh, [face.box for face in reading.photos[0].faces]) == (2, want)
    assert read(both).fresh == 0


def test_faces_that_were_known_keep_their_numbers_and_are_kept(
    both: Path, read: Callable[..., Reading], tmp_path: Path
):
    """Albums know them by these."""
    left, right = read(both).photos[0].faces
    of_an_earlier_version(tmp_path / "index")
    moved = 'UPDATE faces SET "left" = "left" + 300, "right" = "right" + 300, "top" = 200, "bottom" = 239'
    with closing(sqlite3.connect(tmp_path / "index", isolation_level=None)) as database:
        content = database.execute("SELECT content FROM files WHERE name = 'a.png'").fetchone()[0]
        database.execute(f"{moved} WHERE content = ?", [content])  # now where the later finder finds nobody
    boxes = [face.box for face in read(both).photos[0].faces]
    assert boxes[1:] == [left.box, right.box]
    assert boxes[0].left == left.box.left + 300


def test_a_photo_that_another_detector_searched_is_searched_anew_where_the_best_one_is_there(
    photo_folder: PhotoFolder, finder: FaceFinder, read: Callable[..., Reading], monkeypatch: pytest.MonkeyPatch
):
    folder = photo_folder({"a.jpg": OBAMA})
    best = finder.name
    monkeypatch.setattr(finder, "name", "hog 1")  # as it stands in for a detector that is not there
    assert [read(folder).fresh for _ in range(2)] == [1, 0]
    monkeypatch.setattr(finder, "name", best)
    assert [read(folder).fresh for _ in range(2)] == [1, 0]


def test_a_detector_that_stands_in_searches_nothing_anew(
    both: Path, finder: FaceFinder, read: Callable[..., Reading], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    read(both)
    of_an_earlier_version(tmp_path / "index")
    best = finder.name
    monkeypatch.setattr(finder, "name", "hog 2")
    assert read(both).fresh == 0
    monkeypatch.setattr(finder, "name", best)
    assert read(both).fresh == 2


def test_an_earlier_index_serves_where_nothing_can_be_searched_or_written(
    both: Path, finder: FaceFinder, read: Callable[..., Reading], tmp_path: Path
):
    read(both)
    of_an_earlier_version(tmp_path / "index")
    given = [("a.png", both / "a.png"), ("b.jpg", both / "b.jpg")]

    def none() -> FaceFinder:
        raise UserError("no model is there")

    before = (tmp_path / "index").read_bytes()
    for query_only, made in ((True, no_finder), (False, none)):
        with PhotoIndex(tmp_path / "index", finder.space) as index:
            index._database.execute(f"PRAGMA query_only = {query_only}")  # as for a file that may only be read
            reading = index.read(given, made, threading.Event())
        assert (reading.fresh, reading.failed, [len(photo.faces) for photo in reading.photos]) == (0, [], [1, 1])
        assert not query_only or (tmp_path / "index").read_bytes() == before


# What goes wrong


def test_a_photo_that_cannot_be_read_costs_a_sentence_and_the_rest_goes_on(
    photo_folder: PhotoFolder, read: Callable[..., Reading], closeups: dict[str, Image]
):
    torn = cv2.imencode(".jpg", closeups[BIDEN])[1].tobytes()[:3000]
    folder = photo_folder({"empty.jpg": b"", "good.jpg": OBAMA, "text.png": b"no picture", "torn.jpg": torn})
    with (folder / "huge.jpg").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    (folder / "loop.jpg").symlink_to(folder / "nowhere.jpg")
    reading = read(folder)
    assert [photo.name for photo in reading.photos] == ["good.jpg"]
    failed = dict(reading.failed)
    assert sorted(failed) == ["empty.jpg", "huge.jpg", "text.png", "torn.jpg"]
    assert all(str(folder / name) in sentence and "\n" not in sentence for name, sentence in failed.items())
    assert "320 MB" in failed["huge.jpg"]


def test_a_photo_that_went_away_meanwhile_is_told(finder: FaceFinder, tmp_path: Path):
    with PhotoIndex(None, finder.space) as index:
        reading = index.read([("a.jpg", tmp_path / "a.jpg")], no_finder, threading.Event())
    ((name, sentence),) = reading.failed
    assert name == "a.jpg"
    assert "cannot be read" in sentence


def test_the_face_of_a_photo_that_was_damaged_later_is_forgotten(
    photo_folder: PhotoFolder, read: Callable[..., Reading], finder: FaceFinder, tmp_path: Path
):
    folder = photo_folder({"a.jpg": OBAMA, "b.jpg": BIDEN})
    read(folder)
    (folder / "a.jpg").write_bytes(b"damaged")
    assert [name for name, _ in read(folder).failed] == ["a.jpg"]
    assert remembered(tmp_path, finder.space) == ["b.jpg"]


def write_garbage(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)


def write_newer(path: Path) -> None:
    with PhotoIndex(path, "space"):
        pass
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()


def write_foreign(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE mine (value)")
    database.close()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (write_garbage, "remove it, so that it is made anew, or name another file with --index"),
        (write_newer, "newer version"),
        (write_foreign, "another program"),
        (Path.mkdir, "name another file with --index"),
    ],
)
def test_an_index_that_cannot_be_used_is_told_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None], told: str
):
    path = tmp_path / "index"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UserError, match=told) as error:
        PhotoIndex(path, "space")
    assert str(path) in str(error.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_an_index_in_a_folder_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="name another file with --index") as error:
        PhotoIndex(tmp_path / "nowhere" / "index", "space")
    assert "remove" not in str(error.value)


def test_while_photos_are_read_another_command_waits_and_then_tells(
    photo_folder: PhotoFolder, finder: FaceFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("face_classifier.photos.index._DURABLE_AFTER", 1)
    monkeypatch.setattr("face_classifier.photos.index._PATIENCE", 0.2)
    folder = photo_folder({"a.jpg": OBAMA, "b.jpg": BIDEN})
    told: list[str] = []

    def steps(work: Sequence[object]) -> Iterator[object]:
        yield work[0]
        with pytest.raises(UserError) as error, PhotoIndex(tmp_path / "index", finder.space):
            pass
        told.append(str(error.value))
        yield work[1]

    given = [(path.name, path) for path in sorted(folder.iterdir())]
    with PhotoIndex(tmp_path / "index", finder.space) as index:
        assert index.read(given, lambda: finder, threading.Event(), steps).fresh == 2
        assert remembered(tmp_path, finder.space) == ["a.jpg", "b.jpg"]
    assert told == [
        f"the index {tmp_path}/index is being written by another command; wait until that ends, or name another file "
        "with --index"
    ]


def test_a_reader_of_some_photos_leaves_what_is_remembered_of_the_others(
    photo_folder: PhotoFolder, read: Callable[..., Reading], finder: FaceFinder, tmp_path: Path
):
    folder = photo_folder({"a.jpg": OBAMA, "b.jpg": BIDEN})
    read(folder)
    with PhotoIndex(tmp_path / "index", finder.space) as index:
        some = index.read([("mine/a.jpg", folder / "a.jpg")], no_finder, threading.Event(), forget=False)
    assert [photo.name for photo in some.photos] == ["mine/a.jpg"]
    assert read(folder).fresh == 0
