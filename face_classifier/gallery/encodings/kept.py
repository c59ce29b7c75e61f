"""Encodings by the checksums that the table holds of them: what does not fit its checksum counts for none.

So a side file that is torn, older or another one than the table's costs no face: its picture is encoded anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from struct import Struct
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from face_classifier.core.disk.durable import identity
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import ENCODING_SIZE, Encoding, as_stored
from face_classifier.gallery.encodings.beside import open_beside
from face_classifier.gallery.encodings.file import NUMBERS, ROW, EncodingsFile, Matrix

FLOATS = np.dtype("<f8")  # of encodings in tables of earlier versions, and of those of other encoders
_NOTHING = bytes(ROW)
_AT_ONCE = 4096  # records
_ROWS = Struct(f"{ROW}s")

_Record = TypeVar("_Record", bound="tuple[Any, ...]")


class Gathered(NamedTuple):
    """Encodings of some faces, in their order."""

    rows: Matrix  # (faces, 128) float32, as `as_stored` rounds them
    fits: npt.NDArray[np.bool_]  # (faces,); False: it counts for none


def row_of(encoding: Encoding) -> bytes:
    """What the side file holds of an encoding."""
    return encoding.astype(NUMBERS).tobytes()


def checksum_of(encoding: Encoding) -> int:
    """What the table holds of it."""
    return isal_zlib.crc32(row_of(encoding))


def encoding_from(stored: bytes) -> Encoding:
    """One that a table holds itself; earlier versions stored more digits. Raises ValueError where it is none."""
    return as_stored(np.frombuffer(stored, FLOATS))


class Encodings:
    """Those of an open table: written with its transactions, read by its checksums.

    Raises OSError where the disk refuses something, and ValueError where a table holds what is no checksum.
    """

    def __init__(self, root: Root | None, file: EncodingsFile | None, *, writing: bool) -> None:
        """``root``: the folder of the file; None: there is no table. ``file``: is taken over; None: it is missing."""
        self._root, self.file, self._writing = root, file, writing
        self._fits = False  # what the table tells of is what the file has: it was looked at, and only we write
        self._waiting: dict[int, bytes] = {}  # rows to be written before the table is
        self._asked: list[tuple[int, bytes | None]] = []  # what waited of a face before each time it was asked for
        self._before: dict[int, bytes] = {}  # rows as they were, until the table is written, too

    def close(self) -> None:
        """What waits is written first: the table may have been written without a transaction of its own."""
        if self.file is not None:
            try:
                self.write()
            finally:
                self.file.close()

    # Writing

    def put(self, face: int, encoding: Encoding) -> None:
        """Have the row of a face written with the transaction."""
        self._ask(face, row_of(encoding))

    def erase(self, face: int) -> None:
        """Have zeros written over the row of a face with the transaction."""
        self._ask(face, _NOTHING)

    def _ask(self, face: int, row: bytes) -> None:
        self._asked.append((face, self._waiting.get(face)))
        self._waiting[face] = row

    @property
    def waiting(self) -> int:
        """How often something was asked for since what waits was written."""
        return len(self._asked)

    def take_back(self, waiting: int) -> None:
        """Have wait what waited then."""
        while len(self._asked) > waiting:
            face, row = self._asked.pop()
            if row is None:
                del self._waiting[face]
            else:
                self._waiting[face] = row

    def write(self) -> None:
        """Write what waits, durably; then the table may be. Raises OSError; then `undo` is to be called."""
        if not self._waiting:
            return
        assert self.file is not None
        faces = sorted(self._waiting)
        before = self.file.rows(np.array(faces, np.int64))
        for face, row in zip(faces, before, strict=True):
            self._before.setdefault(face, row.tobytes())
            self.file.write(face, self._waiting[face])
        self.file.sync()
        self._forget_waiting()

    def done(self) -> None:
        """The table is written."""
        self._before.clear()

    def undo(self) -> None:
        """The table will not be written: leave the rows as they were."""
        self._forget_waiting()
        before, self._before = self._before, {}
        was_fitting, self._fits = self._fits, not before
        for face, row in before.items():
            assert self.file is not None
            self.file.write(face, row)
        self._fits = was_fitting

    def _forget_waiting(self) -> None:
        self._waiting.clear()
        self._asked.clear()

    def replace(self, file: EncodingsFile) -> None:
        """Another file has taken the place of this one."""
        if self.file is not None:
            self.file.close()
        self.file = file

    # Reading

    def find(self, face: int, stored: object) -> Encoding | None:
        """The encoding of a face, (128,) float64, by what its column holds; None: it has none that fits."""
        if stored is None:
            return None
        found = self.gather([face], [stored])
        return found.rows[0].astype(np.float64) if found.fits[0] else None

    def gather(self, faces: Sequence[int], stored: Sequence[object]) -> Gathered:
        """Those of some faces; ``stored``: what their columns hold."""
        if bytes in set(map(type, stored)):
            return _from_tables(stored)
        found = self._gathered(self.file, faces, stored)
        if not self._writing and found.fits.tolist() != [value is not None for value in stored]:
            for file in self._others():
                if (again := self._gathered(file, faces, stored)).fits.sum() > found.fits.sum():
                    found = again
                    self.replace(file)
                else:
                    file.close()
        return found

    def _gathered(self, file: EncodingsFile | None, faces: Sequence[int], stored: Sequence[object]) -> Gathered:
        rows = file.rows(np.array(faces, np.int64)) if file else np.zeros((len(faces), ENCODING_SIZE), NUMBERS)
        if self._waiting:
            for place, face in enumerate(faces):
                if face in self._waiting:
                    rows[place] = np.frombuffer(self._waiting[face], NUMBERS)
        if self._fits:
            return Gathered(rows, np.array([value is not None for value in stored], np.bool_))
        fits = fitting(rows.reshape(-1).view(np.uint8).data, stored)
        if not fits.all():
            rows[~fits] = 0  # which may be no numbers
        return Gathered(rows, fits)

    def _others(self) -> Iterator[EncodingsFile]:
        """The files that may have taken the place of this one, since another process writes."""
        mine = self.file and identity(self.file.state)
        for file in open_beside(self._root) if self._root else ():
            if identity(file.state) == mine:
                file.close()
            else:
                yield file

    def joined(self, records: Iterable[_Record], column: int) -> Iterator[tuple[_Record, Encoding | None]]:
        """Records of SQL, the first column of each the id, with the encodings that ``column`` tells of.

        Each is a row of a float64 matrix, for which room is made for thousands at a time.
        """
        for some in in_parts(records):
            rows, fits = self.gather([record[0] for record in some], [record[column] for record in some])
            encodings = rows.astype(np.float64)
            for record, encoding, is_there in zip(some, encodings, fits.tolist(), strict=True):
                yield record, encoding if is_there else None

    # What does not fit

    def trust(self) -> None:
        """From now on all fits: what did not was forgotten."""
        self._fits = True

    def doubt(self) -> None:
        """The table was written otherwise: from now on each checksum is looked at again."""
        self._fits = False


def fitting(rows: memoryview, stored: Collection[object]) -> npt.NDArray[np.bool_]:
    """Which of some rows, one after the other, have these checksums. Raises ValueError where something is none."""
    fits = [checksum == value for checksum, value in zip(checksums(rows), stored, strict=True)]
    if not all(fits) and not all(value is None or isinstance(value, int) for value in stored):
        raise ValueError("an encoding has no checksum")
    return np.array(fits, np.bool_)


def checksums(rows: bytes | memoryview) -> list[int]:
    """Those of some rows, one after the other."""
    crc = isal_zlib.crc32
    return [crc(row) for (row,) in _ROWS.iter_unpack(rows)]


def _from_tables(stored: Sequence[object]) -> Gathered:
    """Of a table of an earlier version, which holds them itself."""
    rows, fits = np.zeros((len(stored), ENCODING_SIZE), NUMBERS), np.zeros(len(stored), np.bool_)
    for place, value in enumerate(stored):
        if value is not None:
            if not isinstance(value, bytes) or len(value) != ENCODING_SIZE * FLOATS.itemsize:
                raise ValueError("an encoding is none")
            rows[place], fits[place] = encoding_from(value), True
    return Gathered(rows, fits)


def in_parts(records: Iterable[_Record]) -> Iterator[list[_Record]]:
    """Thousands of records at a time, so that they need not all be in memory."""
    coming = iter(records)
    while some := list(islice(coming, _AT_ONCE)):
        yield some
