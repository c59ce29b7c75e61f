"""Faces of which it is known whose they are, as parallel arrays."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.identity.tracks import worth_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = dict[str, Any]
NOBODY = "?"  # the label of a face that is not scored: in the background, or unclear by eye
HALVES = ("first half", "second half")  # limits are chosen on the first


def tell(sentence: str) -> None:
    print(f"... {sentence}", file=sys.stderr, flush=True)


def half(people: Sequence[str], number: int) -> list[str]:
    """Every second name in sorted order: number 0 begins with the first, on whom limits are chosen, 1 with the next."""
    return sorted(people)[number::2]


@dataclass(frozen=True)
class Faces:
    """A set of faces, in the order of its sources: parallel arrays of length n."""

    encoding: Floats  # (n, 128)
    person: npt.NDArray[np.str_]  # the true one, or NOBODY
    source: Ints  # number of the clip or picture
    frame: Ints  # number of the frame among all frames of the set
    track: Ints  # numbers from 0
    quality: Floats

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        return self.person != NOBODY


def row(face: Any, person: str, *, source: int, frame: int, track: int) -> Numbers:
    quality = worth_of(face.quality)
    return {
        "encoding": face.encoding, "person": person, "source": source, "frame": frame, "track": (source << 20) + track,
        "quality": quality,
    }  # fmt: skip


def gathered(rows: Sequence[Numbers]) -> Faces:
    """The faces of such rows, with frames and tracks numbered from 0."""
    return numbered(Faces(**{key: np.array([one[key] for one in rows]) for key in rows[0]}))


def numbered(faces: Faces) -> Faces:
    """The same with frames and tracks numbered from 0, each number used."""
    frame, track = (np.unique(numbers, return_inverse=True)[1] for numbers in (faces.frame, faces.track))
    return Faces(faces.encoding, faces.person, faces.source, frame, track, faces.quality)


def of_half(faces: Faces, number: int) -> Faces:
    """The faces of half of the people, and those that are not scored; who are family ("name/...") stay together."""
    family = np.array([name.partition("/")[0] for name in faces.person.tolist()])
    there = np.isin(family, [NOBODY, *half(np.unique(family[faces.scored]).tolist(), number)])
    return numbered(Faces(*(column[there] for column in vars(faces).values())))
