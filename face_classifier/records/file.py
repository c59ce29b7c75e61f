"""Records on disk: an SQLite file a part of a source, written beside, made durable, and then given its name."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from face_classifier.core.disk.database import open_database, open_to_read
from face_classifier.core.disk.retry import ROOM, DiskError, asking_the_disk
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.messages import MessageError
from face_classifier.core.types import ENCODING_SIZE
from face_classifier.records.frames import AnalysedFrame
from face_classifier.records.head import Head, head_from, head_values
from face_classifier.records.plain import (
    MOST_PICTURE,
    Origin,
    frame_from,
    plain_frame,
    shifted,
)
from face_classifier.records.unfinished import unfinished_name

VERSION = 2
_APPLICATION = 0x46616352  # "FacR" in the head of the SQLite file
_FRAME = "index", "position", "tolerance", "time", "scale", "stream"
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
    "index" INTEGER, position REAL NOT NULL, tolerance REAL NOT NULL, time TEXT NOT NULL, scale INTEGER NOT NULL,
    stream INTEGER NOT NULL      -- from 1
);
CREATE TABLE faces (
    frame INTEGER NOT NULL, place INTEGER NOT NULL,  -- from 0, from left to right
    box TEXT NOT NULL,           -- JSON: [top, right, bottom, left]
    score REAL, landmarks BLOB, quality REAL, track INTEGER NOT NULL, sure INTEGER NOT NULL, discarded INTEGER NOT NULL,
    encoding BLOB, made_by TEXT, emotion TEXT, picture BLOB,
    PRIMARY KEY (frame, place)
) WITHOUT ROWID;
"""
# Faces are read with their frames, as both lie in the file: nothing is sorted, and no row is sought by itself.
_PLACE = 1 + len(_FRAME)  # of what this selects, the first of a face
_READ = "SELECT number, {}, place, {} FROM frames LEFT JOIN faces ON frame = number ORDER BY number, place".format(
    ", ".join(f'frames."{name}"' for name in _FRAME), ", ".join(f"faces.{name}" for name in _FACE)
)
_JSON = "box", "made_by", "emotion"  # columns
_ENCODING = "<f4"
_MOST_HEAD = 1 << 20  # characters
_PAGE = 1 << 14  # bytes: a picture in pages of four times the usual size is read in two thirds of the time


class RecordWriter:
    """Writes a record; it has its name only when all of it is durable. A context manager.

    Several processes, also on several machines, may write the same one at a time: the first to end gives it its name.
    """

    def __init__(self, root: Root, head: Head, name: str | None = None) -> None:
        """``root``: the folder; ``name``: of the file, else the one that the head says. Raises OSError, UserError."""
        self._root, self.head, self.name = root, head, name or head.name
        self._part = unfinished_name(self.name)
        self._frames = 0
        self.notes: list[str] = []  # sentences about what is lacking in it
        with self._asking():
            self._database = open_database(root, self._part, alone=True)
            try:
                self._begin(head)
            except BaseException:
                self._database.close()
                self._remove_part()
                raise

    def _begin(self, head: Head) -> None:
        self._database.executescript(
            f"PRAGMA page_size = {_PAGE}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {VERSION};{_SCHEMA}"
        )
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO head VALUES (?, ?)", head_values(head).items())

    def add(self, analysed: AnalysedFrame) -> None:
        """Write the next frame. Raises DiskError."""
        self._frames += 1
        told = plain_frame(analysed)
        faces = told.pop("faces")
        with self._asking():
            self._database.execute("INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?, ?)", (self._frames, *told.values()))
            for place, face in enumerate(faces):
                marks = ", ".join("?" * (2 + len(_FACE)))
                values = [_stored(key, face.get(key)) for key in _FACE]
                self._database.execute(f"INSERT INTO faces VALUES ({marks})", (self._frames, place, *values))

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with self._asking():
                if kind is None:
                    notes = json.dumps(self.notes)
                    self._database.execute("UPDATE head SET value = ? WHERE key = 'notes'", (notes,))
                    self._database.execute("COMMIT")
                self._database.close()
                if kind is None:
                    self._sync_part()
                    self._root.name(self._part, self.name)
                    self._root.sync()
        finally:
            self._remove_part()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Within, what the disk refuses is a DiskError."""
        path = self._root.path / self.name
        try:
            with asking_the_disk(path):
                yield
        except sqlite3.Error as error:
            raise DiskError(path, str(error), ROOM) from error

    def _sync_part(self) -> None:
        descriptor = self._root.open_own(self._part)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _remove_part(self) -> None:
        with suppress(FileNotFoundError):
            self._root.remove(self._part)


def _stored(key: str, value: Any) -> Any:
    """A value of a face as its column has it."""
    if value is None:
        return None
    if key == "encoding":
        return np.frombuffer(value, "<f8").astype(_ENCODING).tobytes()
    return json.dumps(value) if key in _JSON else value


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
        raise UserError(f"the record {path} cannot be read ({error}); analyse its source with --again") from error
    if database is None:
        raise UserError(f"there is no record {path}; analyse its source")
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
        raise UserError(f"{path} is no record ({error}); analyse its source with --again") from error


def _read_head(database: sqlite3.Connection) -> Head:
    (application,), (version,) = (
        database.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    if application != _APPLICATION:
        raise MessageError("its head is of another kind of file")
    if version != VERSION:
        raise MessageError(f"it has version {version}, but this program reads version {VERSION}")
    if _tables(database) != _own_tables():
        raise MessageError("its tables are not those of a record")
    rows = database.execute("SELECT key, value FROM head WHERE length(value) <= ?", (_MOST_HEAD,)).fetchmany(100)
    head = head_from({key: json.loads(value) for key, value in rows if isinstance(value, str)})
    if head.failure is not None and database.execute("SELECT 1 FROM frames LIMIT 1").fetchone():
        raise MessageError("it tells of a failure, but has frames")
    return head


def _tables(database: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """What is in a database. A view or a generated column in place of what is ours could have no end."""
    return database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchmany(20)


@cache
def _own_tables() -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(_SCHEMA)
        return _tables(database)


def _read_frames(
    database: sqlite3.Connection, origin: Origin, shift: timedelta, path: object
) -> Iterator[AnalysedFrame]:
    with _telling(path):
        for expected, (number, rows) in enumerate(groupby(database.execute(_READ), itemgetter(0)), 1):
            if number != expected:
                raise MessageError(f"its frame {expected} is missing")
            told: dict[str, Any] = {}
            for place, row in enumerate(rows):
                if not told:
                    told = dict(zip(_FRAME, row[1:], strict=False)) | {"faces": []}
                if row[_PLACE] is not None:  # of a frame without faces there is one row
                    told["faces"].append(_face_values(row[_PLACE:], place))
            yield shifted(frame_from(told, origin), shift)


def _face_values(row: tuple[Any, ...], place: int) -> dict[str, Any]:
    if row[0] != place:
        raise MessageError(f"its face {place} is missing")
    values = dict(zip(_FACE, row[1:], strict=True))
    encoding = values["encoding"]
    if encoding is not None:
        if not isinstance(encoding, bytes) or len(encoding) != np.dtype(_ENCODING).itemsize * ENCODING_SIZE:
            raise MessageError(f"its encoding is no row of {ENCODING_SIZE} numbers")
        values["encoding"] = np.frombuffer(encoding, _ENCODING).astype("<f8").tobytes()
    return values | {key: json.loads(values[key]) for key in _JSON if isinstance(values[key], str)}
