"""The table ``tracks``: who passed when, a row a face over consecutive frames of one source."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from face_classifier.core import names
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS
from face_classifier.gallery.seen.table import forget_seen
from face_classifier.gallery.table import checked
from face_classifier.gallery.table.file import Table

_COLUMNS = "number, source, fingerprint, session, first, last, first_position, last_position, frames, best, said, zones"
# Of the run that made it a row is as that run says last; a later run of the same file may only add to it.
_OWN = "session = :session"
_ADD = f"""
INSERT INTO tracks ({_COLUMNS})
VALUES (:number, :source, :fingerprint, :session, :first, :last, :first_position, :last_position, :frames, :best,
        :said, :zones)
"""
_CHANGE = f"""
UPDATE tracks SET
    first = min(first, :first), first_position = min(first_position, :first_position),
    last = CASE WHEN {_OWN} THEN :last ELSE max(last, :last) END,
    last_position = CASE WHEN {_OWN} THEN :last_position ELSE max(last_position, :last_position) END,
    frames = CASE WHEN {_OWN} THEN :frames ELSE max(frames, :frames) END,
    best = CASE WHEN {_OWN} THEN coalesce(:best, best) ELSE coalesce(best, :best) END,
    said = CASE WHEN {_OWN} AND :says THEN :said ELSE said END,
    zones = CASE WHEN {_OWN} THEN :zones ELSE zones END
WHERE number = :number
"""
# So that no number is given again once its row has gone: events are known by it.
_HIGHEST = "INSERT INTO marks VALUES ('track', ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
_OF_SOMEBODY = (
    "EXISTS (SELECT 1 FROM faces WHERE (track = tracks.number OR id = tracks.best) "
    f"AND state NOT IN ('deleted', 'rejected', 'seen') AND folder <> '{UNKNOWNS}' "
    f"AND substr(folder, 1, {len(EXCLUDED) + 1}) <> '{EXCLUDED}/')"
)
_OF_NONE = (  # faces of no track with a row: the index tells it, without rows, and passes by those that are `seen`
    "SELECT id FROM faces WHERE track IS NULL AND state = 'kept' UNION ALL "
    "SELECT id FROM faces WHERE track >= 0 AND state = 'kept' AND track NOT IN (SELECT number FROM tracks)"
)
# Those at some time between two, with the whole of their tracks; the + keeps SQLite from the index of tracks, by which
# it would go through all that belong to none.
_OF_NONE_BETWEEN = """
SELECT id FROM faces WHERE time >= :begin AND time < :end AND +track IS NULL AND +state = 'kept'
UNION ALL SELECT id FROM faces WHERE state = 'kept' AND track IN (
    SELECT track FROM faces WHERE time >= :begin AND time < :end
    AND +track >= 0 AND +state = 'kept' AND track NOT IN (SELECT number FROM tracks)
)
"""
_INSTANT = timedelta(seconds=1)  # times of faces may be stored without fractions, which come later in their order
_SPAN = f"""
SELECT min(first), max(last) FROM (
    SELECT min(first) AS first, max(first) AS last FROM tracks
    UNION ALL SELECT min(time), max(time) FROM faces WHERE id IN ({_OF_NONE}) AND source IS NOT NULL
)
"""
_LATEST_OF = """
SELECT last, tracks.source FROM faces JOIN tracks ON number = track
WHERE folder = ? AND state = 'kept' AND tracks.fingerprint IS NULL ORDER BY number DESC LIMIT 1
"""
_EXCLUDED = (  # by the index: "0" is what comes after "/"
    f"SELECT DISTINCT track FROM faces WHERE folder > '{EXCLUDED}/' AND folder < '{EXCLUDED}0' AND track IS NOT NULL"
)


@dataclass(frozen=True)
class TrackRow:
    """A face over consecutive analysed frames of one source."""

    number: int  # the gallery's number of the track: the order in which they began
    source: str  # path as given, or a camera's name
    fingerprint: str | None  # of the source's content; None for live sources
    session: int  # one run of one source
    first: datetime  # aware, UTC: when it was seen first
    last: datetime  # aware, UTC: `first` and what passed since on the source's clock, so never before it
    first_position: float  # seconds, the source's clock
    last_position: float  # seconds
    frames: int  # that were analysed, and in which it was found
    best: int | None  # row of its best face; None = no picture was kept
    said: str | None  # whose it was told to be at the time; None = unknown
    zones: tuple[str, ...] = ()  # of the camera, in which it was seen


class Outage(NamedTuple):
    """When a camera sent nothing."""

    camera: str
    first: datetime  # aware, UTC
    last: datetime | None  # aware, UTC; None: it sends nothing still


class FaceOfTrack(NamedTuple):
    """What counts of a face where it is asked whose track it belongs to."""

    id: int
    name: str  # the stem of the picture's file when first written
    person: str | None  # whose it was at the latest look; None = unknown
    track: int | None
    quality: float | None
    source: str | None
    fingerprint: str | None
    position: float | None  # seconds, the source's clock
    time: datetime | None  # aware, UTC


class Tracks:
    """The rows of an open file. Raises UserError where it cannot be used, DiskError if only for now."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._sessions = 0  # that began since this was opened
        self._latest = int(table.execute("SELECT coalesce(max(session), 0) FROM tracks").fetchone()[0])

    def new_session(self) -> int:
        """The number of another run of a source."""
        self._sessions += 1
        return self._latest + self._sessions

    def write(
        self, new: Iterable[TrackRow], changed: Iterable[TrackRow] = (), said: Collection[int] | None = None
    ) -> None:
        """Write rows, all at once and durably.

        Parameters
        ----------
        new: that were not written since their session began. Of a file that is run again the rows are there, and stay
            as the first run wrote them, but for what was not seen then.
        changed: that were. One that is gone was forgotten, and stays so.
        said: numbers of those of which it is said anew who they are; None: all. A name that was not said anew is not
            written again, since it may have been forgotten meanwhile.
        """
        new = list(new)
        with self._table.together():
            if new:
                self._table.execute(_HIGHEST, (max(row.number for row in new),))
            for row in new:
                known = self._table.execute("SELECT 1 FROM tracks WHERE number = ?", (row.number,)).fetchone()
                self._table.execute(_CHANGE if known else _ADD, _values_of(row) | {"says": True})
            for row in changed:
                says = said is None or row.number in said
                self._table.execute(_CHANGE, _values_of(row) | {"says": says})

    def gone(self, numbers: Collection[int]) -> set[int]:
        """Those of tracks, by number, that have no row."""
        marks = ", ".join("?" * len(numbers))
        found = self._table.execute(f"SELECT number FROM tracks WHERE number IN ({marks})", list(numbers))
        return set(numbers) - {number for (number,) in found}

    def number_of_face(self, face: int) -> int | None:
        """The track that has a row and that a face (id) belongs to, whatever became of the face; None: none has."""
        found = self._table.execute(
            "SELECT number FROM faces JOIN tracks ON number = track WHERE id = ? "
            "UNION ALL SELECT number FROM tracks WHERE best = ? LIMIT 1",
            (face, face),
        ).fetchone()
        return int(found[0]) if found else None

    def all(self) -> Iterator[TrackRow]:
        """Every row, in the order in which the tracks began."""
        return self._read("ORDER BY number")

    def span(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of all tracks and faces was, aware; None: there is none."""
        first, last = self._table.execute(_SPAN).fetchone()
        return None if first is None else (datetime.fromisoformat(first), datetime.fromisoformat(last))

    def latest(self) -> dict[str, TrackRow]:
        """Of each camera the row of the track that began last."""
        of_camera = "SELECT max(number) FROM tracks WHERE fingerprint IS NULL GROUP BY source"
        return {row.source: row for row in self._read(f"WHERE number IN ({of_camera})")}

    def as_of_now(self) -> AbstractContextManager[None]:
        """As `Table.as_of_now`: faces are kept up to a second before their track has a row."""
        return self._table.as_of_now()

    def since(self, time: datetime, source: str | None = None, most: int | None = None) -> list[TrackRow]:
        """The rows that were not over before a time, in the order in which they began.

        Parameters
        ----------
        time: aware.
        source: whose; None: of all.
        most: only the latest ones, so many; None: all.
        """
        clause, values = ("AND source = ?", [names.stored(source)]) if source is not None else ("", [])
        given = [stored_time(time), *values, -1 if most is None else most]
        return list(self._read(f"WHERE last >= ? {clause} ORDER BY number DESC LIMIT ?", given))[::-1]

    def between(self, begin: datetime, end: datetime) -> list[TrackRow]:
        """The rows of who was there at some time between two (aware), in the order in which they began."""
        times = [stored_time(begin), stored_time(end)]
        return list(self._read("WHERE last >= ? AND first < ? ORDER BY number", times))

    def _read(self, clause: str, values: Sequence[Any] = ()) -> Iterator[TrackRow]:
        for record in checked.read(self._table, "tracks", _COLUMNS, clause, values):
            yield _row_from(record)

    def faces_of(self, first: int, last: int) -> Iterator[FaceOfTrack]:
        """The kept faces of the tracks between two numbers, by id."""
        best = "SELECT best FROM tracks WHERE number BETWEEN ? AND ?"
        return self._faces(f"track BETWEEN ? AND ? OR id IN ({best})", (first, last, first, last))

    def faces_of_none(self, begin: datetime | None = None, end: datetime | None = None) -> Iterator[FaceOfTrack]:
        """The kept faces that were seen in a source and belong to no track with a row, by id.

        ``begin``, ``end``: only the tracks of which a face was between these times (aware), and those about a second
        before or after; None: all.
        """
        best = "SELECT best FROM tracks WHERE best IS NOT NULL"
        if begin is None or end is None:
            return self._faces(f"id IN ({_OF_NONE}) AND id NOT IN ({best})")
        times = {"begin": stored_time(begin - _INSTANT), "end": stored_time(end + _INSTANT)}
        return self._faces(f"id IN ({_OF_NONE_BETWEEN}) AND id NOT IN ({best})", times)

    def _faces(self, clause: str, values: Sequence[int] | Mapping[str, str] = ()) -> Iterator[FaceOfTrack]:
        columns = "id, face, folder, track, quality, source, fingerprint, position, time"
        where = f"WHERE state = 'kept' AND source IS NOT NULL AND ({clause}) ORDER BY id"
        with self._table.telling():
            for id_, face, folder, track, quality, source, fingerprint, position, time in self._table.database.execute(
                f"SELECT {columns} FROM faces {where}", values
            ):
                yield FaceOfTrack(
                    id_,
                    face,
                    None if folder == UNKNOWNS else folder,
                    track,
                    quality,
                    names.restored(source),
                    fingerprint,
                    position,
                    datetime.fromisoformat(time) if time else None,
                )

    def latest_of(self, person: str) -> tuple[datetime, str] | None:
        """When the latest track of a person before a camera was over, UTC, and which camera that was."""
        found = self._table.execute(_LATEST_OF, (names.stored(person),)).fetchone()
        return (datetime.fromisoformat(found[0]), names.restored(found[1])) if found else None

    def excluded(self) -> set[int]:
        """The tracks of which the user excluded a face."""
        found = self._table.execute(_EXCLUDED)
        return {number for (number,) in found}

    def live_sources(self) -> list[str]:
        """The live sources that have rows: names of cameras."""
        found = self._table.execute("SELECT DISTINCT source FROM tracks WHERE fingerprint IS NULL ORDER BY source")
        return [names.restored(source) for (source,) in found.fetchall()]

    def old(self, before: datetime, camera: str) -> int:
        """How many rows `remove_tracks` would remove."""
        found = self._table.execute(
            "SELECT count(*) FROM tracks WHERE last < ? AND fingerprint IS NULL AND source = ?",
            (stored_time(before), names.stored(camera)),
        )
        return int(found.fetchone()[0])

    def note_camera(self, camera: str, time: datetime, *, lost: bool) -> None:
        """A camera sends nothing from a time (aware) on, or sends pictures again; saying so twice changes nothing."""
        values = {"source": camera, "time": stored_time(time)}
        with self._table.together():
            if not lost:
                self._table.execute(
                    "UPDATE outages SET last = max(first, :time) WHERE source = :source AND last IS NULL", values
                )
            elif not self._table.execute(
                "SELECT 1 FROM outages WHERE source = :source AND last IS NULL", values
            ).fetchone():
                self._table.execute("INSERT OR IGNORE INTO outages VALUES (:source, :time, NULL)", values)

    def outages(self) -> list[Outage]:
        """When cameras sent nothing, in the order in which it began."""
        found = checked.read(self._table, "outages", "source, first, last", "ORDER BY first")
        return [
            Outage(camera, datetime.fromisoformat(first), datetime.fromisoformat(last) if last else None)
            for camera, first, last in found
        ]

    def remove_tracks(self, before: datetime, camera: str | None = None, *, unknown_only: bool = False) -> int:
        """Remove the rows of tracks that were over before a time; returns how many.

        Their faces that have pictures stay; those that were only seen go, and outages, too.

        Parameters
        ----------
        before: aware.
        camera: whose tracks; None: of live sources all. What was seen in files stays: their rows would come again.
        unknown_only: leave those that have a face of somebody by now.
        """
        clauses = ["last < ?", "fingerprint IS NULL"]
        values: list[str | bytes] = [stored_time(before)]
        if camera is not None:
            clauses.append("source = ?")
            values.append(names.stored(camera))
        if unknown_only:
            clauses.append(f"NOT {_OF_SOMEBODY}")
        with self._table.together():
            self._table.execute(
                "DELETE FROM outages WHERE last < :before AND :camera IN (source, '')",
                {"before": stored_time(before), "camera": camera or ""},
            )
            where = f"WHERE {' AND '.join(clauses)}"
            for (number,) in self._table.execute(f"SELECT number FROM tracks {where}", values).fetchall():
                forget_seen(self._table, number)
            self._table.execute(f"DELETE FROM reviewed WHERE track IN (SELECT number FROM tracks {where})", values)
            return self._table.execute(f"DELETE FROM tracks {where}", values).rowcount


def forget_tracks(table: Table, faces: Collection[int], people: Collection[str]) -> None:
    """Remove the rows of tracks all of whose faces are to be forgotten, and the names of people; in a transaction.

    Parameters
    ----------
    table: with the rows of the faces as they were.
    faces: ids of those that are to be forgotten.
    people: all names by which somebody is to be forgotten.
    """
    tracks: set[int] = set()
    for face in faces:
        tracks.update(number for (number,) in table.execute("SELECT track FROM faces WHERE id = ?", (face,)) if number)
        tracks.update(number for (number,) in table.execute("SELECT number FROM tracks WHERE best = ?", (face,)))
    for number in tracks:
        others = {face for (face,) in table.execute("SELECT id FROM faces WHERE track = ?", (number,))} - set(faces)
        if not others:
            table.execute("DELETE FROM tracks WHERE number = ?", (number,))
            table.execute("DELETE FROM reviewed WHERE track = ?", (number,))
    for face in faces:
        table.execute("UPDATE tracks SET best = NULL WHERE best = ?", (face,))
    for name in people:
        table.execute("UPDATE tracks SET said = NULL WHERE said = ?", (name,))


def stored_time(time: datetime) -> str:
    """A time as it is stored: texts of this form are in the order of the times."""
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds")


def _values_of(row: TrackRow) -> dict[str, Any]:
    return vars(row) | {
        "source": names.stored(row.source),
        "first": stored_time(row.first),
        "last": stored_time(row.last),
        "zones": json.dumps(row.zones, ensure_ascii=False),
    }


def _row_from(record: tuple[Any, ...]) -> TrackRow:
    number, source, fingerprint, session, first, last, first_position, last_position, frames, best, said, zones = record
    return TrackRow(
        number,
        names.restored(source),
        fingerprint,
        session,
        datetime.fromisoformat(first),
        datetime.fromisoformat(last),
        first_position,
        last_position,
        frames,
        best,
        said,
        tuple(json.loads(zones)),
    )
