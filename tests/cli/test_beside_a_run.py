"""Commands that change a gallery, typed in another terminal while a camera is watched."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import pytest
from conftest import Ended

from face_classifier.core.disk.locks import LOCK, SOCKET
from face_classifier.core.types import Image

Command = Callable[..., Ended]

WATCH = """
import sys
import cv2
sys.path[:0] = sys.argv[1:2]
from conftest import Webcam
from face_classifier.cli.main import main
from servers.devices import plug_in
pictures = [cv2.imread(path) for path in sys.argv[3:]]
plug_in(lambda _number: Webcam(pictures, 0.5))
sys.exit(main(["0", "--result", sys.argv[2], "--rethink", "3600"]))
"""


@contextmanager
def watched(folder: Path, pictures: list[Path]) -> Iterator[subprocess.Popen[str]]:
    """A run in another process, of a camera that shows these pictures over and over again."""
    line = [sys.executable, "-c", WATCH, str(Path(__file__).parents[1]), str(folder), *map(str, pictures)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def shown(closeups: dict[str, Image], tmp_path: Path) -> list[Path]:
    pictures = [tmp_path / name for name in ("obama.png", "obama2.png", "biden.png")]
    for picture in pictures:
        assert cv2.imwrite(str(picture), closeups[f"{picture.stem}.jpg"])
    return pictures


def lying(folder: Path) -> dict[str, int]:
    """How many pictures lie in each folder."""
    return {path.name: len(list(path.glob("*.png"))) for path in folder.iterdir() if path.is_dir()}


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_everything_that_changes_a_gallery_works_while_a_camera_is_watched(
    shown: list[Path], photographs: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    folder = tmp_path / "result"

    def ask(*words: object, code: int = 0) -> Any:
        ended = command(*words, "--result", folder, "--json")
        assert ended.code == code, ended
        return json.loads(ended.out) if ended.out else ended.err

    with watched(folder, shown) as process:
        wait_for(lambda: (folder / LOCK).exists() and SOCKET in (folder / LOCK).read_text().split(), process)
        wait_for(lambda: folder.exists() and len(set(lying(folder)) - {"unknowns"}) >= 1, process)

        people = [path for path in folder.iterdir() if path.name.startswith("person_")]
        people[0].rename(folder / "Ann")  # as the user does
        wait_for(lambda: lying(folder)["Ann"] >= 4, process)
        (folder / "Bea").mkdir()
        picture = sorted((folder / "Ann").glob("*.png"))[0]
        picture.rename(folder / "Bea" / picture.name)
        ask("suggest", "reject", "Ann", "Bea")
        answer = ask("suggest", "accept", "Ann", "Bea")
        assert (answer["person"], answer["was"]) == ("Ann", "Bea")
        assert (folder / "Ann" / picture.name).exists()
        assert not (folder / "Bea").exists()

        rejected = sorted((folder / "Ann").glob("*.png"))[1]
        (excluded,) = ask("reject", rejected)
        assert not rejected.exists()
        assert Path(excluded["picture"]).exists()

        entry = max(one["entry"] for one in ask("log") if one["door"] == "command reject")
        ask("undo", "--to", entry - 1)
        assert rejected.exists()

        ask("enroll", "Joe", photographs["biden.jpg"])
        assert lying(folder)["Joe"] >= 1
        assert isinstance(ask("rethink"), list)
        ask("audit", "--apply")
        assert all(one["repaired"] for one in ask("verify")["findings"])
        assert f"in use by process {process.pid}" in ask("reencode", "--encoder", "dlib", code=75)

        ask("forget", "Joe")
        assert not (folder / "Joe").exists()

        kept = sum(lying(folder).values())
        wait_for(lambda: sum(lying(folder).values()) > kept, process)  # it goes on
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, ""), (out, err)
    assert not (folder / SOCKET).exists()
    checked = ask("verify", "--dry-run")
    assert checked["findings"] == []
    assert checked["checked"]["pictures"] == len([*folder.glob("*/*.png"), *folder.glob("*/*/*.png")])
    assert lying(folder)["Ann"] >= 4
    assert not (folder / "person_01").exists()
