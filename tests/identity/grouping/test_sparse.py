"""What looks at near pairs alone says the same as what looks at all pairs, for any gallery and in any order."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest

from face_classifier.identity.grouping.clusters import begin
from face_classifier.identity.grouping.linkage import link
from face_classifier.identity.grouping.measure import Grid, Points
from face_classifier.identity.grouping.people import UNKNOWN, second_thoughts
from face_classifier.identity.grouping.rule import DLIB, SFACE, Rule
from face_classifier.identity.grouping.templates import Constraints, Templates, in_order, shared_frames, templates

SEEDS = [*range(24), *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(24, 200))]
RULES = {
    "dlib": replace(DLIB, heavy=6.0, settled=2, ratio=1.5, lasting=3.0, chance=0.1, several=0.6),
    "sface": replace(SFACE, heavy=9.0, spread=0.3, guests=0.48, lasting=6.0, members=0.45, meeting=0.03, several=0.58),
}


@dataclass
class Gallery:
    tracks: Templates
    constraints: Constraints

    def shuffled(self, order: np.ndarray) -> Gallery:
        return Gallery(self.tracks.rows(order), self.constraints.rows(order))


def gallery(seed: int, rule: Rule) -> Gallery:
    """People of very unequal sizes whose faces lie about as far apart as the limits, half of them on a lattice where
    many distances are equal; copies of faces; and all that may be certain about some."""
    dice = np.random.default_rng(seed)
    sizes = np.minimum(dice.zipf(1.6, dice.integers(3, 12)), 25)
    faces, d = int(sizes.sum()), 6
    around, within = dice.uniform(0.35, 0.7), dice.uniform(0.1, 0.22)
    points = dice.normal(0, around, (len(sizes), d)).repeat(sizes, axis=0) + dice.normal(0, within, (faces, d))
    points *= rule.limit
    if seed % 2:
        step = rule.limit / dice.choice([2, 3, 4])
        points = np.round(points / step) * step
    copies = dice.integers(0, faces, faces // 5)
    points[dice.integers(0, faces, faces // 5)] = points[copies]
    track = np.where(dice.random(faces) < 0.6, np.arange(faces), np.maximum(np.arange(faces) - 1, 0))
    track = np.unique(track, return_inverse=True)[1]
    doubt = dice.uniform(0, rule.limit / 3, faces) * (dice.random(faces) < dice.choice([0, 0.3, 0.8]))
    tracks = templates(points, np.ones(faces) if seed % 3 else dice.uniform(0, 1, faces), track, doubt)
    count = len(tracks.mean)
    apart = dice.integers(0, count, (dice.integers(0, 2 * count), 2))
    together = np.where(dice.random(count) < 0.15, dice.integers(0, 5, count), -1)
    named = np.isin(together, [0, 1]) & (together >= 0)
    scene = dice.integers(-1, 3, count) if seed % 5 else None
    return Gallery(tracks, Constraints(apart[apart[:, 0] != apart[:, 1]], together, named, scene))


class Dense:
    """The same by all pairs of clusters, each round anew: nothing is kept, left out, or cut into parts."""

    def __init__(self, of: Gallery, rule: Rule) -> None:
        self.rule, tracks, certain = rule, of.tracks, of.constraints
        count = len(tracks.mean)
        assert certain.together is not None
        assert certain.named is not None
        assert certain.cannot_links is not None
        self.of, self.alone = np.arange(count), np.zeros(count)
        self.scene = np.full(count, -1) if certain.scene is None else certain.scene.copy()
        self.seen, self.links = self.scene.copy(), np.sort(certain.cannot_links, axis=1)
        for group in set(certain.together.tolist()) - {-1}:
            members = np.flatnonzero(certain.together == group)
            self.of[members] = members[0]
        self.mean, self.weight, self.scatter, self.worth, self.doubt = (np.array(part) for part in tracks)
        self.scatter *= rule.spread
        self.number, self.crowd = np.ones(count), np.full(count, rule.ordinary)
        self.named, self.apart = certain.named.copy(), np.zeros((count, count), bool)
        self.apart[certain.cannot_links[:, 0], certain.cannot_links[:, 1]] = True
        self.apart |= self.apart.T
        for first in np.unique(self.of):
            self._sum_up(first, np.flatnonzero(self.of == first))
        self.apart &= self.of[:, None] != self.of

    def _sum_up(self, first: int, rows: np.ndarray) -> None:
        """All rows as one, in the place of the first."""
        if len(rows) < 2:
            return
        weight = self.weight[rows].sum()
        share = self.weight[rows] / weight
        mean = (self.mean[rows] * share[:, None]).sum(axis=0)
        off = self.mean[rows] - mean
        self.scatter[first] = (share * (self.scatter[rows] + np.einsum("ij,ij->i", off, off))).sum()
        for column in (self.crowd, self.alone, self.doubt):
            column[first] = (share * column[rows]).sum()
        self.scene[first] = self.scene[rows[0]] if len(set(self.scene[rows].tolist())) == 1 else -1
        self.mean[first], self.weight[first] = mean, weight
        for column in (self.worth, self.number):
            column[first] = column[rows].sum()
        self.named[first] = self.named[rows].any()
        self.apart[first] = self.apart[rows].any(axis=0)
        self.apart[:, first] = self.apart[first]
        self.apart[rows[rows != first]] = self.apart[:, rows[rows != first]] = False

    def _join(self, one: int, other: int, first: int) -> None:
        self._sum_up(first, np.array([first, one + other - first]))
        self.of[(self.of == one) | (self.of == other)] = first

    def squares(self) -> np.ndarray:
        apart = self.mean[:, None] - self.mean
        return np.einsum("ijk,ijk->ij", apart, apart)

    def added(self) -> np.ndarray:
        margin = (self.rule.ordinary - self.crowd) / 2
        return margin[:, None] + margin

    def shared(self) -> np.ndarray:
        return np.minimum(self.doubt[:, None], self.doubt)

    def strangers(self) -> np.ndarray:
        return (self.scene[:, None] != self.scene) | (self.scene[:, None] < 0)

    def lonely(self) -> np.ndarray:
        return self.rule.lonely * self.strangers() * (self.alone[:, None] + self.alone) / 2

    def evidence(self) -> np.ndarray:
        """What is taken off for meetings that two strangers would have had."""
        meetings = np.zeros((len(self.of), len(self.of)))
        for scene in np.unique(self.seen):
            there = self.seen == scene
            both = {tuple(sorted(pair)) for pair in self.links.tolist() if there[pair].all()}
            ends = np.array(sorted(both), np.int64).ravel()
            met = np.bincount(self.of[ends], minlength=len(self.of))
            meetings += 0.5 / max(len(both), 1) * (met[:, None] * met)
        return self.rule.meeting * np.clip(meetings - self.rule.chance, 0.0, self.rule.meetings)

    def link(self, limit: float, evidence: bool = False, several: bool = False) -> None:
        while True:
            left = np.zeros(len(self.of), bool)
            left[self.of] = True
            distance = np.sqrt(self.squares() + (self.scatter[:, None] + self.scatter)) + self.added()
            distance += self.shared()
            distance += self.lonely()
            heavy = self.weight >= self.rule.heavy
            distance[heavy[:, None] & heavy] += self.rule.limit - self.rule.clear
            if evidence:
                distance -= self.evidence()
                distance[self.evidence() == 0] = np.inf
            never = (self.named[:, None] & self.named) | self.apart | ~left[:, None] | ~left
            if several:
                some = (self.number >= 2) & (self.worth >= self.rule.worth)
                lasting = self.weight >= self.rule.lasting
                never |= ~(some[:, None] & some) | (lasting[:, None] & lasting)
            distance[never | np.eye(len(left), dtype=bool)] = np.inf
            least = distance.min(axis=1)
            pairs = [
                (one, other)
                for one, other in np.argwhere((distance < limit) & (distance == least) & (distance == least[:, None]))
                if one < other
            ]
            if not pairs:
                return
            first: dict[int, tuple[int, int]] = {}
            for pair in pairs:
                first.setdefault(pair[0], pair)
                first.setdefault(pair[1], pair)
            for one, other in pairs:
                if first[one] == first[other] == (one, other):
                    self._join(one, other, one)

    def crowding(self) -> None:
        left = np.unique(self.of)
        people = left[self.number[left] >= self.rule.settled]
        distance = np.sqrt(self.squares() + self.scatter[:, None])
        np.fill_diagonal(distance, np.inf)
        for one in left:
            near = sorted([*distance[one, people].tolist(), *[self.rule.ordinary] * self.rule.cohort])
            near = np.minimum(near[: self.rule.cohort], self.rule.ordinary)
            self.crowd[one] = self.rule.ordinary - self.rule.slope * (self.rule.ordinary - near.mean())

        known = np.zeros(len(self.of))
        for one in left:
            photos = self.seen[self.of == one]
            times = (photos < 0).sum() + len(set(photos[photos >= 0].tolist()))
            known[one] = 1.0 if times >= self.rule.known else self.rule.twice if times == 2 else 0.0
        self.alone = 1 - np.minimum((known.sum() - known) / self.rule.cohort, 1.0)

    def dissolve(self, start: Dense) -> None:
        """``start``: the same gallery, nothing linked."""
        left, parts = np.unique(self.of), np.unique(start.of)
        hosts = [host for host in left if self.weight[host] >= self.rule.lasting]
        limit = self.rule.among(sum(self.weight[person] >= self.rule.founding for person in left))
        visits = []
        for part in parts:
            own = self.of[part]
            if self.weight[own] >= self.rule.lasting or self.named[own]:
                continue
            fellows = np.inf
            if self.number[own] > start.number[part]:
                rest = self.weight[own] / (self.weight[own] - start.weight[part])
                square = ((start.mean[part] - self.mean[own]) ** 2).sum() * rest**2 + start.scatter[part]
                fellows = square**0.5 + self.rule.ordinary - self.crowd[own] + min(start.doubt[part], self.doubt[own])
            alone = self._to(hosts, own, start.mean[part], start.scatter[part], start.doubt[part])
            whole = self._to(hosts, own, self.mean[own], self.scatter[own], self.doubt[own])
            for host, by_itself, single, group in zip(
                hosts, alone, self._judged(hosts, own, alone), self._judged(hosts, own, whole), strict=True
            ):
                distance = single if by_itself <= fellows else group
                if distance < limit and self.weight[own] * self.rule.ratio <= self.weight[host]:
                    visits.append((distance, part, host))
        home = self.of[parts]
        gone: set[int] = set()
        for _, part, host in sorted(visits):
            there = parts[home == host]
            if part not in gone and not start.apart[part, there].any():
                gone.add(part)
                home[parts == part] = host
        self._rebuild(start, parts, home)

    def _to(self, hosts: list[int], own: int, mean: np.ndarray, scatter: float, doubt: float) -> np.ndarray:
        square = np.array([((mean - self.mean[host]) ** 2).sum() for host in hosts])
        margins = self.rule.ordinary - (self.crowd[own] + self.crowd[hosts]) / 2
        return np.sqrt(square + scatter) + margins + np.minimum(doubt, self.doubt[hosts])

    def _judged(self, hosts: list[int], own: int, distance: np.ndarray) -> np.ndarray:
        strangers = self.strangers()[own, hosts]
        lead = np.zeros(len(hosts))
        if len(hosts) >= 3:
            order = np.argsort(distance, kind="stable")
            lead[order[0]] = min(distance[order[1]] - distance[order[0]], self.rule.lead)
        return distance - lead * (1 - strangers * self.alone[own]) + self.lonely()[own, hosts]

    def _rebuild(self, start: Dense, parts: np.ndarray, home: np.ndarray) -> None:
        crowd, alone = self.crowd[self.of], self.alone[self.of]
        order = {host: place for place, host in enumerate(np.unique(home))}
        tracks = {part: np.flatnonzero(start.of == part) for part in parts}
        self.__dict__.update({name: np.copy(column) for name, column in vars(start).items() if name != "rule"})
        self.crowd, self.alone = crowd, alone
        for host in order:
            members = parts[home == host]
            self._sum_up(members[0], members)
            for part in members:
                self.of[tracks[part]] = members[0]

    def take_in(self) -> None:
        people = (self.weight >= self.rule.founding) | self.named
        while True:
            left = np.unique(self.of)
            distance = np.sqrt(self.squares() + (self.scatter[:, None] + self.rule.spread * self.scatter))
            distance += self.added()
            distance += self.shared()
            distance += self.lonely()
            distance[self.apart | (self.weight[:, None] * self.rule.ratio > self.weight)] = np.inf
            hosts = [host for host in left if people[host]]
            visits = []
            for guest in left:
                may = [host for host in hosts if host != guest]
                if may and not self.named[guest]:
                    host = min(may, key=lambda host: (distance[guest, host], host))
                    visits.append((distance[guest, host], guest, host))
            busy: set[int] = set()
            for least, guest, host in sorted(visits):
                if least < min(self.rule.guests, self.rule.limit) and not busy & {guest, host}:
                    busy |= {guest, host}
                    self._join(host, guest, host)
            if not busy:
                return

    def labels(self) -> np.ndarray:
        left = np.unique(self.of)
        faces = np.rint(2 * self.weight - self.worth)[left]
        several = (self.number[left] > 1) | (faces >= np.where(self.worth[left] >= 1, 2, 3))
        person = left[(several & (self.worth[left] >= self.rule.worth)) | self.named[left]]
        label = np.full(len(self.of), UNKNOWN)
        first = [int(np.flatnonzero(self.of == one)[0]) for one in person]
        label[person[np.lexsort((first, -self.weight[person]))]] = np.arange(len(person))
        return label[self.of]


def dense(of: Gallery, rule: Rule) -> np.ndarray:
    """Labels of tracks that are in order."""
    clusters = Dense(of, rule)
    clusters.link(rule.start)
    clusters.crowding()
    clusters.link(rule.limit)
    clusters.link(rule.several, several=True)
    clusters.crowding()
    clusters.link(rule.limit, evidence=True)
    clusters.crowding()
    clusters.dissolve(Dense(of, rule))
    clusters.take_in()
    return clusters.labels()


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels[labels != UNKNOWN])}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_labels_are_those_that_all_pairs_give(seed: int, name: str) -> None:
    rule = RULES[name]
    of = gallery(seed, rule)
    of = of.shuffled(in_order(of.tracks, of.constraints))
    np.testing.assert_array_equal(second_thoughts(of.tracks, of.constraints, rule), dense(of, rule))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("seed", range(8))
def test_no_order_of_the_input_changes_who_is_together(seed: int, name: str) -> None:
    of = gallery(seed, RULES[name])
    expected = partition(second_thoughts(of.tracks, of.constraints, RULES[name]))
    for shuffle in range(4):
        order = np.random.default_rng(shuffle).permutation(len(of.tracks.mean))
        labels = np.empty(len(order), np.int64)
        shuffled = of.shuffled(order)
        labels[order] = second_thoughts(shuffled.tracks, shuffled.constraints, RULES[name])
        assert partition(labels) == expected


@pytest.mark.parametrize("most", [40, 200])
@pytest.mark.parametrize("seed", range(0, 32, 2))  # no equal distances, between which it may choose otherwise
def test_with_little_room_for_pairs_the_clusters_are_the_same(seed: int, most: int) -> None:
    rule = RULES["dlib"]
    of = gallery(seed, rule)
    start = begin(of.tracks, of.constraints, rule)
    np.testing.assert_array_equal(link(start, rule.limit, rule, most=most).of, link(start, rule.limit, rule).of)


def test_copies_of_one_face_are_one_person_in_little_room() -> None:
    tracks = templates(np.ones((50, 6)), np.ones(50), np.arange(50))
    linked = link(begin(tracks, Constraints(np.array([[0, 1]])), DLIB), DLIB.limit, DLIB, most=8)
    assert len(linked.clusters) == 2


def test_numbers_of_single_precision_give_the_same_people() -> None:
    of = gallery(4, SFACE)
    tracks = Templates(*(part.astype(np.float32) for part in of.tracks))
    wide = Templates(*(part.astype(np.float64) for part in tracks))
    certain = replace(of.constraints, cannot_links=of.constraints.cannot_links.astype(np.int32))
    expected = second_thoughts(wide, of.constraints, SFACE)
    np.testing.assert_array_equal(second_thoughts(tracks, certain, SFACE), expected)
    points = np.random.default_rng(0).normal(0, 0.1, (30, 6)).astype(np.float32)
    narrow = templates(points, np.ones(30, np.float32), np.arange(30, dtype=np.int32) // 3)
    np.testing.assert_array_equal(narrow.mean, templates(points.astype(float), np.ones(30), np.arange(30) // 3).mean)


def test_a_crowd_in_every_frame_fits_into_memory() -> None:
    shots, crowd, length = 30, 60, 40
    dice = np.random.default_rng(0)
    people = dice.normal(0, 0.08, (crowd, 128))
    track = np.arange(shots * crowd).reshape(shots, 1, crowd).repeat(length, axis=1).ravel()
    frame = np.arange(shots * length).repeat(crowd)
    encodings = np.tile(people, (shots, 1)) + dice.normal(0, 0.015, (shots * crowd, 128))
    tracemalloc.start()
    pairs = shared_frames(frame, track)
    tracks = templates(encodings, np.ones(len(encodings)), np.arange(len(encodings)))
    labels = second_thoughts(tracks, Constraints(pairs))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(pairs) == shots * crowd * (crowd - 1) // 2
    assert len(partition(labels)) == crowd
    assert (labels.reshape(shots, crowd) == labels[:crowd]).all()
    assert peak < 60e6


@pytest.mark.parametrize("varied", [6, 32, 128])
def test_no_near_pair_is_missed_where_some_directions_tell_most_to_be_far(varied: int) -> None:
    dice = np.random.default_rng(0)
    across = np.where(np.arange(128) < varied, 1.0, 0.1) / np.sqrt(varied)
    mean = np.repeat(dice.normal(0, 1, (1100, 128)) * across, 2, axis=0) + dice.normal(0, 0.02, (2200, 128))
    mean = mean @ np.linalg.qr(dice.normal(size=(128, 128)))[0]
    points = Points(mean, dice.uniform(0, 0.01, 2200), dice.uniform(0, 0.02, 2200))
    lengths = (mean * mean).sum(axis=1) + points.extra
    square = lengths[:, None] + lengths - 2 * mean @ mean.T
    near = np.argwhere(np.triu(np.sqrt(square.clip(0)) + points.margin[:, None] + points.margin < 0.4, 1))
    grid = Grid(points, within=0.4)
    found = np.concatenate([np.stack(grid.near(tile, 0.4), axis=1) for tile in grid.tiles()])
    assert len(near) > 1000
    assert len(found) < 3 * len(near) + 2200
    assert set(map(tuple, near.tolist())) <= set(map(tuple, found.tolist()))
