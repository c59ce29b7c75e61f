"""What second thoughts know: tracks as numbers, and what is certain about them. Pure numpy, no files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Templates(NamedTuple):
    """Tracks as numbers. A face weighs from a half (useless) to 1 (as good as matters)."""

    mean: Floats  # (tracks, d): the weighted mean of a track's encodings
    weight: Floats  # (tracks,): of all its faces together
    scatter: Floats  # (tracks,): the weighted mean of the squared distances of its faces to the mean
    worth: Floats  # (tracks,): the qualities of all its faces together


@dataclass(frozen=True, eq=False)
class Constraints:
    """What is certain about tracks and overrules their distances. Raises ValueError where arrays do not fit."""

    cannot_links: Ints | None = None  # (pairs, 2) numbers of tracks that are different people
    # (tracks,): tracks with the same number >= 0 are one person; it outweighs ``cannot_links``
    together: Ints | None = None
    named: Flags | None = None  # (tracks,): its person has a name by the user; two such people are never joined

    def __post_init__(self) -> None:
        if self.cannot_links is not None and (self.cannot_links.ndim != 2 or self.cannot_links.shape[1] != 2):
            raise ValueError(f"pairs of tracks that are apart have the shape (pairs, 2), not {self.cannot_links.shape}")

    def check(self, tracks: int) -> None:
        """Raise ValueError unless this is about so many tracks."""
        for name, values in (("together", self.together), ("named", self.named)):
            if values is not None and values.shape != (tracks,):
                raise ValueError(f"{name} has a value for each of {tracks} tracks, not the shape {values.shape}")
        if (
            self.cannot_links is not None
            and self.cannot_links.size
            and not 0 <= self.cannot_links.min() <= self.cannot_links.max() < tracks
        ):
            raise ValueError(f"pairs of tracks that are apart are numbers from 0 to {tracks - 1}")


NOTHING_CERTAIN = Constraints()


def templates(encodings: Floats, quality: Floats, tracks: Ints) -> Templates:
    """Sum up the faces of each track.

    Parameters
    ----------
    encodings: (faces, d) float64.
    quality: (faces,) float64, 0 to 1.
    tracks: (faces,) int64, numbers from 0, each of them used.
    """
    # With no more than its quality for a weight, forty dark frames would be less than a person.
    alone = Templates(encodings, (1 + quality) / 2, np.zeros(len(tracks)), quality)
    return merged(alone, tracks, int(tracks.max(initial=-1)) + 1)


def shared_frames(frames: Ints, tracks: Ints) -> Ints:
    """(pairs, 2): tracks that are apart because each has a face in the same frame. ``frames``, ``tracks``: (faces,)."""
    order = np.argsort(frames, kind="stable")
    starts = np.flatnonzero(np.diff(frames[order])) + 1
    pairs = {
        (int(one), int(other))
        for group in np.split(tracks[order], starts)
        for here in [np.unique(group)]
        for at, one in enumerate(here)
        for other in here[at + 1 :]
    }
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def merged(sums: Templates, into: Ints, count: int) -> Templates:
    weight = totals(into, sums.weight, count)
    share = sums.weight / weight[into]
    mean = np.zeros((count, sums.mean.shape[1]))
    np.add.at(mean, into, sums.mean * share[:, None])
    off = ((sums.mean - mean[into]) ** 2).sum(axis=1)
    return Templates(mean, weight, totals(into, share * (sums.scatter + off), count), totals(into, sums.worth, count))


def totals(into: Ints, values: npt.NDArray[np.generic], count: int) -> Floats:
    return np.asarray(np.bincount(into, values, count), np.float64)
