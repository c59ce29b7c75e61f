"""People by the averages of their faces. Pure numpy, no files."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Encoding
from face_classifier.identity.matching.columns import Digests, Encodings, runs_of, sizes_of_runs, totals_of_runs
from face_classifier.identity.matching.nearest import EncodingRows, Ints, Matrix, Rows

# The sum of squared lengths is high * 2^-16 + low * 2^-48: exact, as encodings are multiples of 2^-24.
_SUMS = np.dtype([("high", np.int64), ("low", np.int64), ("digest", np.uint64)])
_HIGH, _LOW = 2.0**16, 2.0**48
_ALL = 2**64 - 1


class Sums(NamedTuple):
    """Of the faces of rows, (rows, …)."""

    high: Ints  # of the squared lengths of their encodings
    low: Ints
    faces: Ints  # how many
    totals: Matrix  # (rows, 128) of the encodings


def _sums_of(encodings: Encodings, starts: Rows) -> Sums:
    """The sums of runs of faces, of one row each, which begin at ``starts``; ``encodings``: (n, 128)."""
    encodings = np.asarray(encodings, np.float64)
    high, low = (np.add.reduceat(part, starts) for part in _squares(encodings))
    return Sums(high, low, sizes_of_runs(starts, len(encodings)), totals_of_runs(encodings, starts))


def _squares(encodings: Matrix) -> tuple[Ints, Ints]:
    """The squared lengths of (n, 128) encodings: what `_SUMS` sums up."""
    squares = np.einsum("...i,...i->...", encodings, encodings)  # exact in any order
    high = np.floor(squares * _HIGH)
    low = np.rint((squares - high / _HIGH) * _LOW)
    return high.astype(np.int64), low.astype(np.int64)


def _square(encoding: Encoding) -> tuple[int, int]:
    """As `_squares` of one, (128,)."""
    square = float(np.add.reduce(encoding**2))
    high = math.floor(square * _HIGH)
    return high, round((square - high / _HIGH) * _LOW)


class Averages:
    """People by the averages of their encodings, and how much their faces vary.

    It is the same, bit for bit, in whatever order faces were added and removed.
    """

    def __init__(self, spread: float) -> None:
        self._spread = spread
        self._names: list[str] = []  # parallel to the rows of their averages
        self._row_of: dict[str, int] = {}
        self._sums = np.zeros(16, _SUMS)  # parallel, too
        self._averages = EncodingRows(self._names.__getitem__)

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

    def foresee(self, probes: Matrix, *, more: bool = False) -> npt.NDArray[np.float64]:
        """See `EncodingRows.foresee`."""
        return self._averages.foresee(probes, more=more)

    def digest(self, name: str) -> int:
        """The sum of the digests of a person's faces, modulo 2^64; 0 for nobody known."""
        return int(self._sums["digest"][self._row_of[name]]) if name in self._row_of else 0

    def add(self, names: Sequence[str], person: npt.NDArray[np.int32], encodings: Encodings, digests: Digests) -> None:
        """Take in faces.

        Parameters
        ----------
        names: of people.
        person: (n,) the place of each face's person among them; n > 0.
        encodings: (n, 128).
        digests: (n,).
        """
        order = np.argsort(person, kind="stable")
        person = person[order]
        starts = runs_of(person)
        rows = self._rows_of([names[place] for place in person[starts].tolist()])
        self._add(rows, _sums_of(encodings[order], starts), np.add.reduceat(digests[order], starts))

    def add_one(self, name: str, encoding: Encoding, digest: int) -> None:
        """As `add` of one face, in less time."""
        row = self._row_of[name] if name in self._row_of else int(self._rows_of([name])[0])
        self._change_one(row, encoding, digest, 1)

    def remove(self, name: str, encoding: Encoding, digest: int) -> None:
        """Take out a face of a person, with its digest; with the last one the person goes."""
        row = self._row_of[name]
        if self._faces_of(row) == 1:
            self.drop(name)
        else:
            self._change_one(row, encoding, -digest, -1)

    def _faces_of(self, row: int) -> int:
        return self._averages.count(row)

    def _rows_of(self, names: Sequence[str]) -> Rows:
        """(names,) their rows; those of new people are empty."""
        new = [name for name in names if name not in self._row_of]
        self._row_of.update(zip(new, range(len(self._names), len(self._names) + len(new)), strict=True))
        self._names += new
        self._averages.grow(len(new))
        if len(self._names) > len(self._sums):
            more = max(len(self._sums), len(self._names) - len(self._sums))
            self._sums = np.concatenate([self._sums, np.zeros(more, _SUMS)])
        return np.array([self._row_of[name] for name in names], np.intp)

    def _add(self, rows: Rows, sums: Sums, digests: Digests) -> None:
        """Add faces of rows; ``digests``: their sums."""
        stored, averages = self._sums, self._averages
        high, low = stored["high"][rows] + sums.high, stored["low"][rows] + sums.low
        stored["high"][rows], stored["low"][rows] = high, low
        stored["digest"][rows] += digests
        faces = averages.faces(rows) + sums.faces
        totals = averages.totals(rows) + sums.totals
        scatter = (high / _HIGH + low / _LOW) / faces - ((totals / faces[:, None]) ** 2).sum(axis=-1)
        averages.replace(rows, totals, faces, self._spread * np.maximum(0.0, scatter))

    def _change_one(self, row: int, encoding: Encoding, digest: int, sign: int) -> None:
        """Add (1) or take away (-1) a face of a row, in less time; ``digest``: to be added in any case."""
        high, low, digests = self._sums[row].item()
        more, less = _square(encoding)
        high, low = high + sign * more, low + sign * less
        self._sums[row] = high, low, (digests + digest) & _ALL
        faces, totals = self._averages.count(row) + sign, self._averages.totals(row) + sign * encoding
        mean = totals / faces
        square = float(np.add.reduce(mean**2))
        scatter = (high / _HIGH + low / _LOW) / faces - square
        self._averages.replace_one(row, totals, faces, mean, square, self._spread * max(0.0, scatter))

    def drop(self, name: str) -> int:
        """Forget a person; returns how many faces there were."""
        if name not in self._row_of:
            return 0
        row, last = self._row_of.pop(name), self._names.pop()
        faces = self._faces_of(row)
        self._averages.drop(row)
        self._sums[row] = self._sums[len(self._names)]
        self._sums[len(self._names)] = 0
        if last != name:
            self._names[row], self._row_of[last] = last, row
        return faces
