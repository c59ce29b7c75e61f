"""Second thoughts: who is who among all faces seen so far, whatever order they came in. Pure numpy, no files.

Everything works on tracks: faces of consecutive frames that must be one person; a photo is a track of one face.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from face_classifier.identity.grouping.linkage import Clusters, begin, blocks, crowding, forbid, link, linkage, square
from face_classifier.identity.grouping.rule import DLIB, Rule
from face_classifier.identity.grouping.templates import NOTHING_CERTAIN, Constraints, Floats, Ints, Templates

UNKNOWN = -1  # the label of a track that is too little to found a person


class NearMiss(NamedTuple):
    """Two people who may be one."""

    one: int  # label
    other: int  # label, higher
    distance: float  # L2 in the gallery's own measure, where ``Rule.limit`` joins


def second_thoughts(tracks: Templates, constraints: Constraints = NOTHING_CERTAIN, rule: Rule = DLIB) -> Ints:
    """Group tracks into people: (tracks,) labels 0, 1, ..., the heaviest person first, or UNKNOWN.

    Near tracks are joined first; they tell how crowded the gallery is, and so how far the others may be. At last people
    take in the small clusters beside them.

    Parameters
    ----------
    tracks: as `templates` sums them up.
    constraints: what is certain about them.
    rule: of their encoder.

    Raises
    ------
    ValueError: the constraints are about other tracks.
    """
    if len(tracks.mean) == 0:
        return np.zeros(0, np.int64)
    clusters = begin(tracks, constraints, rule)
    for limit in (rule.start, rule.limit):
        clusters = link(clusters, limit, rule)
        clusters.crowd = crowding(clusters, rule)
    return _labels(_take_in(clusters, rule), rule)


def near_misses(
    tracks: Templates, labels: Ints, constraints: Constraints = NOTHING_CERTAIN, rule: Rule = DLIB
) -> list[NearMiss]:
    """Pairs of people who are nearly near enough to be one, the nearest first, for the user to decide.

    Those whom ``second_thoughts`` keeps apart only because both are heavy or named are among them; those who are apart
    for certain are not.

    Parameters
    ----------
    tracks: as `templates` sums them up.
    labels: (tracks,) int64, from ``second_thoughts`` or from the folders as they are; UNKNOWN takes no part, unless the
        caller gives the track a label of its own.
    constraints: what is certain about them; only ``cannot_links`` count.
    rule: of their encoder.
    """
    known = np.flatnonzero(labels >= 0)
    numbers, into = np.unique(labels[known], return_inverse=True)
    if len(numbers) < 2:
        return []
    place = np.full(len(labels), -1)
    place[known] = np.arange(len(known))
    pairs = np.zeros((0, 2), np.int64) if constraints.cannot_links is None else place[constraints.cannot_links]
    pairs = pairs[(pairs >= 0).all(axis=1)]
    alone = begin(Templates(*(part[known] for part in tracks)), Constraints(pairs), rule)
    people = alone.joined(into)
    people.crowd = crowding(people, rule)
    misses = []
    for rows in blocks(len(numbers)):
        distance = linkage(people, rows, rule)
        forbid(distance, rows, people)
        distance[np.arange(len(numbers)) <= rows[:, None]] = np.inf
        for row, column in zip(*np.nonzero(distance < rule.limit + rule.unclear), strict=True):
            pair = int(numbers[rows[row]]), int(numbers[column])
            misses.append(NearMiss(*pair, float(distance[row, column])))
    return sorted(misses, key=lambda miss: (miss.distance, miss))


def _take_in(clusters: Clusters, rule: Rule) -> Clusters:
    """Let people take in the small clusters beside them.

    A face too far from some faces of a various person, and so from all on average, may still be near to the mean.
    """
    while True:
        home, distance = _homes(clusters, rule)
        keep, busy = np.arange(len(clusters)), np.zeros(len(clusters), bool)
        # One guest a person and round: two guests may have to stay apart, and each moves the mean.
        for guest in np.argsort(distance, kind="stable")[: int((distance < rule.limit).sum())]:
            if not busy[guest] and not busy[home[guest]]:
                busy[guest] = busy[home[guest]] = True
                keep[guest] = home[guest]
        if not busy.any():
            return clusters
        clusters = clusters.joined(np.unique(keep, return_inverse=True)[1])


def _homes(clusters: Clusters, rule: Rule) -> tuple[Ints, Floats]:
    """For each cluster the nearest person who may take it in, and the distance to it: inf if there is none."""
    sums, crowd = clusters.sums, clusters.crowd
    home, distance = np.zeros(len(clusters), np.int64), np.full(len(clusters), np.inf)
    people = np.flatnonzero((sums.weight >= rule.founding) | clusters.named)
    for rows in blocks(len(clusters)):
        near = square(sums.mean[rows], sums.mean[people]) + sums.scatter[rows, None]
        near = np.sqrt(near + rule.spread * sums.scatter[people])
        near += rule.ordinary - (crowd[rows, None] + crowd[people]) / 2
        near[sums.weight[rows, None] * rule.ratio > sums.weight[people]] = np.inf
        near[clusters.named[rows]] = np.inf
        matrix = np.full((len(rows), len(clusters)), np.inf, np.float32)
        matrix[:, people] = near
        forbid(matrix, rows, clusters)
        home[rows] = matrix.argmin(axis=1)
        distance[rows] = matrix[np.arange(len(rows)), home[rows]]
    return home, distance


def _labels(clusters: Clusters, rule: Rule) -> Ints:
    weight = clusters.sums.weight
    several = (clusters.tracks >= 2) | (weight >= rule.founding)
    person = (several & (clusters.sums.worth >= rule.worth)) | clusters.named
    order = np.lexsort((-weight, ~person))[: int(person.sum())]
    label = np.full(len(clusters), UNKNOWN)
    label[order] = np.arange(len(order))
    return np.asarray(label[clusters.of])
