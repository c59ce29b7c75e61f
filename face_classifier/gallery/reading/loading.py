"""Reads the faces of folders from an open table, and again only those that changed since."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from face_classifier.core import names
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS, is_excluded
from face_classifier.gallery.reading.folder_faces import NO_TRACK, FolderFaces, Ints, no_faces, stamp_of
from face_classifier.gallery.said.flags import COVER, HIDDEN
from face_classifier.gallery.table.file import Table

_COLUMNS = "id, face, source, time, position, track, quality, placed, pinned, hash, size, mtime, encoding"  # of a face
# A sum that another face in the folder, or another picture of one, hardly leaves as it was. An index answers it alone.
_SUM = "SELECT folder, count(*), sum((id * 2654435761 + mtime + 1000003 * size) % 4294967291) FROM faces WHERE"
_SUMS = (  # of excluded pictures, too: "0" is what comes after "/"
    f"{_SUM} state = 'kept' GROUP BY folder UNION ALL "
    f"{_SUM} state = 'deleted' AND folder > '{EXCLUDED}/' AND folder < '{EXCLUDED}0' GROUP BY folder"
)
# What an entry has done so far: it may go on after it was read.
_DONE = (
    "SELECT count(*), sum(face), sum(face * new_pinned), sum(face * (new_placed IS new_folder)) FROM changes "
    "WHERE entry = ?"
)
_SPACES = (
    "SELECT (SELECT min(space) FROM faces WHERE encoding IS NOT NULL), "
    "(SELECT max(space) FROM faces WHERE encoding IS NOT NULL)"
)
_WORDS = (
    "SELECT * FROM (SELECT count(*), sum((one * 2654435761 + other * 40503) % 4294967291) FROM refused), "
    "(SELECT count(*), sum((face * 2654435761 + length(kind)) % 4294967291) FROM flags), "
    "(SELECT count(*), sum((track * 2654435761) % 4294967291) FROM reviewed)"
)
_AT_ONCE = 500  # values of one statement
_FEW = 0.3  # share of a folder's faces up to which they are read one by one


class Words(NamedTuple):
    """What the user said of faces, beside moving them."""

    not_person: Sequence[tuple[int, int]]  # face ids: the first is not the person of the second
    hidden: frozenset[int]  # faces whose person is hidden
    covers: frozenset[int]  # faces that are to stand for their person
    reviewed: frozenset[int] = frozenset()  # tracks that were looked through
    sums: tuple[int | None, ...] = ()  # that change with any of it


@dataclass(frozen=True)
class Known:
    """What was read of a table at one moment."""

    revision: int  # the number of the latest entry of the journal; 0: there is none
    folders: Mapping[str, FolderFaces]  # that have faces
    words: Words
    sums: Mapping[str, tuple[int, int]]  # of each folder
    done: tuple[int | None, ...]  # by the latest entry
    spaces: tuple[str | None, str | None]  # the encoders of the encodings: the first and the last by name


NOTHING = Known(0, {}, Words((), frozenset(), frozenset()), {}, (), (None, None))


def read(table: Table, known: Known = NOTHING) -> Known:
    """What is in a table now, within `Table.as_of_now`. Raises UserError where it cannot be used.

    ``known``: what was read of the same table before; what did not change since is taken from there.
    """
    with table.telling():
        ask = table.database.execute
        revision = int(ask("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0])
        done, spaces = ask(_DONE, (revision,)).fetchone(), ask(_SPACES).fetchone()
        if spaces != known.spaces:
            known = NOTHING
        sums = {folder: (count, total) for folder, count, total in ask(_SUMS)}
        changed = _changed(table, known, revision) if known is not NOTHING else {}
        folders = {
            folder: known.folders[folder]
            if known.sums.get(folder) == sums[folder] and folder not in changed and folder in known.folders
            else _folder(table, known.folders.get(folder) or no_faces(folder), changed.get(folder, ()))
            for folder in sums
        }
    return Known(
        revision,
        {name: faces for name, faces in folders.items() if len(faces)},
        _words(table, known.words),
        sums,
        done,
        spaces,
    )


def _changed(table: Table, known: Known, revision: int) -> dict[str, list[int]]:
    """By folder the faces of which the journal tells what no sum does: that the user pinned or confirmed them."""
    ask = table.database.execute
    first = known.revision + (ask(_DONE, (known.revision,)).fetchone() == known.done)
    changed: dict[str, list[int]] = defaultdict(list)
    if first <= revision:
        of_entries = "SELECT face FROM changes WHERE entry >= ?"
        for folder, face in ask(f"SELECT folder, id FROM faces WHERE id IN ({of_entries})", (first,)):
            changed[folder].append(face)
    return changed


def _folder(table: Table, before: FolderFaces, changed: Iterable[int]) -> FolderFaces:
    """The faces of a folder, as far as they are those of ``before`` without reading them again."""
    folder, ask = before.folder, table.database.execute
    values = folder, "deleted" if is_excluded(folder) else "kept"
    clause = "folder = ? AND state = ?"
    if not len(before):
        return _columns(table, folder, ask(f"SELECT {_COLUMNS} FROM faces WHERE {clause} ORDER BY id", values))
    listed = np.array(ask(f"SELECT id, mtime + 1000003 * size FROM faces WHERE {clause}", values).fetchall(), np.int64)
    listed = listed.reshape(-1, 2)
    listed = listed[np.argsort(listed[:, 0])]
    same = _are_in(before, listed) & ~np.isin(listed[:, 0], np.fromiter(changed, np.int64))
    anew = listed[~same, 0]
    if len(anew) > _FEW * len(listed):
        return _columns(table, folder, ask(f"SELECT {_COLUMNS} FROM faces WHERE {clause} ORDER BY id", values))
    return before.replaced(np.isin(before.ids, listed[same, 0]), _columns(table, folder, _records(ask, anew.tolist())))


def _are_in(before: FolderFaces, listed: Ints) -> Any:
    """Which of some (id, mark) are as they were."""
    places = np.minimum(np.searchsorted(before.ids, listed[:, 0]), len(before) - 1)
    return (before.ids[places] == listed[:, 0]) & (before.marks[places] == listed[:, 1])


def _records(ask: Callable[..., Any], faces: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    for first in range(0, len(faces), _AT_ONCE):
        some = faces[first : first + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        yield from ask(f"SELECT {_COLUMNS} FROM faces WHERE id IN ({marks}) ORDER BY id", some)


def _columns(table: Table, folder: str, found: Iterable[tuple[Any, ...]]) -> FolderFaces:
    """Records of ``_COLUMNS``, in the order of the ids; raises ValueError where one holds what cannot be.

    Faces without an encoding do not count: a look of the owner is about to make one.
    """
    records = [record for record in found if record[-1] is not None]
    rows, fits = table.encodings.gather([record[0] for record in records], [record[-1] for record in records])
    if not fits.all():
        records, rows = list(compress(records, fits)), rows[fits]
    if not records:
        return no_faces(folder)
    ids, faces, sources, times, positions, tracks, qualities, placed, pinned, hashes, sizes, mtimes, _ = zip(
        *records, strict=True
    )
    if not np.isfinite(rows).all():
        raise ValueError(f"an encoding of {folder} is no number")
    is_somebodys = folder != UNKNOWNS and not is_excluded(folder)
    return FolderFaces(
        folder,
        np.array(ids, np.int64),
        list(map(str, faces)),
        [None if source is None else sys.intern(names.restored(source)) for source in sources],
        np.array([stamp_of(time) for time in times], np.int64),
        np.array(positions, np.float64),
        np.array([NO_TRACK if track is None else track for track in tracks], np.int64),
        np.array(qualities, np.float64),
        np.array([is_somebodys and home != folder for home in placed], np.bool_),
        np.array(pinned, np.bool_),
        np.array([int(content[:8], 16) for content in hashes], np.uint32),
        np.array(mtimes, np.int64) + 1000003 * np.array(sizes, np.int64),
        rows,
    )


def _words(table: Table, known: Words) -> Words:
    with table.telling():
        ask = table.database.execute
        sums = ask(_WORDS).fetchone()
        if sums == known.sums:
            return known
        pairs = ask("SELECT one, other FROM refused").fetchall()
        flags: dict[str, set[int]] = {HIDDEN: set(), COVER: set()}
        for kind, face in ask("SELECT kind, face FROM flags"):
            flags.setdefault(kind, set()).add(face)
        reviewed = frozenset(track for (track,) in ask("SELECT track FROM reviewed"))
    return Words(pairs, frozenset(flags[HIDDEN]), frozenset(flags[COVER]), reviewed, sums)
