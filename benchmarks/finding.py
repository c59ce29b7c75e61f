"""Which faces are found, in large photos and in the dark, and what is none? `python benchmarks/finding.py`.

Without the real test data it measures the demo's photographs alone. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import testdata

from face_classifier.cli import demo
from face_classifier.core.types import Box, Detection, Image
from face_classifier.sources.picture import read_picture
from face_classifier.vision import light
from face_classifier.vision.engine import Engine, make_engine
from face_classifier.vision.quality import Quality, assess

LARGE = 4000, 3000  # width, height of the large photos: 12 megapixels
HEAD = 1.3  # times as high as YuNet's box of the face
HEADS = 100, 172, 250  # pixels: median height of the heads in a large photo
SIZES = (60, 80, 100, 130, 180, 260, 1000)  # pixels: limits of the columns
SAME = 0.4  # intersection over union from which a box is the face
PER_SET = 60  # people of LFW, one photo each
LIGHTS = (
    # what it is called, share of the grey levels or of the light, electrons that make white; None = no noise
    ("12 % of the grey levels", 0.12, None),
    ("6 % of the grey levels", 0.06, None),
    ("5 % of the light, and a sensor's noise", 0.05, 3000),
    ("2 % of the light, and a sensor's noise", 0.02, 3000),
    ("0.8 % of the light, and a sensor's noise", 0.008, 3000),
)
READ_NOISE = 4  # electrons


class Shown(NamedTuple):
    """A picture and the faces that are known to be in it."""

    name: str
    image: Image
    faces: list[Box]
    doubtful: list[Box]  # neither right nor wrong


def found(detections: Sequence[Detection], face: Box) -> bool:
    return any(detection.box.overlap(face) > SAME for detection in detections)


def false(detections: Sequence[Detection], shown: Shown) -> int:
    """How many are none of the faces."""
    known = [*shown.faces, *shown.doubtful]
    return sum(not any(detection.box.overlap(box) > SAME / 2 for box in known) for detection in detections)


def pictures(folder: Path) -> list[tuple[str, Image]]:
    return [
        (path.stem, read_picture(path))
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    ]


# Large photos


def known_in(name: str, image: Image, keen: Engine) -> Shown:
    """Faces that are found at two sizes of six or more, with the usual score once, are known; others are in doubt."""
    seen: list[tuple[Box, list[float]]] = []
    for factor in (0.35, 0.7, 1.0, 1.5, 2.0, 3.0):
        if max(image.shape[:2]) * factor > 2048:
            continue
        resized = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        for detection in keen.detect(np.asarray(resized, np.uint8), thorough=True):
            box = detection.box.scaled(1 / factor)
            scores = next((scores for other, scores in seen if other.overlap(box) > SAME), None)
            if scores is None:
                seen.append((box, scores := []))
            scores.append(detection.score or 0.0)
    sure = [len(scores) > 1 and max(scores) >= 0.8 for _, scores in seen]
    boxes = [box for box, _ in seen]
    return Shown(
        name,
        image,
        [box for box, is_sure in zip(boxes, sure, strict=True) if is_sure],
        [box for box, is_sure in zip(boxes, sure, strict=True) if not is_sure],
    )


def enlarged(shown: Shown, head: float, behind: Image) -> Shown | None:
    """The photo with heads so high, somewhere in one of 12 megapixels; None where that enlarges it too much."""
    factor = head / (HEAD * float(np.median([box.height for box in shown.faces])))
    height, width = (round(side * factor) for side in shown.image.shape[:2])
    if factor > 8 or width > LARGE[0] or height > LARGE[1]:
        return None
    image = np.asarray(cv2.resize(behind, LARGE, interpolation=cv2.INTER_CUBIC), np.uint8)
    x, y = np.random.default_rng(len(shown.name)).integers(0, (LARGE[0] - width + 1, LARGE[1] - height + 1)).tolist()
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    image[y : y + height, x : x + width] = cv2.resize(shown.image, (width, height), interpolation=how)
    image = np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1], 1), np.uint8)
    faces, doubtful = ([box.scaled(factor).moved(x, y) for box in boxes] for boxes in (shown.faces, shown.doubtful))
    return Shown(shown.name, image, faces, doubtful)


def large(name: str, shown: Sequence[Shown], behind: Sequence[Image], engine: Engine) -> None:
    """Rows of the table of recall by the height of heads: as photos are searched, and as they were, at 640 pixels."""
    hits: dict[str, list[tuple[float, bool]]] = {"as photos are searched": [], "at 640 pixels": []}
    wrong, cost, count = dict.fromkeys(hits, 0), dict.fromkeys(hits, 0.0), 0
    for number, photo in enumerate(shown):
        for head in HEADS:
            picture = enlarged(photo, head, behind[(number + head) % len(behind)])
            if picture is None:
                continue
            count += 1
            small = cv2.resize(picture.image, None, fx=0.16, fy=0.16, interpolation=cv2.INTER_AREA)
            ways: dict[str, Callable[[], list[Detection]]] = {
                "as photos are searched": lambda picture=picture: engine.detect(picture.image, thorough=True),
                "at 640 pixels": lambda small=small: [face.scaled(1 / 0.16) for face in engine.detect(small)],
            }
            for way, search in ways.items():
                begun = time.process_time()
                detections = search()
                cost[way] += time.process_time() - begun
                hits[way] += [(HEAD * box.height, found(detections, box)) for box in picture.faces]
                wrong[way] += false(detections, picture)
    for way, faces in hits.items():
        cells = []
        for least, most in [*pairwise(SIZES), (100, 10_000)]:
            inside = [hit for height, hit in faces if least <= height < most]
            cells.append(f"{np.mean(inside):.3f} ({len(inside)})" if inside else "–")
        print(f"| {name}, {way} | {' | '.join(cells)} | {wrong[way]} in {count} | {1000 * cost[way] / count:.0f} |")


# The dark


def darkened(image: Image, share: float, white: int | None) -> Image:
    """Share of the grey levels without noise (``white`` None), else of the light, counted in electrons, as sRGB."""
    if white is None:
        return np.asarray(image * share + 0.5, np.uint8)
    noise = np.random.default_rng(0)
    levels = np.arange(256) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    electrons = noise.poisson(linear[image] * share * white) + noise.normal(0, READ_NOISE, image.shape)
    lit = np.clip(electrons / white, 0, 1)
    return np.asarray(255 * np.where(lit <= 0.0031308, 12.92 * lit, 1.055 * lit ** (1 / 2.4) - 0.055) + 0.5, np.uint8)


@contextmanager
def unlit(is_unlit: bool) -> Iterator[None]:
    """As the program was: without more light."""
    usual = light._DARK
    light._DARK = 0 if is_unlit else usual
    try:
        yield
    finally:
        light._DARK = usual


def shift(engine: Engine, bright: Shown, dark: Image) -> list[float]:
    """How far the encodings of its faces move, at the place where the detector sees them in usual light."""
    seen = engine.detect(bright.image)
    pairs = zip(engine.encode(bright.image, seen), engine.encode(dark, seen), strict=True)
    return [float(np.linalg.norm(one.encoding - other.encoding)) for one, other in pairs]


def dark(sets: dict[str, list[Shown]], nobody: Sequence[tuple[str, Image]], engines: dict[str, Engine]) -> None:
    """Recall, kept faces, false ones, and how far encodings move, with and without more light."""
    engine = engines["sface"]
    print(f"\n| light | | {' | '.join(sets)} | kept | false in `negatives` | SFace moves | dlib's moves |")
    print("| --- " * (len(sets) + 6) + "|")
    for name, share, white in LIGHTS:
        for is_unlit in (True, False):
            with unlit(is_unlit):
                cells, kept, moved = [], [0, 0], {encoder: list[float]() for encoder in engines}
                for shown in sets.values():
                    hits = []
                    for number, picture in enumerate(shown):
                        image = darkened(picture.image, share, white)
                        detections = engine.detect(image)
                        hits += [found(detections, box) for box in picture.faces]
                        good = [face for face in detections if (face.quality or 0.0) >= 0.02]
                        kept[0] += sum(found(good, box) for box in picture.faces)
                        kept[1] += len(picture.faces)
                        for encoder, of in engines.items() if number % 3 == 0 else ():
                            moved[encoder] += shift(of, picture, image)
                    cells.append(f"{np.mean(hits):.3f} ({len(hits)})")
                wrong = sum(len(engine.detect(darkened(image, share, white), thorough=True)) for _, image in nobody)
                shifts = " | ".join(f"{np.mean(values):.2f}" for values in moved.values())
                row = [name, "as it is" if is_unlit else "lit", *cells, f"{kept[0] / kept[1]:.2f}", f"{wrong}", shifts]
                print(f"| {' | '.join(row)} |", flush=True)


# What is no face


def doubtful(data: Path, keen: Engine) -> None:
    """What a lower score finds: faces and others by score, with the quality that they would have without it."""
    seen: list[tuple[float, bool, float]] = []
    for folder in ("twins", "sports5"):
        boxes: dict[str, list[list[float]]] = {}
        for row in csv.DictReader((data / folder / "_boxes.csv").open()):
            boxes.setdefault(row["file"], []).append([float(row[key]) for key in ("xmin", "ymin", "xmax", "ymax")])
        for file in sorted(boxes):
            seen += judged(read_picture(data / folder / file), boxes[file], keen)
    for _, image in pictures(data / "negatives"):
        seen += judged(image, [], keen)
    print("\n| score | faces | of quality ≥ .2 but for the score | others | of quality ≥ .2 but for the score |")
    print("| --- " * 5 + "|")
    for least in (0.6, 0.7, 0.8, 0.9):
        here = [one for one in seen if least <= one[0] < least + 0.1]
        cells = []
        for is_face in (True, False):
            good = [quality for _, right, quality in here if right is is_face]
            cells += [f"{len(good)}", f"{sum(quality >= 0.2 for quality in good)}"]
        print(f"| {least:.1f} to {least + 0.1:.1f} | {' | '.join(cells)} |")


def judged(image: Image, boxes: Sequence[Sequence[float]], keen: Engine) -> list[tuple[float, bool, float]]:
    """Score, whether it is a face of which a box is known, and quality but for the score, of each detection."""
    out = []
    for detection in keen.detect(image, thorough=True):
        box = detection.box
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        is_face = any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes)
        parts: Quality = assess(image, detection)
        out.append((detection.score or 0.0, is_face, parts._replace(score=1.0).value))
    return out


def place(data: Path, engines: dict[str, Engine], keen: Engine) -> None:
    """How far from a cohort's centre, in its own standard deviations, drawn faces, masks and animals are, and faces."""
    people = sorted(path for path in (data / "lfw").iterdir() if path.is_dir())
    cohort = [read_picture(min(path.glob("*.jpg"))) for path in people]
    others = {name: pictures(data / name)[::2] for name in ("twins", "sports5", "asian_aespa4", "negatives")}
    print("\n| | encoder | faces | 5 % | median | 95 % |\n| --- | --- | --- | --- | --- | --- |")
    for encoder, engine in engines.items():
        encodings = np.array([engine.photo(image, own_cut=False)[0].encoding for image in cohort[::2]])
        inverse = np.linalg.inv(np.cov(encodings.T) + 1e-4 * np.eye(encodings.shape[1]))
        rest = [engine.photo(image, own_cut=False)[0].encoding for image in cohort[1::8]]
        groups: dict[str, list[npt.NDArray[np.float64]]] = {"lfw, others": rest}
        for name, images in others.items():
            of = keen if name == "negatives" else engine
            groups[name] = [face.encoding for _, image in images for face in engine.encode(image, of.detect(image))]
        for name, faces in groups.items():
            off = np.array(faces) - encodings.mean(axis=0)
            far = np.sqrt(np.einsum("ij,jk,ik->i", off, inverse, off) / off.shape[1])
            cells = " | ".join(f"{value:.2f}" for value in np.percentile(far, [5, 50, 95]))
            print(f"| {name} | {encoder} | {len(far)} | {cells} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["large", "dark", "score", "place"], help="only this part")
    parser.add_argument("--data", type=Path, default=testdata.usual(), help="the folder of real test data")
    chosen = parser.parse_args()
    engines = {
        name: make_engine("fast", None, 1.0, lambda text: print(text, file=sys.stderr), name)
        for name in ("sface", "dlib")
    }
    engine, keen = engines["sface"], engines["sface"].keener()
    there = chosen.data.is_dir()
    demos = [(name, read_picture(path)) for name, path in demo.photographs().items()]
    nobody = pictures(chosen.data / "negatives") if there else []
    if chosen.part in (None, "large"):
        limits = [f"{least} to {most}" for least, most in pairwise(SIZES)]
        print(f"| heads, pixels | {' | '.join(limits)} | from 100 | false | CPU ms |")
        print("| --- " * (len(limits) + 4) + "|")
        grey = [np.full((30, 40, 3), 110, np.uint8)]
        large("demo", [known_in(name, image, keen) for name, image in demos], grey, engine)
        if there:
            groups = [known_in(name, image, keen) for name, image in pictures(chosen.data / "groups")]
            large("groups", [shown for shown in groups if shown.faces], [image for _, image in nobody[:30]], engine)
    if chosen.part in (None, "dark"):
        sets = {"demo": demos}
        if there:
            lfw = sorted(path for path in (chosen.data / "lfw").iterdir() if path.is_dir())[::2]
            sets["lfw"] = [(path.name, read_picture(min(path.glob("*.jpg")))) for path in lfw[:PER_SET]]
            sets["groups"] = pictures(chosen.data / "groups")[::2]
        dark({name: [seen(*picture, engine) for picture in images] for name, images in sets.items()}, nobody, engines)
    if there and chosen.part in (None, "score"):
        doubtful(chosen.data, keen)
    if there and chosen.part in (None, "place"):
        place(chosen.data, engines, keen)


def seen(name: str, image: Image, engine: Engine) -> Shown:
    """The faces that are found in usual light, in a picture no larger than 900 pixels."""
    factor = min(1.0, 900 / max(image.shape[:2]))
    small = np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    return Shown(name, small, [detection.box for detection in engine.detect(small)], [])


if __name__ == "__main__":
    main()
