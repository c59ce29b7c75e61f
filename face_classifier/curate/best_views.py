"""The best and most different views of one person, among all that were gathered. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Face, Frame, Sighting
from face_classifier.identity.tracks import worth_of

# Of 65 people with 12 pictures in LFW, 1, 2, 4, 6 and 8 chosen views let .85, .95, .985, .992 and .992 of the others be
# told (views at random .76, .94, .983, .992, .992); in clips of one person nothing is gained beyond 8.
VIEWS = 8

# A smaller difference is not worth a picture: two looks at a quiet face, a quarter of a second apart, differ
# by .2 to .35 (medians of eleven clips), at one that speaks or moves by .5 to .9.
_DIFFERENT = 0.3
_SHIFTS = 10
_TURNED = 0.2  # difference in ``quality.turn`` that counts as much as an encoding as far away as the threshold


@dataclass(eq=False)
class View:
    """A face that is good enough to be kept."""

    frame: Frame  # its image is cut to what is kept, the box grown to 3 x 3, or there is none
    face: Face
    order: int  # number of the face in its frame, from the left
    turn: tuple[float, float]  # as of ``quality.turn``
    frames: int = 1  # how many it stands for
    picture: bytes | None = None  # PNG of what is kept, as soon as that is wanted
    known: Sighting | None = None  # as it lies in the store
    settled: bool = False  # it lies in the folder of the person, or of another one whom the user named, and stays

    @property
    def quality(self) -> float:
        return worth_of(self.face.quality)


def differences(views: Sequence[View], threshold: float) -> npt.NDArray[np.float64]:
    """How different each two views are, (views, views): 1 = as two faces that are barely one person, or as a head that
    was clearly turned."""
    encodings = np.array([view.face.encoding for view in views]) / threshold
    turns = np.array([view.turn for view in views]) / _TURNED
    return np.sqrt(_squares(encodings) + _squares(turns))


def _squares(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Squared L2 distances of each two rows."""
    return ((rows[:, None] - rows[None]) ** 2).sum(axis=2)


def majority(views: Sequence[View], limit: float) -> list[View]:
    """The views of the person with most frames, in their order.

    From every view on, the mean of all views nearer than the ``limit`` (L2) is taken until it stays (mean shift with a
    flat kernel: Fukunaga and Hostetler, 1975); the one with most frames around it wins.
    """
    if not views:
        return []
    encodings = np.array([view.face.encoding for view in views])
    frames = np.array([view.frames for view in views], float)
    around = [_shifted(near, encodings, frames, limit) for near in np.sqrt(_squares(encodings)) < limit]
    mine = max(around, key=lambda near: near @ frames)
    return [view for view, is_mine in zip(views, mine, strict=True) if is_mine]


def _shifted(
    mine: npt.NDArray[np.bool_], encodings: npt.NDArray[np.float64], frames: npt.NDArray[np.float64], limit: float
) -> npt.NDArray[np.bool_]:
    """Which views are around the mean that is reached from the mean of ``mine``."""
    for _ in range(_SHIFTS):
        centre = np.average(encodings[mine], axis=0, weights=frames[mine])
        moved = np.linalg.norm(encodings - centre, axis=1) < limit
        if (moved == mine).all() or not moved.any():
            break
        mine = moved
    return mine


def choose(views: Sequence[View], count: int, threshold: float) -> list[View]:
    """At most ``count`` views of one person: those that are in the person's folder already, else the best one; then
    again and again the one with the highest quality times difference from those chosen, if it is different enough."""
    if not views:
        return []
    difference = differences(views, threshold)
    quality = np.array([view.quality for view in views])
    copied = (difference == 0) & np.tri(len(views), k=-1, dtype=bool)  # of an earlier view: the same file given twice
    chosen = [number for number, view in enumerate(views) if view.settled and not copied[number].any()][:count]
    chosen = chosen or [int((quality - difference.mean(axis=0)).argmax())]
    while len(chosen) < count:
        nearest = difference[chosen].min(axis=0)
        worth = np.where(nearest >= _DIFFERENT, quality * nearest, 0.0)
        best = int(worth.argmax())
        if worth[best] == 0.0:
            break
        chosen.append(best)
    return [views[number] for number in chosen]
