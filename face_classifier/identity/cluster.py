"""Second thoughts: who is who among all faces seen so far, whatever order they came in. Pure numpy, no files.

Everything works on tracks: faces of consecutive frames that must be one person; a photo is a track of one face.
Distances are L2 between encodings. Of two clusters it is the root of the mean squared distance over all their pairs of
faces, which mean and scatter of each tell: |a - b|^2 + scatter a + scatter b (average linkage on squares).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

UNKNOWN = -1  # the label of a track that is too little to found a person


@dataclass(frozen=True)
class Rule:
    """The numbers of one encoder. Limits are L2 as they hold where strangers are ``ordinary`` apart: where the other
    people of this gallery lie nearer, every limit shrinks (see ``_crowding``).
    """

    start: float  # tracks nearer than this are joined before anything is known about the gallery
    limit: float  # clusters are joined, and people take in small ones, below this
    clear: float  # two ``heavy`` clusters are joined only below this; up to ``limit`` the user decides
    ordinary: float  # how far apart the nearest strangers of an uncrowded gallery are
    slope: float  # how much of the crowding a limit follows, 0 to 1
    track: float  # the threshold face by face, whatever the crowding: a face farther from its track may be another's
    unclear: float  # how far beyond ``limit`` a pair is still worth asking about
    spread: float = 0.5  # how much of a scatter counts where a mean has averaged the rest of it away
    cohort: int = 2  # how many of the nearest other people say how crowded it is ...
    settled: int = 4  # ... of those with so many tracks
    heavy: float = 20.0  # weight from which a cluster is a person in its own right
    ratio: float = 3.0  # how many times heavier a person must be to take in a cluster
    founding: float = 2.5  # weight, three fair faces, that makes a person of a lone track and lets it take others in
    worth: float = 1.0  # of all faces of a person together, at least

    def stricter(self, factor: float, founding: float) -> Rule:
        """The same rule with limits ``factor`` times as high, and ``founding`` faces of a lone track for a person."""
        limits = {name: getattr(self, name) * factor for name in ("start", "limit", "clear", "track")}
        return replace(self, founding=founding - 0.5, **limits)  # one of them may be half as good


# Fitted to mirror-averaged encodings of LFW people, singers, actors and clips together; one rule for all of them.
DLIB = Rule(start=0.39, limit=0.53, clear=0.47, ordinary=0.60, slope=0.6, track=0.46, unclear=0.04)
# With SFace following the crowding loses: at a slope of .3 the singers' BCubed F falls from .98 to .90.
SFACE = Rule(start=0.85, limit=1.08, clear=1.08, ordinary=1.10, slope=0.0, track=1.03, unclear=0.06, spread=0.6)


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


class NearMiss(NamedTuple):
    """Two people who may be one."""

    one: int  # label
    other: int  # label, higher
    distance: float  # L2 in the gallery's own measure, where ``Rule.limit`` joins


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
    return _merged(alone, tracks, int(tracks.max(initial=-1)) + 1)


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
    clusters = _begin(tracks, constraints, rule)
    for limit in (rule.start, rule.limit):
        clusters = _link(clusters, limit, rule)
        clusters.crowd = _crowding(clusters, rule)
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
    alone = _begin(Templates(*(part[known] for part in tracks)), Constraints(pairs), rule)
    people = alone.joined(into)
    people.crowd = _crowding(people, rule)
    misses = []
    for rows in _blocks(len(numbers)):
        distance = _linkage(people, rows, rule)
        _forbid(distance, rows, people)
        distance[np.arange(len(numbers)) <= rows[:, None]] = np.inf
        for row, column in zip(*np.nonzero(distance < rule.limit + rule.unclear), strict=True):
            pair = int(numbers[rows[row]]), int(numbers[column])
            misses.append(NearMiss(*pair, float(distance[row, column])))
    return sorted(misses, key=lambda miss: (miss.distance, miss))


@dataclass
class _Clusters:
    """The clusters of the moment."""

    of: Ints  # (tracks,) the cluster of each track
    sums: Templates  # of k clusters
    tracks: Ints  # (k,)
    crowd: Floats  # (k,) see _crowding
    named: Flags  # (k,)
    cannot_links: Ints  # (pairs, 2) clusters that must not meet, each pair both ways round

    def __len__(self) -> int:
        return len(self.tracks)

    def joined(self, into: Ints) -> _Clusters:
        """Those with the same number in ``into``, (k,) with 0 to m - 1, as one."""
        count = int(into.max()) + 1
        sums = _merged(self.sums, into, count)
        share = self.sums.weight / sums.weight[into]
        return _Clusters(
            of=into[self.of],
            sums=sums,
            tracks=_totals(into, self.tracks, count).astype(np.int64),
            crowd=_totals(into, share * self.crowd, count),
            named=_totals(into, self.named, count) > 0,
            cannot_links=np.unique(into[self.cannot_links], axis=0),
        )


def _merged(sums: Templates, into: Ints, count: int) -> Templates:
    weight = _totals(into, sums.weight, count)
    share = sums.weight / weight[into]
    mean = np.zeros((count, sums.mean.shape[1]))
    np.add.at(mean, into, sums.mean * share[:, None])
    off = ((sums.mean - mean[into]) ** 2).sum(axis=1)
    return Templates(mean, weight, _totals(into, share * (sums.scatter + off), count), _totals(into, sums.worth, count))


def _begin(tracks: Templates, constraints: Constraints, rule: Rule) -> _Clusters:
    """Each track alone, but for those that are together for certain.

    Of a track's scatter only a part counts: half of it is noise between frames that its mean is free of.
    """
    count = len(tracks.mean)
    constraints.check(count)
    cannot_links = np.zeros((0, 2), np.int64) if constraints.cannot_links is None else constraints.cannot_links
    clusters = _Clusters(
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


def _crowding(clusters: _Clusters, rule: Rule) -> Floats:
    """(k,) how far away the nearest other people are, as far as limits follow it; nobody counts as farther than
    ``ordinary``, so that in a small or sparse gallery the limits are the plain ones.

    It is cohort normalisation (adaptive T-norm of speaker verification) with the gallery's own people as the cohort.
    """
    people = np.flatnonzero(clusters.tracks >= rule.settled)
    near = np.full((len(clusters), rule.cohort), rule.ordinary)
    if rule.slope and len(people):
        mean = clusters.sums.mean
        for rows in _blocks(len(clusters)):
            distance = np.sqrt(_square(mean[rows], mean[people]) + clusters.sums.scatter[rows, None])
            distance[rows[:, None] == people] = np.inf
            both = np.minimum(np.hstack([distance, near[rows]]), rule.ordinary)
            near[rows] = np.partition(both, rule.cohort - 1, axis=1)[:, : rule.cohort]
    return np.asarray(rule.ordinary - rule.slope * (rule.ordinary - near.mean(axis=1)))


def _link(clusters: _Clusters, limit: float, rule: Rule) -> _Clusters:
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


def _nearest(clusters: _Clusters, rows: Ints, rule: Rule) -> tuple[Ints, Floats]:
    """For the clusters ``rows`` the nearest other that they may join, and the distance to it: inf if there is none."""
    nearest, distance = np.zeros(len(rows), np.int64), np.full(len(rows), np.inf)
    heavy = clusters.sums.weight >= rule.heavy
    for block in _blocks(len(rows)):
        some = rows[block]
        matrix = _linkage(clusters, some, rule)
        matrix[np.ix_(heavy[some], heavy)] += rule.limit - rule.clear
        matrix[np.ix_(clusters.named[some], clusters.named)] = np.inf
        _forbid(matrix, some, clusters)
        nearest[block] = matrix.argmin(axis=1)
        distance[block] = matrix[np.arange(len(some)), nearest[block]]
    return nearest, distance


def _linkage(clusters: _Clusters, rows: Ints, rule: Rule) -> npt.NDArray[np.float32]:
    """(rows, k) distances from the clusters ``rows`` to all, larger where it is crowded."""
    sums, crowd = clusters.sums, clusters.crowd
    matrix = _square(sums.mean[rows], sums.mean)
    matrix += sums.scatter[rows, None]
    matrix += sums.scatter
    np.sqrt(matrix, out=matrix)
    matrix += (rule.ordinary - crowd[rows, None]) / 2
    matrix += (rule.ordinary - crowd) / 2
    return matrix


def _forbid(matrix: npt.NDArray[np.float32], rows: Ints, clusters: _Clusters) -> None:
    """Set the distances (rows, k) of clusters to themselves and to those they are apart from to infinity."""
    place = np.full(len(clusters), -1)
    place[rows] = np.arange(len(rows))
    matrix[place[rows], rows] = np.inf
    row = place[clusters.cannot_links[:, 0]]
    matrix[row[row >= 0], clusters.cannot_links[row >= 0, 1]] = np.inf


def _take_in(clusters: _Clusters, rule: Rule) -> _Clusters:
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


def _homes(clusters: _Clusters, rule: Rule) -> tuple[Ints, Floats]:
    """For each cluster the nearest person who may take it in, and the distance to it: inf if there is none."""
    sums, crowd = clusters.sums, clusters.crowd
    home, distance = np.zeros(len(clusters), np.int64), np.full(len(clusters), np.inf)
    people = np.flatnonzero((sums.weight >= rule.founding) | clusters.named)
    for rows in _blocks(len(clusters)):
        near = _square(sums.mean[rows], sums.mean[people]) + sums.scatter[rows, None]
        near = np.sqrt(near + rule.spread * sums.scatter[people])
        near += rule.ordinary - (crowd[rows, None] + crowd[people]) / 2
        near[sums.weight[rows, None] * rule.ratio > sums.weight[people]] = np.inf
        near[clusters.named[rows]] = np.inf
        matrix = np.full((len(rows), len(clusters)), np.inf, np.float32)
        matrix[:, people] = near
        _forbid(matrix, rows, clusters)
        home[rows] = matrix.argmin(axis=1)
        distance[rows] = matrix[np.arange(len(rows)), home[rows]]
    return home, distance


def _labels(clusters: _Clusters, rule: Rule) -> Ints:
    weight = clusters.sums.weight
    several = (clusters.tracks >= 2) | (weight >= rule.founding)
    person = (several & (clusters.sums.worth >= rule.worth)) | clusters.named
    order = np.lexsort((-weight, ~person))[: int(person.sum())]
    label = np.full(len(clusters), UNKNOWN)
    label[order] = np.arange(len(order))
    return np.asarray(label[clusters.of])


def _totals(into: Ints, values: npt.NDArray[np.generic], count: int) -> Floats:
    return np.asarray(np.bincount(into, values, count), np.float64)


def _square(ones: Floats, others: Floats) -> npt.NDArray[np.float32]:
    """Squared L2 distances (ones, others); in float32, whose error of 1e-6 is far below what decides."""
    ones32, others32 = ones.astype(np.float32), others.astype(np.float32)
    matrix = ones32 @ (-2 * others32.T)
    matrix += (ones32 * ones32).sum(axis=1)[:, None]
    matrix += (others32 * others32).sum(axis=1)
    return np.maximum(matrix, 0, out=matrix)


def _blocks(count: int, size: int = 1024) -> list[Ints]:
    """Numbers from 0 in slices, so that a matrix of distances stays in memory."""
    return [np.arange(at, min(at + size, count)) for at in range(0, count, size)]
