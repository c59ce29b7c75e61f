"""What happens on the compressed day of `day.py`: who comes when to which camera, and what goes wrong when."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from face_classifier.cli import demo
from face_classifier.core.types import Image, cut
from face_classifier.vision.engine import Engine, make_engine

FACE, SIZE = 240, (360, 480, 3)  # pixels: the side of a picture of somebody; what a camera shows
STEPS = 8  # places at which somebody is shown in turn
STAY, PAUSE = (3.0, 7.0), (5.0, 12.0)  # seconds
ONCE = 1 / 6  # of the visits: of somebody who comes once
FAULT_EVERY, FAULT = 12.0, (3.0, 8.0)  # seconds
FAULTS = ("stall", "silent", "half", "refused", "401", "killed reader")


@dataclass
class Visit:
    """Somebody who is to come; ``first`` and ``last`` are seconds of the wall clock, once it has happened."""

    camera: str
    person: str
    begin: float  # seconds of the plan
    end: float
    once: bool = False  # they come this time only
    first: float = 0.0
    last: float = 0.0
    told: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Fault:
    """Something that is to go wrong with a camera."""

    camera: str
    kind: str
    begin: float  # seconds of the plan
    end: float
    first: float = 0.0  # seconds of the wall clock
    cured: float = 0.0
    back: float = 0.0  # 0: it has not come back
    noticed: bool = False


def people(data: Path, count: int) -> tuple[dict[str, Image], dict[str, Image]]:
    """Those who come again and again, and ``count`` who come once: a photograph of each one's face."""
    engine = make_engine("fast", None, 1.0, sys.exit)
    photographs = demo.photographs()
    regular = {"first": photographs["obama.jpg"], "second": photographs["biden.jpg"]}
    regular |= {folder.name: min(folder.glob("*.jpg")) for folder in sorted((data / "celeb13_photos").iterdir())[:4]}
    once = {folder.name: min(folder.glob("*.jpg")) for folder in sorted((data / "lfw").iterdir()) if folder.is_dir()}
    return _faces(engine, regular, len(regular)), _faces(engine, once, count)


def _faces(engine: Engine, paths: dict[str, Path], most: int) -> dict[str, Image]:
    found: dict[str, Image] = {}
    for name, path in paths.items():
        image = cv2.imread(str(path))
        face, is_found = engine.photo(np.asarray(image), own_cut=False)
        shown = np.asarray(cv2.resize(cut(np.asarray(image), face.box.grown()), (FACE, FACE)))
        seen = [engine.detect(view(number, shown)) for number in range(STEPS)]
        if is_found and all(len(one) == 1 for one in seen):  # nobody is behind them
            found[name] = shown
        if len(found) == most:
            break
    return found


def view(number: int, face: Image | None) -> Image:
    """What a camera shows: noise, and somebody who moves a little."""
    shown = np.random.default_rng(number).integers(86, 94, SIZE, np.uint8)
    if face is not None:
        left = 120 + number % STEPS
        shown[60 : 60 + FACE, left : left + FACE] = face
    return shown


def planned(
    cameras: Sequence[str], regular: Sequence[str], once: Sequence[str], seconds: float, chance: random.Random
) -> tuple[list[Visit], list[Fault]]:
    """Who comes when to which camera, and what goes wrong when."""
    strangers = iter(once)
    visits: list[Visit] = []
    for number, one in enumerate(regular):  # everybody is introduced
        at = 4.0 + 6 * (number // len(cameras))
        visits.append(Visit(cameras[number % len(cameras)], one, at, at + STAY[0]))
    begin = max(one.end for one in visits) + PAUSE[0]
    for camera in cameras:
        at = begin + chance.uniform(*PAUSE)
        while at + STAY[1] < seconds:
            stranger = next(strangers, None) if chance.random() < ONCE else None
            person = stranger or chance.choice(regular)
            visits.append(Visit(camera, person, at, at + chance.uniform(*STAY), stranger is not None))
            at = visits[-1].end + chance.uniform(*PAUSE)
    faults: list[Fault] = []
    while (at := begin + FAULT_EVERY * len(faults)) + FAULT_EVERY < seconds:
        recent = [one.camera for one in faults[-2:]]
        camera = chance.choice([one for one in cameras if one not in recent])
        kind = FAULTS[len(faults) % len(FAULTS)]
        faults.append(Fault(camera, kind, at, at + chance.uniform(*FAULT)))
    return visits, faults
