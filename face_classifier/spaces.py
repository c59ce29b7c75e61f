"""The numbers that hold for the encodings of one encoder, and of no other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from face_classifier import cluster
from face_classifier.encode import DLIB_SPACE
from face_classifier.errors import UserError
from face_classifier.sface import SFaceEncoder


@dataclass(frozen=True)
class Space:
    """An encoder's space. All limits are L2 between its encodings; `benchmarks/identity.md` tells how they were found.

    Encodings of two spaces are never compared.
    """

    name: str  # as in ``Provenance``
    encoder: str  # what the user calls its encoder
    threshold: float  # of ``PersonDB``, where the user wishes no other
    spread: float  # of ``PersonDB``
    same_track: float  # to the mean or the last face of a track: looser, since place and look agree
    rule: cluster.Rule  # of second thoughts


_ALL = (
    Space(DLIB_SPACE, "dlib", threshold=0.46, spread=0.5, same_track=0.60, rule=cluster.DLIB),
    Space(SFaceEncoder.space, "sface", threshold=1.03, spread=0.5, same_track=1.1, rule=cluster.SFACE),
)
SPACES = {space.name: space for space in _ALL}
BY_ENCODER = {space.encoder: space for space in _ALL}


def of_gallery(names: Collection[str], encoder: str) -> Space:
    """The space that a gallery belongs to; that of ``encoder`` if it has no encodings yet.

    ``names``: of the spaces of its encodings. Raises UserError if there are several, or one that is not known here.
    """
    if len(names) > 1 or not SPACES.keys() >= set(names):
        raise UserError(
            f"the result folder has encodings of {', '.join(sorted(names))}, which cannot be compared; "
            "run `face-classifier reencode --encoder dlib` on it"
        )
    return next((SPACES[name] for name in names), BY_ENCODER[encoder])
