"""Faces by their ids, whatever folder they lie in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from face_classifier.gallery.reading.folder_faces import FolderFaces


class Lookup:
    """All ids, rising, and of each the folder that has it. It never changes."""

    def __init__(self, folders: Iterable[FolderFaces]) -> None:
        self._folders: Sequence[FolderFaces] = list(folders)
        parts = [faces.ids for faces in self._folders] or [np.empty(0, np.int64)]
        ids, numbers = np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        order = np.argsort(ids, kind="stable")
        self._ids, self._numbers = ids[order], numbers[order]

    def find(self, face: int) -> tuple[FolderFaces, int] | None:
        """The columns that have a face, and its place in them; None: it is in no folder."""
        place = int(np.searchsorted(self._ids, face))
        if place == len(self._ids) or self._ids[place] != face:
            return None
        faces = self._folders[self._numbers[place]]
        return faces, int(np.searchsorted(faces.ids, face))

    def folder_of(self, face: int) -> str | None:
        """The folder in which a face lies."""
        found = self.find(face)
        return found and found[0].folder

    def folders_of(self, faces: Collection[int]) -> set[str]:
        """The folders in which some faces lie."""
        there = np.isin(self._ids, np.fromiter(faces, np.int64, len(faces)))
        return {self._folders[number].folder for number in np.unique(self._numbers[there])}
