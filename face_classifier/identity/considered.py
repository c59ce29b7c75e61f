"""What second thoughts know of faces, as parallel arrays: .6 kB a face. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE, Sighting
from face_classifier.identity.matching.columns import Flags, LabelColumns, columns_of
from face_classifier.identity.matching.nearest import Ints
from face_classifier.identity.tracks import moment_of

_PIECE = 1 << 13  # faces of which there are sightings at a time


@dataclass(frozen=True)
class Considered:
    """n faces with encodings."""

    labels: LabelColumns
    position: npt.NDArray[np.float64]  # (n,) seconds, the source's clock; 0 where it tells none
    moment: npt.NDArray[np.float64]  # (n,) when it was seen, as `moment_of` says
    source: Ints  # (n,) sources numbered from 0; -1 = not known

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Flags) -> Considered:
        return Considered(self.labels[rows], self.position[rows], self.moment[rows], self.source[rows])

    def places_of(self, faces: Ints) -> Ints:
        """Where faces with these ids are, in an array of the same shape; -1 = nowhere."""
        order = np.argsort(self.labels.ids, kind="stable")
        ids = self.labels.ids[order]
        place = np.searchsorted(ids, faces)
        place = np.minimum(place, len(ids) - 1)
        return np.where(ids[place] == faces, order[place], -1)


def considered(sightings: Iterable[Sighting]) -> Considered:
    """Those of the faces that have an encoding, in the same order; none of the sightings is kept in memory."""
    people: dict[str, int] = {}
    sources: dict[tuple[str | None, str | None], int] = {}
    pieces: list[Considered] = []
    encodings, count = np.empty((0, ENCODING_SIZE), np.float32), 0
    coming = (face for face in sightings if face.encoding is not None)
    while some := list(islice(coming, _PIECE)):
        piece = _piece(some, people, sources)
        if count + len(some) > len(encodings):
            # in place: a larger copy beside the old one would be twice the memory
            encodings.resize((count + max(len(some), count // 8), ENCODING_SIZE), refcheck=False)
        encodings[count : count + len(some)] = piece.labels.encodings
        count += len(some)
        pieces.append(replace(piece, labels=replace(piece.labels, encodings=encodings[:0])))
    together = _together(pieces) if pieces else _piece([], people, sources)
    return replace(together, labels=replace(together.labels, names=list(people), encodings=encodings[:count]))


def _piece(
    faces: list[Sighting], people: dict[str, int], sources: dict[tuple[str | None, str | None], int]
) -> Considered:
    """``people``, ``sources``: which numbers they have so far; more are added."""
    labels = columns_of(faces)
    number = [people.setdefault(name, len(people)) for name in labels.names]
    person = np.append(number, -1).astype(np.int32)[labels.person]
    return Considered(
        replace(labels, person=person),
        np.array([face.position or 0.0 for face in faces], np.float64),
        np.array([moment_of(face) for face in faces], np.float64),
        np.array(
            [
                -1 if face.source is None else sources.setdefault((face.source, face.fingerprint), len(sources))
                for face in faces
            ],
            np.int64,
        ),
    )


def _together(pieces: list[Considered]) -> Considered:
    labels = [piece.labels for piece in pieces]
    return Considered(
        LabelColumns(
            ids=np.concatenate([piece.ids for piece in labels]),
            names=[],
            person=np.concatenate([piece.person for piece in labels]),
            track=np.concatenate([piece.track for piece in labels]),
            quality=np.concatenate([piece.quality for piece in labels]),
            pinned=np.concatenate([piece.pinned for piece in labels]),
            corrected=np.concatenate([piece.corrected for piece in labels]),
            encodings=labels[0].encodings,
        ),
        np.concatenate([piece.position for piece in pieces]),
        np.concatenate([piece.moment for piece in pieces]),
        np.concatenate([piece.source for piece in pieces]),
    )
