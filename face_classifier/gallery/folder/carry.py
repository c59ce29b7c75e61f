"""Pictures move from folder to folder: durably, and as far back as they were where the disk refuses a part of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress

from face_classifier.core.errors import UserError
from face_classifier.core.names import alike
from face_classifier.gallery.folder.opened import FoldersChangedError, ResultFolder
from face_classifier.gallery.past.journal import place_of
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS, is_excluded
from face_classifier.gallery.table.row import KEPT, Row
from face_classifier.identity.naming import numbered

NUMBER_MARK = "person"  # the highest number that a person was given


def folder_for(folder: ResultFolder, person: str | None) -> str:
    """The folder of a person, or of the unknown faces (None), made if it is new.

    Raises FoldersChangedError where it was there and is gone: the user renamed or removed it.
    """
    name = person or UNKNOWNS
    if not folder.root.has_folder(name):
        if name in folder.listing.folders:
            raise FoldersChangedError
        _make_folder(folder, name)
    return name


def _make_folder(folder: ResultFolder, name: str) -> None:
    try:
        folder.root.make_folder(name)
    except FileExistsError as error:
        raise UserError(f"{folder.path / name} is a file where a folder for faces should be; move it away") from error
    except OSError:
        _unmake_folder(folder, name)  # it may be there, but is not durable
        raise
    folder.listing.folders.add(name)


def _unmake_folder(folder: ResultFolder, name: str) -> None:
    with suppress(OSError):
        folder.root.remove_folder(name)  # only if it is empty
        folder.listing.folders.discard(name)


def new_person(folder: ResultFolder, rows: Sequence[Row], undo: ExitStack) -> str:
    """Make the folder of a new person and move faces into it.

    What the disk refused half-way goes on under the number that it took.
    """
    number = folder.notes.mark(NUMBER_MARK)
    if any(row.intent != numbered(number) for row in rows):
        number += 1
    while folder.root.has(numbered(number)):
        number += 1
    name = numbered(number)
    with folder.table.together():
        folder.notes.set_mark(NUMBER_MARK, number)
        _intend(folder, rows, name)
    _make_folder(folder, name)
    undo.callback(_unmake_folder, folder, name)
    move_files(folder, rows, name, undo)
    return name


def carry(folder: ResultFolder, rows: Sequence[Row], target: str, undo: ExitStack) -> None:
    """Move faces into a folder that is there."""
    if rows:
        with folder.table.together():
            _intend(folder, rows, target)
        move_files(folder, rows, target, undo)


def _intend(folder: ResultFolder, rows: Sequence[Row], target: str) -> None:
    """Write down where pictures will be moved: after a crash in between, it was no user who did."""
    for row in rows:
        row.intent = target
    folder.rows.update(*rows)
    places = {row.id: place_of(row)._replace(folder=target, state=KEPT, placed=target) for row in rows}
    folder.journal.plan(places, {})


def settle(folder: ResultFolder, rows: Sequence[Row], target: str) -> None:
    """Write into rows that their pictures are where they were to be by the program's decision; in a transaction."""
    before = {row.id: place_of(row) for row in rows}
    for row in rows:
        row.folder = row.placed = target
        row.intent = None
    folder.rows.update(*rows)
    folder.journal.record(rows, before, {})


def move_files(folder: ResultFolder, rows: Sequence[Row], target: str, undo: ExitStack) -> None:
    """Move pictures into a folder that is there, durably; their rows are as they were but for the files' names."""
    for row in rows:
        origin = row.place
        row.file = carry_file(folder, row, target)
        undo.callback(_move_back, folder, f"{target}/{row.file}", origin)
    sync(folder, {target, *(row.folder for row in rows)})


def is_all_there(folder: ResultFolder, rows: Sequence[Row], target: str) -> bool:
    """Whether a folder can be given the name ``target``: nobody has it, and these pictures are all that lies in it."""
    origins = {row.folder for row in rows}
    if len(origins) > 1 or UNKNOWNS in {target, *origins} or folder.root.has(target):
        return False
    origin = next(iter(origins))
    is_own = is_excluded(origin) == is_excluded(target)
    return is_own and set(folder.root.names(origin)) == {row.file for row in rows}


def move_folder(folder: ResultFolder, origin: str, target: str, undo: ExitStack) -> None:
    """Give a folder a name that nobody has, durably, with all that lies in it."""
    for name in (origin, target):
        folder.rows.touch(name)
    try:
        folder.root.rename(origin, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):  # somebody was quicker
            raise FoldersChangedError from error
        raise
    undo.callback(_call, folder, target, origin)
    undo.callback(_move_back, folder, target, origin)
    _call(folder, origin, target)
    sync(folder, {place.rpartition("/")[0] for place in (origin, target)})


def _call(folder: ResultFolder, former: str, name: str) -> None:
    folder.listing.folders.discard(former)
    folder.listing.folders.add(name)


def carry_file(folder: ResultFolder, row: Row, target: str) -> str:
    """Move a picture into another folder, not yet durably; returns the name that it has there."""
    place = folder.root.free(f"{target}/{row.file}")
    for name in (row.folder, target):
        folder.rows.touch(name)
    folder.root.rename(row.place, place)
    return place.rpartition("/")[2]


def sync(folder: ResultFolder, changed: Iterable[str]) -> None:
    """Make what was moved in these folders durable."""
    for name in changed:
        folder.root.sync(name)


def rename(folder: ResultFolder, person: str, name: str) -> None:
    """As `Store.rename`: the move is all, the next look takes it for what the user did, but of the open entry."""
    own = person, f"{EXCLUDED}/{person}"
    faces = [face for place in own for face in folder.whereabouts.contents(place).values()]
    folder.journal.ask(folder.whereabouts.concerned(faces, ()))
    with folder.as_last_seen():
        if folder.root.has(name) and alike(name) != alike(person):  # else it is one folder on some file systems
            raise FileExistsError(name)
        folder.root.rename(person, name)
        folder.root.sync()
    for place in (person, name):
        folder.rows.touch(place)


def _move_back(folder: ResultFolder, place: str, origin: str) -> None:
    with suppress(OSError):
        if not folder.root.has(origin):
            folder.root.rename(place, origin)


def take_back(folder: ResultFolder, place: str, size: int) -> None:
    """Remove a picture that was written but has no row: nobody else can have put one of that size there since."""
    with suppress(OSError):
        state = folder.root.state(place)
        if state and state.st_size == size:
            folder.root.remove(place)


def follow(folder: ResultFolder, person: str, successor: str) -> None:
    """Who is not a person is not the one either whom that person is now."""
    root, origin, target = folder.root, f"{EXCLUDED}/{person}", f"{EXCLUDED}/{successor}"
    if not (root.has_folder(EXCLUDED) and root.has_folder(origin)):
        return
    for name in (origin, target):
        folder.rows.touch(name)
    with suppress(OSError):
        if not root.has_folder(target):
            root.make_folder(target)
        for name in sorted(root.names(origin)):
            root.rename(f"{origin}/{name}", root.free(f"{target}/{name}"))
        root.sync(target)
        root.remove_folder(origin)
        root.sync(EXCLUDED)


def tidy(folder: ResultFolder, parts: Iterable[str], folders: Iterable[str]) -> None:
    """Remove half written files (whole paths), and those of the folders that are empty."""
    for part in parts:
        with suppress(OSError):
            folder.root.remove(os.path.relpath(part, folder.path))
    for name in folders:
        _unmake_folder(folder, name)


def free_file(folder: ResultFolder, target: str, stem: str) -> str:
    """A file name for a new face that neither a row nor a picture of the folder has."""
    free, count = stem, 1
    while folder.rows.has_face(free) or folder.root.has(f"{target}/{free}.png"):
        count += 1
        free = f"{stem}_{count}"
    return f"{free}.png"
