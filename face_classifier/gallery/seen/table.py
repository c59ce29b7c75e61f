"""Rows of the state `seen`: faces that were recognised and have no picture; each has the label of another one.

Which one that is stands in the column ``nearest``. If it gave way to others since, it is `seen` itself, and its own
``nearest`` leads on, until a face is reached that is not: when one gives way, thousands of rows stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from face_classifier.core.types import Box, Frame, Sighting
from face_classifier.gallery.table.file import Table
from face_classifier.gallery.table.row import KEPT, SEEN, Row, sighting_of, take_origin
from face_classifier.gallery.table.rows import Rows, select
from face_classifier.gallery.table.schema import LEAVING


def of_track(table: Table, track: int) -> list[Row]:
    """The kept faces of a track, by id."""
    return select(table, f"WHERE track = ? AND state = '{KEPT}' AND encoding IS NOT NULL ORDER BY id", track)


def leaving(table: Table) -> list[Row]:
    """Faces that gave way, and whose pictures are still to be removed."""
    return select(table, f"WHERE {LEAVING}")


def seen_row(frame: Frame, box: Box, quality: float | None, distance: float | None, nearest: int) -> Row:
    """Of a face that never had a picture.

    Parameters
    ----------
    frame: where it was seen.
    box: in pixels of the original.
    quality: 0 to 1; None = not assessed.
    distance: L2, at the decision; None if there was nothing to compare with.
    nearest: the face (id) whose label it has.
    """
    row = Row(face="", folder="", file="", size=0, mtime=0, hash="", state=SEEN)
    take_origin(row, frame)
    row.box, row.quality, row.distance, row.nearest = box, quality, distance, nearest
    return row


def label_of(rows: Rows, row: Row) -> Row | None:
    """The row of the face whose label a row has: its own, unless it is `seen`; None if that one is there no more."""
    while row.state == SEEN:
        found = None if row.nearest is None else rows.find(row.nearest)
        if found is None:
            return None
        row = found
    return row


def as_seen(row: Row, label: Row) -> Sighting:
    """A `seen` face; ``label``: the row of the face whose label it has, and for which it is taken elsewhere."""
    return replace(
        sighting_of(label),
        source=row.source,
        frame=row.frame,
        position=row.position,
        time=row.time,
        box=row.box,
        quality=row.quality,
        distance=row.distance,
        seen=True,
    )


def led_to(table: Table, faces: Iterable[int]) -> Iterator[int]:
    """The `seen` faces (ids) that have the label of one of these."""
    for face in faces:
        found = table.execute(
            "WITH RECURSIVE led(number) AS (SELECT id FROM faces WHERE nearest = ? "
            "UNION SELECT id FROM faces JOIN led ON nearest = number) SELECT number FROM led",
            (face,),
        )
        yield from [number for (number,) in found.fetchall()]


def forget_seen(table: Table, track: int) -> None:
    """Remove the rows of `seen` faces of a live source that never had a picture, of one track; in a transaction."""
    table.execute(
        "DELETE FROM faces WHERE state = 'seen' AND hash = '' AND fingerprint IS NULL "
        "AND id < (SELECT max(id) FROM faces) AND nearest IN (SELECT id FROM faces WHERE track = ?)",
        (track,),
    )
