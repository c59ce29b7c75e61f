"""What passes a camera: its tracks in the table, and who is told when."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from conftest import Watcher
from gallery.test_journal import BOX, World, encoding_of, picture_of

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.types import Face, Frame, Match, Provenance
from face_classifier.events import passing as passing_module
from face_classifier.events import telling
from face_classifier.events.event import Event
from face_classifier.events.observation import Observation
from face_classifier.events.passing import Passing
from face_classifier.events.telling import Rules
from face_classifier.events.visits import visits
from face_classifier.gallery.passing.passages import passages_of
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.store import Store

NOON = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
PNG = png_bytes(picture_of(1, 1))


def one(track: int | None, person: str | None = None, followed: int = 1, **others: object) -> Observation:
    plain = Observation(followed, track, person, False, None, None, 0.5, None, BOX)
    return replace(plain, **others)


class Camera:
    """A live source of a gallery, or a file, and what was told of it."""

    def __init__(self, store: Store, opened: datetime = NOON, *, fingerprint: str | None = None) -> None:
        self.told: list[Event] = []
        self.slept = 0.0
        self._store, self._opened, self._fingerprint = store, opened, fingerprint
        numbers = count(1000)
        self.passing = Passing(
            store,
            lambda: next(numbers),
            Rules(30, 2, set(store.people())),
            tell=None if fingerprint else self.told.append,
            slept=lambda: self.slept,
        )

    def see(self, position: float, *observed: Observation) -> None:
        time = self._opened + timedelta(seconds=position)
        image = np.zeros((30, 30, 3), np.uint8)
        frame = Frame(image, "door", self._fingerprint, None, position, 0.02, time, arrived=position)
        self.passing.observe(frame, observed)

    def watch(self, first: float, last: float, *observed: Observation) -> None:
        """Show the same twice a second."""
        for number in range(round((last - first) * 2) + 1):
            self.see(first + number / 2, *observed)

    def rows(self) -> list[TrackRow]:
        self.passing.flush()
        return list(self._store.tracks.all())

    def spans(self) -> list[tuple[int, float, float, int]]:
        """Number, first and last position, and frames of each track."""
        return [(row.number, row.first_position, row.last_position, row.frames) for row in self.rows()]

    def words(self) -> list[tuple[str, str | None]]:
        return [(event.kind, event.person) for event in self.told]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "result", writing=True) as store:
        yield store


@pytest.fixture
def camera(store: Store) -> Camera:
    return Camera(store)


# Tracks


def test_a_track_counts_every_frame_in_which_it_was_followed(camera: Camera) -> None:
    camera.see(1.0, one(None))  # not good enough to be encoded
    camera.see(1.5, one(7, "Ann"))
    camera.see(2.0, one(7, "Ann"))
    camera.see(2.5, one(None))  # in doubt, to its end
    camera.see(3.0)
    assert camera.spans() == [(7, 1.0, 2.5, 3)]
    camera.passing.end()
    assert camera.spans() == [(7, 1.0, 2.5, 4)]
    assert camera.rows()[0].first == NOON + timedelta(seconds=1)


def test_a_doubt_that_was_the_same_face_is_part_of_the_track(camera: Camera) -> None:
    for position, track in enumerate([7, None, None, 7]):
        camera.see(position, one(track))
    assert camera.spans() == [(7, 0, 3, 4)]


def test_a_doubt_that_was_somebody_else_is_part_of_theirs(camera: Camera) -> None:
    for position, track in enumerate([7, 7, None, None, 8, 8]):
        camera.see(position / 2, one(track))
    assert camera.spans() == [(7, 0, 0.5, 2), (8, 1, 2.5, 4)]


def test_who_was_never_encoded_has_no_track(camera: Camera) -> None:
    camera.watch(0, 5, one(None))
    camera.passing.end()
    assert camera.rows() == []


def test_what_was_seen_a_second_ago_is_in_the_table_though_the_program_is_killed(
    camera: Camera, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = passing_module.monotonic()
    camera.see(0, one(7))
    assert not camera.passing.is_due
    monkeypatch.setattr(passing_module, "monotonic", lambda: now + 1.1)
    assert camera.passing.is_due
    camera.passing.flush()
    assert not camera.passing.is_due
    assert len(list(store.tracks.all())) == 1


def test_the_best_face_and_the_zones_are_remembered(store: Store) -> None:
    tracks = Camera(store)
    tracks.passing._zones_of = lambda box, frame: ("porch",) if frame.position < 2 else ("porch", "street")
    tracks.see(0, one(7, face=3, quality=0.4, picture=PNG))
    tracks.see(1, one(7, face=4, quality=0.9, picture=PNG))
    tracks.see(2, one(7, face=5, quality=0.6, picture=PNG))
    tracks.see(3, one(7, face=5, quality=0.95))  # only followed: no picture of this view was kept
    assert [(row.best, row.zones) for row in tracks.rows()] == [(4, ("porch", "street"))]


def test_a_machine_that_slept_neither_makes_a_track_longer_nor_a_visit(camera: Camera) -> None:
    camera.watch(0, 5, one(7, "Ann"))
    camera.slept = 8 * 3600.0
    camera.watch(5.5, 6, one(7, "Ann"))
    assert camera.spans() == [(7, 0, 5, 11), (1000, 5.5 + 8 * 3600, 6 + 8 * 3600, 2)]
    assert camera.words() == [("person", "Ann")] * 2


def test_another_stream_of_a_file_begins_with_nobody_followed(store: Store) -> None:
    file = Camera(store, fingerprint="clip")
    file.watch(0, 5, one(7))
    file.see(5.5, one(None))
    file.see(0, one(8))
    assert file.spans() == [(7, 0, 5.5, 12), (8, 0, 0, 1)]


def test_a_file_tells_nobody(store: Store) -> None:
    file = Camera(store, fingerprint="clip")
    file.watch(0, 5, one(7, "Ann"))
    assert file.told == []
    assert [row.said for row in file.rows()] == ["Ann"]


def test_a_name_is_written_when_it_is_said_and_not_again(camera: Camera, store: Store, tmp_path: Path) -> None:
    camera.watch(0, 1, one(7, "Ann"))
    camera.passing.flush()
    with closing(sqlite3.connect(tmp_path / "result" / "faces.sqlite", isolation_level=None)) as table:
        table.execute("UPDATE tracks SET said = NULL")  # as `forget` leaves it
    camera.watch(1.5, 3, one(7))
    assert [row.said for row in camera.rows()] == [None]
    camera.see(3.5, one(7, "Bea"))
    assert [row.said for row in camera.rows()] == ["Bea"]


def test_who_is_forgotten_while_in_view_is_seen_anew(camera: Camera, store: Store) -> None:
    camera.watch(0, 5, one(7, "Ann"), one(8, "Bob", followed=2))
    camera.see(5.5, one(None), one(8, "Bob", followed=2))
    camera.passing.flush()
    assert camera.passing.let_forgotten_go() == set()
    with store.tracks._table.together():
        store.tracks._table.execute("DELETE FROM tracks WHERE number = 7")
    assert camera.passing.let_forgotten_go() == {7}
    camera.watch(6, 8, one(9), one(8, "Bob", followed=2))
    assert camera.spans() == [(8, 0, 8, 17), (9, 6, 8, 5)]
    assert [row.said for row in camera.rows()] == ["Bob", None]


# Events


def test_a_person_is_told_once_a_visit_at_the_frame_that_decides_it(camera: Camera) -> None:
    camera.see(1, one(None))
    camera.see(1.5, one(7))
    camera.see(2, one(7, "Ann", face=3, face_name="face", distance=0.3, picture=PNG))
    camera.watch(2.5, 10, one(7, "Ann"))
    camera.see(20)
    camera.watch(35, 40, one(8, "Ann", followed=2))
    (event,) = camera.told
    assert (event.kind, event.person, event.named, event.track, event.visit) == ("person", "Ann", True, 7, 7)
    assert (event.time, event.first) == (NOON + timedelta(seconds=2), NOON + timedelta(seconds=1))
    assert (event.decided, event.face, event.face_name, event.distance) == (2, 3, "face", 0.3)
    assert (event.camera, event.text) == ("door", "Ann at door")
    assert event.picture is not None
    assert event.picture[:3] == b"\xff\xd8\xff"
    camera.watch(71, 72, one(9, "Ann", followed=3))
    assert [(event.kind, event.visit) for event in camera.told] == [("person", 7), ("person", 9)]
    assert len({event.id for event in camera.told}) == 2


def test_somebody_new_is_told_as_new_and_later_as_known(camera: Camera) -> None:
    camera.see(0, one(7))
    camera.see(0.5, one(7, "person_01", new_person=True))
    camera.watch(1, 3, one(7, "person_01"))
    camera.see(50, one(8, "person_01", followed=2))
    assert camera.words() == [("new_person", "person_01"), ("person", "person_01")]
    assert [event.named for event in camera.told] == [False, False]


def test_somebody_who_stays_unknown_is_told_once(camera: Camera) -> None:
    camera.watch(0, 1.5, one(7, picture=PNG))
    assert camera.told == []
    camera.watch(2, 9, one(7))
    camera.see(20)
    (event,) = camera.told
    assert (event.kind, event.person, event.time) == ("unknown", None, NOON + timedelta(seconds=2))
    assert event.picture


def test_who_goes_unknown_is_told_then_and_who_becomes_somebody_is_not(camera: Camera) -> None:
    camera.see(0, one(7), one(8, followed=2))
    camera.see(0.5, one(7, "Ann"))
    camera.see(2)
    assert camera.words() == [("person", "Ann")]
    camera.see(2.5)
    assert camera.words() == [("person", "Ann"), ("unknown", None)]
    assert camera.told[1].decided == 2.5  # the frame that shows that they are gone


def test_who_is_in_view_at_the_end_is_told(camera: Camera) -> None:
    camera.see(0, one(7))
    camera.passing.end()
    assert camera.words() == [("unknown", None)]


def test_a_new_name_is_not_a_new_visit(camera: Camera) -> None:
    camera.watch(0, 5, one(7, "person_01"))
    camera.watch(5.5, 9, one(7, "Ann"))
    camera.watch(20, 22, one(8, "Ann", followed=2))
    assert camera.words() == [("person", "person_01")]
    assert [row.said for row in camera.rows()] == ["Ann", "Ann"]


def test_who_turns_out_to_be_somebody_known_is_told(camera: Camera) -> None:
    camera.see(0, one(6, "Ann"))
    camera.watch(40, 42, one(7, "person_01", followed=2))
    camera.watch(42.5, 44, one(7, "Ann", followed=2))
    assert camera.words() == [("person", "Ann"), ("person", "person_01"), ("person", "Ann")]
    assert len({event.id for event in camera.told}) == 3


def test_a_visit_goes_on_while_there_is_a_doubt(camera: Camera) -> None:
    camera.see(0, one(7, "Ann"))
    camera.watch(0.5, 40, one(None))
    camera.see(40.5, one(7, "Ann"))
    assert camera.words() == [("person", "Ann")]


# Restarts

Restart = Callable[[float], Camera]


def keep(store: Store, opened: datetime, position: float, track: int) -> None:
    """A picture of Ann, before its track has a row; the first one is of somebody unknown."""
    face = Face(BOX, encoding_of(1, track), Provenance("made-up", "none", "none", "fp64"))
    time = opened + timedelta(seconds=position)
    frame = Frame(picture_of(1, track), "door", None, None, position, 0.02, time)
    match = Match("Ann", 0.1) if "Ann" in store.people() else Match()
    store.keep(frame, face, match, 0, track, picture=png_bytes(picture_of(1, track)))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ann, with one face, of track 7."""
    world = World(tmp_path / "house")
    with Store(world.folder, writing=True) as store:
        keep(store, NOON, 1, 7)
    world.move(world.pictures("unknowns")[0], "Ann")
    world.start()
    return world


def test_visits_are_right_while_the_row_of_the_latest_track_is_still_to_be_written(world: World) -> None:
    def visits_now() -> list[tuple[int | None, float, float]]:
        passed = passages_of(Settings(result=str(world.folder)), Watcher())
        return [
            (visit.number, (visit.first - NOON).total_seconds(), visit.seconds)
            for visit in visits(passed)
            if visit.person == "Ann"
        ]

    with Store(world.folder, writing=True) as store:
        for opened, number in ((NOON, 7), (NOON + timedelta(hours=1), 8)):
            keep(store, opened, 1, number)
            camera = Camera(store, opened)
            camera.watch(0, 10, one(number, "Ann"))
            camera.passing.flush()
        assert visits_now() == [(7, 0, 10), (8, 3600, 10)]
        keep(store, opened, 100, 9)
        assert visits_now() == [(7, 0, 10), (8, 3600, 10), (9, 3700, 0)]


@pytest.mark.parametrize(("away", "told"), [(20, 0), (40, 1)])
def test_nothing_is_told_again_within_the_gap_after_the_program_was_killed(
    world: World, away: float, told: int
) -> None:
    with Store(world.folder, writing=True) as store:
        before = Camera(store)
        before.watch(0, 10, one(7, "Ann", face=1))
        before.passing.flush()
    with Store(world.folder, writing=True) as store:
        after = Camera(store, NOON + timedelta(seconds=10 + away))
        after.watch(0, 3, one(8, "Ann"))
        assert len(after.told) == told
        after.watch(100, 103, one(9, "Ann", followed=2))
        assert len(after.told) == told + 1


def test_a_clock_that_was_set_back_meanwhile_tells_nothing_again(world: World) -> None:
    with Store(world.folder, writing=True) as store:
        before = Camera(store)
        before.watch(0, 10, one(7, "Ann", face=1))
        before.passing.flush()
        after = Camera(store, NOON - timedelta(hours=1))
        after.watch(0, 3, one(8, "Ann"))
        assert after.told == []


def test_a_new_name_given_while_nobody_is_in_view_is_not_a_new_visit(world: World) -> None:
    with Store(world.folder, writing=True) as store:
        camera = Camera(store)
        camera.watch(0, 10, one(7, "Ann", face=1))
        camera.passing.flush()
        (world.folder / "Ann").rename(world.folder / "Anna")
        world.look(store)
        camera.watch(20, 23, one(8, "Anna", followed=2))
        assert camera.words() == [("person", "Ann")]
        camera.watch(60, 63, one(9, "Anna", followed=3))
        assert camera.words() == [("person", "Ann"), ("person", "Anna")]


def test_a_clock_that_begins_with_the_epoch_reads_the_latest_tracks_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Camera(store)
    for number in range(1, 1201):
        before.see(number / 10, one(number, followed=number))
    before.passing.flush()
    read: list[list[int]] = []
    visits = telling.visits
    monkeypatch.setattr(
        telling, "visits", lambda found, gap: read.append([one.track for one in found]) or visits(found, gap)
    )
    Camera(store, datetime(1970, 1, 1, tzinfo=timezone.utc)).see(0, one(3000))
    assert read == [list(range(201, 1201))]


def test_somebody_unknown_is_not_told_again_after_a_restart_but_the_next_one_is(store: Store) -> None:
    before = Camera(store)
    before.watch(0, 10, one(7))
    before.passing.flush()
    after = Camera(store, NOON + timedelta(seconds=20))
    after.watch(0, 5, one(8))
    assert after.told == []
    after.watch(5.5, 9, one(9, followed=2))
    assert after.words() == [("unknown", None)]


def test_what_was_told_is_in_the_table_before_it_is_told(store: Store, tmp_path: Path) -> None:
    there: list[int] = []

    def tell(_: Event) -> None:
        with closing(sqlite3.connect(tmp_path / "result" / "faces.sqlite")) as table:
            there.extend(number for (number,) in table.execute("SELECT number FROM tracks WHERE said = 'Ann'"))

    camera = Camera(store)
    camera.passing._tell = tell
    camera.see(0, one(7, "Ann"))
    assert there == [7]
