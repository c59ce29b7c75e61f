"""Second thoughts: who is who among all faces seen so far, whatever order they came in. Pure numpy, no files.

Everything works on tracks: faces of consecutive frames that must be one person; a photo is a track of one face.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from face_classifier.identity.grouping.clusters import Clusters, Grouping, begin
from face_classifier.identity.grouping.dissolve import dissolve
from face_classifier.identity.grouping.evidence import corroborate
from face_classifier.identity.grouping.linkage import link
from face_classifier.identity.grouping.measure import Grid, Points, are_several, distances, distances_of_several, points
from face_classifier.identity.grouping.rule import DLIB, Rule
from face_classifier.identity.grouping.take_in import take_in
from face_classifier.identity.grouping.templates import (
    NOTHING_CERTAIN,
    Constraints,
    Floats,
    Ints,
    Templates,
    in_order,
    squares,
)
from face_classifier.identity.tracks import founds

UNKNOWN = -1  # the label of a track that is too little to found a person
_ROWS = 512  # clusters whose nearest people are looked for at once


class NearMiss(NamedTuple):
    """Two people who may be one."""

    one: int  # label
    other: int  # label, higher
    distance: float  # L2 in the gallery's own measure, where ``Rule.limit`` joins


def second_thoughts(tracks: Templates, constraints: Constraints = NOTHING_CERTAIN, rule: Rule = DLIB) -> Ints:
    """Group tracks into people: (tracks,) labels 0, 1, ..., the heaviest person first, or UNKNOWN.

    Near tracks are joined first; they tell how crowded the gallery is, and so how far the others may be. Then those who
    never met come together, tracks of small clusters go to the people that they are near to, and people take in the
    small clusters beside them.

    Parameters
    ----------
    tracks: as `templates` sums them up.
    constraints: what is certain about them.
    rule: of their encoder.

    Raises
    ------
    ValueError: the constraints are about other tracks.
    """
    constraints.check(len(tracks.mean))
    if len(tracks.mean) == 0:
        return np.zeros(0, np.int64)
    tracks = tracks.as_float64()
    order = in_order(tracks, constraints)
    constraints = constraints.rows(order)
    grouping = start = begin(tracks.rows(order), constraints, rule)
    scene = np.full(len(order), -1) if constraints.scene is None else constraints.scene
    grouping = link(grouping, rule.start, rule)
    _look_around(grouping, scene, rule)
    grouping = link(grouping, rule.limit, rule)
    grouping = link(grouping, rule.several, rule, distances_of_several, are_several)
    _look_around(grouping, scene, rule)
    grouping = corroborate(grouping, constraints, rule)
    _look_around(grouping, scene, rule)
    grouping = take_in(dissolve(start, grouping, rule), rule)
    grouping.of = grouping.of[np.argsort(order)]
    return _labels(grouping, rule)


def near_misses(
    tracks: Templates, labels: Ints, constraints: Constraints = NOTHING_CERTAIN, rule: Rule = DLIB
) -> list[NearMiss]:
    """Pairs of people who are nearly near enough to be one, the nearest first, for the user to decide.

    Those whom ``second_thoughts`` keeps apart only because both are heavy or named, or for want of a cohort, are among
    them; those who are apart for certain are not.

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
    people = begin(tracks.as_float64().rows(known), Constraints(constraints.rows(known).cannot_links), rule).joined(
        into
    )
    people.clusters.crowd = crowding(people.clusters, rule)
    apart = {(int(one), int(other)) for one, other in people.cannot_links}
    grid = Grid(points(people.clusters, rule), within=rule.limit + rule.unclear)
    misses = []
    for tile in grid.tiles():
        ones, others = grid.near(tile, rule.limit + rule.unclear)
        for one, other, distance in zip(
            ones.tolist(), others.tolist(), distances(people.clusters, ones, others, rule).tolist(), strict=True
        ):
            if distance < rule.limit + rule.unclear and (one, other) not in apart:
                misses.append(NearMiss(int(numbers[one]), int(numbers[other]), distance))
    return sorted(misses, key=lambda miss: (miss.distance, miss))


def _look_around(grouping: Grouping, scene: Ints, rule: Rule) -> None:
    """Tell each cluster how crowded it is around it, and how much of a cohort it lacks.

    ``scene``: (tracks,) where each was seen. Who was seen in several of them, or in several photos, is a cohort; and
    so are many who were seen in two.
    """
    clusters = grouping.clusters
    clusters.crowd = crowding(clusters, rule)
    seen = np.where(scene < 0, -1 - np.arange(len(scene)), scene)  # each photo for itself
    places = np.unique(np.stack([grouping.of, seen], axis=1), axis=0)[:, 0]
    times = np.bincount(places, minlength=len(clusters))
    known = np.where(times >= rule.known, 1.0, np.where(times == 2, rule.twice, 0.0))
    clusters.alone = 1 - np.minimum((known.sum() - known) / rule.cohort, 1.0)


def crowding(clusters: Clusters, rule: Rule) -> Floats:
    """(k,) how far away the nearest other people are, as far as limits follow it; nobody counts as farther than
    ``ordinary``, so that in a small or sparse gallery the limits are the plain ones.

    It is cohort normalisation (adaptive T-norm of speaker verification) with the gallery's own people as the cohort.
    """
    people = np.flatnonzero(clusters.tracks >= rule.settled)
    near = np.full((len(clusters), rule.cohort), rule.ordinary)
    if rule.slope and len(people):
        mean, scatter = clusters.sums.mean, clusters.sums.scatter
        nothing = np.zeros(len(clusters))
        grid = Grid(Points(mean, nothing, nothing), Points(mean[people], nothing[people], nothing[people]))
        for at in range(0, len(clusters), _ROWS):
            rows = np.arange(at, min(at + _ROWS, len(clusters)))
            cohort = people[grid.nearest(slice(at, at + len(rows)), rule.cohort + 1)]  # it may be among them itself
            distance = squares(mean, np.repeat(rows, cohort.shape[1]), mean, cohort.ravel()).reshape(cohort.shape)
            distance = np.sqrt(distance + scatter[rows, None])
            distance[cohort == rows[:, None]] = np.inf
            both = np.minimum(np.hstack([distance, near[rows]]), rule.ordinary)
            near[rows] = np.sort(both, axis=1)[:, : rule.cohort]
    return np.asarray(rule.ordinary - rule.slope * (rule.ordinary - near.mean(axis=1)))


def _labels(grouping: Grouping, rule: Rule) -> Ints:
    """Of people who weigh the same the one whose track comes first is first."""
    clusters, weight = grouping.clusters, grouping.clusters.sums.weight
    several = (clusters.tracks >= 2) | founds(clusters.sums.faces, clusters.sums.worth, rule.founding)
    person = (several & (clusters.sums.worth >= rule.worth)) | clusters.named
    first = np.unique(grouping.of, return_index=True)[1]
    order = np.lexsort((first, -weight, ~person))[: int(person.sum())]
    label = np.full(len(clusters), UNKNOWN)
    label[order] = np.arange(len(order))
    return np.asarray(label[grouping.of])
