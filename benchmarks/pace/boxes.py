"""Which boxes are the same: (top, right, bottom, left) as lists, without any library."""

from __future__ import annotations

from collections.abc import Sequence

SAME = 0.3  # intersection over union from which two boxes are one face: detectors draw them in other shapes

Box = Sequence[int]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    height, width = min(one[2], other[2]) - max(one[0], other[0]), min(one[1], other[1]) - max(one[3], other[3])
    common = max(0, height) * max(0, width)
    areas = [(box[2] - box[0]) * (box[1] - box[3]) for box in (one, other)]
    return common / (sum(areas) - common)


def pairs(boxes: Sequence[Box], others: Sequence[Box]) -> list[tuple[int, int, float]]:
    """Boxes and others that are the same, one to one, the best first: their numbers and their overlap."""
    found = sorted(
        (
            (overlap(box, other), number, index)
            for number, box in enumerate(boxes)
            for index, other in enumerate(others)
        ),
        reverse=True,
    )
    left, right, same = set(range(len(boxes))), set(range(len(others))), []
    for common, number, index in found:
        if common >= SAME and number in left and index in right:
            left.remove(number)
            right.remove(index)
            same.append((number, index, common))
    return same
