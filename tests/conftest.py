"""Faces for the tests: the photographs of the demo, which any machine can fetch, and the real data where it is."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from face_classifier import cli, demo, pipeline
from face_classifier.engine import Engine
from face_classifier.faces import Detection, Face, Frame, Image, Sighting
from face_classifier.frames import read_picture
from face_classifier.store import Store, cut

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
        taken = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc) + timedelta(seconds=position)
        return Frame(
            np.ascontiguousarray(portraits[name]), "clip.mp4", fingerprint, int(position * 25), position, 0.02, taken
        )

    return make


class QuickEngine(Engine):
    """The engine, which looks at no picture twice."""

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[Any, Any] = {}

    def detect(self, image: Image) -> list[Detection]:
        return self._once(("detect", image.shape, image.tobytes()), lambda: super(QuickEngine, self).detect(image))

    def encode(self, image: Image, detections: Sequence[Detection]) -> list[Face]:
        boxes = tuple(detection.box for detection in detections)
        key = "encode", image.shape, image.tobytes(), boxes
        return self._once(key, lambda: super(QuickEngine, self).encode(image, detections))

    def _once(self, key: Any, find: Callable[[], Any]) -> Any:
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]


@pytest.fixture(scope="session")
def quick_engine() -> QuickEngine:
    return QuickEngine()


@pytest.fixture(scope="session")
def closeups(portraits: dict[str, Image], faces: dict[str, Face]) -> dict[str, Image]:
    """The photographs as pictures of 240 x 240 pixels with a face of about 80."""
    return {
        name: cv2.resize(cut(image, faces[name].box.grown()), (240, 240), interpolation=cv2.INTER_AREA)
        for name, image in portraits.items()
    }


@pytest.fixture(scope="session")
def short_clip(closeups: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds at one frame a second: one president, the other, the first again, the second again."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 1, (240, 240))
    larger = cv2.resize(closeups["biden.jpg"], (300, 300))[30:270, 30:270]
    for image in (closeups["obama.jpg"], closeups["biden.jpg"], closeups["obama2.jpg"], larger):
        writer.write(image)
    writer.release()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


class Gallery:
    """A result folder, and short words for working on it as the program and the user do."""

    def __init__(self, folder: Path, engine: Engine, frame: Callable[..., Frame]) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self._engine = engine
        self._frame = frame

    def see(self, *names: str, fingerprint: str | None = "clip") -> list[Sighting]:
        """Run the program on a clip whose seconds show these photographs; returns the last frame's sightings."""
        with Store(self.folder, writing=True) as store:
            classifier = pipeline.Classifier(self._engine, store, 0.44)
            sightings: list[Sighting] = []
            for position, name in enumerate(names):
                _, sightings = classifier.classify(self._frame(name, float(position), fingerprint))
            store.write_views(store.look(self.read_photo))
            self.problems = store.problems()
        return sightings

    def look(self, *, writing: bool = True) -> list[Sighting]:
        """Start the program and end it at once."""
        with Store(self.folder, writing=writing) as store:
            sightings = store.look(self.read_photo)
            if writing:
                store.write_views(sightings)
            self.problems = store.problems()
        return sightings

    def labels(self) -> dict[str, str | None]:
        """Person by face, as a reader sees them now."""
        sightings = self.look(writing=False)
        assert len({sighting.face for sighting in sightings}) == len(sightings)
        return {sighting.face: sighting.person for sighting in sightings}

    def read_photo(self, path: Path, own_cut: bool) -> tuple[Face, bool]:
        return self._engine.photo(read_picture(path), own_cut=own_cut)

    def pictures(self) -> list[str]:
        """Every file in a person's folder, hidden ones too, as `person/file`."""
        return sorted(f"{path.parent.name}/{path.name}" for path in self.folder.glob("*/*"))

    def picture(self, person: str) -> Path:
        """The only picture of a person."""
        (path,) = (self.folder / person).iterdir()
        return path

    def move(self, path: Path, person: str) -> Path:
        (self.folder / person).mkdir(exist_ok=True)
        return path.rename(self.folder / person / path.name)

    def copy(self, path: Path, person: str) -> Path:
        (self.folder / person).mkdir(exist_ok=True)
        return Path(shutil.copy(path, self.folder / person))


@pytest.fixture
def gallery(tmp_path: Path, quick_engine: QuickEngine, frame: Callable[..., Frame]) -> Gallery:
    return Gallery(tmp_path / "result", quick_engine, frame)


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(
    quick_engine: QuickEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ended]]:
    """Runs a command line in this process."""
    monkeypatch.setattr(pipeline, "Engine", lambda *_ratio: quick_engine)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capsys.readouterr())

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


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
