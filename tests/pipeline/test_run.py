"""The whole loop on real faces: the same result however it is run, and nothing left behind however it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Watcher
from servers.devices import HereReader

from face_classifier.core.config.load import load
from face_classifier.core.errors import UserError
from face_classifier.core.types import Detection, Face, Image
from face_classifier.pipeline import run as pipeline
from face_classifier.pipeline.analysis import begun
from face_classifier.pipeline.run import RunResult
from face_classifier.sources.live import feed, opening
from face_classifier.sources.live.source import LiveSource
from face_classifier.vision.engine import Engine


def run(folder: Path, *sources: Path | str, observer: Watcher | None = None, **settings: Any) -> RunResult:
    folder.mkdir(exist_ok=True)
    flags = {"result": str(folder / "result"), "jsonl": str(folder / "lines.jsonl"), **settings}
    stopping = settings.pop("stopping", None) or threading.Event()
    flags.pop("stopping", None)
    watching = observer or Watcher()
    ended = pipeline.run(load(flags), [str(source) for source in sources], stopping, watching)
    if observer is None:
        assert watching.problems == []
    return ended


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "lines.jsonl").read_text("utf-8").splitlines()]


def pictures(folder: Path) -> dict[str, str]:
    """Content by place, of every picture in a person's folder."""
    root = folder / "result"
    return {str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest() for path in root.glob("*/*.png")}


class TestWorkers:
    def test_the_result_does_not_depend_on_their_number(self, tmp_path: Path, demo_clip: Path) -> None:
        for workers in (1, 2, 4):
            run(tmp_path / str(workers), demo_clip, seconds=0.2, stop=16, workers=workers)
        written = [(tmp_path / str(workers) / "lines.jsonl").read_bytes() for workers in (1, 2, 4)]
        assert len(written[0].splitlines()) > 20
        assert written[1] == written[0]
        assert written[2] == written[0]
        assert pictures(tmp_path / "2") == pictures(tmp_path / "1")
        assert pictures(tmp_path / "4") == pictures(tmp_path / "1")

    def test_nor_does_it_with_the_original_engine(self, tmp_path: Path, demo_clip: Path) -> None:
        """In processes of their own: dlib's detector, used by two threads at once, finds other faces or crashes."""
        processes = []
        for workers in (1, 4):
            (tmp_path / str(workers)).mkdir()
            command = [sys.executable, "-m", "face_classifier", demo_clip, "--engine", "original"]
            command += ["-S", "0.8", "-s", "10", "--workers", str(workers), "--jsonl", "lines.jsonl"]
            processes.append(subprocess.Popen(command, cwd=tmp_path / str(workers), stdout=subprocess.PIPE))
        printed = [process.communicate()[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
        assert printed[0] == printed[1]
        assert (tmp_path / "1" / "lines.jsonl").read_bytes() == (tmp_path / "4" / "lines.jsonl").read_bytes()


class TestSavings:
    def test_following_and_still_scenes_switched_off_give_the_same_people(
        self, tmp_path: Path, demo_clip: Path
    ) -> None:
        run(tmp_path / "less", demo_clip, seconds=0.2, stop=16)
        run(tmp_path / "all", demo_clip, seconds=0.2, stop=16, refresh=0.0, search_still=True)
        less, everything = (
            {(line["frame"], *line["box"]): line["person"] for line in lines(tmp_path / name)}
            for name in ("less", "all")
        )
        assert 20 < len(less) < len(everything) / 3
        assert less.keys() <= everything.keys()
        pairs = {(person, everything[face]) for face, person in less.items()}
        assert len(pairs) == len({mine for mine, _ in pairs}) == len({theirs for _, theirs in pairs}) == 2
        assert {theirs for _, theirs in pairs} == set(everything.values())

    def test_refresh_0_keeps_every_face_of_every_analysed_frame(self, tmp_path: Path, demo_clip: Path) -> None:
        run(tmp_path, demo_clip, seconds=0.5, stop=10, refresh=0.0, search_still=True)
        faces = Counter(line["frame"] for line in lines(tmp_path))
        assert len(faces) == 21

    def test_a_person_who_comes_into_a_still_scene_is_kept_in_the_first_analysed_frame(
        self, tmp_path: Path, closeups: dict[str, Image], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room = cv2.GaussianBlur(cv2.resize(closeups["obama2.jpg"], (1280, 720)), None, 40)
        entered = room.copy()
        entered[200:320, 600:720] = cv2.resize(closeups["biden.jpg"], (120, 120), interpolation=cv2.INTER_AREA)
        noise = np.random.default_rng(0)
        writer = cv2.VideoWriter(str(tmp_path / "door.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, (1280, 720))
        for view in [room] * 20 + [entered] * 10:
            writer.write(np.clip(view + noise.normal(0, 4, (720, 1, 3)), 0, 255).astype(np.uint8))
        writer.release()
        searched: list[Image] = []
        detect = Engine.detect

        def counted(self: Engine, image: Image, **wishes: bool) -> list[Detection]:
            searched.append(image)
            return detect(self, image, **wishes)

        monkeypatch.setattr(Engine, "detect", counted)
        run(tmp_path, tmp_path / "door.mp4", seconds=0.0)
        first, *later = lines(tmp_path)
        assert first["frame"] == 20
        # The others that found a person, and one a second later.
        assert [line["frame"] for line in later if line["face"] != first["face"]] == [21, 22, 27]
        assert len(searched) < 15


class TestSmallFaces:
    @pytest.fixture
    def hall(self, tmp_path: Path, closeups: dict[str, Image]) -> Path:
        """Three seconds of 1280 x 720 pixels; two people walk through from .8 s on, with faces of 32 pixels."""
        path = tmp_path / "hall.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 5, (1280, 720))
        for number in range(15):
            view = np.full((720, 1280, 3), 110, np.uint8)
            for across, name in ((200, "obama.jpg"), (800, "biden.jpg")) if number >= 4 else ():
                left = across + 4 * number
                view[300:396, left : left + 96] = cv2.resize(closeups[name], (96, 96), interpolation=cv2.INTER_AREA)
            writer.write(view)
        writer.release()
        return path

    def test_they_are_found_in_a_video_within_two_seconds_of_the_last_thorough_search(
        self, tmp_path: Path, hall: Path
    ) -> None:
        for workers in (1, 3):
            run(tmp_path / str(workers), hall, seconds=0.4, workers=workers, quality=0.0)
        found = [(line["position"], line["box"][3] // 640) for line in lines(tmp_path / "1")]
        assert found == [(2.0, 0), (2.0, 1)]
        assert (tmp_path / "3" / "lines.jsonl").read_bytes() == (tmp_path / "1" / "lines.jsonl").read_bytes()

    def test_they_are_found_in_photos(self, tmp_path: Path, wide_view: Image) -> None:
        cv2.imwrite(str(tmp_path / "hall.png"), cv2.resize(wide_view, (1920, 1080), interpolation=cv2.INTER_AREA))
        run(tmp_path, tmp_path / "hall.png", quality=0.0)
        assert len(lines(tmp_path)) == 12


class TestEndings:
    @pytest.mark.parametrize("stage", ["detect", "encode"])
    def test_a_frame_that_fails_in_a_stage_is_told_once_and_the_others_are_classified(
        self, tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch, stage: str
    ) -> None:
        calls = 0
        usual = getattr(Engine, stage)

        def failing(self: Engine, image: Image, *rest: Any, **wishes: bool) -> Any:
            nonlocal calls
            calls += 1
            if calls == 3:
                raise ZeroDivisionError(stage)
            return usual(self, image, *rest, **wishes)

        monkeypatch.setattr(Engine, stage, failing)
        ended = run(tmp_path, short_clip, workers=1, observer=(observer := Watcher()))
        monkeypatch.undo()
        assert (ended.failed, len(observer.positions)) == (0, 4)
        assert observer.problems == [
            f"1 of 4 frames of {short_clip} could not be analysed (ZeroDivisionError: {stage}) and count as empty; "
            "check those, or save it again"
        ]
        kept = {line["face"] for line in lines(tmp_path)}
        assert len(kept) == 3
        assert {Path(name).stem for name in pictures(tmp_path)} == kept
        assert (tmp_path / "result" / "face_encodings").exists()
        assert len(run(tmp_path, short_clip).sightings or []) == 4  # nobody holds the folder

    @pytest.mark.parametrize("stage", ["detect", "encode"])
    def test_a_source_all_of_whose_frames_fail_has_failed_and_the_next_one_is_classified(
        self, tmp_path: Path, short_clip: Path, closeups: dict[str, Image], monkeypatch: pytest.MonkeyPatch, stage: str
    ) -> None:
        photo = tmp_path / "photo.png"
        cv2.imwrite(str(photo), closeups["obama.jpg"][:200])
        usual = getattr(Engine, stage)

        def failing(self: Engine, image: Image, *rest: Any, **wishes: bool) -> Any:
            if len(image) == 200:
                raise MemoryError
            return usual(self, image, *rest, **wishes)

        monkeypatch.setattr(Engine, stage, failing)
        ended = run(tmp_path, photo, short_clip, observer=(observer := Watcher()))
        assert (ended.failed, len(ended.sightings or [])) == (1, 4)
        assert observer.problems == [
            f"{photo} cannot be analysed (there is not enough memory); leave it out, or save it again"
        ]

    def test_a_source_that_fails_as_nobody_expected_is_told_and_the_next_one_is_classified(
        self, tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        usual = begun.open_source

        def failing(path: str) -> Any:
            if path == "7":
                raise ZeroDivisionError("no frames a second")
            return usual(path)

        monkeypatch.setattr(begun, "open_source", failing)
        with caplog.at_level("DEBUG"):
            ended = run(tmp_path, "7", short_clip, observer=(observer := Watcher()))
        assert (ended.failed, len(ended.sightings or [])) == (1, 4)
        assert observer.problems == [
            "7 cannot be analysed (ZeroDivisionError: no frames a second); leave it out, or save it again"
        ]
        assert any(record.exc_info for record in caplog.records)  # with a traceback for whoever looks into it

    def test_a_picture_as_thin_as_can_be_is_a_source_without_a_face(self, tmp_path: Path, short_clip: Path) -> None:
        for name, shape in (("flat.png", (1, 2000)), ("tall.png", (2000, 1))):
            cv2.imwrite(str(tmp_path / name), np.zeros((*shape, 3), np.uint8))
        assert (tmp_path / "flat.png").stat().st_size < 200
        ended = run(tmp_path, tmp_path / "flat.png", tmp_path / "tall.png", short_clip)
        assert (ended.failed, len(ended.sightings or [])) == (0, 4)

    def test_an_error_of_the_observer_before_the_first_frame_leaves_no_thread(
        self, tmp_path: Path, short_clip: Path
    ) -> None:
        class Failing(Watcher):
            def opened(self, source: object, sampling: object) -> None:
                raise ZeroDivisionError("opened")

        ended = run(tmp_path, short_clip, observer=(observer := Failing()))
        assert (ended.failed, len(observer.problems)) == (1, 1)
        assert not [thread for thread in threading.enumerate() if thread.name == "decoding"]

    def test_a_stopped_run_saves_what_it_has_and_the_next_one_completes_it(
        self, tmp_path: Path, demo_clip: Path
    ) -> None:
        stopping, observer = threading.Event(), Watcher()
        observer.after = lambda frames: stopping.set() if frames == 20 else None
        stopped = run(tmp_path / "twice", demo_clip, seconds=0.5, observer=observer, stopping=stopping)
        assert 20 <= len(observer.positions) <= 30
        assert len(stopped.sightings or []) == len(pictures(tmp_path / "twice")) > 0
        run(tmp_path / "twice", demo_clip, seconds=0.5)
        run(tmp_path / "once", demo_clip, seconds=0.5)
        assert pictures(tmp_path / "twice") == pictures(tmp_path / "once")

    def test_a_source_that_fails_is_told_and_the_next_one_is_classified(
        self, tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual = begun.open_source

        def failing(path: str) -> Any:
            if path == "7":
                raise UserError("camera 7 is on fire; put it out")
            return usual(path)

        monkeypatch.setattr(begun, "open_source", failing)
        observer = Watcher()
        ended = run(tmp_path, "7", short_clip, observer=observer)
        assert observer.problems == ["camera 7 is on fire; put it out"]
        assert ended.failed == 1
        assert len(ended.sightings or []) == 4

    def test_the_first_file_is_opened_while_engine_and_gallery_are_made_and_the_others_in_their_turn(
        self, tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual, opened = begun.open_source, []

        def noting(path: str) -> Any:
            opened.append((Path(path).name, threading.current_thread().name.partition("_")[0]))
            return usual(path)

        monkeypatch.setattr(begun, "open_source", noting)
        copy = shutil.copy(short_clip, tmp_path / "copy.mp4")
        assert run(tmp_path, short_clip, copy, short_clip).failed == 0
        assert opened == [(short_clip.name, "opening"), ("copy.mp4", "source"), (short_clip.name, "source")]

    def test_a_first_file_that_cannot_be_opened_is_told_once_and_the_next_one_is_classified(
        self, tmp_path: Path, short_clip: Path
    ) -> None:
        (bad := tmp_path / "bad.mp4").write_bytes(b"no video")
        ended = run(tmp_path, bad, short_clip, observer=(observer := Watcher()))
        assert (ended.failed, len(observer.problems), len(ended.sightings or [])) == (1, 1, 4)


class TestQuality:
    def test_a_face_too_poor_to_be_of_use_is_remembered_and_not_kept(self, tmp_path: Path, short_clip: Path) -> None:
        run(tmp_path, short_clip, quality=1.0)
        poor = rejected(tmp_path)
        assert poor
        assert all(0 < quality < 1 for _, quality in poor)
        kept = {line["frame"] for line in lines(tmp_path)}
        assert sorted([*kept, *(frame for frame, _ in poor)]) == [0, 1, 2, 3]
        assert len(pictures(tmp_path)) == len(kept)
        run(tmp_path, short_clip, quality=1.0)
        assert rejected(tmp_path) == poor  # each once, however often it runs


def rejected(folder: Path) -> list[tuple[Any, ...]]:
    import sqlite3

    table = sqlite3.connect(folder / "result" / "faces.sqlite")
    try:
        return table.execute("SELECT frame, quality FROM faces WHERE state = 'rejected' ORDER BY frame").fetchall()
    finally:
        table.close()


class Device:
    """A camera before which one person sits, then another: 50 pictures a second."""

    def __init__(self, views: list[Image]) -> None:
        self._views = views
        self._began = time.monotonic()

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, what: int) -> float:
        return 50.0

    def read(self) -> tuple[bool, Image]:
        time.sleep(0.02)
        late = int((time.monotonic() - self._began) / 1.4)
        return True, self._views[min(late, len(self._views) - 1)].copy()

    def release(self) -> None:
        pass


class WatchedRoom:
    """A camera before which somebody sits, then nobody, then the same person again, each for as long as it takes."""

    def __init__(self, person: Image, result: Path) -> None:
        self._person, self._nobody, self._result = person, np.full_like(person, 90), result
        self._renamed = 0.0

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, what: int) -> float:
        return 50.0

    def read(self) -> tuple[bool, Image]:
        time.sleep(0.02)
        if not self._renamed and (self._result / "person_01").is_dir():
            time.sleep(0.2)  # whoever was just seen is in the table, too
            (self._result / "person_01").rename(self._result / "Barack")
            self._renamed = time.monotonic()
        away = self._renamed and time.monotonic() - self._renamed < 3  # seconds: two periodic looks
        return True, (self._nobody if away else self._person).copy()

    def release(self) -> None:
        pass


class TestLive:
    @pytest.mark.parametrize("thoughts", [(), ("--online-only",)])
    def test_a_folder_renamed_before_a_periodic_look_does_not_come_back(
        self,
        tmp_path: Path,
        closeups: dict[str, Image],
        monkeypatch: pytest.MonkeyPatch,
        command: Callable[..., Any],
        thoughts: tuple[str, ...],
    ) -> None:
        result = tmp_path / "result"
        room = WatchedRoom(closeups["obama.jpg"], result)
        monkeypatch.setattr(feed, "Child", lambda: HereReader(lambda number: room))
        line = ("0", "-S", "0.1", "--refresh", "0.2", "--founding", "2", "--rethink", "1", "-s", "6", *thoughts)
        ended = command(*line, "--result", result, "--jsonl", tmp_path / "lines.jsonl")
        assert ended.code == 0, ended.err
        people = {path.name: len(list(path.iterdir())) for path in result.iterdir() if path.is_dir()}
        assert {name for name, faces in people.items() if faces} <= {"Barack", "unknowns"}
        assert "person_01" not in people
        assert lines(tmp_path)[-1]["person"] == "Barack"  # who came back is known

    def test_who_sits_before_a_camera_is_kept_and_slow_analysis_drops_pictures(
        self, tmp_path: Path, closeups: dict[str, Image], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cameras: list[LiveSource] = []
        device = Device([closeups["obama.jpg"], closeups["biden.jpg"]])
        monkeypatch.setattr(feed, "Child", lambda: HereReader(lambda number: device))

        def open_camera(path: str) -> LiveSource:
            cameras.append(opening.open_camera(path))
            return cameras[0]

        def slow(self: Engine, image: Image, detections: Any, *more: Any) -> list[Face]:
            time.sleep(0.1)
            return encode(self, image, detections, *more)

        encode = Engine.encode
        monkeypatch.setattr(begun, "open_source", open_camera)
        monkeypatch.setattr(Engine, "encode", slow)
        observer = Watcher()
        ended = run(tmp_path, "0", observer=observer, seconds=0.0, stop=2.8, refresh=0.2, search_still=True)
        assert observer.positions == sorted(observer.positions)
        people = defaultdict(list)
        for sighting in ended.sightings or []:
            people[sighting.person].append(sighting.position or 0.0)
        assert len(people) == 2
        first, second = sorted(people.values())
        assert max(first) < min(second)
        assert cameras[0].dropped > 0
