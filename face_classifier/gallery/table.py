"""The table of faces: what the folders cannot say, a row a face, in one SQLite file.

A row is durable (WAL, synchronous FULL) when the call that wrote it returns.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np

from face_classifier.core import names
from face_classifier.core.disk.database import open_database, open_to_read
from face_classifier.core.disk.retry import ALLOW, CHECK, ROOM, DiskError
from face_classifier.core.disk.rooted import Root
from face_classifier.core.disk.tree import is_component
from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Emotion, Encoding, Face, check_encoding

KEPT, DISCARDED, DELETED, MISSING = "kept", "rejected", "deleted", "missing"
EXCLUDED = (
    ".rejected"  # what the user rejected lies in its folder <person>: it counts for nobody, and is not that person
)

_VERSION = 2  # 1 knows no `missing` faces, and would take them for deleted
_FACES = """(
    id INTEGER PRIMARY KEY,
    face TEXT NOT NULL,          -- the stem of the picture's file when first written
    folder TEXT NOT NULL,        -- where the picture lay when last seen
    file TEXT NOT NULL,          -- its name there
    size INTEGER NOT NULL,       -- bytes
    mtime INTEGER NOT NULL,      -- ns since 1970
    hash TEXT NOT NULL,          -- SHA-256 of the picture's content
    state TEXT NOT NULL CHECK (state IN ('kept', 'rejected', 'deleted', 'missing')),
    source TEXT,                 -- or a BLOB, where it is not UTF-8
    fingerprint TEXT, frame INTEGER,
    position REAL,               -- seconds, the source's clock
    time TEXT,                   -- ISO 8601, UTC
    "top" INTEGER, "right" INTEGER, "bottom" INTEGER, "left" INTEGER,  -- pixels of the original picture
    encoding BLOB,               -- 128 little-endian float64
    space TEXT, detector TEXT, chip TEXT, "precision" TEXT,
    quality REAL,
    placed TEXT,                 -- the folder in which the program last placed it, following renames
    distance REAL,               -- L2, at that decision
    intent TEXT,                 -- the folder into which the program is moving it right now
    pinned INTEGER NOT NULL,     -- 1: it lies in `unknowns` because the user put it there
    track INTEGER,               -- rows with one number are one face over consecutive frames
    missing TEXT                 -- ISO 8601, UTC: when it was found to be `missing`
);
CREATE INDEX faces_seen ON faces (fingerprint, position);
CREATE INDEX faces_hash ON faces (hash);
CREATE INDEX faces_face ON faces (face);
CREATE INDEX faces_track ON faces (track);
"""
_SCHEMA = f"""
CREATE TABLE faces {_FACES}
CREATE TABLE moves (             -- what the user did to the folders between two looks
    face INTEGER NOT NULL, origin TEXT NOT NULL, target TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('rename', 'move', 'delete', 'revive')),
    seen TEXT NOT NULL           -- ISO 8601, UTC
);
CREATE TABLE apart (             -- tracks that shared a frame, the lower number first: two people
    one INTEGER NOT NULL, other INTEGER NOT NULL, PRIMARY KEY (one, other)
) WITHOUT ROWID;
CREATE TABLE refused (           -- the user said that face `one` is not the person of face `other`
    one INTEGER NOT NULL, other INTEGER NOT NULL, PRIMARY KEY (one, other)
) WITHOUT ROWID;
CREATE TABLE encodings (         -- by another encoder than the gallery's: the former one's, or the next one's so far
    face INTEGER NOT NULL,
    space TEXT NOT NULL,
    hash TEXT NOT NULL,          -- of the picture when it was encoded; another one now: the encoding is outdated
    encoding BLOB NOT NULL, detector TEXT, chip TEXT, "precision" TEXT,
    distance REAL,               -- L2, at the decision with this encoding; NULL if there was none
    PRIMARY KEY (face, space)
);
CREATE TABLE sources (fingerprint TEXT PRIMARY KEY, start TEXT NOT NULL);
CREATE TABLE views (file TEXT PRIMARY KEY, digest TEXT NOT NULL);
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
# Tables that came later, by name; programs that do not know them leave them alone, so the version stays.
_ADDED = {
    "bridged": "(fingerprint TEXT PRIMARY KEY)",  # sources at whose positions no jump of their clock counts
    "emotions": """(             -- of faces for which they were asked
    face INTEGER PRIMARY KEY, engine TEXT NOT NULL,
    scores BLOB NOT NULL         -- little-endian float32, in the order of ``faces.EMOTIONS``
)""",
}


@dataclass(eq=False, slots=True)
class Row:
    """A row of the table ``faces``; the schema tells the units."""

    face: str
    folder: str
    file: str
    size: int
    mtime: int
    hash: str
    state: str = KEPT
    source: str | None = None
    fingerprint: str | None = None
    frame: int | None = None
    position: float | None = None
    space: str | None = None
    detector: str | None = None
    chip: str | None = None
    precision: str | None = None
    quality: float | None = None
    placed: str | None = None
    distance: float | None = None
    intent: str | None = None
    pinned: bool = False
    track: int | None = None
    id: int = 0
    time: datetime | None = None
    box: Box | None = None
    encoding: Encoding | None = None
    emotion: Emotion | None = None
    missing: datetime | None = None  # since when it is MISSING


_PLAIN = [field.name for field in fields(Row)][: -len(("id", "time", "box", "encoding", "emotion", "missing"))]
_FIRST_COLUMNS = [*_PLAIN, "time", "top", "right", "bottom", "left", "encoding"]  # of version 1
_COLUMNS = [*_FIRST_COLUMNS, "missing"]
_QUOTED = ", ".join(f'"{column}"' for column in _COLUMNS)
_FIRST_QUOTED = ", ".join(f'"{column}"' for column in ("id", *_FIRST_COLUMNS))
_FROM_1 = f"""
CREATE TABLE faces_anew {_FACES.partition(";")[0]};
INSERT INTO faces_anew ({_FIRST_QUOTED}) SELECT {_FIRST_QUOTED} FROM faces;
DROP TABLE faces;
ALTER TABLE faces_anew RENAME TO faces;
{_FACES.partition(";")[2]}
"""
_SELECT = (
    f"SELECT id, {_QUOTED}, engine, scores FROM faces "
    "LEFT JOIN (SELECT face AS of_face, engine, scores FROM emotions) ON of_face = id"
)
_FLOATS = np.dtype("<f8")
_SCORES = np.dtype("<f4")
_CURES = {  # by what SQLite says of a disk that refuses something (Python 3.10 does not tell the code)
    "database or disk is full": ROOM,
    "disk I/O error": CHECK,
    "attempt to write a readonly database": ALLOW,
    "unable to open database file": "allow more open files (ulimit -n)",
    "database is locked": "wait for the other program that uses it",
}
_ROWLESS = ("apart", "refused")
_TABLES = (
    "faces",
    "emotions",
    "encodings",
    "moves",
    "sources",
    "bridged",
    "marks",
    *_ROWLESS,
)  # all but what is made from them
_LEAST_BYTES = 16  # of a record
_COUNTS = "(state IN ('kept', 'missing') OR encoding IS NOT NULL)"  # whose pictures are or may return
_CORRUPT = 11  # SQLite's code of a page that is damaged, rather than one that cannot be read just now


class DamagedTableError(UserError):
    """The table holds what cannot be; the disk is not to blame."""


def _is_damage(error: Exception) -> bool:
    """Tells a damaged table from one that cannot be read or written just now."""
    return not isinstance(error, sqlite3.OperationalError) or "decode" in str(error)


def may_pass(error: Exception) -> bool:
    """Whether a table that could not be opened may be read a moment later."""
    return isinstance(error, sqlite3.OperationalError) and "disk I/O error" in str(error)


class Rows:
    """The table in ``faces.sqlite``. UserError where it cannot be used once it is open, DiskError if only for now."""

    def __init__(self, root: Root, name: str, *, writing: bool) -> None:
        """Open, and when writing make, the table. A missing file that is only to be read gives an empty table.

        Raises sqlite3.DatabaseError where the file is damaged, its subclass OperationalError where it cannot be
        opened, and UserError where it is of a newer version, or was made to have another file changed.
        """
        self._path = root.path / name
        try:
            self._database = open_database(root, name) if writing else _open_to_read(root, name)
        except OSError as error:
            raise sqlite3.OperationalError(str(error.strerror)) from error
        try:
            self._prepare(writing=writing)
        except BaseException:
            self._database.close()
            raise

    def _prepare(self, *, writing: bool) -> None:
        version = _version(self._database)
        if version > _VERSION:
            raise UserError(f"{self._path} was written by a newer version of this program; use that version")
        if writing:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
        if version == 0:
            self._database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
        elif version == 1 and writing:
            self._database.executescript(f"BEGIN IMMEDIATE;{_FROM_1}PRAGMA user_version = {_VERSION};COMMIT;")
        elif version == 1:
            self._database.execute("CREATE TEMP VIEW faces AS SELECT *, NULL AS missing FROM main.faces")
        present = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for name in _ADDED.keys() - present:
            # A reader must not change the file, but may have an empty table of its own.
            self._database.execute(
                f"CREATE {'TABLE IF NOT EXISTS main' if writing else 'TABLE temp'}.{name} {_ADDED[name]}"
            )
        self._check()
        self._has_emotions = self._database.execute("SELECT 1 FROM emotions LIMIT 1").fetchone() is not None

    def _check(self) -> None:
        """Raise sqlite3.DatabaseError where the file is damaged or is the database of something else."""
        try:
            self._database.execute(f"SELECT {_QUOTED} FROM faces LIMIT 0")
        except sqlite3.OperationalError as error:
            if "no such" in str(error):
                raise sqlite3.DatabaseError(str(error)) from error
            raise
        for message in self._complaints("quick_check(1)"):
            raise sqlite3.DatabaseError(message)

    def _complaints(self, check: str) -> list[str]:
        """What SQLite finds wrong. Raises sqlite3.OperationalError where it is the disk that cannot be read."""
        found = [" ".join(str(message).split()) for (message,) in self._database.execute(f"PRAGMA {check}")]
        for message in found:
            # It tells a page that cannot be read as if that were a fault of the table.
            code = re.search(r"unable to get the page\. error code=([0-9]+)", message)
            if code and int(code[1]) & 0xFF != _CORRUPT:
                raise sqlite3.OperationalError(f"disk I/O error: {message}")
        return [message for message in found if message != "ok"]

    def faults(self) -> list[tuple[str, str]]:
        """(file or face, what is wrong) of everything that cannot be so, whatever the pictures are."""
        with self._telling():
            found = [(self._path.name, message) for message in self._complaints("integrity_check")]
        return found or [(face, reason) for _, face, reason in self._faulty_rows()]

    def _faulty_rows(self) -> Iterator[tuple[int, str, str]]:
        for face_id, face in self._execute("SELECT id, CAST(face AS BLOB) FROM faces ORDER BY id").fetchall():
            try:
                for record in self._database.execute(f"{_SELECT} WHERE id = ?", (face_id,)):
                    row = _row(record)
                    if row.encoding is not None:
                        check_encoding(row.encoding)
            except (sqlite3.Error, ValueError, TypeError) as error:
                if not _is_damage(error):
                    raise UserError(f"{self._path} cannot be read ({error}); try again when its disk can be") from error
                yield face_id, face.decode("utf-8", "replace"), " ".join(str(error).split())

    def mend(self) -> None:
        """Make the indexes anew, and remove what else `faults` tells: encodings, then where a face came from, then the
        rows that are no use even so, with all that is said of them: their numbers may be given again.

        The next look at the pictures makes them again.
        """
        self._execute("REINDEX")
        for statement in (
            "UPDATE faces SET encoding = NULL WHERE id = ?",
            "DELETE FROM emotions WHERE face = ?",
            'UPDATE faces SET source = NULL, time = NULL, detector = NULL, chip = NULL, "precision" = NULL '
            "WHERE id = ?",
            "DELETE FROM faces WHERE id = ?",
        ):
            for face_id, _, _ in list(self._faulty_rows()):
                self._execute(statement, (face_id,))
        for table, column in (("refused", "one"), ("refused", "other"), ("encodings", "face"), ("emotions", "face")):
            self._execute(f"DELETE FROM {table} WHERE {column} NOT IN (SELECT id FROM faces)")

    def salvage(self, root: Root, damaged: str) -> None:
        """Take over what can still be read of a file in ``root`` that is too damaged to be used."""
        self._has_emotions = True  # from now on maybe
        most = (root.path / damaged).stat().st_size // _LEAST_BYTES
        with suppress(sqlite3.Error), closing(_open_to_read(root, damaged)) as old, self.together():
            for table in _TABLES:
                for columns, record in _readable(old, table, most):
                    marks = ", ".join("?" * len(record))
                    self._execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", record)

    def doubt(self, face_id: int, *, encoding: bool) -> None:
        """Have the next look read a picture whatever its size and time; ``encoding``: and encode it in any case."""
        self._execute("UPDATE faces SET size = -1 WHERE id = ?", (face_id,))
        if encoding:
            self._execute("UPDATE faces SET encoding = NULL WHERE id = ?", (face_id,))

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            if str(error) in _CURES:
                raise DiskError(self._path, str(error), _CURES[str(error)]) from error
            kind = DamagedTableError if _is_damage(error) else UserError
            raise kind(
                f"{self._path} cannot be used ({error}); move that file away: faces and names stay, and it is made anew"
            ) from error

    def _execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        with self._telling():
            return self._database.execute(statement, values)

    @contextmanager
    def together(self) -> Iterator[None]:
        """All changes within become durable together, or none does."""
        self._end()  # of one that a failing disk did not let end
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with suppress(UserError):
                self._end()
            raise

    def _end(self) -> None:
        if self._database.in_transaction:  # a full disk may have ended it
            self._execute("ROLLBACK")

    def add(self, row: Row) -> None:
        """Write a new row and give it its id."""
        marks = ", ".join("?" * len(_COLUMNS))
        cursor = self._execute(f"INSERT INTO faces ({_QUOTED}) VALUES ({marks})", _values(row))
        row.id = cursor.lastrowid or 0
        self._set_emotion(row)

    def update(self, row: Row) -> None:
        marks = ", ".join(f'"{column}" = ?' for column in _COLUMNS)
        self._execute(f"UPDATE faces SET {marks} WHERE id = ?", [*_values(row), row.id])
        self._set_emotion(row)

    def _set_emotion(self, row: Row) -> None:
        if row.emotion is None:
            if self._has_emotions:  # without any it would be half as much work again
                self._execute("DELETE FROM emotions WHERE face = ?", (row.id,))
        else:
            self._has_emotions = True
            scores = np.array(row.emotion.scores, _SCORES).tobytes()
            self._execute("INSERT OR REPLACE INTO emotions VALUES (?, ?, ?)", (row.id, row.emotion.engine, scores))

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

    def places(self) -> Iterator[tuple[int, str, str, str]]:
        """(id, folder, file, content hash) of every row."""
        yield from self._execute("SELECT id, folder, file, hash FROM faces")

    def has_face(self, face: str) -> bool:
        return bool(self._execute("SELECT 1 FROM faces WHERE face = ? LIMIT 1", (face,)).fetchone())

    def _select(self, clause: str, *values: Any) -> list[Row]:
        with self._telling():
            return [_row(record) for record in self._database.execute(f"{_SELECT} {clause}", values)]

    def spaces(self) -> set[str]:
        """The encoders whose encodings the rows have."""
        return {space for (space,) in self._execute("SELECT DISTINCT space FROM faces WHERE encoding IS NOT NULL")}

    def not_prepared(self, space: str) -> list[Row]:
        """Kept and rejected faces without an encoding by an encoder, neither their own nor one waiting for `switch`.

        Missing ones have no picture that could be encoded.
        """
        return self._select(
            f"WHERE {_COUNTS} AND state <> 'missing' AND (encoding IS NULL OR space <> ?) AND NOT EXISTS "
            "(SELECT 1 FROM encodings WHERE face = id AND space = ? AND hash = faces.hash) ORDER BY id",
            space,
            space,
        )

    def prepare(self, row: Row, face: Face) -> None:
        """Keep the encoding of a row by another encoder for `switch`."""
        made = face.made_by
        encoding = face.encoding.astype(_FLOATS).tobytes()
        self._execute(
            "INSERT OR REPLACE INTO encodings VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            (row.id, made.space, row.hash, encoding, made.detector, made.chip, made.precision),
        )

    def switch(self, space: str) -> None:
        """Give every row its encoding by another encoder, none where that is missing; the former ones are kept.

        Deleted faces have none, but for those that the user rejected.
        """
        columns = 'encoding, detector, chip, "precision", distance'
        with self.together():
            self._execute(
                f"INSERT OR REPLACE INTO encodings (face, space, hash, {columns}) SELECT id, space, hash, {columns} "
                "FROM faces WHERE encoding IS NOT NULL AND space <> ?",
                (space,),
            )
            self._execute(
                f"UPDATE faces SET (space, {columns}) = (SELECT space, {columns} FROM encodings "
                "WHERE face = faces.id AND space = ? AND hash = faces.hash) "
                f"WHERE {_COUNTS} AND (encoding IS NULL OR space <> ?)",
                (space, space),
            )
            self._execute("DELETE FROM encodings WHERE space = ?", (space,))

    def forget_encodings(self, face_id: int) -> None:
        """Of a face by other encoders than the gallery's."""
        self._execute("DELETE FROM encodings WHERE face = ?", (face_id,))

    def log_moves(self, moves: Iterable[tuple[int, str, str, str]], seen: datetime) -> None:
        """Record what the user did: (face id, origin, target, kind) each."""
        for move in moves:
            self._execute("INSERT INTO moves VALUES (?, ?, ?, ?, ?)", (*move, seen.isoformat()))

    def first_start(self, fingerprint: str, start: datetime) -> datetime:
        """The start of a source as it was told when it was first seen, which is now if it never was."""
        with self.together():
            new = self._execute("INSERT OR IGNORE INTO sources VALUES (?, ?)", (fingerprint, start.isoformat()))
            if new.rowcount:
                self._execute("INSERT OR IGNORE INTO bridged VALUES (?)", (fingerprint,))
        stored = self._execute("SELECT start FROM sources WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return datetime.fromisoformat(stored[0])

    def is_bridged(self, fingerprint: str) -> bool:
        """Whether a source was first seen when jumps of its clock no longer counted."""
        return bool(self._execute("SELECT 1 FROM bridged WHERE fingerprint = ?", (fingerprint,)).fetchone())

    def last_track(self) -> int:
        """The highest number that a track has, with a row or only beside another track."""
        used = self._execute("SELECT (SELECT max(track) FROM faces), (SELECT max(other) FROM apart)").fetchone()
        return max(number or 0 for number in used)

    def add_pairs(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Record pairs of tracks that shared a frame."""
        for pair in pairs:
            self._execute("INSERT OR IGNORE INTO apart VALUES (?, ?)", (min(pair), max(pair)))

    def pairs(self) -> list[tuple[int, int]]:
        return [(one, other) for one, other in self._execute("SELECT one, other FROM apart")]

    def pairs_kept_apart(self) -> list[tuple[int, int]]:
        """Pairs of face ids: the user said that the first is not the person of the second."""
        return [(one, other) for one, other in self._execute("SELECT one, other FROM refused ORDER BY one, other")]

    def set_pairs_kept_apart(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Record these pairs in place of all others."""
        self._execute("DELETE FROM refused")
        for pair in pairs:
            self._execute("INSERT INTO refused VALUES (?, ?)", pair)

    def view_digests(self) -> dict[str, str]:
        """Of each view (file name) the digest of what it was made from."""
        return dict(self._execute("SELECT file, digest FROM views").fetchall())

    def set_view(self, file: str, digest: str | None) -> None:
        """Record a view; None: it is gone."""
        if digest is None:
            self._execute("DELETE FROM views WHERE file = ?", (file,))
        else:
            self._execute("INSERT OR REPLACE INTO views VALUES (?, ?)", (file, digest))

    def mark(self, name: str) -> int:
        found = self._execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else 0

    def set_mark(self, name: str, value: int) -> None:
        self._execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _open_to_read(root: Root, name: str) -> sqlite3.Connection:
    """An empty table where there is none yet."""
    database = open_to_read(root, name)
    if database is not None and not _version(database):
        database.close()  # another process is just making it
        database = None
    return database or sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def _readable(database: sqlite3.Connection, table: str, most: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The columns and values of a damaged table's records, one by one: a torn page must not hide those on the others.

    An older version has fewer columns.
    """
    whole = [(f"SELECT * FROM {table}", ())] if table in _ROWLESS else ()
    for statement, values in whole or ((f"SELECT * FROM {table} WHERE rowid = ?", (n,)) for n in range(1, most)):
        with suppress(sqlite3.Error):
            records = database.execute(statement, values)
            columns = ", ".join(f'"{name}"' for name, *_ in records.description)
            for record in records:
                yield columns, record


def _values(row: Row) -> list[Any]:
    box = row.box.css if row.box else (None, None, None, None)
    plain = {name: getattr(row, name) for name in _PLAIN}
    return [
        *(plain | {"source": row.source and names.stored(row.source)}).values(),
        row.time.isoformat() if row.time else None,
        *box,
        row.encoding.astype(_FLOATS).tobytes() if row.encoding is not None else None,
        row.missing.isoformat() if row.missing else None,
    ]


def _check_places(row: Row) -> None:
    """Raise ValueError where a name in a row leads out of the result folder: somebody else has written it."""
    folders = [name for name in (row.folder, row.placed, row.intent) if name is not None]
    files = [row.file]
    if row.state == DISCARDED:  # no picture was kept
        folders, files = [name for name in folders if name], [name for name in files if name]
    for place in (*(folder.removeprefix(f"{EXCLUDED}/") for folder in folders), *files):
        if not is_component(place):
            raise ValueError(f"it names {place!r}, which is no name of a file or folder in it")


def _row(record: tuple[Any, ...]) -> Row:
    row = Row(*record[1 : 1 + len(_PLAIN)])
    _check_places(row)
    row.id, row.pinned, row.source = record[0], bool(row.pinned), row.source and names.restored(row.source)
    time, top, right, bottom, left, encoding, missing, engine, scores = record[1 + len(_PLAIN) :]
    if time is not None:
        row.time = datetime.fromisoformat(time)
    if missing is not None:
        row.missing = datetime.fromisoformat(missing)
    if top is not None:
        row.box = Box(top, right, bottom, left)
    if encoding is not None:
        row.encoding = np.frombuffer(encoding, _FLOATS).astype(float, copy=False)
    if scores is not None:
        row.emotion = Emotion(tuple(np.frombuffer(scores, _SCORES).tolist()), engine)
    return row
