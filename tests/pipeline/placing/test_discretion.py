"""What is kept and shown of strangers, with `--known-only` and `--pixelate`, on real faces."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Listener

from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Box, Face, Frame, Image, Search, Seen
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.past.strangers import Day
from face_classifier.gallery.store import Store
from face_classifier.pipeline.analysis.analyse import Analyst
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.pipeline.place import Placed, Session
from face_classifier.pipeline.placing.discretion import Cover, Discretion, discretion_of
from face_classifier.vision.engine import Engine

Command = Callable[..., Ended]
FLAGS = "-S", "0.2", "--refresh", "0.4"
BARACK, JOE = slice(0, 150), slice(150, 300)  # columns


@pytest.fixture(scope="module")
def clips(closeups: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One president alone; then him beside another one, near enough to be in the picture that is kept of him."""
    folder = tmp_path_factory.mktemp("clips")
    one, other = (closeups[name][:, 45:195] for name in ("obama.jpg", "biden.jpg"))
    paths = folder / "alone.mp4", folder / "both.mp4"
    for path, right in zip(paths, (np.full_like(one, 110), other), strict=True):
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 5, (300, 240))
        for shift in range(12):
            writer.write(np.roll(np.hstack((one, right)), shift % 3, 0))
        writer.release()
    return paths


@pytest.fixture
def result(clips: tuple[Path, Path], tmp_path: Path, command: Command) -> Path:
    """A result folder that knows one of the two, by name."""
    folder = tmp_path / "result"
    assert command(clips[0], "--result", folder, *FLAGS).code == 0
    (folder / "person_01").rename(folder / "Barack")
    return folder


def stored(folder: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(folder / "faces.sqlite")) as table:
        return table.execute("SELECT folder, state FROM faces ORDER BY id").fetchall()


def colours(image: Image) -> int:
    return len(np.unique(image.reshape(-1, 3), axis=0))


def faces_in(path: Path, engine: Engine) -> list[Box]:
    image = cv2.imread(str(path))
    assert image is not None
    return [detection.box for detection in engine.search(np.asarray(image, np.uint8), Search.THOROUGH)]


def test_of_strangers_nothing_is_kept_but_a_count(
    result: Path, clips: tuple[Path, Path], tmp_path: Path, command: Command, engine: Engine
) -> None:
    before, captures, log = len(stored(result)), tmp_path / "seen", tmp_path / "log.jsonl"
    line = clips[1], "--result", result, "--known-only", "-c", captures, "--jsonl", log, *FLAGS
    assert command(*line).code == 0
    rows = stored(result)
    assert len(rows) > before
    assert set(rows) == {("Barack", "kept")}
    assert [path.name for path in result.iterdir() if path.is_dir() and any(path.iterdir())] == ["Barack"]
    assert {json.loads(told)["person"] for told in log.read_text().splitlines()} == {"Barack"}
    pictures = sorted(captures.glob("*.png"))
    assert pictures
    for path in pictures:
        image = cv2.imread(str(path))
        assert [box.left < 150 for box in faces_in(path, engine)] == [True]
        assert colours(image[60:180, 190:260]) <= 16
        assert b'"faces": [["' in path.read_bytes()
    for path in (result / "Barack").iterdir():
        assert len(faces_in(path, engine)) == 1, "not even beside somebody who is known"
    with Store(result, writing=False) as store:
        (day,) = store.strangers.counts()
        assert store.strangers.counts() == {day: 1}
        assert (day.source, day.fingerprint is None) == (str(clips[1]), False)
        assert store.cannot_links() == []


def test_a_file_that_is_run_again_counts_its_strangers_once(
    result: Path, clips: tuple[Path, Path], command: Command
) -> None:
    line = clips[1], "--result", result, "--known-only", *FLAGS
    assert command(*line).code == command(*line).code == 0
    with Store(result, writing=False) as store:
        assert list(store.strangers.counts().values()) == [1]


def test_without_the_flag_the_same_stranger_is_kept(result: Path, clips: tuple[Path, Path], command: Command) -> None:
    assert command(clips[1], "--result", result, *FLAGS).code == 0
    assert len(set(stored(result))) == 2
    with Store(result, writing=False) as store:
        assert store.strangers.counts() == {}
        assert store.cannot_links() != []


def test_who_was_kept_before_is_in_no_line_of_a_later_run(
    result: Path, clips: tuple[Path, Path], tmp_path: Path, command: Command
) -> None:
    quick = *FLAGS, "--founding", "1000", "--online-only"  # the other one stays unknown
    assert command(clips[1], "--result", result, *quick).code == 0
    assert ("unknowns", "kept") in stored(result)
    rows, log = stored(result), tmp_path / "log.jsonl"
    assert command(clips[1], "--result", result, "--known-only", "--jsonl", log, *quick).code == 0
    assert stored(result) == rows
    assert {json.loads(told)["person"] for told in log.read_text().splitlines()} == {"Barack"}


def test_captures_show_only_the_named_clearly(
    result: Path, clips: tuple[Path, Path], tmp_path: Path, command: Command, engine: Engine
) -> None:
    captures = tmp_path / "seen"
    line = clips[1], "--result", result, "--pixelate", "strangers", "-c", captures, *FLAGS
    assert command(*line).code == 0
    assert (result / "person_02").is_dir(), "a person of the program's own naming is kept"
    for path in captures.glob("*.png"):
        assert [box.left < 150 for box in faces_in(path, engine)] == [True]
    for path in (result / "person_02").iterdir():
        assert len(faces_in(path, engine)) >= 1, "what is kept stays clear"
    (result / "person_02").rename(result / "Joe")
    again = tmp_path / "again"
    assert command(*line[:-5], again, *FLAGS).code == 0
    assert {len(faces_in(path, engine)) for path in again.glob("*.png")} == {2}


Live = Callable[[Discretion], "LiveSource"]


class LiveSource:
    """A live source that shows photographs to a session."""

    def __init__(self, gallery: Gallery, engine: Engine, frame: Callable[..., Frame], discretion: Discretion) -> None:
        self._engine, self._frame = engine, frame
        self._analyst = Analyst(engine, Follower(1.0, founding=3))
        self._session = Session(gallery, follows=True, discretion=discretion)

    def show(self, name: str, position: float, days: int = 0) -> Placed:
        shown = self._frame(name, position, None)
        shown = replace(shown, time=shown.time + timedelta(days=days), source="door")
        return self._session.place(self._analyst.encode(self._analyst.plan(shown, self._engine.detect(shown.image))))


def no_photo(path: Path, own_cut: bool) -> tuple[Face, bool]:
    raise AssertionError(f"{path} has its encoding already")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Gallery]]:
    stores: list[Store] = []

    def open_anew() -> Gallery:
        while stores:
            stores.pop().close()
        stores.append(Store(tmp_path / "result", writing=True))
        return Gallery(Settings(), stores[-1], no_photo, Listener())

    yield open_anew
    for store in stores:
        store.close()


def counts_of(gallery: Gallery) -> dict[str, int]:
    return {day.day: number for day, number in gallery.store.strangers.counts().items()}


def test_each_track_of_a_stranger_counts_once_a_day_and_a_restart_goes_on_counting(
    opened: Callable[[], Gallery], engine: Engine, frame: Callable[..., Frame]
) -> None:
    gallery = opened()
    live = LiveSource(gallery, engine, frame, Discretion(known_only=True))
    for number in range(5):
        assert live.show("biden.jpg", number / 5).observed == []
    assert counts_of(gallery) == {"2024-05-06": 1}
    live.show("biden.jpg", 60.0)
    assert counts_of(gallery) == {"2024-05-06": 2}
    assert gallery.faces == {}
    gallery = opened()
    again = LiveSource(gallery, engine, frame, Discretion(known_only=True))
    again.show("biden.jpg", 0.0)
    again.show("biden.jpg", 90.0, days=1)
    assert gallery.store.strangers.counts() == {
        Day("door", None, "2024-05-06"): 3,
        Day("door", None, "2024-05-07"): 1,
    }


def test_who_is_recognised_later_in_a_track_is_no_stranger(
    opened: Callable[[], Gallery], engine: Engine, frame: Callable[..., Frame]
) -> None:
    gallery = opened()
    discreet = LiveSource(gallery, engine, frame, Discretion(known_only=True))
    open_to_all = LiveSource(gallery, engine, frame, Discretion())
    discreet.show("biden.jpg", 0.0)
    assert counts_of(gallery) == {"2024-05-06": 1}
    for number in range(3):
        open_to_all.show("biden.jpg", number / 5)  # another camera makes a person of the same one
    assert gallery.people.persons == 1
    observed = discreet.show("biden.jpg", 0.2).observed
    assert [one.person for one in observed] == ["person_01"]
    assert counts_of(gallery) == {}


def test_an_alert_picture_shows_a_stranger_pixelated(
    opened: Callable[[], Gallery], engine: Engine, frame: Callable[..., Frame]
) -> None:
    live = LiveSource(opened(), engine, frame, Discretion(pixelate=True))
    (observed,) = live.show("biden.jpg", 0.0).observed
    assert observed.picture is not None
    picture = cv2.imdecode(np.frombuffer(observed.picture, np.uint8), cv2.IMREAD_COLOR)
    height, width = picture.shape[:2]
    assert colours(picture[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]) <= 16


def test_where_a_hidden_face_is_not_found_for_a_moment_the_place_stays_covered() -> None:
    cover = Cover(Discretion(pixelate=True))
    stranger, friend = Seen(Box(10, 60, 60, 10), None), Seen(Box(10, 160, 60, 110), "Ann")
    assert cover.over(0.0, [stranger, friend]) == [replace(stranger, hidden=True), friend]
    missed = Seen(stranger.box, None, forgotten=True)
    assert cover.over(0.5, [friend]) == [friend, missed]
    assert cover.over(1.0, [friend]) == [friend, missed]
    assert cover.over(1.1, [friend]) == [friend]
    assert cover.over(1.5, [stranger]) == [replace(stranger, hidden=True)]
    known = replace(friend, box=stranger.box.moved(3, 0))
    assert cover.over(1.6, [known]) == [known], "it is somebody after all"


def test_a_camera_says_how_discreet_it_is_and_is_as_the_run_where_it_says_nothing() -> None:
    settings = Settings(pixelate="strangers").but(
        cameras={"door": {"url": "0", "known_only": True, "pixelate": "nobody"}, "yard": {"url": "1"}},
    )
    assert discretion_of(settings, "door") == Discretion(known_only=True, pixelate=False)
    assert discretion_of(settings, "yard") == discretion_of(settings, "clip.mp4") == Discretion(pixelate=True)
