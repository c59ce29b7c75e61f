"""The faces of one folder in columns, as the table had them at one moment. It never changes, so threads share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE, Encoding
from face_classifier.gallery.places import UNKNOWNS, is_excluded
from face_classifier.gallery.reading.cards import FaceCard, PersonCard
from face_classifier.identity.naming import is_named, natural

Order = Literal["odd", "newest", "oldest", "best"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NO_TIME = np.iinfo(np.int64).min
NO_TRACK = -1
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def stamp_of(time: str | None) -> int:
    """Microseconds since 1970 of a stored time (ISO 8601). Raises ValueError where it is none."""
    if time is None:
        return NO_TIME
    try:
        return (datetime.fromisoformat(time) - _EPOCH) // _MICROSECOND
    except TypeError:  # it is no text, or tells no zone
        raise ValueError(f"a time is {time!r}") from None


def time_of(stamp: int) -> datetime | None:
    """The other way round: aware, UTC."""
    return None if stamp == NO_TIME else _EPOCH + timedelta(microseconds=stamp)


@dataclass(frozen=True, eq=False)
class FolderFaces:
    """Columns of equal length, a face each, in the order of the ids."""

    folder: str
    ids: Ints
    names: Sequence[str]
    sources: Sequence[str | None]
    times: Ints  # microseconds since 1970, UTC; NO_TIME
    positions: Floats  # seconds, the source's clock; NaN: none
    tracks: Ints  # NO_TRACK
    qualities: Floats  # NaN: none
    corrected: npt.NDArray[np.bool_]
    pinned: npt.NDArray[np.bool_]
    hashes: npt.NDArray[np.uint32]  # the first 8 hexadecimal digits
    marks: Ints  # another one: the picture's file is another one
    encodings: npt.NDArray[np.float32]  # (faces, 128)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def person(self) -> str | None:
        """Whose folder it is; None: of nobody yet, or of excluded pictures."""
        return None if is_excluded(self.folder) or self.folder == UNKNOWNS else self.folder

    @cached_property
    def average(self) -> Encoding:
        """(128,) float64, of the encodings of its faces."""
        return self.encodings.mean(axis=0, dtype=np.float64) if len(self) else np.zeros(ENCODING_SIZE)

    @cached_property
    def distances(self) -> Floats:
        """L2 of each face to the average; without the face itself it were n / (n - 1) times that, in the same order."""
        return self.distances_to(self.average)

    def distances_to(self, encoding: Encoding) -> Floats:
        """L2 of each face to one encoding (128,)."""
        apart = self.encodings - encoding.astype(np.float32)
        return np.sqrt(np.einsum("ij,ij->i", apart, apart)).astype(np.float64)

    @cached_property
    def span(self) -> tuple[int, int]:
        """The first and the last time, as in ``times``; NO_TIME where no face tells one."""
        told = self.times[self.times != NO_TIME]
        return (int(told.min()), int(told.max())) if len(told) else (NO_TIME, NO_TIME)

    @cached_property
    def best(self) -> int:
        """The place of the face of the highest quality, of equally good ones the first."""
        return int(np.nan_to_num(self.qualities, nan=0.0).argmax())

    @cached_property
    def unpinned(self) -> Ints:
        """The places of the faces that the user did not pin."""
        return np.flatnonzero(~self.pinned)

    @cached_property
    def portrait(self) -> PersonCard:
        """The person whose folder it is, by what the faces tell."""
        first, last = map(time_of, self.span)
        best = int(self.ids[self.best])
        return PersonCard(self.folder, len(self), first, last, best, is_named(self.folder), hidden=False)

    @cached_property
    def place_of_name(self) -> tuple[list[tuple[str, int]], str]:
        """By which folders are sorted in natural order."""
        return natural(self.folder)

    def place_of(self, face: int) -> int | None:
        """The place of a face (id) in the columns; None: it is not here."""
        place = int(np.searchsorted(self.ids, face))
        return place if place < len(self) and self.ids[place] == face else None

    def ordered(self, order: Order) -> Ints:
        """The places of all faces in an order; equals by id, and faces without a time come last.

        Unknown faces have no average to be far from: of these the newest come first.
        """
        if order == "best":
            return self._by_quality
        if order == "oldest":
            return self._oldest_first
        return self._odd_first if order == "odd" and self.folder != UNKNOWNS else self._newest_first

    @cached_property
    def _odd_first(self) -> Ints:
        return np.argsort(-self.distances, kind="stable")

    @cached_property
    def _by_quality(self) -> Ints:
        return np.argsort(-np.nan_to_num(self.qualities, nan=0.0), kind="stable")

    @cached_property
    def _oldest_first(self) -> Ints:
        return np.lexsort((self.ids, self.times, self.times == NO_TIME))

    @cached_property
    def _newest_first(self) -> Ints:
        return np.lexsort((-self.ids, -self.times, self.times == NO_TIME))

    def replaced(self, stays: npt.NDArray[np.bool_], more: FolderFaces) -> FolderFaces:
        """The faces that stay, with more ones, whose ids are others."""
        order = np.argsort(np.concatenate([self.ids[stays], more.ids]))
        kept = np.flatnonzero(stays).tolist()

        def merged(own: Any, added: Any) -> Any:
            if isinstance(own, np.ndarray):
                return np.concatenate([own[stays], added])[order]
            values = [*(own[place] for place in kept), *added]
            return [values[place] for place in order.tolist()]

        columns = (field.name for field in fields(self) if field.name != "folder")
        return FolderFaces(self.folder, *(merged(getattr(self, name), getattr(more, name)) for name in columns))

    def cards(self) -> Iterator[FaceCard]:
        """All faces, by id."""
        return map(self.card, range(len(self)))

    def card(self, place: int) -> FaceCard:
        """The face at a place of the columns."""
        person, track = self.person, int(self.tracks[place])
        position, quality = float(self.positions[place]), float(self.qualities[place])
        return FaceCard(
            id=int(self.ids[place]),
            name=self.names[place],
            person=person,
            time=time_of(int(self.times[place])),
            source=self.sources[place],
            position=None if np.isnan(position) else position,
            track=None if track == NO_TRACK else track,
            quality=None if np.isnan(quality) else quality,
            distance=None if person is None else float(self.distances[place]),
            corrected=bool(self.corrected[place]),
            pinned=bool(self.pinned[place]),
            hash=f"{int(self.hashes[place]):08x}",
            excluded=is_excluded(self.folder),
        )


def no_faces(folder: str) -> FolderFaces:
    """No faces."""
    ints, floats, bools = np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_)
    hashes, encodings = np.empty(0, np.uint32), np.empty((0, ENCODING_SIZE), np.float32)
    return FolderFaces(folder, ints, (), (), ints, floats, ints, floats, bools, bools, hashes, ints, encodings)
