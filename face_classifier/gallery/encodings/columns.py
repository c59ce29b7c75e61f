"""Faces as columns for `PersonDB`, thousands at a time, without an object for each."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from face_classifier.gallery.encodings.kept import Encodings, in_parts
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.identity.matching.columns import LabelColumns, columns_of

COLUMNS = "id, folder, placed IS folder, pinned, track, quality, encoding"  # of the table ``faces``


def label_columns(
    records: sqlite3.Cursor, encodings: Encodings, folders: Collection[str], hidden: Collection[int]
) -> Iterator[LabelColumns]:
    """The faces in these folders, but for those with the ``hidden`` ids, and those whose encoding does not fit.

    ``records``: COLUMNS of kept faces with an encoding, in the order in which they are to come.
    """
    for some in in_parts(records):
        found = _columns(some, encodings)
        in_folders = np.array([name in folders for name in found.names] + [UNKNOWNS in folders])
        is_there = in_folders[found.person] & np.isfinite(found.encodings[:, 0])
        if hidden:
            is_there &= ~np.isin(found.ids, np.fromiter(hidden, np.int64, len(hidden)))
        yield found if is_there.all() else found[is_there]


def _columns(records: Sequence[tuple[Any, ...]], encodings: Encodings) -> LabelColumns:
    """``records``: some. An encoding that does not fit begins with a NaN."""
    ids, folders, is_placed, pinned, tracks, quality, stored = zip(*records, strict=True)
    rows, fits = encodings.gather(ids, stored)
    rows[~fits, 0] = np.nan
    names = list(dict.fromkeys(folders))
    if UNKNOWNS in names:
        names.remove(UNKNOWNS)
    places = {name: place for place, name in enumerate(names)} | {UNKNOWNS: -1}
    person = np.array([places[folder] for folder in folders], np.int32)
    pins = np.array(pinned, np.bool_)
    corrected = (person >= 0) & ~np.array(is_placed, np.bool_)
    track = np.array([number or 0 for number in tracks], np.int64)
    track[corrected | pins] = 0
    return LabelColumns(
        ids=np.array(ids, np.int64),
        names=names,
        person=person,
        track=track,
        quality=np.array(quality, np.float64),
        pinned=pins,
        corrected=corrected,
        encodings=rows,
    )


def joined(parts: Iterator[LabelColumns]) -> LabelColumns:
    """All faces of one person, or of nobody, together."""
    found = list(parts) or [columns_of([])]
    columns = zip(
        *((one.ids, one.person, one.track, one.quality, one.pinned, one.corrected, one.encodings) for one in found),
        strict=True,
    )
    ids, person, track, quality, pinned, corrected, encodings = (np.concatenate(column) for column in columns)
    return LabelColumns(ids, found[0].names, person, track, quality, pinned, corrected, encodings)
