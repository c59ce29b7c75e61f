"""Faces that the user excludes: nobody's, and a lasting "not this person"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.settings import Settings
from face_classifier.gallery.snapshot import opened


class ExcludedFace(NamedTuple):
    """A face that the user rejected."""

    face: str
    person: str | None  # whom it is not; None = it was unknown
    picture: str  # the path where it is kept now


def exclude_faces(settings: Settings, observer: Teller, names: Sequence[str]) -> tuple[list[ExcludedFace], int]:
    """Put faces, given by name or the path of a picture, aside for good, by the user's word; and how many could not be.

    None of them counts any more, and neither it nor what is nearer to it than to its person is ever that person.
    """
    excluded: dict[int, ExcludedFace] = {}
    failed = 0
    with opened(settings, observer, writing=True) as (store, snapshot):
        for name in names:
            try:
                face = snapshot.faces[snapshot.number_of(name)]
                if face.id not in excluded:
                    excluded[face.id] = ExcludedFace(face.face, face.person, str(store.exclude(face.id)))
            except UserError as error:
                failed += 1
                observer.problem(str(error))
    return list(excluded.values()), failed


def lines(faces: Iterable[ExcludedFace]) -> Iterator[str]:
    """What was rejected, in words, a line a face."""
    for face in faces:
        never = f"is not {face.person}" if face.person else "is no face to be known"
        yield f"{face.face} {never}; {face.picture}"
