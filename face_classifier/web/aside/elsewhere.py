"""Faces that may be somebody else's than whose they are: worked out aside, together for each whose they may be."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Log
from face_classifier.curate.questions.audit import nearer_elsewhere
from face_classifier.gallery.reading.cards import FaceCard, PersonCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.aside.aside import Aside

logger = logging.getLogger(__name__)

_MOST = 200  # faces of one group: more than anybody looks through at a time


@dataclass(frozen=True)
class MayBeTheirs:
    """Faces of others that look like one person."""

    person: PersonCard
    faces: Sequence[FaceCard]  # the farthest from whose they are come first


class Elsewhere:
    """Such faces of a result folder. Threads may share it."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """``settings``: name the folder."""
        self._settings = settings
        self._found: Aside[int, Sequence[tuple[int, str | None, str | None]]] = Aside("elsewhere", self._make)

    def now(self, catalogue: Catalogue, patience: float) -> Sequence[MayBeTheirs] | None:
        """Those that are still whose they were and that the user did not place meanwhile, the largest group first.

        None: they are still to be worked out. Raises UserError where the folder is of no use. ``patience``: seconds to
        wait for what is of now, rather than of a while ago.
        """
        done = self._found.get(catalogue.revision, patience)
        if done is None:
            return None
        groups: dict[str, list[FaceCard]] = {}
        for face, own, other in done.made:
            card = catalogue.face(face)
            if other is not None and card is not None and card.person == own and not card.corrected:
                groups.setdefault(other, []).append(card)
        shown = [
            MayBeTheirs(person, faces[:_MOST]) for name, faces in groups.items() if (person := catalogue.person(name))
        ]
        return sorted(shown, key=lambda group: -len(group.faces))

    def _make(self, _revision: int) -> Sequence[tuple[int, str | None, str | None]]:
        """Faces (ids), whose each is, and to whom it is nearer."""
        found = nearer_elsewhere(self._settings(), Log(logger))
        return [(outlier.face.id, outlier.face.person, outlier.nearest) for outlier in found]
