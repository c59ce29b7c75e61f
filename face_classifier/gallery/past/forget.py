"""Forgetting faces: their pictures and all that is said of them goes, and a rerun does not bring them back.

What is to go is written down first (table ``forgetting``), so that the next look can finish what was killed. What is
left of a face is a tombstone: its row with the source's fingerprint, position and box, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from face_classifier.core.errors import UserError
from face_classifier.display import montages
from face_classifier.gallery.folder.carry import carry_file, folder_for
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.folder.scan import Entry, scan_folder
from face_classifier.gallery.passing.table import forget_tracks
from face_classifier.gallery.past.journal import FORGOTTEN, RENAME
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS, is_excluded
from face_classifier.gallery.seen.table import led_to
from face_classifier.gallery.table import checked
from face_classifier.gallery.table.row import DELETED, DISCARDED, KEPT, SEEN, Row
from face_classifier.identity.naming import number_in

_ASIDE = f"{EXCLUDED}/{UNKNOWNS}"  # pictures that are not somebody who was forgotten
_NO_FILE = "-"
_TOMBSTONE = (
    f"face = '', folder = '{UNKNOWNS}', file = '{_NO_FILE}', size = 0, mtime = 0, hash = '', state = '{DELETED}', "
    "source = NULL, frame = NULL, time = NULL, encoding = NULL, space = NULL, detector = NULL, chip = NULL, "
    '"precision" = NULL, quality = NULL, placed = NULL, distance = NULL, intent = NULL, pinned = 0, track = NULL, '
    "missing = NULL, nearest = NULL"
)
_NOWHERE = 'position = NULL, "top" = NULL, "right" = NULL, "bottom" = NULL, "left" = NULL'
_WAITED = 5.0  # seconds for which other processes that read the table are waited for


def is_tombstone(row: Row) -> bool:
    """Whether a face was forgotten."""
    return row.state == DELETED and row.file == _NO_FILE and not row.hash


class Chosen(NamedTuple):
    """What is to be forgotten."""

    rows: Sequence[Row]
    names: Sequence[str]  # of the person whose faces these are: today's first, then former ones; none for a face alone


def choose(folder: ResultFolder, what: str, path: Path) -> Chosen:
    """As `Past.to_forget`."""
    if what == UNKNOWNS:
        raise UserError(f"{UNKNOWNS} is nobody; name a person, or a face in that folder")
    rows = [row for row in folder.rows.all() if row.state != DISCARDED and not is_tombstone(row)]
    if of_person := [row for row in rows if row.folder == what and row.state != SEEN]:
        return Chosen(of_person, [what, *sorted(_former_names(folder, what) - {what})])
    chosen = [row for row in rows if (folder.path / row.place).resolve() == path] or [
        row for row in rows if what in (row.face, row.file, os.path.splitext(row.file)[0])
    ]
    if not chosen:
        raise UserError(
            f"no person and no face in {folder.path} is called {what}; give the name of a person or of a face, or the "
            "path of a picture in a person's folder"
        )
    if len(chosen) > 1:
        raise UserError(f"{len(chosen)} faces in {folder.path} are called {what}; give the picture's path")
    return Chosen(chosen, [])


def _former_names(folder: ResultFolder, person: str) -> set[str]:
    """The name of a person, and those that the same folder had before the user renamed it, but for numbers."""
    names = {person}
    for entry in reversed(folder.journal.entries()):
        for change in entry.changes:
            if change.kind == RENAME and change.after.folder in names:
                former = change.before.folder
                if number_in(former) is None and not folder.root.has_folder(former):
                    names.add(former)
    return names


def write_down(folder: ResultFolder, chosen: Chosen) -> None:
    """Say durably what is to be forgotten."""
    with folder.table.together():
        for row in chosen.rows:
            folder.table.execute("INSERT OR IGNORE INTO forgetting VALUES (?, '')", (row.id,))
        for name in chosen.names:
            folder.table.execute("INSERT OR IGNORE INTO forgetting VALUES (0, ?)", (name,))


def finish(folder: ResultFolder) -> list[str]:
    """Forget what was written down. Returns sentences about what had to be left.

    Raises FolderGoneError, and DamagedTableError where that cannot have been written down.
    """
    marked = list(checked.read(folder.table, "forgetting", "face, person"))
    if not marked:
        return []
    faces = {face for face, _ in marked if face}
    faces |= set(led_to(folder.table, faces))
    names = sorted(name for _, name in marked if name)
    rows = folder.rows.all()
    left = _remove_pictures(
        folder, [row for row in rows if row.id in faces], [row for row in rows if row.id not in faces]
    )
    moved = [row for name in names for row in _put_aside(folder, name, rows)]
    for name in names:
        left += _remove_folder(folder, name)
    with folder.table.together():
        for row in moved:
            folder.rows.update(row)
        forget_tracks(folder.table, faces, names)
        wipe_faces(folder, sorted(faces))
        for name in names:
            _wipe_name(folder, name)
        folder.table.execute("DELETE FROM forgetting")
    folder.rows.touch_all()
    return left


def _remove_pictures(folder: ResultFolder, rows: Sequence[Row], others: Iterable[Row]) -> list[str]:
    """Remove the pictures of rows, and copies of them, wherever they lie in the folder, and half written files."""
    contents, sizes = {row.hash for row in rows}, {row.size for row in rows}
    places = {row.place for row in others if row.state == KEPT or is_excluded(row.folder)}
    scan = scan_folder(folder.path)
    changed = set()
    left = []
    for entry in scan.entries:
        if entry.size in sizes and entry.place not in places:
            content = folder.content_of(entry)
            if content in contents:
                folder.root.remove(entry.place)
                changed.add(entry.folder)
            elif content is None:
                left.append(_unread(folder, entry))
    for name in changed:
        folder.root.sync(name)
    for part in scan.parts:
        with suppress(OSError):
            folder.root.remove(os.path.relpath(part, folder.path))
    return left


def _unread(folder: ResultFolder, entry: Entry) -> str:
    return f"{folder.path / entry.place} cannot be read, and may show whom you forget; remove it yourself"


def _put_aside(folder: ResultFolder, name: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Take pictures out of the folder of those that are not a person; they stay excluded."""
    origin = f"{EXCLUDED}/{name}"
    if not folder.root.has_folder(EXCLUDED) or not folder.root.has_folder(origin):
        return
    folder_for(folder, _ASIDE)
    known = {row.file: row for row in rows if row.folder == origin}
    for file in sorted(folder.root.names(origin)):
        if row := known.get(file):
            row.file, row.folder = carry_file(folder, row, _ASIDE), _ASIDE
            yield row
        else:
            folder.root.rename(f"{origin}/{file}", folder.root.free(f"{_ASIDE}/{file}"))
    folder.root.sync(_ASIDE)
    with suppress(OSError):
        folder.root.remove_folder(origin)
    folder.root.sync(EXCLUDED)


def wipe_faces(folder: ResultFolder, faces: Iterable[int]) -> None:
    """Leave of faces (ids) a tombstone, and nothing of what else is said of them; in a transaction."""
    execute = folder.table.execute
    for face in faces:
        execute("DELETE FROM faces WHERE id = ? AND state = 'seen' AND hash = '' AND fingerprint IS NULL", (face,))
        execute(f"UPDATE faces SET {_TOMBSTONE} WHERE id = ?", (face,))
        execute(f"UPDATE faces SET {_NOWHERE} WHERE id = ? AND fingerprint IS NULL", (face,))
        for table in ("encodings", "emotions", "changes", "planned", "moves", "flags"):
            execute(f"DELETE FROM {table} WHERE face = ?", (face,))
        for table in ("refused", "parted"):
            execute(f"DELETE FROM {table} WHERE ? IN (one, other)", (face,))


def _wipe_name(folder: ResultFolder, name: str) -> None:
    """Of a person of whom no face is left, from what is said of the faces of others."""
    execute, aside = folder.table.execute, f"{EXCLUDED}/{name}"
    for column in ("placed", "intent"):
        execute(f"UPDATE faces SET {column} = NULL WHERE {column} IN (?, ?)", (name, aside))
    execute("UPDATE faces SET folder = ? WHERE folder = ?", (_ASIDE, aside))  # of pictures that were moved just now
    for new in ("", "new_"):
        execute(f"UPDATE changes SET {new}folder = ? WHERE {new}folder = ?", (FORGOTTEN, name))
        execute(f"UPDATE changes SET {new}folder = ? WHERE {new}folder = ?", (_ASIDE, aside))
        execute(f"UPDATE changes SET {new}placed = NULL WHERE {new}placed IN (?, ?)", (name, aside))
    execute("DELETE FROM moves WHERE origin IN (?, ?) OR target IN (?, ?)", (name, aside, name, aside))
    for file in folder.notes.view_digests():
        if montages.is_of(file, name):
            folder.notes.set_view(file, None)


def _remove_folder(folder: ResultFolder, name: str) -> list[str]:
    """Remove what is left of a person: montages, and the folder unless something else lies in it."""
    for file in folder.root.names():
        if montages.is_of(file, name):
            folder.root.remove(file)
    if not folder.root.has_folder(name):
        return []
    with suppress(OSError):
        folder.root.remove_folder(name)
        folder.listing.folders.discard(name)
        return []
    return [f"{folder.path / name} holds more than known pictures, and is left; remove it yourself"]


def compact(folder: ResultFolder) -> list[str]:
    """Leave no trace of what was deleted in the table's file. Returns a sentence where that has to wait."""
    folder.table.execute("VACUUM")
    end = monotonic() + _WAITED
    while folder.table.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if monotonic() > end:
            return [
                f"{folder.table.path}-wal holds what was forgotten until the programs that read it now have ended; "
                "run `face-classifier verify` then"
            ]
        sleep(0.05)
    return []


def damaged_files(folder: ResultFolder) -> list[str]:
    """Sentences about files that were set aside as damaged, in which nothing can be found any more."""
    return [
        f"{folder.path / name} is damaged, and may hold what was forgotten; remove it yourself"
        for name in sorted(folder.root.names())
        if ".damaged" in name
    ]
