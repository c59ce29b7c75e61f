"""Second thoughts are carried out: faces that are still as they were thought of are moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from face_classifier.core.types import Sighting
from face_classifier.gallery.past.journal import SECOND_THOUGHTS
from face_classifier.gallery.store import FoldersChangedError, Store
from face_classifier.gallery.thoughts.question import Answer, before_of
from face_classifier.identity.rethink import Move

MOST = 50  # faces that are moved before others have a turn, if they are to


class Moved(NamedTuple):
    """A face that second thoughts moved."""

    face: Sighting  # as it is now
    before: str | None  # whose it was; None = unknown
    new: bool  # the person was made for it


def carry_out(moves: Iterable[Move], store: Store) -> list[Sighting]:
    """Move faces as second thoughts say; returns those that were moved. What the user is moving meanwhile is left."""
    moved: list[Sighting] = []
    with store.past.entry(SECOND_THOUGHTS):
        for move in moves:
            try:
                moved += store.move(move.faces, move.person, new=move.new)
            except FoldersChangedError:
                continue
    return moved


def carried_out(
    answer: Answer, store: Store, now: Callable[[int], Sighting | None], most: int
) -> Iterator[list[Moved]]:
    """Carry out an answer that may be older, step by step; yields the faces of each step.

    A move one of whose faces is not as it was is left to later thoughts, and so is one that the user is just moving.

    Parameters
    ----------
    answer: to the question of this store.
    store: that is written.
    now: how a face (id) is now; None if it is gone.
    most: faces of a step.
    """
    for move in answer.moves:
        target, is_new = move.person, move.new
        for first in range(0, len(move.faces), most):
            faces = move.faces[first : first + most]
            before = [now(face) for face in faces]
            if any(face is None or before_of(face) != answer.before[face.id] for face in before):
                break
            moved = carry_out([Move(tuple(faces), target, new=is_new)], store)
            yield [Moved(face, answer.before[face.id].person, move.new) for face in moved]
            if not moved:
                break
            target, is_new = moved[0].person, False
