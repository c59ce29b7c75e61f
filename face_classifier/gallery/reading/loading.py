"""Reads the faces of folders from an open table, and nothing else of the result folder."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from face_classifier.core import names
from face_classifier.core.types import ENCODING_SIZE
from face_classifier.gallery.places import is_excluded
from face_classifier.gallery.reading.folder_faces import NO_TRACK, FolderFaces, stamp_of
from face_classifier.gallery.table.file import Table
from face_classifier.gallery.table.row import whose
from face_classifier.gallery.table.schema import FLOATS
from face_classifier.gallery.table.whereabouts import Whereabouts

_COLUMNS = "id, face, source, time, position, track, quality, placed, pinned, substr(hash, 1, 8), encoding"
_COUNTS = "folder = ? AND state = ? AND encoding IS NOT NULL"
_BYTES = ENCODING_SIZE * FLOATS.itemsize


class Words(NamedTuple):
    """What the user said of faces, beside moving them."""

    not_person: Sequence[tuple[int, int]]  # face ids: the first is not the person of the second
    hidden: frozenset[int]  # faces whose person is hidden
    covers: frozenset[int]  # faces that are to stand for their person


def read_folders(table: Table) -> dict[str, FolderFaces]:
    """The faces of every folder that has some, by its name. Raises UserError where the table cannot be used."""
    read = (read_folder(table, folder) for folder in sorted(Whereabouts(table).folders()) if folder)
    return {faces.folder: faces for faces in read if len(faces)}


def read_folder(table: Table, folder: str) -> FolderFaces:
    """The faces of one folder. Raises UserError where the table cannot be used."""
    state = "deleted" if is_excluded(folder) else "kept"
    with table.telling():
        found = table.database.execute(
            f"SELECT {_COLUMNS} FROM faces WHERE {_COUNTS} ORDER BY id", (folder, state)
        ).fetchall()
        return columns_of(folder, found)


def columns_of(folder: str, records: Sequence[tuple[Any, ...]]) -> FolderFaces:
    """Records of ``_COLUMNS`` in the order of the ids. Raises ValueError where one holds what cannot be."""
    columns: Iterable[Sequence[Any]] = zip(*records, strict=True) if records else ((),) * _COLUMNS.count(",")
    ids, faces, sources, times, positions, tracks, qualities, placed, pinned, hashes, encodings = columns
    for encoding in encodings:
        if not isinstance(encoding, bytes) or len(encoding) != _BYTES:
            raise ValueError(f"an encoding of {folder} is none")
    matrix = np.frombuffer(b"".join(encodings), FLOATS).reshape(-1, ENCODING_SIZE)
    if not np.isfinite(matrix).all():
        raise ValueError(f"an encoding of {folder} is no number")
    return FolderFaces(
        folder,
        np.array(ids, np.int64),
        [str(face) for face in faces],
        [None if source is None else sys.intern(names.restored(source)) for source in sources],
        np.array([stamp_of(time) for time in times], np.int64),
        np.array(positions, np.float64),
        np.array([NO_TRACK if track is None else track for track in tracks], np.int64),
        np.array(qualities, np.float64),
        np.array([not is_excluded(folder) and whose(folder, home, False, None)[2] for home in placed], np.bool_),
        np.array(pinned, np.bool_),
        np.array([int(content, 16) for content in hashes], np.uint32),
        matrix.astype(np.float32),
    )


def read_words(table: Table) -> Words:
    """What the user said. Raises UserError where the table cannot be used."""
    pairs = table.execute("SELECT one, other FROM refused").fetchall()
    flags: dict[str, set[int]] = {"hidden": set(), "cover": set()}
    if table.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'flags' UNION ALL "
        "SELECT 1 FROM sqlite_temp_master WHERE name = 'flags'"
    ).fetchone():
        for kind, face in table.execute("SELECT kind, face FROM flags"):
            flags.setdefault(kind, set()).add(face)
    return Words(pairs, frozenset(flags["hidden"]), frozenset(flags["cover"]))
