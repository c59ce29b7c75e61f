"""What second thoughts are asked, and what they answer: computed from a table that somebody may write meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Encoding, Sighting
from face_classifier.gallery.table.file import Table
from face_classifier.gallery.table.notes import Notes
from face_classifier.gallery.table.whereabouts import Whereabouts
from face_classifier.identity.considered import Considered, considered
from face_classifier.identity.rethink import Move, rethink
from face_classifier.identity.rules import empty_people, rule_of


class Stamp(NamedTuple):
    """All that an answer depends on: while it is the same, so is the answer."""

    faces: int  # counts what was written of them
    cannot_links: int  # counts the pairs that were added
    words: tuple[tuple[tuple[int, int], ...], int]  # pairs of faces (ids) kept apart; how many pictures are excluded


class Before(NamedTuple):
    """Whose a face was when it was thought of; all of it stays the same if the face may be moved."""

    person: str | None
    track: int | None
    pinned: bool
    corrected: bool


@dataclass(frozen=True)
class Answer:
    """What is to be moved, in this order, and how the faces (ids) of it were."""

    stamp: Stamp  # of the question
    moves: Sequence[Move]
    before: Mapping[int, Before]


@dataclass(frozen=True)
class Question:
    """A gallery to think of, but for its faces, which are read when it is answered."""

    settings: Settings
    folders: Collection[str]  # in which faces count
    hidden: Collection[int]  # ids of faces whose pictures could not be seen
    excluded: Sequence[tuple[str, Encoding]]  # (person, encoding) of each picture that is not that person
    stamp: Stamp

    def answer(self, table: Table, check: Callable[[], None] = lambda: None) -> Answer:
        """Think.

        Parameters
        ----------
        table: of the gallery.
        check: is called again and again while faces are read, and raises whatever is to end it.

        Raises
        ------
        UserError: the table cannot be used.
        """
        faces = considered(_checked(Whereabouts(table).considered(self.folders, self.hidden), check))
        cannot_links = Notes(table).pairs()
        kept_apart = kept_apart_pairs(self.settings, faces, self.stamp.words[0], self.excluded)
        check()
        moves = rethink(faces, cannot_links, kept_apart, rule_of(self.settings)).moves
        going = [face for move in moves for face in move.faces]
        return Answer(self.stamp, moves, dict(zip(going, _before(faces, going), strict=True)))


def _checked(faces: Iterable[Sighting], check: Callable[[], None]) -> Iterator[Sighting]:
    for number, face in enumerate(faces):
        if number % 1000 == 0:
            check()
        yield face


def _before(faces: Considered, going: Sequence[int]) -> Iterator[Before]:
    """How the faces with these ids are."""
    labels = faces.labels[faces.places_of(np.array(going, np.int64))]
    names = [*labels.names, None]
    columns = (column.tolist() for column in (labels.person, labels.track, labels.pinned, labels.corrected))
    for person, track, pinned, corrected in zip(*columns, strict=True):
        yield Before(names[person], track or None, pinned, corrected)


def before_of(face: Sighting) -> Before:
    return Before(face.person, face.track, face.pinned, face.corrected)


def kept_apart_pairs(
    settings: Settings,
    faces: Considered,
    words: Sequence[tuple[int, int]],
    excluded: Sequence[tuple[str, Encoding]],
) -> Sequence[tuple[int, int]]:
    """Pairs of ids of faces that are two people by the user's word: said so, or like a picture that was excluded."""
    if not excluded:
        return words
    people = empty_people(settings)
    people.add_columns(faces.labels)
    for person, encoding in excluded:
        people.exclude(person, encoding)
    return [*words, *people.excluded_pairs(faces.labels)]
