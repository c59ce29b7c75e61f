"""Nearest neighbours: a growing matrix of encodings. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE, Encoding

Matrix = npt.NDArray[np.float64]  # shape (rows, 128)

_ROUGH = 1e-5  # squared L2: ten times the error of a float32 product of encodings of length up to 2


class EncodingRows:
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
    grown = np.empty((2 * len(rows), *rows.shape[1:]), rows.dtype)  # of which only what is used takes memory
    grown[: len(rows)] = rows
    return grown
