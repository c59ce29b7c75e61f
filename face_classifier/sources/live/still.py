"""Whether a camera's picture stands still: a suspicion, since a quiet room at night shows little else."""

from __future__ import annotations

# Share of pixels that change from key picture to key picture. A frozen picture that is encoded anew had at most .14, a
# live camera before a still scene at least .23: no sensor is without noise.
_CHANGED = 0.18
_FEWEST = 3  # comparisons on which a suspicion rests


class Stillness:
    """The suspicion, from the shares of pixels that changed."""

    def __init__(self, after: float) -> None:
        """``after``: seconds without a change until there is a suspicion; 0 = never."""
        self._after = after
        self._since: float | None = None  # seconds: the first comparison of those that showed no change
        self._compared = 0
        self.is_still = False

    def add(self, changed: float, now: float) -> bool:
        """A comparison at ``now`` (monotonic seconds). Whether the suspicion came or went by it."""
        before = self.is_still
        if changed > _CHANGED:
            self._since, self._compared, self.is_still = None, 0, False
        else:
            self._since = now if self._since is None else self._since
            self._compared += 1
            lasted = now - self._since >= self._after and self._compared >= _FEWEST
            self.is_still = self._after > 0 and lasted
        return self.is_still != before

    def forget(self) -> None:
        """Begin anew: the camera was away."""
        self._since, self._compared, self.is_still = None, 0, False
