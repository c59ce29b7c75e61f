"""Where the file of encodings lies beside its table, and how another one takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from face_classifier.core.disk.markers import ENCODINGS
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.gallery.encodings.file import EncodingsFile, NotOursError

NEXT = f"{ENCODINGS}-next"  # that is about to take the place of the other one


def beside(table: str) -> str:
    """How the file of a table is called that was set aside under this name."""
    return f"{table}-{ENCODINGS}"


def open_beside(root: Root) -> Iterator[EncodingsFile]:
    """To be read: those that are there, that which is about to be the only one first. Raises OSError."""
    for name in (NEXT, ENCODINGS):
        with suppress(FileNotFoundError, NotOursError, UserError):
            yield EncodingsFile(root.open_to_read(name))


def open_one(root: Root, generation: int) -> EncodingsFile | None:
    """To be read: that of a table with this generation, else another one; None: there is none. Raises OSError."""
    there = sorted(open_beside(root), key=lambda file: file.generation != generation)
    for file in there[1:]:
        file.close()
    return there[0] if there else None


def open_to_write(root: Root, generation: int, told: list[str]) -> EncodingsFile:
    """The file of a table with this generation; made if it is missing.

    One of another table, or of the same one at another time, is taken all the same: the checksums tell what fits.

    Parameters
    ----------
    root: the folder.
    generation: that the table tells.
    told: gets a sentence where another file was in the way.

    Raises
    ------
    OSError, UserError
    """
    if (file := _opened(root, NEXT)) and file.generation == generation:
        take_place(root)
        return file
    if file:
        file.close()
    _remove_next(root)
    set_foreign_aside(root, told)
    file = _opened(root, ENCODINGS)
    if file is None:
        file = begin(root, generation)
        file.sync()
        take_place(root)
    elif file.generation != generation:
        file.adopt(generation)
    return file


def _opened(root: Root, name: str) -> EncodingsFile | None:
    """Raises NotOursError, OSError, UserError."""
    state = root.check_own(name)
    if state is None or (state.st_size == 0 and name == ENCODINGS):
        return None
    try:
        return EncodingsFile(root.open_own(name))
    except NotOursError:
        if name == NEXT:
            return None  # half made
        raise


def set_foreign_aside(root: Root, told: list[str]) -> None:
    """Give what has the name of the file, and is none of encodings, another one. Raises OSError, UserError."""
    try:
        if (file := _opened(root, ENCODINGS)) is not None:
            file.close()
    except NotOursError as error:
        aside = root.free(f"{ENCODINGS}.damaged")
        root.rename(ENCODINGS, aside)
        told.append(f"{root.path / ENCODINGS} was not a file of encodings ({error}); it is now {aside}")


def begin(root: Root, generation: int) -> EncodingsFile:
    """An empty file that is to take the place of the present one, once it is full."""
    _remove_next(root)
    return EncodingsFile.begun(root.open_own(NEXT), generation)


def take_place(root: Root) -> None:
    """Durably. Whoever has the former one open keeps it."""
    root.rename(NEXT, ENCODINGS)
    root.sync()


def _remove_next(root: Root) -> None:
    if root.has(NEXT):
        root.remove(NEXT)
