"""Clusters of tracks, and what is known of each as tracks come together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import (
    Columns,
    Constraints,
    Flags,
    Floats,
    Ints,
    Templates,
    distinct,
    merged,
    totals,
)


@dataclass
class Clusters:
    """What is known of k clusters."""

    sums: Templates
    tracks: Ints  # (k,) how many
    crowd: Floats  # (k,) see people.crowding
    named: Flags  # (k,)
    scene: Ints  # (k,) which all its tracks are from; -1: photos, or several
    alone: Floats  # (k,) how much of a cohort it lacks, 0 to 1

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, rows: Ints) -> Clusters:
        return Clusters(
            Templates(*(column[rows] for column in self.sums)),
            self.tracks[rows],
            self.crowd[rows],
            self.named[rows],
            self.scene[rows],
            self.alone[rows],
        )

    def __setitem__(self, rows: Ints, others: Clusters) -> None:
        for own, new in zip(self._columns(), others._columns(), strict=True):
            own[rows] = new

    def _columns(self) -> Iterator[Columns]:
        yield from (*self.sums, self.tracks, self.crowd, self.named, self.scene, self.alone)

    def joined(self, into: Ints) -> Clusters:
        """Those with the same number in ``into``, (k,) with 0 to m - 1, as one."""
        count = int(into.max(initial=-1)) + 1
        sums = merged(self.sums, into, count)
        share = self.sums.weight / sums.weight[into]
        return Clusters(
            sums=sums,
            tracks=totals(into, self.tracks, count).astype(np.int64),
            crowd=totals(into, share * self.crowd, count),
            named=totals(into, self.named, count) > 0,
            scene=_one_scene(into, self.scene, count),
            alone=totals(into, share * self.alone, count),
        )

    def join_pairs(self, keep: Ints, gone: Ints) -> Ints:
        """Make ``keep`` (m,) what they and ``gone`` (m,) are together, all different. Returns where each is now: (k,).

        ``gone`` are left as they were, and mean nothing any more.
        """
        self[keep] = self[np.concatenate([keep, gone])].joined(np.tile(np.arange(len(keep)), 2))
        now = np.arange(len(self))
        now[gone] = keep
        return now


def _one_scene(into: Ints, scene: Ints, count: int) -> Ints:
    least, most = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(least, into, scene)
    np.maximum.at(most, into, scene)
    return np.where(least == most, most, -1)


@dataclass
class Grouping:
    """Tracks in clusters, and which of these must not meet."""

    of: Ints  # (tracks,) the cluster of each
    clusters: Clusters  # k of them
    cannot_links: Ints  # (pairs, 2) clusters, the lower first, each pair once; none with itself

    def joined(self, into: Ints) -> Grouping:
        """Clusters with the same number in ``into``, (k,) with 0 to m - 1, as one."""
        pairs = into[self.cannot_links]
        return Grouping(into[self.of], self.clusters.joined(into), distinct(pairs, int(into.max(initial=-1)) + 1))

    def keeping(self, clusters: Clusters, now: Ints) -> Grouping:
        """``clusters``, (k,), of which those are left that one of the present ones is in: ``now`` (k,)."""
        left, into = np.unique(now, return_inverse=True)
        return Grouping(into[self.of], clusters[left], distinct(into[self.cannot_links], len(left)))


def begin(tracks: Templates, constraints: Constraints, rule: Rule) -> Grouping:
    """Each track alone, but for those that are together for certain.

    Of a track's scatter only a part counts: half of it is noise between frames that its mean is free of.
    """
    count = len(tracks.mean)
    alone = Clusters(
        sums=tracks._replace(scatter=rule.spread * tracks.scatter),
        tracks=np.ones(count, np.int64),
        crowd=np.full(count, rule.ordinary),
        named=np.zeros(count, bool) if constraints.named is None else constraints.named,
        scene=np.full(count, -1) if constraints.scene is None else constraints.scene,
        alone=np.zeros(count),
    )
    pairs = np.zeros((0, 2), np.int64) if constraints.cannot_links is None else constraints.cannot_links
    grouping = Grouping(np.arange(count), alone, distinct(pairs, count))
    if constraints.together is None:
        return grouping
    own = constraints.together.max(initial=-1) + 1 + np.arange(count)
    group = np.where(constraints.together < 0, own, constraints.together)
    _, first, into = np.unique(group, return_index=True, return_inverse=True)
    return grouping.joined(np.argsort(np.argsort(first))[into])  # numbered as their first tracks are
