"""The table of tracks: what is written stays, what is forgotten goes, what is seen again is not written twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from gallery.test_journal import World
from servers.pages import settings_of

from face_classifier.gallery.passing.passages import passages_between
from face_classifier.gallery.passing.table import TrackRow, Tracks
from face_classifier.gallery.store import Store

NOON = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def row(number: int, first: float = 0.0, last: float = 5.0, **others: object) -> TrackRow:
    """A track of a camera at the door; ``first``, ``last``: seconds after noon."""
    times = NOON + timedelta(seconds=first), NOON + timedelta(seconds=last)
    return replace(TrackRow(number, "door", None, 1, *times, first, last, 9, None, None), **others)


@pytest.fixture
def tracks(tmp_path: Path) -> Iterator[Tracks]:
    with Store(tmp_path / "result", writing=True) as store:
        yield store.tracks


def test_what_is_written_is_read_by_another_process(tmp_path: Path) -> None:
    written = row(3, source="caf\udce9.mp4", fingerprint="clip", said="김철수", zones=("porch", "ä\N{ROCKET}"))
    with Store(tmp_path / "result", writing=True) as store:
        store.tracks.write([written])
        with Store(tmp_path / "result", writing=False) as reader:
            assert list(reader.tracks.all()) == [written]


def test_a_folder_of_before_has_none(tmp_path: Path) -> None:
    World(tmp_path / "result").run((1, 1))
    with closing(sqlite3.connect(tmp_path / "result" / "faces.sqlite")) as table:
        table.execute("DROP TABLE tracks")
    with Store(tmp_path / "result", writing=False) as reader:
        assert list(reader.tracks.all()) == []


def test_a_track_goes_on_in_its_row(tracks: Tracks) -> None:
    tracks.write([row(1, said="Bob")])
    later = row(1, last=9.0, frames=20, said="Ann", best=7, zones=("porch",))
    tracks.write([], [later])
    assert list(tracks.all()) == [later]


def test_a_file_that_is_run_again_changes_nothing_but_what_was_not_seen(tracks: Tracks) -> None:
    whole = row(1, 2.0, 8.0, fingerprint="clip", said="Ann", best=7)
    tracks.write([whole])
    tracks.write([replace(whole, session=2, said="Bob", best=8, frames=3)])
    tracks.write([], [replace(whole, session=2, said="Bob", best=8, frames=5)])
    assert list(tracks.all()) == [whole]
    tracks.write([row(1, 1.0, 9.0, fingerprint="clip", session=3, frames=12, said="Bob")])
    assert list(tracks.all()) == [replace(row(1, 1.0, 9.0), fingerprint="clip", said="Ann", best=7, frames=12)]


def test_sessions_have_numbers_of_their_own_after_a_restart(tmp_path: Path) -> None:
    with Store(tmp_path / "result", writing=True) as store:
        numbers = [store.tracks.new_session(), store.tracks.new_session()]
        store.tracks.write([row(1, session=numbers[1])])
    with Store(tmp_path / "result", writing=True) as store:
        assert store.tracks.new_session() not in numbers


def test_the_number_of_a_track_without_a_face_is_not_given_again(tmp_path: Path) -> None:
    with Store(tmp_path / "result", writing=True) as store:
        store.tracks.write([row(41)])
        assert store.first_track() == 42


def test_the_number_of_a_track_that_was_removed_is_not_given_again(tmp_path: Path) -> None:
    with Store(tmp_path / "result", writing=True) as store:
        store.tracks.write([row(41)])
        store.tracks.remove_tracks(NOON + timedelta(hours=1))
    with Store(tmp_path / "result", writing=True) as store:
        assert store.first_track() == 42


def test_old_tracks_are_removed_of_one_camera_or_of_all_but_not_of_files(tracks: Tracks) -> None:
    tracks.write([row(1), row(2, source="yard"), row(3, 50.0, 70.0), row(4, fingerprint="clip")])
    before = NOON + timedelta(minutes=1)
    assert tracks.remove_tracks(before, "door") == 1
    assert [one.number for one in tracks.all()] == [2, 3, 4]
    assert tracks.remove_tracks(before) == 1
    assert [one.number for one in tracks.all()] == [3, 4]


def test_outages_of_a_camera_have_a_begin_and_an_end_whatever_is_said_twice(tracks: Tracks) -> None:
    times = [NOON + timedelta(minutes=minute) for minute in range(6)]
    tracks.note_camera("door", times[0], lost=False)
    tracks.note_camera("door", times[1], lost=True)
    tracks.note_camera("door", times[2], lost=True)
    tracks.note_camera("yard", times[2], lost=True)
    tracks.note_camera("door", times[3], lost=False)
    tracks.note_camera("door", times[4], lost=False)
    assert tracks.outages() == [("door", times[1], times[3]), ("yard", times[2], None)]
    tracks.remove_tracks(times[5], "yard")
    assert len(tracks.outages()) == 2
    tracks.remove_tracks(times[5], "door")
    assert tracks.outages() == [("yard", times[2], None)]


def test_no_outage_ends_before_it_began_though_the_clock_was_set_back(tracks: Tracks) -> None:
    tracks.note_camera("door", NOON, lost=True)
    tracks.note_camera("door", NOON - timedelta(hours=1), lost=False)
    assert tracks.outages() == [("door", NOON, NOON)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two people with two faces each, then an unknown face; the rows of their tracks, which are 1 to 5."""
    world = World(tmp_path / "result")
    world.run((1, 1), (2, 1), (1, 2), (2, 2), (3, 1))
    world.rename("person_01", "Ann")
    world.start()
    with closing(sqlite3.connect(world.folder / "faces.sqlite", isolation_level=None)) as table:
        table.execute("UPDATE faces SET track = id")
    with Store(world.folder, writing=True) as store:
        store.tracks.write(
            [row(number, best=number, said="Ann" if number in (3, 4) else None) for number in range(1, 6)]
        )
    return world


def rows_in(world: World) -> dict[int, str | None]:
    """By number what was said of each track."""
    with Store(world.folder, writing=False) as store:
        return {one.number: one.said for one in store.tracks.all()}


def test_only_tracks_of_nobody_are_removed_where_that_is_asked(world: World) -> None:
    with Store(world.folder, writing=True) as store:
        assert store.tracks.remove_tracks(NOON + timedelta(hours=1), unknown_only=True) == 1
    assert list(rows_in(world)) == [1, 2, 3, 4]


def test_a_person_who_is_forgotten_has_passed_nowhere(world: World) -> None:
    world.forget("Ann")
    assert rows_in(world) == {2: None, 4: None, 5: None}
    left = b"".join(path.read_bytes() for path in world.folder.rglob("*") if path.is_file())
    assert b"Ann" not in left


def test_what_a_run_still_knows_of_who_was_forgotten_is_not_written_again(world: World) -> None:
    world.forget("Ann")
    with Store(world.folder, writing=True) as store:
        store.tracks.write([], [row(1, last=60.0, said="Ann")])
    assert 1 not in rows_in(world)


def test_a_forgotten_name_is_not_written_again_by_a_run_that_only_goes_on(world: World) -> None:
    world.forget("Ann")
    with Store(world.folder, writing=True) as store:
        store.tracks.write([], [row(4, last=60.0, said="Ann")], said=())
    assert rows_in(world)[4] is None


def test_a_track_that_keeps_another_face_stays_when_one_is_forgotten(world: World) -> None:
    with closing(sqlite3.connect(world.folder / "faces.sqlite", isolation_level=None)) as table:
        table.execute("UPDATE faces SET track = 1 WHERE id = 3")
    face = next(path for path in world.pictures("Ann"))
    world.forget(face.stem)
    assert 1 in rows_in(world)
    with Store(world.folder, writing=False) as store:
        assert next(store.tracks.all()).best is None


@pytest.mark.parametrize("kept", ["photos", "tracks without rows"])
def test_a_day_without_rows_of_tracks_is_what_all_days_have_of_it(result: Path, kept: str) -> None:
    settings = settings_of(result)
    begin = datetime(2026, 11, 10, tzinfo=timezone.utc)
    with closing(sqlite3.connect(result / "faces.sqlite")) as table, table:
        table.execute("DELETE FROM tracks")
        if kept == "photos":
            table.execute("UPDATE faces SET track = NULL")
        for (face,) in table.execute("SELECT id FROM faces WHERE state = 'kept'").fetchall():
            time = begin + timedelta(hours=face)
            stored = time.isoformat() if face % 2 else time.isoformat(timespec="microseconds")
            table.execute("UPDATE faces SET time = ? WHERE id = ?", (stored, face))
    whole = passages_between(settings)
    ends = {passage.first for passage in whole} | {passage.last for passage in whole}
    assert len(ends) > 1
    for first in ends:
        last = first + timedelta(hours=5)
        expected = [passage for passage in whole if passage.last >= first and passage.first < last]
        assert expected
        assert passages_between(settings, first, last) == expected


def test_a_row_that_cannot_be_so_is_told_and_mended(world: World) -> None:
    with closing(sqlite3.connect(world.folder / "faces.sqlite", isolation_level=None)) as table:
        table.execute("UPDATE tracks SET last = 'soon' WHERE number = 2")
        table.execute("UPDATE tracks SET zones = '{}' WHERE number = 3")
        table.execute("UPDATE tracks SET said = '../etc' WHERE number = 4")
    with Store(world.folder, writing=True) as store:
        assert len(store.check.faults()) == 3
        store.check.mend()
    assert list(rows_in(world)) == [1, 5]
