"""Where the faces of each frame are: found by a search, or, between two, where those of the last frame moved to.

A search of a picture costs twenty times what it costs to look where its faces went. Whatever leaves a doubt about one
of them is a search of that very frame: it looks otherwise, leaves the picture or meets another one, is new, or is to be
encoded. So a carried box is never encoded, and no carried face is taken for another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Box, Detection, Frame, Image, Search
from face_classifier.pipeline.analysis.motion import Glance, reduced
from face_classifier.pipeline.analysis.tracker import Followed, Follower

_SIDE = 24  # pixels: the longer side of a face where it is compared with the one that was found
_ROOM = 7  # such pixels: how far a face may go from one frame to the next; OpenCV looks in more by a slower way
# Correlation with the face that was found, at least. Of two people in one place 1 to 2 in 10,000 look so alike in some
# place near it (LFW, either half of the people), fewer than pass the look test of `tracker`; from .8 on 13 to 27 do.
_ALIKE = 0.85

_Picture = npt.NDArray[np.uint8]  # (height, width), grey


@dataclass(frozen=True, eq=False)
class FoundFace:
    """A face as a search found it."""

    detection: Detection
    part: Box  # of it in the picture
    scale: float  # by which it is made smaller
    small: _Picture

    @classmethod
    def of(cls, image: Image, detection: Detection) -> FoundFace:
        part = _inside(detection.box, image)
        scale = min(1.0, _SIDE / max(part.width, part.height))
        size = max(1, round(part.width * scale)), max(1, round(part.height * scale))
        return cls(detection, part, scale, _small(image, part, size, scale))


class Match(NamedTuple):
    """Where a face is in a later picture."""

    alike: float  # correlation with the face that was found
    right: float  # pixels from where it was found
    down: float


class Carrier:
    """Carries the faces that a search found from frame to frame, by their looks. Used by one thread."""

    def __init__(self) -> None:
        self.detections: list[Detection] = []  # of the last frame
        self.is_found = True  # by a search, not carried
        self._image: Image | None = None  # that was searched last, as long as no frame came after it
        self._faces: list[FoundFace] = []  # in it
        self._shifts: list[tuple[float, float]] = []  # pixels right and down from there to the last frame

    def found(self, frame: Frame, detections: list[Detection]) -> None:
        """The faces of the next frame, which was searched."""
        self.detections, self.is_found, self._image = detections, True, frame.image

    def carry(self, frame: Frame) -> list[Detection] | None:
        """Those of the last frame where they are in the next one, in the same order; None = it must be searched.

        Their scores and qualities stay those of the search.
        """
        if self._image is not None:
            self._faces = [FoundFace.of(self._image, detection) for detection in self.detections]
            self._shifts, self._image = [(0.0, 0.0)] * len(self._faces), None
        shifts = []
        for face, before in zip(self._faces, self._shifts, strict=True):
            match = match_of(frame.image, face, before)
            if match is None or not match.alike >= _ALIKE:  # of a uniform picture it is no number
                return None
            shifts.append((match.right, match.down))
        moved = [
            face.detection.moved(round(right), round(down))
            for face, (right, down) in zip(self._faces, shifts, strict=True)
        ]
        if any(one.box.overlap(other.box) > 0 for one, other in combinations(moved, 2)):
            return None
        self._shifts, self.detections, self.is_found = shifts, moved, False
        return moved


def _inside(box: Box, image: Image) -> Box:
    """The part of a box that is in a picture; a pixel of it at least."""
    height, width = image.shape[:2]
    top, left = max(0, min(box.top, height - 1)), max(0, min(box.left, width - 1))
    return Box(top, max(left + 1, min(box.right, width)), max(top + 1, min(box.bottom, height)), left)


def _small(image: Image, part: Box, size: tuple[int, int], scale: float) -> _Picture:
    """A part of a BGR picture in grey, made smaller to ``size`` (width, height), by about ``scale``.

    Of large parts only each so many-th row and column is looked at, at least three for each of the small picture.
    """
    there = image[part.top : part.bottom, part.left : part.right]
    step = max(1, int(1 / (3 * scale)))
    if step > 1:
        fewer = max(1, part.width // step), max(1, part.height // step)
        there = np.asarray(cv2.resize(there, fewer, interpolation=cv2.INTER_NEAREST), np.uint8)
    return reduced(np.asarray(cv2.cvtColor(there, cv2.COLOR_BGR2GRAY), np.uint8), size)


def match_of(image: Image, face: FoundFace, before: tuple[float, float]) -> Match | None:
    """Where a picture is most like a face near its place in the last frame; None = it may be further away, or gone.

    ``before``: how far that place is from where it was found, in pixels right and down.
    """
    height, width = image.shape[:2]
    part, scale = face.part.moved(round(before[0]), round(before[1])), face.scale
    edges = part.left, part.top, width - part.right, height - part.bottom
    if min(edges) < 0:
        return None
    rooms = [min(_ROOM, int(edge * scale)) for edge in edges]
    left, top, right, bottom = (round(room / scale) for room in rooms)
    window = Box(part.top - top, part.right + right, part.bottom + bottom, part.left - left)
    down, across = face.small.shape
    size = across + rooms[0] + rooms[2], down + rooms[1] + rooms[3]
    alike = cv2.matchTemplate(_small(image, window, size, scale), face.small, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(alike)
    beside = x, y, alike.shape[1] - 1 - x, alike.shape[0] - 1 - y
    if any(room > 0 and not left for room, left in zip(rooms, beside, strict=True)):
        return None
    return Match(
        float(best),
        part.left - face.part.left + (_peak(alike[y], x) - rooms[0]) / scale,
        part.top - face.part.top + (_peak(alike[:, x], y) - rooms[1]) / scale,
    )


def _peak(values: npt.NDArray[np.float32], at: int) -> float:
    """Where the parabola through the greatest of some values and its neighbours is highest."""
    if not 0 < at < len(values) - 1:
        return float(at)
    before, here, after = (float(value) for value in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return at + 0.5 * (before - after) / bend if bend < 0 else float(at)


class Places:
    """Where the faces are in each frame of a source, and which track each belongs to. Used by one thread."""

    def __init__(
        self, follower: Follower, admits: Callable[[Detection, Frame], bool], search: Callable[[Frame], list[Detection]]
    ) -> None:
        """What it needs to know.

        Parameters
        ----------
        follower: joins those that count into tracks.
        admits: whether one counts.
        search: finds the faces of a frame.
        """
        self._follower, self._admits, self._search = follower, admits, search
        self._carrier = Carrier()

    def next(self, frame: Frame, glance: Glance, found: list[Detection] | None) -> tuple[list[Followed], list[Box]]:
        """The faces of the next frame that count, from left to right, and where those are that do not.

        ``found``: by a search; None = it was not searched.
        """
        if found is None:
            if faces := self._unsearched(frame, glance):
                return faces
            found = self._search(frame)
        self._carrier.found(frame, found)
        counted, others = self._parted(frame, found)
        return self._follower.follow(frame, counted, glance.shot), others

    def _unsearched(self, frame: Frame, glance: Glance) -> tuple[list[Followed], list[Box]] | None:
        last = self._carrier
        if glance.begins and not last.detections:
            return None  # somebody may have come
        detections = last.carry(frame) if glance.how is Search.CARRY else last.detections
        if detections is None:
            return None
        counted, others = self._parted(frame, detections)
        if last.is_found:
            return self._follower.follow(frame, counted, glance.shot), others
        faces = self._follower.carry(frame, counted, glance.shot)
        return None if faces is None else (faces, others)

    def _parted(self, frame: Frame, detections: Sequence[Detection]) -> tuple[list[Detection], list[Box]]:
        counted = [detection for detection in detections if self._admits(detection, frame)]
        return counted, [detection.box for detection in detections if detection not in counted]
