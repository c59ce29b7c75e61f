"""Many labelled faces as parallel arrays, and what tells whether they are the very same. Pure numpy, no files."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE, Encoding, Label, Sighting
from face_classifier.identity.matching.nearest import Ints, Matrix, Rows

Flags = npt.NDArray[np.bool_]
Digests = npt.NDArray[np.uint64]
Encodings = npt.NDArray[np.float32] | npt.NDArray[np.float64]  # shape (n, 128)

_ALL = 2**64 - 1
_DICE = random.Random(0)  # any odd numbers do
_WORDS = np.array([_DICE.getrandbits(64) | 1 for _ in range(ENCODING_SIZE // 2)], np.uint64)
_FACTORS = [_DICE.getrandbits(64) | 1 for _ in range(4)]
_PIECE = 1 << 14  # faces of which there are copies at a time: 8 MB
_ZERO = np.float32(0)
_FEW_RUNS = 64  # of which each is summed by itself


@dataclass(frozen=True)
class LabelColumns:
    """What counts of n faces when another one is to be placed, as `Label` has it of one."""

    ids: Ints  # (n,)
    names: Sequence[str]  # of people, each once, in any order
    person: npt.NDArray[np.int32]  # (n,) the place among the names; -1 = unknown
    track: Ints  # (n,) 0 = none
    quality: npt.NDArray[np.float64]  # (n,) 0 to 1; NaN = not assessed
    pinned: Flags  # (n,)
    corrected: Flags  # (n,)
    encodings: Encodings  # (n, 128)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice | Ints | Flags) -> LabelColumns:
        return LabelColumns(
            self.ids[rows],
            self.names,
            self.person[rows],
            self.track[rows],
            self.quality[rows],
            self.pinned[rows],
            self.corrected[rows],
            self.encodings[rows],
        )

    def keys(self) -> Ints:
        """(n,) the track of each face, or a number below zero, which no other face has, where it has none."""
        return np.where(self.track != 0, self.track, np.where(self.ids > 0, -2 * self.ids, 2 * self.ids - 1))

    def digests(self) -> Digests:
        """(n,) of all that counts of each face but its person: the same for the same, in every process."""
        found = np.empty(len(self), np.uint64)
        for start in range(0, len(self), _PIECE):
            piece = slice(start, start + _PIECE)
            encodings = np.ascontiguousarray(self.encodings[piece], np.float32) + _ZERO  # of which -0 is 0, too
            found[piece] = encodings.view(np.uint64) @ _WORDS
        quality = np.where(np.isnan(self.quality), -1.0, self.quality)
        flags = self.pinned.astype(np.uint64) + 2 * self.corrected.astype(np.uint64)
        others = self.ids.view(np.uint64), self.track.view(np.uint64), quality.view(np.uint64), flags
        for column, factor in zip(others, np.array(_FACTORS, np.uint64), strict=True):
            found = _mixed(found + column * factor)
        return found


def digest_of(face: Sighting | Label) -> int:
    """What `LabelColumns.digests` says of one face, in less time. Raises ValueError without an encoding."""
    encoding = np.ascontiguousarray(encoding_of(face), np.float32) + _ZERO
    found = int(encoding.view(np.uint64) @ _WORDS)
    quality = -1.0 if face.quality is None or math.isnan(face.quality) else face.quality
    flags = int(face.pinned) + 2 * int(face.corrected)
    others = face.id, face.track or 0, int.from_bytes(pack("<d", quality), "little"), flags
    for word, factor in zip(others, _FACTORS, strict=True):
        found = (found + word * factor) & _ALL
        found = ((found ^ (found >> 30)) * 0xBF58476D1CE4E5B9) & _ALL  # as `_mixed`
        found = ((found ^ (found >> 27)) * 0x94D049BB133111EB) & _ALL
        found ^= found >> 31
    return found


def encoding_of(face: Sighting | Label) -> Encoding:
    """The encoding of a face. Raises ValueError for one without."""
    if face.encoding is None:
        raise ValueError(f"the face {face.id} has no encoding")
    return face.encoding


def key_of(face: Sighting | Label) -> int:
    """What `LabelColumns.keys` says of one face."""
    return face.track or (-2 * face.id if face.id > 0 else 2 * face.id - 1)


def _mixed(words: Digests) -> Digests:
    """The words with each bit depending on all others (Steele's SplitMix64), so that sums of them tell sets apart."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def columns_of(faces: Sequence[Sighting | Label]) -> LabelColumns:
    """The same faces as columns. Raises ValueError for one without an encoding."""
    encodings = np.empty((len(faces), ENCODING_SIZE))
    for number, face in enumerate(faces):
        encodings[number] = encoding_of(face)
    places: dict[str, int] = {}
    person = [-1 if face.person is None else places.setdefault(face.person, len(places)) for face in faces]
    return LabelColumns(
        ids=np.array([face.id for face in faces], np.int64),
        names=list(places),
        person=np.array(person, np.int32),
        track=np.array([face.track or 0 for face in faces], np.int64),
        quality=np.array([np.nan if face.quality is None else face.quality for face in faces], np.float64),
        pinned=np.array([face.pinned for face in faces], bool),
        corrected=np.array([face.corrected for face in faces], bool),
        encodings=encodings,
    )


def runs_of(values: npt.NDArray[Any]) -> Rows:
    """(runs,) where each run of equal ``values``, (n,), n > 0, begins."""
    is_first = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=is_first[1:])
    return is_first.nonzero()[0]


def sizes_of_runs(starts: Rows, count: int) -> Ints:
    """(runs,) how long each is that begins at ``starts``, of ``count`` values."""
    sizes = np.empty(len(starts), np.int64)
    np.subtract(starts[1:], starts[:-1], out=sizes[:-1])
    sizes[-1] = count - starts[-1]
    return sizes


def totals_of_runs(rows: Matrix, starts: Rows) -> Matrix:
    """(runs, 128): the sum of each run of ``rows`` (n, 128), which begins at ``starts``.

    In a tenth of the time of `np.add.reduceat` where runs are short and many.
    """
    if len(starts) == len(rows):
        return rows
    sizes, totals = sizes_of_runs(starts, len(rows)), rows[starts]
    longer, place = np.flatnonzero(sizes > 1), 1
    while len(longer) > _FEW_RUNS:
        totals[longer] += rows[starts[longer] + place]
        place += 1
        longer = longer[sizes[longer] > place]
    for run in longer.tolist():
        totals[run] += rows[starts[run] + place : starts[run] + sizes[run]].sum(axis=0)
    return totals
