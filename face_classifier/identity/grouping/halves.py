"""Whether faces that pass for one person's are two people's, by their own distances alone. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Flags, Floats

# Share of ``Rule.limit`` by which the means of two people are apart at least. Fitted to half of the people in data/ and
# flat from .55 to .65: `benchmarks/identity.py --part mixed` tells how right it is.
_APART = 0.62
_FEWEST = 3  # faces of a half: two poor ones of anybody may lie together, away from the rest
_TURNS = 30
_FARTHEST = 3


class Halves(NamedTuple):
    """Two people in one folder."""

    first: Flags  # (n,): which of the faces are in the larger half
    gap: float  # L2 between the means of both, free of what scatter adds to it


def halves(encodings: Floats, quality: Floats, rule: Rule) -> Halves | None:
    """The two people that faces show; None where they may well show one.

    The two groups are those of k-means with k = 2, from several starts, whose means are farthest apart. They are two
    people if their means are clearly apart, and their faces on the average (root mean square) as far as second thoughts
    would not join.

    Parameters
    ----------
    encodings: (n, d) float64, of one encoder.
    quality: (n,) float64, 0 to 1: either half is worth one good face, as a person is.
    rule: of that encoder.
    """
    best: Halves | None = None
    if len(encodings) < 2 * _FEWEST:
        return None
    for start in _starts(encodings):
        group = _refined(encodings, start)
        sizes = int(group.sum()), int((~group).sum())
        if min(sizes) < _FEWEST or min(quality[group].sum(), quality[~group].sum()) < rule.worth:
            continue
        both = encodings[group], encodings[~group]
        scatters = [_scatter(faces) for faces in both]
        gap = _gap(both[0], both[1], scatters)
        if gap < _APART * rule.limit or gap**2 + sum(scatters) < rule.limit**2:
            continue
        if best is None or gap > best.gap:
            best = Halves(group if sizes[0] >= sizes[1] else ~group, gap)
    return best


def _starts(encodings: Floats) -> Iterator[Flags]:
    """Both sides of the direction in which the faces vary most, its ends, and what is near to the farthest faces."""
    off = encodings - encodings.mean(axis=0)
    along = np.linalg.svd(off, full_matrices=False)[0][:, 0]
    few = max(2, len(along) // 8)
    order = np.sort(along)
    yield along > 0
    yield along >= order[-few]
    yield along <= order[few - 1]
    squares = (off * off).sum(axis=1)
    for farthest in np.argsort(-squares, kind="stable")[:_FARTHEST]:
        yield ((encodings - encodings[farthest]) ** 2).sum(axis=1) < squares


def _refined(encodings: Floats, group: Flags) -> Flags:
    """The two groups once each face is in the one whose mean is nearer (Lloyd 1982)."""
    for _ in range(_TURNS):
        if group.all() or not group.any():
            break
        one, other = encodings[group].mean(axis=0), encodings[~group].mean(axis=0)
        again = ((encodings - one) ** 2).sum(axis=1) < ((encodings - other) ** 2).sum(axis=1)
        if (again == group).all():
            break
        group = again
    return group


def _scatter(faces: Floats) -> float:
    """The variance of a person of whom these are a sample: the mean squared L2 distance to the true mean."""
    return float(((faces - faces.mean(axis=0)) ** 2).sum()) / (len(faces) - 1)


def _gap(ones: Floats, others: Floats, scatters: Sequence[float]) -> float:
    """L2 between the true means: those of few faces are off by their scatter, which is known."""
    square = float(((ones.mean(axis=0) - others.mean(axis=0)) ** 2).sum())
    square -= scatters[0] / len(ones) + scatters[1] / len(others)
    return max(square, 0.0) ** 0.5
