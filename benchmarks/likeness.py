"""The likeness of `face-classifier similar`: fits its curves and tells how far they hold.

    sh scripts/python benchmarks/likeness.py --index DIR [--part thresholds]

Prints, for each encoder, the constants of `identity/profiles.py` as they come out of the fit, and for each set of
photos how often what likeness told was so: for two photos, and for a photo and a person of several. With ``--part
thresholds``, for each encoder and threshold, how often two photos of strangers and two of one person are nearer, on
either half of the people. ``--index``: a folder where the encodings are kept for the next time.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import testdata
from pace.report import markdown
from sklearn.linear_model import LogisticRegression

from face_classifier.cli.console import Screen
from face_classifier.identity.profiles import BY_ENCODER, EncoderProfile
from face_classifier.photos.lookalike.people import Person, open_gallery

FITTED_ON = {"dlib": ("lfw",), "sface": ("lfw", "asian_kpop15")}
SETS = ("lfw", "asian_kpop15", "celeb13_photos", "tv_bbt_crops", "emotion_jaffe")
PHOTOS = (2, 3, 6, 10)  # of a person that a photo is compared with
FEWEST = 20  # pairs of one person that tell something
THRESHOLDS = (0.35, 0.40, 0.42, 0.44, 0.46, 0.48, 0.50, 0.55, 0.60)
EDGES = (0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1)

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Pairs(NamedTuple):
    distance: Floats
    same: Flags  # whether both are one person

    @property
    def weight(self) -> Floats:
        """Makes one person as likely as two; the sum is 1."""
        return np.where(self.same, 0.5 / self.same.sum(), 0.5 / (~self.same).sum())


def fit_likeness(sets: Sequence[Pairs]) -> tuple[float, float]:
    """(distance where one person is as likely as two, steepness of the log odds) by logistic regression.

    Each of the ``sets`` counts as much as the others.
    """
    distance = np.concatenate([pairs.distance for pairs in sets])
    same = np.concatenate([pairs.same for pairs in sets])
    weight = np.concatenate([pairs.weight for pairs in sets]) * len(distance) / len(sets)
    # By Newton's method and without regularisation to speak of; the usual solver stops long before it is there.
    regression = LogisticRegression(C=1e9, solver="newton-cholesky", tol=1e-8)
    fitted = regression.fit(distance[:, None], same, weight)
    slope, start = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return -start / slope, -slope


def photo_pairs(people: Sequence[Person]) -> Pairs:
    """Every two photos."""
    encodings = np.array([portrait.encoding for person in people for portrait in person.portraits])
    of = np.repeat(np.arange(len(people)), [len(person.portraits) for person in people])
    rows = range(len(encodings) - 1)
    distance = np.concatenate([np.linalg.norm(encodings[row + 1 :] - encodings[row], axis=1) for row in rows])
    return Pairs(distance, np.concatenate([of[row + 1 :] == of[row] for row in rows]))


def person_pairs(people: Sequence[Person], photos: int, chance: np.random.Generator) -> Pairs:
    """As `Person.distance_to` has it: of each photo and ``photos`` others of the same person, and of five strangers."""
    apart: list[tuple[float, bool]] = []
    for person in people:
        own = person.portraits
        for number in range(len(own) if len(own) > photos else 0):
            others = [other for other in range(len(own)) if other != number]
            known = Person(person.name, tuple(own[one] for one in chance.choice(others, photos, replace=False)))
            apart.append((known.distance_to(own[number].encoding), True))
            strangers = [people[one] for one in chance.choice(len(people), 5) if people[one] is not person]
            photo_of = [one.portraits[chance.integers(len(one.portraits))] for one in strangers]
            apart += [(known.distance_to(portrait.encoding), False) for portrait in photo_of]
    distances, same = zip(*apart, strict=True) if apart else ((), ())
    return Pairs(np.array(distances), np.array(same, bool))


def threshold_rows(name: str, people: Sequence[Person]) -> list[list[str]]:
    """Of a set, all of it, the even and the odd people in the order of their names: false and true matches."""
    parts = [photo_pairs(part) for part in (people, people[::2], people[1::2])]
    rows = []
    for threshold in THRESHOLDS:
        false = [f"{1e6 * (pairs.distance[~pairs.same] < threshold).mean():.0f}" for pairs in parts]
        true = [f"{100 * (pairs.distance[pairs.same] < threshold).mean():.1f} %" for pairs in parts]
        rows.append([name, f"{threshold:.2f}", " / ".join(false), " / ".join(true)])
    return rows


def reliability_row(name: str, photos: int, pairs: Pairs, space: EncoderProfile) -> list[str]:
    """Of a set: expected calibration error in ten equal bins, log loss, and what was so where likeness told what."""
    told = 1 / (1 + np.exp(np.minimum(space.steepness * (pairs.distance - space.as_likely), 700)))
    weight, same = pairs.weight, pairs.same

    def mean(of: npt.NDArray[np.generic], where: Flags) -> float:
        return float(np.average(of[where].astype(float), weights=weight[where]))

    bins = np.minimum((told * 10).astype(int), 9)
    off = sum(weight[bins == one].sum() * abs(mean(told - same, bins == one)) for one in np.unique(bins))
    loss = -(weight * np.log(np.clip(np.where(same, told, 1 - told), 1e-15, 1))).sum()
    cells = []
    for low, high in pairwise(EDGES):
        here = (told >= low) & ((told < high) | (high == 1))
        counts = f"({same[here].sum()} / {(~same)[here].sum()})"
        cells.append(f"{100 * mean(same, here):.1f} {counts}" if here.any() else "")
    return [name, str(photos), f"{off:.3f}", f"{loss:.3f}", *cells]


def report(people: dict[str, list[Person]], space: EncoderProfile) -> str:
    """The fits and the reliability of one encoder's likeness, as Markdown."""
    chance = np.random.default_rng(0)
    of_photos = {name: photo_pairs(one) for name, one in people.items()}
    fits = {name: fit_likeness([pairs]) for name, pairs in of_photos.items()}
    chosen = FITTED_ON[space.encoder]
    fits[f"**{' and '.join(chosen)}**"] = fit_likeness([of_photos[name] for name in chosen])
    rows = []
    for name, one in people.items():
        rows.append(reliability_row(name, 1, of_photos[name], space))
        several = [(photos, person_pairs(one, photos, chance)) for photos in PHOTOS]
        rows += [reliability_row(name, *each, space) for each in several if each[1].same.sum() >= FEWEST]
    fitted = [[name, f"{at:.3f}", f"{by:.1f}"] for name, (at, by) in fits.items()]
    heads = [f"{100 * low:g}–{100 * high:g} %" for low, high in pairwise(EDGES)]
    return "\n".join(
        [
            f"### {space.encoder}\n",
            f"In `profiles.py`: as likely at {space.as_likely:g}, steepness {space.steepness:g}. Fitted anew on\n",
            markdown(["", "as likely at", "steepness"], fitted),
            markdown(["", "photos", "ECE", "log loss", *heads], rows),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--part", choices=("likeness", "thresholds"), default="likeness")
    given = testdata.parse(parser)
    for encoder, space in BY_ENCODER.items():
        sets = SETS if given.part == "likeness" else ("lfw", "asian_kpop15")
        people = {name: _people(given.data / name, given.index / f"{name}.sqlite", encoder) for name in sets}
        if given.part == "likeness":
            print(report(people, space), flush=True)
        else:
            rows = [row for name, one in people.items() for row in threshold_rows(name, one)]
            head = ["", "threshold", "strangers, of a million pairs: all / even / odd people", "one person"]
            print(f"### {encoder}\n", markdown(head, rows), sep="\n", flush=True)


def _people(folder: Path, index: Path, encoder: str) -> list[Person]:
    return open_gallery(str(folder), str(index), encoder, Screen(), threading.Event()).people


if __name__ == "__main__":
    main()
