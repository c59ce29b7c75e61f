"""Nearest neighbours: a growing matrix of encodings. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE, Encoding
from face_classifier.identity.matching.foreseen import ROUGH, SLACK, Foreseen

Ints = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float64]  # shape (rows, 128)
Rows = npt.NDArray[np.intp]

# In one product: its 1 MB stays in the processor's cache. With 64 probes it takes a third longer for each.
_PROBES, _ROWS = 256, 1024
_FEW_ROWS = 4096  # among which it takes no longer to search for one probe


class EncodingRows:
    """A growing matrix of encodings, or of the means of several, whose nearest row is found by one matrix product.

    The product is in float32; every row that its error leaves in doubt is measured again. One probe reads the whole
    matrix, and so do 256 at once: `nearest_each`. Of a mean its sum is kept, which is exact in whatever order encodings
    that are multiples of 2^-24 came and went.
    """

    def __init__(self, rank: Callable[[int], Any] = int) -> None:
        """``rank``: of rows that are equally near the one of the least rank counts; it may change with `drop` alone."""
        self._rank = rank
        self._totals: Matrix = np.empty((16, ENCODING_SIZE))
        self._faces = np.empty(16, np.int64)
        self._handicaps: npt.NDArray[np.float64] = np.empty(16)
        self._rough = np.empty((16, ENCODING_SIZE), np.float32)
        self._offsets = np.empty(16, np.float32)  # |x|^2 + the handicap of each row
        self._size = 0
        self._foreseen = Foreseen()

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, row: int) -> Encoding:
        return np.asarray(self._totals[row] / self._faces[row])

    @property
    def all(self) -> Matrix:
        """The rows, (n, 128)."""
        return self._at(slice(0, self._size))

    def _at(self, rows: Rows | slice) -> Matrix:
        return np.asarray(self._totals[rows] / self._faces[rows, None])

    def totals(self, rows: Rows | int) -> Matrix:
        """(rows, 128), the sums of encodings that they are the means of; 0 of those that are empty. Or of one."""
        return self._totals[rows]

    def faces(self, rows: Rows) -> Ints:
        """(rows,) how many encodings they are the means of; 0 of those that are empty."""
        return self._faces[rows]

    def count(self, row: int) -> int:
        """As `faces` of one."""
        return int(self._faces[row])

    def append(self, encoding: Encoding) -> None:
        self.grow(1)
        self.replace_one(self._size - 1, encoding, 1, encoding, float((encoding**2).sum()))

    def grow(self, count: int) -> None:
        """Append empty rows, which are to be given something by `replace` before anything else."""
        new = slice(self._size, self._size + count)
        self._size += count
        while self._size > len(self._offsets):
            self._totals = _doubled(self._totals)
            self._faces = _doubled(self._faces)
            self._handicaps = _doubled(self._handicaps)
            self._rough = _doubled(self._rough)
            self._offsets = _doubled(self._offsets)
        self._totals[new] = self._faces[new] = 0

    def replace(self, rows: Rows, totals: Matrix, faces: Ints, handicaps: Matrix | float = 0) -> None:
        """Have rows be others.

        Parameters
        ----------
        rows: (n,), each once.
        totals, faces: (n, 128) and (n,), the sum of the encodings of each, and how many they are.
        handicaps: (n,), squared L2, or the same for all.
        """
        self._totals[rows], self._faces[rows], self._handicaps[rows] = totals, faces, handicaps
        self._rough[rows] = means = totals / faces[..., None]
        self._offsets[rows] = (means**2).sum(axis=-1) + handicaps
        if self._foreseen:
            self._foreseen.change(rows.tolist())

    def replace_one(
        self, row: int, totals: Encoding, faces: int, mean: Encoding, square: float, handicap: float = 0.0
    ) -> None:
        """As `replace` of one, in less time; ``mean``: ``totals`` by ``faces``, ``square``: its squared length."""
        self._totals[row], self._faces[row], self._handicaps[row] = totals, faces, handicap
        self._rough[row], self._offsets[row] = mean, square + handicap
        if self._foreseen:
            self._foreseen.change([row])

    def drop(self, row: int) -> None:
        """Remove a row; the last one takes its place."""
        self._size -= 1
        last = slice(self._size, self._size + 1)
        self.replace(np.array([row]), self._totals[last], self._faces[last], self._handicaps[last])

    def handicap(self, row: int) -> float:
        return float(self._handicaps[row])

    def distance(self, row: int, probe: Encoding) -> float:
        """The root of a row's squared L2 distance + handicap."""
        return float(np.sqrt(((self[row] - probe) ** 2).sum() + self._handicaps[row]))

    def near_any(self, probes: Matrix, limit: float) -> npt.NDArray[np.intp]:
        """Numbers of those of the ``probes`` (rows, 128) that are nearer than ``limit`` (L2) to any row, or may be."""
        least = np.full(len(probes), np.inf)
        for start in range(0, len(probes), _PROBES):
            some = slice(start, start + _PROBES)
            for part, measure in self._measures(probes[some]):
                np.minimum(least[some], (measure - self._handicaps[part, None]).min(axis=0), out=least[some])
        return np.flatnonzero(least + (probes**2).sum(axis=1) < limit**2 + ROUGH)

    def nearest_each(self, probes: Matrix, forbidden: Sequence[Collection[int]] = ()) -> list[tuple[int, float] | None]:
        """What `nearest` says of each of many probes, bit for bit, in a fraction of the time.

        ``probes``: (n, 128). ``forbidden``: rows forbidden to each of them; empty = there are none.
        """
        found: list[tuple[int, float] | None] = [None] * len(probes)
        for start in range(0, len(probes), _PROBES):
            some = slice(start, start + _PROBES)
            rows, numbers, _ = self._near(probes[some], forbidden[some], ROUGH)
            numbers += start
            exact = ((self._at(rows) - probes[numbers]) ** 2).sum(axis=1) + self._handicaps[rows]
            order = np.argsort(numbers, kind="stable")
            ends = np.flatnonzero(np.diff(numbers[order], append=-1)) + 1
            for first, end in zip([0, *ends], ends, strict=False):
                own = order[first:end]
                found[numbers[own[0]]] = self._least(rows[own], exact[own])
        return found

    def foresee(self, probes: Matrix, *, more: bool = False) -> npt.NDArray[np.float64]:
        """Have `nearest` answer soon for these probes, (n, 128), in less time and as it would anyway.

        In between rows may come, change and go. ``more``: for those before, too, since which nothing has changed.
        Returns (n,) the root of squared L2 distance + handicap of the nearest row, roughly; inf: it was not sought.
        """
        self._foreseen = self._foreseen if more else Foreseen()
        nearest = np.full(len(probes), np.inf)
        for start in range(0, len(probes), _PROBES) if self._size > _FEW_ROWS else ():
            some = probes[start : start + _PROBES]
            rows, numbers, measures = self._near(some, (), SLACK)
            order = np.lexsort((rows, numbers))
            for own in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
                number = numbers[own[0]]
                nearest[start + number] = self._foreseen.add(some[number], rows[own], measures[own])
        return np.sqrt(np.maximum(nearest + (probes**2).sum(axis=1), 0.0))

    def _near(
        self, probes: Matrix, forbidden: Sequence[Collection[int]], slack: float
    ) -> tuple[Rows, Rows, npt.NDArray[np.float32]]:
        """Rows as near as the nearest + ``slack`` (squared L2), the numbers of the probes, and how near they are."""
        taken = [(row, number) for number, rows in enumerate(forbidden) for row in rows]
        which, whose = np.array(taken, np.intp).reshape(-1, 2).T
        least = np.full(len(probes), np.inf, np.float32)
        rows, numbers, measures = [], [], []
        for part, measure in self._measures(probes):
            here = (which >= part.start) & (which < part.stop)
            measure[which[here] - part.start, whose[here]] = np.inf
            nearest = measure.min(axis=0)
            np.minimum(least, nearest, out=least)
            better = np.flatnonzero((nearest <= least + slack) & (nearest < np.inf))  # in later parts they are few
            row, column = np.nonzero(measure[:, better] <= least[better] + slack)
            rows.append(row + part.start)
            numbers.append(better[column])
            measures.append(measure[row, better[column]])
        if not rows:
            return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.float32)
        row_of, number_of, measured = np.concatenate(rows), np.concatenate(numbers), np.concatenate(measures)
        near = measured <= least[number_of] + slack
        return row_of[near], number_of[near], measured[near]

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
        near = self._foreseen.rows(probe, forbidden, self._size) if self._foreseen else None
        if near is None:
            near = self._searched(probe, forbidden)
        if not len(near):
            return None
        return self._least(near, ((self._at(near) - probe) ** 2).sum(axis=1) + self._handicaps[near])

    def _least(self, rows: Rows, exact: npt.NDArray[np.float64]) -> tuple[int, float]:
        """The nearest of rows at these squared distances, and the root of its own."""
        least = exact.min()
        equal = rows[exact == least].tolist()
        return equal[0] if len(equal) == 1 else min(equal, key=self._rank), float(np.sqrt(least))

    def _searched(self, probe: Encoding, forbidden: Collection[int]) -> Rows:
        """Rows among which is the nearest to a probe, rising."""
        # |x - q|^2 = |x|^2 - 2 x.q + |q|^2, and |q|^2 is the same for every row
        measure = self._rough[: self._size] @ (-2 * probe).astype(np.float32)
        measure += self._offsets[: self._size]
        measure[list(forbidden)] = np.inf
        least = measure.min()
        return np.flatnonzero((measure <= least + ROUGH) & (measure < np.inf))


def _doubled(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    grown = np.empty((2 * len(rows), *rows.shape[1:]), rows.dtype)  # of which only what is used takes memory
    grown[: len(rows)] = rows
    return grown
