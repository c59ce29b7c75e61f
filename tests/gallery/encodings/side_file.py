"""Encodings of a result folder as they lie on the disk, read and changed behind the program's back."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np

ROW = 512  # bytes of a row; the head is row 0


def encoding_of(folder: Path, face: int) -> np.ndarray:
    """The row of a face, (128,) float64, whatever the table says of it."""
    with (folder / "encodings.f32").open("rb") as file:
        file.seek(face * ROW)
        return np.frombuffer(file.read(ROW), "<f4").astype(np.float64)


def set_encoding(folder: Path, face: int, value: np.ndarray | None) -> None:
    """Give a face another encoding, in both files; None: take it."""
    row = np.zeros(128, "<f4") if value is None else value.astype("<f4")
    write_row(folder, face, row.tobytes())
    with closing(sqlite3.connect(folder / "faces.sqlite", isolation_level=None)) as database:
        checksum = None if value is None else zlib.crc32(row.tobytes())
        database.execute("UPDATE faces SET encoding = ? WHERE id = ?", (checksum, face))


def write_row(folder: Path, face: int, row: bytes) -> None:
    """Into the side file alone."""
    with (folder / "encodings.f32").open("r+b") as file:
        file.seek(face * ROW)
        file.write(row)


def to_version_3(folder: Path) -> None:
    """Give a result folder the form in which the table held the encodings itself, as float64."""
    with closing(sqlite3.connect(folder / "faces.sqlite", isolation_level=None)) as database:
        faces = [face for (face,) in database.execute("SELECT id FROM faces WHERE encoding IS NOT NULL")]
        for face in faces:
            blob = encoding_of(folder, face).astype("<f8").tobytes()
            database.execute("UPDATE faces SET encoding = ? WHERE id = ?", (blob, face))
        database.execute("DELETE FROM marks WHERE name = 'encodings'")
        database.execute("PRAGMA user_version = 3")
    (folder / "encodings.f32").unlink()
