"""Unknown faces by their tracks. Pure numpy, no files."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Encoding, Sighting
from face_classifier.identity.matching.columns import (
    LabelColumns,
    encoding_of,
    key_of,
    runs_of,
    sizes_of_runs,
    totals_of_runs,
)
from face_classifier.identity.matching.nearest import EncodingRows, Matrix
from face_classifier.identity.tracks import worth_of, worths_of


@dataclass(slots=True)
class Group:
    """Unknown faces of one track, or a single one: nobody yet, but certainly one person."""

    key: int  # the track, or a number below zero of a face without one
    ids: list[int]  # rising
    worth: float  # the sum of their qualities
    digest: int  # the sum of their digests


class Unknowns:
    """The groups, whose means are the same, bit for bit, in whatever order faces came."""

    def __init__(self) -> None:
        self._groups: list[Group] = []  # parallel to the rows of their means
        self._row_of: dict[int, int] = {}  # by key
        self._means = EncodingRows(lambda row: self._groups[row].ids)
        self.faces = 0  # with those that the user pinned to unknown, which are in no group
        self.digest = 0  # the sum of those of the faces

    def of_track(self, track: int | None) -> Group | None:
        return self._groups[self._row_of[track]] if track in self._row_of else None

    def mean(self, group: Group) -> Encoding:
        """Of the encodings of the faces of a group."""
        return self._means[self._row_of[group.key]]

    def total(self, group: Group) -> Encoding:
        """The sum of the encodings of the faces of a group."""
        return self._means.totals(self._row_of[group.key]).copy()

    def nearest(self, probe: Encoding, forbidden: Iterable[int]) -> tuple[Group, float] | None:
        """The group whose mean is nearest, and how far (L2). ``forbidden``: keys."""
        nearest = self._means.nearest(probe, {self._row_of[key] for key in forbidden if key in self._row_of})
        return nearest and (self._groups[nearest[0]], nearest[1])

    def foresee(self, probes: Matrix, *, more: bool = False) -> npt.NDArray[np.float64]:
        """See `EncodingRows.foresee`."""
        return self._means.foresee(probes, more=more)

    def add(self, faces: LabelColumns) -> None:
        """Take in faces. Those that are pinned count, but for no decision."""
        self.faces += len(faces)
        self.digest += int(faces.digests().sum())
        faces = faces[~faces.pinned]
        if not len(faces):
            return
        faces = faces[np.lexsort((faces.ids, faces.keys()))]
        keys = faces.keys()
        starts = runs_of(keys)
        ends = [*starts[1:].tolist(), len(keys)]
        ids, digests, worth = faces.ids.tolist(), faces.digests(), np.add.reduceat(worths_of(faces.quality), starts)
        sums = np.add.reduceat(digests, starts).tolist()
        new = 0
        for start, end, key, good, digest in zip(
            starts.tolist(), ends, keys[starts].tolist(), worth.tolist(), sums, strict=True
        ):
            row = self._row_of.setdefault(key, len(self._groups))
            if row == len(self._groups):
                self._groups.append(Group(key, ids[start:end], good, digest))
                new += 1
            else:
                group = self._groups[row]
                for face in ids[start:end]:
                    insort(group.ids, face)
                group.worth += good
                group.digest += digest
        self._means.grow(new)
        rows = np.array([self._row_of[key] for key in keys[starts].tolist()], np.intp)
        totals = self._means.totals(rows) + totals_of_runs(np.asarray(faces.encodings, np.float64), starts)
        self._means.replace(rows, totals, self._means.faces(rows) + sizes_of_runs(starts, len(keys)))

    def add_one(self, face: Sighting, digest: int) -> None:
        """As `add` of one face, with its digest, in less time."""
        self.faces += 1
        self.digest += digest
        if face.pinned:
            return
        key, worth, encoding = key_of(face), worth_of(face.quality), encoding_of(face)
        row = self._row_of.setdefault(key, len(self._groups))
        if row == len(self._groups):
            self._groups.append(Group(key, [face.id], worth, digest))
            self._means.grow(1)
        else:
            group = self._groups[row]
            insort(group.ids, face.id)
            group.worth += worth
            group.digest += digest
        totals, faces = self._means.totals(row) + encoding, self._means.count(row) + 1
        mean = totals / faces
        self._means.replace_one(row, totals, faces, mean, float(np.add.reduce(mean**2)))

    def remove(self, face: Sighting, digest: int) -> None:
        """Forget one face, with its digest, and with all others of its track unless it is pinned."""
        if face.pinned:
            self.faces -= 1
            self.digest -= digest
            return
        row = self._row_of.pop(key_of(face), None)
        if row is None:
            return
        self.faces -= len(self._groups[row].ids)
        self.digest -= self._groups[row].digest
        last = self._groups.pop()
        if row < len(self._groups):
            self._groups[row] = last
            self._row_of[last.key] = row
        self._means.drop(row)
