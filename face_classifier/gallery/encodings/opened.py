"""Opens the file of encodings together with its table, and has them agree."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from face_classifier.core.disk.markers import ENCODINGS
from face_classifier.core.disk.rooted import Root
from face_classifier.gallery.encodings import misfits
from face_classifier.gallery.encodings.beside import NEXT, open_one, open_to_write
from face_classifier.gallery.encodings.kept import Encodings
from face_classifier.gallery.encodings.moving import generation_of, set_generation


def open_written(
    database: sqlite3.Connection, encodings: Encodings, root: Root, told: list[str], await_whole: Callable[[], None]
) -> None:
    """Of a table that is written.

    Parameters
    ----------
    database, encodings, root : of the table, its file of encodings, the folder
    told : gets sentences about what was found and mended
    await_whole : waits until it is sure that the table is sound, before anything of it is written down

    Raises
    ------
    OSError, UserError, sqlite3.Error
    """
    known = generation_of(database)
    if not known or root.has(NEXT):
        await_whole()
    encodings.replace(open_to_write(root, known or 1, told))
    if not known:
        set_generation(database, 1)
    misfits.erase_with_rows(database, encodings)
    found = misfits.looked_for(database, encodings)
    await_whole()
    told += misfits.forget(database, encodings, root.path / ENCODINGS, found)


def open_read(database: sqlite3.Connection, encodings: Encodings, root: Root, columns: Sequence[str]) -> None:
    """Of a table to which nobody writes now. Raises OSError, sqlite3.Error. ``columns``: as of `misfits.hide`."""
    if (file := open_one(root, generation_of(database))) is not None:
        encodings.replace(file)
    misfits.hide(database, encodings, columns)
