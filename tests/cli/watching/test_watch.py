"""The daemon as users start it: in a process of its own, on videos to rehearse with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT

from face_classifier.daemon.wishes import IN_TIME


@contextmanager
def watching(*arguments: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """`watch` in another process."""
    line = [sys.executable, "-m", "face_classifier", "watch", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_rehearsal_ends_with_its_file(demo_clip: Path, tmp_path: Path):
    with watching(demo_clip, "--result", "result", "-s", "8", cwd=tmp_path) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (tmp_path / "result" / "person_01").is_dir()
    assert "camera-1: its file has ended" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_time_when_it_is_asked_to(demo_clip: Path, tmp_path: Path, number: signal.Signals):
    with watching(demo_clip, "--result", "result", "--seconds", "0.04", cwd=tmp_path) as process:
        wait_until(lambda: (tmp_path / "result" / "person_01").is_dir(), process)
        process.send_signal(number)
        asked = time.monotonic()
        _, err = process.communicate(timeout=30)
    assert time.monotonic() - asked < IN_TIME + 0.5
    assert process.returncode == 0, err
    assert "stops as asked" in err


def test_a_gallery_that_another_process_owns_is_left_alone(demo_clip: Path, tmp_path: Path):
    with watching(demo_clip, "--result", "result", "--seconds", "0.04", cwd=tmp_path) as first:
        wait_until(lambda: (tmp_path / "result" / "person_01").is_dir(), first)
        with watching(demo_clip, "--result", "result", cwd=tmp_path) as second:
            _, err = second.communicate(timeout=30)
        assert (second.returncode, f"in use by process {first.pid}" in err) == (75, True), err


def test_no_camera_is_wrong_use(tmp_path: Path):
    with watching(cwd=tmp_path) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "no camera is named" in err
