"""Result folders in which SFace's encodings have length 1, as earlier versions wrote them."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Gallery, Listener, rows_of
from gallery.encodings.side_file import to_version_3

from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Box, Detection, Face, Frame, Provenance, Sighting, as_stored
from face_classifier.curate.reencode import reencode
from face_classifier.gallery.derived.pickled import pickle_bytes, read_pickle
from face_classifier.gallery.opening import photo_reader
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import rescaled
from face_classifier.records import AnalysedFace
from face_classifier.records.plain import Origin, frame_from, plain_face
from face_classifier.vision.engine import Engine, make_engine
from face_classifier.vision.sface import FORMER_SPACE, SCALE, SFaceEncoder, is_sface

Command = Callable[..., Ended]
BLACK = np.zeros((27, 27, 3), np.uint8)
PLAIN = {"index": 0, "stream": 1, "position": 0.0, "tolerance": 0.0, "time": "2026-11-01T12:00:00+00:00", "scale": 1}
KILLED = """
import os, sys
from pathlib import Path
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import rescaled
calls, scaled = iter(range(9)), rescaled._scaled
rescaled._scaled = lambda stored: scaled(stored) if next(calls) < 2 else os._exit(9)
Store(Path(sys.argv[1]), writing=True)
"""


def as_before(folder: Path) -> None:
    """Give the encodings and distances of a result folder the form that earlier versions stored."""
    to_version_3(folder)
    with closing(sqlite3.connect(folder / "faces.sqlite", isolation_level=None)) as database:
        database.create_function("unit", 1, lambda raw: raw and (np.frombuffer(raw) / SCALE).tobytes())
        of_these = f"face IN (SELECT id FROM faces WHERE space = '{SFaceEncoder.space}')"
        database.execute(
            f"UPDATE changes SET distance = distance / {SCALE}, new_distance = new_distance / {SCALE} WHERE {of_these}"
        )
        for table in ("faces", "encodings"):
            database.execute(
                f"UPDATE {table} SET space = ?, encoding = unit(encoding), distance = distance / {SCALE} "
                "WHERE space = ?",
                (FORMER_SPACE, SFaceEncoder.space),
            )
    pickle = folder / "face_encodings"
    units = {
        name: encoding / SCALE for name, encoding in read_pickle(pickle.read_bytes()).items() if is_sface(encoding)
    }
    if units:
        pickle.write_bytes(pickle_bytes(units))


@pytest.fixture(scope="session")
def engine() -> Engine:
    """With dlib's encoder, from which galleries go over."""
    return make_engine("fast", None, 1.0, pytest.fail, "dlib")


@pytest.fixture(scope="module")
def by_sface(tmp_path_factory: pytest.TempPathFactory, engine: Engine, frame: Callable[..., Frame]) -> Path:
    """Faces of a clip by SFace, some of which the user named and corrected, with dlib's encodings of them beside."""
    gallery = Gallery(tmp_path_factory.mktemp("by_sface") / "result", engine, frame)
    gallery.see("obama.jpg", "biden.jpg", "obama2.jpg", "biden.jpg", "obama3.jpg", "biden.jpg")
    reencode(Settings(result=str(gallery.folder), encoder="sface"), threading.Event(), Listener())
    first, second = sorted(gallery.folder.glob("person_*"))
    first.rename(gallery.folder / "Barack")
    with closing(sqlite3.connect(gallery.folder / "faces.sqlite", isolation_level=None)) as database:
        database.execute("UPDATE faces SET distance = .3")  # reencoding knows none
    gallery.move(min(second.iterdir()), "Barack")
    min((gallery.folder / "Barack").iterdir()).unlink()
    gallery.look()
    return gallery.folder


@pytest.fixture
def former(gallery: Gallery, by_sface: Path) -> Gallery:
    """A copy of it, which is of today's scale until `as_before`."""
    shutil.copytree(by_sface, gallery.folder)
    return gallery


def assert_alike(faces: list[Sighting], others: list[Sighting]) -> None:
    assert [(face.id, face.face, face.person, face.corrected) for face in faces] == [
        (face.id, face.face, face.person, face.corrected) for face in others
    ]
    for face, other in zip(faces, others, strict=True):
        assert face.encoding is not None
        assert other.encoding is not None
        np.testing.assert_allclose(face.encoding, other.encoding, rtol=1e-12)
        assert face.distance == pytest.approx(other.distance)


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def distances_in_journal(folder: Path) -> list[float | None]:
    with Store(folder, writing=False) as store:
        changes = [change for entry in store.past.entries() for change in entry.changes]
    return [place.distance for change in changes for place in (change.before, change.after)]


def test_a_reader_sees_them_in_todays_scale_and_changes_nothing(former: Gallery, command: Command) -> None:
    today, journal = former.look(writing=False), distances_in_journal(former.folder)
    assert {face.distance for face in today} >= {0.3}
    as_before(former.folder)
    files = digest(former.folder)
    assert_alike(former.look(writing=False), today)
    assert distances_in_journal(former.folder) == pytest.approx(journal)
    with Store(former.folder, writing=False) as store:
        assert store.spaces() == {SFaceEncoder.space}
        assert store.check.faults() == []
    ended = command("verify", "--dry-run", "--result", former.folder)
    assert ended.code == 0, ended.out + ended.err
    assert digest(former.folder) == files


def test_the_first_writer_converts_all_of_it(former: Gallery, command: Command) -> None:
    today, journal = former.look(writing=False), distances_in_journal(former.folder)
    as_before(former.folder)
    assert_alike(former.look(), today)
    assert {row.space for row in rows_of(former)} == {SFaceEncoder.space}
    assert distances_in_journal(former.folder) == pytest.approx(journal)
    shown = read_pickle((former.folder / "face_encodings").read_bytes())
    assert all(map(is_sface, shown.values()))
    with closing(sqlite3.connect(former.folder / "faces.sqlite")) as database:
        assert not rescaled.has_former(database)
    assert command("verify", "--result", former.folder).code == 0


def test_encodings_that_wait_beside_those_of_dlib_are_converted_too(former: Gallery, command: Command) -> None:
    today = former.look(writing=False)
    assert command("reencode", "--encoder", "dlib", "--result", former.folder).code == 0
    as_before(former.folder)
    ended = command("reencode", "--encoder", "sface", "--result", former.folder)
    assert " 0 pictures were encoded" in ended.out
    assert_alike(former.look(writing=False), today)


def test_a_conversion_that_is_killed_leaves_all_as_it_was(former: Gallery) -> None:
    today = former.look(writing=False)
    as_before(former.folder)
    assert subprocess.run([sys.executable, "-c", KILLED, former.folder], check=False).returncode == 9
    with closing(sqlite3.connect(former.folder / "faces.sqlite")) as database:
        assert database.execute("SELECT DISTINCT space FROM faces WHERE space IS NOT NULL").fetchall() == [
            (FORMER_SPACE,)
        ]
    assert_alike(former.look(writing=False), today)
    assert_alike(former.look(), today)


def test_who_reads_meanwhile_sees_one_scale(former: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    today = former.look(writing=False)
    as_before(former.folder)
    scaled, seen = rescaled._scaled, list[list[Sighting]]()

    def look_too(stored: object) -> object:
        if not seen:
            seen.append([])
            seen.append(former.look(writing=False))
        return scaled(stored)

    with Store(former.folder, writing=False) as reader:
        assert_alike(list(reader.look(former.read_photo).faces), today)
        monkeypatch.setattr(rescaled, "_scaled", look_too)
        with Store(former.folder, writing=True):
            assert_alike(list(reader.look(former.read_photo).faces), today)
    assert_alike(seen[1], today)


def test_an_old_pickle_helps_out_where_no_face_is_found(gallery: Gallery, command: Command) -> None:
    gallery.see("obama.jpg", "biden.jpg")
    assert command("reencode", "--encoder", "sface", "--result", gallery.folder).code == 0
    (face, _) = gallery.look(writing=False)
    picture = gallery.folder / "A" / "grey.png"
    picture.parent.mkdir()
    cv2.imwrite(str(picture), np.full((90, 90, 3), 128, np.uint8))
    assert face.encoding is not None
    (gallery.folder / "face_encodings").write_bytes(pickle_bytes({picture.name: face.encoding / SCALE}))
    assert command("people", "--result", gallery.folder).code == 0
    with Store(gallery.folder, writing=True) as store:
        reader = photo_reader(Settings(encoder="sface"), pytest.fail)
        (grey,) = (one for one in store.look(reader).faces if one.person == "A")
    np.testing.assert_allclose(grey.encoding, face.encoding)


def test_a_record_of_an_earlier_version_is_read_in_todays_scale() -> None:
    unit = np.full(128, 128**-0.5)
    face = Face(Box(0, 9, 9, 0), unit, Provenance(FORMER_SPACE, "yunet", "yunet-5", "fp32"))
    picture = cv2.imencode(".png", BLACK)[1].tobytes()
    told = plain_face(AnalysedFace(Detection(face.box), 0, True, face, picture, discarded=False))
    analysed = frame_from(PLAIN | {"faces": [told]}, Origin("clip.mp4", None)).faces[0]
    assert analysed.face is not None
    assert analysed.face.made_by.space == SFaceEncoder.space
    np.testing.assert_allclose(analysed.face.encoding, SCALE * unit, atol=2.0**-24)


def test_what_is_saved_of_a_damaged_table_is_converted(former: Gallery) -> None:
    as_before(former.folder)
    path = former.folder / "faces.sqlite"
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")  # of a page
    last = max(page for page in range(1, len(content) // size) if b"clip" in content[page * size :][:size])
    content[last * size] ^= 0xFF  # what kind of page it is
    path.write_bytes(content)
    with Store(former.folder, writing=True) as store:
        store.check.mend()
        assert store.spaces() == {SFaceEncoder.space}
    assert (former.folder / "faces.sqlite.damaged").exists()


def test_numbers_of_earlier_versions_are_rounded_as_those_of_today(former: Gallery) -> None:
    to_version_3(former.folder)
    path = former.folder / "faces.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.create_function("more", 1, lambda raw: raw and (np.frombuffer(raw) + 1e-12).tobytes())
        database.execute("UPDATE faces SET encoding = more(encoding)")
    for face in (*former.look(writing=False), *former.look()):
        assert face.encoding is not None
        np.testing.assert_array_equal(as_stored(face.encoding), face.encoding)
