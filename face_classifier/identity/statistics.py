"""What there is of each person: how tight, how far from the others, how many faces and when. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE, Sighting
from face_classifier.identity.matching.nearest import EncodingRows, Matrix
from face_classifier.identity.naming import natural


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
    averages = EncodingRows()
    for _, encodings in people:
        averages.append(encodings.mean(axis=0))
    others = averages.nearest_each(averages.all, [{number} for number in range(len(people))])
    times: dict[str | None, list[datetime]] = {}
    for sighting in sightings:
        if sighting.time is not None:
            times.setdefault(sighting.person, []).append(sighting.time)
    everybody = []
    for number, ((name, encodings), nearest) in enumerate(zip(people, others, strict=True)):
        seen = times.get(name, [])
        everybody.append(
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
    return everybody


def with_distances_today(sightings: Sequence[Sighting]) -> Iterator[Sighting]:
    """The same sightings, each with its distance to its person's average as it is now; None for unknown faces."""
    averages = {name: encodings.mean(axis=0) for name, encodings in by_person(sightings)}
    for sighting in sightings:
        distance = None
        if sighting.person in averages and sighting.encoding is not None:
            distance = float(np.linalg.norm(sighting.encoding - averages[sighting.person]))
        yield replace(sighting, distance=distance)
