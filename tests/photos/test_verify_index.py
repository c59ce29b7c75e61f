"""`verify --index`: what is wrong in an index of photos is found, forgotten, and encoded anew by who reads it next."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Ended

from face_classifier.photos.index import INDEX

Command = Callable[..., Ended]
OBAMA, AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"
CHANGE = {
    "encoding": "UPDATE faces SET encoding = zeroblob(1024) WHERE rowid = 1",
    "short encoding": "UPDATE faces SET encoding = zeroblob(9) WHERE rowid = 1",
    "box": 'UPDATE faces SET "left" = "right" WHERE rowid = 1',
    "tile": "UPDATE faces SET tile = x'00' WHERE rowid = 1",
    "no photo": "DELETE FROM photos WHERE content = (SELECT content FROM faces WHERE rowid = 1)",
    "no file": "DELETE FROM files WHERE content = (SELECT content FROM faces WHERE rowid = 1)",
}


@pytest.fixture
def indexed(command: Command, photo_folder: Callable[..., Path]) -> Path:
    """A gallery whose index is made."""
    folder = photo_folder({"Barack/1.jpg": OBAMA, "Barack/2.jpg": AGAIN, "Joe.jpg": BIDEN})
    assert command("dimensions", "--gallery", folder, "--dimension", 0).code == 0
    return folder


@pytest.fixture
def verify(command: Command, indexed: Path) -> Callable[..., tuple[int, dict]]:
    def run(*flags: object) -> tuple[int, dict]:
        ended = command("verify", "--index", indexed, "--json", *flags)
        assert ended.err == ""
        return ended.code, json.loads(ended.out)

    return run


def change(folder: Path, statement: str) -> None:
    database = sqlite3.connect(folder / INDEX)
    with database:
        database.execute(statement)
    database.close()


def spoil(folder: Path) -> None:
    """Overwrite all pages but the first, which tells whose file it is."""
    content = (folder / INDEX).read_bytes()
    (folder / INDEX).write_bytes(content[:4096] + bytes(len(content) - 4096))


def found_by(command: Command, folder: Path) -> list[dict]:
    return json.loads(command("dimensions", "--gallery", folder, "--dimension", 0, "--json").out)


def test_a_sound_index_is_left_as_it_is(indexed: Path, verify: Callable[..., tuple[int, dict]]) -> None:
    before = (indexed / INDEX).read_bytes()
    assert verify() == (0, {"checked": {"photos": 3}, "findings": [], "notes": []})
    assert (indexed / INDEX).read_bytes() == before


@pytest.mark.parametrize("damage", CHANGE)
def test_what_cannot_be_right_is_forgotten_and_encoded_anew(
    command: Command, indexed: Path, verify: Callable[..., tuple[int, dict]], damage: str
) -> None:
    before = found_by(command, indexed)
    change(indexed, CHANGE[damage])
    spoiled = (indexed / INDEX).read_bytes()
    code, told = verify("--dry-run")
    assert (code, [finding["repaired"] for finding in told["findings"]]) == (1, [None])
    assert (indexed / INDEX).read_bytes() == spoiled
    code, told = verify()
    assert (code, [finding["repaired"] for finding in told["findings"]]) == (0, [True])
    assert verify()[1]["findings"] == []
    assert found_by(command, indexed) == before


def test_another_content_of_the_same_size_and_time_is_found(
    indexed: Path, verify: Callable[..., tuple[int, dict]]
) -> None:
    photo = indexed / "Joe.jpg"
    state, content = photo.stat(), bytearray(photo.read_bytes())
    content[-3] ^= 1
    photo.write_bytes(content)
    os.utime(photo, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert [finding["where"] for finding in verify()[1]["findings"]] == ["Joe.jpg"]


def test_photos_that_are_away_or_edited_are_no_fault(indexed: Path, verify: Callable[..., tuple[int, dict]]) -> None:
    shutil.rmtree(indexed / "Barack")
    os.utime(indexed / "Joe.jpg", (1, 1))
    code, told = verify()
    assert (code, told["findings"]) == (0, [])
    assert "of 3 photos 1 were changed since, and 2 are not there" in told["notes"][0]


def test_a_damaged_index_is_set_aside(command: Command, indexed: Path, verify: Callable[..., tuple[int, dict]]) -> None:
    before = found_by(command, indexed)
    spoil(indexed)
    assert verify("--dry-run")[0] == 1
    assert (verify()[0], (indexed / INDEX).exists()) == (0, False)
    assert (indexed / f"{INDEX}.damaged").exists()
    assert found_by(command, indexed) == before


def test_a_damaged_face_sends_the_user_to_verify(command: Command, indexed: Path) -> None:
    change(indexed, CHANGE["short encoding"])
    ended = command("dimensions", "--gallery", indexed)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert f"verify --index {indexed / INDEX}" in ended.err


@pytest.mark.parametrize("content", [None, b"", b"no database " * 100])
def test_what_is_no_index_is_told_and_left_alone(command: Command, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "notes.txt"
    if content is not None:
        file.write_bytes(content)
    ended = command("verify", "--index", file)
    assert (ended.code, "notes.txt" in ended.out) == (1, True)
    assert (file.read_bytes() if file.exists() else None) == content
