"""Handlers of commands that say whose face it is: second thoughts, and what the user says of people and faces.

A handler changes an open gallery. Its arguments and its answer are plain data, as messages between processes hold
them; `corrections` has the same as functions with types.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.curate.questions.splits import split_of
from face_classifier.gallery.folder.faces import Faces
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.snapshot import Snapshot
from face_classifier.gallery.thoughts.carry_out import carry_out
from face_classifier.identity.naming import is_named
from face_classifier.identity.rethink import Move, rethink
from face_classifier.identity.rules import rule_of


def moves_of(snapshot: Snapshot) -> list[Move]:
    """What second thoughts would move."""
    return rethink(snapshot.faces, snapshot.cannot_links, snapshot.kept_apart, rule_of(snapshot.settings)).moves


def think_again(gallery: Gallery, _arguments: dict[str, Any], _tell: Teller) -> list[list[str | None]]:
    """Second thoughts. Answers (the face's name, its person before and after) for each face that was moved."""
    snapshot = gallery.snapshot()
    before = {face.id: face for face in snapshot.faces}
    moved = carry_out(moves_of(snapshot), gallery.store)
    return [[face.face, before[face.id].person, face.person] for face in moved]


def accept(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> dict[str, Any]:
    """Two people, ``one`` and ``other``, are one.

    Answers the name that stays (``person``), the one that goes (``was``), and how many ``faces`` were moved.
    """
    one, other = arguments["one"], arguments["other"]
    faces = _faces_of_two(one, other, gallery.look().faces)
    stays, goes = (other, one) if is_named(other) and not is_named(one) else (one, other)
    gallery.store.words.join(faces[goes], stays)
    return {"person": stays, "was": goes, "faces": len(faces[goes])}


def keep_apart(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> None:
    """Two people, ``one`` and ``other``, are two, whatever their names will be."""
    one, other = arguments["one"], arguments["other"]
    faces = _faces_of_two(one, other, gallery.look().faces)
    gallery.store.words.keep_apart(faces[one], faces[other])


def split(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> dict[str, Any]:
    """A ``person`` is two: the faces of one of them go to a new person, and both are kept apart from then on.

    What the user put into the folder stays. Answers the ``person``, the ``new`` one's name, and how many ``faces`` that
    one has. Raises UserError where the folder does not look like two people's.
    """
    name = arguments["person"]
    ids = set(_faces_of(name, gallery.look().faces))
    snapshot = gallery.snapshot()
    own = [face for face in snapshot.faces if face.id in ids]
    found = split_of(own, snapshot.cannot_links, snapshot.kept_apart, rule_of(snapshot.settings))
    if found is None:
        raise UserError(
            f"the faces of {name} look like one person's; move those of somebody else with your file manager"
        )
    if not found.movable:
        raise UserError(f"you put faces of both people into {name}, where they stay; move them with your file manager")
    moved = [face.id for face in found.movable]
    new = gallery.store.words.join(moved, None)
    gallery.store.words.keep_apart([face.id for face in found.groups[0]], moved)
    return {"person": name, "new": new, "faces": len(moved)}


def keep_whole(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> int:
    """All faces of a ``person`` are that person: they are no longer asked about, nor moved. Answers how many."""
    name = arguments["person"]
    faces = _faces_of(name, gallery.look().faces)
    gallery.store.past.explain("one person for sure")
    gallery.store.words.join(faces, name)
    return len(faces)


def _faces_of_two(one: str, other: str, kept: Faces) -> dict[str, list[int]]:
    """The ids of two people's faces, by name. Raises UserError unless these are two people who have faces."""
    if one == other:
        raise UserError(f"both names are {one!r}; give the names of two people")
    return {name: _faces_of(name, kept) for name in (one, other)}


def _faces_of(name: str, kept: Faces) -> list[int]:
    """The ids of a person's faces. Raises UserError unless there are some."""
    faces: list[int] = [] if name == UNKNOWNS else kept.columns_of(name).ids.tolist()
    if not faces:
        raise UserError(f"there is no person {name!r} with faces; `face-classifier people` lists the names")
    return faces


def exclude(gallery: Gallery, arguments: dict[str, Any], tell: Teller) -> dict[str, Any]:
    """Put faces aside for good. None of them counts any more, and neither it nor what is nearer to it than to its
    person is ever that person.

    ``faces``: [name as given, the absolute path that it would be] of each. Answers how many ``failed``, each of which
    is told, and what was ``excluded``: [name, person or None, where its picture is now, from the result folder on].
    """
    snapshot = gallery.snapshot()
    excluded: dict[int, list[str | None]] = {}
    failed = 0
    for name, path in arguments["faces"]:
        try:
            face = snapshot.faces[snapshot.number_of(name, Path(path))]
            if face.id not in excluded:
                (picture,) = gallery.store.words.exclude([face.id])
                excluded[face.id] = [face.face, face.person, os.path.relpath(picture, gallery.store.folder)]
        except UserError as error:
            failed += 1
            tell.problem(str(error))
    return {"excluded": list(excluded.values()), "failed": failed}


def take_out(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> int:
    """Move faces that the program placed to the unknown ones.

    ``faces``: [id, name, person] of each, as they were when that was decided; what is otherwise by now stays. Answers
    how many were moved.
    """
    gallery.look()
    return len(carry_out(_still_so(gallery, arguments["faces"]), gallery.store))


def _still_so(gallery: Gallery, faces: Iterable[Sequence[Any]]) -> Iterator[Move]:
    for face_id, name, person in faces:
        face = gallery.faces.get(face_id)
        if face and (face.face, face.person) == (name, person) and not face.corrected:
            yield Move((face_id,), None)
