"""Pictures of faces for a page, in memory for as long as their faces are there."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from gallery.reading.made_up import keep, unread

from face_classifier.core.errors import UserError
from face_classifier.core.types import Face, Image
from face_classifier.gallery.reading.reader import Reader
from face_classifier.gallery.reading.thumbnails import TILES, Thumbnails, size_for
from face_classifier.gallery.store import Store
from face_classifier.sources.base import MOST_BYTES
from face_classifier.vision.engine import Engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ann has three faces."""
    result = tmp_path / "result"
    with Store(result, writing=True) as store:
        store.look(unread)
        for number in range(3):
            keep(store, number, "Ann")
    return result


@pytest.fixture
def reader(folder: Path) -> Iterator[Reader]:
    with Reader(folder) as opened:
        yield opened


def image_of(jpeg: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def path_of(folder: Path, reader: Reader, face: int) -> Path:
    card = reader.now().face(face)
    assert card is not None
    return folder / "Ann" / f"{card.name}.png"


def shown(reader: Reader, face: int, width: int | None = 112) -> Image:
    picture = reader.picture(face, width)
    assert picture is not None
    return image_of(picture.jpeg)


def test_a_picture_is_a_jpeg_of_the_size_that_is_the_next_larger(reader: Reader) -> None:
    face = reader.now().faces_of("Ann")[0]
    sizes = {width: shown(reader, face.id, width).shape for width in (40, 112, 300, None)}
    # A picture of 90 x 90 pixels: 1.7 times a face of 30 are 51.
    assert sizes == {40: (51, 51, 3), 112: (51, 51, 3), 300: (90, 90, 3), None: (90, 90, 3)}
    assert [size_for(width) for width in (1, 56, 57, 225, 449, None)] == [56, 56, 112, 448, None, None]
    picture = reader.picture(face.id, 112)
    assert picture is not None
    assert picture.hash.startswith(face.hash)
    assert reader.picture(999, 112) is None


def test_a_photo_that_somebody_dropped_in_shows_its_face(
    folder: Path, reader: Reader, photographs: dict[str, Path], engine: Engine
) -> None:
    path = folder / "Ann" / "holiday.jpg"
    shutil.copy(photographs["obama.jpg"], path)

    def read(path: Path, own_cut: bool) -> tuple[Face, bool]:
        return engine.photo(cv2.imread(str(path)), own_cut=own_cut)

    with Store(folder, writing=True) as store:
        store.look(read)
    (card,) = [card for card in reader.now().faces_of("Ann") if card.name == "holiday"]
    tile = shown(reader, card.id, 224)
    assert tile.shape == (224, 224, 3)
    box = engine.photo(tile, own_cut=False)[0].box
    assert box.height > 224 / 2.5
    assert abs((box.top + box.bottom) / 2 - 112) < 40
    whole = shown(reader, card.id, 448)
    assert max(whole.shape) == 448


def test_a_picture_that_was_forgotten_is_in_memory_no_more(folder: Path, reader: Reader) -> None:
    faces = [card.id for card in reader.now().faces_of("Ann")]
    for face in faces:
        for width in (56, 112, None):
            shown(reader, face, width)
    path = path_of(folder, reader, faces[0])
    content = reader.picture(faces[0], 112)
    assert content is not None
    assert reader._thumbnails.find(content.hash, 112) == content.jpeg
    with Store(folder, writing=True) as store:
        store.look(unread)
        with store.past.entry("command forget"):
            store.past.forget(store.past.to_forget(path.name, path))
        store.look(unread)
        store.past.compact()
        assert reader.picture(faces[0], 112) is None
        assert reader.now().face(faces[0]) is None
    assert [reader._thumbnails.find(content.hash, size) for size in (56, 112, None)] == [None] * 3
    assert len(reader._thumbnails) == 6


def test_a_picture_that_moved_is_not_drawn_again(folder: Path, reader: Reader) -> None:
    face = reader.now().faces_of("Ann")[0].id
    shown(reader, face)
    with Store(folder, writing=True) as store:
        store.look(unread)
        store.words.rename("Ann", "Anna")
        store.look(unread)
    assert len(reader.now().faces_of("Anna")) == 3
    assert len(reader._thumbnails) == 1


def test_a_picture_that_is_just_being_moved_is_waited_for(folder: Path, reader: Reader) -> None:
    face = reader.now().faces_of("Ann")[0].id
    path = path_of(folder, reader, face)
    with ThreadPoolExecutor(1) as pool, Store(folder, writing=True) as store:
        store.look(unread)
        (folder / "Ben").mkdir()
        path.rename(folder / "Ben" / path.name)
        asked = pool.submit(reader.picture, face, 112)
        store.look(unread)
        assert asked.result(10) is not None


def test_a_picture_is_of_the_file_as_the_owner_last_saw_it(folder: Path, reader: Reader) -> None:
    face = reader.now().faces_of("Ann")[0].id
    path = path_of(folder, reader, face)
    path.unlink()
    assert reader.picture(face, 112) is None


def test_a_link_in_place_of_a_picture_is_not_followed(folder: Path, reader: Reader, tmp_path: Path) -> None:
    face = reader.now().faces_of("Ann")[0].id
    path = path_of(folder, reader, face)
    path.rename(tmp_path / "secret.png")
    path.symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="is a link"):
        reader.picture(face, 112)


@pytest.mark.parametrize(
    "place", [("..", "secret.png"), ("Ann", "../../secret.png"), ("Ann/..", "x.png"), ("Ann", "\0")]
)
def test_no_table_leads_out_of_the_folder(folder: Path, reader: Reader, place: tuple[str, str]) -> None:
    shutil.copy(path_of(folder, reader, reader.now().ids_of("Ann")[0]), folder.parent / "secret.png")
    face = reader.now().ids_of("Ann")[0]
    with closing(sqlite3.connect(folder / "faces.sqlite", isolation_level=None)) as database:
        database.execute("UPDATE faces SET folder = ?, file = ? WHERE id = ?", (*place, face))
    with pytest.raises(UserError, match="is not a name of something in"):
        reader.picture(face, 112)


def test_a_file_that_grew_beyond_any_picture_is_not_read(folder: Path, reader: Reader) -> None:
    face = reader.now().ids_of("Ann")[0]
    path = path_of(folder, reader, face)
    with path.open("r+b") as file:
        file.truncate(MOST_BYTES + 1)  # a hole, which takes no room
    with pytest.raises(UserError, match="but a picture may have at most 320 MB"):
        reader.picture(face, 112)


@pytest.mark.parametrize("content", [b"no picture", b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 100])
def test_a_file_that_is_no_picture_any_more_is_told_in_a_sentence(folder: Path, reader: Reader, content: bytes) -> None:
    face = reader.now().faces_of("Ann")[0].id
    path = path_of(folder, reader, face)
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path.name} is not a picture that can be read"):
        reader.picture(face, 112)


def test_as_many_thumbnails_are_kept_as_there_is_room_for() -> None:
    thumbnails = Thumbnails(most=1000)
    for number in range(5):
        thumbnails.keep(f"{number:064x}", TILES[0], b"x" * 300)
    found = [thumbnails.find(f"{number:064x}", TILES[0]) is not None for number in range(5)]
    assert found == [False, False, True, True, True]
