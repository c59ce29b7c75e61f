"""What is analysed of what a camera sees: its masks, its zones, the least size of a face, its hours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

import cv2
import numpy as np

from face_classifier.core.schedule import Schedule
from face_classifier.core.types import Box, Detection, Frame, Image

Polygon = Sequence[tuple[float, float]]  # corners: x, y as fractions of the width and the height of a picture


class View:
    """What counts of the pictures of one source; any thread may use it."""

    everything: ClassVar[View]  # nothing is left out

    def __init__(
        self,
        zones: Mapping[str, Polygon] | None = None,
        *,
        only: Collection[str] = (),
        ignore: Collection[str] = (),
        masks: Iterable[Polygon] = (),
        min_face: float = 0,
        hours: Iterable[str] = (),
        days: Collection[str] = (),
    ) -> None:
        """What counts.

        Parameters
        ----------
        zones: parts of the picture, by name.
        only: names of zones; faces elsewhere do not count. None: faces anywhere do.
        ignore: names of zones in which faces do not count, also where a zone of ``only`` lies over them.
        masks: parts of the picture that nobody is to see.
        min_face: pixels of the analysed picture; faces whose box is less high do not count.
        hours, days: when anything does at all, as of `Schedule`. None: always.

        Raises
        ------
        ValueError: hours or days are none.
        """
        self._zones = {name: np.array(zone, np.float32) for name, zone in (zones or {}).items()}
        self._only, self._ignore = frozenset(only), frozenset(ignore)
        self._masks = [np.array(mask, np.float64) for mask in masks]
        self._min_face = min_face
        self._schedule = Schedule(hours, days)

    def prepare(self, frame: Frame) -> Frame:
        """A frame as it may be analysed, stored, shown and sent: black where a mask lies, also in its main picture."""
        if not self._masks:
            return frame
        main = None if frame.main is None else self._masked(frame.main)
        return replace(frame, image=self._masked(frame.image), main=main)

    def _masked(self, image: Image) -> Image:
        """A copy of a picture with the masks on it. A pixel that a mask touches is black."""
        height, width = image.shape[:2]
        covered = image.copy()
        for mask in self._masks:
            cv2.fillPoly(covered, [np.rint(mask * (width, height)).astype(np.int32)], (0, 0, 0))
        return covered

    def admits(self, detection: Detection, frame: Frame) -> bool:
        """Whether a face in a frame counts: by its height, and by the zones in which the centre of its box lies."""
        box = detection.box
        if box.height < self._min_face:
            return False
        if not (self._only or self._ignore):
            return True
        zones = self.zones_of(box, frame)
        return self._ignore.isdisjoint(zones) and not (self._only and self._only.isdisjoint(zones))

    def zones_of(self, box: Box, frame: Frame) -> tuple[str, ...]:
        """The zones, in the order in which they were given, in which the centre of a box lies.

        ``box``: in pixels of the frame's image. It is the centre of the face that counts, since the people who draw a
        zone see faces there, and whether a body is in the picture is not known.
        """
        if not self._zones:  # frames of records have no image
            return ()
        height, width = frame.image.shape[:2]
        centre = (box.left + box.right) / 2 / width, (box.top + box.bottom) / 2 / height
        return tuple(name for name, zone in self._zones.items() if cv2.pointPolygonTest(zone, centre, False) >= 0)

    def is_open(self, now: datetime) -> bool:
        """Whether anything counts at a time, which is aware."""
        return self._schedule.holds(now)


View.everything = View()
