"""Which way a line runs: what remains of Unicode's UAX #9 for one line without embeddings."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import TypeVar

_T = TypeVar("_T")


def levels_of(clusters: Sequence[str]) -> list[int]:
    """An embedding level a cluster: odd runs leftward."""
    kinds = [unicodedata.bidirectional(cluster[0]) for cluster in clusters]
    strong: list[str | None] = [{"L": "L", "R": "R", "AL": "R"}.get(kind) for kind in kinds]
    base = next((side for side in strong if side), "L")
    if "R" not in strong:
        return [0] * len(clusters)
    numbers = [kind in ("EN", "AN") for kind in kinds]
    for index in range(1, len(kinds) - 1):  # the point in 3.5 (rule W4)
        numbers[index] |= kinds[index] in ("CS", "ES") and numbers[index - 1] and kinds[index + 1] in ("EN", "AN")
    before = base
    for index, side in enumerate(strong):
        before = side or before
        if numbers[index]:
            strong[index] = before
    upward = 2 if base == "R" else 0
    sides = _neutrals_resolved(strong, base)
    return [(2 if number else 1) if side == "R" else upward for side, number in zip(sides, numbers, strict=True)]


def _neutrals_resolved(sides: Sequence[str | None], base: str) -> list[str]:
    """Spaces, dots and emoji take the side of their neighbours where those agree, else that of the line."""
    resolved: list[str] = []
    for side, group in groupby(sides):
        count = len(list(group))
        if side is None:
            before = resolved[-1] if resolved else base
            rest = [other for other in sides[len(resolved) + count :] if other]
            after = rest[0] if rest else base
            side = before if before == after else base
        resolved += [side] * count
    return resolved


def as_seen(runs: Sequence[_T], levels: Sequence[int]) -> list[_T]:
    """Rule L2: from the highest level down to 1, turn round each stretch at that level or above."""
    order = list(range(len(runs)))
    for level in range(max(levels, default=0), 0, -1):
        turned: list[int] = []
        for inside, group in groupby(order, key=lambda number: levels[number] >= level):
            stretch = list(group)
            turned += reversed(stretch) if inside else stretch
        order = turned
    return [runs[number] for number in order]
