"""What channels are told besides events, from a real gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from conftest import Gallery, Listener
from gallery.test_journal import World, read_photo

from face_classifier.alerts.channels.base import CameraState, PersonState
from face_classifier.core.config.load import load
from face_classifier.daemon import household
from face_classifier.daemon.household import Daily, Household, summary_of
from face_classifier.daemon.status import CameraStatus
from face_classifier.events.event import Event
from face_classifier.gallery.gallery import Gallery as LivingGallery
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.past.strangers import Day
from face_classifier.gallery.store import Store


class Told:
    """Keeps the states that are handed over."""

    def __init__(self) -> None:
        self.states: list[tuple[Sequence[CameraState], Sequence[PersonState]]] = []

    def tell_state(self, cameras: Sequence[CameraState], people: Sequence[PersonState]) -> None:
        self.states.append((cameras, people))


def test_channels_are_told_where_people_with_a_name_were_last_and_how_many_unknown_ones_came(gallery: Gallery):
    faces = gallery.see("obama.jpg", "obama2.jpg", "biden.jpg")
    gallery.look()
    (person,) = {path.name for path in gallery.folder.iterdir() if path.name.startswith("person_")}
    (gallery.folder / person).rename(gallery.folder / "Ann")
    now = datetime.now(timezone.utc)
    settings, told = load({"result": str(gallery.folder)}, None, {}), Told()
    with Store(gallery.folder, writing=True) as store:
        living = LivingGallery(settings, store, gallery.read_photo, Listener())
        ann = next(face.id for face in living.faces.values() if face.person == "Ann")
        row = TrackRow(1000, "door", None, 1, now, now, 0.0, 1.0, 9, ann, None)
        store.tracks.write([row, replace(row, number=1001, source="garden", best=None)])
        kept = Household(told)  # type: ignore[arg-type]
        cameras = [_camera("door", "good"), _camera("garden", "lost")]
        kept.tell(cameras)
        assert not told.states, "whoever is not told counts as gone, and nobody has looked"
        kept.look(living)
        kept.tell(cameras)
        assert told.states == [
            ((CameraState("door", True), CameraState("garden", False, 1)), (PersonState("Ann", now, "door"),)),
        ]
        kept.tell(cameras)
        assert len(told.states) == 1  # nothing has changed
        kept.note(Event("7-unknown", "unknown", now, 0.0, "garden"))
        kept.tell(cameras)
        assert told.states[-1][0][1] == CameraState("garden", False, 2)
        store.strangers.add({Day("gate", None, now.astimezone().date().isoformat()): 3})
        summary = summary_of(living, settings, now)
    assert (summary.kind, summary.id) == ("summary", f"summary-{now.astimezone().date()}")
    assert "Ann: once" in summary.text
    assert "unknown: 3 at gate" in summary.text  # of whom nothing else is kept
    assert faces


def _camera(name: str, status: str) -> CameraStatus:
    return CameraStatus(name, status, 1.0, "", False, None, 0, 0, 0, 0, 0, 0.0)


def _track(number: int, last: datetime, said: str | None, camera: str = "door") -> TrackRow:
    return TrackRow(number, camera, None, 1, last - timedelta(seconds=5), last, 0.0, 5.0, 10, None, said)


@pytest.fixture
def looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Looks at the gallery of Anna, who has two faces, and of person_01, after tracks were written; then tells."""
    monkeypatch.setattr(household, "_EVERY", 0.0)
    world, told = World(tmp_path / "result"), Told()
    world.run((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
    world.rename("person_02", "Anna")
    kept = Household(told)  # type: ignore[arg-type]

    def look(*tracks: TrackRow, cameras: Sequence[str] = ("good",), name: str = "Anna") -> Told:
        if not (world.folder / name).exists():
            world.rename("Anna", name)
        with Store(world.folder, writing=True) as store:
            store.look(read_photo)
            store.tracks.write(tracks)
            kept.look(LivingGallery(load({"result": str(world.folder)}, None, {}), store, read_photo, Listener()))
        kept.tell([_camera(f"camera {number}", status) for number, status in enumerate(cameras)])
        return told

    return look


def test_a_camera_counts_as_disconnected_only_while_it_is_lost(looks: Callable[..., Told]):
    (cameras, _) = looks(cameras=("good", "waiting", "starting", "lost")).states[-1]
    assert [camera.is_connected for camera in cameras] == [True, True, True, False]


def test_only_those_whom_the_user_named_are_told_by_their_names_now(looks: Callable[..., Told]):
    assert [person.name for person in looks().states[-1][1]] == ["Anna"]
    assert [person.name for person in looks(name="Bea").states[-1][1]] == ["Bea"]


def test_strangers_of_today_count_also_those_before_the_start(looks: Callable[..., Told]):
    noon = datetime.now().astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
    before, midnight = noon - timedelta(hours=20), noon - timedelta(hours=12)
    camera = "camera 0"
    (cameras, _) = looks(
        _track(1001, before, None, camera),
        _track(1002, midnight + timedelta(seconds=30), None, camera),
        _track(1003, midnight - timedelta(seconds=1), None, camera),
    ).states[-1]
    assert [camera.unknown for camera in cameras] == [1]


def test_where_somebody_was_last_is_known_after_a_restart_too(gallery: Gallery):
    gallery.see("obama.jpg", "obama2.jpg", "biden.jpg")
    (person,) = {path.name for path in gallery.folder.iterdir() if path.name.startswith("person_")}
    (gallery.folder / person).rename(gallery.folder / "Ann")
    then, told = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), Told()
    with Store(gallery.folder, writing=True) as store:
        living = LivingGallery(load({"result": str(gallery.folder)}, None, {}), store, gallery.read_photo, Listener())
        living.look()
        store._inside.table.execute("UPDATE faces SET track = 1000 WHERE folder = 'Ann'")
        store.tracks.write([_track(1000, then, None)])
        household_ = Household(told)  # type: ignore[arg-type]
        household_.look(living)
        household_.tell([])
    assert told.states == [((), (PersonState("Ann", then, "door"),))]


@pytest.mark.parametrize(
    ("began", "looks", "due"),
    [
        ("20:00", ["20:59:59", "21:00:00", "21:00:01"], [False, True, False]),
        ("20:00", ["20:59:59", "21:04:00"], [False, True]),
        ("20:00", ["20:59:59", "23:00:00"], [False, False]),  # after a long sleep
        ("21:03", ["21:03:01", "21:03:02"], [True, False]),  # an earlier process may have told it; its id says so
        ("21:30", ["21:31:00"], [False]),
        ("21:00", ["20:30:00", "21:00:30"], [False, True]),  # the clock was put back
    ],
)
def test_the_summary_is_due_once_at_its_time(began: str, looks: list[str], due: list[bool]):
    def at(clock: str) -> datetime:
        return datetime.combine(datetime(2026, 11, 27).date(), time.fromisoformat(clock)).astimezone()

    daily = Daily(at(began))
    assert [daily.is_due(time(21), at(look)) for look in looks] == due


def test_without_a_time_no_summary_is_due():
    daily = Daily(datetime.now(timezone.utc))
    assert not daily.is_due(None, datetime.now(timezone.utc) + timedelta(days=1))
