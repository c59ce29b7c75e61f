"""Opens the file of encodings together with its table, and has them agree."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from face_classifier.core.disk.markers import ENCODINGS
from face_classifier.core.disk.rooted import Root
from face_classifier.gallery.encodings import misfits
from face_classifier.gallery.encodings.beside import open_one, open_to_write
from face_classifier.gallery.encodings.kept import Encodings
from face_classifier.gallery.encodings.moving import generation_of, set_generation


def open_written(database: sqlite3.Connection, encodings: Encodings, root: Root, told: list[str]) -> None:
    """Of a table that is written. Raises OSError, UserError, sqlite3.Error.

    ``told``: gets sentences about what was found and mended.
    """
    known = generation_of(database)
    encodings.replace(open_to_write(root, known or 1, told))
    if not known:
        set_generation(database, 1)
    misfits.erase_with_rows(database, encodings)
    told += misfits.forget(database, encodings, root.path / ENCODINGS)


def open_read(database: sqlite3.Connection, encodings: Encodings, root: Root, columns: Sequence[str]) -> None:
    """Of a table to which nobody writes now. Raises OSError, sqlite3.Error. ``columns``: as of `misfits.hide`."""
    if (file := open_one(root, generation_of(database))) is not None:
        encodings.replace(file)
    misfits.hide(database, encodings, columns)
