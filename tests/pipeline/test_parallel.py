"""Files that are analysed at a time: the result is as if they were one after another."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import cv2
import pytest
from conftest import Ended

from face_classifier.core.types import Image
from face_classifier.pipeline.analysis.analyse import Analysis


@pytest.fixture
def files(tmp_path: Path, short_clip: Path, closeups: dict[str, Image]) -> list[Path]:
    """A clip, photos, a file that is none, and a copy of the clip of another age."""
    made = [short_clip]
    for number, name in enumerate(("obama.jpg", "biden.jpg", "obama3.jpg")):
        made.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(made[-1]), closeups[name])
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(short_clip.read_bytes())
    for path in (*made[1:], copy):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return [*made, broken, copy]


def outcome(folder: Path, files: list[Path], command: Callable[..., Ended], *more: object) -> tuple[object, ...]:
    result, lines = folder / "result", folder / "lines.jsonl"
    folder.mkdir()
    ended = command(*files, "--result", result, "--jsonl", lines, *more)
    pictures = {
        path.relative_to(result).as_posix(): sha256(path.read_bytes()).hexdigest() for path in result.glob("*/*.png")
    }
    said = ended.out.replace(str(folder), ""), ended.err.replace(str(folder), "")
    return ended.code, said, pictures, lines.read_text("utf-8")


def test_the_result_does_not_depend_on_their_number(
    tmp_path: Path, files: list[Path], command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = outcome(tmp_path / "one", files, command)
    assert one[0] == 1  # a file that is no video
    assert len(one[2]) == 7  # type: ignore[arg-type]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for number in (2, 4, 64):
        assert outcome(tmp_path / str(number), files, command, "--parallel", number) == one
    assert list(temporary.iterdir()) == []


def test_they_are_analysed_while_others_are(
    tmp_path: Path, files: list[Path], command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_now, most = 0, 0
    together, longest = threading.Event(), 60.0  # seconds that the first waits for a second one
    begin, leave = Analysis._frames, Analysis.__exit__

    def counted(self: Analysis) -> object:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        if most > 1:
            together.set()
        return begin(self)

    def ended(self: Analysis, *error: object) -> None:
        nonlocal open_now
        together.wait(longest)
        leave(self, *error)  # type: ignore[arg-type]
        open_now -= 1

    monkeypatch.setattr(Analysis, "_frames", counted)  # of the first file ahead of its turn
    monkeypatch.setattr(Analysis, "__exit__", ended)
    outcome(tmp_path / "two", files, command, "--parallel", 2)
    assert most == 2
    most, longest = 0, 0.0
    outcome(tmp_path / "captures", files, command, "--parallel", 2, "--capture", tmp_path / "captured")
    assert most == 1  # pictures are not kept in records
