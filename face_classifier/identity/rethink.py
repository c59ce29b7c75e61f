"""Second thoughts: all faces of a gallery considered together, against what the folders say now. Pure numpy.

What the user said stays: a folder that the user named, or put a face into, keeps its faces; a face taken out of a
person's folder is not that person; two named people, and a named one and one of the program's own, are not merged but
suggested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from face_classifier.core.types import Sighting
from face_classifier.identity.considered import Considered, considered
from face_classifier.identity.grouping.people import UNKNOWN, near_misses, second_thoughts
from face_classifier.identity.grouping.rule import DLIB, Rule
from face_classifier.identity.grouping.templates import Constraints, Ints, templates
from face_classifier.identity.naming import is_named
from face_classifier.identity.tracks import cannot_link_pairs, parts_of, scenes, worths_of

_NEW = "person_0000000000"  # and a number: a new person whom the store has not numbered yet; its numbers are shorter
_NOBODY = -1  # in place of a person
_FACES = 16384  # whose encodings are float64 at once: 16 MB


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
    sightings: Iterable[Sighting] | Considered,
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
    everything = sightings if isinstance(sightings, Considered) else considered(sightings)
    faces = everything[~everything.labels.pinned] if everything.labels.pinned.any() else everything
    del sightings, everything
    if not len(faces):
        return Rethought([], [])
    names, seen = list(faces.labels.names), _Seen(faces, rule)
    after: Ints = faces.labels.person.astype(np.int64)
    for turn in count():
        gallery = _Gallery(faces, after, names, seen, cannot_links, kept_apart)
        labels = second_thoughts(gallery.templates, gallery.constraints, rule)
        before, after = after, _placed(gallery, labels, f"{_NEW}{turn:03}")
        # Who joins a person of the user's is certain from now on, and changes what is near to that person.
        joined = after[(after != before) & (after != _NOBODY)]
        if not np.isin(joined, np.flatnonzero(gallery.is_users)).any():
            break
    return Rethought(_moves(faces, after, names), _suggestions(gallery, after, rule))


class _Seen:
    """What is known of faces whoever they are."""

    def __init__(self, faces: Considered, rule: Rule) -> None:
        labels = faces.labels
        self.keys = labels.keys()
        self.parts = parts_of(labels.encodings, self.keys, np.lexsort((labels.ids, faces.position)), rule.track)
        self.scenes = scenes(faces.source, faces.moment)
        self.quality = worths_of(labels.quality)
        self.doubt = np.zeros(len(labels))
        for start in range(0, len(labels), _FACES):
            some = slice(start, start + _FACES)
            self.doubt[some] = rule.doubt(np.asarray(labels.encodings[some], np.float64), self.quality[some])


class _Gallery:
    """The faces as tracks. Those of one track that the user has parted, or anchored, are tracks of their own, and so
    are those whose encodings do not agree: an earlier run may have tied them across a cut, or at another threshold.
    """

    def __init__(
        self,
        faces: Considered,
        person: Ints,
        names: list[str],
        seen: _Seen,
        cannot_links: Sequence[tuple[int, int]],
        kept_apart: Sequence[tuple[int, int]],
    ) -> None:
        """``person``: (faces,) their places among ``names``, or -1, as of now. ``seen``: of the same faces."""
        self.faces, self.person, self.names = faces, person, names
        self.is_named = np.array([is_named(name) for name in names], bool)
        # (names,) Of a folder of the program's naming the user has seen what is in it when putting something there.
        self.is_users = self.is_named.copy()
        self.is_users[person[faces.labels.corrected & (person != _NOBODY)]] = True
        self.is_anchored = np.append(self.is_users, False)[person]  # (faces,) where they are by the user's will
        holder = np.where(self.is_anchored, person, _NOBODY)
        keys = seen.parts * (len(names) + 1) + holder + 1
        _, first, track_of = np.unique(keys, return_index=True, return_inverse=True)
        begins = np.argsort(first)  # tracks are numbered as they begin
        self.first = first[begins]  # (tracks,) the first face of each
        self.track_of: Ints = np.argsort(begins)[track_of]
        self.anchor = holder[self.first]  # (tracks,) the person of the user's whose each is
        self.templates = templates(faces.labels.encodings, seen.quality, self.track_of, seen.doubt)
        self.constraints = self._constraints(seen, cannot_links, kept_apart)

    def _constraints(
        self, seen: _Seen, cannot_links: Sequence[tuple[int, int]], kept_apart: Sequence[tuple[int, int]]
    ) -> Constraints:
        tracks = range(len(self.first))
        shared = cannot_link_pairs(zip(seen.keys[self.first].tolist(), tracks, strict=True), cannot_links)
        said = self.faces.places_of(np.array(kept_apart, np.int64).reshape(-1, 2))
        pairs = np.vstack([shared, self.track_of[said[(said >= 0).all(axis=1)]]])
        there = np.unique(self.anchor[self.anchor != _NOBODY]).tolist()
        number = np.full(len(self.names) + 1, UNKNOWN)
        number[sorted(there, key=self.names.__getitem__)] = np.arange(len(there))
        named = np.append(self.is_named, False)[self.anchor]
        return Constraints(pairs, number[self.anchor], named, seen.scenes[self.first])


def _placed(gallery: _Gallery, labels: Ints, new: str) -> Ints:
    """(faces,) where the labels put them; the folders keep their names as far as most of their faces stay together.

    ``new``: how the names of new people begin.
    """
    person, names = gallery.person, gallery.names
    label = labels[gallery.track_of]
    home = np.full(int(labels.max(initial=UNKNOWN)) + 2, _NOBODY)  # by label; the last is that of UNKNOWN
    for one, known in _homes(gallery, label).items():
        home[one] = known
    for one in np.flatnonzero(home[:-1] == _NOBODY).tolist():
        home[one] = len(names)
        names.append(f"{new}{one}")
    target = home[label]
    # A face of the program's own placing; into a named person only from the unknown: the rest is for the user.
    into_named = np.append(np.append(gallery.is_named, np.zeros(len(names) - len(gallery.is_named), bool)), False)[
        target
    ]
    may_move = ~gallery.is_anchored & ((person == _NOBODY) | ~into_named)
    return np.where(may_move, target, person)


def _homes(gallery: _Gallery, label: Ints) -> dict[int, int]:
    """The person of each label: that of its anchor, else of the folder that most of its faces lie in, one to one.

    ``label``: (faces,).
    """
    names, person = gallery.names, gallery.person
    here = (label != UNKNOWN) & (person != _NOBODY)
    keys, counts = np.unique(label[here] * len(names) + person[here], return_counts=True)
    lies = list(zip(*(column.tolist() for column in np.divmod(keys, len(names))), counts.tolist(), strict=True))
    homes: dict[int, int] = {}
    anchors: dict[int, list[tuple[bool, int, int]]] = {}
    for one, known, faces in lies:
        if gallery.is_users[known]:
            anchors.setdefault(one, []).append((bool(gallery.is_named[known]), faces, known))
    for one, found in anchors.items():
        found.sort(key=lambda anchor: names[anchor[2]])
        homes[one] = max(found, key=lambda anchor: anchor[:2])[2]
    taken = {*homes.values(), *np.flatnonzero(gallery.is_users).tolist()}
    for one, known, _ in sorted(lies, key=lambda lie: (-lie[2], names[lie[1]], lie[0])):
        if one not in homes and known not in taken:
            homes[one] = known
            taken.add(known)
    return homes


def _moves(faces: Considered, after: Ints, names: Sequence[str]) -> list[Move]:
    """What differs. First what leaves a person, then what joins one, then what founds one."""
    joining: dict[int, list[int]] = {}
    changed = np.flatnonzero(after != faces.labels.person)
    for face, person in zip(faces.labels.ids[changed].tolist(), after[changed].tolist(), strict=True):
        joining.setdefault(person, []).append(face)
    moves = []
    for person, ids in joining.items():
        name = None if person == _NOBODY else names[person]
        moves.append(Move(tuple(ids), None if _is_new(name) else name, new=_is_new(name)))
    return sorted(moves, key=lambda move: (move.person is not None, move.new, move.person or "", move.faces))


def _is_new(person: str | None) -> bool:
    return person is not None and person.startswith(_NEW)


def _suggestions(gallery: _Gallery, after: Ints, rule: Rule) -> list[Suggestion]:
    """People near enough to be asked about, as they will be; of new ones, who have no name yet, the next time."""
    there = np.unique(after[after != _NOBODY]).tolist()
    known = sorted((one for one in there if not _is_new(gallery.names[one])), key=gallery.names.__getitem__)
    number = np.full(len(gallery.names) + 1, UNKNOWN)
    number[known] = np.arange(len(known))
    labels = np.full(len(gallery.first), UNKNOWN)
    is_known = number[after] != UNKNOWN
    labels[gallery.track_of[is_known]] = number[after[is_known]]
    names = [gallery.names[one] for one in known]
    pairs = near_misses(gallery.templates, labels, gallery.constraints, rule)
    return [Suggestion(names[miss.one], names[miss.other], miss.distance, rule.limit - miss.distance) for miss in pairs]
