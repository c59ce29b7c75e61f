"""A run writes who passes when: of files once, however often they are run, of cameras with events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Ended, Watcher

import face_classifier as fc
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.retry import Patience
from face_classifier.core.types import Image
from face_classifier.curate.commands import HANDLERS
from face_classifier.events.event import Event
from face_classifier.events.visits import visits
from face_classifier.gallery.passing.passages import passages_of
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.store import Store
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.show import Stage
from face_classifier.pipeline.watch import Crew, classify
from face_classifier.sources.discover import open_source
from face_classifier.vision.engine import Engine

Command = Callable[..., Ended]


def tracks_in(folder: Path) -> list[TrackRow]:
    with Store(folder, writing=False) as store:
        return list(store.tracks.all())


def whose(folder: Path) -> list[tuple[str | None, float, float]]:
    """Of each visit the person, and from where to where in the source."""
    passages = passages_of(Settings(result=str(folder)), Watcher())
    return [(visit.person, visit.first_position, visit.last_position) for visit in visits(passages, 0.5)]


def test_a_file_has_its_visits_and_running_it_again_adds_none(
    short_clip: Path, tmp_path: Path, command: Command
) -> None:
    result = tmp_path / "result"
    command(short_clip, "-S", 0, "--result", result)
    seen = tracks_in(result)
    assert [(row.first_position, row.last_position, row.frames) for row in seen] == [(at, at, 1) for at in range(4)]
    assert [row.said for row in seen] == [None, None, "person_01", "person_02"]
    assert whose(result) == [("person_01", 0, 0), ("person_02", 1, 1), ("person_01", 2, 2), ("person_02", 3, 3)]
    command(short_clip, "-S", 0, "--result", result)
    assert tracks_in(result) == seen


def test_a_correction_changes_the_past_and_a_rerun_after_it_adds_nothing(
    short_clip: Path, tmp_path: Path, command: Command
) -> None:
    result = tmp_path / "result"
    command(short_clip, "-S", 0, "--result", result)
    seen = tracks_in(result)
    (result / "person_01").rename(result / "Barack")
    (result / "person_02").rename(result / "Joe")
    moved = min((result / "Joe").iterdir())
    moved.rename(result / "Barack" / moved.name)
    now = [("Barack", 0, 0), ("Barack", 1, 1), ("Barack", 2, 2), ("Joe", 3, 3)]
    assert whose(result) == now
    command(short_clip, "-S", 0, "--result", result)
    assert [(row.number, row.frames) for row in tracks_in(result)] == [(row.number, row.frames) for row in seen]
    assert whose(result) == now


def test_other_programs_get_the_visits(short_clip: Path, tmp_path: Path, command: Command) -> None:
    result = tmp_path / "result"
    command(short_clip, "-S", 0, "--result", result)
    found = fc.visits(result, gap=2)
    assert [(visit.person, visit.first_position, visit.last_position, visit.frames) for visit in found] == [
        ("person_01", 0, 2, 2),
        ("person_02", 1, 3, 2),
    ]
    assert [visit.person for visit in fc.visits(result, as_known_then=True)] == [None, None, "person_01", "person_02"]
    with pytest.raises(ValueError, match="a gap is a number of seconds"):
        fc.visits(result, float("nan"))


def test_the_original_engine_has_visits_of_its_faces(short_clip: Path, tmp_path: Path, command: Command) -> None:
    result = tmp_path / "result"
    command(short_clip, "-S", 0, "--engine", "original", "--result", result)
    assert tracks_in(result) == []
    assert [position for _, position, _ in whose(result)] == [0, 1, 2, 3]


def test_a_camera_tells_who_comes(
    webcam: Callable[..., None],
    closeups: dict[str, Image],
    engine: Engine,
    tmp_path: Path,
) -> None:
    webcam([closeups["obama.jpg"]], 60)
    told: list[Event] = []
    stopping, observer = threading.Event(), Watcher()
    observer.after = lambda frames: stopping.set() if frames >= 4 else None
    settings = Settings(result=str(tmp_path / "result"), seconds=0.1)
    patience = Patience(5, stopping, observer.problem)
    began = time.monotonic()
    with Here.opened(settings, lambda _: engine, None, observer, patience, tell=told.append) as here:
        crew = Crew(here.settings, engine, here, Stage([], None, patience, stopping), observer, stopping)
        with here.attending(live=True), open_source("0") as source:
            classify(source, crew)
    (event,) = told
    assert (event.kind, event.person, event.camera, event.named) == ("new_person", "person_01", "camera 0", False)
    assert began < event.decided < time.monotonic()
    (row,) = tracks_in(tmp_path / "result")
    assert (row.number, row.said, row.best is not None) == (event.track, "person_01", True)
    assert row.frames >= 4


def test_who_is_forgotten_before_the_camera_has_a_new_track_from_then_on(
    webcam: Callable[..., None],
    closeups: dict[str, Image],
    engine: Engine,
    tmp_path: Path,
) -> None:
    webcam([closeups["obama.jpg"]], 60)
    told: list[Event] = []
    stopping, observer = threading.Event(), Watcher()
    settings = Settings(result=str(tmp_path / "result"), seconds=0.1)
    patience = Patience(5, stopping, observer.problem)
    with Here.opened(settings, lambda _: engine, None, observer, patience, tell=told.append) as here:

        def after(frames: int) -> None:
            if frames == 6:
                HANDLERS["forget"](here._desk.gallery, {"what": "person_01", "path": "person_01"}, observer)
            if frames == 14:
                stopping.set()

        observer.after = after
        crew = Crew(here.settings, engine, here, Stage([], None, patience, stopping), observer, stopping)
        with here.attending(live=True), open_source("0") as source:
            classify(source, crew)
    before, after_it = told
    (row,) = tracks_in(tmp_path / "result")
    assert before.track is not None
    assert row.number > before.track
    assert row.first_position == observer.positions[6]
    assert row.frames == 8
    assert (row.said, row.number) == (after_it.person, after_it.track)
    assert row.said != before.person
    (visit,) = visits(passages_of(here.settings, observer))
    assert (visit.number, visit.tracks) == (row.number, (row.number,))
