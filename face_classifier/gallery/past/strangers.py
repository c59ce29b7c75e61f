"""How many strangers passed of whom nothing else is kept, by source and day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from face_classifier.core import names
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.table import checked


class Day(NamedTuple):
    """A day of a source."""

    source: str  # path as given, or a camera's name
    fingerprint: str | None  # of the source's content; None for live sources
    day: str  # ISO 8601, local


class Strangers:
    """The counts of an open result folder."""

    def __init__(self, folder: ResultFolder, until_done: Callable[[Callable[[], Any]], Any]) -> None:
        self._folder, self._until_done = folder, until_done

    def add(self, more: Mapping[Day, int]) -> None:
        """Count so many more, durably. Raises DiskError."""
        self._until_done(lambda: self._add(more))

    def _add(self, more: Mapping[Day, int]) -> None:
        table = self._folder.table
        with table.together():
            for (source, fingerprint, day), number in more.items():
                table.execute(
                    "INSERT INTO strangers VALUES (?, ?, ?, max(0, ?)) ON CONFLICT (source, fingerprint, day) "
                    "DO UPDATE SET number = max(0, number + ?)",
                    (names.stored(source), fingerprint or "", day, number, number),
                )

    def begin_anew(self, fingerprint: str) -> None:
        """A source is run from its start, so that what was counted in it before is counted again. Raises DiskError."""
        self._until_done(
            lambda: self._folder.table.execute("DELETE FROM strangers WHERE fingerprint = ?", (fingerprint,))
        )

    def counts(self) -> dict[Day, int]:
        """How many passed, in the order of days and sources."""
        columns, clause = "source, fingerprint, day, number", "WHERE number > 0 ORDER BY day, source"
        found = checked.read(self._folder.table, "strangers", columns, clause)
        return {
            Day(names.restored(source), fingerprint or None, day): number for source, fingerprint, day, number in found
        }
