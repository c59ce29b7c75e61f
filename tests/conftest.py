"""Faces for the tests: the photographs of the demo, which any machine can fetch, and the real data where it is."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier import demo
from face_classifier.engine import Engine
from face_classifier.faces import Face, Frame, Image

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def photographs() -> dict[str, Path]:
    """The demo's photographs of two presidents, by file name."""
    return demo.photographs()


@pytest.fixture(scope="session")
def demo_clip() -> Path:
    return demo.clip()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real test data, which is not part of the project."""
    folder = Path(os.environ.get("FACE_CLASSIFIER_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the real test data is not at {folder}; set FACE_CLASSIFIER_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def portraits(photographs: dict[str, Path]) -> dict[str, Image]:
    """The photographs as small BGR pictures with faces of about 100 pixels, for speed."""
    images = {name: cv2.imread(str(path)) for name, path in photographs.items()}
    return {
        name: cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA) for name, image in images.items()
    }


@pytest.fixture(scope="session")
def faces(portraits: dict[str, Image], engine: Engine) -> dict[str, Face]:
    """The face of each photograph."""
    return {name: engine.photo(image, own_cut=False)[0] for name, image in portraits.items()}


@pytest.fixture
def frame(portraits: dict[str, Image]) -> Callable[..., Frame]:
    """Makes a frame of a photograph at a position (seconds) of a source."""

    def make(name: str, position: float = 0.0, fingerprint: str | None = "clip") -> Frame:
        taken = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
        return Frame(
            np.ascontiguousarray(portraits[name]), "clip.mp4", fingerprint, int(position * 25), position, 0.02, taken
        )

    return make


@pytest.fixture(autouse=True)
def _leave_nothing_behind(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails a test that leaves a thread or logs an error; keeps the user's settings out of all."""
    for name in list(os.environ):
        if name.startswith("FACE_CLASSIFIER_") and name != "FACE_CLASSIFIER_TEST_DATA":
            monkeypatch.delenv(name)
    before = set(threading.enumerate())
    yield
    left = [thread for thread in set(threading.enumerate()) - before if thread.is_alive()]
    assert not left, f"threads left behind: {left}"
    errors = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert not errors, f"errors logged: {errors}"
