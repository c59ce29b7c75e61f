"""Records on disk: an SQLite file a source, written beside, made durable, and then given its name."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from face_classifier.core import names
from face_classifier.core.disk.database import open_database, open_to_read
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.messages import MessageError, time_from
from face_classifier.records.frames import AnalysedFrame
from face_classifier.records.plain import (
    MOST_PICTURE,
    Origin,
    frame_from,
    plain_frame,
    shifted,
)
from face_classifier.sources.base import Sampling

VERSION = 1
_APPLICATION = 0x46616352  # "FacR" in the head of the SQLite file
_FACE = (
    "box",
    "score",
    "landmarks",
    "quality",
    "track",
    "sure",
    "discarded",
    "encoding",
    "made_by",
    "emotion",
    "picture",
)
_SCHEMA = """
CREATE TABLE head (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;  -- JSON
CREATE TABLE frames (
    number INTEGER PRIMARY KEY,  -- from 1, in the order of the source
    "index" INTEGER, position REAL NOT NULL, tolerance REAL NOT NULL, time TEXT NOT NULL, scale INTEGER NOT NULL
);
CREATE TABLE faces (
    frame INTEGER NOT NULL, place INTEGER NOT NULL,  -- from 0, from left to right
    box TEXT NOT NULL,           -- JSON: [top, right, bottom, left]
    score REAL, landmarks BLOB, quality REAL, track INTEGER NOT NULL, sure INTEGER NOT NULL, discarded INTEGER NOT NULL,
    encoding BLOB, made_by TEXT, emotion TEXT, picture BLOB,
    PRIMARY KEY (frame, place)
) WITHOUT ROWID;
"""
_JSON = "box", "made_by", "emotion"  # columns
_MOST_HEAD = 1 << 20  # characters


@dataclass(frozen=True)
class Head:
    """What a record tells of its source, and of how that was analysed."""

    origin: Origin
    start: datetime  # of the source, aware, UTC
    sampling: Sampling
    follows: bool  # whether the tracks of its faces count
    settings: dict[str, str | float | bool | None]  # those that the analysis depends on
    versions: dict[str, str]  # of the program and of the libraries that analysed it

    @property
    def name(self) -> str:
        """Of the record's file: equal for what gives equal records."""
        told = {key: value for key, value in _head_values(self).items() if key != "source"}
        return f"{sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]}.record"


def _head_values(head: Head) -> dict[str, Any]:
    return {
        "source": names.stored(head.origin.source),
        "fingerprint": head.origin.fingerprint,
        "start": head.start.isoformat(),
        "sampling": vars(head.sampling),
        "follows": head.follows,
        "settings": head.settings,
        "versions": head.versions,
    }


def _head_from(told: dict[str, Any]) -> Head:
    try:
        start = time_from(told["start"])
        if not isinstance(told["follows"], bool):
            raise MessageError("its head is none")
        fingerprint = told["fingerprint"]
        if fingerprint is not None and not isinstance(fingerprint, str):
            raise MessageError("its fingerprint is none")
        return Head(
            Origin(names.restored(told["source"]), fingerprint),
            start,
            Sampling(**told["sampling"]),
            told["follows"],
            dict(told["settings"]),
            dict(told["versions"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MessageError(f"its head is none ({error})") from error


class RecordWriter:
    """Writes the record of one source; it has its name only when all of it is durable. A context manager."""

    def __init__(self, root: Root, head: Head, name: str | None = None) -> None:
        """``root``: the folder; ``name``: of the file, else the one that the head says. Raises OSError, UserError."""
        self._root, self.name = root, name or head.name
        self._part = f".{self.name}.{os.getpid()}.part"
        self._remove_part()
        self._database = open_database(root, self._part)
        self._frames = 0
        self._database.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA application_id = {_APPLICATION};"
            f"PRAGMA user_version = {VERSION};{_SCHEMA}"
        )
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO head VALUES (?, ?)",
            [(key, json.dumps(value)) for key, value in _head_values(head).items()],
        )

    def add(self, analysed: AnalysedFrame) -> None:
        """Write the next frame."""
        self._frames += 1
        told = plain_frame(analysed)
        faces = told.pop("faces")
        self._database.execute("INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?)", (self._frames, *told.values()))
        for place, face in enumerate(faces):
            values = [json.dumps(face[key]) if key in _JSON and key in face else face.get(key) for key in _FACE]
            marks = ", ".join("?" * (2 + len(values)))
            self._database.execute(f"INSERT INTO faces VALUES ({marks})", (self._frames, place, *values))

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._database.execute("COMMIT")
            self._database.close()
            if kind is None:
                self._sync_part()
                self._root.rename(self._part, self.name)
                self._root.sync()
        finally:
            self._remove_part()

    def _sync_part(self) -> None:
        descriptor = self._root.open_own(self._part)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _remove_part(self) -> None:
        with suppress(FileNotFoundError):
            self._root.remove(self._part)


@contextmanager
def read_record(root: Root, name: str) -> Iterator[tuple[Head, Callable[[datetime], Iterator[AnalysedFrame]]]]:
    """The record in a file of a folder, which anybody may have made.

    Yields its head, and what reads its frames one by one, with the times of a source that began when it is given.
    Raises UserError, also while frames are read, where it is none.
    """
    path = root.path / name
    try:
        database = open_to_read(root, name, written=False)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"the record {path} cannot be read ({error}); have that source analysed anew") from error
    if database is None:
        raise UserError(f"there is no record {path}; have that source analysed")
    try:
        if hasattr(database, "setlimit"):  # from Python 3.11 on
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_PICTURE + 1024)
        with _telling(path):
            head = _read_head(database)
        yield head, lambda start: _read_frames(database, head.origin, start - head.start, path)
    finally:
        database.close()


@contextmanager
def _telling(path: object) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, ValueError, OverflowError, RecursionError) as error:
        raise UserError(f"{path} is no record ({error}); have that source analysed anew") from error


def _read_head(database: sqlite3.Connection) -> Head:
    (application,), (version,) = (
        database.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    if application != _APPLICATION:
        raise MessageError("its head is of another kind of file")
    if version != VERSION:
        raise MessageError(f"its version is {version}, and this program reads version {VERSION}")
    rows = database.execute("SELECT key, value FROM head WHERE length(value) <= ?", (_MOST_HEAD,)).fetchmany(100)
    return _head_from({key: json.loads(value) for key, value in rows if isinstance(value, str)})


def _read_frames(
    database: sqlite3.Connection, origin: Origin, shift: timedelta, path: object
) -> Iterator[AnalysedFrame]:
    with _telling(path):
        frames = database.execute(
            'SELECT number, "index", position, tolerance, time, scale FROM frames ORDER BY number'
        )
        for number, *values in frames:
            told = dict(zip(("index", "position", "tolerance", "time", "scale"), values, strict=True))
            columns = ", ".join(_FACE)
            faces = database.execute(f"SELECT {columns} FROM faces WHERE frame = ? ORDER BY place", (number,))
            told["faces"] = [_face_values(face) for face in faces]
            yield shifted(frame_from(told, origin), shift)


def _face_values(row: tuple[Any, ...]) -> dict[str, Any]:
    values = dict(zip(_FACE, row, strict=True))
    return values | {key: json.loads(values[key]) for key in _JSON if isinstance(values[key], str)}
