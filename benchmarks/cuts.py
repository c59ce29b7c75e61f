"""Do strangers stay two people across a cut? `python benchmarks/cuts.py`.

Joins the clips of two people by a hard cut, their faces at the same place, and shows photos of many people one after
another. The real pipeline classifies each film into a folder of its own. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import testdata
from recognition.faces import tell
from recognition.replay import Quiet

from face_classifier.core.config.load import load
from face_classifier.gallery.store import Store
from face_classifier.identity.rethink import rethink
from face_classifier.identity.rules import rule_of
from face_classifier.pipeline import run as pipeline
from face_classifier.vision import engine as engines
from face_classifier.vision.engine import Engine, make_engine

Image = npt.NDArray[np.uint8]

FPS = 25
SIZE = 480, 360  # width, height of joined clips
FACE = 110  # pixels: width of the face in them
SECONDS = 3  # of each person; the shortest clip has no more


# Films


def steady(clip: Path, detector: Engine) -> list[Image]:
    """The first seconds of a clip of one person, ``FPS`` frames a second, the face (its median box) in the middle."""
    capture = cv2.VideoCapture(str(clip))
    step = (capture.get(cv2.CAP_PROP_FPS) or FPS) / FPS
    frames: list[Image] = []
    index = 0
    while len(frames) < SECONDS * FPS:
        there, image = capture.read()
        if not there:
            break
        frames += [np.asarray(image, np.uint8)] if index >= len(frames) * step else []
        index += 1
    capture.release()
    found = [
        max(faces, key=lambda face: face.box.area).box for image in frames[::10] if (faces := detector.detect(image))
    ]
    top, right, bottom, left = np.median([box.css for box in found], axis=0)
    scale = FACE / (right - left)
    move = [[scale, 0, SIZE[0] / 2 - scale * (left + right) / 2], [0, scale, SIZE[1] / 2 - scale * (top + bottom) / 2]]
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return [np.asarray(cv2.warpAffine(image, np.float32(move), SIZE, flags=flags), np.uint8) for image in frames]


def film(path: Path, images: Sequence[Image]) -> None:
    """Write a film of BGR pictures of one size, ``FPS`` a second."""
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (width, height))
    for image in images:
        writer.write(image)
    writer.release()


def photos(folder: Path, people: Sequence[str]) -> list[Image]:
    """The first photo of each of the people."""
    return [np.asarray(cv2.imread(str(min((folder / person).glob("*.jpg")))), np.uint8) for person in people]


# What becomes of them


@contextmanager
def made_once(encoder: str) -> Iterator[Engine]:
    """The default engine with that encoder, which all runs share instead of making one each."""
    engine, usual = make_engine("fast", None, 1.0, tell, encoder), engines.make_engine
    engines.make_engine = lambda *_, **__: engine  # type: ignore[assignment]
    try:
        yield engine
    finally:
        engines.make_engine = usual


@dataclass(frozen=True)
class Outcome:
    """Numbers of tracks, of folders by the online rule, of people after second thoughts; *mixed*: of two people."""

    faces: int
    unknown: int
    tracks: int
    mixed_tracks: int
    folders: int
    mixed_folders: int
    people: int
    mixed_people: int


def classified(clip: Path, cuts: Sequence[float], every: float, encoder: str) -> Outcome:
    """What a run makes of a film that shows the next person from each of the ``cuts`` (seconds) on."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = load(
            {"result": folder + "/result", "seconds": every, "encoder": encoder, "online_only": True}, None, {}
        )
        faces = pipeline.run(chosen, [str(clip)], threading.Event(), Quiet()).sightings or []
        with Store(Path(chosen.result), writing=False) as store:
            cannot_links = store.cannot_links()
    later = {face.id: face.person for face in faces}
    for number, move in enumerate(rethink(faces, cannot_links, (), rule_of(chosen)).moves):
        later |= dict.fromkeys(move.faces, f"new {number}" if move.new else move.person)

    def mixed(group_of: dict[int, str | int | None]) -> tuple[int, int]:
        shown: dict[str | int, set[int]] = {}
        for face in faces:
            group = group_of[face.id]
            if group is not None:
                shown.setdefault(group, set()).add(bisect(cuts, (face.position or 0.0) + 0.5 / FPS))
        return len(shown), sum(len(people) > 1 for people in shown.values())

    tracks = mixed({face.id: face.track for face in faces})
    folders = mixed({face.id: face.person for face in faces})
    people = mixed(dict(later))
    return Outcome(len(faces), sum(face.person is None for face in faces), *tracks, *folders, *people)


# The report


def joined(data: Path, encoder: str, every: Sequence[float], step: int) -> Iterator[tuple[str, list[Outcome]]]:
    """Pairs of people by half: both of the one on which limits were chosen, both of the other, one of each."""
    with made_once(encoder) as engine, tempfile.TemporaryDirectory() as folder:
        clips = sorted((data / "videos" / "webcam").glob("*.*"))
        steadied = cache(lambda person: steady(clips[person], engine))
        for seconds in every:
            halves: dict[str, list[Outcome]] = {"first half": [], "second half": [], "one of each": []}
            for one, other in list(combinations(range(len(clips)), 2))[::step]:
                half = "one of each" if (one + other) % 2 else ("second half" if one % 2 else "first half")
                pair = (one, other) if (one + other) % 3 else (other, one)
                # The cut comes at another place between two samples each time.
                images = steadied(pair[0])[-SECONDS * FPS + (one + other) % FPS :]
                film(Path(folder) / "joined.mp4", [*images, *steadied(pair[1])])
                halves[half].append(classified(Path(folder) / "joined.mp4", [len(images) / FPS], seconds, encoder))
            for half, outcomes in halves.items():
                yield f"{len(outcomes)} pairs, {half}, -S {seconds:g}", outcomes


def shown(
    data: Path, encoder: str, rates: Sequence[float], shows: int, people: int = 40
) -> Iterator[tuple[str, list[Outcome]]]:
    """Photos of so many people each, one after another, by half of the people."""
    known = sorted(folder.name for folder in (data / "lfw").iterdir() if folder.is_dir())
    with made_once(encoder), tempfile.TemporaryDirectory() as folder:
        for name, half in (("first half", known[::2]), ("second half", known[1::2])):
            for rate in rates:
                outcomes = []
                for number in range(shows):
                    chosen = np.random.default_rng(number).permutation(half)[:people].tolist()
                    times = round(rate * FPS)
                    film(
                        Path(folder) / "shown.mp4", [one for one in photos(data / "lfw", chosen) for _ in range(times)]
                    )
                    cuts = [rate * number for number in range(1, len(chosen))]
                    outcomes.append(classified(Path(folder) / "shown.mp4", cuts, rate, encoder))
                yield f"{shows} x {people} photos, {name}, {rate:g} s each", outcomes


def table(rows: Iterator[tuple[str, list[Outcome]]]) -> Iterator[str]:
    head = "faces (unknown)", "tracks", "mixed", "folders, online only", "mixed", "after second thoughts", "mixed"
    yield f"| | {' | '.join(head)} |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, outcomes in rows:
        total: Counter[str] = Counter()
        for outcome in outcomes:
            total.update(vars(outcome))
        yield (
            f"| {name} | {total['faces']} ({total['unknown']}) | {total['tracks']} | {total['mixed_tracks']} | "
            f"{total['folders']} | {total['mixed_folders']} | {total['people']} | {total['mixed_people']} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", choices=("dlib", "sface"), default="dlib")
    parser.add_argument("--part", choices=("joined", "shown"), help="only this one")
    parser.add_argument("--every", type=float, nargs="+", default=[0.2, 1.0], help="-S of joined clips (seconds)")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.04, 0.2, 1.0], help="how long a photo is shown")
    parser.add_argument("--step", type=int, default=1, help="take every so many-th pair (default: all)")
    parser.add_argument("--shows", type=int, default=3, help="slide shows of each kind (default 3)")
    chosen = testdata.parse(parser)
    if chosen.part != "shown":
        print(*table(joined(chosen.data, chosen.encoder, chosen.every, chosen.step)), sep="\n", flush=True)
    if chosen.part != "joined":
        print(*table(shown(chosen.data, chosen.encoder, chosen.rates, chosen.shows)), sep="\n", flush=True)


if __name__ == "__main__":
    main()
