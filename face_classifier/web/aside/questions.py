"""What the user may be asked about people: worked out aside for a revision, and asked as far as it still holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Log
from face_classifier.curate.questions.splits import APART, ONE_FRAME, SAID, Split
from face_classifier.curate.questions.suggest import Evidence, suggestions, typical
from face_classifier.gallery.reading.catalogue import Catalogue, kept_apart
from face_classifier.web.aside.aside import Aside

logger = logging.getLogger(__name__)

PAIRS = 3  # of faces a question
_MOST = 300  # questions of either kind: more than anybody answers at a time
_WHY = {ONE_FRAME: "frame", SAID: "said", APART: "apart"}


@dataclass(frozen=True)
class MayBeOne:
    """Two people who may be one."""

    one: str
    other: str
    distance: float  # L2
    margin: float  # how far below the limit, L2; negative: above
    pairs: Sequence[tuple[int, int, float]]  # the nearest faces (ids) of the one and the other, and their L2

    @property
    def key(self) -> str:
        """The same two people have the same, in whatever order."""
        return _key(*sorted((self.one, self.other)))


@dataclass(frozen=True)
class MayBeTwo:
    """A person who may be two."""

    person: str
    stay: Sequence[int]  # typical faces (ids) of who stays
    go: Sequence[int]  # typical ones of who would go
    counts: tuple[int, int]  # of the faces of both
    movable: Sequence[int]  # faces (ids) that would go
    whole: Sequence[int]  # faces (ids) of both
    distance: float  # L2 between both
    why: str  # frame, said, apart or thought

    @property
    def key(self) -> str:
        """The same person has the same."""
        return _key(self.person)


@dataclass(frozen=True)
class Questions:
    """What may be asked, the most likely first."""

    ones: Sequence[MayBeOne] = ()
    twos: Sequence[MayBeTwo] = ()

    def standing(self, catalogue: Catalogue) -> Questions:
        """Those that nobody has answered since they were worked out."""
        answered = {frozenset(pair) for pair in kept_apart(catalogue)}
        ones = [
            question
            for question in self.ones
            if frozenset((question.one, question.other)) not in answered
            and all(
                _is_of(one, question.one, catalogue) and _is_of(other, question.other, catalogue)
                for one, other, _ in question.pairs
            )
        ]
        return Questions(ones, [question for question in self.twos if _is_open(question, catalogue)])


def _is_of(face: int, person: str, catalogue: Catalogue) -> bool:
    card = catalogue.face(face)
    return card is not None and card.person == person


def _is_open(question: MayBeTwo, catalogue: Catalogue) -> bool:
    cards = [catalogue.face(face) for face in question.movable]
    return all(card is not None and card.person == question.person and not card.corrected for card in cards)


def _key(*names: str) -> str:
    return sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Asking:
    """The questions of a result folder. Threads may share it."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """``settings``: name the folder."""
        self._settings = settings
        self._questions: Aside[int, Questions] = Aside("questions", self._make)

    def now(self, catalogue: Catalogue, patience: float) -> Questions | None:
        """What may be asked now; None: it is still to be worked out. Raises UserError where the folder is of no use.

        ``patience``: seconds to wait for what is of now, rather than of a while ago.
        """
        done = self._questions.get(catalogue.revision, patience)
        return done.made.standing(catalogue) if done else None

    def _make(self, _revision: int) -> Questions:
        found = suggestions(self._settings(), Log(logger))
        return Questions([_one(evidence) for evidence in found.ones[:_MOST]], [_two(two) for two in found.twos[:_MOST]])


def _one(evidence: Evidence) -> MayBeOne:
    asked = evidence.suggestion
    pairs = [(pair.one.id, pair.other.id, pair.distance) for pair in evidence.pairs[:PAIRS]]
    return MayBeOne(asked.one, asked.other, asked.distance, asked.margin, pairs)


def _two(split: Split) -> MayBeTwo:
    stay, go = ([face.id for face in typical(group)][:PAIRS] for group in split.groups)
    whole = [face.id for group in split.groups for face in group]
    return MayBeTwo(
        split.person,
        stay,
        go,
        (len(split.groups[0]), len(split.groups[1])),
        [face.id for face in split.movable],
        whole,
        split.distance,
        _WHY.get(split.why, "thought"),
    )
