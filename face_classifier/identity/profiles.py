"""The numbers that hold for the encodings of one encoder, and of no other."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from face_classifier.core.errors import UserError
from face_classifier.core.types import DLIB_SPACE
from face_classifier.identity.grouping.rule import DLIB, SFACE, Rule
from face_classifier.identity.matching.crowd import among
from face_classifier.vision.sface import SFaceEncoder


@dataclass(frozen=True)
class EncoderProfile:
    """An encoder's space. All limits are L2 between its encodings; `benchmarks/identity.md` tells how they were found.

    Encodings of two spaces are never compared.
    """

    name: str  # as in ``Provenance``
    encoder: str  # what the user calls its encoder
    threshold: float  # of ``PersonDB``, where the user wishes no other
    # By how much it falls with ten times as many people, from a hundred on: from Gaussian tails, fitted to where 1 in
    # 100 to 1 in 10,000 faces are as near to another person, on half of the people in data/lfw (a share of .109 of the
    # threshold, SFace: .037). The other half asks for less, .083 and .029; `benchmarks/matching.py`.
    tightening: float
    spread: float  # of ``PersonDB``
    # To the mean of pictures of which the user says that they show one person. Of 866 of 84 people in LFW 2 (SFace: 1)
    # are farther, at dlib's threshold 15; of those of a second person who is in 1, 3 or 5 of 10 pictures 2 of 248, 6 of
    # 744 and 10 of 1,240 are nearer (SFace: 0, 6, 0); at a limit a tenth greater 11, 66 and 75 (15, 101, 175).
    gathered: float
    anew: float  # of a face encoded from its frame to the same encoded from the picture cut out of it
    rule: Rule  # of second thoughts
    lengths: tuple[float, float]  # of its encodings, least and greatest; farther off something else was stored
    # Of two photos, by logistic regression on all pairs in data/lfw, for SFace with asian_kpop15 weighing as much:
    # `benchmarks/likeness.py`. dlib's of East-Asian faces need others, which no single curve reconciles with these.
    as_likely: float  # where one person is as likely as two
    steepness: float  # of the log odds, for each unit of distance

    def likeness(self, distance: float) -> float:
        """The probability (0 to 1) that two photos at a distance show one person, if that was as likely as not before.

        For several photos of a person: their root mean square distance.
        """
        return 1 / (1 + math.exp(self.steepness * (distance - self.as_likely)))

    def threshold_for(self, people: int) -> float:
        """The threshold among so many people, where the user wishes no other."""
        return among(self.threshold, self.tightening, people)

    def fault(self, length: float) -> str | None:
        """Why an encoding of that length (L2) cannot be one of this encoder's."""
        least, most = self.lengths
        if least <= length <= most:
            return None
        return f"its encoding is {length:.3g} long, those of {self.encoder} are {least:g} to {most:g}"


_ALL = (
    EncoderProfile(
        DLIB_SPACE,
        "dlib",
        threshold=DLIB.track,
        tightening=0.109 * DLIB.track,
        spread=0.5,
        gathered=0.53,
        anew=0.60,
        rule=DLIB,
        lengths=(1.0, 2.0),
        as_likely=0.603,
        steepness=50.1,
    ),
    EncoderProfile(
        SFaceEncoder.space,
        "sface",
        threshold=SFACE.track,
        tightening=0.037 * SFACE.track,
        spread=0.5,
        gathered=0.46,
        anew=0.4906,
        rule=SFACE,
        lengths=(0.4455, 0.4465),
        as_likely=0.5107,
        steepness=56.3,
    ),
)
PROFILES = {space.name: space for space in _ALL}
BY_ENCODER = {space.encoder: space for space in _ALL}


def of_gallery(names: Collection[str]) -> EncoderProfile | None:
    """The space that a gallery belongs to; None if it has no encodings yet.

    ``names``: of the spaces of its encodings. Raises UserError if there are several, or one that is not known here.
    """
    if len(names) > 1 or not PROFILES.keys() >= set(names):
        raise UserError(
            f"the result folder has encodings of {', '.join(sorted(names))}, which cannot be compared; "
            "run `face-classifier reencode --encoder sface` on it"
        )
    return next((PROFILES[name] for name in names), None)
