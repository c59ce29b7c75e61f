"""Faces drawn like real ones around many people: the statistics of measured sets, and what is drawn by them.

`spread.csv` holds statistics of SFace encodings alone: in the directions in which the people of data/lfw differ most,
the mean of all, the variance between people, and that of one person's photos. `measured` made them. All encodings are
of one length, as SFace's are.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from recognition.faces import Faces, Floats, Ints

from face_classifier.core.types import as_stored
from face_classifier.vision.sface import SCALE

FILE = Path(__file__).with_name("spread.csv")
# Of the variance of one person's photos (.0663) that between frames of one track: .0401 in clips of one person. The
# rest is of other tracks and days.
OF_FRAME = 0.60
LONE = 0.12  # share of the faces in data/lfw whose person has no other photo
BLOCK = 10_000  # people drawn together, so that a few need not all be drawn


@dataclass(frozen=True)
class Spread:
    """In each of 128 directions: the mean, and the variances between people and within one person."""

    mean: Floats
    between: Floats
    within: Floats


def stored() -> Spread:
    """The statistics that lie beside this file."""
    with FILE.open(encoding="ascii", newline="") as file:
        rows = [[float(value) for value in row.values()] for row in csv.DictReader(file)]
    return Spread(*np.array(rows).T)


def measured(faces: Faces) -> Spread:
    """The statistics of photos of many people."""
    person = np.unique(faces.person, return_inverse=True)[1]
    count = np.bincount(person)
    total = np.zeros((len(count), faces.encoding.shape[1]))
    np.add.at(total, person, faces.encoding)
    means = total / count[:, None]
    rest = faces.encoding - means[person]
    within = rest.T @ rest / (len(person) - len(means))
    between = np.cov(means.T) - within * (1 / count).mean()
    values, directions = np.linalg.eigh(between)
    order = np.argsort(-values)
    directions = directions[:, order]
    return Spread(
        means.mean(axis=0) @ directions,
        np.maximum(values[order], 0),
        np.einsum("ij,jk,ki->i", directions.T, within, directions),
    )


def store(spread: Spread) -> None:
    """Write the statistics beside this file."""
    with FILE.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(vars(spread))
        writer.writerows([f"{value:.3g}" for value in row] for row in zip(*vars(spread).values(), strict=True))


class Crowd:
    """Made-up people, each the same whenever it is asked for."""

    def __init__(self, spread: Spread, seed: int = 1) -> None:
        self._spread, self._seed = spread, seed
        self._block, self._centres = -1, np.empty((0, 128))

    def centres(self, people: Ints) -> Floats:
        """Where people lie, (n, 128); fewest blocks are drawn where they are sorted."""
        found = np.empty((len(people), 128))
        for block in np.unique(people // BLOCK):
            if block != self._block:
                dice = np.random.default_rng((self._seed, int(block)))
                drawn = dice.normal(size=(BLOCK, 128)) * np.sqrt(self._spread.between)
                self._block, self._centres = int(block), self._spread.mean + drawn
            there = people // BLOCK == block
            found[there] = self._centres[people[there] % BLOCK]
        return found

    def faces(self, people: Ints, track: Ints, dice: np.random.Generator) -> Floats:
        """A face of each of ``people``, rounded as stored; those of one ``track`` (a number) are of one day."""
        found = np.empty((len(people), 128), np.float32)
        for start in range(0, len(people), BLOCK):
            part = slice(start, start + BLOCK)
            alike, place = np.unique(track[part], return_inverse=True)
            days = dice.normal(size=(len(alike), 128)) * np.sqrt((1 - OF_FRAME) * self._spread.within)
            frames = dice.normal(size=(len(place), 128)) * np.sqrt(OF_FRAME * self._spread.within)
            drawn = self.centres(people[part]) + days[place] + frames
            found[part] = as_stored(SCALE * drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
        return found


def likeness(faces: Floats, person: Ints) -> Iterator[str]:
    """How far faces are from the average of the rest of their person, and from the nearest other average: quantiles."""
    count = np.bincount(person)
    total = np.zeros((len(count), faces.shape[1]))
    np.add.at(total, person, faces)
    means = total / count[:, None]
    several = np.flatnonzero(count[person] > 1)
    rest = (total[person[several]] - faces[several]) / (count[person[several]] - 1)[:, None]
    own = np.linalg.norm(faces[several] - rest, axis=1)
    nearest = np.empty(len(faces))
    for start in range(0, len(faces), 1000):
        some = slice(start, start + 1000)
        squares = (faces[some] ** 2).sum(1)[:, None] - 2 * faces[some] @ means.T + (means**2).sum(1)
        squares[np.arange(len(squares)), person[some]] = np.inf
        nearest[some] = np.sqrt(np.maximum(squares.min(axis=1), 0))
    for distances in (own, nearest):
        yield " / ".join(f"{value:.3f}" for value in np.quantile(distances, (0.1, 0.5, 0.9)))
