"""Does a gallery that watches for months stay small? Made-up people pass two made-up cameras; nothing is decoded.

    sh scripts/python benchmarks/watching/memory.py --hours 24
    sh scripts/python benchmarks/watching/memory.py --still 20000

The first one tells after each simulated hour how much memory the process takes, and at the end by how much that grew an
hour. The second one has somebody stand before a camera for so many seconds, and tells what is kept of that.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.disk.retry import Patience
from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Detection, Encoding, Face, Frame, Provenance
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.store import Store
from face_classifier.pipeline.desk import Desk
from face_classifier.pipeline.place import Session
from face_classifier.records import AnalysedFace, AnalysedFrame
from face_classifier.sources.base import Sampling
from face_classifier.vision.sface import SCALE, SFaceEncoder

PEOPLE, CAMERAS, MOST = 40, 2, 5  # who pass again and again; how many of them are before one camera at most
STEP = 5  # seconds between two frames
PAUSE = 120.0  # seconds between two who come to a camera, on average
STAYS = 5, 240  # seconds
STRANGERS = 0.03  # of those who come, each another one
RETHINK = 300  # seconds
FIRST = 3  # hours that do not count: everybody is new
NOISE = 0.35  # how far (L2, at length 1) the looks of one person lie from their mean
BEGAN = datetime(2024, 1, 1, tzinfo=timezone.utc)
MADE_BY = Provenance(SFaceEncoder.space, "none", "none", "fp32")
IMAGE = np.zeros((90, 200 * (MOST + 1), 3), np.uint8)


class Quiet:
    """Watches a run, and says nothing but what goes wrong."""

    def problem(self, sentence: str) -> None:
        print(sentence)

    at_end = problem

    def through(self, steps: Sequence[object], name: str) -> Sequence[object]:
        return steps

    def opened(self, source: object, sampling: object) -> None: ...

    def analysed(self, frame: Frame, people: object) -> None: ...

    def closed(self, source: object) -> None: ...


@dataclass
class Passer:
    """Somebody before a camera."""

    looks: Encoding  # of length 1: the mean of what the encoder would say
    until: int  # seconds
    followed: int  # number by place and look


@dataclass
class Scene:
    """What one camera sees."""

    session: Session
    here: list[Passer] = field(default_factory=list)
    count: int = 0


def unit(vector: npt.NDArray[np.float64]) -> Encoding:
    return vector / np.linalg.norm(vector)


def analysed(scene: Scene, name: str, second: int, rng: np.random.Generator) -> AnalysedFrame:
    """The next frame of a camera, as the analysis would tell of it."""
    faces = []
    for place, one in enumerate(scene.here):
        box = Box(10, 200 * place + 70, 70, 200 * place + 10)
        quality = float(rng.uniform(0.3, 0.9))
        face = Face(box, SCALE * unit(one.looks + NOISE * unit(rng.normal(size=128))), MADE_BY, quality)
        picture = png_bytes(rng.integers(0, 255, (12, 12, 3), np.uint8))
        faces.append(AnalysedFace(Detection(box, quality=quality), one.followed, True, face, picture, False))
    time = BEGAN + timedelta(seconds=second)
    return AnalysedFrame(Frame(IMAGE, name, None, None, float(second), 0.5, time), tuple(faces))


def memory() -> float:
    """MB that the process takes now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


def think(desk: Desk) -> None:
    """As a live run does it every five minutes, to its end."""
    desk.think_again()
    while desk.thoughts.is_busy:
        desk.hold_on()
        time.sleep(0.002)


def opened(folder: Path, store: Store) -> Desk:
    observer = Quiet()
    patience = Patience(60, threading.Event(), print)
    patience.holding = True
    gallery = Gallery(Settings(result=str(folder)), store, read_nothing, observer)
    return Desk(gallery, None, observer, patience, lambda event: None)


def read_nothing(path: Path, own_cut: bool) -> tuple[Face, bool]:
    raise UserError(f"{path} has no row")


def begin(desk: Desk) -> Session:
    return desk.begin(None, BEGAN, Sampling(), given=False, follows=True).session


def pass_by(folder: Path, hours: int) -> None:
    """People come and go for so many hours."""
    rng = np.random.default_rng(0)
    people = [unit(rng.normal(size=128)) for _ in range(PEOPLE)]
    taken: list[float] = []
    with Store(folder, writing=True) as store:
        desk = opened(folder, store)
        scenes = [Scene(begin(desk)) for _ in range(CAMERAS)]
        for second in range(0, hours * 3600, STEP):
            for number, scene in enumerate(scenes):
                scene.here = [one for one in scene.here if one.until > second]
                if len(scene.here) < MOST and rng.random() < STEP / PAUSE:
                    stranger = rng.random() < STRANGERS
                    looks = unit(rng.normal(size=128)) if stranger else people[int(rng.integers(PEOPLE))]
                    scene.here.append(Passer(looks, second + int(rng.integers(*STAYS)), scene.count))
                    scene.count += 1
                if scene.here:
                    desk.place(scene.session, analysed(scene, f"camera {number}", second, rng))
            if second % RETHINK == RETHINK - STEP:
                think(desk)
            if second % 3600 == 3600 - STEP:
                taken.append(memory())
                tell(store, folder, len(taken), taken[-1], sum(scene.count for scene in scenes))
        desk.stop_thinking()
    if len(taken) > FIRST + 1:
        slope = np.polyfit(range(FIRST, len(taken)), taken[FIRST:], 1)[0]
        print(f"memory grew by {slope:.2f} MB an hour from hour {FIRST} on")


def tell(store: Store, folder: Path, hour: int, taken: float, passers: int) -> None:
    kept = sum(1 for _ in folder.glob("*/*.png"))
    table = (folder / "faces.sqlite").stat().st_size / 1e6
    found = f"{taken:.1f} MB of memory, {passers} passed, {kept} pictures, a table of {table:.1f} MB"
    print(f"hour {hour}: {found}", flush=True)


def stand(folder: Path, seconds: int) -> None:
    """Somebody stands before a camera, and is analysed every second."""
    rng = np.random.default_rng(0)
    with Store(folder, writing=True) as store:
        desk = opened(folder, store)
        scene = Scene(begin(desk), [Passer(unit(rng.normal(size=128)), seconds + 1, 0)])
        written = 0
        began = time.process_time()
        for second in range(seconds):
            written += len(desk.place_for(scene.session, analysed(scene, "camera 0", second, rng)).changed)
        took = time.process_time() - began
        desk.stop_thinking()
    kept = sum(1 for _ in folder.glob("*/*.png"))
    size = (folder / "faces.sqlite").stat().st_size / seconds
    print(f"{seconds} seconds: {kept} pictures there, {written} written; a face takes {size:.0f} bytes of the table")
    print(f"and {1000 * took / seconds:.1f} ms of a core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=24, help="simulated")
    parser.add_argument("--still", type=int, help="seconds for which somebody stands there")
    given = parser.parse_args()
    with TemporaryDirectory() as above:
        if given.still:
            stand(Path(above) / "result", given.still)
        else:
            pass_by(Path(above) / "result", given.hours)


if __name__ == "__main__":
    main()
