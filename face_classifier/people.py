"""Who it is: PersonDB matches faces against the average encodings of people. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.faces import ENCODING_SIZE, Encoding, Match, Sighting

Matrix = npt.NDArray[np.float64]  # shape (rows, 128)


class _Rows:
    """A growing matrix of encodings whose nearest row is found by one matrix product."""

    def __init__(self) -> None:
        self._matrix: Matrix = np.empty((16, ENCODING_SIZE))
        self._squares: npt.NDArray[np.float64] = np.empty(16)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, encoding: Encoding) -> None:
        if self._size == len(self._squares):
            self._matrix = np.concatenate([self._matrix, np.empty_like(self._matrix)])
            self._squares = np.concatenate([self._squares, np.empty_like(self._squares)])
        self._size += 1
        self.replace(self._size - 1, encoding)

    def replace(self, row: int, encoding: Encoding) -> None:
        self._matrix[row] = encoding
        self._squares[row] = encoding @ encoding

    def drop(self, row: int) -> None:
        """Remove a row; the last one takes its place."""
        self._size -= 1
        self._matrix[row] = self._matrix[self._size]
        self._squares[row] = self._squares[self._size]

    def nearest(self, probe: Encoding) -> tuple[int, float] | None:
        """Row and L2 distance of the nearest encoding; None without rows."""
        if not self._size:
            return None
        # |x - q|^2 = |x|^2 - 2 x.q + |q|^2, and |q|^2 is the same for every row
        row = int(np.argmin(self._squares[: self._size] - 2 * (self._matrix[: self._size] @ probe)))
        return row, float(np.linalg.norm(self._matrix[row] - probe))


class PersonDB:
    """The gallery: people by their average encoding, and unknown faces that are nobody yet.

    A face goes to the person whose average is nearest, if nearer than ``threshold`` (L2). Else the nearest unknown
    face, if nearer than ``threshold``, makes a new person together with it. Else it is unknown.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._names: list[str] = []
        self._row_of: dict[str, int] = {}
        self._sums: list[Encoding] = []
        self._counts: list[int] = []
        self._averages = _Rows()
        self._unknown_ids: list[int] = []
        self._unknowns = _Rows()
        self._known = 0
        self._pinned = 0

    @property
    def persons(self) -> int:
        return len(self._names)

    @property
    def known_faces(self) -> int:
        return self._known

    @property
    def unknown_faces(self) -> int:
        return len(self._unknown_ids) + self._pinned

    def add(self, sighting: Sighting) -> None:
        """Take in a face as it is labelled. One that the user pinned to unknown counts, but founds no person."""
        if sighting.encoding is None:
            raise ValueError(f"the face {sighting.face} has no encoding")
        if sighting.person is not None:
            self._join(sighting.person, sighting.encoding)
        elif sighting.pinned:
            self._pinned += 1
        else:
            self._unknown_ids.append(sighting.id)
            self._unknowns.append(sighting.encoding)

    def remove_unknown(self, face_id: int) -> None:
        row = self._unknown_ids.index(face_id)
        self._unknown_ids[row] = self._unknown_ids[-1]
        self._unknown_ids.pop()
        self._unknowns.drop(row)

    def decide(self, encoding: Encoding) -> Match:
        """Whose face this is; changes nothing. ``encoding``: (128,) float64."""
        person = self._averages.nearest(encoding)
        if person and person[1] < self._threshold:
            return Match(person=self._names[person[0]], distance=person[1])
        unknown = self._unknowns.nearest(encoding)
        if unknown and unknown[1] < self._threshold:
            return Match(distance=unknown[1], partner=self._unknown_ids[unknown[0]])
        return Match(distance=min((found[1] for found in (person, unknown) if found), default=None))

    def _join(self, name: str, encoding: Encoding) -> None:
        self._known += 1
        row = self._row_of.setdefault(name, len(self._names))
        if row == len(self._names):
            self._names.append(name)
            self._sums.append(encoding.copy())
            self._counts.append(1)
            self._averages.append(encoding)
            return
        self._sums[row] += encoding
        self._counts[row] += 1
        self._averages.replace(row, self._sums[row] / self._counts[row])


def by_person(sightings: Iterable[Sighting]) -> list[tuple[str, Matrix]]:
    """The encodings of each person, (faces, 128) each, sorted by name."""
    encodings: dict[str, list[Matrix]] = {}
    for sighting in sightings:
        if sighting.person is not None and sighting.encoding is not None:
            encodings.setdefault(sighting.person, []).append(sighting.encoding)
    return [(name, np.array(encodings[name])) for name in sorted(encodings)]


@dataclass(frozen=True)
class PersonStatistics:
    """How tight a person is, and how far from the others."""

    name: str
    to_averages: npt.NDArray[np.float64]  # (people,): L2 from this person's average to each person's, sorted by name
    nearest: float  # L2 of its own faces to its average: the least,
    mean: float
    furthest: float
    faces: int


def statistics(people: Sequence[tuple[str, Matrix]]) -> Iterator[PersonStatistics]:
    """Statistics of ``people``: names with the encodings (faces, 128) of each, sorted by name."""
    averages = np.array([encodings.mean(axis=0) for _, encodings in people]).reshape(-1, ENCODING_SIZE)
    for (name, encodings), average in zip(people, averages, strict=True):
        own = np.linalg.norm(encodings - average, axis=1)
        to_averages = np.linalg.norm(averages - average, axis=1)
        yield PersonStatistics(name, to_averages, float(own.min()), float(own.mean()), float(own.max()), len(encodings))
