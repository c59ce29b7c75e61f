"""What an album remembers of its photos, once a person or a face of the gallery is forgotten."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Ended, Gallery, held

from face_classifier.photos.index import INDEX

Command = Callable[..., Ended]
OBAMA, BIDEN = ("obama.jpg", "obama2.jpg", "obama3.jpg"), ("biden.jpg",)


@pytest.fixture
def album(gallery: Gallery, photo_folder: Callable[..., Path], tmp_path: Path, command: Command) -> Path:
    """An album that was sorted with the people of a gallery: Barack, and Joe."""
    gallery.see("obama.jpg", "obama2.jpg", "biden.jpg")
    for path in list(gallery.folder.glob("*/*.png")):
        gallery.move(path, "Barack" if path.parent.name == "person_01" else "Joe")
    gallery.look()
    photos = photo_folder({name: name for name in (*OBAMA, *BIDEN)})
    ended = command("group", photos, "-o", tmp_path / "album", "--result", gallery.folder)
    assert ended.code == 0, ended
    return tmp_path / "album"


def remembered(album: Path) -> set[str]:
    with closing(sqlite3.connect(album / INDEX)) as database:
        return {os.path.basename(name) for (name,) in database.execute("SELECT name FROM files")}


def forgotten(command: Command, gallery: Gallery, what: object) -> dict[str, object]:
    ended = command("forget", what, "--result", gallery.folder, "--json")
    assert ended.code == 0, ended
    return json.loads(ended.out)


def test_photos_of_a_person_are_forgotten_in_the_albums_index(album: Path, gallery: Gallery, command: Command) -> None:
    with closing(sqlite3.connect(album / INDEX)) as database:
        encodings = [one for (one,) in database.execute("SELECT encoding FROM faces")]
    assert remembered(album) == {*OBAMA, *BIDEN}
    assert forgotten(command, gallery, "Barack")["photos"] == 3
    assert remembered(album) == {*BIDEN}
    left = (album / INDEX).read_bytes()
    assert sum(encoding[:64] in left for encoding in encodings) == 1


def test_the_photo_that_a_face_is_from_is_forgotten_with_it(
    album: Path, gallery: Gallery, tmp_path: Path, command: Command
) -> None:
    assert command(tmp_path / "photos" / "biden.jpg", "--result", gallery.folder).code == 0
    (new,) = (face for face in gallery.look() if face.source and face.source.endswith("biden.jpg"))
    assert forgotten(command, gallery, new.face)["photos"] == 1
    assert remembered(album) == {*OBAMA}


def test_an_album_that_shows_the_person_is_left_and_told(album: Path, gallery: Gallery, command: Command) -> None:
    answer = forgotten(command, gallery, "Barack")
    assert answer["left"] == [
        f"the album {album} is left as it is; remove their folder, pictures and names there yourself"
    ]
    assert forgotten(command, gallery, "Joe")["left"] == answer["left"]


def test_an_index_that_is_away_is_told(album: Path, gallery: Gallery, command: Command) -> None:
    (album / INDEX).unlink()
    answer = forgotten(command, gallery, "Barack")
    assert (answer["photos"], answer["faces"]) == (0, 2)
    assert answer["left"] == [f"the index {album / INDEX} is away; remove it yourself, or what it remembers of them"]


def test_an_album_is_sorted_also_while_the_gallery_is_in_use(
    album: Path, gallery: Gallery, tmp_path: Path, command: Command
) -> None:
    with held(gallery.folder):
        ended = command("group", tmp_path / "photos", "-o", tmp_path / "another", "--result", gallery.folder)
    assert ended.code == 0, ended
