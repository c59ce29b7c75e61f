"""The live window, on a screen of its own."""

from __future__ import annotations

import os
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
        found = subprocess.run(
            ["xdotool", "search", "--name", "^Face Classifier$"], env=environment, capture_output=True, text=True
        )
        if found.stdout.strip():
            return found.stdout.split()[0]
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
