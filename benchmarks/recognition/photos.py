"""Albums: sets of photos whose faces are found as `face-classifier group` finds them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from face_classifier.core.errors import UserError
from face_classifier.photos.finder import UNSURE, FaceFinder, FoundFaces
from face_classifier.vision.engine import Engine
from recognition.faces import NOBODY, Numbers, row, tell
from recognition.sets import Set

_CLEARLY = 2.0  # times the area of the next face: then a photo's largest face is the person of its folder
_DEPENDS = "photos/finder.py", "vision/engine.py", "vision/quality.py"

# Who each of the faces in a photo is, NOBODY where that is not known
WhoOf = Callable[[Path, FoundFaces], list[str]]


def albums(data: Path) -> list[Set]:
    """The albums of the data: everybody in `twins` is somebody else, `age31` are people when young and when old."""

    def album(name: str, pictures: Sequence[Path], who: WhoOf) -> Set:
        return Set(f"{name}, photos", partial(_faces, pictures=pictures, who=who), _DEPENDS)

    cast = _pictures(data / "groups", "bbt*")
    return [
        album("twins", _pictures(data / "twins", "*"), _boxed(data / "twins", families=True)),
        album("sports5", _pictures(data / "sports5"), _boxed(data / "sports5")),
        album("age31", _pictures(data / "age31"), _central),
        album("celeb13_photos", _pictures(data / "celeb13_photos"), _largest),
        album("asian_aespa4", _pictures(data / "asian_aespa4"), _largest),
        album("asian_kpop15", _pictures(data / "asian_kpop15"), _central),
        album("tv_bbt_crops + groups/bbt*", [*_pictures(data / "tv_bbt_crops"), *cast], _of_the_cast),
    ]


def _pictures(folder: Path, pattern: str = "*/*") -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))


def _faces(engine: Engine, pictures: Sequence[Path], who: WhoOf) -> Iterator[Numbers]:
    finder = FaceFinder(engine)
    for number, path in enumerate(pictures):
        try:
            found = finder.find(path)
        except UserError as error:
            tell(str(error))
            continue
        if found.how == UNSURE:
            continue
        for place, (face, person) in enumerate(zip(found.faces, who(path, found), strict=True)):
            yield row(face, person, source=number, frame=number, track=place)


def _largest(path: Path, found: FoundFaces) -> list[str]:
    areas = [face.box.area for face in found.faces]
    second, first = sorted([0, 0, *areas])[-2:]
    return [path.parent.name if area == first >= _CLEARLY * second else NOBODY for area in areas]


def _central(path: Path, found: FoundFaces) -> list[str]:
    width, height = found.size
    boxes = [face.box for face in found.faces]
    off = [(box.left + box.right - width) ** 2 + (box.top + box.bottom - height) ** 2 for box in boxes]
    return [path.parent.name if number == int(np.argmin(off)) else NOBODY for number in range(len(boxes))]


def _of_the_cast(path: Path, found: FoundFaces) -> list[str]:
    return [NOBODY] * len(found.faces) if path.parent.name == "groups" else _central(path, found)


def _boxed(folder: Path, *, families: bool = False) -> WhoOf:
    """By the box of the truth whose middle is nearest; ``families``: in each photo, of people who are nowhere else."""
    truth: dict[str, list[dict[str, str]]] = {}
    with (folder / "_boxes.csv").open(encoding="utf-8") as file:
        for told in csv.DictReader(file):
            truth.setdefault(told["file"], []).append(told)

    def who(path: Path, found: FoundFaces) -> list[str]:
        there = truth.get(path.relative_to(folder).as_posix(), [])
        people = []
        for number, face in enumerate(found.faces):
            x, y = (face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2
            near = [
                (abs(2 * x - left - right) + abs(2 * y - top - bottom), told["name"])
                for told in there
                for left, top, right, bottom in [[float(told[key]) for key in ("xmin", "ymin", "xmax", "ymax")]]
                if left <= x <= right and top <= y <= bottom
            ]
            name = min(near)[1] if near else f"another {number}" if families else NOBODY
            people.append(f"{path.stem}/{name}" if families else name)
        return people

    return who
