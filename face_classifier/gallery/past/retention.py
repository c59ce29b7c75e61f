"""Retention: unknown faces that were kept for long enough go, with all that is said of them.

Only what lies in `unknowns` goes, never a person's face, and no picture that the user put there. What is to go is
written down first (table ``expiring``), so that the next look can finish what was killed. Of a face of a file a
tombstone is left, as of one that was forgotten, so that a rerun does not bring it back; of a live source nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, NamedTuple

from face_classifier.core import names
from face_classifier.core.disk.database import SIDES
from face_classifier.core.disk.retry import asking_the_disk
from face_classifier.core.types import Sighting
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.past.clock import Clock
from face_classifier.gallery.past.forget import wipe_faces
from face_classifier.gallery.places import UNKNOWNS, is_own_cut
from face_classifier.gallery.seen.table import led_to, of_track
from face_classifier.gallery.table.row import KEPT, MISSING, Row, sighting_of
from face_classifier.gallery.table.rows import select
from face_classifier.gallery.table.schema import LYING

_IN_UNKNOWNS = f"folder = '{UNKNOWNS}' AND state IN ('{KEPT}', '{MISSING}')"
# When a face was stored: of a live source when it was seen, of a file, whose recording may be old, when its picture was
# written, in ns since 1970.
_STORED = (
    "CASE WHEN fingerprint IS NULL AND time IS NOT NULL THEN CAST(strftime('%s', time) AS INTEGER) * 1000000000 "
    "ELSE mtime END"
)


class Unknown(NamedTuple):
    """A face of nobody."""

    id: int
    source: str | None  # path as given, or a camera's name
    stored: datetime  # UTC
    size: int  # bytes


class Retention:
    """What of an open result folder is kept for a while only; used by its owner.

    ``clock``: whether it can be believed.
    """

    def __init__(self, folder: ResultFolder, until_done: Callable[[Callable[[], Any]], Any]) -> None:
        self._folder, self._until_done = folder, until_done
        self.clock = Clock(folder, until_done)

    def unknown(self, before: datetime) -> Iterator[Unknown]:
        """The faces of nobody that were stored before a time, the oldest first, and lie in `unknowns` since then.

        Not those whose pictures the user put there.
        """
        moved = self._folder.table.execute("SELECT max(number) FROM journal WHERE time < ?", (_text(before),))
        found = self._folder.table.execute(
            f"SELECT id, source, {_STORED} AS stored, size, file FROM faces WHERE {_IN_UNKNOWNS} AND stored < ? "
            f"AND id NOT IN (SELECT face FROM changes WHERE entry > ? AND new_folder = '{UNKNOWNS}') "
            "ORDER BY stored, id",
            (_nanoseconds(before), moved.fetchone()[0] or 0),
        )
        for face, source, stored, size, file in found.fetchall():
            if source is not None or is_own_cut(file):
                time = datetime.fromtimestamp(stored / 1e9, timezone.utc)
                yield Unknown(face, source and names.restored(source), time, max(0, size))

    def newest(self) -> datetime | None:
        """When the latest face was stored, whosever it is; None: there is none."""
        found = self._folder.table.execute(f"SELECT max({_STORED}) FROM faces WHERE state = '{KEPT}'").fetchone()[0]
        return None if found is None else datetime.fromtimestamp(found / 1e9, timezone.utc)

    def remove(self, faces: Collection[int]) -> None:
        """Remove these faces (ids) of nobody, durably; the next look and the next views know no more of them.

        Raises DiskError; what was begun is finished by the next look.
        """
        if faces:
            self._until_done(lambda: self._write_down(faces))
            self._until_done(lambda: finish(self._folder))

    def _write_down(self, faces: Iterable[int]) -> None:
        with self._folder.table.together():
            for face in faces:
                self._folder.table.execute("INSERT OR IGNORE INTO expiring VALUES (?)", (face,))

    def mates(self, tracks: Iterable[int]) -> list[Sighting]:
        """The faces of these tracks that are nobody's so far, as they are now."""
        rows = (row for track in tracks for row in of_track(self._folder.table, track))
        return [sighting_of(row) for row in rows if row.folder == UNKNOWNS and not row.pinned]

    def erase(self) -> None:
        """Leave no trace of what was removed in the write-ahead log, unless another program reads it just now.

        In the table itself SQLite writes zeros over it.
        """
        self._until_done(lambda: self._folder.table.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())

    def weight(self) -> int:
        """Bytes of the result folder: of the pictures of faces, and of the files beside their folders.

        Without the write-ahead logs of databases, which come and go.
        """
        (pictures,) = self._folder.table.execute(f"SELECT total(size) FROM faces WHERE {LYING} AND size > 0").fetchone()
        root = self._folder.root
        states = (root.state(name) for name in root.names() if not name.endswith(SIDES))
        return int(pictures) + sum(state.st_size for state in states if state)


def finish(folder: ResultFolder) -> None:
    """Remove what was written down. Raises DiskError."""
    if folder.table.execute("SELECT 1 FROM expiring LIMIT 1").fetchone() is None:
        return
    rows = select(folder.table, f"WHERE id IN (SELECT face FROM expiring) AND {_IN_UNKNOWNS}")
    with asking_the_disk():
        for row in rows:
            _remove_picture(folder, row)
        if folder.root.has_folder(UNKNOWNS):
            folder.root.sync(UNKNOWNS)
    with folder.table.together():
        faces = [row.id for row in rows]
        _count_expired(folder, faces)
        _wipe(folder, [*faces, *led_to(folder.table, faces)])
        folder.table.execute("DELETE FROM expiring")
    folder.rows.touch(UNKNOWNS)


def _remove_picture(folder: ResultFolder, row: Row) -> None:
    """Unless the user moved it, or has put another one in its place."""
    state = folder.root.state(row.place)
    if state and (state.st_size, state.st_mtime_ns) == (row.size, row.mtime):
        with suppress(FileNotFoundError):
            folder.root.remove(row.place)


def _count_expired(folder: ResultFolder, faces: Iterable[int]) -> None:
    """Of each entry of the journal, how many faces it can bring back no more."""
    for face in faces:
        folder.table.execute(
            "INSERT INTO expired SELECT entry, 1 FROM changes WHERE face = ? "
            "ON CONFLICT (entry) DO UPDATE SET faces = faces + 1",
            (face,),
        )


def _wipe(folder: ResultFolder, faces: Collection[int]) -> None:
    """As `wipe_faces`; of live sources no row is left, but for the last one: its number must not be given again."""
    wipe_faces(folder, faces)
    for face in faces:
        folder.table.execute("UPDATE tracks SET best = NULL WHERE best = ?", (face,))
        folder.table.execute(
            "DELETE FROM faces WHERE id = ? AND fingerprint IS NULL AND id < (SELECT max(id) FROM faces)", (face,)
        )


def _text(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat()


def _nanoseconds(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000) * 1000
