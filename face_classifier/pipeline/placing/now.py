"""Faces as they are labelled now, read once for as long as nothing is written of them."""

from __future__ import annotations

from face_classifier.core.types import Sighting
from face_classifier.gallery.folder.faces import FacesNow
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.store import Kept


class FacesRead:
    """Faces of a gallery, each read once for as long as it cannot have changed."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._read: dict[int, Sighting | None] = {}
        self._of: FacesNow | None = None  # what they were read from,
        self._then = False, -1  # whether in what is done all or nothing, and how much was written by then

    def face(self, face: int) -> Sighting | None:
        """As `Gallery.face_now`."""
        self._forget_former()
        if face not in self._read:
            self._read[face] = self._gallery.face_now(face)
        return self._read[face]

    def take(self, kept: Kept) -> None:
        """A face whose picture was just kept need not be read."""
        if kept.new:
            self._forget_former()
            self._read[kept.sightings[0].id] = kept.sightings[0]

    def _forget_former(self) -> None:
        """Forget what was read before something was written.

        In what is done all or nothing that is something of a face that was there: of the rest no face comes of itself.
        """
        faces, is_whole = self._gallery.faces, self._gallery.store.is_whole
        now = is_whole, faces.changes if is_whole else faces.writes
        if self._of is not faces or self._then != now:
            self._of, self._then, self._read = faces, now, {}
