"""The live window, on a screen of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from conftest import need_tool

from face_classifier.display.overlay import KNOWN, UNKNOWN

COMMAND = [sys.executable, "-m", "face_classifier"]


@pytest.fixture
def screen() -> Iterator[str]:
    """The name of a virtual display."""
    for tool, package in (("Xvfb", "xvfb"), ("xdotool", "xdotool"), ("import", "imagemagick")):
        need_tool(tool, package)
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24"], pass_fds=[write], stderr=subprocess.DEVNULL
    )
    os.close(write)
    try:
        yield ":" + os.read(read, 16).decode().strip()
    finally:
        os.close(read)
        server.terminate()
        server.wait()


@pytest.fixture
def desktop(screen: str) -> Iterator[str]:
    """The same with a window manager, which has a button that closes windows."""
    for tool in ("openbox", "wmctrl"):
        need_tool(tool, tool)
    manager = subprocess.Popen(["openbox"], env={**os.environ, "DISPLAY": screen}, stderr=subprocess.DEVNULL)
    try:
        yield screen
    finally:
        manager.terminate()
        manager.wait()


def test_the_window_shows_the_frames_and_q_saves_and_ends(tmp_path: Path, demo_clip: Path, screen: str):
    watch_until(["xdotool", "key", "--window", "WINDOW", "q"], tmp_path, demo_clip, screen)


def test_closing_the_window_saves_and_ends(tmp_path: Path, demo_clip: Path, desktop: str):
    watch_until(["wmctrl", "-c", "Face Classifier"], tmp_path, demo_clip, desktop)


def test_a_window_of_another_shape_shows_the_whole_frame(tmp_path: Path, demo_clip: Path, screen: str):
    environment = {**os.environ, "DISPLAY": screen}
    process = subprocess.Popen(
        [*COMMAND, *[str(demo_clip)] * 9, "-d", "-S", "0", "--workers", "1"],
        cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        window = wait_for_window(environment)
        subprocess.run(["xdotool", "windowmove", window, "0", "0"], env=environment, check=True)
        subprocess.run(["xdotool", "windowsize", window, "300", "590"], env=environment, check=True)
        deadline, height = time.monotonic() + 30, 0
        while time.monotonic() < deadline and abs(height - 300 * 9 / 16) > 2:
            subprocess.run(["import", "-window", window, str(tmp_path / "shot.png")], env=environment, check=False)
            shot = cv2.imread(str(tmp_path / "shot.png"))
            height = 0 if shot is None or shot.shape != (590, 300, 3) else int((shot.max(axis=(1, 2)) > 30).sum())
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    assert height == pytest.approx(300 * 9 / 16, abs=2)  # a frame of 16:9 over the whole width, black above and below


def watch_until(action: list[str], folder: Path, clip: Path, screen: str) -> None:
    """Run the command with a window until faces are seen in it, then do something that should end it well."""
    environment = {**os.environ, "DISPLAY": screen}
    process = subprocess.Popen(
        [*COMMAND, *[str(clip)] * 9, "-d", "-S", "0", "--workers", "1"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        window = wait_for_window(environment)
        wait_for_corners(folder / "shot.png", environment)
        subprocess.run([window if word == "WINDOW" else word for word in action], env=environment, check=True)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in err
    assert " faces" in out


def wait_for_window(environment: dict[str, str]) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        search = ["xdotool", "search", "--onlyvisible", "--class", "^face-classifier$"]
        found = subprocess.run(search, env=environment, capture_output=True, text=True)
        for window in found.stdout.split():
            how = ["xdotool", "getwindowgeometry", "--shell", window]
            told = subprocess.run(how, env=environment, capture_output=True, text=True).stdout
            width = re.search(r"^WIDTH=(\d+)$", told, re.MULTILINE)
            if width and int(width[1]) >= 300:  # SDL also has windows for itself, small ones, which come and go
                return window
        time.sleep(0.2)
    raise AssertionError("no window came up")


def wait_for_corners(path: Path, environment: dict[str, str]) -> None:
    """Until a screenshot shows the colour of the corners around a face."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        subprocess.run(["import", "-window", "root", str(path)], env=environment, check=True)
        shot = cv2.imread(str(path)).astype(int)
        if any((abs(shot - colour).max(axis=2) < 40).sum() > 50 for colour in (KNOWN, UNKNOWN)):
            return
        time.sleep(0.1)
    raise AssertionError("no corners around a face came up in the window")
