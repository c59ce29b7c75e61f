"""Tables of earlier versions are read as their own, before and after a newer program takes them over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from gallery.encodings.side_file import to_version_3
from gallery.reading.made_up import keep, unread
from gallery.reading.test_catalogue import contents

from face_classifier.gallery.reading.reader import Reader
from face_classifier.gallery.store import Store
from face_classifier.vision.sface import FORMER_SPACE, SCALE, SFaceEncoder

ADDED = "journal", "changes", "parted", "tracks", "planned", "expired"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ann has two faces, Ben one, and one is of nobody."""
    result = tmp_path / "result"
    with Store(result, writing=True) as store:
        store.look(unread)
        for number, person in enumerate(("Ann", "Ann", "Ben", None)):
            keep(store, number, person)
    return result


def to_version(folder: Path, version: int) -> None:
    """Give the table the form of an earlier version, which knew no journal."""
    to_version_3(folder)
    later = 3 - version
    with closing(sqlite3.connect(folder / "faces.sqlite")) as database:
        ((form,),) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'faces'").fetchall()
        columns = ", ".join(
            f'"{name}"' for _, name, *_ in database.execute("PRAGMA table_info(faces)").fetchall()[: -later or None]
        )
        for state in ("seen", "missing")[:later]:
            form = form.rpartition(",")[0].replace(f", '{state}'", "") + ")"
        drops = "; ".join(f"DROP TABLE {name}" for name in ADDED)
        database.executescript(
            f"ALTER TABLE faces RENAME TO newer; {form}; INSERT INTO faces SELECT {columns} FROM newer; "
            f"DROP TABLE newer; {drops}; PRAGMA journal_mode = DELETE; PRAGMA user_version = {version};"
        )


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_table_of_an_earlier_version_is_read_as_it_is_and_once_it_is_taken_over(folder: Path, version: int) -> None:
    with Reader(folder) as reader:
        today = contents(reader.now())
    to_version(folder, version)
    before = (folder / "faces.sqlite").read_bytes()
    with Reader(folder) as reader:
        assert reader.now().problem is None
        assert contents(reader.now()) == today
        assert (folder / "faces.sqlite").read_bytes() == before
        with Store(folder, writing=True) as store:
            store.look(unread)
            assert contents(reader.now()) == today
            store.words.rename("Ann", "Anna")
            store.look(unread)
            assert [person.name for person in reader.now().people] == ["Anna", "Ben"]
            assert reader.now().revision == 1
            assert reader.now().successor("Ann") == "Anna"


def test_encodings_of_the_former_scale_are_read_in_todays(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "faces.sqlite", isolation_level=None)) as database:
        database.execute("UPDATE faces SET space = ?", (SFaceEncoder.space,))
    with Reader(folder) as reader:
        today = reader.now().faces("Ann")
    to_version_3(folder)
    with closing(sqlite3.connect(folder / "faces.sqlite", isolation_level=None)) as database:
        database.create_function("unit", 1, lambda raw: (np.frombuffer(raw) / SCALE).tobytes())
        database.execute("UPDATE faces SET space = ?, encoding = unit(encoding)", (FORMER_SPACE,))
    with Reader(folder) as reader:
        read = reader.now().faces("Ann")
        assert np.allclose(read.encodings, today.encodings, atol=1e-6)
        with Store(folder, writing=True) as store:
            store.look(unread)
            assert np.allclose(reader.now().faces("Ann").encodings, today.encodings, atol=1e-6)


def test_encodings_by_another_encoder_are_read_anew(folder: Path) -> None:
    with Reader(folder) as reader, Store(folder, writing=True) as store:
        store.look(unread)
        before = reader.now().faces("Ann").encodings
        with store._inside.table.together():
            for row in store._inside.rows.all():
                row.space, row.encoding = "other", np.ones(128)
                store._inside.rows.update(row)
        after = reader.now().faces("Ann").encodings
    assert not np.allclose(before, after)
    assert np.allclose(after, 1.0)


def test_a_table_of_a_newer_version_is_told_in_a_sentence(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "faces.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
    with Reader(folder) as reader:
        catalogue = reader.now()
        assert catalogue.people == ()
        assert catalogue.problem is not None
        assert "was written by a newer version of this program" in catalogue.problem


@pytest.mark.parametrize(
    "statement",
    [
        *("time = 'noon'", "time = x'00'", "time = '2026-11-27T00:00:00'"),
        *("hash = 'none'", "hash = x'ff'", "quality = 'good'", "position = x'00'", "track = 'door'"),
    ],
)
def test_a_value_that_cannot_be_is_told_in_a_sentence(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "faces.sqlite", isolation_level=None)) as database:
        database.execute(f"UPDATE faces SET {statement} WHERE id = 1")
    with Reader(folder) as reader:
        catalogue = reader.now()
        assert catalogue.people == ()
        assert catalogue.problem is not None
        assert "cannot be used" in catalogue.problem
