"""Where the pictures of faces lay when last seen: what a look asks of the table ``faces``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from face_classifier.core import names
from face_classifier.core.types import Box, Encoding, Sighting
from face_classifier.gallery.encodings.columns import COLUMNS, label_columns
from face_classifier.gallery.folder.listing import NOTHING, Listing
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS
from face_classifier.gallery.table.file import Table
from face_classifier.gallery.table.row import Row, whose
from face_classifier.gallery.table.rows import each, in_parts, select
from face_classifier.gallery.table.schema import LYING, ODD
from face_classifier.identity.matching.columns import LabelColumns

_OF_FOLDER = "FROM faces WHERE folder = ? AND state = ?"
# A name with a slash, of which there may be none, would count for two: then there are more of them than are counted.
_LISTING = "sum(typeof(file) = 'text'), group_concat(file, '/'), group_concat(size), group_concat(mtime)"
_NAMES = (  # of folders, from each one to the next by the index, rather than through all faces
    "WITH RECURSIVE names(name) AS (SELECT min(folder) FROM faces UNION ALL "
    "SELECT (SELECT min(folder) FROM faces WHERE folder > name) FROM names WHERE name IS NOT NULL)"
)
_KEPT = "state = 'kept' AND encoding IS NOT NULL"


class Portrait(NamedTuple):
    """A person in a few words."""

    person: str
    faces: int
    place: str  # of the picture of the best one, below the result folder


class Whereabouts:
    """Questions to an open table. Raises UserError where it cannot be used, DiskError if only for now."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def folders(self) -> set[str]:
        """In which pictures lay, or whose faces are deleted or missing."""
        names = self._table.execute(f"{_NAMES} SELECT name FROM names WHERE name IS NOT NULL")
        return {name for (name,) in names}

    def contents(self, folder: str) -> dict[tuple[str, int, int], int]:
        """(file, size, mtime) -> id of each picture that lay in a folder."""
        records = self._table.execute(f"SELECT file, size, mtime, id {_OF_FOLDER}", _lay_in(folder))
        return {(file, size, mtime): face for file, size, mtime, face in records}

    def listing(self, folder: str) -> Listing:
        """The pictures that lay in a folder, as `listing_of` tells what lies there."""
        ordered = f"(SELECT file, size, mtime {_OF_FOLDER} ORDER BY file)"
        count, *texts = self._table.execute(f"SELECT {_LISTING} FROM {ordered}", _lay_in(folder)).fetchone()
        return (count, *texts) if count else NOTHING

    def odd(self) -> dict[int, str]:
        """Faces at which a look has to look, whatever lies where: missing, being moved, without an encoding.

        By id the folder in which the picture lay; "" if it is missing.
        """
        found = self._table.execute(
            f"SELECT id, CASE state WHEN 'missing' THEN '' ELSE folder END FROM faces WHERE {ODD}"
        )
        return dict(found.fetchall())

    def concerned(self, faces: Iterable[int], files: Iterable[str]) -> list[Row]:
        """The rows with these ids or with these names of files, by id."""
        return self._sorted([*self._in("id", faces), *self._in("file", files)])

    def with_contents(self, contents: Iterable[str]) -> list[Row]:
        """The rows of pictures with these contents (hashes), by id."""
        return self._sorted(self._in("hash", contents))

    def placed_in(self, folders: Iterable[str]) -> list[Row]:
        """The rows of faces that the program placed in one of these folders, and that lie elsewhere; by id."""
        return self._sorted(self._in("placed", folders, f"placed <> folder AND {LYING}"))

    def _in(self, column: str, values: Iterable[int | str], clause: str = "TRUE") -> list[Row]:
        rows: list[Row] = []
        for part, marks in in_parts(values):
            rows += select(self._table, f"WHERE {clause} AND {column} IN ({marks})", *part)
        return rows

    def _sorted(self, rows: Iterable[Row]) -> list[Row]:
        by_id = {row.id: row for row in rows}
        return [by_id[face] for face in sorted(by_id)]

    def folder_of(self, faces: Collection[int], folders: Iterable[str] = ()) -> dict[int, str]:
        """Id -> folder of these faces and of all in these folders, as far as they are kept; by id."""
        found = [*self._of("folder", faces, "state = 'kept'")]
        for folder in folders:
            found += self._table.execute("SELECT id, folder FROM faces WHERE folder = ? AND state = 'kept'", (folder,))
        return dict(sorted(found))

    def tracks(self, faces: Iterable[int]) -> dict[int, int]:
        """Id -> track of those of these faces that are of one."""
        return dict(self._of("track", faces, "track IS NOT NULL"))

    def _of(self, column: str, faces: Iterable[int], clause: str) -> Iterator[tuple[int, Any]]:
        """Id and a column of those of these faces for which a clause holds."""
        for part, marks in in_parts(faces):
            yield from self._table.execute(f"SELECT id, {column} FROM faces WHERE id IN ({marks}) AND {clause}", part)

    def kept(self, folder: str | None = None) -> Iterator[Row]:
        """The rows of all kept faces with an encoding, or of those in a folder; by id."""
        clause, values = _in_folder(folder)
        return (row for row in each(self._table, clause, *values) if row.encoding is not None)

    def columns(self, folders: Collection[str], hidden: Collection[int]) -> Iterator[LabelColumns]:
        """The same faces in these folders, but for those with the ``hidden`` ids, thousands at a time; by id."""
        clause, values = _in_folder(*folders) if len(folders) == 1 else _in_folder()
        with self._table.telling():
            records = self._table.database.execute(f"SELECT {COLUMNS} FROM faces {clause}", values)
            yield from label_columns(records, self._table.encodings, folders, hidden)

    def considered(self, folders: Collection[str], hidden: Collection[int]) -> Iterator[Sighting]:
        """The same faces again, with what second thoughts ask about, in a third of the time of `kept`; by id."""
        clause, values = _in_folder()
        columns = "id, face, folder, placed, pinned, track, encoding, quality, source, position, time, fingerprint"
        with self._table.telling():
            records = self._table.database.execute(f"SELECT {columns} FROM faces {clause}", values)
            seen = (record for record in records if record[2] in folders and record[0] not in hidden)
            for record, encoding in self._table.encodings.joined(seen, 6):
                number, name, folder, placed, pinned, track, _, quality, source, *when = record
                if encoding is None:
                    continue
                person, track, corrected = whose(folder, placed, pinned, track)
                yield Sighting(
                    number,
                    name,
                    person,
                    None,
                    source=source and names.restored(source),
                    position=when[0],
                    time=None if when[1] is None else datetime.fromisoformat(when[1]),
                    encoding=encoding,
                    pinned=bool(pinned),
                    corrected=corrected,
                    quality=quality,
                    track=track,
                    fingerprint=when[2],
                )

    def encodings(self, folders: Collection[str], hidden: Collection[int]) -> Iterator[tuple[str, Encoding]]:
        """File name and encoding of each, likewise."""
        clause, values = _in_folder()
        with self._table.telling():
            found = self._table.database.execute(f"SELECT id, folder, file, encoding FROM faces {clause}", values)
            seen = (record for record in found if record[1] in folders and record[0] not in hidden)
            for (_, _, file, _), encoding in self._table.encodings.joined(seen, 3):
                if encoding is not None:
                    yield file, encoding

    def pictures_in(self, folder: str, hidden: Collection[int]) -> list[tuple[str, str, bool, Box | None]]:
        """File, content hash, whether it came from a source, and box of each picture of a kept face in a folder."""
        clause, values = _in_folder(folder)
        statement = f'SELECT id, file, hash, source IS NOT NULL, "top", "right", bottom, "left" FROM faces {clause}'
        with self._table.telling():
            found = self._table.database.execute(statement, values)
            return [
                (file, content, bool(cut), None if box[0] is None else Box(*box))
                for number, file, content, cut, *box in found
                if number not in hidden
            ]

    def with_id(self, face: int) -> Row | None:
        """The row of a kept face with an encoding; None if it is none."""
        rows = select(self._table, f"WHERE {_KEPT} AND id = ?", face)
        return rows[0] if rows and rows[0].encoding is not None else None

    def ids(self) -> list[int]:
        """Of all kept faces with an encoding."""
        return [face for (face,) in self._table.execute(f"SELECT id FROM faces WHERE {_KEPT} ORDER BY id")]

    def excluded(self, folder: str) -> list[Row]:
        """The rows with an encoding in a folder of excluded pictures, by id."""
        return select(self._table, "WHERE folder = ? AND encoding IS NOT NULL ORDER BY id", folder)

    def portraits(self) -> list[Portrait]:
        """Of each folder of a person the number of kept faces and the place of the best one, by name."""
        found = self._table.execute(  # SQLite takes the other columns from the row that has the maximum
            "SELECT folder, count(*), file, max(coalesce(quality, 0)) FROM faces WHERE state = 'kept' AND folder <> ? "
            "GROUP BY folder ORDER BY folder",
            (UNKNOWNS,),
        )
        return [Portrait(folder, count, f"{folder}/{file}") for folder, count, file, _ in found]

    def lying(self) -> int:
        """How many pictures lay in some folder."""
        return int(self._table.execute(f"SELECT count(*) FROM faces WHERE {LYING}").fetchone()[0])

    def last(self) -> int:
        """The highest id."""
        return int(self._table.execute("SELECT coalesce(max(id), 0) FROM faces").fetchone()[0])


def listings(table: Table) -> Iterator[tuple[str, Listing]]:
    """As `Whereabouts.listing`, of all folders of people and of `unknowns` by name, in a fraction of the time.

    The index has the files in order; without one a listing may be in another order, and its folder be looked at.
    """
    with table.telling():
        for folder, *listing in table.database.execute(
            f"SELECT folder, {_LISTING} FROM faces WHERE state = 'kept' GROUP BY folder"
        ):
            yield folder, tuple(listing)


def has_portraits(table: Table, folder: str, hidden: Collection[int]) -> bool:
    """Whether `Whereabouts.pictures_in` would find any."""
    found = table.execute(f"SELECT id FROM faces WHERE folder = ? AND {_KEPT}", (folder,))
    return any(face not in hidden for (face,) in found)


def count_people(table: Table, most: int) -> int:
    """How many people have a kept face, counted up to ``most``."""
    return _count(
        table,
        f"{_NAMES} SELECT 1 FROM names WHERE name IS NOT NULL AND name <> '{UNKNOWNS}' "
        "AND EXISTS (SELECT 1 FROM faces WHERE folder = name AND state = 'kept')",
        most,
    )


def count_faces(table: Table, most: int) -> int:
    """How many faces are kept, counted up to ``most``."""
    return _count(table, "SELECT 1 FROM faces WHERE state = 'kept'", most)


def _count(table: Table, selection: str, most: int) -> int:
    return int(table.execute(f"SELECT count(*) FROM ({selection} LIMIT ?)", (most,)).fetchone()[0])


def rows_called(table: Table, folders: Collection[str]) -> list[Row]:
    """The rows of faces that lie, or lay, in one of these folders, or that the program placed there."""
    rows: dict[int, Row] = {}
    for part, marks in in_parts(folders):
        for column in ("folder", "placed"):
            rows |= {row.id: row for row in each(table, f"WHERE {column} IN ({marks})", *part)}
    return list(rows.values())


def known_faces(table: Table, faces: Iterable[int]) -> set[int]:
    """Those of these faces that are neither discarded nor only `seen`."""
    known: set[int] = set()
    for part, marks in in_parts(faces):
        found = table.execute(f"SELECT id FROM faces WHERE id IN ({marks}) AND state NOT IN ('rejected', 'seen')", part)
        known.update(face for (face,) in found)
    return known


def _lay_in(folder: str) -> tuple[str, str]:
    """A folder, and the state of the faces whose pictures lay in it."""
    return folder, "deleted" if folder.startswith(f"{EXCLUDED}/") else "kept"


def _in_folder(folder: str | None = None) -> tuple[str, list[str]]:
    """A clause for the kept faces with an encoding in a folder (None: in all), by id; and its values.

    Numbers are sorted before anything is read: with their encodings SQLite would sort ten thousand in a file.
    """
    if folder is None:
        return f"WHERE {_KEPT} ORDER BY id", []
    return f"WHERE id IN (SELECT id FROM faces WHERE folder = ? AND state = 'kept') AND {_KEPT} ORDER BY id", [folder]
