"""Faces that may be somebody else's than whose they are, together for each whose they may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from face_classifier.gallery.reading.cards import FaceCard, PersonCard
from face_classifier.gallery.reading.catalogue import Catalogue

_MOST = 200  # faces of one group: more than anybody looks through at a time


class Nearer(NamedTuple):
    """A face that is nearer to somebody else."""

    face: int
    person: str | None  # whose it was when it was compared
    other: str  # to whom it is nearer


@dataclass(frozen=True)
class MayBeTheirs:
    """Faces of others that look like one person."""

    person: PersonCard
    faces: Sequence[FaceCard]  # the farthest from whose they are come first


def may_be_theirs(nearer: Iterable[Nearer], catalogue: Catalogue) -> Sequence[MayBeTheirs]:
    """Those that are still whose they were and that the user did not place meanwhile, the largest group first."""
    groups: dict[str, list[FaceCard]] = {}
    for found in nearer:
        card = catalogue.face(found.face)
        if card is not None and card.person == found.person and not card.corrected:
            groups.setdefault(found.other, []).append(card)
    shown = [MayBeTheirs(person, faces[:_MOST]) for name, faces in groups.items() if (person := catalogue.person(name))]
    return sorted(shown, key=lambda group: -len(group.faces))
