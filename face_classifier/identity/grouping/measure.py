"""How far clusters are from each other, and which pairs are near, without a matrix of all.

Distances are L2 between encodings. Of two clusters it is the root of the mean squared distance over all their pairs of
faces, which mean and scatter of each tell: |a - b|^2 + scatter a + scatter b (average linkage on squares). To it comes
what makes each of the two farther from everybody, and the lesser of their doubts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from face_classifier.identity.grouping.clusters import Clusters
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Flags, Floats, Ints, squares

_SIDE = 2048  # of a tile of pairs, in clusters: 16 MB of float32; of smaller ones threads would wait more than work
_SAMPLE = 256  # points at most, all pairs of which tell how many axes are enough
_FITTED = 4096  # points at most that tell which axes
_AXES = 16  # by so many more is tried
_CHECK = 20_000.0  # how much longer a pair that may be near takes than an axis of one that is not


class Points(NamedTuple):
    """What the distance of two is made of: root(|mean - mean|^2 + extra + extra) + margin + margin."""

    mean: Floats  # (k, d)
    extra: Floats  # (k,) >= 0
    margin: Floats  # (k,) >= 0


def points(clusters: Clusters, rule: Rule) -> Points:
    """Where clusters are."""
    return Points(clusters.sums.mean, clusters.sums.scatter, margin(clusters, rule))


def margin(clusters: Clusters, rule: Rule) -> Floats:
    """(k,) by how much, L2, a cluster counts as farther from everybody: half of what its limits lose."""
    return np.asarray((rule.ordinary - clusters.crowd) / 2)


def strangeness(clusters: Clusters, ones: Ints, others: Ints, rule: Rule) -> Floats:
    """(pairs,) by how much, L2, two count as farther apart for want of a cohort; not so within a scene."""
    strangers = are_strangers(clusters.scene[ones], clusters.scene[others])
    return np.asarray(rule.lonely * strangers * (clusters.alone[ones] + clusters.alone[others]) / 2)


def are_strangers(ones: Ints, others: Ints) -> Flags:
    """(pairs,) whether two scenes tell nothing about who is in both: few people are in one scene."""
    return np.asarray((ones != others) | (ones < 0))


def distances(clusters: Clusters, ones: Ints, others: Ints, rule: Rule) -> Floats:
    """(pairs,) how far ``ones`` (pairs,) are from ``others`` (pairs,), numbers of clusters.

    Of two clusters that are joined the distance to a third is never less than the lesser of theirs was (reducibility,
    Murtagh 1983): it is the root of the weighted mean of their squares, and margins and doubts are weighted means,
    too, of which the lesser of two is concave. So it is with `strangeness`, which joining two scenes only adds. What
    lowers a distance comes after linking: `evidence`.
    """
    sums, added = clusters.sums, margin(clusters, rule)
    square = squares(sums.mean, ones, sums.mean, others) + (sums.scatter[ones] + sums.scatter[others])
    return np.asarray(np.sqrt(square) + (added[ones] + added[others]) + shared_doubt(clusters, ones, others))


def shared_doubt(clusters: Clusters, ones: Ints, others: Ints) -> Floats:
    """(pairs,) the lesser of the doubts of ``ones`` and ``others`` (pairs,), L2."""
    doubt = clusters.sums.doubt
    return np.minimum(doubt[ones], doubt[others])


def distances_to_join(clusters: Clusters, ones: Ints, others: Ints, rule: Rule) -> Floats:
    """(pairs,) the same as linking sees them: larger where both are heavy, inf where the user named both."""
    distance = distances(clusters, ones, others, rule) + strangeness(clusters, ones, others, rule)
    heavy = clusters.sums.weight >= rule.heavy
    distance[heavy[ones] & heavy[others]] += rule.limit - rule.clear
    distance[clusters.named[ones] & clusters.named[others]] = np.inf
    return distance


def distances_of_several(clusters: Clusters, ones: Ints, others: Ints, rule: Rule) -> Floats:
    """(pairs,) the same, inf but for two that are seen in several tracks each, one of which is not lasting."""
    distance = distances_to_join(clusters, ones, others, rule)
    several = are_several(clusters, rule)
    lasting = clusters.sums.weight >= rule.lasting
    distance[~(several[ones] & several[others]) | (lasting[ones] & lasting[others])] = np.inf
    return distance


def are_several(clusters: Clusters, rule: Rule) -> Flags:
    """(k,) which clusters are seen in several tracks and are worth a person."""
    return np.asarray((clusters.tracks >= 2) & (clusters.sums.worth >= rule.worth))


class Visits(NamedTuple):
    """Who is near to which person, and may go there."""

    guest: Ints  # (pairs,)
    host: Ints  # (pairs,) clusters
    distance: Floats  # (pairs,) L2

    def only(self, which: Ints | Flags) -> Visits:
        return Visits(self.guest[which], self.host[which], self.distance[which])

    def and_also(self, *others: Visits) -> Visits:
        """All of them, in this order."""
        return Visits(*(np.concatenate(columns) for columns in zip(self, *others, strict=True)))


class Grid:
    """All pairs of some points with others, or with each other, in tiles; float32 finds the few that are near."""

    def __init__(self, ones: Points, others: Points | None = None, within: float = np.inf) -> None:
        """``others``: None = the same, and each pair comes once, the lower number first.

        ``within``: the highest L2 that ``near`` will be asked for.
        """
        self._is_half = others is None
        others = ones if others is None else others
        self._margins = ones.margin, others.margin
        axes = _axes(ones, others, within)
        left, right = _lengths(ones), _lengths(others)
        # The product of two rows is the squared distance: |a|^2 - 2 ab + |b|^2.
        self._left = np.column_stack([_along(axes, ones.mean), left, np.ones(len(left))]).astype(np.float32)
        columns = [-2 * _along(axes, others.mean), np.ones(len(right)), right]
        self._right = np.column_stack(columns).astype(np.float32).T
        self._error = 2e-5 * float(left.max(initial=0.0) + right.max(initial=0.0))  # 130 products of float32, at most

    def tiles(self) -> Iterator[tuple[slice, slice]]:
        ones, others = len(self._left), self._right.shape[1]
        for row in range(0, ones, _SIDE):
            for column in range(row if self._is_half else 0, others, _SIDE):
                yield slice(row, min(row + _SIDE, ones)), slice(column, min(column + _SIDE, others))

    def near(self, tile: tuple[slice, slice], within: float) -> tuple[Ints, Ints]:
        """Numbers of all pairs of a tile that are nearer than ``within``, L2, and of few that are not quite."""
        rows, columns = tile
        reach = within - self._margins[0][rows] - self._margins[1][columns].min()
        most = (np.maximum(reach, 0) ** 2 + self._error).astype(np.float32)
        matrix = self._left[rows] @ self._right[:, columns]
        one, other = np.divmod(np.flatnonzero(matrix < most[:, None]), matrix.shape[1])
        one, other = one + rows.start, other + columns.start
        if self._is_half and rows == columns:
            once = one < other
            return one[once], other[once]
        return one, other

    def nearest(self, rows: slice, count: int) -> Ints:
        """(rows, count) numbers of those others that are nearest to each of some points, whatever their margins."""
        matrix: npt.NDArray[np.float32] = self._left[rows] @ self._right
        found = []
        for _ in range(min(count, matrix.shape[1])):
            found.append(matrix.argmin(axis=1))
            matrix[np.arange(len(matrix)), found[-1]] = np.inf
        return np.stack(found, axis=1)


def _lengths(of: Points) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", of.mean, of.mean) + of.extra)


def _along(axes: Floats | None, mean: Floats) -> Floats:
    """(k, axes + 1) how far points lie along axes, and from all of these: two are never farther apart so than by d."""
    if axes is None:
        return mean
    places = mean @ axes
    rest = np.einsum("ij,ij->i", mean, mean) - np.einsum("ij,ij->i", places, places)
    return np.column_stack([places, np.sqrt(np.maximum(rest, 0))])


def _axes(ones: Points, others: Points, within: float) -> Floats | None:
    """(d, axes) those directions in which points vary most that tell nearly all pairs farther than ``within`` apart.

    Some of the pairs tell how many leave the least to do. None = all, as they are.
    """
    if not np.isfinite(within) or min(len(ones.mean), len(others.mean)) < 8 * _SAMPLE:
        return None
    one = np.arange(0, len(ones.mean), -(-len(ones.mean) // _SAMPLE))
    other = np.arange(1, len(others.mean), -(-len(others.mean) // _SAMPLE))
    # From so few as these the axes would fit them better than all others, and promise too much.
    many = others.mean[:: -(-len(others.mean) // _FITTED)]
    spread = many - many.mean(axis=0)
    axes = np.linalg.eigh(spread.T @ spread)[1][:, ::-1]
    reach = np.maximum(within - ones.margin[one, None] - others.margin[other], 0)
    most = reach**2 - (ones.extra[one, None] + others.extra[other])
    work, d = [], axes.shape[1]
    for count in range(_AXES, d + 1, _AXES):
        left, right = _along(axes[:, :count], ones.mean[one]), _along(axes[:, :count], others.mean[other])
        square = (left * left).sum(axis=1)[:, None] + (right * right).sum(axis=1) - 2 * left @ right.T
        work.append((count + _CHECK * float((square < most).mean()), count))
    count = min(work, default=(0.0, d))[1]
    return axes[:, :count] if count < d else None
