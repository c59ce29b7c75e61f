"""Nearest neighbours: a growing matrix of encodings. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE, Encoding

Matrix = npt.NDArray[np.float64]  # shape (rows, 128)
_Rows = npt.NDArray[np.intp]

_ROUGH = 1e-5  # squared L2: ten times the error of a float32 product of encodings of length up to 2
_PROBES, _ROWS = 64, 4096  # in one product: its 1 MB stays in the processor's cache


class EncodingRows:
    """A growing matrix of encodings whose nearest row is found by one matrix product.

    The product is in float32, twice as fast; every row that its error leaves in doubt is measured again. One probe
    reads the whole matrix, and so do sixty-four at once: `nearest_each`.
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

    @property
    def all(self) -> Matrix:
        """The rows, (n, 128)."""
        return self._matrix[: self._size]

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
        least = np.full(len(probes), np.inf)
        for start in range(0, len(probes), _PROBES):
            some = slice(start, start + _PROBES)
            for part, measure in self._measures(probes[some]):
                np.minimum(least[some], (measure - self._handicaps[part, None]).min(axis=0), out=least[some])
        return np.flatnonzero(least + (probes**2).sum(axis=1) < limit**2 + _ROUGH)

    def nearest_each(self, probes: Matrix, forbidden: Sequence[Collection[int]] = ()) -> list[tuple[int, float] | None]:
        """What `nearest` says of each of many probes, bit for bit, in a fraction of the time.

        ``probes``: (n, 128). ``forbidden``: rows forbidden to each of them; empty = there are none.
        """
        found: list[tuple[int, float] | None] = [None] * len(probes)
        for start in range(0, len(probes), _PROBES):
            rows, numbers = self._doubtful(probes[start : start + _PROBES], forbidden[start : start + _PROBES])
            numbers += start
            exact = ((self._matrix[rows] - probes[numbers]) ** 2).sum(axis=1) + self._handicaps[rows]
            order = np.lexsort((rows, exact, numbers))  # of rows that are equally near the first, as argmin has it
            for first in order[np.unique(numbers[order], return_index=True)[1]]:
                found[numbers[first]] = int(rows[first]), float(np.sqrt(exact[first]))
        return found

    def _doubtful(self, probes: Matrix, forbidden: Sequence[Collection[int]]) -> tuple[_Rows, _Rows]:
        """Pairs of a row and the number of a probe; among a probe's rows is its nearest."""
        taken = [(row, number) for number, rows in enumerate(forbidden) for row in rows]
        which, whose = np.array(taken, np.intp).reshape(-1, 2).T
        least = np.full(len(probes), np.inf, np.float32)
        rows, numbers, measures = [], [], []
        for part, measure in self._measures(probes):
            here = (which >= part.start) & (which < part.stop)
            measure[which[here] - part.start, whose[here]] = np.inf
            nearest = measure.min(axis=0)
            np.minimum(least, nearest, out=least)
            better = np.flatnonzero((nearest <= least + _ROUGH) & (nearest < np.inf))  # in later parts they are few
            row, column = np.nonzero(measure[:, better] <= least[better] + _ROUGH)
            rows.append(row + part.start)
            numbers.append(better[column])
            measures.append(measure[row, better[column]])
        if not rows:
            return np.empty(0, np.intp), np.empty(0, np.intp)
        all_numbers = np.concatenate(numbers)
        near = np.concatenate(measures) <= least[all_numbers] + _ROUGH
        return np.concatenate(rows)[near], all_numbers[near]

    def _measures(self, probes: Matrix) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        """Roughly |x|^2 - 2 x.q + handicap, (rows, probes), of a part of the rows after the other, and which it is."""
        doubled = (-2 * probes).astype(np.float32).T
        for start in range(0, self._size, _ROWS):
            part = slice(start, min(start + _ROWS, self._size))
            measure = self._rough[part] @ doubled
            measure += self._offsets[part, None]
            yield part, measure

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
    grown = np.empty((2 * len(rows), *rows.shape[1:]), rows.dtype)  # of which only what is used takes memory
    grown[: len(rows)] = rows
    return grown
