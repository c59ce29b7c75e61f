"""Second thoughts: all faces of a gallery considered together, against what the folders say now. Pure numpy.

What the user said stays: a folder that the user named, or put a face into, keeps its faces; a face taken out of a
person's folder is not that person; two named people, and a named one and one of the program's own, are not merged but
suggested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from face_classifier.core.types import Sighting
from face_classifier.identity.grouping.people import UNKNOWN, near_misses, second_thoughts
from face_classifier.identity.grouping.rule import DLIB, Rule
from face_classifier.identity.grouping.templates import Constraints, Ints, templates
from face_classifier.identity.naming import is_named
from face_classifier.identity.tracks import cannot_link_pairs, parts, scenes, worth_of

_NEW = "person_0000000000"  # and a number: a new person whom the store has not numbered yet; its numbers are shorter


@dataclass(frozen=True)
class Move:
    """Faces that are to go together."""

    faces: tuple[int, ...]  # ids
    person: str | None  # None = unknown
    new: bool = False  # they are a new person, which has no name yet


@dataclass(frozen=True)
class Suggestion:
    """Two people who may be one, for the user to decide."""

    one: str
    other: str
    distance: float  # L2 in the measure of second thoughts
    margin: float  # how much nearer than the rule's limit they are, L2; negative = farther


@dataclass(frozen=True)
class Rethought:
    moves: list[Move]
    suggestions: list[Suggestion]  # the nearest first


def rethink(
    sightings: Iterable[Sighting],
    cannot_links: Sequence[tuple[int, int]],
    kept_apart: Sequence[tuple[int, int]] = (),
    rule: Rule = DLIB,
) -> Rethought:
    """What should be moved, and what should be asked. Once the moves are carried out there are none any more.

    Parameters
    ----------
    sightings: all faces; those without an encoding, and those pinned to unknown, take no part.
    cannot_links: pairs of tracks that shared a frame.
    kept_apart: pairs of faces (ids) of whose people the user said that they are two.
    rule: of their encoder.
    """
    faces = [face for face in sightings if face.encoding is not None and not face.pinned]
    if not faces:
        return Rethought([], [])
    after, seen = faces, _Seen(faces, rule)
    for turn in count():
        gallery = _Gallery(after, seen, cannot_links, kept_apart)
        labels = second_thoughts(gallery.templates, gallery.constraints, rule)
        before, after = after, _placed(gallery, labels, f"{_NEW}{turn:03}")
        # Who joins a person of the user's is certain from now on, and changes what is near to that person.
        if not any(new is not old and new.person in gallery.users for old, new in zip(before, after, strict=True)):
            break
    return Rethought(_moves(faces, after), _suggestions(gallery, after, rule))


class _Seen:
    """What is known of faces whoever they are."""

    def __init__(self, faces: Sequence[Sighting], rule: Rule) -> None:
        self.parts = parts(faces, rule.track)
        self.scenes = scenes(faces)
        self.encodings = np.array([face.encoding for face in faces])
        self.quality = np.array([worth_of(face.quality) for face in faces])
        self.doubt = rule.doubt(self.encodings, self.quality)


class _Gallery:
    """The faces as tracks. Those of one track that the user has parted, or anchored, are tracks of their own, and so
    are those whose encodings do not agree: an earlier run may have tied them across a cut, or at another threshold.
    """

    def __init__(
        self,
        faces: Sequence[Sighting],
        seen: _Seen,
        cannot_links: Sequence[tuple[int, int]],
        kept_apart: Sequence[tuple[int, int]],
    ) -> None:
        """``seen``: of the same faces."""
        self.faces = faces
        # Of a folder of the program's naming the user has seen what is in it when putting something there.
        self.users = {face.person for face in faces if face.person and (face.corrected or is_named(face.person))}
        keys = [(track, part, self._holder(face)) for face, (track, part) in zip(faces, seen.parts, strict=True)]
        numbers: dict[tuple[int, int, str], int] = {}
        self.track_of = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
        self.anchor: list[str | None] = [None] * len(numbers)
        for face, track in zip(faces, self.track_of, strict=True):
            if self.is_anchored(face):
                self.anchor[track] = face.person
        self.templates = templates(seen.encodings, seen.quality, self.track_of, seen.doubt)
        self.constraints = self._constraints(numbers, cannot_links, kept_apart, seen.scenes)

    def is_anchored(self, face: Sighting) -> bool:
        """Whether the face is where it is by the user's will."""
        return face.person in self.users

    def _holder(self, face: Sighting) -> str:
        return face.person or "" if self.is_anchored(face) else ""

    def _constraints(
        self,
        numbers: dict[tuple[int, int, str], int],
        cannot_links: Sequence[tuple[int, int]],
        kept_apart: Sequence[tuple[int, int]],
        scene_of: Ints,
    ) -> Constraints:
        shared = cannot_link_pairs(((track, number) for (track, *_), number in numbers.items()), cannot_links)
        of_face = {face.id: int(track) for face, track in zip(self.faces, self.track_of, strict=True)}
        said = [(of_face[one], of_face[other]) for one, other in kept_apart if one in of_face and other in of_face]
        pairs = np.vstack([shared, np.array(said, np.int64).reshape(-1, 2)])
        names = sorted({name for name in self.anchor if name is not None})
        number = {name: place for place, name in enumerate(names)}
        together = np.array([UNKNOWN if name is None else number[name] for name in self.anchor], np.int64)
        named = np.array([is_named(name) for name in self.anchor], bool)
        scene = np.zeros(len(self.anchor), np.int64)
        scene[self.track_of[::-1]] = scene_of[::-1]  # of the first face of each
        return Constraints(pairs, together, named, scene)


def _placed(gallery: _Gallery, labels: np.ndarray, new: str) -> list[Sighting]:
    """The faces where the labels put them; the folders keep their names as far as most of their faces stay together.

    ``new``: how the names of new people begin.
    """
    members: dict[int, list[Sighting]] = {}
    for face, track in zip(gallery.faces, gallery.track_of, strict=True):
        members.setdefault(int(labels[track]), []).append(face)
    names = _names(gallery, members)
    home = {label: names.get(label, f"{new}{label}") if label != UNKNOWN else None for label in members}
    return [
        replace(face, person=person) if person != face.person and _may_move(gallery, face, person) else face
        for face, track in zip(gallery.faces, gallery.track_of, strict=True)
        for person in [home[int(labels[track])]]
    ]


def _may_move(gallery: _Gallery, face: Sighting, person: str | None) -> bool:
    """A face of the program's own placing; into a named person only from the unknown: the rest is for the user."""
    return not gallery.is_anchored(face) and (face.person is None or not is_named(person))


def _names(gallery: _Gallery, members: dict[int, list[Sighting]]) -> dict[int, str]:
    """The name of each cluster: that of its anchor, else of the folder that most of its faces lie in, one to one."""
    names: dict[int, str] = {}
    claims = []
    for label, faces in members.items():
        if label == UNKNOWN:
            continue
        counts = Counter(face.person for face in faces if face.person is not None)
        anchors = sorted(counts.keys() & gallery.users)
        if anchors:
            names[label] = max(anchors, key=lambda name: (is_named(name), counts[name]))
        claims += [(-count, name, label) for name, count in counts.items()]
    taken = {*names.values(), *gallery.users}
    for _, name, label in sorted(claims):
        if label not in names and name not in taken:
            names[label] = name
            taken.add(name)
    return names


def _moves(before: Sequence[Sighting], after: Sequence[Sighting]) -> list[Move]:
    """What differs. First what leaves a person, then what joins one, then what founds one."""
    joining: dict[str | None, list[int]] = {}
    for old, new in zip(before, after, strict=True):
        if old.person != new.person:
            joining.setdefault(new.person, []).append(old.id)
    moves = [Move(tuple(faces), None if _is_new(name) else name, new=_is_new(name)) for name, faces in joining.items()]
    return sorted(moves, key=lambda move: (move.person is not None, move.new, move.person or "", move.faces))


def _is_new(person: str | None) -> bool:
    return person is not None and person.startswith(_NEW)


def _suggestions(gallery: _Gallery, after: Sequence[Sighting], rule: Rule) -> list[Suggestion]:
    """People near enough to be asked about, as they will be; of new ones, who have no name yet, the next time."""
    names = sorted({face.person for face in after if face.person is not None and not _is_new(face.person)})
    number = {name: place for place, name in enumerate(names)}
    labels = np.full(len(gallery.anchor), UNKNOWN, np.int64)
    for face, track in zip(after, gallery.track_of, strict=True):
        if face.person in number:
            labels[track] = number[face.person]
    pairs = near_misses(gallery.templates, labels, gallery.constraints, rule)
    return [Suggestion(names[miss.one], names[miss.other], miss.distance, rule.limit - miss.distance) for miss in pairs]
