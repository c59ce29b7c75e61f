"""Who it is: PersonDB matches faces against the average encodings of people. Pure numpy, no files."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE, Encoding, Match, Sighting

Matrix = npt.NDArray[np.float64]  # shape (rows, 128)

_ROUGH = 1e-5  # squared L2: ten times the error of a float32 product of encodings of length up to 2


class _Rows:
    """A growing matrix of encodings whose nearest row is found by one matrix product.

    The product is in float32, twice as fast; every row that its error leaves in doubt is measured again.
    """

    def __init__(self) -> None:
        self._matrix: Matrix = np.empty((16, ENCODING_SIZE))
        self._handicaps: npt.NDArray[np.float64] = np.empty(16)
        self._rough = np.empty((16, ENCODING_SIZE), np.float32)
        self._offsets = np.empty(16, np.float32)  # |x|^2 + the handicap of each row
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, row: int) -> Encoding:
        return self._matrix[row]

    def append(self, encoding: Encoding) -> None:
        if self._size == len(self._offsets):
            self._matrix = _doubled(self._matrix)
            self._handicaps = _doubled(self._handicaps)
            self._rough = _doubled(self._rough)
            self._offsets = _doubled(self._offsets)
        self._size += 1
        self.replace(self._size - 1, encoding)

    def replace(self, row: int, encoding: Encoding, handicap: float = 0.0) -> None:
        self._matrix[row] = self._rough[row] = encoding
        self._handicaps[row] = handicap
        self._offsets[row] = encoding @ encoding + handicap

    def drop(self, row: int) -> None:
        """Remove a row; the last one takes its place."""
        self._size -= 1
        self.replace(row, self._matrix[self._size], float(self._handicaps[self._size]))

    def handicap(self, row: int) -> float:
        return float(self._handicaps[row])

    def distance(self, row: int, probe: Encoding) -> float:
        """The root of a row's squared L2 distance + handicap."""
        return float(np.sqrt(((self._matrix[row] - probe) ** 2).sum() + self._handicaps[row]))

    def near_any(self, probes: Matrix, limit: float) -> npt.NDArray[np.intp]:
        """Numbers of those of the ``probes`` (rows, 128) that are nearer than ``limit`` (L2) to any row, or may be."""
        lengths = (probes**2).sum(axis=1)
        least = np.full(len(probes), np.inf)
        for row in self._matrix[: self._size]:
            np.minimum(least, lengths - 2 * (probes @ row) + row @ row, out=least)
        return np.flatnonzero(least < limit**2 + _ROUGH)

    def nearest(self, probe: Encoding, forbidden: Collection[int] = ()) -> tuple[int, float] | None:
        """The row with the least root of squared L2 distance + handicap, and that; None without an allowed row."""
        if not self._size:
            return None
        # |x - q|^2 = |x|^2 - 2 x.q + |q|^2, and |q|^2 is the same for every row
        measure = self._rough[: self._size] @ (-2 * probe).astype(np.float32)
        measure += self._offsets[: self._size]
        measure[list(forbidden)] = np.inf
        least = measure.min()
        if least == np.inf:
            return None
        near = np.flatnonzero(measure <= least + _ROUGH)
        exact = ((self._matrix[near] - probe) ** 2).sum(axis=1) + self._handicaps[near]
        best = int(np.argmin(exact))
        return int(near[best]), float(np.sqrt(exact[best]))


def _doubled(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate([rows, np.empty_like(rows)])


@dataclass
class _Group:
    """Unknown faces of one track, or a single one: nobody yet, but certainly one person."""

    key: int  # the track, or minus the face id of a face without a track
    ids: list[int]
    total: Encoding  # the sum of their encodings


class PersonDB:
    """The gallery: people by their average encoding, and unknown faces that are nobody yet.

    A face goes to the person whose average is nearest, if nearer than ``threshold`` (L2). Else the nearest unknown
    face, if nearer than ``threshold``, makes a new person together with it. Else it is unknown. That is the original
    program's rule.

    The faces of a track (one face over consecutive frames) are one person and decided together, by the mean of their
    encodings; a track that has a person keeps it. Tracks that share a frame are different people.
    """

    def __init__(self, threshold: float, *, spread: float = 0.0, founding: int = 2) -> None:
        """``spread``: how much of a person's scatter (mean squared distance of its faces to its average) is added to
        the squared distance, so that one whose faces vary a lot does not grow into everybody's.

        ``founding``: how many faces of one track found a person by themselves; two tracks that are near always do.
        """
        self._threshold = threshold
        self._spread = spread
        self._founding = founding
        self._names: list[str] = []
        self._row_of: dict[str, int] = {}
        self._sums: list[Encoding] = []
        self._squares: list[float] = []
        self._counts: list[int] = []
        self._averages = _Rows()
        self._groups: list[_Group] = []  # parallel to the rows of their means
        self._means = _Rows()
        self._place_of: dict[int, int] = {}  # key -> row of its group
        self._person_of: dict[int, str] = {}  # by track
        self._torn: set[int] = set()  # tracks of which an earlier run tied several people
        self._beside: dict[int, set[int]] = {}  # track -> tracks that shared a frame with it
        self._kept_apart: dict[int, set[str]] = {}  # track -> people whom it is not
        self._excluded: dict[str, _Rows] = {}  # person -> pictures of which the user said that they are not
        self._known = self._unknown = self._pinned = 0

    @property
    def threshold(self) -> float:
        """L2 below which two faces may be one person."""
        return self._threshold

    @property
    def persons(self) -> int:
        return len(self._names)

    @property
    def known_faces(self) -> int:
        return self._known

    @property
    def unknown_faces(self) -> int:
        return self._unknown + self._pinned

    def add(self, sighting: Sighting) -> None:
        """Take in a face as it is labelled. One that the user pinned to unknown counts, but founds no person."""
        if sighting.encoding is None:
            raise ValueError(f"the face {sighting.face} has no encoding")
        if sighting.person is not None:
            self._join(sighting.person, sighting.encoding)
            if sighting.track is not None and not sighting.corrected:
                self._belongs(sighting.track, sighting.person)
        elif sighting.pinned:
            self._pinned += 1
        else:
            self._wait(_key(sighting), sighting.id, sighting.encoding)

    def _belongs(self, track: int, person: str) -> None:
        if self._person_of.get(track, person) != person:
            self._torn.add(track)
            del self._person_of[track]
        elif track not in self._torn:
            self._person_of[track] = person

    def cannot_link(self, one: int, other: int) -> None:
        """Two tracks shared a frame: they are different people."""
        self._beside.setdefault(one, set()).add(other)
        self._beside.setdefault(other, set()).add(one)

    def keep_apart(self, track: int, person: str) -> None:
        """The user said of a face of this track that it is not this person."""
        self._kept_apart.setdefault(track, set()).add(person)

    def exclude(self, person: str, encoding: Encoding) -> None:
        """The user rejected a face: neither it is this person, nor what is nearer to it than to the person."""
        self._excluded.setdefault(person, _Rows()).append(encoding)

    def excludes(self, person: str, encoding: Encoding) -> bool:
        """Whether a face is nearer to one that the user rejected than to the person, and nearer than the threshold.

        Both distances are L2; the person's has its handicap, as whenever people are compared.
        """
        if person not in self._excluded or person not in self._row_of:
            return False
        nearest = self._excluded[person].nearest(encoding)
        to_person = self._averages.distance(self._row_of[person], encoding)
        return nearest is not None and nearest[1] < self._threshold and nearest[1] <= to_person

    def leaves(self, track: int, encoding: Encoding) -> bool:
        """Whether a face is not the person of its track, since it is like one that the user rejected."""
        return track in self._person_of and self.excludes(self._person_of[track], encoding)

    def excluded_pairs(self, faces: Iterable[Sighting]) -> list[tuple[int, int]]:
        """Pairs of ids of those of the ``faces`` that are not one person, by the pictures that the user rejected.

        The first is of a track that lies elsewhere, whose mean counts, the second of the person that it is not. What
        lies with a person already stays: the user saw that face beside the rejected one.
        """
        tracks: dict[int, tuple[int, set[str | None], list[Encoding]]] = {}
        for face in faces:
            if face.encoding is not None:
                _, persons, encodings = tracks.setdefault(_key(face), (face.id, set(), []))
                persons.add(face.person)
                encodings.append(face.encoding)
        known = list(tracks.values())
        means = np.array([np.mean(encodings, axis=0) for _, _, encodings in known]).reshape(-1, ENCODING_SIZE)
        pairs = []
        for person, rejected in self._excluded.items():
            of_person = [one for one, persons, _ in known if person in persons]
            for number in rejected.near_any(means, self._threshold):
                one, persons, _ = known[number]
                if person not in persons and self.excludes(person, means[number]):
                    pairs += [(one, other) for other in of_person]
        return pairs

    def limit(self, person: str) -> float:
        """How near (L2) to a person's average a face has to be: nearer than the threshold where their faces vary."""
        return math.sqrt(max(0.0, self._threshold**2 - self._averages.handicap(self._row_of[person])))

    def remove_unknown(self, sighting: Sighting) -> None:
        """An unknown face, with all of its track, is to be taken in again with a person."""
        row = self._place_of.pop(_key(sighting), None)
        if row is None:
            return
        self._unknown -= len(self._groups[row].ids)
        last = self._groups.pop()
        self._means.drop(row)
        if row < len(self._groups):
            self._groups[row] = last
            self._place_of[last.key] = row

    def decide(self, encoding: Encoding, track: int | None = None) -> Match:
        """Whose face this is; changes nothing. ``encoding``: (128,) float64."""
        if track is not None and self.leaves(track, encoding):
            track = None
        kept_apart = self._kept_apart.get(track, set()) if track is not None else set()
        if track is not None and track in self._person_of and self._person_of[track] not in kept_apart:
            name = self._person_of[track]
            average = self._averages[self._row_of[name]]
            return Match(person=name, distance=float(np.linalg.norm(average - encoding)))
        own = self._groups[self._place_of[track]] if track is not None and track in self._place_of else None
        probe = (own.total + encoding) / (len(own.ids) + 1) if own else encoding
        mates = tuple(own.ids) if own else ()
        others = self._beside.get(track, set()) if track is not None else set()
        person = self._nearest_person(probe, others, kept_apart)
        while person and self.excludes(self._names[person[0]], probe):
            kept_apart = kept_apart | {self._names[person[0]]}
            person = self._nearest_person(probe, others, kept_apart)
        if person and person[1] < self._threshold:
            return Match(self._names[person[0]], float(np.linalg.norm(self._averages[person[0]] - probe)), mates)
        mine = {self._place_of[key] for key in (*others, *([own.key] if own else [])) if key in self._place_of}
        unknown = self._means.nearest(probe, mine)
        distance = min((found[1] for found in (person, unknown) if found), default=None)
        if unknown and unknown[1] < self._threshold:
            return Match(distance=unknown[1], partners=(*mates, *self._groups[unknown[0]].ids))
        if own and len(own.ids) + 1 >= self._founding:
            return Match(distance=float(np.linalg.norm(own.total / len(own.ids) - encoding)), partners=mates)
        return Match(distance=distance)

    def _nearest_person(
        self, probe: Encoding, others: Collection[int], kept_apart: Collection[str]
    ) -> tuple[int, float] | None:
        forbidden = {self._row_of[self._person_of[track]] for track in others if track in self._person_of}
        forbidden |= {self._row_of[name] for name in kept_apart if name in self._row_of}
        return self._averages.nearest(probe, forbidden)

    def _wait(self, key: int, face_id: int, encoding: Encoding) -> None:
        self._unknown += 1
        row = self._place_of.get(key)
        if row is None:
            self._place_of[key] = len(self._groups)
            self._groups.append(_Group(key, [face_id], encoding.copy()))
            self._means.append(encoding)
            return
        group = self._groups[row]
        group.ids.append(face_id)
        group.total += encoding
        self._means.replace(row, group.total / len(group.ids))

    def _join(self, name: str, encoding: Encoding) -> None:
        self._known += 1
        row = self._row_of.setdefault(name, len(self._names))
        if row == len(self._names):
            self._names.append(name)
            self._sums.append(np.zeros(ENCODING_SIZE))
            self._squares.append(0.0)
            self._counts.append(0)
            self._averages.append(encoding)
        self._sums[row] += encoding
        self._squares[row] += float(encoding @ encoding)
        self._counts[row] += 1
        average = self._sums[row] / self._counts[row]
        scatter = self._squares[row] / self._counts[row] - float(average @ average)
        self._averages.replace(row, average, self._spread * max(0.0, scatter))


def _key(sighting: Sighting) -> int:
    return -sighting.id if sighting.track is None else sighting.track


def natural(name: str) -> tuple[list[tuple[str, int]], str]:
    """A sort key by which person_2 comes before person_11, and case hardly matters."""
    return [(text.casefold(), int(number or 0)) for text, number in _RUNS.findall(name)], name


_RUNS = re.compile(r"([^0-9]*)([0-9]{0,18})")  # of what is no digit, then digits


def by_person(sightings: Iterable[Sighting]) -> list[tuple[str, Matrix]]:
    """The encodings of each person, (faces, 128) each, in natural order."""
    encodings: dict[str, list[Matrix]] = {}
    for sighting in sightings:
        if sighting.person is not None and sighting.encoding is not None:
            encodings.setdefault(sighting.person, []).append(sighting.encoding)
    return [(name, np.array(encodings[name])) for name in sorted(encodings, key=natural)]


@dataclass(frozen=True)
class PersonStatistics:
    """How tight a person is, and how far from the others."""

    name: str
    to_averages: npt.NDArray[np.float64]  # (people,): L2 from this person's average to each person's, in their order
    nearest: float  # L2 of its own faces to its average: the least,
    mean: float
    furthest: float
    faces: int


def statistics(people: Sequence[tuple[str, Matrix]]) -> Iterator[PersonStatistics]:
    """Statistics of ``people``: names with the encodings (faces, 128) of each."""
    averages = np.array([encodings.mean(axis=0) for _, encodings in people]).reshape(-1, ENCODING_SIZE)
    for (name, encodings), average in zip(people, averages, strict=True):
        own = np.linalg.norm(encodings - average, axis=1)
        to_averages = np.linalg.norm(averages - average, axis=1)
        yield PersonStatistics(name, to_averages, float(own.min()), float(own.mean()), float(own.max()), len(encodings))


@dataclass(frozen=True)
class PersonSummary:
    """What there is of a person at a glance. Distances: L2."""

    person: str
    faces: int
    first: datetime | None  # when the person was first and last seen, UTC; None where no face tells a time
    last: datetime | None
    spread: float  # mean distance of the faces to their average
    nearest: str | None  # the other person whose average is nearest; None if there is no other
    distance: float | None  # between the two averages

    def record(self) -> dict[str, Any]:
        """As JSON, times in ISO 8601."""
        times = {name: time and time.isoformat() for name, time in (("first", self.first), ("last", self.last))}
        return vars(self) | times


def summaries(sightings: Sequence[Sighting]) -> list[PersonSummary]:
    """A summary of each person with faces, in natural order."""
    people = by_person(sightings)
    averages = _Rows()
    for _, encodings in people:
        averages.append(encodings.mean(axis=0))
    times: dict[str | None, list[datetime]] = {}
    for sighting in sightings:
        if sighting.time is not None:
            times.setdefault(sighting.person, []).append(sighting.time)
    found = []
    for number, (name, encodings) in enumerate(people):
        nearest = averages.nearest(averages[number], {number})
        seen = times.get(name, [])
        found.append(
            PersonSummary(
                name,
                len(encodings),
                min(seen, default=None),
                max(seen, default=None),
                float(np.linalg.norm(encodings - averages[number], axis=1).mean()),
                people[nearest[0]][0] if nearest else None,
                nearest[1] if nearest else None,
            )
        )
    return found
