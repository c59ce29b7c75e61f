"""Faces as they are labelled now, read once for as long as nothing is written of them."""

from __future__ import annotations

from collections.abc import Mapping

from face_classifier.core.types import Sighting
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.store import Kept


class FacesRead:
    """Faces of a gallery that were read in what is done all or nothing, since nobody else writes meanwhile."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._read: dict[int, Sighting | None] = {}
        self._of: Mapping[int, Sighting] | None = None  # what they were read from,
        self._changes = -1  # and how much was written of it by then

    def face(self, face: int) -> Sighting | None:
        """As `Gallery.face_now`."""
        if not self._is_current():
            return self._gallery.face_now(face)
        if face not in self._read:
            self._read[face] = self._gallery.face_now(face)
        return self._read[face]

    def take(self, kept: Kept) -> None:
        """A face whose picture was just kept need not be read."""
        if kept.new and self._is_current():
            self._read[kept.sightings[0].id] = kept.sightings[0]

    def _is_current(self) -> bool:
        """Whether what is read may be remembered; what was read before something was written is forgotten."""
        faces = self._gallery.faces
        if self._of is not faces or self._changes != faces.changes:
            self._of, self._changes, self._read = faces, faces.changes, {}
        return self._gallery.store.is_whole
