"""`verify` finds each kind of damage, repairs it, and then finds nothing; a sound folder it leaves as it is."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Gallery, held
from gallery.encodings import side_file

from face_classifier.core.disk.durable import PART
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Frame, Image, as_stored
from face_classifier.gallery import opening
from face_classifier.gallery.check import Check, Stock
from face_classifier.gallery.places import EXCLUDED
from face_classifier.gallery.store import Store
from face_classifier.photos.albums.manifest import Manifest
from face_classifier.vision.engine import Engine

Command = Callable[..., Ended]


BEGUN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def halved(portraits: dict[str, Image]) -> dict[str, Image]:
    """The photographs half as large, for speed."""
    return {
        name: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for name, image in portraits.items()
    }


def halved_frame(name: str, position: float, fingerprint: str | None, halved: dict[str, Image]) -> Frame:
    when = BEGUN + timedelta(seconds=position)
    return Frame(halved[name], "clip.mp4", fingerprint, int(position), position, 0.5, when)


@pytest.fixture
def frame(halved: dict[str, Image]) -> Callable[..., Frame]:
    """Frames of the smaller photographs, so that the same clip is seen again."""
    return partial(halved_frame, halved=halved)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, halved: dict[str, Image], engine: Engine) -> Path:
    """Barack of two faces and one that was rejected, and an unknown face."""
    folder = tmp_path_factory.mktemp("made") / "result"
    gallery = Gallery(folder, engine, partial(halved_frame, halved=halved))
    gallery.see("obama2.jpg", "obama.jpg", "obama3.jpg", "biden.jpg")
    (gallery.folder / "person_01").rename(gallery.folder / "Barack")
    with Store(gallery.folder, writing=True) as store:
        store.words.exclude([store.look(gallery.read_photo).faces[0].id])
        store.write_views(None, store.look(gallery.read_photo).faces.hidden)
    return gallery.folder


@pytest.fixture
def named(gallery: Gallery, made: Path) -> Gallery:
    shutil.copytree(made, gallery.folder)
    assert len(pictures_of(gallery)) == 2
    return gallery


def pictures_of(gallery: Gallery) -> list[Path]:
    return sorted((gallery.folder / "Barack").glob("*.png"))


def change(gallery: Gallery, statement: str, *values: object) -> None:
    database = sqlite3.connect(gallery.folder / "faces.sqlite")
    with database:
        assert database.execute(statement, values).rowcount > 0
    database.close()


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Everything in a folder: content and modification time."""
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [folder, *folder.rglob("*")]
    }


@pytest.fixture
def verify(command: Command, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, dict]]:
    """Runs the command; its exit code and its JSON."""

    def made_before(*chosen: object, **_: object) -> Engine:
        assert chosen[-1] == "sface"
        return engine

    monkeypatch.setattr(opening, "make_engine", made_before)  # to make one takes longer than to verify

    def run(gallery: Gallery, *flags: object) -> tuple[int, dict]:
        ended = command("verify", "--json", "--result", gallery.folder, *flags)
        return ended.code, json.loads(ended.out)

    return run


Verify = Callable[..., tuple[int, dict]]


@pytest.mark.parametrize("flags", [(), ("--dry-run",), ("--encodings",)])
def test_a_sound_folder_is_left_as_it_is(named: Gallery, verify: Verify, flags: tuple[str, ...]) -> None:
    before = state(named.folder)
    code, told = verify(named, *flags)
    assert (code, told["findings"], told["notes"]) == (0, [], [])
    assert state(named.folder) == before
    assert told["checked"] == {
        "table": 1, "rows": 3, "pictures": 4, "rejected": 1, "encodings": 4,
        **({"encoded anew": 4} if flags == ("--encodings",) else {}), "views": 3, "unfinished": 0,
    }  # fmt: skip


def test_a_table_for_people_tells_how_many_are_fine(named: Gallery, command: Command) -> None:
    pictures_of(named)[0].unlink()
    ended = command("verify", "--result", named.folder)
    assert ended.code == 0
    assert ended.out.splitlines()[:3] == [
        "check       fine  found  repaired",
        "table       1     0      0",
        "rows        2     1      1",
    ]
    assert "so the face no longer counts (repaired)" in ended.out


# Each kind of damage


def remove_row(gallery: Gallery) -> None:
    change(gallery, "DELETE FROM faces WHERE folder = 'Barack' AND file = ?", pictures_of(gallery)[0].name)


def remove_picture(gallery: Gallery) -> None:
    pictures_of(gallery)[0].unlink()


def edit_picture(gallery: Gallery) -> None:
    image = cv2.imread(str(pictures_of(gallery)[0]))
    cv2.imwrite(str(pictures_of(gallery)[0]), cv2.convertScaleAbs(image, alpha=0.9))


def rot_picture(gallery: Gallery) -> None:
    """Other content that neither size nor time tells."""
    path = pictures_of(gallery)[0]
    stat, image = path.stat(), cv2.imread(str(path))
    image[:20] = 0
    cv2.imwrite(str(path), image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    path.write_bytes(path.read_bytes().ljust(stat.st_size, b"\0"))
    assert path.stat().st_size == stat.st_size
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def encoding(gallery: Gallery, value: np.ndarray | None) -> None:
    side_file.set_encoding(gallery.folder, id_of(gallery, pictures_of(gallery)[0].name), value)


def id_of(gallery: Gallery, file: str) -> int:
    with closing(sqlite3.connect(gallery.folder / "faces.sqlite")) as database:
        ((face,),) = database.execute("SELECT id FROM faces WHERE file = ?", (file,)).fetchall()
    return int(face)


def encoding_of(gallery: Gallery, file: str) -> np.ndarray:
    return side_file.encoding_of(gallery.folder, id_of(gallery, file))


def no_encoding(gallery: Gallery) -> None:
    encoding(gallery, None)


def endless_encoding(gallery: Gallery) -> None:
    encoding(gallery, np.full(128, np.nan))


def encoding_of_another_type(gallery: Gallery) -> None:
    change(gallery, "UPDATE faces SET encoding = x'010203' WHERE file = ?", pictures_of(gallery)[0].name)


def torn_encoding(gallery: Gallery) -> None:
    side_file.write_row(gallery.folder, id_of(gallery, pictures_of(gallery)[0].name), b"torn")


def lost_encodings(gallery: Gallery) -> None:
    (gallery.folder / "encodings.f32").unlink()


def long_encoding(gallery: Gallery) -> None:
    encoding(gallery, np.full(128, 0.5))


def another_ones_encoding(gallery: Gallery) -> None:
    encoding(gallery, encoding_of(gallery, pictures_of(gallery)[1].name))


def other_encoder(gallery: Gallery) -> None:
    change(gallery, "UPDATE faces SET space = 'another' WHERE file = ?", pictures_of(gallery)[0].name)


def impossible_time(gallery: Gallery) -> None:
    change(gallery, "UPDATE faces SET time = 'noon' WHERE file = ?", pictures_of(gallery)[0].name)


def not_text(gallery: Gallery) -> None:
    change(gallery, "UPDATE faces SET source = CAST(x'ff' AS TEXT) WHERE file = ?", pictures_of(gallery)[0].name)


def no_pickle(gallery: Gallery) -> None:
    (gallery.folder / "face_encodings").unlink()


def foreign_value(gallery: Gallery) -> None:
    path = gallery.folder / "face_encodings"
    loaded = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps(loaded | {next(iter(loaded)): np.zeros(128)}))


def hostile_pickle(gallery: Gallery) -> None:
    (gallery.folder / "face_encodings").write_bytes(pickle.dumps({"a.png": os.getcwd}))


def no_montage(gallery: Gallery) -> None:
    (gallery.folder / "montage.Barack-00.png").unlink()


def torn_montage(gallery: Gallery) -> None:
    path = gallery.folder / "montage.Barack-00.png"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_montage(gallery: Gallery) -> None:
    path = gallery.folder / "montage.Barack-00.png"
    path.write_bytes((gallery.folder / "montage.unknowns-00.png").read_bytes())


def strange_montage(gallery: Gallery) -> None:
    path = gallery.folder / "montage.Nobody-00.png"
    path.write_bytes((gallery.folder / "montage.unknowns-00.png").read_bytes())


def half_written(gallery: Gallery) -> None:
    (gallery.folder / "Barack" / f"{PART}1-2").write_bytes(b"\x89PNG")


def half_moved(gallery: Gallery) -> None:
    change(gallery, "UPDATE faces SET intent = 'person_07' WHERE folder = 'unknowns'")


def rejected_without_row(gallery: Gallery) -> None:
    change(gallery, "DELETE FROM faces WHERE state = 'deleted'")


def rejected_without_picture(gallery: Gallery) -> None:
    for path in (gallery.folder / EXCLUDED / "Barack").iterdir():
        path.unlink()


def wrong_index(gallery: Gallery) -> None:
    """An index that disagrees with its table, as after a bad disk."""
    database = sqlite3.connect(gallery.folder / "faces.sqlite")
    database.execute("PRAGMA writable_schema = ON")
    database.execute(
        "UPDATE sqlite_master SET sql = 'CREATE INDEX faces_face ON faces (file)' WHERE name = 'faces_face'"
    )
    database.commit()
    database.close()


@pytest.mark.parametrize(
    ("damage", "check", "words"),
    [
        (remove_row, "pictures", "has no row"),
        (remove_picture, "rows", "its picture is gone"),
        (edit_picture, "pictures", "not the picture that was encoded"),
        (rot_picture, "pictures", "not the picture that was encoded"),
        (no_encoding, "encodings", "it has no encoding"),
        (endless_encoding, "table", "finite numbers"),
        (encoding_of_another_type, "encodings", "it has no encoding"),
        (torn_encoding, "encodings", "it has no encoding"),
        (lost_encodings, "encodings", "it has no encoding"),
        (long_encoding, "encodings", "5.66 long"),
        (another_ones_encoding, "encodings", "it has the same encoding as"),
        (other_encoder, "encodings", "it has an encoding of another"),
        (impossible_time, "table", "noon"),
        (not_text, "table", "UTF-8"),
        (no_pickle, "views", "it is missing"),
        (foreign_value, "views", "other numbers for 1"),
        (hostile_pickle, "views", "it is damaged (it holds posix.getcwd)"),
        (no_montage, "views", "it is missing"),
        (torn_montage, "views", "it is damaged"),
        (other_montage, "views", "it is damaged"),
        (strange_montage, "views", "shows faces that are not there"),
        (half_written, "unfinished", "half done"),
        (half_moved, "unfinished", "half done"),
        (rejected_without_row, "rejected", "has no row"),
        (rejected_without_picture, "rejected", "its picture is gone"),
        (wrong_index, "table", "faces_face"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_damage_is_found_repaired_and_found_no_more(
    named: Gallery, verify: Verify, damage: Callable[[Gallery], None], check: str, words: str
) -> None:
    damage(named)
    before = state(named.folder)
    code, told = verify(named, "--dry-run")
    assert code == 1
    assert state(named.folder) == before
    assert {one["repaired"] for one in told["findings"]} == {None}
    assert any(one["check"] == check and words in one["sentence"] for one in told["findings"]), told["findings"]
    code, told = verify(named)
    assert (code, {one["repaired"] for one in told["findings"]}) == (0, {True}), told["findings"]
    assert any(one["check"] == check and words in one["sentence"] for one in told["findings"]), told["findings"]
    before = state(named.folder)
    assert verify(named)[1]["findings"] == []
    assert state(named.folder) == before
    assert set(named.labels().values()) == {"Barack", None}


def test_a_deleted_face_stays_deleted_when_its_row_is_mended(named: Gallery, verify: Verify) -> None:
    pictures_of(named)[0].unlink()
    named.look()
    change(named, "UPDATE faces SET time = 'noon' WHERE state = 'deleted' AND folder = 'Barack'")
    assert verify(named)[0] == 0
    named.see("obama2.jpg", "obama.jpg", "obama3.jpg", "biden.jpg")
    assert sorted(map(str, named.labels().values())) == ["Barack", "None"]


def test_what_the_user_said_of_a_row_that_is_no_use_goes_with_it(named: Gallery, verify: Verify) -> None:
    with Store(named.folder, writing=True) as store:
        faces = store.look(named.read_photo).faces
        (joe,) = (face.id for face in faces if face.person is None)
        store.words.keep_apart([face.id for face in faces if face.person], [joe])
    change(named, "UPDATE faces SET folder = CAST(x'ff' AS TEXT) WHERE id = ?", joe)
    assert verify(named)[0] == 0
    with Store(named.folder, writing=True) as store:
        looked = store.look(named.read_photo)
        assert (looked.kept_apart, looked.kept_apart_tracks) == ([], [])


def test_a_wrong_index_is_made_anew_where_it_is(named: Gallery, verify: Verify) -> None:
    wrong_index(named)
    verify(named)
    assert not list(named.folder.glob("*.damaged"))


def test_what_is_mended_has_the_numbers_that_it_had(named: Gallery, verify: Verify) -> None:
    name = pictures_of(named)[0].name
    before = encoding_of(named, name)
    endless_encoding(named)
    verify(named)
    assert np.linalg.norm(encoding_of(named, name) - before) < 0.2


@pytest.mark.parametrize("whole", [True, False])
def test_flipped_bytes_in_the_table_are_found_and_what_is_left_is_saved(
    named: Gallery, verify: Verify, whole: bool
) -> None:
    pictures_of(named)[0].unlink()  # only the table knows of it
    named.look()
    labels = sorted(map(str, named.labels().values()))
    path = named.folder / "faces.sqlite"
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")  # of a page
    pages = [page for page in range(1, len(content) // size) if whole or b"clip.mp4" in content[page * size :][:size]]
    for page in pages if whole else pages[-1:]:
        content[page * size] ^= 0xFF  # what kind of page it is
    path.write_bytes(content)
    code, told = verify(named, "--dry-run")
    assert (code, [one["check"] for one in told["findings"]]) == (1, ["table"])
    code, told = verify(named)
    assert (code, {one["repaired"] for one in told["findings"]}) == (0, {True})
    assert verify(named)[1]["findings"] == []
    assert path.with_name("faces.sqlite.damaged").exists()
    assert sorted(map(str, named.labels().values())) == labels
    with sqlite3.connect(path) as database:
        ((known,),) = database.execute("SELECT count(*) FROM faces WHERE source = 'clip.mp4'").fetchall()
    database.close()
    assert (known > 0) == (not whole)


def test_a_wrong_encoding_of_the_right_length_shows_when_encoded_anew(named: Gallery, verify: Verify) -> None:
    joe = encoding_of(named, named.picture("unknowns").name)
    encoding(named, as_stored(joe + 1e-6))
    no_pickle(named)
    assert verify(named)[0] == 0
    code, told = verify(named, "--encodings")
    (finding,) = (one for one in told["findings"] if one["check"] == "encoded anew")
    assert (code, finding["repaired"], finding["where"]) == (0, True, f"Barack/{pictures_of(named)[0].name}")
    assert verify(named, "--encodings")[1]["findings"] == []


def test_one_encoding_of_pictures_with_the_same_middle_is_no_damage(named: Gallery, verify: Verify) -> None:
    """Frames of which only the edge differs."""
    first, second = pictures_of(named)
    image = cv2.imread(str(second))
    image[:5] = 0
    cv2.imwrite(str(first), image)
    named.look()
    another_ones_encoding(named)
    no_pickle(named)
    named.look()
    assert verify(named)[1]["findings"] == []


def test_a_picture_that_cannot_be_read_is_told_and_not_repaired(named: Gallery, verify: Verify) -> None:
    picture = pictures_of(named)[0]
    picture.write_bytes(b"no picture")
    code, told = verify(named)
    assert code == 1
    (finding,) = (one for one in told["findings"] if picture.stem in one["where"])
    assert not finding["repaired"]
    assert finding["sentence"] == "it cannot be read; put back a copy of it, or remove it"
    assert finding["where"] == f"Barack/{picture.name}"
    assert picture.read_bytes() == b"no picture"


# Logs


def test_a_log_is_checked_against_the_faces(named: Gallery, verify: Verify, command: Command, tmp_path: Path) -> None:
    log = tmp_path / "faces.jsonl"
    log.write_text(command("export", "--result", named.folder).out)
    assert verify(named, "--jsonl", log) == (
        0,
        verify(named)[1]
        | {
            "checked": verify(named)[1]["checked"] | {"logs": 3},
            "notes": [f"{log}: of 3 faces 0 have another person by now, 0 are gone"],
        },
    )
    named.move(pictures_of(named)[0], "Joe")
    pictures_of(named)[0].unlink()
    verify(named)
    assert verify(named, "--jsonl", log)[1]["notes"] == [f"{log}: of 3 faces 1 has another person by now, 1 is gone"]
    log.write_text(log.read_text() + '{"face": "another", "person": null}\n{"face": \n')
    before = state(named.folder)
    code, told = verify(named, "--jsonl", log, "--jsonl", tmp_path / "none.jsonl")
    assert code == 1
    assert [(one["where"], one["sentence"]) for one in told["findings"][:2]] == [
        (f"{log}:4", "there is no face another"),
        (f"{log}:5", "it is not a line about a face"),
    ]
    assert "cannot be read" in told["findings"][2]["sentence"]
    assert {one["repaired"] for one in told["findings"]} == {False}
    assert state(named.folder) == before


# Another process


@pytest.fixture
def holder(named: Gallery) -> Iterator[int]:
    """The number of another process that writes to the result folder."""
    with held(named.folder) as number:
        yield number


def test_it_tells_while_another_process_runs_and_repairs_when_that_is_done(
    named: Gallery, holder: int, verify: Verify, command: Command
) -> None:
    half_written(named)
    assert verify(named, "--dry-run")[1]["findings"] == []  # that process may be writing it
    remove_picture(named)
    code, told = verify(named, "--dry-run")
    assert (code, [one["check"] for one in told["findings"]]) == (1, ["rows"])
    assert told["notes"][0].startswith("another process writes to")
    ended = command("verify", "--result", named.folder)
    assert (ended.code, ended.out) == (75, "")
    assert f"in use by process {holder}" in ended.err


@pytest.mark.usefixtures("holder")
def test_what_another_process_is_just_about_to_enter_is_no_damage(
    named: Gallery, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = named.copy(pictures_of(named)[0], "Joe")
    image = cv2.imread(str(there))
    cv2.imwrite(str(there.with_name("just written.png")), image[5:])
    there.unlink()
    stock = Check.stock

    def stock_then_done(self: Check) -> Stock:
        taken = stock(self)
        there.with_name("just written.png").unlink(missing_ok=True)
        return taken

    monkeypatch.setattr(Check, "stock", stock_then_done)
    assert verify(named, "--dry-run")[1]["findings"] == []


def test_a_folder_that_is_not_there_is_told_and_not_made(tmp_path: Path, command: Command) -> None:
    ended = command("verify", "--result", tmp_path / "none")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"face-classifier: there is no result folder {tmp_path / 'none'}; name one with --result\n"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "words",
    ["verify", "verify --dry-run", "rethink", "audit --apply", "suggest accept a b", "suggest reject a b", "reject x",
     "reencode --encoder sface"],
)  # fmt: skip
def test_of_a_folder_that_is_no_result_folder_none_is_made(
    photo_folder: Callable[..., Path], command: Command, words: str
) -> None:
    folder = photo_folder({"a/obama.jpg": "obama.jpg", "b/biden.jpg": "biden.jpg"})
    before = state(folder)
    ended = command(*words.split(), "--result", folder)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith(f"{folder} has no faces.sqlite, so it is not a result folder; name one with --result\n")
    assert state(folder) == before


def test_an_album_is_told_to_be_none(tmp_path: Path, command: Command) -> None:
    Manifest().save(Root(tmp_path))
    before = state(tmp_path)
    assert "is a sorted album, not a result folder" in command("verify", "--result", tmp_path).err
    assert state(tmp_path) == before


def test_what_is_left_alone_is_told_once(named: Gallery, command: Command) -> None:
    named.copy(pictures_of(named)[0], "Joe")
    no_pickle(named)
    ended = command("verify", "--result", named.folder)
    assert ended.err.count("is a copy of") == 1


def test_an_old_folder_without_a_table_gets_one(named: Gallery, verify: Verify) -> None:
    for path in named.folder.glob("faces.sqlite*"):
        path.unlink()
    code, told = verify(named)
    assert (code, {one["repaired"] for one in told["findings"]}) == (0, {True})
    assert len(named.labels()) == 3
    with Store(named.folder, writing=False) as store:
        looked = store.look(named.read_photo)
        assert [person for person, _ in looked.excluded] == ["Barack"]
