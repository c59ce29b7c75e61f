"""What the table knows besides faces: sources, pairs of tracks and faces, views, marks."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from face_classifier.core import names
from face_classifier.gallery.table.file import Table

_AT_A_STEP = 2000  # pairs
EARLIER_STEP = 1.0  # seconds: the default of -S when it was not yet kept with a source


class Notes:
    """The smaller tables of an open file. Raises UserError where it cannot be used, DiskError if only for now."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.added = 0  # counts the pairs of tracks that were recorded

    def first_start(self, fingerprint: str, start: datetime, step: float | None) -> datetime:
        """As `Store.first_start`."""
        with self._table.together():
            new = self._table.execute("INSERT OR IGNORE INTO sources VALUES (?, ?)", (fingerprint, start.isoformat()))
            if new.rowcount:
                self._table.execute("INSERT OR IGNORE INTO bridged VALUES (?)", (fingerprint,))
                self._table.execute("INSERT OR IGNORE INTO steps VALUES (?, ?)", (fingerprint, step))
            elif step is not None:
                change = "UPDATE steps SET seconds = ? WHERE fingerprint = ? AND seconds IS NULL"
                self._table.execute(change, (step, fingerprint))
        stored = self._table.execute("SELECT start FROM sources WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return datetime.fromisoformat(stored[0])

    def start_of(self, fingerprint: str) -> datetime | None:
        """The start of a source as it was told when it was first seen; None if it never was."""
        stored = self._table.execute("SELECT start FROM sources WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return datetime.fromisoformat(stored[0]) if stored else None

    def step_of(self, fingerprint: str) -> float | None:
        """As `Store.step_of`."""
        with self._table.telling():
            known = self._table.database.execute(
                "SELECT coalesce(steps.fingerprint, 'earlier'), seconds "
                "FROM sources LEFT JOIN steps ON steps.fingerprint = sources.fingerprint WHERE sources.fingerprint = ?",
                (fingerprint,),
            ).fetchone()
            if known is None:
                return None
            step = EARLIER_STEP if known[0] == "earlier" else known[1]
            if not (step is None or (isinstance(step, float) and 0 <= step < math.inf)):
                raise ValueError(f"seconds of steps is {step!r}")
        return step

    def is_bridged(self, fingerprint: str) -> bool:
        """Whether a source was first seen when jumps of its clock no longer counted."""
        return bool(self._table.execute("SELECT 1 FROM bridged WHERE fingerprint = ?", (fingerprint,)).fetchone())

    def add_pairs(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Record pairs of tracks that shared a frame."""
        for pair in pairs:
            values = min(pair), max(pair)
            self.added += self._table.execute("INSERT OR IGNORE INTO apart VALUES (?, ?)", values).rowcount

    def prune_pairs(self, going_on: Container[int]) -> Iterator[None]:
        """Forget the pairs one of whose tracks has no face any more, some at a step, but for tracks that go on."""
        last = 0, 0
        while some := self._table.execute(
            "SELECT one, other, EXISTS (SELECT 1 FROM faces WHERE track = one) AND "
            "EXISTS (SELECT 1 FROM faces WHERE track = other) FROM apart WHERE (one, other) > (?, ?) "
            "ORDER BY one, other LIMIT ?",
            (*last, _AT_A_STEP),
        ).fetchall():
            last = some[-1][:2]
            with self._table.together():
                for one, other, has_faces in some:
                    if not (has_faces or one in going_on or other in going_on):
                        self._table.execute("DELETE FROM apart WHERE one = ? AND other = ?", (one, other))
            yield

    def pairs(self) -> list[tuple[int, int]]:
        return [(one, other) for one, other in self._table.execute("SELECT one, other FROM apart")]

    def pairs_kept_apart(self) -> list[tuple[int, int]]:
        """Pairs of face ids: the user said that the first is not the person of the second."""
        return [
            (one, other) for one, other in self._table.execute("SELECT one, other FROM refused ORDER BY one, other")
        ]

    def is_kept_apart(self, face_id: int) -> bool:
        """Whether a face is in one of these pairs."""
        found = self._table.execute("SELECT 1 FROM refused WHERE ? IN (one, other) LIMIT 1", (face_id,))
        return found.fetchone() is not None

    def set_pairs_kept_apart(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Record these pairs in place of all others; only what differs is written."""
        before, after = set(self.pairs_kept_apart()), set(pairs)
        for pair in before - after:
            self._table.execute("DELETE FROM refused WHERE one = ? AND other = ?", pair)
        for pair in after - before:
            self._table.execute("INSERT INTO refused VALUES (?, ?)", pair)

    def view_digests(self, folder: str | None = None) -> dict[str, str]:
        """Of each view (file name) the digest of what it was made from.

        ``folder``: only those whose names begin like that of a montage of this one.
        """
        clause, values = ("", ()) if folder is None else ("WHERE file BETWEEN ? AND ?", _montages_of(folder))
        return dict(self._table.execute(f"SELECT file, digest FROM views {clause}", values).fetchall())

    def set_view(self, file: str, digest: str | None) -> None:
        """Record a view; None: it is gone."""
        if digest is None:
            self._table.execute("DELETE FROM views WHERE file = ?", (file,))
        else:
            self._table.execute("INSERT OR REPLACE INTO views VALUES (?, ?)", (file, digest))

    def note_use(self, kind: str, path: Path) -> None:
        """Remember where else faces may be seen: in captures, a log or an index of photos."""
        with self._table.together():
            values = kind, names.stored(str(path))
            self._table.execute("INSERT OR IGNORE INTO uses VALUES (?, ?)", values)

    def uses(self) -> list[tuple[str, Path]]:
        """What was noted so."""
        found = self._table.execute("SELECT kind, path FROM uses ORDER BY kind, path")
        return [(kind, Path(names.restored(path))) for kind, path in found]

    def mark(self, name: str) -> int:
        record = self._table.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return int(record[0]) if record else 0

    def set_mark(self, name: str, value: int) -> None:
        self._table.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))


def _montages_of(folder: str) -> tuple[str, str]:
    """Between which names those of the montages of a folder lie."""
    return f"montage.{folder}-", f"montage.{folder}."
