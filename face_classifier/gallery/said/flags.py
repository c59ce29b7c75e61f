"""What the user marks: people who are hidden, pictures that stand for them, tracks that were looked through.

It says nothing of whose a face is, so it is no entry of the journal; each mark is taken back by its opposite.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.table.file import Table

HIDDEN, COVER = "hidden", "cover"  # kinds of flags


class Flags:
    """The marks of an open result folder. Raises DiskError, having changed nothing.

    A person is hidden while it has a face with that flag. Faces that are moved, but with their whole folder, lose
    theirs: see `past.journal`.
    """

    def __init__(self, folder: ResultFolder) -> None:
        self._folder = folder

    @property
    def _table(self) -> Table:
        return self._folder.table

    def hide(self, person: Iterable[int], *, hidden: bool) -> None:
        """Hide the person whose faces (ids) are told, or show it again."""
        self._set(HIDDEN, person if hidden else (), person)

    def cover(self, person: Iterable[int], face: int) -> None:
        """One of a person's faces (ids) is its picture from now on."""
        self._set(COVER, [face], person)

    def _set(self, kind: str, faces: Iterable[int], instead_of: Iterable[int]) -> None:
        with self._table.together():
            for face in instead_of:
                self._table.execute("DELETE FROM flags WHERE face = ? AND kind = ?", (face, kind))
            for face in faces:
                self._table.execute("INSERT OR IGNORE INTO flags (kind, face) VALUES (?, ?)", (kind, face))

    def flagged(self, kind: str) -> set[int]:
        """The faces (ids) with a flag."""
        return {face for (face,) in self._table.execute("SELECT face FROM flags WHERE kind = ?", (kind,))}

    def review(self, tracks: Collection[int], *, reviewed: bool) -> int:
        """These tracks were looked through, or are to be again; returns of how many that is new."""
        change = "INSERT OR IGNORE INTO reviewed VALUES (?)" if reviewed else "DELETE FROM reviewed WHERE track = ?"
        with self._table.together():
            return sum(self._table.execute(change, (track,)).rowcount for track in tracks)

    def reviewed(self) -> set[int]:
        """The tracks that were looked through."""
        return {track for (track,) in self._table.execute("SELECT track FROM reviewed")}
