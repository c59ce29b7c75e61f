"""Who is who in an album: faces of photos to groups, one a person. Pure numpy, no files.

It is second thoughts on faces that are each a track of their own; two faces in one photo are two people. As in videos,
faces that are together worth less than one good face make nobody: of 15 such groups in the test data 14 were strangers
in the background. The outcome does not depend on the order of the faces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from face_classifier.identity.grouping.people import UNKNOWN, second_thoughts
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Constraints, Floats, Ints, shared_frames, templates


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of an album: parallel arrays of length n. Raises ValueError where they do not fit."""

    encodings: Floats  # (n, d)
    quality: Floats  # (n,) 0 to 1
    photos: Ints  # (n,) number of the photo that each is in

    def __post_init__(self) -> None:
        if not len(self.encodings) == len(self.quality) == len(self.photos):
            raise ValueError(
                f"{len(self.encodings)} encodings, {len(self.quality)} qualities and {len(self.photos)} photos "
                "are not of the same faces"
            )

    def __len__(self) -> int:
        return len(self.encodings)


@dataclass(frozen=True, eq=False)
class Known:
    """A person with a name, from outside of the album."""

    name: str
    encodings: Floats  # (faces, d), at least one
    quality: Floats  # (faces,) 0 to 1


@dataclass(frozen=True)
class Joined:
    """A face of a group, and how it came in."""

    face: int  # its place among all faces
    to: int | None  # the face of the group that it is most like among those before it; None for the first
    similarity: float  # cosine of the angle between the two encodings, -1 to 1; -1 for the first


@dataclass(frozen=True)
class Group:
    """The faces of one person in an album."""

    name: str | None  # None = nobody known
    faces: tuple[Joined, ...]  # as they join: first the one nearest to their mean, then always the one most alike

    @property
    def is_valid(self) -> bool:
        """Whether it is a person: two faces, or one of somebody known."""
        return len(self.faces) > 1 or self.name is not None


def group(
    faces: Faces,
    rule: Rule,
    known: Iterable[Known] = (),
    anchors: Sequence[str | None] | None = None,
    cannot_links: Ints | None = None,
) -> list[Group]:
    """The groups of an album, the largest first; each face is in one of them.

    People of two names are never one. Groups of one size are in the order of the numbers of their faces, not of the
    input.

    Parameters
    ----------
    known: people who give their names to the groups that they are in.
    anchors: for each face the name of the person that it is for certain, or None.
    cannot_links: (pairs, 2) int64, faces that are two people for certain.
    """
    order = np.lexsort(faces.encodings.T[::-1]) if len(faces) else np.zeros(0, np.int64)
    place = np.argsort(order)
    sorted_faces = Faces(faces.encodings[order], faces.quality[order], faces.photos[order])
    sorted_anchors = [None] * len(faces) if anchors is None else [anchors[face] for face in order]
    pairs = np.zeros((0, 2), np.int64) if cannot_links is None else np.sort(place[cannot_links], axis=1)
    labels, names = _labelled(sorted_faces, rule, sorted(known, key=lambda person: person.name), sorted_anchors, pairs)
    groups = [
        _joined(names.get(label), order[members], faces.encodings)
        for label in dict.fromkeys(labels.tolist())
        for members in [np.flatnonzero(labels == label)]
    ]
    return sorted(groups, key=lambda members: -len(members.faces))


def _labelled(
    faces: Faces, rule: Rule, known: Sequence[Known], anchors: Sequence[str | None], cannot_links: Ints
) -> tuple[Ints, dict[int, str]]:
    """(n,) the label of each face, none of them UNKNOWN, and which of the labels have a name."""
    count = len(faces)
    people = [*anchors, *(person.name for person in known)]
    numbers = {name: number for number, name in enumerate(sorted({name for name in people if name is not None}))}
    together = np.array([UNKNOWN if name is None else numbers[name] for name in people], np.int64)
    tracks = np.concatenate(
        [np.arange(count), np.repeat(count + np.arange(len(known)), [len(k.quality) for k in known])]
    )
    constraints = Constraints(
        cannot_links=np.unique(np.vstack([shared_frames(faces.photos, np.arange(count)), cannot_links]), axis=0),
        together=together,
        named=together != UNKNOWN,
    )
    encodings = np.vstack([faces.encodings, *(person.encodings for person in known)])
    quality = np.concatenate([faces.quality, *(person.quality for person in known)])
    sums = templates(encodings, quality, tracks.astype(np.int64), rule.doubt(encodings, quality))
    labels = second_thoughts(sums, constraints, rule)
    single = labels == UNKNOWN
    labels[single] = labels.max(initial=UNKNOWN) + 1 + np.arange(int(single.sum()))
    return labels[:count], {int(label): name for label, name in zip(labels, people, strict=True) if name is not None}


def _joined(name: str | None, members: Ints, encodings: Floats) -> Group:
    """The order in which faces join is Prim's: the largest spanning tree of their similarities."""
    units = encodings[members] / np.linalg.norm(encodings[members], axis=1, keepdims=True)
    now = int((units @ units.mean(axis=0)).argmax())
    joined = [Joined(int(members[now]), None, -1.0)]
    similarity, to = np.full(len(members), -np.inf), np.zeros(len(members), np.int64)
    waiting = np.ones(len(members), bool)
    while len(joined) < len(members):
        waiting[now] = False
        to_now = units @ units[now]
        nearer = to_now > similarity
        similarity[nearer], to[nearer] = to_now[nearer], now
        now = int(np.where(waiting, similarity, -np.inf).argmax())
        joined.append(Joined(int(members[now]), int(members[to[now]]), float(np.clip(similarity[now], -1, 1))))
    return Group(name, tuple(joined))
