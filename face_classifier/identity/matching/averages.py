"""People by the averages of their faces. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from face_classifier.core.types import ENCODING_SIZE, Encoding
from face_classifier.identity.matching.nearest import EncodingRows, Matrix


@dataclass(slots=True)
class _Sums:
    """Of the faces of a person."""

    encodings: Encoding
    squares: float = 0.0  # of their lengths
    faces: int = 0
    digests: int = 0


class Averages:
    """People by the averages of their encodings, and how much their faces vary."""

    def __init__(self, spread: float) -> None:
        self._spread = spread
        self._names: list[str] = []  # parallel to the rows of their averages
        self._row_of: dict[str, int] = {}
        self._sums: list[_Sums] = []
        self._averages = EncodingRows()

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._row_of

    def average(self, name: str) -> Encoding:
        return self._averages[self._row_of[name]]

    def handicap(self, name: str) -> float:
        """What the scatter of a person's faces adds to a squared distance."""
        return self._averages.handicap(self._row_of[name])

    def distance(self, name: str, probe: Encoding) -> float:
        """L2 to a person's average, with the person's handicap."""
        return self._averages.distance(self._row_of[name], probe)

    def nearest(self, probe: Encoding, forbidden: Collection[str]) -> tuple[str, float] | None:
        """The person who is nearest, with the handicap, and how far; None without an allowed person."""
        rows = {self._row_of[name] for name in forbidden if name in self._row_of}
        nearest = self._averages.nearest(probe, rows)
        return nearest and (self._names[nearest[0]], nearest[1])

    def foresee(self, probes: Matrix) -> None:
        """See `EncodingRows.foresee`."""
        self._averages.foresee(probes)

    def digest(self, name: str) -> int:
        """The sum of the digests of a person's faces; 0 for nobody known."""
        return self._sums[self._row_of[name]].digests if name in self._row_of else 0

    def add(self, faces: Iterable[tuple[str, Encoding, int]]) -> None:
        """Take in faces: name, encoding and digest of each. The average of each person is taken once, at the end."""
        grown: dict[str, _Sums] = {}
        for name, encoding, digest in faces:
            sums = grown.get(name) or grown.setdefault(name, self._sums_of(name))
            sums.encodings += encoding
            sums.squares += float(encoding.dot(encoding))  # the same as by @, in half the time
            sums.faces += 1
            sums.digests += digest
        for name, sums in grown.items():
            self._average(name, sums)

    def remove(self, name: str, encoding: Encoding, digest: int) -> None:
        """Take out one of several faces of a person."""
        sums = self._sums[self._row_of[name]]
        sums.encodings -= encoding
        sums.squares -= float(encoding.dot(encoding))
        sums.faces -= 1
        sums.digests -= digest
        self._average(name, sums)

    def _average(self, name: str, sums: _Sums) -> None:
        average = sums.encodings / sums.faces
        scatter = sums.squares / sums.faces - float(average @ average)
        self._averages.replace(self._row_of[name], average, self._spread * max(0.0, scatter))

    def _sums_of(self, name: str) -> _Sums:
        """Of a person, who is new if nobody has that name."""
        row = self._row_of.setdefault(name, len(self._names))
        if row == len(self._names):
            self._names.append(name)
            self._sums.append(_Sums(np.zeros(ENCODING_SIZE)))
            self._averages.append(self._sums[row].encodings)
        return self._sums[row]

    def drop(self, name: str) -> int:
        """Forget a person; returns how many faces there were."""
        if name not in self._row_of:
            return 0
        row = self._row_of.pop(name)
        faces = self._sums[row].faces
        columns: tuple[list[Any], ...] = self._names, self._sums
        for column in columns:
            last = column.pop()
            if row < len(column):
                column[row] = last
        self._averages.drop(row)
        if row < len(self._names):
            self._row_of[self._names[row]] = row
        return faces
