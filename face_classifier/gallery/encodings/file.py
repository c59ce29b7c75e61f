"""The file ``encodings.f32`` beside the table: the encodings of a gallery, once, a row a face.

Row n, at 512 n bytes, is of the face with the id n: 128 little-endian float32; zeros where it has none. The head is row
0. It is read through a map, so that processes share what is in memory, and written through the descriptor: a full disk
is an error then rather than the end of the process.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE

Matrix = npt.NDArray[np.float32]  # shape (faces, 128)
Ids = npt.NDArray[np.int64]  # shape (faces,)

NUMBERS = np.dtype("<f4")
ROW = ENCODING_SIZE * NUMBERS.itemsize  # bytes
_HEAD = struct.Struct("<16sIIQ")  # magic, version, numbers a row, generation
_MAGIC, _VERSION = b"face encodings\r\n", 1
_STEP = 128  # rows by which the file grows at a time: its size is seldom written, and seldom mapped anew
_AT_ONCE = 8192  # rows that are read at a time
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has none


class NotOursError(ValueError):
    """A file is none of encodings, or of a version that is not known."""


class EncodingsFile:
    """The open file. All methods raise OSError where the disk refuses something."""

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over. Raises NotOursError, OSError; then it is closed."""
        self._descriptor = descriptor
        self._map: mmap.mmap | None = None
        self._rows: Matrix = np.empty((0, ENCODING_SIZE), NUMBERS)
        try:
            self.generation = _generation_in(os.pread(descriptor, _HEAD.size, 0))
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def begun(cls, descriptor: int, generation: int) -> EncodingsFile:
        """An empty one, in a file that was opened to be written. Not durable before `sync`."""
        try:
            os.ftruncate(descriptor, 0)
            os.ftruncate(descriptor, _STEP * ROW)
            os.pwrite(descriptor, _HEAD.pack(_MAGIC, _VERSION, ENCODING_SIZE, generation), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def adopt(self, generation: int) -> None:
        """Let it belong to a table that has another one."""
        os.pwrite(self._descriptor, _HEAD.pack(_MAGIC, _VERSION, ENCODING_SIZE, generation), 0)
        self.generation = generation

    def close(self) -> None:
        self._unmap()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def state(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def __len__(self) -> int:
        """How many whole rows it has, with the head."""
        return self.state.st_size // ROW

    def rows(self, faces: Ids) -> Matrix:
        """A copy of the rows of some faces, in their order; zeros beyond the end."""
        size = len(self)  # others may have written to it
        if size != len(self._rows):
            self._unmap()
        if size > len(self._rows):
            self._map = mmap.mmap(self._descriptor, size * ROW, mmap.MAP_SHARED, mmap.PROT_READ)
            self._rows = np.frombuffer(self._map, NUMBERS).reshape(-1, ENCODING_SIZE)
        there = (faces > 0) & (faces < size)
        if there.all():
            return self._rows[faces]
        found = np.zeros((len(faces), ENCODING_SIZE), NUMBERS)
        found[there] = self._rows[faces[there]]
        return found

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """(number of the first row, content) of all rows in parts, read without the map: an error is no signal then."""
        first = 1
        while block := os.pread(self._descriptor, _AT_ONCE * ROW, first * ROW):
            block = block[: len(block) // ROW * ROW]
            if not block:
                return
            yield first, block
            first += len(block) // ROW

    def write(self, face: int, row: bytes) -> None:
        """Not durable before `sync`."""
        if face >= len(self):
            os.ftruncate(self._descriptor, (face // _STEP + 1) * _STEP * ROW)
        written = os.pwrite(self._descriptor, row, face * ROW)
        if written < len(row):  # the disk is full
            os.pwrite(self._descriptor, row[written:], face * ROW + written)

    def sync(self) -> None:
        _sync(self._descriptor)

    def _unmap(self) -> None:
        self._rows = np.empty((0, ENCODING_SIZE), NUMBERS)
        if self._map is not None:
            with suppress(BufferError):  # another thread is just reading it
                self._map.close()
            self._map = None


def _generation_in(head: bytes) -> int:
    if len(head) < _HEAD.size:
        raise NotOursError("it has no head")
    magic, version, width, generation = _HEAD.unpack(head)
    if (magic, version, width) != (_MAGIC, _VERSION, ENCODING_SIZE):
        raise NotOursError("its head is that of another file")
    return int(generation)
