"""Live sources run together, each in its thread, into one gallery; and what the user does to it shows at once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Ended, Watcher, Webcam
from display.test_window import desktop, screen, wait_for_corners, wait_for_window
from servers.devices import HereReader

from face_classifier.core.config.load import load
from face_classifier.core.types import Frame, Image, Seen
from face_classifier.display.window import tiled
from face_classifier.pipeline import run as pipeline
from face_classifier.pipeline import watch
from face_classifier.pipeline.analysis.analyse import Analysis
from face_classifier.pipeline.show import Stage
from face_classifier.sources.live import feed

__all__ = ["desktop", "screen"]
OBAMA, BIDEN = "obama.jpg", "biden.jpg"
LIVE = ("-S", "0.1", "--refresh", "0.2", "--founding", "2")


class Broken(Webcam):
    """A camera that no longer sends pictures."""

    def read(self) -> tuple[bool, Image]:
        time.sleep(0.02)
        return False, np.zeros((1, 1, 3), np.uint8)


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Plugs in cameras, the first with number 0."""

    def plug_in(*devices: Webcam) -> None:
        monkeypatch.setattr(feed, "Child", lambda: HereReader(lambda number: devices[number]))

    return plug_in


def rows(result: Path, columns: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(result / "faces.sqlite")) as table:
        return table.execute(f"SELECT {columns} FROM faces ORDER BY id").fetchall()


class TestTwoCameras:
    def test_see_at_the_same_time_and_their_tracks_have_numbers_of_their_own(
        self,
        tmp_path: Path,
        closeups: dict[str, Image],
        cameras: Callable[..., None],
        command: Callable[..., Ended],
    ) -> None:
        cameras(Webcam([closeups[OBAMA]], 9), Webcam([closeups[BIDEN]], 9))
        ended = command("0", "1", *LIVE, "-s", "3", "--result", tmp_path / "result")
        assert (ended.code, ended.err) == (0, "")
        faces = defaultdict(list)
        for source, time_seen, folder, track in rows(tmp_path / "result", "source, time, folder, track"):
            if folder:  # those that are only seen have no picture
                faces[source].append((time_seen, folder, track))
        one, other = faces["camera 0"], faces["camera 1"]
        assert len(one) > 5
        assert len(other) > 5
        assert max(min(one), min(other))[0] < min(max(one), max(other))[0]  # they overlap
        assert {folder for _, folder, _ in one}.isdisjoint({folder for _, folder, _ in other})
        assert {track for *_, track in one}.isdisjoint({track for *_, track in other})

    def test_have_turns_of_their_own(
        self,
        tmp_path: Path,
        closeups: dict[str, Image],
        short_clip: Path,
        cameras: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        cameras(*[Webcam([closeups[OBAMA]], 9) for _ in range(2)])
        turns: dict[str, int] = {}

        class Noted(Analysis):
            def __init__(self, source: Any, *arguments: Any, turn: int, **others: Any) -> None:
                turns[source.name] = turn
                super().__init__(source, *arguments, turn=turn, **others)

        monkeypatch.setattr(watch, "Analysis", Noted)
        settings = load({"seconds": 0.2, "stop": 0.5, "result": str(tmp_path / "result")}, environ={})
        pipeline.run(settings, [str(short_clip), "0", "1"], threading.Event(), Watcher())
        assert turns.pop(str(short_clip), 0) == 0  # it may have begun before it is watched
        assert sorted(turns) == ["camera 0", "camera 1"]
        assert sorted(turns.values()) == [0, 1]

    def test_one_that_fails_is_told_and_the_other_goes_on(
        self,
        tmp_path: Path,
        closeups: dict[str, Image],
        cameras: Callable[..., None],
        command: Callable[..., Ended],
    ) -> None:
        cameras(Broken([], 1), Webcam([closeups[BIDEN]], 9))
        ended = command("0", "1", *LIVE, "-s", "4", "--result", tmp_path / "result")
        assert ended.code == 1
        assert ended.err == ("face-classifier: camera 0 no longer sends pictures; check its cable\n")
        positions = [position for (position,) in rows(tmp_path / "result", "position")]
        assert max(positions) > 3  # seconds: a second after the other one failed

    def test_before_and_after_a_file_run_in_the_order_that_is_given(
        self,
        tmp_path: Path,
        closeups: dict[str, Image],
        short_clip: Path,
        cameras: Callable[..., None],
        command: Callable[..., Ended],
    ) -> None:
        cameras(*[Webcam([closeups[OBAMA]], 9) for _ in range(3)])
        ended = command("0", "1", short_clip, "2", *LIVE, "-s", "1", "--result", tmp_path / "result")
        assert (ended.code, ended.err) == (0, "")
        order = list(dict.fromkeys(source for (source,) in rows(tmp_path / "result", "source")))
        assert sorted(order[:2]) == ["camera 0", "camera 1"]
        assert order[2:] == [str(short_clip), "camera 2"]


class TestWhatTheUserDoes:
    def test_shows_within_two_seconds(
        self,
        tmp_path: Path,
        closeups: dict[str, Image],
        cameras: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        cameras(Webcam([closeups[OBAMA]], 9))
        result, stopping = tmp_path / "result", threading.Event()
        renamed, shown = [], []
        show = Stage.show

        def see(self: Stage, frame: Frame, seen: Sequence[Seen]) -> None:
            show(self, frame, seen)
            people = {face.person for face in seen}
            if not renamed and "person_01" in people:
                time.sleep(0.2)
                (result / "person_01").rename(result / "Barack")
                renamed.append(time.monotonic())
            if "Barack" in people:
                shown.append(time.monotonic())
                stopping.set()

        monkeypatch.setattr(Stage, "show", see)
        flags = {"seconds": 0.1, "refresh": 0.3, "founding": 2, "stop": 10, "result": str(result)}
        pipeline.run(load(flags), ["0"], stopping, Watcher())
        assert shown
        assert shown[0] - renamed[0] < 2


class TestACommandTypedElsewhere:
    def test_is_carried_out_while_cameras_run(
        self,
        tmp_path: Path,
        closeups: dict[str, Image],
        cameras: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        cameras(Webcam([closeups[OBAMA]], 9), Webcam([closeups[BIDEN]], 9))
        result, stopping = tmp_path / "result", threading.Event()
        show = Stage.show
        ended: list[subprocess.CompletedProcess[str]] = []
        people: set[str | None] = set()

        def see(self: Stage, frame: Frame, seen: Sequence[Seen]) -> None:
            show(self, frame, seen)
            people.update(face.person for face in seen)
            if frame.source == "camera 0" and not ended and {"person_01", "person_02"} <= people:
                line = [sys.executable, "-m", "face_classifier", "suggest", "accept", "person_01", "person_02"]
                line += ["--result", str(result)]
                ended.append(subprocess.run(line, capture_output=True, text=True, check=False))
                people.clear()
            elif ended and "person_01" in people:
                stopping.set()

        monkeypatch.setattr(Stage, "show", see)
        flags = {"seconds": 0.1, "refresh": 0.3, "founding": 2, "stop": 30, "result": str(result), "online_only": True}
        pipeline.run(load(flags), ["0", "1"], stopping, Watcher())
        assert (ended[0].returncode, ended[0].stderr) == (0, "")
        assert "person_02 is person_01 now" in ended[0].stdout
        sources = {source for source, folder in rows(result, "source, folder") if folder == "person_01"}
        assert sources == {"camera 0", "camera 1"}


class TestTiles:
    def test_one_picture_stays_as_it_is(self, closeups: dict[str, Image]) -> None:
        assert tiled([closeups[OBAMA]]) is closeups[OBAMA]

    def test_several_fill_a_tile_each_whatever_their_shapes(self) -> None:
        colours = [10, 70, 130, 190, 250]
        shapes = [(720, 1280), (240, 240), (100, 900), (900, 100), (1, 1)]
        pictures = [np.full((*shape, 3), colour, np.uint8) for shape, colour in zip(shapes, colours, strict=True)]
        whole = tiled([*pictures, None])
        assert whole.shape == (480, 1278, 3)
        middles = [(120 + 240 * (place // 3), 213 + 426 * (place % 3)) for place in range(6)]
        assert [int(whole[middle][0]) for middle in middles] == [*colours, 0]


RUN = """
import sys
import cv2
from conftest import Webcam
from face_classifier.cli import main
from servers.devices import plug_in
pictures = [cv2.imread(path) for path in sys.argv[1:3]]
plug_in(lambda number: Webcam([pictures[number]], 9))
sys.exit(main.main(["0", "1", "-d", "-S", "0.1", "--result", sys.argv[3]]))
"""


def test_q_ends_all_cameras_of_the_window(tmp_path: Path, closeups: dict[str, Image], desktop: str) -> None:
    pictures = [tmp_path / name.replace("jpg", "png") for name in (OBAMA, BIDEN)]
    for path, name in zip(pictures, (OBAMA, BIDEN), strict=True):
        cv2.imwrite(str(path), closeups[name])
    tests = str(Path(__file__).parents[1])
    environment = os.environ | {"DISPLAY": desktop}
    environment["PYTHONPATH"] = os.pathsep.join([tests, environment.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *map(str, pictures), str(tmp_path / "result")],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        window = wait_for_window(environment)
        wait_for_corners(tmp_path / "shot.png", environment)
        time.sleep(1)
        subprocess.run(["import", "-window", "root", str(tmp_path / "shot.png")], env=environment, check=True)
        subprocess.run(["xdotool", "key", "--window", window, "q"], env=environment, check=True)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    assert {source for (source,) in rows(tmp_path / "result", "source")} == {"camera 0", "camera 1"}
    assert " unknown face" in out
