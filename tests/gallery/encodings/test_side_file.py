"""The file of encodings beside the table: what is in it, and what becomes of faces where it does not fit."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Gallery, rows_of
from gallery.encodings.side_file import ROW, encoding_of, to_version_3, write_row

from face_classifier.core.types import Face, Sighting
from face_classifier.gallery.encodings.file import EncodingsFile
from face_classifier.gallery.store import Store
from face_classifier.vision.engine import Engine, make_engine

OBAMA, OBAMA_AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"
FILE = "encodings.f32"
Command = Callable[..., Ended]
KILLED = """
import os, sys
from pathlib import Path
from face_classifier.gallery.table import upgrade
from face_classifier.gallery.encodings.file import EncodingsFile
from face_classifier.gallery.store import Store
from face_classifier.vision.engine import Engine, make_engine
what = sys.argv[2]
if what == "write":
    calls, write = iter(range(9)), EncodingsFile.write
    EncodingsFile.write = lambda *given: write(*given) if next(calls) < 1 else os._exit(9)
else:
    setattr(EncodingsFile if what == "sync" else upgrade, what, lambda *given: os._exit(9))
Store(Path(sys.argv[1]), writing=True)
"""


@pytest.fixture
def stocked(gallery: Gallery) -> Gallery:
    """Barack with two faces, and one of nobody."""
    gallery.see(OBAMA, OBAMA_AGAIN, BIDEN)
    return gallery


def alike(faces: list[Sighting], others: list[Sighting]) -> bool:
    assert [(face.id, face.person) for face in faces] == [(face.id, face.person) for face in others]
    return all(np.array_equal(one.encoding, two.encoding) for one, two in zip(faces, others, strict=True))


def bytes_of(folder: Path) -> bytes:
    """All that the files of the folder itself hold."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def test_an_encoding_lies_there_once_and_the_table_has_its_checksum(stocked: Gallery) -> None:
    (stocked.folder / "face_encodings").unlink()
    held = bytes_of(stocked.folder)
    for face in stocked.look(writing=False):
        row = encoding_of(stocked.folder, face.id).astype("<f4").tobytes()
        assert face.encoding is not None
        np.testing.assert_array_equal(face.encoding.astype("<f4").tobytes(), row)
        assert held.count(row) == 1
        assert held.count(face.encoding.tobytes()) == 0
    with closing(sqlite3.connect(stocked.folder / "faces.sqlite")) as database:
        assert database.execute("SELECT DISTINCT typeof(encoding) FROM faces").fetchall() == [("integer",)]


@pytest.mark.parametrize("how", ["lost", "torn", "empty", "foreign", "no file of ours"])
def test_faces_whose_encodings_are_gone_are_encoded_anew(stocked: Gallery, how: str) -> None:
    before, path = stocked.look(), stocked.folder / FILE
    if how == "lost":
        path.unlink()
    elif how == "torn":
        os.truncate(path, 2 * ROW + 100)
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "foreign":
        path.write_bytes(path.read_bytes()[:100] + os.urandom(9 * ROW))
    else:
        path.write_bytes(b"my numbers")
    as_read = stocked.look(writing=False)
    assert [(face.id, face.person) for face in as_read] == [(face.id, face.person) for face in before]
    after = stocked.look()
    assert any("encoding" in problem and "the table" in problem for problem in stocked.problems), stocked.problems
    for face, former in zip(after, before, strict=True):
        assert np.linalg.norm(face.encoding - former.encoding) < 0.2
        assert face.person == former.person
    assert alike(stocked.look(), after)
    assert stocked.problems == []
    if how == "no file of ours":
        assert (stocked.folder / f"{FILE}.damaged").read_bytes() == b"my numbers"


def test_of_an_older_file_all_that_fits_is_taken(stocked: Gallery) -> None:
    before = stocked.look()
    older = (stocked.folder / FILE).read_bytes()
    stocked.see(BIDEN, OBAMA)
    (stocked.folder / FILE).write_bytes(older)
    after = stocked.look()
    assert len(after) > len(before)
    assert all(np.array_equal(one.encoding, two.encoding) for one, two in zip(after, before, strict=False))
    assert all(face.encoding is not None for face in after)


def test_who_is_missing_loses_an_encoding_that_is_gone_and_that_is_told(stocked: Gallery) -> None:
    with closing(sqlite3.connect(stocked.folder / "faces.sqlite", isolation_level=None)) as database:
        database.execute("UPDATE faces SET state = 'missing', missing = '2026-11-01T00:00:00+00:00' WHERE id = 1")
    (stocked.folder / FILE).unlink()
    with Store(stocked.folder, writing=True) as store:
        (told,) = store.problems()
    assert "but for 1 whose picture is missing" in told


@pytest.mark.parametrize("how", ["deleted", "forgotten"])
def test_of_a_face_that_goes_no_byte_is_left(stocked: Gallery, command: Command, how: str) -> None:
    face = next(face for face in stocked.look() if face.person is None)
    row = encoding_of(stocked.folder, face.id).astype("<f4").tobytes()
    (stocked.folder / "face_encodings").unlink()
    assert row in bytes_of(stocked.folder)
    if how == "deleted":
        stocked.picture("unknowns").unlink()
        stocked.look()
    else:
        ended = command("forget", face.face, "--result", stocked.folder)
        assert ended.code == 0, ended.err
    assert row not in bytes_of(stocked.folder)
    assert face.encoding is not None
    assert face.encoding.tobytes() not in bytes_of(stocked.folder)
    assert not encoding_of(stocked.folder, face.id).any()


def test_encodings_in_the_rows_of_one_another_are_encoded_anew(stocked: Gallery) -> None:
    before = stocked.look()
    one, other = (encoding_of(stocked.folder, face.id).astype("<f4").tobytes() for face in before[:2])
    write_row(stocked.folder, before[0].id, other)
    write_row(stocked.folder, before[1].id, one)
    after = stocked.look()
    assert any("of 2 faces" in problem for problem in stocked.problems), stocked.problems
    for face, former in zip(after, before, strict=True):
        assert np.linalg.norm(face.encoding - former.encoding) < 0.2


@pytest.mark.parametrize("value", ["'123456'", "x'313233'", "1.5", "-1", "9223372036854775807"])
def test_what_is_no_checksum_is_encoded_anew(stocked: Gallery, value: str) -> None:
    before = stocked.look()
    with closing(sqlite3.connect(stocked.folder / "faces.sqlite", isolation_level=None)) as database:
        database.execute(f"UPDATE faces SET encoding = {value} WHERE id = 1")
    after = stocked.look()
    assert any("of 1 face " in problem for problem in stocked.problems), stocked.problems
    assert [face.id for face in after] == [face.id for face in before]


def test_what_a_process_that_was_killed_left_there_is_erased(stocked: Gallery) -> None:
    stocked.look()
    row = np.full(128, 0.25, "<f4").tobytes()
    write_row(stocked.folder, 9, row)
    stocked.look()
    assert row not in (stocked.folder / FILE).read_bytes()


def test_a_transaction_that_is_taken_back_leaves_the_file_as_it_was(stocked: Gallery) -> None:
    before = (stocked.folder / FILE).read_bytes()
    with Store(stocked.folder, writing=True) as store:
        inside = store._inside
        (row, *_) = inside.rows.all()
        row.encoding = np.full(128, 0.25)

        def refuse() -> None:
            with inside.table.together():
                inside.rows.update(row)
                assert inside.rows.with_id(row.id).encoding is not None
                np.testing.assert_array_equal(inside.rows.with_id(row.id).encoding, row.encoding)
                inside.table.encodings.write()
                raise RuntimeError

        with pytest.raises(RuntimeError):
            refuse()
        assert not np.array_equal(inside.rows.with_id(row.id).encoding, row.encoding)
    assert (stocked.folder / FILE).read_bytes() == before


def test_the_file_is_durable_before_the_table(stocked: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync = EncodingsFile.sync
    monkeypatch.setattr(EncodingsFile, "sync", lambda file: (order.append("side file"), sync(file)))
    with Store(stocked.folder, writing=True) as store:
        inside = store._inside
        inside.table.database.set_trace_callback(order.append)
        (row, *_) = inside.rows.all()
        with inside.table.together():
            row.encoding = np.full(128, 0.25)
            inside.rows.update(row)
            row.encoding = np.full(128, 0.5)
            inside.rows.update(row)
        inside.table.database.set_trace_callback(None)
    assert order.count("side file") == 1
    assert order.index("COMMIT") == order.index("side file") + 1


def test_who_reads_sees_what_another_process_adds_and_replaces(stocked: Gallery, engine: Engine) -> None:
    dlib = make_engine("fast", None, 1.0, pytest.fail, "dlib")

    def by_dlib(path: Path, own_cut: bool) -> tuple[Face, bool]:
        return dlib.photo(cv2.imread(str(path)), own_cut=own_cut)

    with Store(stocked.folder, writing=True) as writer, Store(stocked.folder, writing=False) as reader:
        before = list(writer.look(stocked.read_photo).faces)
        assert alike(list(reader.look(stocked.read_photo).faces), before)
        for step in writer.prepare(dlib.made_by.space, by_dlib):
            step()
        writer.switch(dlib.made_by.space)
        assert min(np.linalg.norm(face.encoding) for face in reader.look(by_dlib).faces) > 1
        writer.switch(engine.made_by.space)
        assert alike(list(reader.look(stocked.read_photo).faces), before)
        assert alike(list(writer.look(stocked.read_photo).faces), before)


@pytest.mark.parametrize("where", ["write", "sync", "take_place"])
def test_a_table_that_held_them_itself_is_converted_whenever_it_is_killed(stocked: Gallery, where: str) -> None:
    today = stocked.look(writing=False)
    to_version_3(stocked.folder)
    files = {path.name: path.read_bytes() for path in stocked.folder.iterdir() if path.is_file()}
    assert alike(stocked.look(writing=False), today)
    assert files == {path.name: path.read_bytes() for path in stocked.folder.iterdir() if path.is_file()}
    assert subprocess.run([sys.executable, "-c", KILLED, stocked.folder, where], check=False).returncode == 9
    assert alike(stocked.look(writing=False), today)
    assert alike(stocked.look(), today)
    assert stocked.problems == []
    assert alike(stocked.look(writing=False), today)
    names = {path.name for path in stocked.folder.iterdir()}
    assert FILE in names
    assert f"{FILE}-next" not in names


def test_a_folder_can_be_copied_with_all_in_it(stocked: Gallery, tmp_path: Path) -> None:
    before = stocked.look()
    shutil.copytree(stocked.folder, tmp_path / "copy")
    stocked.folder = tmp_path / "copy"
    assert alike(stocked.look(), before)
    assert stocked.problems == []


def test_what_is_saved_of_a_damaged_table_finds_its_encodings(stocked: Gallery) -> None:
    before = {row.id: row.encoding for row in rows_of(stocked)}
    path = stocked.folder / "faces.sqlite"
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")  # of a page
    index = max(page for page in range(1, len(content) // size) if content[page * size] == 0x0A)
    content[index * size] ^= 0xFF  # what kind of page it is
    path.write_bytes(content)
    with Store(stocked.folder, writing=True) as store:
        store.check.mend()
        saved = {row.id: row.encoding for row in store._inside.rows.all()}
    assert saved.keys() == before.keys()
    assert all(np.array_equal(saved[face], before[face]) for face in before)


def test_a_link_in_its_place_is_refused(stocked: Gallery, tmp_path: Path) -> None:
    (stocked.folder / FILE).rename(tmp_path / "elsewhere")
    (stocked.folder / FILE).symlink_to(tmp_path / "elsewhere")
    content = (tmp_path / "elsewhere").read_bytes()
    with pytest.raises(Exception, match="link"):
        Store(stocked.folder, writing=True)
    assert (tmp_path / "elsewhere").read_bytes() == content


def test_a_file_that_loses_its_end_while_it_is_open_has_no_rows_there(tmp_path: Path) -> None:
    path, some = tmp_path / FILE, np.array([3, 200])
    file = EncodingsFile.begun(os.open(path, os.O_RDWR | os.O_CREAT), 1)
    for face in some:
        file.write(int(face), np.full(128, face, "<f4").tobytes())
    assert file.rows(some).any(axis=1).tolist() == [True, True]
    for rows, there in ((128, [True, False]), (0, [False, False])):
        os.truncate(path, rows * ROW)
        assert file.rows(some).any(axis=1).tolist() == there
    file.close()
