"""Rules of who is who, each on the same encodings: those of the project, and what others do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import dlib
import numpy as np

from face_classifier.core.types import Sighting
from face_classifier.identity.grouping.people import UNKNOWN, second_thoughts
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Constraints, shared_frames, templates
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.profiles import BY_ENCODER, EncoderProfile
from face_classifier.photos.albums import groups as albums
from recognition.faces import Faces, Floats, Ints


@dataclass(frozen=True)
class Thresholds:
    """L2 limits for one encoder. dlib's are the usual ones; SFace's are those that suit LFW best."""

    original: float  # the original program's default
    whispers: float
    dbscan: float
    average: float
    ours: EncoderProfile  # what the project itself uses


THRESHOLDS = {
    "dlib": Thresholds(0.44, 0.45, 0.45, 0.50, BY_ENCODER["dlib"]),
    "sface": Thresholds(0.428, 0.446, 0.446, 0.482, BY_ENCODER["sface"]),
}


def original(faces: Faces, order: Ints, threshold: float) -> Ints:
    """The original program: the nearest average below the threshold, else a new person with the nearest unknown."""
    label = np.full(len(order), UNKNOWN)
    sums, counts = np.zeros((0, faces.encoding.shape[1])), np.zeros(0)
    unknown: list[int] = []
    for face in order:
        x = faces.encoding[face]
        person, distance = _nearest(sums / counts[:, None], x)
        if distance < threshold:
            sums[person] += x
            counts[person] += 1
            label[face] = person
            continue
        partner, distance = _nearest(faces.encoding[unknown], x)
        if distance < threshold:
            other = unknown.pop(partner)
            label[[face, other]] = len(sums)
            sums, counts = np.vstack([sums, x + faces.encoding[other]]), np.append(counts, 2)
        else:
            unknown.append(face)
    return label


def _nearest(points: Floats, x: Floats) -> tuple[int, float]:
    distance = np.linalg.norm(points - x, axis=1)
    return (int(distance.argmin()), float(distance.min())) if len(distance) else (-1, np.inf)


def thought_again(faces: Faces, rule: Rule) -> Ints:
    doubt = rule.doubt(faces.encoding, faces.quality)
    tracks = templates(faces.encoding, faces.quality, faces.track, doubt)
    return second_thoughts(tracks, Constraints(shared_frames(faces.frame, faces.track)), rule)[faces.track]


def whispers(faces: Faces, order: Ints, threshold: float) -> Ints:
    """dlib's Chinese whispers."""
    found = dlib.chinese_whispers_clustering([dlib.vector(faces.encoding[face]) for face in order], threshold)
    label = np.empty(len(order), np.int64)
    label[order] = found
    return without_singles(label)


def dbscan(faces: Faces, order: Ints, threshold: float, neighbours: int = 3) -> Ints:
    """DBSCAN; with three neighbours it is as Immich groups faces."""
    from sklearn.cluster import DBSCAN

    label = np.empty(len(order), np.int64)
    label[order] = DBSCAN(eps=threshold, min_samples=neighbours).fit_predict(faces.encoding[order])
    return label


def average_linkage(faces: Faces, order: Ints, threshold: float) -> Ints:
    from scipy.cluster.hierarchy import fcluster, linkage

    label = np.empty(len(order), np.int64)
    label[order] = fcluster(linkage(faces.encoding[order], "average"), threshold, "distance")
    return without_singles(label)


def without_singles(label: Ints) -> Ints:
    """A cluster of one face is no person."""
    _, into, counts = np.unique(label, return_inverse=True, return_counts=True)
    return np.where(counts[into] >= 2, into, UNKNOWN)


def rules(limits: Thresholds) -> dict[str, Callable[[Faces, Ints], Ints]]:
    """Name -> labels of a set's faces in a given order."""
    return {
        "original": lambda faces, order: original(faces, order, limits.original),
        "online": lambda faces, order: online(faces, order, limits.ours),
        "second thoughts": lambda faces, _: thought_again(faces, limits.ours.rule),
        "whispers": lambda faces, order: whispers(faces, order, limits.whispers),
        "DBSCAN": lambda faces, order: dbscan(faces, order, limits.dbscan),
        "average linkage": lambda faces, order: average_linkage(faces, order, limits.average),
    }


def online(faces: Faces, order: Ints, space: EncoderProfile) -> Ints:
    """The project's own PersonDB, face after face."""
    people = PersonDB(
        space.threshold,
        spread=space.spread,
        founding=3,
        tightening=space.tightening,
        certainty=space.rule.certainty,
    )
    placed: dict[int, Sighting] = {}
    for group in np.split(order, np.flatnonzero(np.diff(faces.frame[order])) + 1):
        for one, other in combinations(sorted({int(faces.track[face]) + 1 for face in group}), 2):
            people.links.add(one, other)
        for face in group.tolist():
            quality = float(faces.quality[face])
            match = people.decide(faces.encoding[face], int(faces.track[face]) + 1, quality)
            person = match.person or (f"person {len(placed)}" if match.partners else None)
            for partner in match.partners:
                people.remove(replace(placed[partner], person=None))
                placed[partner] = replace(placed[partner], person=person)
                people.add(placed[partner])
            encoding, track = faces.encoding[face], int(faces.track[face]) + 1
            placed[face] = Sighting(face, str(face), person, None, encoding=encoding, track=track, quality=quality)
            people.add(placed[face])
    names = {name: number for number, name in enumerate(sorted({one.person for one in placed.values() if one.person}))}
    return np.array([names.get(placed[face].person or "", UNKNOWN) for face in range(len(faces.track))])


def grouped(faces: Faces, order: Ints, rule: Rule) -> Ints:
    """The groups that `group` makes of the faces of photos in an order."""
    album = albums.Faces(faces.encoding[order], faces.quality[order], faces.frame[order])
    label = np.full(len(order), UNKNOWN)
    for number, found in enumerate(albums.group(album, rule)):
        if found.is_valid:
            label[order[[joined.face for joined in found.faces]]] = number
    return label
