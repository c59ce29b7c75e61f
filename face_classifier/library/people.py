"""Encodings in, people out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from face_classifier.core.config.flat import HIGHEST_THRESHOLD, USUAL_ENCODER, todays_threshold
from face_classifier.identity.grouping.people import second_thoughts
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Constraints, shared_frames, templates
from face_classifier.library.faces import profile_of

Ints = npt.NDArray[np.int64]
_FOUNDING = 3  # faces of a lone track that make a person, as in a run


def cluster(
    encodings: npt.ArrayLike,
    *,
    encoder: str = USUAL_ENCODER,
    threshold: float | None = None,
    rule: Rule | None = None,
    min_faces: int = _FOUNDING,
    quality: npt.ArrayLike | None = None,
    tracks: npt.ArrayLike | None = None,
    frames: npt.ArrayLike | None = None,
    cannot_link: npt.ArrayLike | None = None,
    must_link: npt.ArrayLike | None = None,
) -> Ints:
    """Groups faces into people, as a run does when it thinks again about all of them. Their order changes nothing.

    Parameters
    ----------
    encodings : (faces, d) floats, of one encoder; d is 128 for dlib and SFace
    encoder : "sface" or "dlib", whose limits hold
    threshold : L2; stricter or looser than the encoder's by as much as this is (`threshold`); None = as it is
    rule : the limits of another encoder, instead of ``encoder`` and ``threshold``; the vectors may be of any length
    min_faces : one fewer (but two) make a person of a track that is like no other, if their qualities add up to 1; two
        tracks always do
    quality : (faces,) 0 to 1, how much a face counts; None = all of them 1
    tracks : (faces,) whole numbers; faces with the same number from 0 up are one face over consecutive frames, and so
        one person; -1 = alone; None = all of them alone
    frames : (faces,) whole numbers; two faces with the same number from 0 up are two people; -1 = in no frame
    cannot_link : (pairs, 2) numbers of faces that are two people
    must_link : (pairs, 2) numbers of faces that are one person

    Returns
    -------
    (faces,) int64: the person of each face, 0, 1, ... with the one of most faces first, or -1 = of nobody

    ``must_link`` and ``tracks`` outweigh ``cannot_link`` and ``frames``. Raises ValueError where shapes, numbers or
    lengths do not fit.
    """
    vectors = np.asarray(encodings, np.float64)
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise ValueError(f"encodings are finite numbers of the shape (faces, d), not {vectors.shape}")
    faces = len(vectors)
    if rule is None:
        rule = _rule(encoder, threshold, min_faces)
        _check_lengths(vectors, encoder)
    good = np.ones(faces) if quality is None else np.asarray(quality, np.float64)
    if good.shape != (faces,) or (faces and not 0 <= good.min() <= good.max() <= 1):
        raise ValueError(f"quality is a number from 0 to 1 for each of {faces} faces")
    track = np.unique(_each_its_own(_numbers("tracks", tracks, faces)), return_inverse=True)[1]
    apart = [shared_frames(_each_its_own(_numbers("frames", frames, faces)), track)]
    apart.append(track[_pairs("cannot_link", cannot_link, faces)])
    together = _joined(track[_pairs("must_link", must_link, faces)], int(track.max(initial=-1)) + 1)
    constraints = Constraints(cannot_links=np.vstack(apart), together=together)
    return second_thoughts(templates(vectors, good, track, rule.doubt(vectors, good)), constraints, rule)[track]


def _rule(encoder: str, threshold: float | None, min_faces: int) -> Rule:
    profile = profile_of(encoder)
    if threshold is not None and not 0 < threshold <= HIGHEST_THRESHOLD:
        raise ValueError(
            f"the threshold is {threshold}, but must be above 0 and at most {HIGHEST_THRESHOLD:g}"
            f"{todays_threshold(threshold)}"
        )
    return profile.rule.stricter(1 if threshold is None else threshold / profile.threshold, min_faces)


def _check_lengths(vectors: npt.NDArray[np.float64], encoder: str) -> None:
    """Raise ValueError if one of the vectors cannot be an encoding of that encoder."""
    profile = profile_of(encoder)
    for number, length in enumerate(np.linalg.norm(vectors, axis=1).tolist()):
        if fault := profile.fault(length):
            raise ValueError(f"face {number} is of another encoder: {fault}; name yours with encoder=, or give a rule=")


def _numbers(name: str, values: npt.ArrayLike | None, faces: int) -> Ints:
    if values is None:
        return np.full(faces, -1)
    numbers = np.asarray(values)
    if numbers.shape != (faces,) or (faces and numbers.dtype.kind not in "iu"):
        raise ValueError(f"{name} are whole numbers for {faces} faces, not {numbers.dtype} {numbers.shape}")
    return numbers.astype(np.int64)


def _each_its_own(numbers: Ints) -> Ints:
    """The same numbers, with one of its own instead of each -1."""
    return np.where(numbers < 0, numbers.max(initial=-1) + 1 + np.arange(len(numbers)), numbers)


def _pairs(name: str, pairs: npt.ArrayLike | None, faces: int) -> Ints:
    numbers = np.asarray([] if pairs is None else pairs)
    if numbers.size == 0:
        return np.zeros((0, 2), np.int64)
    if numbers.ndim != 2 or numbers.shape[1] != 2 or numbers.dtype.kind not in "iu":
        raise ValueError(f"{name} has the shape (pairs, 2) and whole numbers, not {numbers.dtype} {numbers.shape}")
    if not 0 <= numbers.min() <= numbers.max() < faces:
        raise ValueError(f"{name} has numbers of faces, from 0 to {faces - 1}")
    return numbers.astype(np.int64)


def _joined(pairs: Ints, tracks: int) -> Ints | None:
    """(tracks,): the same number for those that pairs join, over others too; -1 = joined with none.

    None without pairs.
    """
    if not len(pairs):
        return None
    above = list(range(tracks))

    def top(track: int) -> int:
        while above[track] != track:
            above[track] = above[above[track]]
            track = above[track]
        return track

    for one, other in pairs.tolist():
        above[top(one)] = top(other)
    group = np.array([top(track) for track in range(tracks)])
    return np.where(np.bincount(group, minlength=tracks)[group] > 1, group, -1)
