"""The groups of unknown faces, worked out aside when there are others; what was named meanwhile is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from face_classifier.core.config.settings import Settings
from face_classifier.curate.questions.groups import UnknownFaces, unknown_faces
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.identity.profiles import of_gallery
from face_classifier.identity.rules import profile_of, rule_of
from face_classifier.web.aside.apart import Apart
from face_classifier.web.aside.aside import Aside

FEW = 5000  # faces that are grouped in this process, in a quarter of a second


@dataclass(frozen=True)
class _Key:
    """Unknown faces: as long as it is equal, so are the groups."""

    faces: bytes  # ids of those that are asked about
    said: int  # how much the user said of who is not whom
    catalogue: Catalogue = field(compare=False)


class Unknown:
    """The groups of unknown faces of a result folder. Threads may share it."""

    def __init__(self, settings: Callable[[], Settings], apart: Apart) -> None:
        """``settings``: how to decide; ``apart``: where many are grouped."""
        self._settings, self._apart = settings, apart
        self._groups: Aside[_Key, UnknownFaces] = Aside("unknown faces", self._make)

    def now(self, catalogue: Catalogue, patience: float) -> UnknownFaces | None:
        """The groups of the faces that are unknown now; None: they are still to be worked out.

        ``patience``: seconds to wait for groups of now, rather than what is left of those of a while ago. Raises
        UserError where the folder has encodings of several encoders.
        """
        faces = catalogue.faces(None)
        asked = faces.ids[~faces.pinned]
        done = self._groups.get(_Key(asked.tobytes(), len(catalogue.not_person), catalogue), patience)
        return done.made.among(set(asked.tolist())) if done else None

    def _make(self, key: _Key) -> UnknownFaces:
        catalogue, settings = key.catalogue, self._settings()
        if own := of_gallery(catalogue.spaces):
            settings = replace(settings, encoder=own.encoder)
        faces = catalogue.faces(None)
        given = faces, catalogue.cannot_links(), catalogue.not_person, rule_of(settings), profile_of(settings)
        return unknown_faces(*given) if len(faces) <= FEW else self._apart.do(unknown_faces, *given)

    def end(self) -> None:
        """Nothing is grouped any more."""
        self._groups.end()
