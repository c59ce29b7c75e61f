"""The commands `retain` and `strangers`, on real faces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Ended

Command = Callable[..., Ended]


@pytest.fixture
def result(short_clip: Path, tmp_path: Path, command: Command) -> Path:
    """A result folder with four faces of nobody, of which two were written a week ago."""
    folder = tmp_path / "result"
    assert command(short_clip, "--result", folder, "-t", "0.01", "--online-only", "-S", "1").code == 0
    pictures = sorted((folder / "unknowns").glob("*.png"))
    assert len(pictures) == 4
    for path in pictures[:2]:
        os.utime(path, 2 * (time.time() - 7 * 86_400,))
    assert command("people", "--result", folder).code == 0
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "keep.yaml"
    path.write_text("keep: {unknown: 72h}\n")
    return path


def faces(folder: Path) -> set[str]:
    return {path.name for path in (folder / "unknowns").glob("*.png")}


def test_what_a_dry_run_tells_goes_with_the_command_and_stays_away(
    result: Path, config: Path, short_clip: Path, command: Command
) -> None:
    assert command("verify", "--result", result).code == 0  # takes over the times of the files
    before = faces(result)
    line = "retain", "--config", config, "--result", result
    would = command(*line, "--dry-run")
    assert would.out.startswith("2 faces of nobody, 0 captures, 0 tracks would be removed: ")
    assert faces(result) == before
    done = command(*line)
    assert done.out == would.out.replace("would be", "were")
    left = faces(result)
    assert len(left) == 2
    assert json.loads(command(*line, "--json").out) == {
        "faces": 0, "captures": 0, "tracks": 0, "records": 0, "freed": 0, "over": 0, "problems": []
    }  # fmt: skip
    assert command("verify", "--result", result, "--dry-run").code == 0
    again = short_clip, "--result", result, "-t", "0.01", "--online-only", "-S", "1"
    assert command(*again).code == 0
    assert faces(result) == left


def test_without_a_time_there_is_nothing_to_do(result: Path, command: Command) -> None:
    ended = command("retain", "--result", result)
    assert ended.code == 2
    assert "everything is kept for ever; set keep in a configuration, and give it to --config" in ended.err


def test_strangers_are_told_by_day_and_source(short_clip: Path, tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "result"
    assert command(short_clip, "--result", folder, "--known-only", "-S", "1").code == 0
    assert not list(folder.glob("*/*.png"))
    (counted,) = json.loads(command("strangers", "--result", folder, "--json").out)
    assert (counted["source"], counted["strangers"]) == (str(short_clip), 4)
    assert str(short_clip) in command("strangers", "--result", folder).out
    assert command("strangers", "--result", tmp_path / "none").code == 1


def test_where_nobody_was_counted_that_is_told(result: Path, command: Command) -> None:
    assert command("strangers", "--result", result).out == "nobody has been counted so far\n"


def test_a_daemon_removes_by_itself_what_was_kept_for_long_enough(
    result: Path, config: Path, demo_clip: Path, tmp_path: Path, command: Command
) -> None:
    assert command("verify", "--result", result).code == 0  # takes over the times of the files
    old = sorted(faces(result))[:2]
    config.write_text(
        f"result: {result}\nthreshold: 0.01\nkeep: {{unknown: 72h}}\nweb: {{listen: off}}\n"
        f"cameras: {{door: {{url: {demo_clip}, speed: 5, masks: [[[0, 0], [1, 0], [1, 1], [0, 1]]]}}}}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "face_classifier", "watch", "--config", str(config)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("faces of nobody removed, as keep says") == 1
    assert "2 faces of nobody removed, as keep says" in done.stderr
    assert len(faces(result)) == 2, "behind the mask nobody was seen, though the clip has two people"
    assert faces(result).isdisjoint(old)
