"""A gallery of real faces in which much is wrong, and whose each face really is.

    python benchmarks/page/wrong.py RESULT                      # 600 faces of 12 people, one in eight of them wrong
    python benchmarks/page/wrong.py RESULT --rate 0.2 --unknown 0.1 --encoder dlib

The faces come from the real test data: the people with most pictures in the folders of photos, then clips of one
person each. A face that is wrong lies with whom it is nearest to beside its own person, so that it is as hard to see as
such faces are. Beside the result folder, RESULT.csv tells of each face whose it is and where it lies; printed is how
many faces a user has to move at least.
"""

from __future__ import annotations

import argparse
import csv
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import chain, islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import testdata
from scipy.optimize import linear_sum_assignment

from face_classifier.core.types import Face, Frame, Image, Match
from face_classifier.gallery.store import Store
from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.sources.base import Sampling
from face_classifier.sources.picture import read_picture
from face_classifier.sources.video import VideoFile
from face_classifier.vision.engine import Engine, make_engine

PEOPLE, FACES = 12, 600
SETS = {"asian_kpop15": 80, "sports5": 0, "tv_bbt_crops": 75, "lfw": 0}  # and pixels of black that tight crops need
OF_PHOTOS = 7  # people; the others are of clips
_BEGIN = datetime(2026, 11, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Seeded:
    """A gallery, and what is wrong in it."""

    truth: Mapping[str, str]  # face -> whose folder it belongs into
    lies: Mapping[str, str | None]  # face -> in whose folder it lies; None: unknown

    @property
    def moves(self) -> int:
        """How many faces have to be moved at least until each person has one folder alone."""
        folders: dict[str, Counter[str]] = defaultdict(Counter)
        for face, folder in self.lies.items():
            if folder is not None:
                folders[folder][self.truth[face]] += 1
        stay = _best_owners(folders)
        return len(self.truth) - stay


def _best_owners(folders: Mapping[str, Counter[str]]) -> int:
    """How many faces stay if each person gets one folder and each folder one person, at best."""
    people = sorted({person for counts in folders.values() for person in counts})
    counts = np.array([[folders[name][person] for person in people] for name in sorted(folders)])
    return int(counts[linear_sum_assignment(-counts)].sum())


def photos(data: Path) -> Iterator[tuple[str, list[Image]]]:
    """People with the pictures of each, those with most first."""
    found = []
    for name, border in SETS.items():
        for folder in sorted((data / name).iterdir()):
            pictures = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".jpg", ".png"))
            found.append((len(pictures), f"{name}/{folder.name}", border, pictures))
    for _, person, border, pictures in sorted(found, key=lambda one: (-one[0], one[1])):
        yield person, [cv2.copyMakeBorder(read_picture(path), *[border] * 4, cv2.BORDER_CONSTANT) for path in pictures]


def clips(data: Path, count: int) -> Iterator[tuple[str, list[Image]]]:
    """The longest clips of one person each, the longest last, with five frames a second."""
    videos = [(path.stem, VideoFile(str(path))) for path in sorted((data / "videos" / "webcam").glob("*.*"))]
    for name, video in sorted(videos, key=lambda one: (one[1].duration or 0.0, one[0]))[-count:]:
        frames = video.frames(Sampling(every=0.2), video.start, threading.Event())
        yield name, [frame.image for frame in frames]


def faces_of(images: Sequence[Image], engine: Engine, most: int) -> Iterator[tuple[Image, Face]]:
    """The face that each of the images is about, as far as one is found; the first so many."""
    for image in images:
        face, found = engine.photo(image, own_cut=False)
        if found and most > 0:
            most -= 1
            yield image, face


def gather(data: Path, engine: Engine) -> dict[str, list[tuple[Image, Face]]]:
    """The faces of each person; each takes a fair share of those that are still to be found."""
    people: dict[str, list[tuple[Image, Face]]] = {}
    several = chain(islice(photos(data), OF_PHOTOS), clips(data, PEOPLE - OF_PHOTOS))
    for number, (person, images) in enumerate(several):
        left = FACES - sum(map(len, people.values()))
        people[person] = list(faces_of(images, engine, -(-left // (PEOPLE - number))))
    return people


def seed(folder: Path, people: Mapping[str, Sequence[tuple[Image, Face]]], rate: float, unknown: float) -> Seeded:
    """Make the gallery: of each person's faces the share ``rate`` lies with others, ``unknown`` with nobody."""
    dice = np.random.default_rng(1)
    names = {person: f"person_{number:02d}" for number, person in enumerate(people, 1)}
    means = {person: np.mean([face.encoding for _, face in faces], axis=0) for person, faces in people.items()}
    truth: dict[str, str] = {}
    lies: dict[str, str | None] = {}
    with Store(folder, writing=True) as store:
        store.look(_reads_nothing)
        for person, faces in people.items():
            drawn = dice.permutation(len(faces))
            wrong = set(drawn[: round(rate * len(faces))].tolist())
            nobody = set(drawn[len(drawn) - round(unknown * len(faces)) :].tolist()) - wrong
            for place, (image, face) in enumerate(faces):
                others = sorted(
                    (other for other in means if other != person),
                    key=lambda other: float(np.linalg.norm(means[other] - face.encoding)),
                )
                where = None if place in nobody else names[others[0] if place in wrong else person]
                number = len(truth)
                frame = Frame(image, person, None, number, float(number), 0.5, _BEGIN + timedelta(minutes=number))
                kept = store.keep(frame, face, Match(where), 0)
                truth[kept.sightings[0].face], lies[kept.sightings[0].face] = names[person], where
    return Seeded(truth, lies)


def _reads_nothing(path: Path, _own_cut: bool) -> tuple[Face, bool]:
    raise AssertionError(f"{path} is there before the gallery is made")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path, help="the folder to make")
    parser.add_argument("--encoder", choices=tuple(BY_ENCODER), default="sface")
    parser.add_argument("--rate", type=float, default=0.125, help="share of each person's faces that lie with others")
    parser.add_argument("--unknown", type=float, default=0.1, help="share that are nobody's")
    chosen = testdata.parse(parser)
    engine = make_engine("fast", None, 1.0, lambda sentence: print(sentence, file=sys.stderr), chosen.encoder)
    people = gather(chosen.data, engine)
    seeded = seed(chosen.result, people, chosen.rate, chosen.unknown)
    with chosen.result.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["face", "person", "lies"])
        table.writerows([face, person, seeded.lies[face] or ""] for face, person in seeded.truth.items())
    counts = Counter(seeded.truth.values())
    print(
        f"{len(seeded.truth)} faces of {len(counts)} people ({min(counts.values())} to {max(counts.values())} each); "
        f"{seeded.moves} have to be moved at least"
    )


if __name__ == "__main__":
    main()
