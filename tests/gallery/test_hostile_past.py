"""Tables of decisions that somebody else has written into: one sentence, nothing moves, and what is sound stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from gallery.test_forget import FIRST_CLIP, rows_in, traces_of, zebedees
from gallery.test_journal import World

from face_classifier.core.errors import UserError
from face_classifier.gallery.past import forget
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.store import Store

_PLANNED = "INSERT INTO planned (face, entry, kind, folder, state, pinned) VALUES"
PAST = {  # what undo and the log read
    "folder": "UPDATE changes SET folder = 'unknowns/z'",
    "new folder": "UPDATE changes SET new_folder = '..'",
    "folder of bytes": "UPDATE changes SET folder = x'ff00'",
    "placed": "UPDATE changes SET placed = '../x'",
    "state": "UPDATE changes SET state = 'stolen'",
    "distance": "UPDATE changes SET distance = 'far'",
    "text that is none": "UPDATE changes SET folder = CAST(x'ff' AS TEXT)",
    "door": "UPDATE journal SET door = x'00'",
    "time": "UPDATE journal SET time = x'00'",
    "time without a zone": "UPDATE journal SET time = '2024-05-06'",
    "taken back": "UPDATE journal SET undone = 'never'",
    "pair": "INSERT INTO parted VALUES (1, 'a', 2, 1)",
}
PRESENT = {  # what a look reads
    "name to be forgotten": "INSERT INTO forgetting VALUES (0, '../out')",
    "bytes to be forgotten": "INSERT INTO forgetting VALUES (0, x'2e2e')",
    "face to be forgotten": "INSERT INTO forgetting VALUES ('x', '')",
    "planned folder": f"{_PLANNED} (1, 1, 'move', '../out', 'kept', 0)",
    "planned kind": f"{_PLANNED} (1, 1, x'00', 'Bea', 'kept', 0)",
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Zebedee and Bea, of whom Bea was renamed last."""
    world = World(tmp_path / "result")
    world.run(*FIRST_CLIP)
    world.rename("person_01", "Zebedee")
    world.start()
    world.rename("person_02", "Bea")
    world.start()
    return world


def write(world: World, statement: str) -> None:
    with closing(sqlite3.connect(world.folder / "faces.sqlite", isolation_level=None)) as database:
        database.execute(statement)


def pictures(world: World) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(world.folder.parent.rglob("*.png"))}


def mend(world: World) -> None:
    with Store(world.folder, writing=True) as store:
        assert store.check.faults() != []
        store.check.mend()
        assert store.check.faults() == []
        assert not list(world.folder.glob("*.damaged"))


@pytest.mark.parametrize("what", PAST)
def test_a_hostile_journal_is_one_sentence_and_is_mended(world: World, what: str) -> None:
    before, labels = pictures(world), world.labels()
    write(world, PAST[what])
    for ask in (world.undo, world.entries):
        with pytest.raises(UserError, match="cannot be used"):
            ask()
    assert pictures(world) == before
    world.start()  # which asks for nothing of the past
    mend(world)
    world.entries()
    assert (pictures(world), world.labels()) == (before, labels)


@pytest.mark.parametrize("what", PRESENT)
def test_hostile_plans_are_one_sentence_and_are_mended(world: World, what: str) -> None:
    before, labels = pictures(world), world.labels()
    write(world, PRESENT[what])
    with pytest.raises(UserError, match="cannot be used"):
        world.start()
    assert pictures(world) == before
    mend(world)
    assert (pictures(world), world.labels()) == (before, labels)
    assert world.undo()["faces"] == 2


def test_what_is_sound_in_the_journal_outlives_the_mending(world: World) -> None:
    last = world.entries()[-1].number
    write(world, f"UPDATE changes SET folder = '..' WHERE entry = {last}")
    mend(world)
    world.undo()
    assert set(world.labels().values()) == {None, "person_01", "Bea"}


def test_a_forgetting_that_was_killed_outlives_a_damaged_table(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = zebedees(world.folder)
    with monkeypatch.context() as killing:
        killing.setattr(forget, "finish", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with Store(world.folder, writing=True) as store, store.past.entry("command forget"):
            with pytest.raises(KeyboardInterrupt):
                store.past.forget(store.past.to_forget("Zebedee", Path("Zebedee")))
            write(world, f"{_PLANNED} (1, 1, 'move', '{UNKNOWNS}', 'kept', 0)")
    damage_an_index(world.folder / "faces.sqlite")
    with Store(world.folder, writing=True) as store:
        store.check.mend()
        assert list(store.past.entries()) != []
    assert (world.folder / "faces.sqlite.damaged").exists()
    with closing(sqlite3.connect(world.folder / "faces.sqlite")) as database:
        assert database.execute("SELECT face, folder FROM planned").fetchall() == [(1, UNKNOWNS)]
    world.start()
    (world.folder / "faces.sqlite.damaged").unlink()
    with Store(world.folder, writing=True) as store:
        store.past.compact()
    assert traces_of(world.folder, rows, ("Zebedee",)) == []
    assert all(forget.is_tombstone(row) for row in rows_in(world.folder) if row.id in {row.id for row in rows})


def damage_an_index(path: Path) -> None:
    """Break the page of the index of faces by their stems: no table is lost, and the file cannot be used."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((page,),) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'faces_face'")
        ((size,),) = database.execute("PRAGMA page_size")
    content = bytearray(path.read_bytes())
    content[(page - 1) * size] ^= 0xFF  # what kind of page it is
    path.write_bytes(content)
