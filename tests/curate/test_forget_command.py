"""The command `forget` on real faces: what it does to captures and logs that the gallery was used with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Ended

from face_classifier.core.types import Image
from face_classifier.display.captures import _Note

Command = Callable[..., Ended]


@pytest.fixture
def clip(closeups: dict[str, Image], tmp_path: Path) -> Path:
    """Four seconds: one president twice, then both, then the other."""
    obama, again, biden = (closeups[name] for name in ("obama.jpg", "obama2.jpg", "biden.jpg"))
    empty = np.full_like(obama, 110)
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 1, (480, 240))
    for left, right in ((obama, empty), (again, empty), (obama, biden), (empty, biden)):
        writer.write(np.hstack((left, right)))
    writer.release()
    return path


@pytest.fixture
def watched(clip: Path, tmp_path: Path, command: Command) -> Path:
    """A result folder with Barack and Joe, whose captures and log are beside it."""
    result = tmp_path / "result"
    flags = "--refresh", "0", "--founding", "2", "--search-still"
    line = clip, "--result", result, "--capture", tmp_path / "seen", "--jsonl", tmp_path / "log.jsonl", *flags
    assert command(clip, "--result", result, *flags).code == 0
    folders = sorted((path for path in result.iterdir() if path.is_dir() and not path.name.startswith(".")), key=len_of)
    folders[-1].rename(result / "Barack")
    for path in folders[:-1]:
        for picture in path.iterdir():
            (result / "Joe").mkdir(exist_ok=True)
            picture.rename(result / "Joe" / picture.name)
    assert command(*line).code == 0
    return result


def len_of(folder: Path) -> int:
    return len(list(folder.iterdir()))


def logged(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def shown(folder: Path) -> list[tuple[Path, _Note]]:
    captures = sorted(path for path in folder.iterdir() if path.suffix == ".png")
    notes = [_Note.read(path) for path in captures]
    assert all(note is not None for note in notes)
    return [(path, note) for path, note in zip(captures, notes, strict=True) if note]


def test_captures_of_a_person_go_and_those_with_others_are_pixelated_there(
    watched: Path, tmp_path: Path, command: Command
) -> None:
    before = shown(tmp_path / "seen")
    assert [len(note.faces) for _, note in before] == [1, 1, 2, 1]
    both = before[2][0]
    was = cv2.imread(str(both))
    answer = json.loads(command("forget", "Barack", "--result", watched, "--json").out)
    assert (answer["captures"], answer["pixelated"], answer["left"]) == (2, 1, [])
    after = shown(tmp_path / "seen")
    assert [path for path, _ in after] == [path for path, _ in before[2:]]
    assert [len(note.faces) for _, note in after] == [1, 1]
    now = cv2.imread(str(both))
    assert (now[:, 260:460] == was[:, 260:460]).all()
    (box,) = (around for face, around, _ in before[2][1].faces if face != after[0][1].faces[0][0])
    face = now[box.top : box.bottom, max(0, box.left) : box.right]
    assert len(np.unique(face.reshape(-1, 3), axis=0)) <= 16
    assert len(np.unique(was[box.top : box.bottom, max(0, box.left) : box.right].reshape(-1, 3), axis=0)) > 1000


def test_lines_of_a_person_go_from_the_log(watched: Path, tmp_path: Path, command: Command) -> None:
    log = tmp_path / "log.jsonl"
    before = logged(log)
    assert {line["person"] for line in before} == {"Barack", "Joe"}
    answer = json.loads(command("forget", "Barack", "--result", watched, "--json").out)
    assert answer["lines"] == 3
    assert logged(log) == [line for line in before if line["person"] == "Joe"]
    assert command("verify", "--result", watched, "--jsonl", log).code == 0


def test_another_persons_line_loses_the_name(watched: Path, tmp_path: Path, command: Command) -> None:
    picture = min((watched / "Barack").iterdir())
    picture.rename(watched / "Joe" / picture.name)
    assert command("forget", "Barack", "--result", watched).code == 0
    assert [line["person"] for line in logged(tmp_path / "log.jsonl") if line["face"] == picture.stem] == [None]
    assert "Barack" not in (tmp_path / "log.jsonl").read_text("utf-8")


def test_what_is_not_there_any_more_is_told(watched: Path, tmp_path: Path, command: Command) -> None:
    shutil.rmtree(tmp_path / "seen")
    (tmp_path / "log.jsonl").unlink()
    answer = json.loads(command("forget", "Barack", "--result", watched, "--json").out)
    assert answer["faces"] == 3
    assert sorted(sentence.split(" could")[0] for sentence in answer["left"]) == [
        f"the captures {tmp_path / 'seen'}",
        f"the log {tmp_path / 'log.jsonl'}",
    ]


def test_a_rerun_captures_nobody_who_was_forgotten(clip: Path, watched: Path, tmp_path: Path, command: Command) -> None:
    path, note = shown(tmp_path / "seen")[2]
    barack, joe = (around for _, around, _ in sorted(note.faces, key=lambda face: face[1].left))
    both = cv2.imread(str(path))
    command("forget", "Barack", "--result", watched)
    again = tmp_path / "again"
    assert command(clip, "--result", watched, "--capture", again, "--refresh", "0", "--search-still").code == 0
    captures = shown(again)
    assert [len(note.faces) for _, note in captures] == [1, 1]
    pixelated = cv2.imread(str(captures[0][0]))
    assert both is not None
    assert pixelated is not None
    changed = np.abs(both.astype(int) - pixelated)
    assert changed[barack.top : barack.bottom, barack.left : barack.right].mean() > 10
    assert changed[joe.top : joe.bottom, joe.left : joe.right].mean() < 1


def test_captures_that_do_not_tell_whom_they_show_are_counted(watched: Path, tmp_path: Path, command: Command) -> None:
    seen = sorted((tmp_path / "seen").glob("*.png"))
    cv2.imwrite(str(seen[0]), cv2.imread(str(seen[0])))
    answer = json.loads(command("forget", "Barack", "--result", watched, "--json").out)
    (told,) = answer["left"]
    assert told.startswith(f"1 capture in {tmp_path / 'seen'} without a mark of whom it shows")
