"""What channels are told besides events, from a real gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta, timezone

import pytest
from conftest import Gallery, Listener

from face_classifier.alerts.channels.base import CameraState, PersonState
from face_classifier.core.config.load import load
from face_classifier.daemon.household import Daily, Household, summary_of
from face_classifier.events.event import Event
from face_classifier.gallery.gallery import Gallery as LivingGallery
from face_classifier.gallery.passing.table import TrackRow
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
        household = Household(told)  # type: ignore[arg-type]
        household.look(living)
        household.tell({"door": True, "garden": False})
        unknown = CameraState("garden", False, 1) if now.astimezone().date() == datetime.now().date() else None
        assert told.states == [
            ((CameraState("door", True), unknown), (PersonState("Ann", now, "door"),)),
        ]
        household.tell({"door": True, "garden": False})
        assert len(told.states) == 1  # nothing has changed
        household.note(Event("7-unknown", "unknown", now, 0.0, "garden"))
        household.tell({"door": True, "garden": False})
        assert told.states[-1][0][1] == CameraState("garden", False, 2)
        summary = summary_of(living, settings, now)
    assert (summary.kind, summary.id) == ("summary", f"summary-{now.astimezone().date()}")
    assert "Ann: once" in summary.text
    assert faces


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
