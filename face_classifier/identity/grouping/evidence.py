"""People who never met may be one: what cannot-links tell of those who have none.

Where people are seen together, two who are seen often and never at once are more likely one than two who were never
near each other at all. Of two strangers so many meetings are expected as if all meetings of their scene were drawn anew
among those who had them (Newman and Girvan's modularity): who is always alone in pictures tells nothing. As many nats
(steps of e in the odds) speak for one person if there was none (a Poisson count of zero).
"""

from __future__ import annotations

import numpy as np

from face_classifier.identity.grouping.clusters import Grouping
from face_classifier.identity.grouping.linkage import Edges, mutual
from face_classifier.identity.grouping.measure import Grid, distances_to_join, points
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Constraints, Floats, Ints, distinct, holds, totals


def corroborate(grouping: Grouping, constraints: Constraints, rule: Rule) -> Grouping:
    """Join clusters that are each other's nearest, and again, while meetings that never were bring any below the limit.

    It is at most ``rule.evidence`` beyond the limit that they may be. Evidence grows as clusters are joined, so a
    joined one may be nearer to a third than either of its halves was: all near pairs are looked at anew.

    Parameters
    ----------
    grouping: as ``link`` leaves it.
    constraints: of its tracks.
    rule: of their encoder.
    """
    scenes = _Scenes(constraints, len(grouping.of))
    while len(scenes.rate):
        pairs = _near(grouping, scenes, rule)
        pairs = mutual(pairs, rule.limit, len(grouping.clusters))
        if not len(pairs):
            break
        into = np.arange(len(grouping.clusters))
        into[pairs.other] = pairs.one
        grouping = grouping.joined(np.unique(into, return_inverse=True)[1])
    return grouping


class _Scenes:
    """Where tracks met: scenes with cannot-links. All photos are one: who is in one could be in another."""

    def __init__(self, constraints: Constraints, tracks: int) -> None:
        scene = np.full(tracks, -1) if constraints.scene is None else constraints.scene
        self._of = np.unique(scene, return_inverse=True)[1]  # (tracks,) numbers from 0
        links = np.zeros((0, 2), np.int64) if constraints.cannot_links is None else constraints.cannot_links
        links = distinct(links, tracks)
        links = links[self._of[links[:, 0]] == self._of[links[:, 1]]]
        count = int(self._of.max(initial=-1)) + 1
        self._met = np.bincount(links.ravel(), minlength=tracks)  # (tracks,) how many others each met
        met = np.bincount(self._of[links[:, 0]], minlength=count)
        rate = np.where(met > 0, 0.5 / np.maximum(met, 1), 0.0)  # (scenes,) as of two ends of meetings
        self.rate = rate if rate.any() else rate[:0]

    def shares(self, of: Ints, clusters: int) -> tuple[Ints, Ints, Ints]:
        """Scenes with meetings, who is there, and how many others their tracks met."""
        here = np.flatnonzero(self.rate[self._of])
        keys, place = np.unique(self._of[here] * clusters + of[here], return_inverse=True)
        scene, cluster = np.divmod(keys, max(clusters, 1))
        return scene, cluster, totals(place, self._met[here], len(keys)).astype(np.int64)


def _near(grouping: Grouping, scenes: _Scenes, rule: Rule) -> Edges:
    """Pairs with evidence that may be below the limit with it, at the distance that it leaves."""
    clusters, count = grouping.clusters, len(grouping.clusters)
    scene, cluster, tracks = scenes.shares(grouping.of, count)
    most = np.zeros(len(scenes.rate))
    np.maximum.at(most, scene, tracks)
    some = np.flatnonzero(totals(cluster, tracks * most[scene] * scenes.rate[scene], count) > rule.chance)
    grid = Grid(points(clusters[some], rule), within=rule.limit + rule.evidence)
    there: list[dict[int, int]] = [{} for _ in range(count)]
    for where, who, many in zip(scene.tolist(), cluster.tolist(), tracks.tolist(), strict=True):
        there[who][where] = many
    found = [np.zeros((2, 0), np.int64)]
    for tile in grid.tiles():
        one, other = grid.near(tile, rule.limit + rule.evidence)
        found.append(some[np.stack([one, other])])
    one, other = np.concatenate(found, axis=1)
    free = ~holds(grouping.cannot_links, one, other, count)
    one, other = one[free], other[free]
    pairs = zip(one.tolist(), other.tolist(), strict=True)
    meetings = np.array([_expected(there[a], there[b], scenes.rate) for a, b in pairs])
    distance = distances_to_join(clusters, one, other, rule)
    distance -= rule.meeting * np.clip(meetings - rule.chance, 0.0, rule.meetings)
    return Edges(one, other, distance)[(distance < rule.limit) & (meetings > rule.chance)]


def _expected(one: dict[int, int], other: dict[int, int], rate: Floats) -> float:
    """Meetings of two strangers over all scenes."""
    return sum(float(rate[scene]) * (many * other[scene]) for scene, many in sorted(one.items()) if scene in other)
