"""What was sought for many probes together, before each of them is asked for. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Encoding

ROUGH = 1e-5  # squared L2: ten times the error of a float32 product of encodings of length up to 2
# Squared L2: rows that are so much farther than the nearest are remembered for a probe that is foreseen, so that one of
# them is there where the nearest is forbidden or changes.
SLACK = 0.02
_MOST_CHANGES = 512  # rows after which it takes no longer to search anew
_Rows = npt.NDArray[np.intp]
_Measures = npt.NDArray[np.float32]


class Foreseen:
    """Of some probes the rows that are near, while rows come, change and go; true if there are any."""

    def __init__(self) -> None:
        self._near: dict[bytes, tuple[_Rows, _Measures, float]] = {}
        self._changed: set[int] = set()  # rows that are others since then

    def __bool__(self) -> bool:
        return bool(self._near)

    def add(self, probe: Encoding, rows: _Rows, measures: _Measures) -> float:
        """Remember all rows that are up to `SLACK` farther than the nearest; returns the measure of that one.

        ``measures``: of each row its squared L2 distance + handicap less the squared length of the probe, roughly.
        """
        least = float(measures.min())
        self._near[probe.tobytes()] = rows, measures, least + SLACK
        return least

    def change(self, rows: Iterable[int]) -> None:
        """These rows are others, or new, or gone."""
        self._changed.update(rows)
        if len(self._changed) > _MOST_CHANGES:
            self._near = {}

    def rows(self, probe: Encoding, forbidden: Collection[int], size: int) -> _Rows | None:
        """Rows among which is the nearest to a probe, rising; None where they are to be searched.

        ``forbidden``: rows that do not count; ``size``: how many there are now.
        """
        rows, measures, limit = self._near.get(probe.tobytes(), (None, None, 0.0))
        if rows is None or measures is None:
            return None
        gone = self._changed | set(forbidden)
        same = [place for place, row in enumerate(rows.tolist()) if row < size and row not in gone]
        if not same or measures[same].min() > limit - ROUGH:
            return None  # one that was not remembered may be as near
        others = [row for row in self._changed if row < size and row not in forbidden]
        return np.array(sorted([*rows[same].tolist(), *others]), np.intp)
