"""What cannot be right in a table, and what can still be saved of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import Encoding, check_encoding
from face_classifier.gallery.encodings.beside import beside
from face_classifier.gallery.encodings.file import EncodingsFile, NotOursError
from face_classifier.gallery.encodings.kept import Encodings, checksum_of
from face_classifier.gallery.table import checked, rescaled
from face_classifier.gallery.table.file import Table, complaints, is_damage, open_or_empty
from face_classifier.gallery.table.rows import COLUMN, row_from
from face_classifier.gallery.table.schema import SELECT

_ROWLESS = ("apart", "refused")
_TABLES = (
    "faces",
    "emotions",
    "encodings",
    "moves",
    "sources",
    "bridged",
    "steps",
    "marks",
    "journal",
    "changes",
    "parted",
    "planned",
    "forgetting",
    "strangers",
    "expiring",
    "expired",
    "uses",
    "tracks",
    "outages",
    *_ROWLESS,
)  # all but what is made from them
_LEAST_BYTES = 16  # of a record


def faults(table: Table) -> list[tuple[str, str]]:
    """(file or face, what is wrong) of everything that cannot be so, whatever the pictures are."""
    with table.telling():
        faulty = [(table.path.name, message) for message in complaints(table.database, "integrity_check")]
    if faulty:
        return faulty
    rows = [(face, reason) for _, face, reason in _faulty_rows(table)]
    return rows + [(table.path.name, reason) for _, _, reason in checked.faulty(table)]


def _faulty_rows(table: Table) -> Iterator[tuple[int, str, str]]:
    for face_id, face in table.execute("SELECT id, CAST(face AS BLOB) FROM faces ORDER BY id").fetchall():
        try:
            for record in table.database.execute(f"{SELECT} WHERE id = ?", (face_id,)):
                row = row_from(record, table.encodings.find(face_id, record[COLUMN]))
                if row.encoding is not None:
                    check_encoding(row.encoding)
                elif record[COLUMN] is not None:
                    raise ValueError("its encoding is not the one that the table names")
        except (sqlite3.Error, ValueError, TypeError) as error:
            if not is_damage(error):
                raise UserError(f"{table.path} cannot be read ({error}); check that disk, and try again") from error
            yield face_id, face.decode("utf-8", "replace"), " ".join(str(error).split())


def mend(table: Table) -> None:
    """Make the indexes anew, and remove what else `faults` tells: encodings, then where a face came from, then the
    rows that are no use even so, with all that is said of them: their numbers may be given again. Of the journal, and
    of what was about to be moved or forgotten, the records that cannot be so.

    The next look at the pictures makes them again.
    """
    table.execute("REINDEX")
    for statement in (
        "UPDATE faces SET encoding = NULL WHERE id = ?",
        "DELETE FROM emotions WHERE face = ?",
        'UPDATE faces SET source = NULL, time = NULL, detector = NULL, chip = NULL, "precision" = NULL WHERE id = ?',
        "DELETE FROM faces WHERE id = ?",
    ):
        for face_id, _, _ in list(_faulty_rows(table)):
            table.execute(statement, (face_id,))
    while table.execute("DELETE FROM faces WHERE nearest NOT IN (SELECT id FROM faces)").rowcount:
        pass  # of seen faces without a label; others may have had theirs
    for name, record, _ in list(checked.faulty(table)):
        table.execute(f"DELETE FROM {name} WHERE rowid = ?", (record,))
    for name, column in (
        *(("refused", "one"), ("refused", "other"), ("parted", "one"), ("parted", "other")),
        *((name, "face") for name in ("encodings", "emotions", "changes", "planned")),
    ):
        table.execute(f"DELETE FROM {name} WHERE {column} NOT IN (SELECT id FROM faces)")
    table.execute("UPDATE tracks SET best = NULL WHERE best NOT IN (SELECT id FROM faces)")


def salvage(table: Table, root: Root, damaged: str) -> None:
    """Take over what can still be read of a file in ``root`` that is too damaged to be used."""
    most = (root.path / damaged).stat().st_size // _LEAST_BYTES
    with suppress(sqlite3.Error), closing(open_or_empty(root, damaged)) as old, table.together():
        for name in _TABLES:
            for columns, record in _readable(old, name, most):
                marks = ", ".join("?" * len(record))
                table.execute(f"INSERT OR IGNORE INTO {name} ({columns}) VALUES ({marks})", record)
    with table.telling():
        rescaled.convert(table.database)
        _take_encodings(table, root, damaged)


def _take_encodings(table: Table, root: Root, damaged: str) -> None:
    """Of rows that were taken over: from the rows themselves, or from the file that was beside the damaged one."""
    try:
        file = EncodingsFile(root.open_to_read(beside(damaged)))
    except (OSError, NotOursError, UserError):
        file = None
    former = Encodings(None, file, writing=True)
    table.encodings.doubt()
    try:
        with table.together():
            for face, stored in table.execute("SELECT id, encoding FROM faces WHERE encoding IS NOT NULL").fetchall():
                if table.encodings.find(face, stored) is None or isinstance(stored, bytes):
                    encoding = _saved(former, face, stored)
                    checksum = None if encoding is None else checksum_of(encoding)
                    table.execute("UPDATE faces SET encoding = ? WHERE id = ?", (checksum, face))
                    if encoding is not None:
                        table.encodings.put(face, encoding)
    finally:
        former.close()


def _saved(former: Encodings, face: int, stored: object) -> Encoding | None:
    try:
        found = former.find(face, stored)
        return None if found is None else check_encoding(found)
    except ValueError:
        return None


def _readable(database: sqlite3.Connection, table: str, most: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The columns and values of a damaged table's records, one by one: a torn page must not hide those on the others.

    An older version has fewer columns.
    """
    statements = [(f"SELECT * FROM {table}", ())] if table in _ROWLESS else ()
    for statement, values in statements or ((f"SELECT * FROM {table} WHERE rowid = ?", (n,)) for n in range(1, most)):
        with suppress(sqlite3.Error):
            records = database.execute(statement, values)
            columns = ", ".join(f'"{name}"' for name, *_ in records.description)
            for record in records:
                yield columns, record
