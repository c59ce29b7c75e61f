"""A program that is killed while somebody is before its camera: what was seen is there, and nothing is told again."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from servers.streams import HttpCamera

from face_classifier.core.types import Image

PATIENCE = 60.0  # seconds, on a machine that is busy


@pytest.fixture
def door(closeups: dict[str, Image]) -> Iterator[HttpCamera]:
    """A camera before which somebody stands, and moves a little."""
    face = cv2.resize(closeups["obama.jpg"], (320, 320))

    def picture(number: int) -> np.ndarray:
        image = np.full((480, 640, 3), 110, np.uint8)
        left = 100 + number % 8
        image[80:400, left : left + 320] = face
        return image

    with HttpCamera(10.0, picture) as camera:
        yield camera


@contextmanager
def watching(config: Path) -> Iterator[subprocess.Popen[str]]:
    line = [sys.executable, "-m", "face_classifier", "watch", "--config", str(config)]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def rows(result: Path) -> list[tuple[str, str | None, int]]:
    """Last time, who was told, and session of each track."""
    try:
        with closing(sqlite3.connect(f"file:{result}/faces.sqlite?mode=ro", uri=True)) as table:
            return table.execute("SELECT last, said, session FROM tracks ORDER BY number").fetchall()
    except sqlite3.OperationalError:
        return []


def test_what_was_seen_a_second_before_is_known_and_nobody_is_told_twice(door: HttpCamera, tmp_path: Path) -> None:
    result, alerts, config = tmp_path / "result", tmp_path / "alerts.jsonl", tmp_path / "cctv.yaml"
    rule = {"name": "all", "on": ["person", "new_person", "unknown"], "channels": ["log"]}
    settings = {
        "result": str(result),
        "cameras": {"door": {"url": door.address()}},
        "channels": {"log": {"type": "file", "path": str(alerts)}},
        "alerts": {"rules": [rule]},
        "web": {"listen": "off"},
    }
    config.write_text(json.dumps(settings), "utf-8")
    with watching(config) as process:
        until(lambda: alerts.exists() and alerts.read_text("utf-8"))
        time.sleep(2)
        killed = datetime.now(timezone.utc)
        process.send_signal(signal.SIGKILL)
        process.wait()
    ((last, said, _),) = rows(result)
    assert said == "person_01"
    assert killed - datetime.fromisoformat(last) < timedelta(seconds=2)  # one, and half of one between two frames
    with watching(config):
        until(lambda: len({session for _, said, session in rows(result) if said}) == 2)
        time.sleep(1)
    told = [json.loads(line) for line in alerts.read_text("utf-8").splitlines()]
    assert [(alert["kind"], alert["person"], alert["camera"]) for alert in told] == [
        ("new_person", "person_01", "door")
    ]
    line = [sys.executable, "-m", "face_classifier", "events", "--result", str(result), "--json"]
    (visit,) = json.loads(subprocess.run(line, capture_output=True, check=True, text=True).stdout)
    assert (visit["person"], visit["camera"], len(visit["tracks"])) == ("person_01", "door", 2)
