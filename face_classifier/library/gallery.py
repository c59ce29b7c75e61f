"""A result folder, read by another program."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Log
from face_classifier.core.types import Encoding, Face, Match, Sighting
from face_classifier.events.visits import GAP, Visit
from face_classifier.events.visits import visits as made_of
from face_classifier.gallery.passing.passages import passages_of
from face_classifier.gallery.snapshot import people_of, take_snapshot
from face_classifier.identity.naming import natural
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.profiles import PROFILES
from face_classifier.identity.rules import profile_of

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Person:
    """Somebody in a gallery."""

    name: str  # of the folder
    faces: tuple[Sighting, ...]  # in the order in which they came, one at least

    @property
    def average(self) -> Encoding:
        """The mean of the encodings: (128,) float64."""
        return np.array([face.encoding for face in self.faces], np.float64).mean(axis=0)


@dataclass(frozen=True)
class Gallery:
    """A result folder as it was when it was opened. Iterating over it gives its people."""

    folder: Path
    encoder: str  # "dlib" or "sface": whose encodings its faces have
    people: tuple[Person, ...]  # in natural order of their names
    unknown: tuple[Sighting, ...]  # faces of nobody yet
    pictures: dict[int, Path]  # by the id of a face: a PNG file of its box grown by one box on every side
    _rule: PersonDB = field(repr=False, compare=False)  # with all the faces, by which a run decides

    def __iter__(self) -> Iterator[Person]:
        return iter(self.people)

    @property
    def faces(self) -> tuple[Sighting, ...]:
        """All faces, unknown ones too, in the order in which they came."""
        return tuple(sorted((*(face for person in self.people for face in person.faces), *self.unknown), key=_id))

    def recognize(self, face: Face) -> Match:
        """Tells whose face that is, as a run decides for a face that it sees once.

        ``person`` is None if it is nobody known. ``distance`` is L2, to the nearest average of a person, or to the
        unknown faces that are the same person, whose ids are the ``partners``. Raises ValueError if another encoder
        made its encoding.
        """
        encoder = PROFILES[face.made_by.space].encoder
        if encoder != self.encoder:
            raise ValueError(
                f"the face has an encoding of {encoder}, but the gallery's are of {self.encoder}; encode it with that"
            )
        return self._rule.decide(face.encoding)


def open_gallery(folder: str | os.PathLike[str]) -> Gallery:
    """Opens a result folder to read it. Nothing in it changes, and a run may write to it meanwhile.

    Every face has its encoding; a picture that the user put there since the last run is encoded now. What is passed
    over, such as a damaged picture, is logged as a warning. Raises `UserError` if the folder is no result folder.
    """
    snapshot = take_snapshot(Settings(result=os.fspath(folder)), Log(_LOG))
    faces: dict[str, list[Sighting]] = {}
    for face in snapshot.faces:
        if face.person is not None:
            faces.setdefault(face.person, []).append(face)
    return Gallery(
        Path(folder),
        profile_of(snapshot.settings).encoder,
        tuple(Person(name, tuple(faces[name])) for name in sorted(faces, key=natural)),
        tuple(face for face in snapshot.faces if face.person is None),
        snapshot.path_of,
        people_of(snapshot),
    )


def visits(folder: str | os.PathLike[str], gap: float = GAP, *, as_known_then: bool = False) -> list[Visit]:
    """Tells who passed when, as `face-classifier events` does: each visit, in the order in which they began.

    Parameters
    ----------
    folder: a result folder; a run may write to it meanwhile.
    gap: seconds out of view after which somebody comes anew.
    as_known_then: by the persons that were told at the time, rather than whose the faces are now.

    Raises
    ------
    UserError: it is no result folder.
    ValueError: the gap is negative, or no number.
    """
    if not gap >= 0:
        raise ValueError(f"a gap is a number of seconds from 0 up, not {gap}")
    return made_of(passages_of(Settings(result=os.fspath(folder)), Log(_LOG), as_known_then=as_known_then), gap)


def _id(face: Sighting) -> int:
    return face.id
