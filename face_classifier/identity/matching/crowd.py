"""How near is near enough among many people."""

from __future__ import annotations

import math

FEW = 100  # people among whom a threshold holds as it is
_MOST = 100_000  # beyond, nothing was measured, and the limit falls no further


def among(threshold: float, tightening: float, people: int) -> float:
    """The L2 limit at which a stranger is as seldom near to any of so many people as to any of `FEW` at ``threshold``.

    Each person is one more whom a stranger may be taken for, so that the rate of false matches of a pair has to fall as
    the number of people grows.

    Parameters
    ----------
    threshold: L2, which holds for up to `FEW` people.
    tightening: L2 by which a limit falls for a tenth of its false matches; 0 = never.
    people: how many there are.
    """
    return threshold - tightening * math.log10(min(max(people, FEW), _MOST) / FEW)
