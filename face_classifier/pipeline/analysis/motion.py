"""Whether anything moved since the last search, whether there was a cut, and so how each frame is searched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Frame, Image, Search
from face_classifier.sources.base import SAME_TIME, Grid
from face_classifier.vision.light import lit

Grey = npt.NDArray[np.float32]

_CELLS = 96, 54  # across, down: a face of 40 pixels in a 720p frame covers 3 x 3 of them
_STIR = 8.0  # grey levels of 255 by which one cell must change; camera noise, averaged over a cell, stays below 3
_NIGHT = 4.0  # times brighter: what moves in the dark is seen, and the noise of a dark night still is none
_KEEN, _THOROUGH = 2.0, 4.0  # seconds, the source's clock: least time between two such searches
# A cut changes what is where and the colours, motion mostly the one, light and flashes mostly the other. Limits for the
# overlap and the correlation of two pictures were found on half of the people: `benchmarks/identity.md`.
_COLOURS = 8  # levels of each channel that are told apart
_OTHER_COLOURS = 0.15  # share of a picture whose colours are not in the other
_OTHER_PLACES = 0.4, 1.5  # correlation in grey: at a cut it is less than the first + the second times that share ...
_SAME_PLACES = 0.9  # ... and than this: a picture that is 1.5 times as bright, with what is burnt out, keeps .92


class MotionGate:
    """Tells whether anything moved since the last frame that was searched."""

    def __init__(self) -> None:
        self._searched: Grey | None = None

    def moved(self, image: Image) -> bool:
        """True for the first frame, and when any part of a BGR picture is not as in the last frame that was True.

        Compared with that frame rather than with the one before, a slow change adds up until it counts.
        """
        now = grey(lit(sampled(image), _NIGHT))
        still = self._searched is not None and float(np.abs(now - self._searched).max()) < _STIR
        if not still:
            self._searched = now
        return not still


class Shot:
    """How a picture as a whole looks, to tell whether the next one is of another scene."""

    def __init__(self, image: Image) -> None:
        """``image``: BGR."""
        self._small = sampled(image)
        self.places = normed(grey(self._small))  # (54, 96), zero mean and unit norm

    @cached_property
    def colours(self) -> npt.NDArray[np.float32]:
        """(8, 8, 8), the share of each colour (blue, green, red); most pictures are told apart without them."""
        colours = cv2.calcHist([self._small], [0, 1, 2], None, [_COLOURS] * 3, [0, 256] * 3)
        return np.asarray(colours / colours.sum(), np.float32)

    def is_cut_from(self, before: Shot) -> bool:
        """Whether there is a cut between two pictures, however far apart they are."""
        alike = likeness(self.places, before.places)
        if alike >= _SAME_PLACES:
            return False
        changed = float(np.abs(self.colours - before.colours).sum()) / 2
        least, more = _OTHER_PLACES
        return changed > _OTHER_COLOURS and alike < least + more * changed


@dataclass(frozen=True, eq=False)
class Glance:
    """What the picture of a frame as a whole tells, before any face is searched for."""

    how: Search
    shot: Shot
    begins: bool  # to move: nothing moved in the frame before


class Searches:
    """Tells how to search each analysed frame of a source, by its picture and the source's clock alone.

    The first is searched thoroughly, so photos are. Then, if anything has moved since, one is every two seconds if no
    face is found in it or a cut came before, and every four seconds in any case: a thorough search costs up to ten
    usual ones.
    """

    def __init__(self, *, still: bool, times: Grid | None = None, phase: float = 0.0) -> None:
        """What it needs to know.

        Parameters
        ----------
        still: search frames, too, in which nothing has moved.
        times: when to search if anything moved since the last search, beside cuts; None = in each such frame.
        phase: share of four seconds, below 1, by which the second thorough search comes earlier.
        """
        self._early = phase * _THOROUGH  # seconds
        self._scene = None if still else MotionGate()
        self._times, self._at = times, -math.inf  # seconds, of the last frame
        self._searched = True  # since anything moved last
        self._moves = False  # in the last frame
        self._keen_at = self._thorough_at = -math.inf  # seconds, of the latest
        # Since the latest thorough one:
        self._moved = self._cut = False
        self._shot: Shot | None = None  # of the last frame in which anything moved

    def next(self, frame: Frame) -> Glance:
        """How to search the next frame."""
        small = sampled(frame.image)
        shot, cut = Shot(small), False
        moved = self._scene is None or self._scene.moved(small)
        if moved:
            cut = self._shot is not None and shot.is_cut_from(self._shot)
            self._cut = self._cut or cut
            self._shot, self._moved, self._searched = shot, True, False
        how = self._how(frame.position, at_once=cut or frame.position < self._at)
        if how is Search.CARRY and not moved:
            how = Search.NONE
        begins, self._moves, self._at = moved and not self._moves, moved, frame.position
        return Glance(how, shot, begins)

    def _how(self, position: float, *, at_once: bool) -> Search:
        now = position + SAME_TIME
        in_time = self._is_in_time(position) or at_once
        if self._moved and now >= self._keen_at + _KEEN:
            self._keen_at, self._searched = position - self._early % _KEEN, True
            if now < self._thorough_at + _THOROUGH and not self._cut:
                return Search.KEEN
            self._thorough_at, self._moved, self._cut = position - self._early, False, False
            self._early = 0.0
            return Search.THOROUGH
        if self._searched:
            return Search.NONE
        self._searched = in_time
        return Search.USUAL if in_time else Search.CARRY

    def _is_in_time(self, position: float) -> bool:
        if self._times is None:
            return True
        due = self._times.due(position)
        self._times.advance(position)
        return due


def normed(values: Grey) -> Grey:
    """Zero mean and unit norm, so that a product of two is their correlation."""
    off = values - values.mean()
    return off / max(float(np.linalg.norm(off)), 1e-6)


def likeness(one: Grey, other: Grey) -> float:
    return float((one * other).sum())


def grey(image: Image) -> Grey:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)


def sampled(image: Image) -> Image:
    """A BGR picture at 96 x 54, each pixel the mean of 25 or more that it covers, in the time of what is looked at.

    A picture of any size is looked at in .1 to .17 ms; all of it took .45 ms at 720p, .73 at 1080p, 3.5 at 2160p.
    """
    across, down = _CELLS
    if image.shape[:2] == (down, across):
        return image
    step = 1
    while image.shape[1] >= 4 * step * across and image.shape[0] >= 4 * step * down:
        step *= 2
    if step > 1:  # of each square of so many pixels it looks at the four in the middle
        height, width = image.shape[0] // step, image.shape[1] // step
        part = image[: step * height, : step * width]
        image = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    # A mean over a part of a pixel would take twice as long as all the rest.
    twice = cv2.resize(image, (2 * across, 2 * down), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(twice, _CELLS, interpolation=cv2.INTER_AREA), np.uint8)


def reduced(image: Image, size: tuple[int, int]) -> Image:
    """A BGR picture at ``size`` (width, height), each pixel the mean of what it covers.

    Halving, which OpenCV does fast, comes first: a fifth of the time at 720p.
    """
    while image.shape[1] >= 4 * size[0] and image.shape[0] >= 4 * size[1]:
        height, width = image.shape[0] // 2, image.shape[1] // 2
        halved = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(halved, np.uint8)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
