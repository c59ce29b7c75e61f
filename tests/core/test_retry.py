"""A disk that is full or fails: what it refuses is done once it is cured, once and under the right name."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Watcher, small_file_system

from face_classifier.core.config.load import load
from face_classifier.core.disk.retry import DiskError, Held, Patience
from face_classifier.core.types import Face, Frame, Image, Match, Sighting
from face_classifier.events.records import JsonLines
from face_classifier.gallery.store import Store
from face_classifier.pipeline import run as pipeline

OBAMA, BIDEN = "obama.jpg", "biden.jpg"
LIMITS = {resource.RLIMIT_NOFILE: 3, resource.RLIMIT_FSIZE: 1000}  # no more files, or only small ones


class Observer(Watcher):
    """May do something, too, when it is told of a problem."""

    def __init__(self) -> None:
        super().__init__()
        self.told: Callable[[str], object] = lambda sentence: None

    def problem(self, sentence: str) -> None:
        super().problem(sentence)
        self.told(sentence)


def run(folder: Path, source: object, observer: Observer | None = None, **flags: Any) -> pipeline.RunResult:
    """Everything that a run can write, in one folder."""
    stopping = flags.pop("stopping", threading.Event())
    paths = {"result": folder / "result", "jsonl": folder / "lines.jsonl", "capture": folder / "captures"}
    settings = load({**{key: str(path) for key, path in paths.items()}, "founding": 2, **flags})
    return pipeline.run(settings, [str(source)], stopping, observer or Observer())


def state_of(folder: Path) -> dict[str, Any]:
    """What a run left, but for the dates of files: pictures, views, captures and log by content, rows by face."""
    with Store(folder / "result", writing=False) as store:
        rows = store.check.stock().rows
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(("faces.sqlite", ".lock"))
    }
    table = {row.face: (row.folder, row.file, row.placed, row.intent, row.track, row.distance) for row in rows}
    assert len(table) == len(rows)
    return {**files, **table}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    with small_file_system(tmp_path / "disk", "24m") as folder:
        yield folder


def fill(disk: Path, left: int) -> Path:
    """Leave only so many bytes of a disk."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    filler.write_bytes(bytes(max(0, free - left)))
    return filler


# Files


@pytest.fixture(scope="module")
def undisturbed(short_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    run(folder, short_clip)
    return state_of(folder)


@pytest.mark.parametrize("left", [0, 60_000, 120_000, 300_000])
def test_a_video_on_a_full_disk_waits_for_room_and_then_all_is_as_if_there_had_been_room(
    small_disk: Path, short_clip: Path, undisturbed: dict[str, Any], left: int
) -> None:
    observer = Observer()
    observer.after = lambda frames: fill(small_disk, left) if frames == 1 else None
    observer.told = lambda sentence: (small_disk / "filler").unlink(missing_ok=True)
    run(small_disk, short_clip, observer)
    waits, cured = observer.problems
    assert "No space left on device" in waits or "disk is full" in waits
    assert "make room on that disk, and the run goes on by itself: it waits up to 60 s" in waits
    assert cured.endswith("can be written again, and the run goes on")
    assert state_of(small_disk) == undisturbed


def test_without_room_a_run_ends_after_its_patience_and_goes_on_from_there_the_next_time(
    small_disk: Path, short_clip: Path, undisturbed: dict[str, Any], command: Callable[..., Any]
) -> None:
    result = small_disk / "result"
    assert command(short_clip, "--result", result, "-s", "0.5").code == 0
    filler = fill(small_disk, 100_000)
    began = time.monotonic()
    ended = command(short_clip, "--result", result, "--founding", "2", "--patience", "2")
    assert 2 <= time.monotonic() - began < 30
    assert ended.code == 1
    _, gave_up = ended.err.splitlines()
    assert str(result) in gave_up
    assert "cannot be written" in gave_up
    assert gave_up.endswith("make room on that disk and run again: what is kept so far is whole")
    with Store(result, writing=False) as store:
        assert store.check.faults() == []
        assert len(store.check.stock().lying) == len(list(result.glob("*/*.png"))) == 1
    filler.unlink()
    assert command(short_clip, "--result", result, "--founding", "2").code == 0
    assert command("verify", "--result", result).code == 0
    kept = {str(path.relative_to(small_disk)) for path in result.glob("*/*.png")}
    assert kept == {file for file in undisturbed if file.startswith("result/") and file.count("/") == 2}


def test_a_stop_ends_waiting_at_once(small_disk: Path, short_clip: Path) -> None:
    stopping, observer, told = threading.Event(), Observer(), []
    timer = threading.Timer(0.3, stopping.set)

    def stop(sentence: str) -> None:
        if not told:
            timer.start()
        told.append(time.monotonic())

    observer.after = lambda frames: fill(small_disk, 0) if frames == 1 else None
    observer.told = stop
    with pytest.raises(DiskError):
        run(small_disk, short_clip, observer, stopping=stopping)
    assert time.monotonic() - told[0] < 3
    timer.join()


@pytest.mark.parametrize("limit", LIMITS, ids=["open files", "size of files"])
def test_a_limit_of_the_system_is_waited_for_too(
    tmp_path: Path, short_clip: Path, undisturbed: dict[str, Any], limit: int
) -> None:
    observer, before = Observer(), resource.getrlimit(limit)
    observer.after = lambda frames: resource.setrlimit(limit, (LIMITS[limit], before[1])) if frames == 1 else None
    observer.told = lambda sentence: resource.setrlimit(limit, before)
    try:
        run(tmp_path, short_clip, observer)
    finally:
        resource.setrlimit(limit, before)
    assert "cannot be written" in observer.problems[0]
    assert state_of(tmp_path) == undisturbed


class Injected:
    """Lets the ``number``-th write of a run fail once, whatever it is."""

    NAMES = ("rename", "mkdir", "fsync", "open", "replace", "unlink")

    def __init__(self, number: int, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
        self.left, self.hit = number, ""
        for name in self.NAMES:
            monkeypatch.setattr(os, name, self._failing(name, getattr(os, name)))
        database = store._inside.table.database
        store._inside.table.database = Database(database, self)  # type: ignore[assignment]

    def fails(self, what: str) -> bool:
        self.left -= 1
        if self.left == 0:
            self.hit = what
        return self.left == 0

    def _failing(self, name: str, usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            ours = name != "open" or (arguments[1] & (os.O_WRONLY | os.O_RDWR) or os.path.isdir(arguments[0]))
            if ours and self.fails(name):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))
            return usual(*arguments, **named)

        return call


class Database:
    """An SQLite connection some statement of which finds the disk full."""

    def __init__(self, usual: sqlite3.Connection, injected: Injected) -> None:
        self._usual, self._injected = usual, injected

    @property
    def in_transaction(self) -> bool:
        return self._usual.in_transaction

    def execute(self, statement: str, *values: Any) -> Any:
        self._write(statement)
        return self._usual.execute(statement, *values)

    def executemany(self, statement: str, values: Any) -> Any:
        self._write(statement)
        return self._usual.executemany(statement, values)

    def _write(self, statement: str) -> None:
        writes = statement.split()[0] in ("INSERT", "UPDATE", "DELETE", "COMMIT", "BEGIN")
        if writes and self._injected.fails(statement[:30]):
            raise sqlite3.OperationalError("database or disk is full")

    def close(self) -> None:
        self._usual.close()


def work(store: Store, frame: Callable[..., Frame], faces: dict[str, Face], read_photo: Any) -> None:
    """Everything that a run does to a store."""
    store.first_start("clip", frame(OBAMA).time)
    store.add_cannot_links([(1, 2)])
    one = store.keep(frame(OBAMA, 0), faces[OBAMA], Match(), 0, 1).sightings[0]
    two = store.keep(frame(BIDEN, 0), faces[BIDEN], Match(), 1, 2).sightings[0]
    store.keep(frame(OBAMA, 1), faces[OBAMA], Match(None, 0.1, (one.id,)), 0, 1)
    store.keep(frame(BIDEN, 1), faces[BIDEN], Match(None, 0.2, (two.id,)), 0, 2)
    three = store.keep(frame(OBAMA, 2), faces[OBAMA], Match("person_01", 0.1), 0, 1).sightings[0]
    four = store.keep(frame(OBAMA, 3), faces[OBAMA], Match(), 0).sightings[0]
    store.keep(frame(OBAMA, 4), faces[OBAMA], Match("person_01", 0.1, (four.id,)), 0, 1)
    store.look(read_photo)
    store.move([three.id], None)
    store.move([two.id, two.id + 2], None, new=True)
    store.write_views(None, store.look(read_photo).faces.hidden)


def outcome(folder: Path) -> dict[str, Any]:
    state = state_of(folder.parent)
    assert not list(folder.rglob(".face-classifier-part-*"))
    return state


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.proof)])
def test_every_write_that_fails_once_is_done_at_the_next_trial_exactly_once(
    tmp_path: Path,
    frame: Callable[..., Frame],
    faces: dict[str, Face],
    gallery: Any,
    monkeypatch: pytest.MonkeyPatch,
    stride: int,
) -> None:
    def again(action: Callable[[], Any]) -> Any:
        try:
            return action()
        except DiskError:
            return action()

    def result_of(number: int) -> tuple[dict[str, Any], str]:
        folder = tmp_path / str(number) / "result"
        with Store(folder, writing=True, until_done=again) as store, monkeypatch.context() as patch:
            store.look(gallery.read_photo)
            injected = Injected(number, patch, store)
            work(store, frame, faces, gallery.read_photo)
        return outcome(folder), injected.hit

    wanted, _ = result_of(0)
    assert {folder for folder, *_ in (row for row in wanted.values() if isinstance(row, tuple))} == {
        *("person_01", "person_03", "unknowns")
    }
    hits, number, hit = [], 1 - stride, "first"
    while hit:
        number += stride
        state, hit = result_of(number)
        hits.append(hit)
        assert state == wanted, (number, hit)
    assert number > 100
    if stride == 1:
        assert {"mkdir", "fsync", "open", "rename", "COMMIT"} <= set(hits)


# Live sources


@pytest.fixture
def room(webcam: Callable[..., None], closeups: dict[str, Image]) -> None:
    """A camera before which one person sits, then another, and again."""
    webcam([closeups[OBAMA], closeups[BIDEN]], 1.5)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "lines.jsonl").read_text("utf-8").splitlines()]


def test_a_webcam_goes_on_recognising_on_a_full_disk_and_keeps_the_faces_after_the_cure(
    small_disk: Path, room: None, tmp_path: Path
) -> None:
    observer = Observer()
    filled: list[float] = []
    cured: list[float] = []

    def after(frames: int) -> None:
        if not filled and frames >= 8 and len(list((small_disk / "result").glob("person_*"))) == 2:
            fill(small_disk, 0)
            filled.append(time.time())
        elif filled and not cured and time.time() - filled[0] > 2:
            (small_disk / "filler").unlink()
            cured.append(time.time())

    observer.after = after
    flags = {"seconds": 0.1, "refresh": 0.2, "search_still": True, "stop": 8, "rethink": 2}
    result = run(small_disk, "0", observer, jsonl=str(tmp_path / "lines.jsonl"), **flags)
    told = lines(tmp_path)
    held = [line for line in told if line.get("kept") is False]
    assert len(held) >= 5
    assert {line["person"] for line in held} - {None}  # who was known before is recognised
    later = {line["face"] for line in told if "kept" not in line}
    assert {line["face"] for line in held} <= later
    kept = {face.face: face for face in result.sightings or []}
    assert later == kept.keys() == {path.stem for path in (small_disk / "result").glob("*/*.png")}
    for line in held:
        face = kept[line["face"]]
        assert (face.time.isoformat(), list(face.box.css)) == (line["time"], line["box"])  # type: ignore[union-attr]
        picture = next((small_disk / "result").glob(f"*/{line['face']}.png"))
        assert picture.stat().st_mtime - cured[0] < 10
    captures = list((small_disk / "captures").glob("*.png"))
    assert len(captures) == len(observer.positions)
    assert "what comes is held in memory until then" in observer.problems[0]
    assert not any("lost" in problem for problem in observer.problems)


def test_a_webcam_that_is_seldom_looked_at_keeps_the_faces_between_two_looks(
    small_disk: Path, room: None, tmp_path: Path
) -> None:
    observer = Observer()

    def fill_and_cure(frames: int) -> None:
        if frames == 1:
            filler = fill(small_disk, 0)
            threading.Timer(5, filler.unlink).start()  # after the second look

    observer.after = fill_and_cure
    run(small_disk, "0", observer, jsonl=str(tmp_path / "lines.jsonl"), seconds=4.0, stop=7, search_still=True)
    (held,) = (line for line in lines(tmp_path) if line.get("kept") is False)
    picture = next((small_disk / "result").glob(f"*/{held['face']}.png"))
    late = picture.stat().st_mtime - datetime.fromisoformat(held["time"]).timestamp()
    assert late < 2.9  # kept while the source went on, to its second 7


def test_what_a_webcam_could_not_keep_is_counted_and_told_at_its_end(
    small_disk: Path, room: None, tmp_path: Path
) -> None:
    observer = Observer()
    observer.after = lambda frames: fill(small_disk, 0) if frames == 5 else None
    flags = {"seconds": 0.1, "refresh": 0.2, "stop": 3, "patience": 1, "capture": None}
    with pytest.raises(DiskError, match="cannot be written"):
        run(small_disk, "0", observer, jsonl=str(tmp_path / "lines.jsonl"), **flags)
    held = [line for line in lines(tmp_path) if line.get("kept") is False]
    assert f"{len(held)} faces are lost, since they could not be written; keep more room free" in observer.problems
    with Store(small_disk / "result", writing=False) as store:
        assert len(store.check.stock().lying) == len(list((small_disk / "result").glob("*/*.png")))
        assert store.check.faults() == []


# The parts


def test_what_does_not_fit_into_memory_falls_out_the_oldest_first_and_is_told() -> None:
    written: list[str] = []
    problems: list[str] = []
    refusing = True

    def write(item: str) -> None:
        if refusing:
            raise DiskError("disk", "full", "make room")
        written.append(item)

    held: Held[str] = Held("faces", write, problems.append, most=3 << 20)
    for item in "abcde":
        held.add(item, 1 << 20)
    assert len(problems) == 1
    assert problems[0].startswith("the faces that cannot be written fill 3 MB of memory")
    with pytest.raises(DiskError):
        held.flush()
    refusing = False
    held.flush()
    assert written == ["a", "d", "e"]
    assert problems[1].startswith("2 faces are lost")


def test_a_log_on_a_full_disk_gets_every_line_whole(small_disk: Path) -> None:
    log = JsonLines(small_disk / "lines.jsonl", pytest.fail)
    filler = fill(small_disk, 4096)
    log.tell([Sighting(number, f"face-{number}", "Anna", 0.3) for number in range(100)])
    for _ in range(2):
        with pytest.raises(DiskError, match=r"lines\.jsonl cannot be written \(No space left on device\)"):
            log.flush()
    filler.unlink()
    log.flush()
    log.close()
    assert [line["face"] for line in lines(small_disk)] == [f"face-{number}" for number in range(100)]


def test_patience_tells_once_a_minute_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    class Stopping(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock[0] += timeout or 0
            return False

    monkeypatch.setattr("face_classifier.core.disk.retry.monotonic", lambda: clock[0])
    problems: list[str] = []
    patience = Patience(150, Stopping(), problems.append)

    def refused() -> None:
        raise DiskError("x.png", "full", "make room")

    with pytest.raises(DiskError):
        patience.until_done(refused)
    assert clock[0] == 150
    assert len(problems) == 3
    with pytest.raises(DiskError):
        patience.until_done(refused)  # patience is at its end
    assert clock[0] == 150


# Other commands


@pytest.mark.parametrize(
    "line",
    [
        ("group", "{photos}", "-o", "{disk}/people"),
        ("similar", "{photo}", "--gallery", "{photos}", "--index", "{disk}/index"),
    ],
)
def test_a_command_on_a_full_disk_names_the_file_and_keeps_what_there_is(
    small_disk: Path,
    photo_folder: Callable[..., Path],
    closeups: dict[str, Image],
    command: Callable[..., Any],
    line: tuple[str, ...],
) -> None:
    photos = photo_folder({f"{name}/{number}.jpg": name for name in (OBAMA, BIDEN) for number in range(2)})
    places = {"photos": photos, "photo": photos / OBAMA / "0.jpg", "disk": small_disk}
    arguments = [word.format(**places) for word in line]
    assert command(*arguments).code == 0
    before = {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file()}
    for number in range(2, 9):
        noisy = np.random.default_rng(number).integers(0, 30, (240, 240, 3), dtype=np.uint8)
        cv2.imwrite(str(photos / f"{number}.jpg"), cv2.add(closeups[OBAMA], noisy))
    filler = fill(small_disk, 0)
    ended = command(*arguments)
    assert ended.code == 1
    (sentence,) = ended.err.splitlines()[-1:]
    assert sentence.startswith("face-classifier: ")
    assert str(small_disk) in sentence
    assert "[Errno" not in sentence
    filler.unlink()
    for path, content in before.items():
        if path.suffix != ".sqlite" and "index" not in path.name:
            assert path.read_bytes() == content, path
    assert command(*arguments).code == 0
