"""What second thoughts know: tracks as numbers, and what is certain about them. Pure numpy, no files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Columns = npt.NDArray[np.generic]
Encodings = npt.NDArray[np.float32] | npt.NDArray[np.float64]  # shape (faces, d)

_FACES = 16384  # of tracks that are summed up at once: 16 MB
_PAIRS = 8192  # whose means are looked up at once: 8 MB


class Templates(NamedTuple):
    """Tracks as numbers. A face weighs from a half (useless) to 1 (as good as matters)."""

    mean: Floats  # (tracks, d): the weighted mean of a track's encodings
    weight: Floats  # (tracks,): of all its faces together
    scatter: Floats  # (tracks,): the weighted mean of the squared distances of its faces to the mean
    worth: Floats  # (tracks,): the qualities of all its faces together
    doubt: Floats  # (tracks,): the weighted mean of what its faces have, L2; see `certainty.py`

    @property
    def faces(self) -> Floats:
        """(tracks,): how many each has."""
        return np.rint(2 * self.weight - self.worth)  # a face weighs (1 + its quality) / 2

    def rows(self, rows: Ints) -> Templates:
        return Templates(*(column[rows] for column in self))

    def as_float64(self) -> Templates:
        return Templates(*(np.ascontiguousarray(column, np.float64) for column in self))


@dataclass(frozen=True, eq=False)
class Constraints:
    """What is certain about tracks and overrules their distances. Raises ValueError where arrays do not fit."""

    cannot_links: Ints | None = None  # (pairs, 2) numbers of tracks that are different people
    # (tracks,): tracks with the same number >= 0 are one person; it outweighs ``cannot_links``
    together: Ints | None = None
    named: Flags | None = None  # (tracks,): its person has a name by the user; two such people are never joined
    # (tracks,): the scene that each was seen in, -1 = a photo; None = all are photos. Few people are in a scene.
    scene: Ints | None = None

    def __post_init__(self) -> None:
        if self.cannot_links is not None and (self.cannot_links.ndim != 2 or self.cannot_links.shape[1] != 2):
            raise ValueError(f"pairs of tracks that are apart have the shape (pairs, 2), not {self.cannot_links.shape}")

    def check(self, tracks: int) -> None:
        """Raise ValueError unless this is about so many tracks."""
        for name, values in (("together", self.together), ("named", self.named), ("scene", self.scene)):
            if values is not None and values.shape != (tracks,):
                raise ValueError(f"{name} has a value for each of {tracks} tracks, not the shape {values.shape}")
        if (
            self.cannot_links is not None
            and self.cannot_links.size
            and not 0 <= self.cannot_links.min() <= self.cannot_links.max() < tracks
        ):
            raise ValueError(f"pairs of tracks that are apart are numbers from 0 to {tracks - 1}")

    def rows(self, rows: Ints) -> Constraints:
        """The same about tracks of which these ``rows``, (n,) different numbers, are left, in this order."""
        return Constraints(
            None if self.cannot_links is None else _among(rows, self.cannot_links),
            None if self.together is None else self.together[rows],
            None if self.named is None else self.named[rows],
            None if self.scene is None else self.scene[rows],
        )


NOTHING_CERTAIN = Constraints()


def templates(encodings: Encodings, quality: Floats, tracks: Ints, doubt: Floats | None = None) -> Templates:
    """Sum up the faces of each track.

    Parameters
    ----------
    encodings: (faces, d) floats, summed up as float64, some tracks at a time.
    quality: (faces,) floats, 0 to 1.
    tracks: (faces,) integers, numbers from 0, each of them used.
    doubt: (faces,) floats, as `Rule.doubt` tells it; None = there is none.
    """
    count, quality = int(tracks.max(initial=-1)) + 1, np.asarray(quality, np.float64)
    doubt = np.zeros(len(tracks)) if doubt is None else doubt
    order = np.argsort(tracks, kind="stable")
    ends = np.searchsorted(tracks[order], np.arange(count), side="right")
    # With no more than its quality for a weight, forty dark frames would be less than a person.
    weight, nothing = (1 + quality) / 2, np.zeros(len(tracks))
    parts, first = [], 0
    while first < count:  # so many tracks as have no more than so many faces, and at least one
        start = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, start + _FACES, side="right")))
        some = order[start : ends[last - 1]]
        known = np.asarray(encodings[some], np.float64)
        alone = Templates(known, *(column[some] for column in (weight, nothing, quality, doubt)))
        parts.append(merged(alone, tracks[some] - first, last - first))
        first = last
    if not parts:
        return Templates(np.zeros((0, np.shape(encodings)[1])), *np.zeros((4, 0)))
    return Templates(*map(np.concatenate, zip(*parts, strict=True)))


def in_order(tracks: Templates, constraints: Constraints) -> Ints:
    """(tracks,) their numbers, in an order that follows from what is known of them and so can decide between equals.

    Tracks of which all is the same are in the order of the input.
    """
    count, d = tracks.mean.shape
    named = np.zeros(count, bool) if constraints.named is None else constraints.named
    links = np.zeros(0, np.int64) if constraints.cannot_links is None else constraints.cannot_links.ravel()
    key = (tracks.mean * np.sqrt(np.arange(2, d + 2))).sum(axis=1)  # hardly ever the same for two that differ
    return np.lexsort((np.bincount(links, minlength=count), named, *tracks[1:], key))


def merged(sums: Templates, into: Ints, count: int) -> Templates:
    """Those with the same number in ``into``, (tracks,) with 0 to ``count`` - 1, each of them used, as one."""
    weight = totals(into, sums.weight, count)
    share = sums.weight / weight[into]
    order = np.argsort(into, kind="stable")
    starts = np.searchsorted(into[order], np.arange(count))
    mean = np.add.reduceat(sums.mean[order] * share[order, None], starts, axis=0) if count else sums.mean[:0]
    scatter = sums.scatter + squares(sums.mean, np.arange(len(into)), mean, into)
    worth, doubt = totals(into, sums.worth, count), totals(into, share * sums.doubt, count)
    return Templates(mean, weight, totals(into, share * scatter, count), worth, doubt)


def _among(rows: Ints, pairs: Ints) -> Ints:
    """Pairs of numbers as pairs of places in ``rows``, as far as both have one."""
    place = np.full(max(int(rows.max(initial=-1)), int(pairs.max(initial=-1))) + 1, -1)
    place[rows] = np.arange(len(rows))
    placed = place[pairs]
    return placed[(placed >= 0).all(axis=1)]


def squares(mean: Floats, ones: Ints, means: Floats, others: Ints) -> Floats:
    """(pairs,) squared L2 distances from the rows ``ones`` of ``mean`` to the rows ``others`` of ``means``.

    They are the same whichever way round, and whatever else is asked with them, so that equals stay equal.
    """
    found = np.empty(len(ones))
    for at in range(0, len(ones), _PAIRS):
        apart = mean[ones[at : at + _PAIRS]] - means[others[at : at + _PAIRS]]
        np.einsum("ij,ij->i", apart, apart, out=found[at : at + _PAIRS])
    return found


def totals(into: Ints, values: Columns, count: int) -> Floats:
    """(count,) sums of ``values`` with the same number in ``into``."""
    return np.asarray(np.bincount(into, values, count), np.float64)


def distinct(pairs: Ints, count: int) -> Ints:
    """Pairs of two different numbers below ``count``, (pairs, 2), the lower first, each once, sorted."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    keys = np.sort((low * count + high)[low != high])
    return np.stack(np.divmod(keys[np.diff(keys, prepend=-1) > 0], max(count, 1)), axis=1)


def holds(pairs: Ints, ones: Ints, others: Ints, count: int) -> Flags:
    """Whether each pair of two numbers below ``count``, whichever comes first, is among `distinct` pairs."""
    if not len(pairs):
        return np.zeros(len(ones), bool)
    keys = pairs @ np.array([count, 1])
    wanted = np.minimum(ones, others) * count + np.maximum(ones, others)
    return np.asarray(keys[np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)] == wanted)


def shared_frames(frames: Ints, tracks: Ints) -> Ints:
    """(pairs, 2): tracks that are apart because each has a face in the same frame. ``frames``, ``tracks``: (faces,)."""
    order = np.lexsort((tracks, frames))
    frame, track = frames[order], tracks[order]
    count = int(tracks.max(initial=-1)) + 1
    pairs = np.zeros((0, 2), np.int64)
    fresh: list[Ints] = []
    here, step = np.arange(len(frame)), 1
    while len(here := here[here < len(frame) - step]):  # those with one so many places further in the same frame
        here = here[frame[here] == frame[here + step]]
        fresh.append(distinct(np.stack([track[here], track[here + step]], axis=1), count))
        if sum(map(len, fresh)) > max(len(pairs), 1 << 20):  # the same two meet in many frames
            pairs, fresh = distinct(np.vstack([pairs, *fresh]), count), []
        step += 1
    return distinct(np.vstack([pairs, *fresh]), count)
