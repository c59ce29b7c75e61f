"""A person who may be two: both halves of the folder, and which of them would go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Sighting
from face_classifier.identity.grouping.halves import halves
from face_classifier.identity.grouping.people import second_thoughts
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Constraints, templates
from face_classifier.identity.naming import natural
from face_classifier.identity.tracks import cannot_link_pairs, parts, worth_of

Ints = npt.NDArray[np.int64]

ONE_FRAME = "two of its faces were seen in one frame"
SAID = "you said that two of its faces are two people"
THOUGHT = "second thoughts about its faces alone make two people of them"
APART = "its faces lie in two groups, as those of two people do"


@dataclass(frozen=True)
class Split:
    """A person that may be two."""

    person: str
    groups: tuple[tuple[Sighting, ...], tuple[Sighting, ...]]  # who would stay, and who would go; all others stay
    distance: float  # L2 between the averages of both
    why: str

    @property
    def certain(self) -> bool:
        """Whether more than distances tells it."""
        return self.why in (ONE_FRAME, SAID)

    @property
    def movable(self) -> tuple[Sighting, ...]:
        """Of those who would go the faces that the user did not put there; none where both groups have such."""
        if all(any(face.corrected for face in group) for group in self.groups):
            return ()
        return tuple(face for face in self.groups[1] if not face.corrected)

    def carried_out(self, faces: Sequence[Sighting]) -> list[Sighting]:
        """The faces with those who would go as another person's, whose name no folder has."""
        go = {face.id for face in self.groups[1]}
        return [replace(face, person=f"{self.person}/") if face.id in go else face for face in faces]


def splits(
    faces: Iterable[Sighting],
    cannot_links: Sequence[tuple[int, int]],
    kept_apart: Sequence[tuple[int, int]],
    rule: Rule,
) -> list[Split]:
    """The people that may be two, in the order of their names; parameters as of `split_of`."""
    of_person: dict[str, list[Sighting]] = {}
    with_face: dict[int, set[str]] = {}
    with_track: dict[int, set[str]] = {}
    for face in faces:
        if face.person is not None and face.encoding is not None:
            of_person.setdefault(face.person, []).append(face)
            with_face[face.id] = {face.person}
            if face.track is not None:
                with_track.setdefault(face.track, set()).add(face.person)
    links, apart = _within(cannot_links, with_track), _within(kept_apart, with_face)
    found = [
        split_of(of_person[name], links.get(name, ()), apart.get(name, ()), rule)
        for name in sorted(of_person, key=natural)
    ]
    return [split for split in found if split is not None]


def _within(pairs: Iterable[tuple[int, int]], people: Mapping[int, set[str]]) -> dict[str, list[tuple[int, int]]]:
    """The pairs by person who has both; ``people``: who has each."""
    within: dict[str, list[tuple[int, int]]] = {}
    for one, other in pairs:
        for name in people.get(one, set()) & people.get(other, set()):
            within.setdefault(name, []).append((one, other))
    return within


def split_of(
    faces: Sequence[Sighting],
    cannot_links: Sequence[tuple[int, int]],
    kept_apart: Sequence[tuple[int, int]],
    rule: Rule,
) -> Split | None:
    """The two people that a folder may hold; None: it shows nothing of the kind.

    Parameters
    ----------
    faces: of one person, at least one, with encodings.
    cannot_links: pairs of tracks that shared a frame.
    kept_apart: pairs of faces (ids) that are two people by the user's word.
    rule: of their encoder.
    """
    encodings = np.array([face.encoding for face in faces])
    quality = np.array([worth_of(face.quality) for face in faces])
    keys = parts(faces, rule.track)
    track = np.array([part for _, part in keys])
    seen, said = cannot_link_pairs(keys, cannot_links), _said_apart(faces, track, kept_apart)
    pairs = np.vstack([seen, said])
    # What poor faces are worth is not asked here: nobody is founded.
    tracks = templates(encodings, np.ones(len(faces)), track, rule.doubt(encodings, quality))
    label = second_thoughts(tracks, Constraints(pairs), rule)[track]
    groups = [np.flatnonzero(label == number) for number in range(label.max() + 1)]
    why = ONE_FRAME if len(seen) else SAID if len(said) else THOUGHT
    if len(groups) < 2 and len(pairs):  # too few faces to be people, and two for certain
        groups = [np.flatnonzero(track == part) for part in pairs[0].tolist()]
    if len(groups) < 2 and (two := halves(encodings, quality, rule)):
        groups, why = [np.flatnonzero(two.first), np.flatnonzero(~two.first)], APART
    if len(groups) < 2:
        return None
    largest = sorted(groups, key=lambda group: (-len(group), int(group[0])))[:2]
    one, other = sorted(largest, key=lambda group: not any(faces[place].corrected for place in group.tolist()))
    off = encodings[one].mean(axis=0) - encodings[other].mean(axis=0)
    both = tuple(faces[place] for place in one.tolist()), tuple(faces[place] for place in other.tolist())
    return Split(faces[0].person or "", both, float(np.linalg.norm(off)), why)


def _said_apart(faces: Sequence[Sighting], track: Ints, kept_apart: Iterable[tuple[int, int]]) -> Ints:
    """(pairs, 2) tracks that are two people by the user's word."""
    of_face = {face.id: int(part) for face, part in zip(faces, track, strict=True)}
    pairs = [(of_face[one], of_face[other]) for one, other in kept_apart if one in of_face and other in of_face]
    return np.array([pair for pair in pairs if pair[0] != pair[1]], np.int64).reshape(-1, 2)
