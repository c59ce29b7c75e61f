"""The table ``faces``: a row a face."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import inf
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from face_classifier.core import names
from face_classifier.core.disk.tree import is_component
from face_classifier.core.types import Box, Emotion, Encoding
from face_classifier.gallery.encodings.kept import checksum_of
from face_classifier.gallery.places import person_of
from face_classifier.gallery.table.file import Table
from face_classifier.gallery.table.row import DISCARDED, SEEN, Row
from face_classifier.gallery.table.schema import COLUMNS, PLAIN, QUOTED, SCORES, SELECT

_MOST = 500  # values of one statement
_ADD = f"INSERT INTO faces ({QUOTED}) VALUES ({', '.join('?' * len(COLUMNS))})"
_STORED, _FOLDER, _ENCODING = f"SELECT id, {QUOTED} FROM faces", COLUMNS.index("folder"), COLUMNS.index("encoding")
COLUMN = 1 + _ENCODING  # of what SELECT yields, that tells of the encoding
_SPACES = (  # from each one to the next by the index, rather than through all faces
    "WITH RECURSIVE spaces(name) AS (SELECT min(space) FROM faces WHERE encoding IS NOT NULL UNION ALL "
    "SELECT (SELECT min(space) FROM faces WHERE encoding IS NOT NULL AND space > name) FROM spaces "
    "WHERE name IS NOT NULL) SELECT name FROM spaces WHERE name IS NOT NULL UNION ALL "
    "SELECT * FROM (SELECT space FROM faces WHERE encoding IS NOT NULL AND space IS NULL LIMIT 1)"
)
_plain_of, _SOURCE = attrgetter(*PLAIN), PLAIN.index("source")
_Text = TypeVar("_Text", str, "str | None")


class Rows:
    """The rows of an open table. Raises UserError where it cannot be used, DiskError if only for now."""

    def __init__(self, table: Table) -> None:
        """Encodings are written with the transaction in which their rows are."""
        self._table = table
        self._touched: set[str] | None = None  # folders of rows that were written since `take_touched`; None: all
        self.version = 0  # counts what was written
        self.lying = 0  # counts what was written of faces in a folder
        self.changed = 0  # counts what was written of rows that were there
        self._has_emotions = table.execute("SELECT 1 FROM emotions LIMIT 1").fetchone() is not None

    def add(self, row: Row) -> None:
        """Write a new row and give it its id."""
        cursor = self._table.execute(_ADD, values_of(row))
        row.id = cursor.lastrowid or 0
        if row.encoding is not None:
            self._table.encodings.put(row.id, row.encoding)
        self._set_emotions([row])
        self.touch(row.folder)

    def update(self, *rows: Row) -> None:
        """Write rows anew; several within a transaction.

        Only columns that differ are written: SQLite brings every index up to date of which a column is set at all.
        """
        for folder in {row.folder for row in rows}:
            self.touch(folder)
        self.changed += bool(rows)
        now = {row.id: values_of(row) for row in rows}
        encodings = {row.id: row.encoding for row in rows if row.encoding is not None}
        for part, marks in in_parts(now):
            self._write_differing(
                now, encodings, self._table.execute(f"{_STORED} WHERE id IN ({marks})", part).fetchall()
            )
        self._set_emotions(rows)

    def _write_differing(
        self, rows: Mapping[int, list[Any]], encodings: Mapping[int, Encoding], stored: Sequence[tuple[Any, ...]]
    ) -> None:
        """``rows``: values by id, ``stored``: id and values of each as they are so far."""
        alike: dict[tuple[int, ...], list[list[Any]]] = defaultdict(list)
        for number, *before in stored:
            self.touch(before[_FOLDER])
            now = rows[number]
            differing = tuple(place for place, value in enumerate(now) if value != before[place])
            if _ENCODING in differing and number in encodings:
                self._table.encodings.put(number, encodings[number])
            alike[differing].append([*(now[place] for place in differing), number])
        for differing, values in alike.items():
            if differing:
                columns = ", ".join(f'"{COLUMNS[place]}" = ?' for place in differing)
                self._table.execute_each(f"UPDATE faces SET {columns} WHERE id = ?", values)

    def touch(self, folder: str) -> None:
        """What lies in a folder is no longer what the last look saw there."""
        self.version += 1
        self.lying += bool(folder)
        if self._touched is not None:
            self._touched.add(folder)

    def touch_all(self) -> None:
        """Rows were written otherwise."""
        self.version += 1
        self.lying += 1
        self.changed += 1
        self._touched = None

    def take_touched(self) -> set[str] | None:
        """The folders in which rows lay or lie now that were written since this was last asked; None: it may be any."""
        touched, self._touched = self._touched, set()
        return touched

    def _set_emotions(self, rows: Sequence[Row]) -> None:
        if self._has_emotions:  # without any it would be half as much work again
            without = ((row.id,) for row in rows if row.emotion is None)
            self._table.execute_each("DELETE FROM emotions WHERE face = ?", without)
        for row in rows:
            if row.emotion is not None:
                self._has_emotions = True
                scores = np.array(row.emotion.scores, SCORES).tobytes()
                self._table.execute(
                    "INSERT OR REPLACE INTO emotions VALUES (?, ?, ?)", (row.id, row.emotion.engine, scores)
                )

    def all(self) -> list[Row]:
        """All but those of `seen` faces that never had a picture, of which there may be any number."""
        return select(self._table, "WHERE state <> 'seen' OR hash <> '' ORDER BY id")

    def of_source(self, fingerprint: str, earliest: float, latest: float) -> list[Row]:
        """Faces seen between two positions (seconds) of a source, whatever their state."""
        return select(
            self._table, "WHERE fingerprint = ? AND position BETWEEN ? AND ? ORDER BY id", fingerprint, earliest, latest
        )

    def next_of_source(self, fingerprint: str, earliest: float) -> float:
        """The first position (seconds) from ``earliest`` on at which a face of a source was seen; inf: none was."""
        statement = "SELECT min(position) FROM faces WHERE fingerprint = ? AND position >= ?"
        position = self._table.execute(statement, (fingerprint, earliest)).fetchone()[0]
        return inf if position is None else float(position)

    def places_of_source(self, fingerprint: str) -> list[tuple[float, int, Box]]:
        """Position (seconds), id and box of each face of a source, but of those that were discarded."""
        statement = (
            'SELECT position, id, "top", "right", bottom, "left" FROM faces WHERE fingerprint = ? AND state != ? '
            'AND position IS NOT NULL AND "top" IS NOT NULL'
        )
        with self._table.telling():
            found = self._table.database.execute(statement, (fingerprint, DISCARDED))
            return [(position, number, Box(*box)) for position, number, *box in found]

    def has_without_source(self, content: str, face: str) -> bool:
        """Whether it is not known of some picture with this content (hash), or first written so, whence it came."""
        statement = "SELECT 1 FROM faces WHERE source IS NULL AND (hash = ? OR face = ?) LIMIT 1"
        return self._table.execute(statement, (content, face)).fetchone() is not None

    def without_source(self, content: str) -> list[Row]:
        """Those of a picture with this content (hash) of which that is not known."""
        return select(self._table, "WHERE hash = ? AND source IS NULL ORDER BY id", content)

    def find(self, face_id: int) -> Row | None:
        found = select(self._table, "WHERE id = ?", face_id)
        return found[0] if found else None

    def with_id(self, face_id: int) -> Row:
        return select(self._table, "WHERE id = ?", face_id)[0]

    def places(self) -> Iterator[tuple[int, str, str, str]]:
        """(id, folder, file, content hash) of every row."""
        yield from self._table.execute("SELECT id, folder, file, hash FROM faces")

    def has_face(self, face: str) -> bool:
        return bool(self._table.execute("SELECT 1 FROM faces WHERE face = ? LIMIT 1", (face,)).fetchone())

    def spaces(self) -> set[str]:
        """The encoders whose encodings the rows have."""
        return {space for (space,) in self._table.execute(_SPACES)}

    def doubt(self, face_id: int, *, encoding: bool) -> None:
        """Have the next look read a picture whatever its size and time; ``encoding``: and encode it in any case."""
        self.touch_all()
        self._table.execute("UPDATE faces SET size = -1 WHERE id = ?", (face_id,))
        if encoding:
            self._table.execute("UPDATE faces SET encoding = NULL WHERE id = ?", (face_id,))

    def last_track(self) -> int:
        """The highest number that a track has, with faces, only beside another track, or had before it was removed."""
        used = self._table.execute(
            "SELECT (SELECT max(track) FROM faces), (SELECT max(other) FROM apart), (SELECT max(number) FROM tracks), "
            "(SELECT value FROM marks WHERE name = 'track')"
        ).fetchone()
        return max(number or 0 for number in used)


def in_parts(values: Iterable[int | str]) -> Iterator[tuple[list[int | str], str]]:
    """As many values as a statement takes at once, and the marks for them."""
    left = list(values)
    for first in range(0, len(left), _MOST):
        part = left[first : first + _MOST]
        yield part, ", ".join("?" * len(part))


def select(table: Table, clause: str, *values: Any) -> list[Row]:
    """The rows that a clause of SQL names."""
    return list(each(table, clause, *values))


def each(table: Table, clause: str, *values: Any) -> Iterator[Row]:
    """The rows that a clause of SQL names, one by one, so that they need not all be in memory."""
    with table.telling():
        records = table.database.execute(f"{SELECT} {clause}", values)
        for record, encoding in table.encodings.joined(records, COLUMN):
            yield row_from(record, encoding)


def values_of(row: Row) -> list[Any]:
    """What is stored of a row, in the order of COLUMNS."""
    box = row.box.css if row.box else (None, None, None, None)
    plain = list(_plain_of(row))
    plain[_SOURCE] = row.source and names.stored(row.source)
    return [
        *plain,
        row.time.isoformat() if row.time else None,
        *box,
        checksum_of(row.encoding) if row.encoding is not None else None,
        row.missing.isoformat() if row.missing else None,
        row.nearest,
    ]


def _check_places(row: Row) -> None:
    """Raise ValueError where a name in a row leads out of the result folder: somebody else has written it."""
    folders = {name for name in (row.folder, row.placed, row.intent) if name is not None}
    files = [row.file]
    if row.state in (DISCARDED, SEEN):  # no picture is kept
        folders, files = folders - {""}, [name for name in files if name]
    for place in (*(person_of(folder) for folder in folders), *files):
        if not is_component(place):
            raise ValueError(f"it names {place!r}, which is not the name of a file or folder in it")


def _shared(text: _Text) -> _Text:
    """What thousands of rows have in common is in memory once."""
    return sys.intern(text) if type(text) is str else text


def row_from(record: tuple[Any, ...], encoding: Encoding | None) -> Row:
    """A row from what SELECT yields, and the encoding that its COLUMN tells of. Raises ValueError where it is none."""
    row = Row(*record[1 : 1 + len(PLAIN)])
    _check_places(row)
    row.id, row.pinned = record[0], bool(row.pinned)
    row.source = row.source and _shared(names.restored(row.source))
    row.folder, row.fingerprint = _shared(row.folder), _shared(row.fingerprint)
    time, top, right, bottom, left, _, missing, row.nearest, engine, scores = record[1 + len(PLAIN) :]
    if time is not None:
        row.time = datetime.fromisoformat(time)
    if missing is not None:
        row.missing = datetime.fromisoformat(missing)
    if top is not None:
        row.box = Box(top, right, bottom, left)
    row.encoding = encoding
    if scores is not None:
        row.emotion = Emotion(tuple(np.frombuffer(scores, SCORES).tolist()), engine)
    return row
