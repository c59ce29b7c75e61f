"""Poison audit: faces that do not fit their person, near-duplicates, people that may be two."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Observer
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Image, Sighting
from face_classifier.core.words import counted
from face_classifier.curate.ask import carry_out
from face_classifier.curate.questions.splits import Split, splits
from face_classifier.gallery.snapshot import Snapshot, take_snapshot
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.matching.nearest import Matrix
from face_classifier.identity.naming import is_named, natural
from face_classifier.identity.rules import rule_of
from face_classifier.sources.picture import read_picture

Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.bool_]

_FEWEST = 4  # faces from which a person has an ordinary distance that one can be far beyond
# Faces from which one can be nearer to somebody else: `benchmarks/identity.py --part mixed` tells how right that is.
_FEWEST_NEARER = 3
_OUTLIER = 3.5  # modified z-score: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993)
_TO_SIGMA = 0.6745  # the median absolute deviation of a normal distribution with a standard deviation of 1
# In limits of second thoughts, since each encoder has distances of its own:
_SMOOTHEST = 0.04  # distances of a person are never taken to vary less, or three alike would accuse a fourth
_CLEARLY = 0.1  # so much nearer another person must be: of two folders of one person each face is about as near to both
_ALIKE = 0.2  # between near-identical encodings; two frames a second apart are mostly farther
_CLOSE = 2.0  # seconds of one source
_BLOCK = 256  # faces that are compared with everybody at a time
_SAME_LOOK = 10  # of 64 bits of a difference hash: Krawetz's limit for the same picture

# The picture of the n-th face, (height, width, 3) uint8; None if it cannot be read
PictureOf = Callable[[int], Image | None]


@dataclass(frozen=True)
class Outlier:
    """A face without which its person would be clearly tighter."""

    face: Sighting
    distance: float  # L2 to the average of its person's other faces
    score: float  # modified z-score of its distance to the middle of its person
    tighter: float  # the share of its person's scatter (mean squared distance to the average) that goes with it
    nearest: str | None  # the other person whose average is nearest,
    nearest_distance: float | None  # and how far it is, L2
    kept_by: str | None  # why the program must not move it; None = it may


@dataclass(frozen=True)
class Duplicates:
    """Faces of one person that are nearly the same picture: the one to keep, and the others."""

    kept: Sighting
    others: tuple[Sighting, ...]


@dataclass(frozen=True)
class Audit:
    outliers: list[Outlier]  # the farthest first
    duplicates: list[Duplicates]
    splits: list[Split]

    @property
    def movable(self) -> list[int]:
        """Ids of the outliers that may go to the unknown faces."""
        return [outlier.face.id for outlier in self.outliers if outlier.kept_by is None]


def audit_gallery(settings: Settings, observer: Observer, *, apply: bool) -> tuple[Audit, int]:
    """What does not fit in a gallery, and how many outliers were moved to the unknown faces: none unless ``apply``.

    Raises UserError.
    """
    snapshot = take_snapshot(settings, observer)

    def picture_of(number: int) -> Image | None:
        try:
            with supervised(snapshot.pictures[number]):
                return read_picture(snapshot.pictures[number])
        except UserError as error:
            observer.problem(str(error))
            return None

    apart = snapshot.cannot_links, snapshot.kept_apart
    findings = audit(snapshot.faces, picture_of, *apart, rule_of(snapshot.settings))
    if not apply:
        return findings, 0
    movable = {face.id: face for face in snapshot.faces if face.id in findings.movable}
    faces = [[face_id, movable[face_id].face, movable[face_id].person] for face_id in findings.movable]
    return findings, carry_out(settings, "audit", {"faces": faces}, observer)


def nearer_elsewhere(snapshot: Snapshot) -> list[Outlier]:
    """The outliers of a gallery that are nearer to somebody else, but for those that the user placed."""
    found = outliers(snapshot.faces, snapshot.cannot_links, snapshot.kept_apart, rule_of(snapshot.settings))
    return [
        outlier
        for outlier in found
        if outlier.nearest_distance is not None
        and outlier.nearest_distance < outlier.distance
        and not outlier.face.corrected
    ]


def audit(
    sightings: Iterable[Sighting],
    picture_of: PictureOf,
    cannot_links: Sequence[tuple[int, int]],
    kept_apart: Sequence[tuple[int, int]],
    rule: Rule,
) -> Audit:
    """Look for what does not fit.

    An outlier is a face that is clearly nearer to another person than to its own, or one whose distance to the
    component-wise median of its person has a modified z-score above 3.5, and that is nearer to another person's average
    or farther from that of the others than second thoughts would take in. Of people who may be two see `splits`.
    Near-duplicates have near-identical encodings, and either lie close in one source or have nearly the same difference
    hash.

    Parameters
    ----------
    sightings: all faces; those without an encoding take no part.
    picture_of: gives the picture of the n-th of them.
    cannot_links: pairs of tracks that shared a frame.
    kept_apart: pairs of faces (ids): by the user's word the first is not the person of the second.
    rule: of second thoughts.
    """
    faces = list(sightings)
    findings = Audit(outliers(faces, cannot_links, kept_apart, rule), [], splits(faces, cannot_links, kept_apart, rule))
    for numbers, encodings in _by_person(faces).values():
        own = [faces[number] for number in numbers]
        findings.duplicates.extend(_duplicates(own, numbers, encodings, picture_of, _ALIKE * rule.limit))
    return findings


def outliers(
    faces: Sequence[Sighting],
    cannot_links: Sequence[tuple[int, int]],
    kept_apart: Sequence[tuple[int, int]],
    rule: Rule,
) -> list[Outlier]:
    """The outliers alone, the farthest first; parameters as of `audit`."""
    people = _by_person(faces)
    all_of_them = _People(people, rule)
    strangers = _strangers(faces, cannot_links, kept_apart)
    found: list[Outlier] = []
    for numbers, encodings in people.values():
        found.extend(_outliers([faces[number] for number in numbers], encodings, all_of_them, strangers, rule))
    return sorted(found, key=lambda outlier: (-outlier.distance, outlier.face.id))


def _by_person(faces: Sequence[Sighting]) -> dict[str, tuple[list[int], Matrix]]:
    """Numbers and encodings of the faces of each person, in natural order of the names."""
    numbers: dict[str, list[int]] = {}
    for number, face in enumerate(faces):
        if face.person is not None and face.encoding is not None:
            numbers.setdefault(face.person, []).append(number)
    return {name: (numbers[name], _encodings(faces, numbers[name])) for name in sorted(numbers, key=natural)}


def _encodings(faces: Sequence[Sighting], numbers: Sequence[int]) -> Matrix:
    return np.array([faces[number].encoding for number in numbers])


class _People:
    """Everybody by their average."""

    def __init__(self, people: Mapping[str, tuple[Sequence[int], Matrix]], rule: Rule) -> None:
        """``people``: numbers and encodings of the faces of each."""
        self._place = {name: place for place, name in enumerate(people)}
        self._names = list(people)
        self._averages = np.array([encodings.mean(axis=0) for _, encodings in people.values()])
        # As second thoughts have it: scatter counts, so that nobody is a neighbour just because their faces vary.
        self._handicaps = rule.spread * np.array(
            [float(((encodings - encodings.mean(axis=0)) ** 2).sum(axis=1).mean()) for _, encodings in people.values()]
        )

    def blocks(self, encodings: Matrix, person: str) -> Iterator[Floats]:
        """Of each of some faces the row of `squares`, of which a few are held at a time."""
        for start in range(0, len(encodings), _BLOCK):
            yield from self.squares(encodings[start : start + _BLOCK], person)

    def squares(self, encodings: Matrix, person: str) -> Floats:
        """(n, people) squared L2 distances; infinite to the person of the faces."""
        lengths = (encodings * encodings).sum(axis=1)[:, None] + (self._averages * self._averages).sum(axis=1)
        squares = np.maximum(lengths - 2 * encodings @ self._averages.T, 0)
        squares[:, self._place[person]] = np.inf
        return np.asarray(squares)

    def nearest(self, squares: Floats, but: Collection[str]) -> tuple[str | None, float, float]:
        """The nearest person by the distances of one face, L2; and the least squared one with its handicap."""
        places = [place for name in but if (place := self._place.get(name)) is not None]
        squares[places] = np.inf
        least = int(squares.argmin())
        if not np.isfinite(squares[least]):
            return None, np.inf, np.inf
        return self._names[least], float(np.sqrt(squares[least])), float((squares + self._handicaps).min())


def _strangers(
    faces: Sequence[Sighting], cannot_links: Sequence[tuple[int, int]], kept_apart: Sequence[tuple[int, int]]
) -> dict[int, set[str]]:
    """By face (id) the people who it is not, as the user said or one frame showed."""
    person_of = {face.id: face.person for face in faces if face.person is not None}
    of_track: dict[int, list[Sighting]] = {}
    for face in faces:
        if face.track is not None and face.person is not None:
            of_track.setdefault(face.track, []).append(face)
    strangers: dict[int, set[str]] = {}
    for one, other in kept_apart:
        if other in person_of:
            strangers.setdefault(one, set()).add(person_of[other])
    for pair in cannot_links:
        for one, other in (pair, pair[::-1]):
            people = {face.person for face in of_track.get(other, ()) if face.person is not None}
            for face in of_track.get(one, ()) if people else ():
                strangers.setdefault(face.id, set()).update(people)
    return strangers


def _outliers(
    faces: Sequence[Sighting], encodings: Matrix, people: _People, strangers: Mapping[int, Collection[str]], rule: Rule
) -> Iterator[Outlier]:
    count = len(faces)
    if count < _FEWEST_NEARER:
        return
    scores = _scores(np.linalg.norm(encodings - np.median(encodings, axis=0), axis=1), _SMOOTHEST * rule.limit)
    to_others = people.blocks(encodings, faces[0].person or "")
    total, squares = encodings.sum(axis=0), float((encodings * encodings).sum())
    scatter = squares / count - float(total @ total) / count**2
    for face, encoding, score, to_other in zip(faces, encodings, scores.tolist(), to_others, strict=True):
        rest = (total - encoding) / (count - 1)
        scatter_without = max(0.0, (squares - float(encoding @ encoding)) / (count - 1) - float(rest @ rest))
        distance = float(np.linalg.norm(encoding - rest))
        own = distance**2 + rule.spread * scatter_without
        nearest, near, least = people.nearest(to_other, strangers.get(face.id, ()))
        is_odd = score > _OUTLIER and count >= _FEWEST and (own >= rule.limit**2 or near <= distance)
        is_nearer = own**0.5 - least**0.5 > _CLEARLY * rule.limit
        if not (is_nearer or is_odd):
            continue
        yield Outlier(
            face,
            distance,
            score,
            1 - scatter_without / scatter if scatter > 0 else 0.0,
            nearest,
            None if nearest is None else near,
            _keeper(face, faces),
        )


def _scores(distances: Floats, smoothest: float) -> Floats:
    middle = np.median(distances)
    deviation = max(float(np.median(np.abs(distances - middle))), smoothest * _TO_SIGMA)
    return np.asarray(_TO_SIGMA * (distances - middle) / deviation)


def _keeper(face: Sighting, faces: Sequence[Sighting]) -> str | None:
    if face.corrected:
        return "you placed it"
    if is_named(face.person):
        return "you named the folder"
    if any(other.corrected for other in faces):
        return "you put faces into the folder"
    if face.track is not None and sum(other.track == face.track for other in faces) > 1:
        return "the rest of its track is there"  # second thoughts would bring it back
    return None


def _duplicates(
    faces: Sequence[Sighting],
    numbers: Sequence[int],
    encodings: Matrix,
    picture_of: PictureOf,
    limit: float,
) -> Iterator[Duplicates]:
    """Each face is a duplicate of the best one that it is like."""
    looks: dict[int, Bits | None] = {}

    def look_of(place: int) -> Bits | None:
        if place not in looks:
            image = picture_of(numbers[place])
            looks[place] = None if image is None else difference_hash(image)
        return looks[place]

    def is_same(one: int, other: int) -> bool:
        if _are_close(faces[one], faces[other]):
            return True
        here, there = look_of(one), look_of(other)
        return here is not None and there is not None and int((here != there).sum()) <= _SAME_LOOK

    squares = (encodings * encodings).sum(axis=1)
    free = np.ones(len(faces), bool)
    for best in sorted(range(len(faces)), key=lambda place: (-(faces[place].quality or 0.0), faces[place].id)):
        if not free[best]:
            continue
        free[best] = False
        square = squares + squares[best] - 2 * (encodings @ encodings[best])
        same = [place for place in np.flatnonzero(free & (square < limit**2)).tolist() if is_same(best, place)]
        free[same] = False
        if same:
            yield Duplicates(faces[best], tuple(faces[place] for place in same))


def _are_close(one: Sighting, other: Sighting) -> bool:
    if one.source is None or one.source != other.source or one.position is None or other.position is None:
        return False
    return abs(one.position - other.position) <= _CLOSE


def difference_hash(image: Image) -> Bits:
    """(8, 8): whether each of 9 x 8 parts of a picture is brighter than the one to its right (Krawetz's dHash)."""
    grey = image.mean(axis=2)
    rows, columns = (
        np.linspace(0, size, parts, endpoint=False).astype(int) for size, parts in zip(grey.shape, (8, 9), strict=True)
    )
    tiles = np.add.reduceat(np.add.reduceat(grey, rows, axis=0), columns, axis=1)
    areas = np.diff(np.append(rows, grey.shape[0]))[:, None] * np.diff(np.append(columns, grey.shape[1]))
    brightness = tiles / areas
    return np.asarray(brightness[:, :-1] > brightness[:, 1:])


def record(findings: Audit) -> dict[str, Any]:
    """As JSON. Distances: L2."""
    return {
        "outliers": [
            {
                "face": outlier.face.face,
                "person": outlier.face.person,
                "distance": outlier.distance,
                "score": outlier.score,
                "tighter": outlier.tighter,
                "nearest": {"person": outlier.nearest, "distance": outlier.nearest_distance}
                if outlier.nearest
                else None,
                "kept_by": outlier.kept_by,
            }
            for outlier in findings.outliers
        ],
        "duplicates": [
            {
                "person": duplicates.kept.person,
                "face": duplicates.kept.face,
                "others": [face.face for face in duplicates.others],
            }
            for duplicates in findings.duplicates
        ],
        "splits": [
            {
                "person": split.person,
                "groups": [[face.face for face in group] for group in split.groups],
                "distance": split.distance,
                "certain": split.certain,
                "why": split.why,
                "movable": [face.face for face in split.movable],
            }
            for split in findings.splits
        ],
    }


def lines(findings: Audit) -> Iterator[str]:
    """What an audit found, in words."""
    for outlier in findings.outliers:
        near = f", {outlier.nearest} is {outlier.nearest_distance:.3f} away" if outlier.nearest else ""
        kept = f"; left, since {outlier.kept_by}" if outlier.kept_by else ""
        yield (
            f"outlier: {outlier.face.face} of {outlier.face.person} is {outlier.distance:.3f} from the others "
            f"(score {outlier.score:.1f}; scatter {outlier.tighter:.0%} less without it{near}){kept}"
        )
    for duplicates in findings.duplicates:
        others = ", ".join(face.face for face in duplicates.others)
        yield (
            f"near-duplicates of {duplicates.kept.person}: {duplicates.kept.face} is the best of "
            f"{len(duplicates.others) + 1} pictures that show nearly the same; the others are {others}"
        )
    for split in findings.splits:
        sizes = " and ".join(f"{counted(len(group), 'face')} from {group[0].face}" for group in split.groups)
        kept = "" if split.movable else "; left, since you put faces of both there"
        yield f"may be two: {split.person}, {sizes}, are {split.distance:.3f} apart; {split.why}{kept}"
    count = sum(len(duplicates.others) for duplicates in findings.duplicates)
    outliers, near = counted(len(findings.outliers), "outlier"), counted(count, "near-duplicate")
    yield f"{outliers}, {near}, {counted(len(findings.splits), 'person', 'people')} that may be two"
