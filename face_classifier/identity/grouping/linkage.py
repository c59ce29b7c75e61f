"""Joining clusters, the nearest first: average linkage, on the pairs below a limit alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from face_classifier.identity.grouping.clusters import Clusters, Grouping
from face_classifier.identity.grouping.measure import Grid, distances_to_join, points
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Flags, Floats, Ints, holds

_MOST, _FEW = 8, 1 << 16  # pairs held at once: so many for each cluster, and never less than so many


@dataclass
class Edges:
    """Pairs of clusters that are near, and all of those near to anybody that must not meet."""

    one: Ints  # (pairs,)
    other: Ints  # (pairs,) higher than ``one``; no pair comes twice
    distance: Floats  # (pairs,) L2; inf = they must not meet

    def __len__(self) -> int:
        return len(self.one)

    def __getitem__(self, which: Ints | np.ndarray) -> Edges:
        return Edges(self.one[which], self.other[which], self.distance[which])


# How far pairs of clusters are from each other, L2; as clusters join none comes nearer than its halves were
Measure = Callable[[Clusters, Ints, Ints, Rule], Floats]
Among = Callable[[Clusters, Rule], Flags]  # which clusters are looked at, (k,)


def everybody(clusters: Clusters, _: Rule) -> Flags:
    return np.ones(len(clusters), bool)


def link(
    grouping: Grouping,
    limit: float,
    rule: Rule,
    measure: Measure = distances_to_join,
    among: Among = everybody,
    most: int | None = None,
) -> Grouping:
    """Join all pairs of clusters that are each other's nearest, and again, until none are nearer than ``limit``.

    Since a joined cluster is never nearer to a third than the nearer of its halves was, that gives the same clusters as
    one pair at a time, and whatever may come near a joined cluster was near one of its halves: no other pairs than
    those below the limit are ever looked at.

    Parameters
    ----------
    grouping: clusters, in an order that says who comes first where distances are equal.
    limit: L2.
    rule: of their encoder.
    measure: inf = the two are not joined, whatever comes to them.
    among: those that are looked at; to any others ``measure`` says inf.
    most: pairs to hold at once. Where there are more, the nearest half of so many are joined first: the others are
        farther, so that it decides between equal distances at most. None = a few for each cluster.
    """
    while True:
        room = max(_MOST * len(grouping.clusters), _FEW) if most is None else most
        edges, reach = _near(grouping, limit, rule, measure, among, room)
        clusters, now = _rounds(grouping, edges, reach, rule, measure)
        grouping = grouping.keeping(clusters, now)
        if reach == limit:
            return grouping


def _near(
    grouping: Grouping, limit: float, rule: Rule, measure: Measure, among: Among, most: int
) -> tuple[Edges, float]:
    """All pairs that may meet below a limit, and it: ``limit``, or a lower one where those would be too many."""
    clusters = grouping.clusters
    some = np.flatnonzero(among(clusters, rule))
    grid = Grid(points(clusters[some], rule), within=limit)
    parts = [Edges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    count = 0
    for tile in grid.tiles():
        one, other = (some[numbers] for numbers in grid.near(tile, limit))
        free = ~holds(grouping.cannot_links, one, other, len(clusters))
        one, other = one[free], other[free]
        edges = Edges(one, other, measure(clusters, one, other, rule))
        parts.append(edges[edges.distance < limit])
        count += len(parts[-1])
        if count > most:
            nearest = _together(parts)
            nearest = nearest[np.argpartition(nearest.distance, most // 2)[: most // 2]]
            reach = float(nearest.distance.max())
            if nearest.distance.min() < reach:
                nearest = nearest[nearest.distance < reach]
            else:  # a limit above them, so that so many equal distances are not nobody's
                reach = float(np.nextafter(reach, np.inf))
            parts, count, limit = [nearest], len(nearest), reach
    return _together(parts), limit


def _together(parts: list[Edges]) -> Edges:
    return Edges(
        np.concatenate([part.one for part in parts]),
        np.concatenate([part.other for part in parts]),
        np.concatenate([part.distance for part in parts]),
    )


def _rounds(grouping: Grouping, edges: Edges, limit: float, rule: Rule, measure: Measure) -> tuple[Clusters, Ints]:
    """The clusters as they have become, and where each of the old ones is now: (k,)."""
    count = len(grouping.clusters)
    clusters = grouping.clusters[np.arange(count)]
    edges = _and_forbidden(edges, grouping.cannot_links, count)
    into = np.arange(count)
    while len(pairs := mutual(edges, limit, count)):
        now = clusters.join_pairs(pairs.one, pairs.other)
        into = now[into]
        touched = np.zeros(count, bool)
        touched[pairs.one] = touched[pairs.other] = True
        stale = touched[edges.one] | touched[edges.other]
        anew = _anew(edges[stale], now, clusters, rule, measure)
        edges = _together([edges[~stale], anew[(anew.distance < limit) | np.isinf(anew.distance)]])
    return clusters, into


def _and_forbidden(edges: Edges, cannot_links: Ints, count: int) -> Edges:
    """Those that must not meet as well, at inf, as far as both of them are near to anybody."""
    busy = np.zeros(count, bool)
    busy[edges.one] = busy[edges.other] = True
    apart = cannot_links[busy[cannot_links].all(axis=1)]
    return _together([edges, Edges(apart[:, 0], apart[:, 1], np.full(len(apart), np.inf))])


def mutual(edges: Edges, limit: float, count: int) -> Edges:
    """Pairs below the limit that are each other's nearest; of equally near ones that share a cluster the first."""
    least = np.full(count, np.inf)
    np.minimum.at(least, edges.one, edges.distance)
    np.minimum.at(least, edges.other, edges.distance)
    near = np.flatnonzero(edges.distance < limit)
    found = edges[near]
    found = found[(least[found.one] == found.distance) & (least[found.other] == found.distance)]
    found = found[np.lexsort((found.other, found.one))]
    number = np.arange(len(found))
    first = np.full(count, len(found))
    np.minimum.at(first, found.one, number)
    np.minimum.at(first, found.other, number)
    return found[(first[found.one] == number) & (first[found.other] == number)]


def _anew(edges: Edges, now: Ints, clusters: Clusters, rule: Rule, measure: Measure) -> Edges:
    """The pairs between what clusters are ``now``, (k,), each once; inf where any of a pair's was."""
    one, other = now[edges.one], now[edges.other]
    keys = np.minimum(one, other) * len(now) + np.maximum(one, other)
    order = np.argsort(keys, kind="stable")
    order = order[one[order] != other[order]]
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    one, other = np.divmod(keys[order[starts]], len(now))
    distance = measure(clusters, one, other, rule)
    if len(starts):
        distance[np.logical_or.reduceat(np.isinf(edges.distance[order]), starts)] = np.inf
    return Edges(one, other, distance)
