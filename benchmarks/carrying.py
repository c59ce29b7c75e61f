"""Faces that are carried between two searches, against a search of each frame: `python benchmarks/carrying.py`.

Every frame of each clip is searched once; then its faces are followed with searches every so many seconds and limits of
likeness, by every second clip and by the others. Beside it, how many strangers in one place look as alike as that.
Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import csv
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import testdata
from pace.boxes import pairs
from pace.report import table

from face_classifier.core.config.load import load
from face_classifier.core.types import Box, Detection, Frame, Search
from face_classifier.pipeline.analysis import carrying
from face_classifier.pipeline.analysis.analyse import follower_of, times_of
from face_classifier.pipeline.analysis.carrying import FoundFace, Places, match_of
from face_classifier.pipeline.analysis.motion import Searches
from face_classifier.pipeline.analysis.view import View
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.vision.engine import Engine, make_engine
from face_classifier.vision.quality import inside

EVERY = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
ALIKE = (0.7, 0.8, 0.85, 0.9)
SAME = 0.5  # intersection over union from which two boxes are one face
PEOPLE = 150  # of each half, whose faces are compared with each other

Limit = tuple[float, float]  # seconds between two searches, least likeness
Found = dict[tuple[int, Search], list[Detection]]  # by number of the frame and kind of search


@dataclass
class Tally:
    """What became of the faces of some clips."""

    there: int = 0  # faces that are found where each frame is searched
    told: int = 0
    hits: int = 0  # told where they are
    searches: int = 0
    doubts: int = 0  # of the searches those that a doubt asked for
    encoded: int = 0
    tracks: int = 0
    overlaps: list[float] = field(default_factory=list)


class Clip:
    """A clip whose searches are made once."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self._path, self._engine = path, engine
        self._found: Found = {}

    def _search(self, frame: Frame, how: Search) -> list[Detection]:
        key = frame.index or 0, how
        if key not in self._found:
            self._found[key] = self._engine.search(frame.image, how)
        return self._found[key]

    def follow(self, every: float, tally: Tally) -> list[list[Box]]:
        """The boxes of each frame, with searches ``every`` seconds; 0 = each frame."""
        settings = load({"detect_every": every}, environ={})

        def doubt(frame: Frame) -> list[Detection]:
            tally.doubts += 1
            tally.searches += 1
            return self._search(frame, Search.USUAL)

        searches = Searches(still=False, times=times_of(settings, Sampling(0)))
        places = Places(follower_of(settings, Sampling(0)), View.everything.admits, doubt)
        boxes: list[list[Box]] = []
        tracks: set[int] = set()
        with open_source(str(self._path)) as source:
            for frame in source.frames(Sampling(0), source.start, threading.Event()):
                glance, found = searches.next(frame), None
                if glance.how not in (Search.NONE, Search.CARRY):
                    tally.searches += 1
                    found = self._search(frame, glance.how)
                faces, _ = places.next(frame, glance, found)
                boxes.append([face.detection.box for face in faces])
                tracks.update(face.track for face in faces)
                tally.encoded += sum(face.encode for face in faces)
        tally.tracks += len(tracks)
        return boxes


def compared(
    clips: Sequence[Path], engine: Engine, limits: Sequence[tuple[float, float]]
) -> Mapping[tuple[float, float], Tally]:
    """What becomes of the faces of clips, by seconds between two searches and least likeness; (0, 0): as they are."""
    usual, tallies = Tally(), {limit: Tally() for limit in limits}
    for path in clips:
        clip = Clip(path, engine)
        there = clip.follow(0, usual)
        usual.there += sum(map(len, there))
        for (every, alike), tally in tallies.items():
            carrying._ALIKE = alike
            told = clip.follow(every, tally)
            for mine, theirs in zip(told, there, strict=True):
                same = [overlap for *_, overlap in pairs([box.css for box in mine], [box.css for box in theirs])]
                tally.there, tally.told = tally.there + len(theirs), tally.told + len(mine)
                tally.hits += sum(overlap >= SAME for overlap in same)
                tally.overlaps += same
    return {(0, 0): usual} | tallies


def rows(half: str, tallies: Mapping[Limit, Tally]) -> Iterator[list[str]]:
    usual = tallies[0, 0]
    for (every, alike), tally in tallies.items():
        if every:
            yield [
                half,
                f"{every:g}",
                f"{alike:g}",
                str(tally.there),
                f"{tally.told / tally.there:.4f}",
                f"{tally.hits / tally.there:.4f}",
                f"{np.median(tally.overlaps):.3f} ({np.percentile(tally.overlaps, 5):.3f})",
                f"{tally.searches / usual.searches:.3f} ({tally.doubts / usual.searches:.3f})",
                f"{tally.encoded} of {usual.encoded}",
                f"{tally.tracks} of {usual.tracks}",
            ]


HEAD = ["clips", "every", "alike", "faces", "told", "where they are", "overlap", "searches", "encoded", "tracks"]


def strangers(people: Sequence[Path], engine: Engine) -> Iterator[float]:
    """How much each looks like each other one whose face comes in the same place, at best anywhere near it."""
    faces: list[tuple[npt.NDArray[np.uint8], Detection]] = []
    for person in people:
        image = np.asarray(cv2.imread(str(min(person.glob("*.jpg")))), np.uint8)
        found = max(engine.detect(image), key=lambda one: one.box.area, default=None)
        if found and inside(found.box, image) == 1:
            faces.append((image, found))
    for image, detection in faces[:PEOPLE]:
        face, box = FoundFace.of(image, detection), detection.box
        for other, beside in faces[:PEOPLE]:
            if other is not image:
                scale = box.height / beside.box.height
                move = [[scale, 0, box.left - scale * beside.box.left], [0, scale, box.top - scale * beside.box.top]]
                size = image.shape[1], image.shape[0]
                placed = cv2.warpAffine(other, np.array(move), size, borderMode=cv2.BORDER_REPLICATE)
                match = match_of(np.asarray(placed, np.uint8), face, (0.0, 0.0))
                yield match.alike if match else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--every", type=float, nargs="+", default=EVERY, help="seconds between two searches")
    parser.add_argument("--alike", type=float, nargs="+", default=ALIKE, help="least likeness of a carried face")
    chosen = testdata.parse(parser)
    engine = make_engine("fast", None, 1.0, print)
    with (chosen.data / "videos" / "_truth.tsv").open(encoding="utf-8") as file:
        clips = sorted(row["clip"] for row in csv.DictReader(file, delimiter="\t") if row["distinct_people"] != "0")
    limits = list(product(chosen.every, chosen.alike))
    cells: list[list[str]] = []
    for half, names in (("every second", clips[::2]), ("the others", clips[1::2])):
        cells += rows(half, compared([chosen.data / "videos" / name for name in names], engine, limits))
    print(*table(HEAD, cells), sep="\n", flush=True)
    known = sorted(path for path in (chosen.data / "lfw").iterdir() if path.is_dir())
    cells = []
    for half, people in (("every second", known[::2]), ("the others", known[1::2])):
        alike = np.array(list(strangers(people, engine)))
        shares = [f"{1e4 * float((alike >= limit).mean()):.1f}" for limit in chosen.alike]
        cells.append([half, str(len(alike)), *shares])
    print(*table(["strangers", "pairs", *(f"of 10,000 from {limit:g} on" for limit in chosen.alike)], cells), sep="\n")


if __name__ == "__main__":
    main()
