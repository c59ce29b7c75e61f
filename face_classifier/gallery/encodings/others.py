"""Encodings by other encoders than the gallery's: the former one's, or the next one's so far."""

from __future__ import annotations

from face_classifier.core.types import Face
from face_classifier.gallery.encodings.kept import FLOATS
from face_classifier.gallery.table.file import Table
from face_classifier.gallery.table.row import Row
from face_classifier.gallery.table.rows import select

_COUNTS = "(state IN ('kept', 'missing') OR encoding IS NOT NULL)"  # whose pictures are or may return


class OtherEncodings:
    """The table ``encodings``. Raises UserError where it cannot be used, DiskError if only for now."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def not_prepared(self, space: str) -> list[Row]:
        """Kept and rejected faces without an encoding by an encoder, neither their own nor one waiting for `switch`.

        Missing ones have no picture that could be encoded.
        """
        return select(
            self._table,
            f"WHERE {_COUNTS} AND state <> 'missing' AND (encoding IS NULL OR space <> ?) AND NOT EXISTS "
            "(SELECT 1 FROM encodings WHERE face = id AND space = ? AND hash = faces.hash) ORDER BY id",
            space,
            space,
        )

    def prepare(self, row: Row, face: Face) -> None:
        """Keep the encoding of a row by another encoder for `switch`."""
        made = face.made_by
        encoding = face.encoding.astype(FLOATS).tobytes()
        self._table.execute(
            "INSERT OR REPLACE INTO encodings VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            (row.id, made.space, row.hash, encoding, made.detector, made.chip, made.precision),
        )

    def switch(self, space: str) -> None:
        """Give every row its encoding by another encoder, none where that is missing; the former ones are kept.

        Deleted faces have none, but for those that the user rejected.
        """
        columns = 'detector, chip, "precision", distance'
        with self._table.replacing_encodings():
            self._table.execute(
                "SELECT count(copied(id, encoding)) FROM faces WHERE encoding IS NOT NULL AND space = ?", (space,)
            )
            self._table.execute(
                f"INSERT OR REPLACE INTO encodings (face, space, hash, encoding, {columns}) SELECT * FROM "
                f"(SELECT id, space, hash, given(id, encoding) AS encoding, {columns} FROM faces "
                "WHERE faces.encoding IS NOT NULL AND space <> ?) WHERE encoding IS NOT NULL",
                (space,),
            )
            self._table.execute(
                f"UPDATE faces SET (space, encoding, {columns}) = "
                f"(SELECT space, taken(face, encoding), {columns} FROM encodings "
                "WHERE face = faces.id AND space = ? AND hash = faces.hash) "
                f"WHERE {_COUNTS} AND (encoding IS NULL OR space <> ?)",
                (space, space),
            )
            self._table.execute("DELETE FROM encodings WHERE space = ?", (space,))

    def forget(self, face_id: int) -> None:
        """Of a face by other encoders than the gallery's."""
        self._table.execute("DELETE FROM encodings WHERE face = ?", (face_id,))
