"""How many faces are found, by either detector, small ones and close ones? `python benchmarks/recall.py`.

*Faces that either found* has no truth beside it: false faces are counted too. The drawn boxes are dlib's own. Group
photos are put into pictures of 12 megapixels, so many that their heads become small; of portraits so little is shown
that the face fills the frame or reaches outside. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import testdata
from pace.boxes import Box, pairs
from pace.process import Numbers, tell
from pace.report import table

from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import find_sources, open_source
from face_classifier.sources.picture import read_picture
from face_classifier.vision.engine import make_engine
from face_classifier.vision.models import registry as models
from face_classifier.vision.yunet import YuNet

Boxes = dict[str, list[Box]]  # of each picture

ENGINES = {"yunet": "fast", "hog": "original"}


def matches(boxes: list[Box], others: list[Box]) -> int:
    return len(pairs(boxes, others))


def boxes_in(detector: str, folder: Path, every: float) -> Boxes:
    """The boxes in every picture and every ``every``-th second of every clip."""
    tell(f"{detector} on {folder.name}")
    engine = make_engine(ENGINES[detector], detector, 1.0, print)
    found: Boxes = {}
    for path in find_sources(str(folder), []).paths:
        with open_source(path) as source:
            for frame in source.frames(Sampling(every), source.start, threading.Event()):
                name = f"{Path(path).relative_to(folder)} {frame.position:.3f}"
                found[name] = [detection.box.css for detection in engine.detect(frame.image)]
    return found


def drawn_boxes(folder: Path) -> Boxes:
    """Those that people drew."""
    truth: Boxes = {}
    for file in sorted(folder.glob("_dlib_*.xml")):
        for image in ElementTree.parse(file).getroot().iter("image"):
            values = [{key: int(box.attrib[key]) for key in ("top", "left", "width", "height")} for box in image]
            truth[f"dlib_{image.attrib['file']}"] = [
                [box["top"], box["left"] + box["width"], box["top"] + box["height"], box["left"]] for box in values
            ]
    return {name: boxes for name, boxes in truth.items() if (folder / name).exists()}


def found_rows(data: Path, every: float) -> Iterator[list[object]]:
    """Faces found by YuNet and by HOG: against boxes drawn by people, against what either found, and where none is."""
    found = {
        folder: {detector: boxes_in(detector, data / folder, every) for detector in ENGINES}
        for folder in ("groups", "videos", "negatives")
    }
    truth = drawn_boxes(data / "groups")
    right = [
        sum(matches(boxes, found["groups"][detector].get(f"{name} 0.000", [])) for name, boxes in truth.items())
        for detector in ENGINES
    ]
    yield ["faces drawn by people in groups/", sum(map(len, truth.values())), *right]
    for folder in ("groups", "videos"):
        yunet, hog = found[folder].values()
        both = sum(matches(boxes, yunet.get(name, [])) for name, boxes in hog.items())
        counts = [sum(map(len, boxes.values())) for boxes in (yunet, hog)]
        yield [f"faces that either found in {len(hog)} pictures of {folder}/", sum(counts) - both, *counts]
    false = [sum(map(len, boxes.values())) for boxes in found["negatives"].values()]
    yield [f"false faces in {len(found['negatives']['hog'])} pictures of negatives/", 0, *false]


def small(folder: Path, grid: int) -> Numbers:
    """Faces of group photos, ``grid`` x ``grid`` of them in a picture of 12 megapixels: how many are found again.

    ``usual``: at a long side of 640 pixels; ``now``: as the program searches such a picture.
    """
    engine = make_engine("fast", None, 1.0, print)
    photos = [read_picture(path) for path in sorted(folder.iterdir()) if path.suffix != ".xml"]
    width, height = 4000 // grid, 3000 // grid
    heights: list[int] = []
    hits, spent = {"usual": 0, "now": 0}, {"usual": 0.0, "now": 0.0}
    pictures = [photos[first : first + grid * grid] for first in range(0, len(photos), grid * grid)]
    for shown in pictures:
        picture, there = np.full((3000, 4000, 3), 110, np.uint8), []
        for place, photo in enumerate(shown):
            scale = min(width / photo.shape[1], height / photo.shape[0])
            part = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:height, :width]
            down, right = place // grid * height, place % grid * width
            picture[down : down + part.shape[0], right : right + part.shape[1]] = part
            there += [one.box.scaled(scale).moved(right, down).css for one in engine.detect(photo, thorough=True)]
        heights += [bottom - top for top, _, bottom, _ in there]
        smaller = cv2.resize(picture, (640, 480), interpolation=cv2.INTER_AREA)
        for name, image, scale in (("usual", smaller, 6.25), ("now", picture, 1.0)):
            before = time.process_time()
            found = engine.detect(image)
            spent[name] += time.process_time() - before
            hits[name] += matches(there, [one.scaled(scale).box.css for one in found])
    cpu = {f"{name}_cpu_ms": 1000 * seconds / len(pictures) for name, seconds in spent.items()}
    return {"faces": len(heights), "height": statistics.median(heights), **hits, **cpu}


def close(folder: Path) -> dict[str, Numbers]:
    """Of portraits that are cut to a part of the face's height, 640 x 640: how many faces are found by it.

    ``usual``: by one search of the picture as it is; ``now``: by the program.
    """
    engine, usual = make_engine("fast", None, 1.0, print), YuNet(models.graph("yunet"))
    parts: dict[str, Numbers] = {}
    for path in sorted(min(person.glob("*.jpg")) for person in folder.iterdir() if person.is_dir())[::4]:
        image = read_picture(path)
        box = max((one.box for one in engine.detect(image)), key=lambda box: box.area, default=None)
        if box is None or min(box.left, box.top) < 0:
            continue
        for part in (1.2, 1.0, 0.8, 0.6, 0.5):
            half = round(part * box.height / 2)
            left, top = max(0, (box.left + box.right) // 2 - half), max(0, (box.top + box.bottom) // 2 - half)
            near = cv2.resize(image[top : top + 2 * half, left : left + 2 * half], (640, 640))
            found = parts.setdefault(f"{part:g}", {"portraits": 0, "usual": 0, "now": 0})
            found["portraits"] += 1
            found["usual"] += bool(usual.detect(near))
            found["now"] += bool(engine.detect(near))
    return parts


def hard_rows(data: Path) -> Iterator[list[object]]:
    """Small faces and close ones: how many are found by one search of the picture at 640 pixels, and by the program."""
    for grid in (2, 3, 4):
        tell(f"{grid} x {grid} group photos in one picture")
        one = small(data / "groups", grid)
        name = f"{grid} x {grid} group photos in 12 MP, heads of {one['height']:.0f} px (median)"
        yield [name, one["faces"], *(f"{one[way] / one['faces']:.2f} ({one[f'{way}_cpu_ms']:.0f} ms)"
                                     for way in ("usual", "now"))]  # fmt: skip
    tell("close faces")
    for part, found in close(data / "lfw").items():
        shares = (f"{found[way] / found['portraits']:.2f}" for way in ("usual", "now"))
        yield [f"the frame {part} times as high as the face", found["portraits"], *shares]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between frames of clips (default 2)")
    chosen = testdata.parse(parser)
    heads = "", "there", "YuNet (fast)", "HOG (original)"
    print(*table(heads, list(found_rows(chosen.data, chosen.every))), "", sep="\n", flush=True)
    heads = "recall", "faces", "one search at 640 (CPU)", "fast (CPU)"
    print(*table(heads, list(hard_rows(chosen.data))), sep="\n")


if __name__ == "__main__":
    main()
