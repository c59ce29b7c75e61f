"""Poison audit: faces that do not fit their person, near-duplicates, people that may be two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.errors import UserError
from face_classifier.core.progress import Observer
from face_classifier.core.settings import Settings
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Image, Sighting
from face_classifier.curate.ask import carry_out
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.identity.grouping.people import second_thoughts
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Constraints, templates
from face_classifier.identity.matching.nearest import Matrix
from face_classifier.identity.naming import is_named, natural
from face_classifier.identity.rules import rule_of
from face_classifier.identity.tracks import cannot_link_pairs, parts
from face_classifier.sources.picture import read_picture

Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.bool_]

_FEWEST = 4  # faces from which a person has an ordinary distance that one can be far beyond
_OUTLIER = 3.5  # modified z-score: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993)
_TO_SIGMA = 0.6745  # the median absolute deviation of a normal distribution with a standard deviation of 1
# In limits of second thoughts, since each encoder has distances of its own:
_SMOOTHEST = 0.04  # distances of a person are never taken to vary less, or three alike would accuse a fourth
_ALIKE = 0.2  # between near-identical encodings; two frames a second apart are mostly farther
_CLOSE = 2.0  # seconds of one source
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
class Split:
    """A person that may be two."""

    person: str
    groups: tuple[tuple[Sighting, ...], tuple[Sighting, ...]]  # the two largest
    distance: float  # L2 between their averages
    certain: bool  # two of its tracks shared a frame


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

    findings = audit(snapshot.faces, picture_of, snapshot.cannot_links, rule_of(snapshot.settings))
    if not apply:
        return findings, 0
    movable = {face.id: face for face in snapshot.faces if face.id in findings.movable}
    faces = [[face_id, movable[face_id].face, movable[face_id].person] for face_id in findings.movable]
    return findings, carry_out(settings, "audit", {"faces": faces}, observer)


def audit(
    sightings: Iterable[Sighting],
    picture_of: PictureOf,
    cannot_links: Sequence[tuple[int, int]],
    rule: Rule,
) -> Audit:
    """Look for what does not fit.

    An outlier is a face whose distance to the component-wise median of its person has a modified z-score above 3.5, and
    that is nearer to another person's average, or farther from that of the others than second thoughts would take in.
    People may be two if second thoughts about their faces alone make two people of them, or if two of their tracks
    shared a frame. Near-duplicates have near-identical encodings, and either lie close in one source or have nearly
    the same difference hash.

    Parameters
    ----------
    sightings: all faces; those without an encoding take no part.
    picture_of: gives the picture of the n-th of them.
    cannot_links: pairs of tracks that shared a frame.
    rule: of second thoughts.
    """
    faces = list(sightings)
    of_person: dict[str, list[int]] = {}
    for number, face in enumerate(faces):
        if face.person is not None and face.encoding is not None:
            of_person.setdefault(face.person, []).append(number)
    people = {name: (numbers, _encodings(faces, numbers)) for name, numbers in of_person.items()}
    averages = {name: encodings.mean(axis=0) for name, (_, encodings) in people.items()}
    findings = Audit([], [], [])
    for name, (numbers, encodings) in sorted(people.items(), key=lambda item: natural(item[0])):
        own = [faces[number] for number in numbers]
        findings.outliers.extend(_outliers(own, encodings, averages, rule))
        findings.duplicates.extend(_duplicates(own, numbers, encodings, picture_of, _ALIKE * rule.limit))
        findings.splits.extend(_split(name, own, encodings, cannot_links, rule))
    findings.outliers.sort(key=lambda outlier: (-outlier.distance, outlier.face.id))
    return findings


def _encodings(faces: Sequence[Sighting], numbers: Sequence[int]) -> Matrix:
    return np.array([faces[number].encoding for number in numbers])


def _outliers(
    faces: Sequence[Sighting], encodings: Matrix, averages: dict[str, Matrix], rule: Rule
) -> Iterator[Outlier]:
    count = len(faces)
    if count < _FEWEST:
        return
    score = _scores(np.linalg.norm(encodings - np.median(encodings, axis=0), axis=1), _SMOOTHEST * rule.limit)
    total, squares = encodings.sum(axis=0), float((encodings * encodings).sum())
    scatter = squares / count - float(total @ total) / count**2
    for number in np.flatnonzero(score > _OUTLIER).tolist():
        face, encoding = faces[number], encodings[number]
        rest = (total - encoding) / (count - 1)
        scatter_without = (squares - float(encoding @ encoding)) / (count - 1) - float(rest @ rest)
        distance = float(np.linalg.norm(encoding - rest))
        others = [(float(np.linalg.norm(encoding - averages[name])), name) for name in averages if name != face.person]
        near, nearest = min(others, default=(None, None))
        is_far = distance**2 + rule.spread * scatter_without >= rule.limit**2
        if not is_far and (near is None or near > distance):
            continue
        yield Outlier(
            face, distance, float(score[number]), 1 - scatter_without / scatter, nearest, near, _keeper(face, faces)
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


def _split(
    name: str, faces: Sequence[Sighting], encodings: Matrix, cannot_links: Sequence[tuple[int, int]], rule: Rule
) -> Iterator[Split]:
    keys = parts(faces, rule.track)
    track = np.array([part for _, part in keys])
    pairs = cannot_link_pairs(keys, cannot_links)
    summed = templates(encodings, np.ones(len(faces)), track)
    label = second_thoughts(summed, Constraints(pairs), rule)[track]
    groups = [np.flatnonzero(label == number) for number in range(label.max() + 1)]
    certain = len(pairs) > 0
    if certain and len(groups) < 2:  # too few faces to be people, and two for certain
        one, other = pairs[0]
        groups = [np.flatnonzero(track == one), np.flatnonzero(track == other)]
    if len(groups) >= 2:
        one_part, other_part = sorted(groups, key=lambda part: (-len(part), int(part[0])))[:2]
        off = encodings[one_part].mean(axis=0) - encodings[other_part].mean(axis=0)
        both = tuple(faces[place] for place in one_part.tolist()), tuple(faces[place] for place in other_part.tolist())
        yield Split(name, both, float(np.linalg.norm(off)), certain)


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
        yield f"near-duplicates: {duplicates.kept.face} of {duplicates.kept.person} = {others}"
    for split in findings.splits:
        sizes = " and ".join(f"{len(group)} faces from {group[0].face}" for group in split.groups)
        why = ", and were seen in one frame" if split.certain else ""
        yield f"may be two: {split.person}, {sizes}, are {split.distance:.3f} apart{why}"
    count = sum(len(duplicates.others) for duplicates in findings.duplicates)
    yield (f"{len(findings.outliers)} outliers, {count} near-duplicates, {len(findings.splits)} people that may be two")
