"""A threshold that finds itself: what this gallery says about distances within and between people. Pure numpy.

All distances are L2 from a face to a person as the rule measures them: sqrt(|face - mean|^2 + spread * scatter), where
scatter is the mean squared distance of the person's faces to their mean. A spread of 0 is the distance to the average.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from face_classifier.core.config.flat import HIGHEST_THRESHOLD
from face_classifier.core.types import Sighting

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FEWEST_PEOPLE = 5  # for "auto": fewer say how far apart these few are, not how near the next stranger may come
_STEP = 0.0025  # L2: thresholds are looked for on this grid
_GRID = np.arange(0.0, HIGHEST_THRESHOLD + _STEP / 2, _STEP)
_DRAWS = 50
_INTERVAL = (0.05, 0.95)
# From so many on a distribution is worth looking at. False matches of 1 in 1,000 need thousands all the same.
_FEWEST = 30
_SETTLED_TRACKS, _SETTLED_FACES = 4, 8  # either makes a person sure enough to be somebody else's stranger


class Estimate(NamedTuple):
    """A number with its 90 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """Intervals come from a bootstrap over people: faces of one person resemble each other, so that they are no
    independent draws.
    """

    same: Floats  # (faces,) of a face to the rest of its own person, rising
    different: Floats  # (pairs,) of a face to another person, rising
    people: int  # that a new face is compared with
    _matched: Floats  # (1 + draws, grid): share of ``different`` below each distance; first as it is, then resampled

    def threshold(self, rate: float) -> Estimate:
        """The threshold at which a face matches another person at ``rate``, 0 to 1.

        Below 1 / len(different) it is the least distance of all, whatever the rate; it is never one that is refused.
        """
        return _estimate(_GRID[_first(self._matched >= rate)])

    def false_match_rate(self, threshold: float) -> Estimate:
        """How often a face is nearer than ``threshold`` to another person, 0 to 1."""
        return _estimate(np.array([np.interp(threshold, _GRID, matched) for matched in self._matched]))

    def threshold_per_probe(self, rate: float) -> Estimate:
        """The threshold at which a stranger matches any of the people at ``rate``, 0 to 1; see `threshold`."""
        return self.threshold(1 - (1 - rate) ** (1 / max(1, self.people)))

    def false_match_rate_per_probe(self, threshold: float) -> Estimate:
        """How often a stranger is nearer than ``threshold`` to any of the people, 0 to 1, as if they were independent
        of each other: people who resemble each other make it less.
        """
        return Estimate(*(1 - (1 - rate) ** self.people for rate in self.false_match_rate(threshold)))

    def false_non_match_rate(self, threshold: float) -> float:
        """How often a face is not nearer than ``threshold`` to its own person, 0 to 1."""
        return float(self._missed(np.array([threshold]))[0])

    def balanced(self) -> Estimate:
        """The threshold at which a face misses its own person as often as it matches any of the others, each of them
        at the false match rate (Bonferroni): what ``--threshold auto`` takes.

        Where nobody is as near to another person as all are to their own, it is the middle between.
        """
        missed = self._missed(_GRID)
        mistaken = self._matched * max(1, self.people - 1)
        first = _first(mistaken >= missed)
        last = np.array([int(np.flatnonzero(row <= missed).max()) for row in mistaken])
        return _estimate((_GRID[first] + _GRID[np.maximum(first, last)]) / 2)

    def _missed(self, thresholds: Floats) -> Floats:
        return np.asarray(1 - np.searchsorted(self.same, thresholds) / len(self.same))


def calibrate(
    encodings: Floats, tracks: Ints, people: Ints, cannot_links: Ints, *, spread: float, most: int = 3000
) -> Calibration | None:
    """What is certain about a gallery, or nearly so, as two distributions; None where that is too little.

    A face is compared with the faces of its person in other tracks, failing that with the rest of its track; and with
    other people if both are settled or have tracks that cannot be one person.

    Parameters
    ----------
    encodings: (faces, d) float64.
    tracks: (faces,) int64, from 0.
    people: (faces,) int64, the person of each face, by the user or by second thoughts, from 0, or -1.
    cannot_links: (pairs, 2) int64, tracks of different people.
    spread: of the rule that the threshold is for.
    most: faces that are looked at, of all people as evenly as can be.
    """
    chosen = _evenly(people, most)
    person, track, faces = people[chosen], tracks[chosen], encodings[chosen]
    # A track of nobody is somebody, too.
    group = np.unique(np.where(person >= 0, person, people.max(initial=-1) + 1 + track), return_inverse=True)[1]
    same = _to_own(faces, track, group, spread)
    strangers = _strangers(tracks, people, person, group) | _cannot_linked(track, group, cannot_links)
    rows, columns = np.nonzero(strangers[group])
    if len(same) < _FEWEST or len(rows) < _FEWEST:
        return None
    total, square, count = _sums(faces, group)
    different = _distance(faces[rows], total[columns], square[columns], count[columns], spread)
    matched = _resampled(different, group[rows], columns, len(count))
    return Calibration(np.sort(same), np.sort(different), len(np.unique(people[people >= 0])), matched)


def calibrated(faces: Sequence[Sighting], cannot_links: Iterable[tuple[int, int]], spread: float) -> Calibration | None:
    """What a gallery tells about distances, with its people as the folders have them; None where it is too small.

    ``spread``: how much of a person's scatter counts in the distance to it.
    """
    known = [face for face in faces if face.encoding is not None]
    if not known:
        return None
    tracks: dict[int, int] = {}
    track = [tracks.setdefault(-face.id if face.track is None else face.track, len(tracks)) for face in known]
    people = {name: number for number, name in enumerate(sorted({face.person for face in known if face.person}))}
    person = [people[face.person] if face.person else -1 for face in known]
    pairs = [(tracks[one], tracks[other]) for one, other in cannot_links if one in tracks and other in tracks]
    return calibrate(
        np.array([face.encoding for face in known]),
        np.array(track, np.int64),
        np.array(person, np.int64),
        np.array(pairs, np.int64).reshape(-1, 2),
        spread=spread,
    )


def _first(flags: Flags) -> Ints:
    """(rows,): the first column of each row whose flag is set, the last where none is. ``flags``: (rows, columns)."""
    return np.where(flags.any(axis=1), flags.argmax(axis=1), flags.shape[1] - 1)


def _estimate(values: Floats) -> Estimate:
    """The first of ``values`` as it is, the others resampled."""
    low, high = np.quantile(values[1:], _INTERVAL)
    return Estimate(float(values[0]), float(low), float(high))


def _evenly(people: Ints, most: int) -> Ints:
    """Numbers of at most ``most`` faces: the first of each person, then the second of each; those of nobody last."""
    order = np.argsort(people, kind="stable")
    _, starts, counts = np.unique(people[order], return_index=True, return_counts=True)
    turn = np.empty(len(people), np.int64)
    turn[order] = np.arange(len(people)) - np.repeat(starts, counts)
    return np.sort(np.lexsort((np.arange(len(people)), turn, people < 0))[:most])


def _sums(faces: Floats, group: Ints) -> tuple[Floats, Floats, Floats]:
    """Sums (groups, d), sums of squared norms (groups,) and numbers of faces (groups,)."""
    count = np.bincount(group).astype(np.float64)
    total = np.zeros((len(count), faces.shape[1]))
    np.add.at(total, group, faces)
    square = np.bincount(group, (faces * faces).sum(axis=1))
    return total, np.asarray(square, np.float64), count


def _distance(faces: Floats, total: Floats, square: Floats, count: Floats, spread: float) -> Floats:
    """(n,) of each face to the person with these sums."""
    mean = total / count[:, None]
    scatter = np.maximum(square / count - (mean * mean).sum(axis=1), 0)
    return np.asarray(np.sqrt(((faces - mean) ** 2).sum(axis=1) + spread * scatter))


def _to_own(faces: Floats, track: Ints, group: Ints, spread: float) -> Floats:
    """(n,) of faces to the rest of their group: without their track, or without themselves where that is too few."""
    total, square, count = (part[group] for part in _sums(faces, group))
    by_track = np.unique(np.column_stack([group, track]), axis=0, return_inverse=True)[1].ravel()
    in_track = [part[by_track] for part in _sums(faces, by_track)]
    itself = [faces, (faces * faces).sum(axis=1), np.ones(len(faces))]
    left_out = in_track if (count > in_track[2]).sum() >= _FEWEST else itself
    some = count > left_out[2]
    rest = [(whole - part)[some] for whole, part in zip((total, square, count), left_out, strict=True)]
    return _distance(faces[some], rest[0], rest[1], rest[2], spread)


def _strangers(tracks: Ints, people: Ints, person: Ints, group: Ints) -> Flags:
    """(groups, groups): whether both are settled people, of all ``tracks`` and ``people``, and not the same."""
    numbers, counts = np.unique(people[people >= 0], return_counts=True)
    by_track = np.unique(np.column_stack([people, tracks]), axis=0)[:, 0]
    seen = np.array([int((by_track == number).sum()) for number in numbers], np.int64)
    settled = numbers[(seen >= _SETTLED_TRACKS) | (counts >= _SETTLED_FACES)]
    sure = np.zeros(int(group.max(initial=-1)) + 1, bool)
    sure[group[np.isin(person, settled)]] = True
    return np.asarray(sure[:, None] & sure & ~np.eye(len(sure), dtype=bool))


def _cannot_linked(track: Ints, group: Ints, cannot_links: Ints) -> Flags:
    """(groups, groups): whether they have tracks that are apart."""
    of_track = dict(zip(track.tolist(), group.tolist(), strict=True))
    table = np.zeros((int(group.max(initial=-1)) + 1,) * 2, bool)
    for one, other in cannot_links.tolist():
        if one in of_track and other in of_track and of_track[one] != of_track[other]:
            table[of_track[one], of_track[other]] = table[of_track[other], of_track[one]] = True
    return table


def _resampled(distance: Floats, ones: Ints, others: Ints, groups: int) -> Floats:
    """(1 + draws, grid): the share of distances, each between two groups, below each of the grid; then the same where
    groups are drawn with replacement, a distance counting as often as both its groups together.
    """
    cell = np.searchsorted(_GRID, distance, side="right")
    dice = np.random.default_rng(0)  # the same gallery gives the same interval
    draws = [np.bincount(dice.integers(0, groups, groups), minlength=groups) for _ in range(_DRAWS)]
    shares = []
    for times in (np.ones(groups, np.int64), *draws):
        weight = times[ones] * times[others]
        if weight.any():
            shares.append(np.bincount(cell, weight, len(_GRID) + 1)[: len(_GRID)].cumsum() / weight.sum())
    return np.array(shares)
