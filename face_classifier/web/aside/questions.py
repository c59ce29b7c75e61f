"""What the user may be asked about people: worked out aside for a revision, and asked as far as it still holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Log
from face_classifier.curate.questions.audit import nearer_elsewhere
from face_classifier.curate.questions.splits import APART, ONE_FRAME, SAID, Split
from face_classifier.curate.questions.suggest import Evidence, asked_of, typical
from face_classifier.gallery.reading.catalogue import Catalogue, kept_apart
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.web.aside.apart import Apart, size_of
from face_classifier.web.aside.aside import Aside
from face_classifier.web.aside.elsewhere import MayBeTheirs, Nearer, may_be_theirs

logger = logging.getLogger(__name__)

FEW = 1000  # faces that are compared in this process, in a quarter of a second
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


@dataclass(frozen=True)
class Compared:
    """What comes of comparing everybody with everybody, once for all that it is asked for."""

    questions: Questions
    nearer: Sequence[Nearer]


class Asking:
    """The questions of a result folder. Threads may share it."""

    def __init__(self, settings: Callable[[], Settings], apart: Apart) -> None:
        """``settings``: name the folder; ``apart``: where large ones are compared."""
        self._settings, self._apart = settings, apart
        self._compared: Aside[_Key, Compared] = Aside("questions", self._make)

    def now(self, catalogue: Catalogue, patience: float) -> Questions | None:
        """What may be asked now; None: it is still to be worked out. Raises UserError where the folder is of no use.

        ``patience``: seconds to wait for what is of now, rather than of a while ago.
        """
        done = self._compared.get(_Key.of(catalogue), patience)
        return done.made.questions.standing(catalogue) if done else None

    def elsewhere(self, catalogue: Catalogue, patience: float) -> Sequence[MayBeTheirs] | None:
        """As `now`, the faces that may be somebody else's than whose they are."""
        done = self._compared.get(_Key.of(catalogue), patience)
        return may_be_theirs(done.made.nearer, catalogue) if done else None

    def end(self) -> None:
        """Nothing is compared any more."""
        self._compared.end()

    def _make(self, key: _Key) -> Compared:
        settings = self._settings()
        return compared(settings) if key.faces <= FEW else self._apart.do(compared, settings)


@dataclass(frozen=True)
class _Key:
    revision: int
    faces: int = field(compare=False)

    @classmethod
    def of(cls, catalogue: Catalogue) -> _Key:
        return cls(catalogue.revision, size_of(catalogue))


def compared(settings: Settings) -> Compared:
    """Compare everybody of a result folder. Works while another process runs. Raises UserError."""
    snapshot = take_snapshot(settings, Log(logger))
    found = asked_of(snapshot)
    questions = Questions(
        [_one(evidence) for evidence in found.ones[:_MOST]], [_two(two) for two in found.twos[:_MOST]]
    )
    nearer = [
        Nearer(outlier.face.id, outlier.face.person, outlier.nearest)
        for outlier in nearer_elsewhere(snapshot)
        if outlier.nearest is not None
    ]
    return Compared(questions, nearer)


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
