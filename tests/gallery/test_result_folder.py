"""The command on real input, again and again on one result folder, with everything that happens in between."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import cv2
import pytest
from conftest import HOLD, Ended, Gallery, Watcher, held, killed_at_every_line

from face_classifier.core.config.load import load
from face_classifier.core.disk import durable, files, rooted
from face_classifier.core.disk.durable import PART
from face_classifier.core.disk.files import content_hash
from face_classifier.core.types import Frame, Image
from face_classifier.gallery import keep, look, reconcile, store
from face_classifier.gallery.derived import pickled, views
from face_classifier.gallery.folder import carry, opened, scan
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import file, notes, rows
from face_classifier.pipeline import run as pipeline
from face_classifier.vision.engine import Engine

Command = Callable[..., Ended]


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return tmp_path / "result"


def pictures(result: Path) -> list[str]:
    return sorted(f"{path.parent.name}/{path.name}" for path in result.glob("*/*"))


def contents(result: Path) -> Counter[str]:
    """Hashes of the pictures; what was being written when a process was killed is hidden, and none of them."""
    return Counter(content_hash(path) for path in result.glob("*/[!.]*"))


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def exported(command: Command, result: Path) -> dict[str, str | None]:
    """Person by face, as `export` tells it."""
    found = [json.loads(line) for line in command("export", "--result", result).out.splitlines()]
    assert len({line["face"] for line in found}) == len(found)
    return {line["face"]: line["person"] for line in found}


def real_command(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "face_classifier", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


# Rename, move, delete, run again


def test_names_moves_and_removals_survive_the_real_command(short_clip: Path, result: Path, tmp_path: Path) -> None:
    first = real_command(short_clip, "--result", result)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("2 persons, 4 known faces, 0 unknown faces\nperson_01 ")

    (result / "person_01").rename(result / "Barack Obama")
    kept, removed = sorted((result / "person_02").iterdir())
    moved = kept.rename(result / "Barack Obama" / kept.name)
    removed.unlink()
    (result / "person_02").rmdir()
    before = pictures(result)
    contents_before = contents(result)

    again = real_command(short_clip, "--result", result, "--jsonl", tmp_path / "faces.jsonl")
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    assert again.stdout.startswith("1 person, 3 known faces, 0 unknown faces\nBarack Obama ")
    assert pictures(result) == before
    assert contents(result) == contents_before
    told = lines(tmp_path / "faces.jsonl")
    assert [line["person"] for line in told] == ["Barack Obama"] * 3
    assert moved.stem in {line["face"] for line in told}
    assert {path.name for path in result.glob("montage.*")} == {"montage.Barack Obama-00.png"}
    assert len(pickle.loads((result / "face_encodings").read_bytes())) == 3


def test_running_again_adds_no_second_copy(command: Command, short_clip: Path, result: Path) -> None:
    first = command(short_clip, "--result", result)
    before = {path: path.stat().st_mtime_ns for path in result.rglob("*.png")}
    for _ in range(2):
        assert command(short_clip, "--result", result) == first
    assert {path: path.stat().st_mtime_ns for path in result.rglob("*.png")} == before


def test_a_copied_or_moved_clip_is_the_same_clip(
    command: Command, short_clip: Path, result: Path, tmp_path: Path
) -> None:
    command(short_clip, "--result", result)
    before = pictures(result)
    (tmp_path / "folder").mkdir()
    copied = Path(shutil.copyfile(short_clip, tmp_path / "folder" / "another name.mp4"))  # with a new time
    command(copied, "--result", result)
    moved = copied.rename(tmp_path / "moved.mp4")
    ended = command(moved, "--result", result, "--jsonl", tmp_path / "faces.jsonl")
    assert ended.code == 0
    assert pictures(result) == before
    assert [line["person"] for line in lines(tmp_path / "faces.jsonl")] == [
        "person_01", "person_02", "person_01", "person_02",
    ]  # fmt: skip


def test_another_phase_of_sampling_adds_only_what_is_new(command: Command, short_clip: Path, result: Path) -> None:
    command(short_clip, "--result", result, "-k", 2)
    assert len(pictures(result)) == 2
    command(short_clip, "--result", result)
    assert len(pictures(result)) == 4


def test_a_detector_on_smaller_frames_finds_the_same_faces(command: Command, short_clip: Path, result: Path) -> None:
    command(short_clip, "--result", result)
    before = pictures(result)
    done = real_command(short_clip, "--result", result, "-r", 0.8)
    assert done.returncode == 0, done.stderr
    assert pictures(result) == before


def test_pictures_as_sources_are_not_added_twice(
    command: Command, closeups: dict[str, Image], result: Path, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    (album / "sub").mkdir(parents=True)
    for name in ("obama.jpg", "sub/obama2.jpg", "biden.jpg"):
        cv2.imwrite(str(album / name), closeups[Path(name).name])
    for _ in range(2):
        ended = command(album, "--result", album / "result")
        assert ended.out.startswith("1 person, 2 known faces, 1 unknown face\n")
    shutil.move(album / "obama.jpg", album / "renamed.jpg")
    assert command(album, "--result", album / "result").out == ended.out
    assert len(pictures(album / "result")) == 3


def test_a_moved_face_teaches_its_new_person(command: Command, short_clip: Path, result: Path) -> None:
    command(short_clip, "--result", result, "-s", 1.5)
    assert len(pictures(result)) == 2
    for path, name in zip(sorted((result / "unknowns").iterdir()), ("Barack", "Joe"), strict=True):
        (result / name).mkdir()
        path.rename(result / name / path.name)
    command(short_clip, "--result", result)
    assert sorted(exported(command, result).values(), key=str) == ["Barack", "Barack", "Joe", "Joe"]


def test_without_the_table_no_copies_are_added_and_labels_stay(
    command: Command, short_clip: Path, result: Path
) -> None:
    command(short_clip, "--result", result)
    (result / "person_01").rename(result / "Barack")
    command(short_clip, "--result", result)
    before, people = pictures(result), exported(command, result)
    for path in result.glob("faces.sqlite*"):
        path.unlink()
    assert exported(command, result) == people  # before any run has made the table anew
    assert command(short_clip, "--result", result).err == ""
    assert pictures(result) == before
    assert exported(command, result) == people
    command(short_clip, "--result", result)
    assert pictures(result) == before


def test_deleting_the_whole_folder_starts_anew(command: Command, short_clip: Path, result: Path) -> None:
    command(short_clip, "--result", result)
    before = pictures(result)
    shutil.rmtree(result)
    command(short_clip, "--result", result)
    assert pictures(result) == before


def test_a_result_folder_may_move(command: Command, short_clip: Path, result: Path, tmp_path: Path) -> None:
    command(short_clip, "--result", result)
    before = pictures(result)
    shutil.copytree(result, tmp_path / "elsewhere")  # without the times, as from an archive
    for path in (tmp_path / "elsewhere").glob("*/*"):
        os.utime(path, (1, 1))
    ended = command(short_clip, "--result", tmp_path / "elsewhere")
    assert (ended.code, ended.err) == (0, "")
    assert pictures(tmp_path / "elsewhere") == before


# Changes while the program runs


@pytest.fixture
def meddle(short_clip: Path, result: Path):
    """Runs the short clip with an action after so many frames."""

    def run(after: int, action: Callable[[], object], *sources: str) -> tuple[pipeline.RunResult, list[str]]:
        observer = Watcher()
        observer.after = lambda frames: action() if frames == after else None
        chosen = load({"result": str(result), "jsonl": str(result.parent / "faces.jsonl")})
        ended = pipeline.run(chosen, sources or (str(short_clip),), threading.Event(), observer)
        return ended, observer.problems

    return run


def test_a_folder_renamed_while_the_program_runs_is_not_brought_back(meddle, result: Path) -> None:
    ended, problems = meddle(3, lambda: (result / "person_01").rename(result / "Barack"))
    assert problems == []
    assert ended.failed == 0
    assert {path.name for path in result.iterdir() if path.is_dir()} == {"Barack", "unknowns", "person_02"}
    assert {sighting.person for sighting in ended.sightings} == {"Barack", "person_02"}
    assert len(pictures(result)) == 4
    assert not list(result.glob("montage.person_01*"))


def test_a_folder_renamed_before_it_is_written_to_again(
    meddle, command: Command, short_clip: Path, result: Path
) -> None:
    command(short_clip, "--result", result, "-s", 2.5)  # the first president is person_01
    _, problems = meddle(1, lambda: (result / "unknowns").rename(result / "Joe"))
    assert problems == []
    assert {path.name: len(list(path.iterdir())) for path in result.iterdir() if path.is_dir()} == {
        "person_01": 2,
        "Joe": 2,
    }


def test_a_face_named_while_the_program_runs_is_known_from_then_on(meddle, result: Path) -> None:
    def name_both() -> None:
        for path, name in zip(sorted((result / "unknowns").iterdir()), ("Barack", "Joe"), strict=True):
            (result / name).mkdir()
            path.rename(result / name / path.name)

    meddle(2, name_both)
    told = lines(result.parent / "faces.jsonl")
    assert [line["person"] for line in told] == [None, None, "Barack", "Joe"]
    assert len(pictures(result)) == 4
    assert not list(result.glob("person_*"))


def test_a_face_deleted_while_the_program_runs_stays_deleted(meddle, short_clip: Path, result: Path) -> None:
    def delete() -> None:
        for path in (result / "unknowns").iterdir():
            path.unlink()

    meddle(1, delete)
    before = pictures(result)
    assert len(before) == 3
    meddle(99, lambda: None)
    assert pictures(result) == before


def test_the_result_folder_deleted_while_the_program_runs_is_one_sentence(
    command: Command, short_clip: Path, result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Store.keep

    def delete_then(self: Store, *arguments: object, **named: object) -> object:
        if result.exists():
            shutil.rmtree(result)
        return keep(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "keep", delete_then)
    ended = command(short_clip, "--result", result)
    assert ended.code == 1
    assert "is gone" in ended.err
    assert "Traceback" not in ended.err


# Two processes


@pytest.fixture
def holder(command: Command, short_clip: Path, result: Path) -> Iterator[int]:
    """The number of another process that writes to the result folder, which has four faces."""
    command(short_clip, "--result", result)
    with held(result) as number:
        yield number


def test_a_second_run_is_refused_with_the_number_of_the_first(
    command: Command, holder: int, short_clip: Path, result: Path
) -> None:
    before = pictures(result)
    ended = command(short_clip, "--result", result)
    assert ended.code == 75
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    assert f"process {holder}" in ended.err
    assert pictures(result) == before


def test_people_and_export_work_while_another_process_runs(command: Command, holder: int, result: Path) -> None:
    assert command("people", "--result", result).out.startswith("2 persons, 4 known faces, 0 unknown faces")
    (result / "person_01").rename(result / "Barack")
    assert set(exported(command, result).values()) == {"Barack", "person_02"}
    assert command("export", "--format", "csv", "--result", result).out.count("Barack") == 2


def test_people_and_export_leave_the_folder_as_it_is(command: Command, short_clip: Path, result: Path) -> None:
    command(short_clip, "--result", result)

    def state() -> dict[str, tuple[int, int]]:
        found = {str(path): path.lstat() for path in [result, *result.rglob("*")]}
        return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in found.items()}

    (result / "person_01").rename(result / "Barack")
    before = state()
    command("people", "--result", result)
    command("export", "--result", result)
    assert state() == before


def test_people_reads_what_a_killed_process_left(command: Command, short_clip: Path, result: Path) -> None:
    command(short_clip, "--result", result)
    line = [sys.executable, "-c", HOLD.replace("sys.stdin.read()", "import os; os.kill(os.getpid(), 9)"), str(result)]
    assert subprocess.run(line, capture_output=True, check=False).returncode == -signal.SIGKILL
    assert (result / "faces.sqlite-wal").exists()
    assert command("people", "--result", result).out.startswith("2 persons, 4 known faces")


# kill -9


ROOMS = (durable, files, rooted, file, notes, rows, carry, opened, scan, reconcile, look, keep, store, pickled, views)


@pytest.fixture(scope="module")
def killed(tmp_path_factory, closeups: dict[str, Image], engine: Engine) -> tuple[list[Path], list[Frame]]:
    """The result folder as it was at every line of the rooms that write: as a run killed there leaves it.

    The last one is that of the whole run.
    """
    begun = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    names = ("obama.jpg", "biden.jpg", "obama2.jpg", "obama_partial_face2.jpg", "biden.jpg")
    frames = [
        Frame(closeups[name], "clip.mp4", "fingerprint", index, float(index), 0.5, begun + timedelta(seconds=index))
        for index, name in enumerate(names)
    ]
    root = tmp_path_factory.mktemp("killed")
    run = partial(classify, root / "live", frames, engine)
    return killed_at_every_line(root / "live", ROOMS, root, run), frames


def classify(folder: Path, frames: list[Frame], engine: Engine) -> list[str]:
    """A run as the program does it; returns the problems told."""
    gallery = Gallery(folder, engine, lambda *_: frames[0])
    with Store(folder, writing=True) as opened:
        gallery.classify(opened, frames)
        opened.write_views(None, opened.look(gallery.read_photo).faces.hidden)
        return opened.problems()


def test_a_run_killed_at_any_line_loses_nothing_and_repeats_nothing(
    killed: tuple[list[Path], list[Frame]], engine: Engine
) -> None:
    (*folders, complete), frames = killed
    whole, people = contents(complete), groups(complete)
    assert [len(person) for person in people] == [2, 3]
    assert len(folders) > 40
    for folder in folders:
        left = Counter(content_hash(path) for path in folder.glob("*/[!.]*"))
        assert left <= whole, folder
        for _ in range(2):
            assert classify(folder, frames, engine) == [], folder
            assert contents(folder) == whole, folder
            assert groups(folder) == people, folder
        assert not list(folder.glob(f"**/{PART}*")), folder
        assert moves(folder) == [], folder  # the crash is not taken for something that the user did
        assert placed_rows(folder) == (5, 5), folder
        assert len(list(folder.glob("person_*"))) == 2, folder
        assert sorted(path.name for path in folder.glob("montage.*")), folder


def groups(folder: Path) -> list[list[str]]:
    """The people, each as the contents of the pictures, whatever their numbers."""
    people = (sorted(map(content_hash, person.iterdir())) for person in folder.glob("person_*"))
    return sorted((person for person in people if person), key=len)


def moves(folder: Path) -> list[tuple[str, ...]]:
    return query(folder, "SELECT door FROM journal WHERE door = 'file manager'")


def placed_rows(folder: Path) -> tuple[int, int]:
    """How many rows there are, and how many say that their face lies where the program put it."""
    ((rows, as_placed),) = query(folder, "SELECT count(*), sum(placed = folder AND intent IS NULL) FROM faces")
    return rows, as_placed


def query(folder: Path, statement: str) -> list[tuple]:
    database = sqlite3.connect(folder / "faces.sqlite")
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


def test_a_real_command_that_is_killed_loses_nothing(short_clip: Path, result: Path, command: Command) -> None:
    line = [sys.executable, "-m", "face_classifier", str(short_clip), "--result", str(result), "-S", "0"]
    with subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and len(list(result.glob("*/[!.]*"))) < 2:
            threading.Event().wait(0.01)
        process.kill()
    left = contents(result)
    ended = command(short_clip, "--result", result)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("2 persons, 4 known faces, 0 unknown faces")
    assert left <= contents(result)
    assert len(pictures(result)) == 4
