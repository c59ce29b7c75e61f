"""A second run on the same result folder analyses by itself, and the first one places what it sees."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import pytest
from conftest import Ended, Watcher

from face_classifier.core.config.load import load
from face_classifier.core.types import Frame, Image, Seen
from face_classifier.pipeline import run as pipeline
from face_classifier.pipeline.desk import Desk
from face_classifier.pipeline.guests import Guests
from face_classifier.pipeline.show import Stage

OBAMA = "obama.jpg"


def beside_a_camera(
    result: Path, monkeypatch: pytest.MonkeyPatch, line: Sequence[object]
) -> subprocess.CompletedProcess[str]:
    """Run a command in another process while one with a camera has the result folder."""
    ended: list[subprocess.CompletedProcess[str]] = []
    stopping = threading.Event()
    show = Stage.show

    def see(self: Stage, frame: Frame, seen: Sequence[Seen]) -> None:
        show(self, frame, seen)
        if not ended and any(face.person for face in seen):
            command = [sys.executable, "-m", "face_classifier", *map(str, line), "--result", str(result)]
            ended.append(subprocess.run(command, capture_output=True, text=True, check=False))
            stopping.set()

    monkeypatch.setattr(Stage, "show", see)
    observer = Watcher()
    flags = {"seconds": 0.1, "refresh": 0.3, "founding": 2, "stop": 60, "result": str(result)}
    pipeline.run(load(flags), ["0"], stopping, observer)
    assert observer.problems == []
    return ended[0]


def test_keeps_its_faces_and_prints_its_statistics(
    tmp_path: Path,
    webcam: Callable[..., None],
    closeups: dict[str, Image],
    short_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., Ended],
) -> None:
    webcam([closeups[OBAMA]], 99)
    lines, captures = tmp_path / "lines.jsonl", tmp_path / "captures"
    line = (short_clip, "--jsonl", lines, "--capture", captures)
    ended = beside_a_camera(tmp_path / "result", monkeypatch, line)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "2 persons" in ended.stdout
    told: list[dict[str, Any]] = [json.loads(text) for text in lines.read_text("utf-8").splitlines()]
    assert {(one["source"], one["frame"]) for one in told} == {(str(short_clip), number) for number in range(4)}
    exported = command("export", "--result", tmp_path / "result").out.splitlines()
    people = {(face["source"], face["person"]) for face in map(json.loads, exported)}
    assert len([person for source, person in people if source == str(short_clip)]) == 2
    assert people & {("camera 0", person) for source, person in people if source == str(short_clip)}
    assert len(list(captures.glob("*.png"))) == 4
    (forgotten, *_) = sorted(person for source, person in people if source == str(short_clip))
    answer = json.loads(command("forget", forgotten, "--result", tmp_path / "result", "--json").out)
    assert answer["captures"] + answer["pixelated"] > 0  # they tell whom they show


def test_of_strangers_beside_it_nothing_is_kept_but_a_count(
    tmp_path: Path,
    webcam: Callable[..., None],
    closeups: dict[str, Image],
    short_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., Ended],
) -> None:
    result, lines = tmp_path / "result", tmp_path / "lines.jsonl"
    webcam([closeups[OBAMA]], 99)
    ended = beside_a_camera(result, monkeypatch, [short_clip, "--known-only", "--jsonl", lines])
    assert (ended.returncode, ended.stderr) == (0, "")
    assert {json.loads(line)["person"] for line in lines.read_text().splitlines()} == {"person_01"}
    assert {path.parent.name for path in result.glob("*/*.png")} == {"person_01"}
    (counted,) = json.loads(command("strangers", "--result", result, "--json").out)
    assert (counted["source"], counted["strangers"]) == (str(short_clip), 2)


def test_a_rerun_beside_it_keeps_nothing_twice(
    tmp_path: Path,
    webcam: Callable[..., None],
    closeups: dict[str, Image],
    short_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., Ended],
) -> None:
    result = tmp_path / "result"
    assert command(short_clip, "-S", 2, "--result", result).code == 0
    before = {path.name for path in result.glob("*/*.png")}
    assert len(before) == 2  # the other run takes the same frames, though it is not given the seconds between them
    webcam([closeups[OBAMA]], 99)
    assert beside_a_camera(result, monkeypatch, [short_clip]).returncode == 0
    exported = command("export", "--result", result).out.splitlines()
    faces = [face["face"] for face in map(json.loads, exported) if face["source"] == str(short_clip)]
    assert sorted(f"{face}.png" for face in faces) == sorted(before)
    visits = json.loads(command("events", "--result", result, "--camera", short_clip, "--json").out)
    assert [(visit["first_position"], visit["frames"]) for visit in visits] == [(0.0, 2)]
    assert json.loads(command("events", "--result", result, "--camera", "camera 0", "--json").out)


RUN = """
import sys
import cv2
sys.path[:0] = sys.argv[1:2]
from conftest import Webcam
from face_classifier.cli.main import main
from servers.devices import plug_in
picture = cv2.imread(sys.argv[2])
plug_in(lambda _number: Webcam([picture], 99))
sys.exit(main(["1", "-S", "0.1", "--result", sys.argv[3]]))
"""


def test_one_that_is_killed_leaves_nothing_open(
    tmp_path: Path, webcam: Callable[..., None], closeups: dict[str, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    webcam([closeups[OBAMA]], 99)
    assert cv2.imwrite(str(tmp_path / "biden.png"), closeups["biden.jpg"])
    guests: list[Guests] = []
    placed: list[object] = []
    ended = threading.Event()
    init, place, end = Guests.__init__, Guests._place, Desk.end
    monkeypatch.setattr(Guests, "__init__", lambda self, desk: guests.append(self) or init(self, desk))
    monkeypatch.setattr(Guests, "_place", lambda *given: placed.append(given) or place(*given))
    monkeypatch.setattr(Desk, "end", lambda *given: end(*given) or ended.set())
    stopping, show = threading.Event(), Stage.show
    line = [sys.executable, "-c", RUN, str(Path(__file__).parents[1]), str(tmp_path / "biden.png")]
    second: list[subprocess.Popen[bytes]] = []

    def see(self: Stage, frame: Frame, seen: Sequence[Seen]) -> None:
        show(self, frame, seen)
        if not second and seen:
            second.append(subprocess.Popen([*line, str(tmp_path / "result")]))
        if len(placed) > 5:
            second[0].kill()
        if ended.is_set():
            stopping.set()

    monkeypatch.setattr(Stage, "show", see)
    flags = {"seconds": 0.1, "stop": 60, "result": str(tmp_path / "result")}
    pipeline.run(load(flags), ["0"], stopping, Watcher())
    second[0].wait()
    assert ended.is_set()
    assert not guests[0]._sessions


def test_with_another_encoder_it_is_refused(
    tmp_path: Path,
    webcam: Callable[..., None],
    closeups: dict[str, Image],
    short_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    webcam([closeups[OBAMA]], 99)
    ended = beside_a_camera(tmp_path / "result", monkeypatch, [short_clip, "--encoder", "dlib"])
    assert ended.returncode == 1
    assert "belongs to the encoder sface, not dlib; give --encoder sface" in ended.stderr
