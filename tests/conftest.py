"""Faces for the tests: the photographs of the demo, which any machine can fetch, and the real data where it is."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import pytest
import trustme
from servers.devices import HereReader

from face_classifier.cli import demo
from face_classifier.cli import main as cli
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Detection, Face, Frame, Image, Sighting, cut
from face_classifier.gallery.gallery import Gallery as LivingGallery
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import Row, Rows, Table
from face_classifier.photos.finder import FaceFinder
from face_classifier.pipeline.analysis.analyse import Analyst
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.pipeline.place import Session
from face_classifier.sources.live import feed
from face_classifier.sources.picture import read_picture
from face_classifier.vision.engine import Engine, make_engine
from face_classifier.vision.models import registry as models
from face_classifier.vision.yunet import YuNet

pytest_plugins = ["servers.pages", "servers.programs"]
pytest.register_assert_rewrite("sources.seams", "vision.seams")

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


def need_tool(tool: str, package: str) -> str:
    """The path of a program that a test drives. Without it the test is skipped, in CI it fails.

    ``package``: of Debian, that has the program.
    """
    path = shutil.which(tool)
    if path is None:
        reason = f"{tool} is missing; on Debian: apt-get install {package}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def usual_engine() -> Engine:
    """The engine that users have by default."""
    return make_engine("fast", None, 1.0, pytest.fail)


@pytest.fixture(scope="session")
def engine(usual_engine: Engine) -> Engine:
    """The engine of galleries and runs, for which a file of tests may have another one."""
    return usual_engine


@pytest.fixture(scope="session")
def photo_finder() -> FaceFinder:
    """What finds faces in photos for the commands on albums and galleries, by default."""
    return FaceFinder(make_engine("fast", None, 1.0, pytest.fail))


@pytest.fixture(scope="session")
def portraits(photographs: dict[str, Path]) -> dict[str, Image]:
    """The photographs as small BGR pictures with faces of about 100 pixels, for speed."""
    images = {name: cv2.imread(str(path)) for name, path in photographs.items()}
    return {
        name: cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA) for name, image in images.items()
    }


@pytest.fixture(scope="session")
def faces(portraits: dict[str, Image], usual_engine: Engine) -> dict[str, Face]:
    """The face of each photograph."""
    return {name: usual_engine.photo(image, own_cut=False)[0] for name, image in portraits.items()}


@pytest.fixture(scope="session")
def detections(portraits: dict[str, Image], yunet_graph: Path) -> dict[str, Detection]:
    """The face of each photograph, as YuNet finds it: with landmarks."""
    yunet = YuNet(yunet_graph)
    return {
        name: max(yunet.detect(image), key=lambda detection: detection.box.area) for name, image in portraits.items()
    }


@pytest.fixture(scope="session")
def frame(portraits: dict[str, Image]) -> Callable[..., Frame]:
    """Makes a frame of a photograph at a position (seconds) of a source."""

    def make(name: str, position: float = 0.0, fingerprint: str | None = "clip") -> Frame:
        taken = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc) + timedelta(seconds=position)
        return Frame(
            np.ascontiguousarray(portraits[name]), "clip.mp4", fingerprint, int(position * 25), position, 0.02, taken
        )

    return make


@pytest.fixture(scope="session")
def closeups(portraits: dict[str, Image], faces: dict[str, Face]) -> dict[str, Image]:
    """The photographs as pictures of 240 x 240 pixels with a face of about 80."""
    return {
        name: cv2.resize(cut(image, faces[name].box.grown()), (240, 240), interpolation=cv2.INTER_AREA)
        for name, image in portraits.items()
    }


@pytest.fixture(scope="session")
def wide_view(closeups: dict[str, Image]) -> Image:
    """A picture of 3840 x 2160 pixels with twelve faces, 50 to 350 pixels high, as a camera sees a hall."""
    view = np.full((2160, 3840, 3), 110, np.uint8)
    across = 100
    for side in (140, 200, 280, 400, 640, 1000):
        for row, name in enumerate(("obama.jpg", "biden.jpg")):
            shown = cv2.resize(closeups[name], (side, side), interpolation=cv2.INTER_AREA)
            view[100 + 1000 * row : 100 + 1000 * row + side, across : across + side] = shown
        across += side + 60
    return view


@pytest.fixture(scope="session")
def short_clip(closeups: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Four seconds at one frame a second: one president, the other, the first again, the second again.

    It stays alone in its folder, which some tests give to a command.
    """
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 1, (240, 240))
    larger = cv2.resize(closeups["biden.jpg"], (300, 300))[30:270, 30:270]
    for image in (closeups["obama.jpg"], closeups["biden.jpg"], closeups["obama2.jpg"], larger):
        writer.write(image)
    writer.release()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    yield path
    assert list(path.parent.iterdir()) == [path], "a test left files beside the clip"


@pytest.fixture(scope="session")
def encoder_dat() -> Path:
    return models.find(models.MODELS["dlib-resnet"].weights)


@pytest.fixture(scope="session")
def predictor_dat() -> Path:
    return models.find(models.LANDMARKS)


@pytest.fixture(scope="session")
def mmod_dat() -> Path:
    return models.find(models.MODELS["mmod"].weights)


@pytest.fixture(scope="session")
def quantised_yunet() -> Path:
    return models.find(models.MODELS["yunet"].weights)


@pytest.fixture(scope="session")
def quantised_sface() -> Path:
    return models.find(models.MODELS["sface"].weights)


@pytest.fixture(scope="session")
def encoder_graph() -> Path:
    return models.graph("dlib-resnet")


@pytest.fixture(scope="session")
def mmod_graph() -> Path:
    return models.graph("mmod")


@pytest.fixture(scope="session")
def yunet_graph() -> Path:
    return models.graph("yunet")


@pytest.fixture(scope="session")
def graph_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(scope="session")
def lfw_portraits(data: Path) -> list[Image]:
    """Twelve pictures of twelve people, 250 x 250, the face in the middle."""
    people = sorted(folder for folder in (data / "lfw").iterdir() if folder.is_dir())[::40][:12]
    return [cv2.imread(str(min(folder.glob("*.jpg")))) for folder in people]


class Remembering:
    """An engine that analyses the same picture once: tests of galleries show a few, again and again."""

    _answers: ClassVar = WeakKeyDictionary[Engine, dict[bytes, bytes]]()

    def __init__(self, engine: Engine) -> None:
        self._engine, self._known = engine, self._answers.setdefault(engine, {})

    def detect(self, image: Image) -> list[Detection]:
        return self._once(self._engine.detect, image)

    def encode(self, image: Image, detections: Sequence[Detection], once: Sequence[int] = ()) -> list[Face]:
        return self._once(self._engine.encode, image, detections, once)

    def photo(self, image: Image, *, own_cut: bool) -> tuple[Face, bool]:
        return self._once(self._engine.photo, image, own_cut=own_cut)

    def _once(self, ask: Callable[..., Any], image: Image, *more: object, **named: object) -> Any:
        key = sha256(pickle.dumps((ask.__name__, image.shape, more, named)) + image.tobytes()).digest()
        if key not in self._known:
            self._known[key] = pickle.dumps(ask(image, *more, **named))
        return pickle.loads(self._known[key])


class Gallery:
    """A result folder, and short words for working on it as the program and the user do."""

    def __init__(self, folder: Path, engine: Engine, frame: Callable[..., Frame]) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self._engine = Remembering(engine)
        self._frame = frame

    def see(self, *names: str, fingerprint: str | None = "clip") -> list[Sighting]:
        """Run the program on a clip whose seconds show these photographs; returns the last frame's sightings."""
        with Store(self.folder, writing=True) as store:
            sightings = self.classify(
                store, [self._frame(name, float(position), fingerprint) for position, name in enumerate(names)]
            )
            store.write_views(None, store.look(self.read_photo).faces.hidden)
            self.problems = store.problems()
        return sightings

    def classify(self, store: Store, frames: Iterable[Frame]) -> list[Sighting]:
        """Place every face of every frame; returns the last frame's sightings."""
        living = LivingGallery(Settings(engine="original"), store, self.read_photo, Listener())
        analyst, session = Analyst(self._engine, Follower(0.0)), Session(living, follows=False)
        sightings: list[Sighting] = []
        for frame in frames:
            plan = analyst.plan(frame, self._engine.detect(frame.image))
            sightings = session.place(analyst.encode(plan)).changed
        return sightings

    def look(self, *, writing: bool = True) -> list[Sighting]:
        """Start the program and end it at once."""
        with Store(self.folder, writing=writing) as store:
            faces = store.look(self.read_photo).faces
            sightings = list(faces)
            if writing:
                store.write_views(None, faces.hidden)
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
def gallery(tmp_path: Path, engine: Engine, frame: Callable[..., Frame]) -> Gallery:
    return Gallery(tmp_path / "result", engine, frame)


class Listener:
    """Keeps what it is told of a long piece of work."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)

    at_end = problem

    def through(self, steps: Sequence[object], name: str) -> Iterator[object]:
        return iter(steps)


class Watcher(Listener):
    """Watches a run, keeps the positions of the analysed frames, and may do something after each."""

    def __init__(self) -> None:
        super().__init__()
        self.positions: list[float] = []
        self.after: Callable[[int], object] = lambda frames: None

    def opened(self, source: object, sampling: object) -> None: ...

    def analysed(self, frame: Frame, people: object) -> None:
        self.positions.append(frame.position)
        self.after(len(self.positions))

    def closed(self, source: object) -> None: ...


@contextmanager
def small_file_system(folder: Path, size: str) -> Iterator[Path]:
    """A new folder with a file system of its own of that ``size``, such as 24m; skips where none can be mounted."""
    folder.mkdir()
    line = [need_tool("mount", "mount"), "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this user, or this machine, can mount no file system: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def photo_folder(tmp_path: Path, closeups: dict[str, Image]) -> Callable[..., Path]:
    """Makes a folder of photos: the photograph to show by the path in the folder, or a picture, or bytes of a file."""

    def make(photos: dict[str, str | Image | bytes], name: str = "photos") -> Path:
        folder = tmp_path / name
        for path, shown in photos.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            image = closeups[shown] if isinstance(shown, str) else shown
            file.write_bytes(image if isinstance(image, bytes) else cv2.imencode(".jpg", image)[1].tobytes())
        return folder

    return make


class Webcam:
    """A camera that shows pictures one after the other, and again from the first; reads block, as a real one's do."""

    def __init__(self, pictures: Sequence[Image], seconds: float) -> None:
        """``seconds``: how long each is shown."""
        self._pictures, self._seconds, self._started = pictures, seconds, time.monotonic()

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, what: int) -> float:
        return 30.0

    def read(self) -> tuple[bool, Image]:
        time.sleep(1 / 30)
        number = int((time.monotonic() - self._started) / self._seconds)
        return True, self._pictures[number % len(self._pictures)].copy()

    def release(self) -> None:
        pass


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local times are those of Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """One that this machine trusts during the test."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def webcam(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Plugs in a camera, whatever its number, that shows pictures one after the other."""

    def plug_in(pictures: Sequence[Image], seconds: float = 0.5) -> None:
        monkeypatch.setattr(feed, "Child", lambda: HereReader(lambda _number: Webcam(pictures, seconds)))

    return plug_in


def rows_of(gallery: Gallery) -> list[Row]:
    """The whole table of a gallery, as it lies there."""
    with Root(gallery.folder) as root:
        table = Table(root, "faces.sqlite", writing=False)
        try:
            return Rows(table).all()
        finally:
            table.close()


HOLD = """
import sys
from pathlib import Path
from face_classifier.gallery.gallery import Gallery as LivingGallery
from face_classifier.gallery.store import Store
with Store(Path(sys.argv[1]), writing=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """The number of another process that writes to a result folder meanwhile."""
    line = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.kill()


def killed_at_every_line(
    folder: Path, rooms: Iterable[ModuleType], into: Path, run: Callable[[], object]
) -> list[Path]:
    """Copies of a folder as it is at every line of the rooms that write it: as a run killed there leaves it.

    The last one is that of the whole run.
    """
    files = {room.__file__ for room in rooms}
    copies: list[Path] = []
    last: list[object] = []

    def copy_if_changed() -> None:
        stats = [(str(path), path.lstat()) for path in sorted(folder.rglob("*"))]
        now = [(path, stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
        if now and now != last:
            last[:] = now
            copies.append(into / f"killed-{len(copies)}")
            shutil.copytree(folder, copies[-1], symlinks=True)

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            copy_if_changed()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    copy_if_changed()
    return copies


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Callable[..., Ended]]:
    """Runs a command line in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capsys.readouterr())

    yield run
    gc.unfreeze()  # a program of one command has all that is loaded stay; here garbage would stay with it
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def runtime_folder() -> Iterator[Path]:
    """The user's folder for sockets, with a short path. No test leaves one there."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        left = [path for path in Path(folder).rglob("*") if not path.is_dir()]
        assert not left, f"sockets left behind: {left}"


@pytest.fixture(autouse=True)
def _leave_nothing_behind(
    runtime_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Fails a test that leaves a thread or logs an error; keeps the user's settings and folders out of all."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime_folder))
    for name in list(os.environ):
        if name.startswith("FACE_CLASSIFIER_") and name != "FACE_CLASSIFIER_TEST_DATA":
            monkeypatch.delenv(name)
    before = set(threading.enumerate())
    yield
    begun, end = set(threading.enumerate()) - before, time.monotonic() + 10
    for thread in begun:  # the workers of a page end just after its loop, which nobody can await
        thread.join(max(0.0, end - time.monotonic()))
    left = [thread for thread in begun if thread.is_alive()]
    assert not left, f"threads left behind: {left}"
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    errors = [record.getMessage() for record in records if record.levelno >= logging.ERROR]
    assert not errors, f"errors logged: {errors}"
