"""The form of ``faces.sqlite``, and how the files of earlier versions get it."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import fields

import numpy as np

from face_classifier.gallery.places import EXCLUDED, UNKNOWNS
from face_classifier.gallery.table import rescaled
from face_classifier.gallery.table.row import Row

# 1 knows no `missing` faces and 2 no `seen` ones, and would take them for deleted; 3 holds the encodings themselves.
VERSION = 4
_CACHE = 16 << 20  # bytes at most: a new face changes pages all over the indexes, which SQLite's 2 MB do not hold
_FACES = """(
    id INTEGER PRIMARY KEY,
    face TEXT NOT NULL,          -- the stem of the picture's file when first written
    folder TEXT NOT NULL,        -- where the picture lay when last seen
    file TEXT NOT NULL,          -- its name there
    size INTEGER NOT NULL,       -- bytes
    mtime INTEGER NOT NULL,      -- ns since 1970
    hash TEXT NOT NULL,          -- SHA-256 of the picture's content
    state TEXT NOT NULL CHECK (state IN ('kept', 'rejected', 'deleted', 'missing', 'seen')),
    source TEXT,                 -- or a BLOB, where it is not UTF-8
    fingerprint TEXT, frame INTEGER,
    position REAL,               -- seconds, the source's clock
    time TEXT,                   -- ISO 8601, UTC
    "top" INTEGER, "right" INTEGER, "bottom" INTEGER, "left" INTEGER,  -- pixels of the original picture
    encoding INTEGER,            -- CRC-32 of its row in the file of encodings
    space TEXT, detector TEXT, chip TEXT, "precision" TEXT,
    quality REAL,
    placed TEXT,                 -- the folder in which the program last placed it, following renames
    distance REAL,               -- L2, at that decision
    intent TEXT,                 -- the folder into which the program is moving it right now
    pinned INTEGER NOT NULL,     -- 1: it lies in `unknowns` because the user put it there
    track INTEGER,               -- rows with one number are one face over consecutive frames
    missing TEXT,                -- ISO 8601, UTC: when it was found to be `missing`
    nearest INTEGER              -- the face whose label a `seen` one has: kept, or `seen` itself
);
CREATE INDEX faces_seen ON faces (fingerprint, position);
CREATE INDEX faces_hash ON faces (hash);
CREATE INDEX faces_face ON faces (face);
CREATE INDEX faces_track ON faces (track, state);
"""
_SCHEMA = f"""
CREATE TABLE faces {_FACES}
CREATE TABLE moves (             -- what earlier versions wrote of what the user did, before there was a journal
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
_PLACE = "folder TEXT NOT NULL, state TEXT NOT NULL, placed TEXT, pinned INTEGER NOT NULL, distance REAL"
_NEW_PLACE = ", ".join(f"new_{column}" for column in _PLACE.split(", "))
# Tables that came later, by name; programs that do not know them leave them alone, so the version stays.
_ADDED = {
    "bridged": "(fingerprint TEXT PRIMARY KEY)",  # sources at whose positions no jump of their clock counts
    "steps": """(                -- how far apart the frames lie with which a run first analysed a source
    fingerprint TEXT PRIMARY KEY,
    seconds REAL                 -- NULL: no run did so far
)""",
    "emotions": """(             -- of faces for which they were asked
    face INTEGER PRIMARY KEY, engine TEXT NOT NULL,
    scores BLOB NOT NULL         -- little-endian float32, in the order of ``faces.EMOTIONS``
)""",
    "journal": """(               -- an entry a decision
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,          -- ISO 8601, UTC
    door TEXT NOT NULL,          -- 'file manager', 'run', 'second thoughts', 'command NAME', 'page', 'page NAME'
    what TEXT NOT NULL,          -- a sentence where the changes do not tell it; '': they do
    undone INTEGER               -- the number of the entry that took it back
)""",
    "changes": f"""(             -- of whose face it is, by an entry
    entry INTEGER NOT NULL, face INTEGER NOT NULL,
    kind TEXT NOT NULL,          -- 'rename', 'move', 'delete', 'revive'; 'follow': of ``placed`` alone
    {_PLACE},                    -- before; a folder that is '' was forgotten
    {_NEW_PLACE},                -- after
    PRIMARY KEY (entry, face)
)""",
    "parted": """(              -- what an entry added to the table ``refused``, or took out of it
    entry INTEGER NOT NULL, one INTEGER NOT NULL, other INTEGER NOT NULL, added INTEGER NOT NULL,
    PRIMARY KEY (entry, one, other)
)""",
    "strangers": """(            -- how many passed of whom nothing else is kept
    source TEXT NOT NULL,        -- or a BLOB, where it is not UTF-8
    fingerprint TEXT NOT NULL,   -- '': a live source
    day TEXT NOT NULL,           -- ISO 8601, local
    number INTEGER NOT NULL,
    PRIMARY KEY (source, fingerprint, day)
)""",
    "forgetting": """(           -- what is about to be forgotten: a face, or (face 0) the name of a person
    face INTEGER NOT NULL, person TEXT NOT NULL, PRIMARY KEY (face, person)
)""",
    "expiring": "(face INTEGER PRIMARY KEY)",  # faces of nobody that were kept for long enough, and are about to go
    "expired": """(              -- by how many faces that went so
    entry INTEGER PRIMARY KEY,   -- an entry of the journal is poorer
    faces INTEGER NOT NULL
)""",
    "uses": """(                 -- where else the faces may be seen
    kind TEXT NOT NULL,          -- 'captures', 'log', 'index'
    path TEXT NOT NULL,          -- absolute; or a BLOB, where it is not UTF-8
    PRIMARY KEY (kind, path)
)""",
    "tracks": """(               -- who passed when: a row a face over consecutive frames of one source
    number INTEGER PRIMARY KEY,  -- of the track, as in ``faces``
    source TEXT NOT NULL,        -- or a BLOB, where it is not UTF-8
    fingerprint TEXT,
    session INTEGER NOT NULL,    -- one run of one source
    first TEXT NOT NULL, last TEXT NOT NULL,                        -- ISO 8601, UTC
    first_position REAL NOT NULL, last_position REAL NOT NULL,      -- seconds, the source's clock
    frames INTEGER NOT NULL,     -- that were analysed, and in which it was found
    best INTEGER,                -- its best face
    said TEXT,                   -- whose it was told to be at the time; NULL: unknown
    zones TEXT NOT NULL          -- JSON: names of those in which it was seen
)""",
    "outages": """(              -- when a camera sent nothing
    source TEXT NOT NULL,
    first TEXT NOT NULL, last TEXT,                                 -- ISO 8601, UTC; NULL: it sends nothing still
    PRIMARY KEY (source, first)
)""",
    "flags": """(               -- what the user marks
    kind TEXT NOT NULL,          -- 'hidden': the person whose face it is; 'cover': the face that stands for it
    face INTEGER NOT NULL,
    PRIMARY KEY (face, kind)
)""",
    "reviewed": "(track INTEGER PRIMARY KEY)",  # that the user has looked through
    "placed": "(record TEXT PRIMARY KEY)",  # names of records all frames of which were placed
    "batch": "(token TEXT NOT NULL)",  # of the latest changes of many files that became durable together
    "planned": f"""(             -- what an entry is about to change: pictures are moved before their rows
    face INTEGER PRIMARY KEY, entry INTEGER NOT NULL, kind TEXT NOT NULL,
    {_PLACE}
)""",
}

LYING = (  # whose pictures lay in some folder when last seen
    f"(state = 'kept' OR (state = 'deleted' AND substr(folder, 1, {len(EXCLUDED) + 1}) = '{EXCLUDED}/'))"
)
ODD = (
    f"(state = 'missing' OR ({LYING} AND (intent IS NOT NULL OR size < 0 OR encoding IS NULL)))"  # not to be passed by
)
LEAVING = "state = 'seen' AND folder <> ''"  # gave way, and their pictures are still to be removed
_INDEXES = {  # that came later
    "faces_lying": "faces (folder, state, file, size, mtime)",
    "faces_file": "faces (file)",
    "faces_time": "faces (time, track, state)",
    # Which are to go is asked every few minutes, and told by this alone:
    "faces_unknown": f"faces (folder, state, fingerprint, time, mtime, source, size, file) WHERE folder = '{UNKNOWNS}'",
    "faces_odd": f"faces (state) WHERE {ODD}",
    "faces_elsewhere": "faces (placed) WHERE placed <> folder",
    "faces_space": "faces (space) WHERE encoding IS NOT NULL",
    "tracks_last": "tracks (last)",
    "tracks_best": "tracks (best)",
    "faces_nearest": "faces (nearest) WHERE nearest IS NOT NULL",
    "faces_leaving": f"faces (id) WHERE {LEAVING}",
    "changes_face": "changes (face)",
}

_LATER = {"missing": 2, "nearest": 3}  # columns, and the version in which each came
PLAIN = [field.name for field in fields(Row)][: -len(("id", "time", "box", "encoding", "emotion", *_LATER))]
_FIRST_COLUMNS = [*PLAIN, "time", "top", "right", "bottom", "left", "encoding"]  # of version 1
COLUMNS = [*_FIRST_COLUMNS, *_LATER]
QUOTED = ", ".join(f'"{column}"' for column in COLUMNS)
_ANEW = f"""
CREATE TABLE faces_anew {_FACES.partition(";")[0]};
INSERT INTO faces_anew ({{columns}}) SELECT {{values}} FROM faces;
DROP TABLE faces;
ALTER TABLE faces_anew RENAME TO faces;
{_FACES.partition(";")[2]}
"""
SELECT = (
    f"SELECT id, {QUOTED}, engine, scores FROM faces "
    "LEFT JOIN (SELECT face AS of_face, engine, scores FROM emotions) ON of_face = id"
)
SCORES = np.dtype("<f4")  # of emotions


def version_of(database: sqlite3.Connection) -> int:
    """The version of a file's form; 0: it has none yet."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def prepare(database: sqlite3.Connection, *, writing: bool) -> None:
    """Make the tables that are missing; those of an earlier version are brought up to date by `anew`.

    A reader changes nothing in the file and sees the same by tables and views of its own.
    """
    version = version_of(database)
    if writing:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA cache_size = -{_CACHE >> 10}")  # KiB
        database.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
    if version == 0:
        database.executescript(f"BEGIN;{_bare(_SCHEMA)}PRAGMA user_version = {VERSION};COMMIT;")
    elif version < VERSION and not writing:
        rescaled.show(database, COLUMNS, _lacking(version))
    missing, where = sorted(_ADDED.keys() - _present(database, "table")), "main" if writing else "temp"
    _make(database, [f"CREATE TABLE {where}.{name} {_bare(_ADDED[name])}" for name in missing])


def anew(version: int, encoding: str) -> str:
    """Statements that give the table ``faces`` of an earlier version today's form, to be run in a transaction.

    ``encoding``: what SQL is to store of ``id`` and ``encoding`` in that column.
    """
    columns = [f'"{column}"' for column in ("id", *COLUMNS) if column not in _lacking(version)]
    values = [encoding if column == '"encoding"' else column for column in columns]
    return _bare(_ANEW).format(columns=", ".join(columns), values=", ".join(values))


def _lacking(version: int) -> set[str]:
    """The columns that the faces of a version do not have."""
    return {column for column, since in _LATER.items() if since > version}


def _bare(statement: str) -> str:
    """Without comments and indentation, since SQLite stores it all."""
    return re.sub(r"\s*--.*|(?<=\n) +", "", statement)


def add_indexes(database: sqlite3.Connection) -> None:
    """Make the indexes that files of earlier versions lack."""
    missing = sorted(_INDEXES.keys() - _present(database, "index"))
    _make(database, [f"CREATE INDEX {name} ON {_INDEXES[name]}" for name in missing])


def _present(database: sqlite3.Connection, kind: str) -> set[str]:
    """The names of all tables, or of all indexes, in the file."""
    return {name for (name,) in database.execute("SELECT name FROM main.sqlite_master WHERE type = ?", [kind])}


def _make(database: sqlite3.Connection, statements: list[str]) -> None:
    """In one transaction, since the disk is waited for at the end of each."""
    if statements:
        database.executescript(f"BEGIN;{';'.join(statements)};COMMIT;")
