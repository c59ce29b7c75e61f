"""Counts the strangers of one source of whom nothing else is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from face_classifier.core.types import Frame
from face_classifier.gallery.past.strangers import Day, Strangers
from face_classifier.pipeline.placing.latest import in_view


class StrangerCount:
    """Each track counts once, on the local day on which it began; one that turns out to be somebody no longer counts.

    Who comes again is counted again, since nothing is kept by which they would be known. Of a file that is run again it
    is the later run that counts.
    """

    def __init__(self, strangers: Strangers) -> None:
        self._strangers = strangers
        self._counted: dict[int | None, Day] = {}  # by track
        self._unsaved: Counter[Day] = Counter()
        self._anew: str | None = None  # the source that is to begin anew
        self._has_begun = False

    def count(self, frame: Frame, placed: Iterable[tuple[int | None, bool]]) -> None:
        """Count faces that were placed in a frame.

        ``placed``: the gallery's track of each, None where it is by itself, and whether it is somebody.
        """
        if not self._has_begun:
            self._has_begun, self._anew = True, frame.fingerprint
        day = Day(frame.source, frame.fingerprint, frame.time.astimezone().date().isoformat())
        placed = list(placed)
        for track, is_somebody in placed:
            if is_somebody and track in self._counted:
                self._unsaved[self._counted.pop(track)] -= 1
            elif not is_somebody and track not in self._counted:
                self._unsaved[day] += 1
                if track is not None:
                    self._counted[track] = day
        self._counted = in_view(self._counted, [track for track, _ in placed])

    def __bool__(self) -> bool:
        """Whether there is something to save."""
        return self._anew is not None or any(self._unsaved.values())

    def save(self) -> None:
        """Write what changed. Raises DiskError; then call it again later."""
        if self._anew is not None:
            self._strangers.begin_anew(self._anew)
            self._anew = None
        if any(self._unsaved.values()):
            self._strangers.add(self._unsaved)
            self._unsaved.clear()
