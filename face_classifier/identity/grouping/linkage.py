"""Which clusters are near, and joining them: average linkage on squares.

Distances are L2 between encodings. Of two clusters it is the root of the mean squared distance over all their pairs of
faces, which mean and scatter of each tell: |a - b|^2 + scatter a + scatter b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Constraints, Flags, Floats, Ints, Templates, merged, totals


@dataclass
class Clusters:
    """The clusters of the moment."""

    of: Ints  # (tracks,) the cluster of each track
    sums: Templates  # of k clusters
    tracks: Ints  # (k,)
    crowd: Floats  # (k,) see crowding
    named: Flags  # (k,)
    cannot_links: Ints  # (pairs, 2) clusters that must not meet, each pair both ways round

    def __len__(self) -> int:
        return len(self.tracks)

    def joined(self, into: Ints) -> Clusters:
        """Those with the same number in ``into``, (k,) with 0 to m - 1, as one."""
        count = int(into.max()) + 1
        sums = merged(self.sums, into, count)
        share = self.sums.weight / sums.weight[into]
        return Clusters(
            of=into[self.of],
            sums=sums,
            tracks=totals(into, self.tracks, count).astype(np.int64),
            crowd=totals(into, share * self.crowd, count),
            named=totals(into, self.named, count) > 0,
            cannot_links=np.unique(into[self.cannot_links], axis=0),
        )


def begin(tracks: Templates, constraints: Constraints, rule: Rule) -> Clusters:
    """Each track alone, but for those that are together for certain.

    Of a track's scatter only a part counts: half of it is noise between frames that its mean is free of.
    """
    count = len(tracks.mean)
    constraints.check(count)
    cannot_links = np.zeros((0, 2), np.int64) if constraints.cannot_links is None else constraints.cannot_links
    clusters = Clusters(
        of=np.arange(count),
        sums=tracks._replace(scatter=rule.spread * tracks.scatter),
        tracks=np.ones(count, np.int64),
        crowd=np.full(count, rule.ordinary),
        named=np.zeros(count, bool) if constraints.named is None else constraints.named,
        cannot_links=np.vstack([cannot_links, cannot_links[:, ::-1]]),
    )
    if constraints.together is not None:
        own = constraints.together.max(initial=-1) + 1 + np.arange(count)
        group = np.where(constraints.together < 0, own, constraints.together)
        clusters = clusters.joined(np.unique(group, return_inverse=True)[1])
        clusters.cannot_links = clusters.cannot_links[clusters.cannot_links[:, 0] != clusters.cannot_links[:, 1]]
    return clusters


def crowding(clusters: Clusters, rule: Rule) -> Floats:
    """(k,) how far away the nearest other people are, as far as limits follow it; nobody counts as farther than
    ``ordinary``, so that in a small or sparse gallery the limits are the plain ones.

    It is cohort normalisation (adaptive T-norm of speaker verification) with the gallery's own people as the cohort.
    """
    people = np.flatnonzero(clusters.tracks >= rule.settled)
    near = np.full((len(clusters), rule.cohort), rule.ordinary)
    if rule.slope and len(people):
        mean = clusters.sums.mean
        for rows in blocks(len(clusters)):
            distance = np.sqrt(square(mean[rows], mean[people]) + clusters.sums.scatter[rows, None])
            distance[rows[:, None] == people] = np.inf
            both = np.minimum(np.hstack([distance, near[rows]]), rule.ordinary)
            near[rows] = np.partition(both, rule.cohort - 1, axis=1)[:, : rule.cohort]
    return np.asarray(rule.ordinary - rule.slope * (rule.ordinary - near.mean(axis=1)))


def link(clusters: Clusters, limit: float, rule: Rule) -> Clusters:
    """Join the two nearest clusters until none are nearer than ``limit``.

    All pairs that are each other's nearest are joined at once. That gives the same clusters, because a joined cluster
    is never nearer to a third than the nearer of its halves was (Murtagh 1983: reducibility).
    """
    nearest, distance = _nearest(clusters, np.arange(len(clusters)), rule)
    while distance.min(initial=np.inf) < limit:
        all_of_them = np.arange(len(clusters))
        mutual = (distance < limit) & (nearest[nearest] == all_of_them) & (all_of_them < nearest)
        if not mutual.any():
            mutual[distance.argmin()] = True  # equal distances make a circle
        keep = all_of_them.copy()
        keep[nearest[mutual]] = all_of_them[mutual]
        numbers, into = np.unique(keep, return_inverse=True)
        touched = mutual.copy()
        touched[nearest[mutual]] = True
        stale = np.flatnonzero((touched | touched[nearest])[numbers])
        clusters = clusters.joined(into)
        nearest, distance = into[nearest[numbers]], distance[numbers]
        nearest[stale], distance[stale] = _nearest(clusters, stale, rule)
    return clusters


def _nearest(clusters: Clusters, rows: Ints, rule: Rule) -> tuple[Ints, Floats]:
    """For the clusters ``rows`` the nearest other that they may join, and the distance to it: inf if there is none."""
    nearest, distance = np.zeros(len(rows), np.int64), np.full(len(rows), np.inf)
    heavy = clusters.sums.weight >= rule.heavy
    for block in blocks(len(rows)):
        some = rows[block]
        matrix = linkage(clusters, some, rule)
        matrix[np.ix_(heavy[some], heavy)] += rule.limit - rule.clear
        matrix[np.ix_(clusters.named[some], clusters.named)] = np.inf
        forbid(matrix, some, clusters)
        nearest[block] = matrix.argmin(axis=1)
        distance[block] = matrix[np.arange(len(some)), nearest[block]]
    return nearest, distance


def linkage(clusters: Clusters, rows: Ints, rule: Rule) -> npt.NDArray[np.float32]:
    """(rows, k) distances from the clusters ``rows`` to all, larger where it is crowded."""
    sums, crowd = clusters.sums, clusters.crowd
    matrix = square(sums.mean[rows], sums.mean)
    matrix += sums.scatter[rows, None]
    matrix += sums.scatter
    np.sqrt(matrix, out=matrix)
    matrix += (rule.ordinary - crowd[rows, None]) / 2
    matrix += (rule.ordinary - crowd) / 2
    return matrix


def forbid(matrix: npt.NDArray[np.float32], rows: Ints, clusters: Clusters) -> None:
    """Set the distances (rows, k) of clusters to themselves and to those they are apart from to infinity."""
    place = np.full(len(clusters), -1)
    place[rows] = np.arange(len(rows))
    matrix[place[rows], rows] = np.inf
    row = place[clusters.cannot_links[:, 0]]
    matrix[row[row >= 0], clusters.cannot_links[row >= 0, 1]] = np.inf


def square(ones: Floats, others: Floats) -> npt.NDArray[np.float32]:
    """Squared L2 distances (ones, others); in float32, whose error of 1e-6 is far below what decides."""
    ones32, others32 = ones.astype(np.float32), others.astype(np.float32)
    matrix = ones32 @ (-2 * others32.T)
    matrix += (ones32 * ones32).sum(axis=1)[:, None]
    matrix += (others32 * others32).sum(axis=1)
    return np.maximum(matrix, 0, out=matrix)


def blocks(count: int, size: int = 1024) -> list[Ints]:
    """Numbers from 0 in slices, so that a matrix of distances stays in memory."""
    return [np.arange(at, min(at + size, count)) for at in range(0, count, size)]
