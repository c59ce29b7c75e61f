"""The table ``placed``: of which records all frames were placed."""

from __future__ import annotations

from collections.abc import Container

from face_classifier.gallery.folder.opened import ResultFolder

TRACK_MARK = "track"  # the highest number that a track was given


class Placed:
    """Names of records, and numbers. Raises UserError where the table cannot be used, DiskError if only for now."""

    def __init__(self, folder: ResultFolder) -> None:
        self._folder = folder

    def __contains__(self, record: object) -> bool:
        found = self._folder.table.execute("SELECT 1 FROM placed WHERE record = ?", (record,))
        return found.fetchone() is not None

    def add(self, record: str) -> None:
        """Remember a record, in what is done all or nothing."""
        self._folder.table.execute("INSERT OR IGNORE INTO placed VALUES (?)", (record,))

    def has_faces(self, fingerprint: str, earliest: float, latest: float, but: Container[int]) -> bool:
        """Whether the table knows faces between two positions (seconds) of a source, but for those with these ids."""
        statement = "SELECT id FROM faces WHERE fingerprint = ? AND position BETWEEN ? AND ?"
        found = self._folder.table.execute(statement, (fingerprint, earliest, latest))
        return any(face not in but for (face,) in found)

    def note_track(self, number: int) -> None:
        """Remember that tracks up to this number were begun, of which there may be nothing else."""
        notes = self._folder.notes
        with self._folder.table.together():
            notes.set_mark(TRACK_MARK, max(number, notes.mark(TRACK_MARK)))
