"""Forgetting a person or a face: nothing of them is left in the folder, and they do not come back."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import killed_at_every_line
from gallery.test_journal import World, encoding_of

from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.gallery.past import back, forget, journal
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import Row, Rows, Table

FIRST_CLIP = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Zebedee (once Aloysius) with three faces, Bea with two, an unknown face, and a past in which they were mixed."""
    world = World(tmp_path / "result")
    world.run(*FIRST_CLIP)
    world.rename("person_01", "Aloysius")
    world.rename("person_02", "Bea")
    world.start()
    world.rename("Aloysius", "Zebedee")
    world.start()
    bea = world.move(world.pictures("Bea")[0], "Zebedee")
    world.start()
    world.move(bea, "Bea")
    world.start()
    world.reject(world.move(world.pictures(UNKNOWNS)[0], "Zebedee"))
    world.run((3, 5), clip="later")
    world.start()
    return world


def rows_in(folder: Path) -> list[Row]:
    with Root(folder) as root, closing(Table(root, "faces.sqlite", writing=False)) as table:
        return Rows(table).all()


def traces_of(folder: Path, rows: list[Row], names: tuple[str, ...]) -> list[str]:
    """What the bytes of the files in a folder, and their names, still tell of faces and people."""
    needles = {name: name.encode() for name in names}
    for row in rows:
        needles |= {f"name {row.face}": row.face.encode(), f"hash of {row.face}": row.hash.encode()}
        assert row.encoding is not None
        needles[f"encoding of {row.face}"] = row.encoding[:4].tobytes()
    found = []
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found += [f"{what} in {path.name}" for what, needle in needles.items() if needle in content]
        found += [f"{name} in the name of {path}" for name in names if name in str(path.relative_to(folder))]
    return found


def zebedees(folder: Path) -> list[Row]:
    return [row for row in rows_in(folder) if row.folder == "Zebedee"]


def test_nothing_of_a_person_is_left_in_any_file(world: World) -> None:
    rows = zebedees(world.folder)
    pictures = [path.read_bytes() for path in world.pictures("Zebedee")]
    assert len(traces_of(world.folder, rows, ("Zebedee", "Aloysius"))) > 10
    answer = world.forget("Zebedee")
    assert answer == {"faces": 3, "captures": 0, "pixelated": 0, "lines": 0, "records": 0, "left": []}
    assert traces_of(world.folder, rows, ("Zebedee", "Aloysius")) == []
    left = b"".join(path.read_bytes() for path in world.folder.rglob("*") if path.is_file())
    assert not any(picture[40:90] in left for picture in pictures)
    assert set(pickle.loads((world.folder / "face_encodings").read_bytes())) == {
        path.name for person in ("Bea", UNKNOWNS) for path in world.pictures(person)
    }


def test_the_encodings_of_another_encoder_go_too(world: World) -> None:
    rows = zebedees(world.folder)
    other = encoding_of(90, 1).tobytes()
    with closing(sqlite3.connect(world.folder / "faces.sqlite", isolation_level=None)) as database:
        for row in rows:
            database.execute(
                "INSERT INTO encodings (face, space, hash, encoding) VALUES (?, 'other', ?, ?)",
                (row.id, row.hash, other),
            )
    world.forget("Zebedee")
    assert not any(other[:32] in path.read_bytes() for path in world.folder.rglob("*") if path.is_file())


def test_a_rerun_does_not_bring_them_back(world: World) -> None:
    world.forget("Zebedee")
    before = world.labels()
    world.run(*FIRST_CLIP)
    assert world.labels() == before
    assert sorted(before.values(), key=str) == ["Bea", "Bea", None]


def test_a_tombstone_is_fingerprint_position_and_box(world: World) -> None:
    rows = {row.id: row for row in zebedees(world.folder)}
    world.forget("Zebedee")
    stones = [row for row in rows_in(world.folder) if row.id in rows]
    assert all(forget.is_tombstone(stone) for stone in stones)
    assert [(one.fingerprint, one.position, one.box) for one in stones] == [
        (one.fingerprint, one.position, one.box) for one in rows.values()
    ]
    assert all((one.time, one.source, one.encoding, one.face) == (None, None, None, "") for one in stones)


def test_forgetting_wins_over_undo(world: World) -> None:
    rows = zebedees(world.folder)
    world.forget("Zebedee")
    forgetting = world.entries()[-1].number
    assert forgetting not in world.undo(to=0)["taken_back"]
    assert [entry.undone for entry in world.entries() if entry.number == forgetting] == [None]
    assert set(world.labels().values()) == {None, "person_02"}
    assert traces_of(world.folder, rows, ("Zebedee", "Aloysius")) == []


def test_where_somebody_was_forgotten_and_no_more_there_is_nothing_to_take_back(world: World) -> None:
    latest = world.entries()[-1].number
    world.forget("Zebedee")
    with pytest.raises(UserError, match=f"only forgetting was done, which stays after entry {latest}"):
        world.undo(to=latest)


def test_one_face_is_forgotten_alone(world: World) -> None:
    chosen, *others = zebedees(world.folder)
    answer = world.forget(str(world.folder / "Zebedee" / chosen.file))
    assert answer["faces"] == 1
    assert traces_of(world.folder, [chosen], ()) == []
    assert [row.id for row in zebedees(world.folder)] == [row.id for row in others]
    world.run(*FIRST_CLIP)
    assert len(world.pictures("Zebedee")) == 2


def test_what_the_user_deleted_of_a_person_is_forgotten_too(world: World) -> None:
    rows = zebedees(world.folder)
    world.pictures("Zebedee")[0].unlink()
    world.start()
    assert world.forget("Zebedee")["faces"] == 3
    assert traces_of(world.folder, rows, ("Zebedee",)) == []


def test_copies_of_the_pictures_go_with_them(world: World) -> None:
    content = world.pictures("Zebedee")[0].read_bytes()
    (world.folder / "Bea" / "a copy.png").write_bytes(content)
    world.forget("Zebedee")
    assert not (world.folder / "Bea" / "a copy.png").exists()
    assert len(world.pictures("Bea")) == 2


def test_who_is_not_that_person_stays_excluded_without_the_name(world: World) -> None:
    assert len(world.pictures(f"{EXCLUDED}/Zebedee")) == 1
    world.forget("Zebedee")
    assert len(world.pictures(f"{EXCLUDED}/{UNKNOWNS}")) == 1
    assert not (world.folder / EXCLUDED / "Zebedee").exists()
    world.start()
    assert "file manager" not in world.doors()[-1]


def test_other_things_in_the_folder_are_left_and_told(world: World) -> None:
    (world.folder / "Zebedee" / "notes.txt").write_text("a text of the user's")
    (told,) = world.forget("Zebedee")["left"]
    assert "holds more than known pictures" in told
    assert (world.folder / "Zebedee" / "notes.txt").exists()
    assert world.pictures("Zebedee") == []


def test_a_table_that_was_set_aside_is_told(world: World) -> None:
    (world.folder / "faces.sqlite.damaged").write_bytes(b"Zebedee")
    (told,) = world.forget("Zebedee")["left"]
    assert "faces.sqlite.damaged is damaged" in told


def test_a_reader_that_keeps_the_table_open_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget, "_WAITED", 0.1)
    table = world.folder / "faces.sqlite"
    with closing(sqlite3.connect(table, isolation_level=None)) as reader, Store(world.folder, writing=True) as store:
        world.look(store)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM faces").fetchone()
        assert store.past.compact() != []
        reader.execute("COMMIT")
        assert store.past.compact() == []


@pytest.mark.parametrize("what", ["Nobody", UNKNOWNS, EXCLUDED, ""])
def test_who_is_not_there_cannot_be_forgotten(world: World, what: str) -> None:
    before = world.labels()
    with pytest.raises(UserError, match=r"nobody|called"):
        world.forget(what)
    assert world.labels() == before


def test_the_log_tells_that_somebody_was_forgotten_but_not_whom(world: World) -> None:
    world.forget("Zebedee")
    entry = world.entries()[-1]
    assert (entry.door, entry.what, entry.changes) == ("command forget", "forgets 3 faces", ())


def test_killed_anywhere_the_next_look_or_the_same_command_finishes(world: World, tmp_path: Path) -> None:
    rows = zebedees(world.folder)
    copies = killed_at_every_line(
        world.folder, [forget, back, journal], tmp_path / "copies", lambda: world.forget("Zebedee")
    )
    assert len(copies) > 6
    for copy in copies:
        killed = World(copy)
        killed.start()
        if zebedees(copy):  # nothing was done yet
            assert len(killed.pictures("Zebedee")) == 3
            killed.forget("Zebedee")
        with Store(copy, writing=True) as store:
            store.past.compact()
        assert traces_of(copy, rows, ("Zebedee", "Aloysius")) == [], copy
        assert sorted(killed.labels().values(), key=str) == ["Bea", "Bea", None]
