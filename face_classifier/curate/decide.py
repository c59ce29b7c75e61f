"""Whose faces are moved, and why: second thoughts, two people who are one, two people who are two."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.settings import Settings
from face_classifier.core.types import Sighting
from face_classifier.gallery.snapshot import carry_out, opened
from face_classifier.identity.naming import is_named
from face_classifier.identity.rethink import rethink
from face_classifier.identity.rules import rule_of


class Change(NamedTuple):
    """A face that is someone else's than before."""

    face: Sighting  # before
    person: str | None  # after; None = unknown
    found: bool  # a new person, who gets a name only when it is not a dry run

    def record(self) -> dict[str, Any]:
        """As JSON; ``then``: null = unknown, or a new person without a name yet where it is ``new``."""
        return {"face": self.face.face, "person": self.face.person, "then": self.person, "new": self.found}


def think_again(settings: Settings, observer: Teller, *, dry_run: bool) -> list[Change]:
    """Second thoughts on a result folder. ``dry_run``: change nothing, and work while another process runs."""
    with opened(settings, observer, writing=not dry_run) as (store, snapshot):
        moves = rethink(snapshot.faces, snapshot.cannot_links, snapshot.kept_apart, rule_of(snapshot.settings)).moves
        before = {face.id: face for face in snapshot.faces}
        if dry_run:
            return [Change(before[face], move.person, move.found) for move in moves for face in move.faces]
        return [Change(before[face.id], face.person, False) for face in carry_out(moves, store)]


def accept(settings: Settings, observer: Teller, one: str, other: str) -> tuple[str, str, int]:
    """Two people are one, by the user's word: (the name that stays, the one that goes, how many faces were moved)."""
    with opened(settings, observer, writing=True) as (store, snapshot):
        faces = _faces_of_two(one, other, snapshot.faces)
        stays, goes = name_kept(one, other)
        store.join(faces[goes], stays)
    return stays, goes, len(faces[goes])


def keep_apart(settings: Settings, observer: Teller, one: str, other: str) -> None:
    """Two people are two, by the user's word, whatever their names will be."""
    with opened(settings, observer, writing=True) as (store, snapshot):
        faces = _faces_of_two(one, other, snapshot.faces)
        store.keep_apart(faces[one], faces[other])


def _faces_of_two(one: str, other: str, sightings: Iterable[Sighting]) -> dict[str, list[int]]:
    """The ids of two people's faces, by name. Raises UserError unless these are two people who have faces."""
    if one == other:
        raise UserError(f"both names are {one!r}; give the names of two people")
    faces: dict[str, list[int]] = {one: [], other: []}
    for sighting in sightings:
        if sighting.person in faces:
            faces[sighting.person].append(sighting.id)
    for name, of_person in faces.items():
        if not of_person:
            raise UserError(f"there is no person {name!r} with faces; `face-classifier people` lists the names")
    return faces


def name_kept(one: str, other: str) -> tuple[str, str]:
    """(the name that stays, the one that goes) when two people are one: the first, unless the other alone is named."""
    return (other, one) if is_named(other) and not is_named(one) else (one, other)
