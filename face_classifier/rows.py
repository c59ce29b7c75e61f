"""The table of faces: what the folders cannot say, a row a face, in one SQLite file.

A row is durable (WAL, synchronous FULL) when the call that wrote it returns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from face_classifier.faces import Box, Encoding, UserError

KEPT, REJECTED, DELETED = "kept", "rejected", "deleted"

_VERSION = 1
_SCHEMA = """
CREATE TABLE faces (
    id INTEGER PRIMARY KEY,
    face TEXT NOT NULL,          -- the stem of the picture's file when first written
    folder TEXT NOT NULL,        -- where the picture lay when last seen
    file TEXT NOT NULL,          -- its name there
    size INTEGER NOT NULL,       -- bytes
    mtime INTEGER NOT NULL,      -- ns since 1970
    hash TEXT NOT NULL,          -- SHA-256 of the picture's content
    state TEXT NOT NULL CHECK (state IN ('kept', 'rejected', 'deleted')),
    source TEXT, fingerprint TEXT, frame INTEGER,
    position REAL,               -- seconds, the source's clock
    time TEXT,                   -- ISO 8601, UTC
    "top" INTEGER, "right" INTEGER, "bottom" INTEGER, "left" INTEGER,  -- pixels of the original picture
    encoding BLOB,               -- 128 little-endian float64
    space TEXT, detector TEXT, chip TEXT, "precision" TEXT,
    quality REAL,
    placed TEXT,                 -- the folder in which the program last placed it, following renames
    distance REAL,               -- L2, at that decision
    intent TEXT                  -- the folder into which the program is moving it right now
);
CREATE INDEX faces_seen ON faces (fingerprint, position);
CREATE INDEX faces_hash ON faces (hash);
CREATE INDEX faces_face ON faces (face);
CREATE TABLE moves (             -- what the user did to the folders between two looks
    face INTEGER NOT NULL, origin TEXT NOT NULL, target TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('rename', 'move', 'delete', 'revive')),
    seen TEXT NOT NULL           -- ISO 8601, UTC
);
CREATE TABLE sources (fingerprint TEXT PRIMARY KEY, start TEXT NOT NULL);
CREATE TABLE views (file TEXT PRIMARY KEY, digest TEXT NOT NULL);
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


@dataclass
class Row:
    """A row of the table ``faces``; the schema tells the units."""

    face: str
    folder: str
    file: str
    size: int
    mtime: int
    hash: str
    id: int = 0
    state: str = KEPT
    source: str | None = None
    fingerprint: str | None = None
    frame: int | None = None
    position: float | None = None
    time: datetime | None = None
    box: Box | None = None
    encoding: Encoding | None = None
    space: str | None = None
    detector: str | None = None
    chip: str | None = None
    precision: str | None = None
    quality: float | None = None
    placed: str | None = None
    distance: float | None = None
    intent: str | None = None


_PLAIN = [field.name for field in fields(Row) if field.name not in ("id", "time", "box", "encoding")]
_COLUMNS = [*_PLAIN, "time", "top", "right", "bottom", "left", "encoding"]
_QUOTED = ", ".join(f'"{column}"' for column in _COLUMNS)


class Rows:
    """The table in ``faces.sqlite``. sqlite3.DatabaseError where the file is damaged."""

    def __init__(self, path: Path, *, writing: bool) -> None:
        """Open, and when writing make, the table. A missing file that is only to be read gives an empty table."""
        if writing:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        elif path.exists():
            self._database = _connect_to_read(path)
        else:
            self._database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path, writing=writing)
        except BaseException:
            self._database.close()
            raise

    def _prepare(self, path: Path, *, writing: bool) -> None:
        if writing:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise UserError(f"{path} was written by a newer version of this program; use that version")
        if version == 0:
            self._database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All changes within become durable together, or none does."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def add(self, row: Row) -> None:
        """Write a new row and give it its id."""
        marks = ", ".join("?" * len(_COLUMNS))
        cursor = self._database.execute(f"INSERT INTO faces ({_QUOTED}) VALUES ({marks})", _values(row))
        row.id = cursor.lastrowid or 0

    def update(self, row: Row) -> None:
        marks = ", ".join(f'"{column}" = ?' for column in _COLUMNS)
        self._database.execute(f"UPDATE faces SET {marks} WHERE id = ?", [*_values(row), row.id])

    def all(self) -> list[Row]:
        return self._select("ORDER BY id")

    def of_source(self, fingerprint: str, earliest: float, latest: float) -> list[Row]:
        """Faces seen between two positions (seconds) of a source, whatever their state."""
        return self._select(
            "WHERE fingerprint = ? AND position BETWEEN ? AND ? ORDER BY id", fingerprint, earliest, latest
        )

    def with_hash(self, content: str) -> list[Row]:
        return self._select("WHERE hash = ? ORDER BY id", content)

    def with_id(self, face_id: int) -> Row:
        return self._select("WHERE id = ?", face_id)[0]

    def has_face(self, face: str) -> bool:
        return bool(self._database.execute("SELECT 1 FROM faces WHERE face = ? LIMIT 1", (face,)).fetchone())

    def _select(self, clause: str, *values: Any) -> list[Row]:
        cursor = self._database.execute(f"SELECT id, {_QUOTED} FROM faces {clause}", values)
        return [_row(record) for record in cursor]

    def log_moves(self, moves: Iterable[tuple[int, str, str, str]], seen: datetime) -> None:
        """Record what the user did: (face id, origin, target, kind) each."""
        self._database.executemany(
            "INSERT INTO moves VALUES (?, ?, ?, ?, ?)", [(*move, seen.isoformat()) for move in moves]
        )

    def first_start(self, fingerprint: str, start: datetime) -> datetime:
        """The start of a source as it was told when it was first seen, which is now if it never was."""
        self._database.execute("INSERT OR IGNORE INTO sources VALUES (?, ?)", (fingerprint, start.isoformat()))
        stored = self._database.execute("SELECT start FROM sources WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return datetime.fromisoformat(stored[0])

    def view_digests(self) -> dict[str, str]:
        """Of each view (file name) the digest of what it was made from."""
        return dict(self._database.execute("SELECT file, digest FROM views").fetchall())

    def set_view(self, file: str, digest: str | None) -> None:
        """Record a view; None: it is gone."""
        if digest is None:
            self._database.execute("DELETE FROM views WHERE file = ?", (file,))
        else:
            self._database.execute("INSERT OR REPLACE INTO views VALUES (?, ?)", (file, digest))

    def mark(self, name: str) -> int:
        found = self._database.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else 0

    def set_mark(self, name: str, value: int) -> None:
        self._database.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """Readers of a WAL file need to write its index; in a folder where that cannot be, read the file as it stands."""
    for mode in ("mode=ro", "immutable=1"):
        database = sqlite3.connect(
            f"{path.resolve().as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            database.close()
            continue
        return database
    raise sqlite3.OperationalError(f"{path} cannot be opened")


def _values(row: Row) -> list[Any]:
    box = row.box.css if row.box else (None, None, None, None)
    return [
        *(getattr(row, name) for name in _PLAIN),
        row.time.isoformat() if row.time else None,
        *box,
        row.encoding.astype("<f8").tobytes() if row.encoding is not None else None,
    ]


def _row(record: tuple[Any, ...]) -> Row:
    face_id, *plain = record[: 1 + len(_PLAIN)]
    time, top, right, bottom, left, encoding = record[1 + len(_PLAIN) :]
    return Row(
        **dict(zip(_PLAIN, plain, strict=True)),
        id=face_id,
        time=datetime.fromisoformat(time) if time else None,
        box=Box(top, right, bottom, left) if top is not None else None,
        encoding=np.frombuffer(encoding, "<f8").astype(float) if encoding is not None else None,
    )
