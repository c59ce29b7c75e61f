"""Folders that somebody made to have files elsewhere changed or removed; what lies outside of them stays as it is."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import Ended

from face_classifier.core.disk.markers import MANIFEST
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Face, Frame, Image, Match, Seen
from face_classifier.display.captures import Captures
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import Rows, Table
from face_classifier.photos.index import INDEX, PhotoIndex

OBAMA, BIDEN = "obama.jpg", "biden.jpg"
Command = Callable[..., Ended]


def tree(folder: Path) -> dict[str, object]:
    """What is in a folder: names, modes and contents."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What is the user's, beside the folder: a text, a database of something else, an empty folder, faces."""
    folder = tmp_path / "outside"
    (folder / "empty").mkdir(parents=True)
    (folder / "victim.txt").write_text("precious")
    database = sqlite3.connect(folder / "other.sqlite")
    database.execute("CREATE TABLE mine (value)")
    database.close()
    (folder / "faces").mkdir()
    (folder / "faces" / "20240506_070809.000-0.png").write_bytes(b"a picture")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, portraits: dict[str, Image], faces: dict[str, Face]) -> Path:
    """A result folder with two people."""
    folder = tmp_path_factory.mktemp("made") / "result"
    begun = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    with Store(folder, writing=True) as store:
        store.look(lambda path, own_cut: pytest.fail(str(path)))
        for second, (name, person) in enumerate(((OBAMA, "person_01"), ("obama2.jpg", "person_01"), (BIDEN, "Joe"))):
            taken = begun + timedelta(seconds=second)
            frame = Frame(portraits[name], "clip.mp4", "clip", second, float(second), 0.5, taken)
            store.keep(frame, faces[name], Match(person), 0)
        store.write_views(None, store.look(lambda path, own_cut: pytest.fail(str(path))).faces.hidden)
    return folder


@pytest.fixture
def result(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "result")
    return tmp_path / "result"


def link(name: str, target: str) -> Callable[[Path, Path], None]:
    def arrange(result: Path, outside: Path) -> None:
        path = result / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(outside / target)

    return arrange


def hard_link(name: str, target: str) -> Callable[[Path, Path], None]:
    def arrange(result: Path, outside: Path) -> None:
        (result / name).unlink(missing_ok=True)
        os.link(outside / target, result / name)

    return arrange


def own_table(arrange: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    """The table itself was moved outside."""

    def moved(result: Path, outside: Path) -> None:
        shutil.move(result / "faces.sqlite", outside / "faces.sqlite")
        arrange(result, outside)

    return moved


def row(change: str) -> Callable[[Path, Path], None]:
    """A row of the table leads out of the folder."""

    def arrange(result: Path, _outside: Path) -> None:
        database = sqlite3.connect(result / "faces.sqlite")
        database.execute(f"UPDATE faces SET {change} WHERE id = 1")
        database.commit()
        database.close()

    return arrange


def super_journal(result: Path, outside: Path) -> None:
    """A journal that SQLite would roll back, whose end names a file that it then removes."""
    victim = os.fsencode(outside / "victim.txt")
    magic = bytes.fromhex("d9d505f920a163d7")
    header = magic + struct.pack(">IIIII", 0, 1234, 1, 512, 4096)
    tail = struct.pack(">I", 2) + victim + struct.pack(">II", len(victim), sum(victim)) + magic
    database = sqlite3.connect(result / "faces.sqlite")
    database.execute("PRAGMA journal_mode = DELETE")
    database.close()
    (result / "faces.sqlite-journal").write_bytes(header.ljust(512, b"\0") + tail)


HOSTILE = {
    "lock": link(".lock", "victim.txt"),
    "lock, hard": hard_link(".lock", "victim.txt"),
    "table": link("faces.sqlite", "other.sqlite"),
    "own table": own_table(link("faces.sqlite", "faces.sqlite")),
    "own table, hard": own_table(hard_link("faces.sqlite", "faces.sqlite")),
    "wal": link("faces.sqlite-wal", "victim.txt"),
    "shm": link("faces.sqlite-shm", "victim.txt"),
    "journal": link("faces.sqlite-journal", "victim.txt"),
    "wal, hard": hard_link("faces.sqlite-wal", "victim.txt"),
    "journal that names a file": super_journal,
    "pickle": link("face_encodings", "victim.txt"),
    "montage": link("montage.Joe-00.png", "victim.txt"),
    "unknowns": link("unknowns", "faces"),
    "rejected": link(".rejected", "empty"),
    "folder of a row": row("folder = '../outside/faces', file = '20240506_070809.000-0.png'"),
    "file of a row": row("file = '../../outside/victim.txt'"),
    "intent of a row": row("intent = '../outside/empty'"),
    "placed of a row": row("placed = '..'"),
}
DOORS: dict[str, Callable[[Path, Path], tuple[object, ...]]] = {
    "run": lambda result, photo: (photo, "--result", result),
    "people": lambda result, _: ("people", "--result", result),
    "export": lambda result, _: ("export", "--result", result),
    "rethink": lambda result, _: ("rethink", "--result", result),
    "reject": lambda result, _: ("reject", next((result / "Joe").glob("*.png")), "--result", result),
    "accept": lambda result, _: ("suggest", "accept", "Joe", "person_01", "--result", result),
    "enroll": lambda result, photo: ("enroll", "Ann", photo, "--result", result),
    "reencode": lambda result, _: ("reencode", "--encoder", "dlib", "--result", result),
    "audit": lambda result, _: ("audit", "--apply", "--result", result),
}
ONLY_WRITTEN = {"lock, hard", "own table, hard", "wal, hard"}  # to read is no harm to the other name of a file
READERS = {"people", "export"}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_result_folder_is_one_sentence_and_nothing_outside_changes(
    what: str, door: str, result: Path, outside: Path, photographs: dict[str, Path], command: Command
) -> None:
    arguments = DOORS[door](result, photographs[BIDEN])
    HOSTILE[what](result, outside)
    before = tree(outside)
    ended = command(*arguments)
    assert tree(outside) == before
    if door not in READERS or what not in ONLY_WRITTEN:
        assert (ended.code, ended.err.count("\n")) == (1, 1), ended.err


@pytest.mark.parametrize("what", HOSTILE)
def test_verify_changes_nothing_outside(what: str, result: Path, outside: Path, command: Command) -> None:
    HOSTILE[what](result, outside)
    before = tree(outside)
    command("verify", "--result", result)
    assert tree(outside) == before


def test_verify_removes_rows_that_lead_out_and_the_faces_come_back(result: Path, command: Command) -> None:
    row("folder = '../outside', file = 'x.png'")(result, result)
    assert "(repaired)" in command("verify", "--result", result).out
    assert command("verify", "--result", result).code == 0
    with Root(result) as root:
        table = Table(root, "faces.sqlite", writing=False)
        assert sorted({one.folder for one in Rows(table).all()}) == ["Joe", "person_01"]
        table.close()


def test_a_persons_folder_that_is_a_link_is_left_alone(
    result: Path, outside: Path, photographs: dict[str, Path], command: Command
) -> None:
    link("person_01", "faces")(result, outside)
    before = tree(outside)
    for door in ("run", "rethink", "accept", "reencode"):
        command(*DOORS[door](result, photographs[OBAMA]))
    assert tree(outside) == before


def test_the_result_folder_itself_may_be_a_link(result: Path, tmp_path: Path, command: Command) -> None:
    result.rename(tmp_path / "big disk")
    result.symlink_to(tmp_path / "big disk")
    assert command("rethink", "--result", result).code == 0


# Albums


def manifest(**changes: object) -> Callable[[Path, Path], None]:
    def arrange(out: Path, _outside: Path) -> None:
        record = json.loads((out / MANIFEST).read_text())
        for key, value in changes.items():
            record[key] = {**record[key], **value} if isinstance(value, dict) else [*record[key], *value]
        (out / MANIFEST).write_text(json.dumps(record))

    return arrange


COPY = ["0" * 64, 0, None, 8, 0]  # content, face, no link, size and time
ALBUMS = {
    "files": manifest(files=["../outside/victim.txt"]),
    "files, absolute": manifest(files=["{outside}/victim.txt"]),
    "files, deep": manifest(files=["faces/../../outside/victim.txt"]),
    "folder": manifest(folders={"../outside": {"victim.txt": COPY}}),
    "entry": manifest(folders={"person_01": {"../../outside/victim.txt": COPY}}),
    "dots": manifest(folders={"..": {"outside": COPY}}),
    "user": manifest(users=["../outside/empty"]),
    "fetched": manifest(fetched={"http://a.example/x.jpg": "../../outside/victim.txt"}),
    "number": manifest(files=[7]),
    "lock": link(".lock", "victim.txt"),
    "lock, hard": hard_link(".lock", "victim.txt"),
    "manifest": link(MANIFEST, "victim.txt"),
    "index": link(INDEX, "other.sqlite"),
    "index, hard": hard_link(INDEX, "other.sqlite"),
    "journal": link(f"{INDEX}-journal", "victim.txt"),
    "crops": link("faces", "faces"),
    "fetched folder": link("photos", "faces"),
    "person": link("person_01", "faces"),
}


@pytest.fixture(scope="module")
def sorted_album(tmp_path_factory: pytest.TempPathFactory, photographs: dict[str, Path]) -> Path:
    from face_classifier.cli import main as cli

    top = tmp_path_factory.mktemp("album")
    (top / "pictures").mkdir()
    for name in (OBAMA, "obama2.jpg"):
        shutil.copy(photographs[name], top / "pictures" / name)
    assert not cli.main(["group", str(top / "pictures"), "-o", str(top / "out")])
    return top


@pytest.mark.parametrize("what", ALBUMS)
def test_a_hostile_album_is_one_sentence_and_nothing_outside_changes(
    what: str, sorted_album: Path, outside: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out"
    shutil.copytree(sorted_album / "out", out, symlinks=True)
    ALBUMS[what](out, outside)
    if what == "files, absolute":
        (out / MANIFEST).write_text((out / MANIFEST).read_text().replace("{outside}", str(outside)))
    before = tree(outside)
    ended = command("group", sorted_album / "pictures", "-o", out)
    assert tree(outside) == before
    assert (ended.code, ended.err.count("\n")) == (1, 1), ended.err


def test_files_of_an_album_that_are_links_are_replaced_and_not_followed(
    sorted_album: Path, outside: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out"
    shutil.copytree(sorted_album / "out", out, symlinks=True)
    for name in ("groups.json", "index.html", "sheet.person_01.png"):
        link(name, "victim.txt")(out, outside)
    before = tree(outside)
    assert command("group", sorted_album / "pictures", "-o", out).code == 0
    assert tree(outside) == before
    assert not (out / "groups.json").is_symlink()


# What else is written


def test_captures_follow_no_link(outside: Path, tmp_path: Path, frame: Callable[..., Frame]) -> None:
    folder = tmp_path / "captures"
    captures = Captures(folder, pytest.fail)
    shown = frame(OBAMA)
    local = shown.time.astimezone()
    name = f"{local:%Y%m%d_%H%M%S}.{local.microsecond // 1000:03d}.png"
    (folder / name).symlink_to(outside / "victim.txt")
    before = tree(outside)
    captures.show(shown, [Seen(Box(10, 60, 60, 10), "Ann")])
    captures.flush()
    captures.close()
    assert tree(outside) == before
    assert len(list(folder.glob("*.png"))) == 2


@pytest.mark.parametrize("name", [INDEX, f"{INDEX}-journal", f"{INDEX}-wal"])
def test_an_index_in_a_folder_of_photos_follows_no_link(name: str, outside: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / name).symlink_to(outside / "other.sqlite")
    before = tree(outside)
    with pytest.raises(UserError, match="is a link") as error:
        PhotoIndex(tmp_path / "photos" / INDEX, "space")
    assert "\n" not in str(error.value)
    assert tree(outside) == before
