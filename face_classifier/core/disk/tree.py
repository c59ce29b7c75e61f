"""A folder opened once, and what is below it by names that are checked and never followed as links.

The folder itself may be a link, such as to a bigger disk: it is resolved when it is opened.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from face_classifier.core.disk.durable import (
    FOLDER,
    NO_LINK,
    identity,
)
from face_classifier.core.disk.retry import retried
from face_classifier.core.errors import UserError

AnyTree = TypeVar("AnyTree", bound="Tree")


class FolderGoneError(UserError):
    """A folder is not at its path any more: it was removed, its disk was taken away, or another one is there."""


def is_component(name: object) -> bool:
    """Whether a name from a table or a manifest leads to an entry of a folder and nowhere else."""
    return isinstance(name, str) and name not in ("", ".", "..") and "/" not in name and "\0" not in name


class _FullPath:
    """Within, an OSError tells the path of a place. A class, as `_Parent`: it is there for each call of the system."""

    __slots__ = "_place", "_root"

    def __init__(self, root: Path, place: str) -> None:
        self._root, self._place = root, place

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            # The error itself: where another is raised instead, Python 3.12 and later keep the two, all their callers
            # and what those hold, such as pictures, until they look for cycles.
            error.filename = str(self._root / self._place)
            del error.filename2


class _Parent:
    """Within, a folder is open in which there is a name."""

    __slots__ = "_folder", "_name", "_path"

    def __init__(self, folder: AbstractContextManager[int], name: str, path: _FullPath) -> None:
        self._folder, self._name, self._path = folder, name, path

    def __enter__(self) -> tuple[int, str]:
        return self._folder.__enter__(), self._name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.__exit__(kind, error, trace)
        self._folder.__exit__(kind, error, trace)


class Tree:
    """An open folder. A place in it is a path below it, such as ``person_01/a.png``; "" is the folder itself.

    All methods raise OSError, whose ``filename`` is the whole path, and UserError where a link is in the way or a
    place leads out of the folder.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError where the folder cannot be opened."""
        self.path = path  # as given
        self.real = Path(os.path.realpath(path))
        self._descriptor = os.open(self.real, FOLDER)
        self._identity = identity(os.fstat(self._descriptor))  # held open, so that no other folder is ever given it
        self._lacks: dict[str, str] = {}
        self._told: set[str] = set()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self: AnyTree) -> AnyTree:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def inode(self) -> int:
        """Its number in its file system, which it keeps when that is mounted elsewhere; at most 2**63 - 1."""
        return self._identity[1] & (2**63 - 1)

    def check(self) -> None:
        """Raise FolderGoneError unless its path still leads to the folder that was opened, by device and inode."""
        try:
            state = retried(lambda: os.stat(self.path))
        except OSError:
            state = None
        if state is None or identity(state) != self._identity:
            raise FolderGoneError(
                f"the folder {self.path} is gone, or another one is in its place; nothing in it counts as deleted: "
                "put it back, or mount its disk, and run again"
            )

    # What the file system cannot do

    def lack(self, what: str, sentence: str) -> None:
        """Remember once that the file system of this folder cannot do something."""
        self._lacks.setdefault(what, sentence)

    def lacks(self) -> list[str]:
        """Sentences about what is not guaranteed in this folder, each told once."""
        news = [sentence for what, sentence in self._lacks.items() if what not in self._told]
        self._told |= self._lacks.keys()
        return news

    # Looking

    def state(self, place: str) -> os.stat_result | None:
        """Of what is there itself, be it a link; None if there is nothing."""
        try:
            with self._parent(place) as (folder, name):
                try:
                    return os.stat(name, dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:  # of which nobody is to be told the path
                    return None
        except FileNotFoundError:
            return None

    def has(self, place: str) -> bool:
        """Whether anything is there, be it a link that leads nowhere."""
        return self.state(place) is not None

    def refuse_link(self, place: str) -> os.stat_result | None:
        """The state of what is there, None if there is nothing. Raises UserError where it is a link."""
        state = self.state(place)
        if state is not None and stat.S_ISLNK(state.st_mode):
            raise self._is_link(place)
        return state

    def has_folder(self, place: str) -> bool:
        """Raises UserError where a link is in its place."""
        state = self.refuse_link(place)
        return state is not None and stat.S_ISDIR(state.st_mode)

    def has_file(self, place: str) -> bool:
        """Whether an ordinary file is there, no link."""
        state = self.state(place)
        return state is not None and stat.S_ISREG(state.st_mode)

    def names(self, place: str = "") -> list[str]:
        """Of everything in a folder, in any order."""
        with self._folder(place) as folder, self._full_path_in_errors(place):
            return os.listdir(folder)

    def states(self, place: str = "") -> Iterator[tuple[str, os.stat_result]]:
        """Name and state of everything in a folder, in any order; what goes meanwhile is left out."""
        with self._folder(place) as folder, self._full_path_in_errors(place), os.scandir(folder) as entries:
            for entry in entries:
                try:
                    state = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield entry.name, state

    def read(self, place: str) -> bytes:
        """The content of an ordinary file, no link."""
        with os.fdopen(self.open_to_read(place), "rb") as file:
            return file.read()

    def open_to_read(self, place: str) -> int:
        """A descriptor of an ordinary file, no link."""
        with self._parent(place) as (folder, name):
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | NO_LINK, dir_fd=folder)
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise self._is_link(place) from None
                raise
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise UserError(f"{self.path / place} is not an ordinary file; move it away")
            return descriptor

    def link(self, place: str) -> str:
        """Where a link leads."""
        with self._parent(place) as (folder, name):
            return os.readlink(name, dir_fd=folder)

    def free(self, place: str) -> str:
        """``place``, or the same with a counter behind the stem if something is there already."""
        above, slash, name = place.rpartition("/")
        stem, suffix = os.path.splitext(name)
        candidate, count = place, 1
        while self.has(candidate):
            count += 1
            candidate = f"{above}{slash}{stem}_{count}{suffix}"
        return candidate

    # Places

    def _parent(self, place: str) -> _Parent:
        """The open folder that something lies in, and its name there."""
        above, _, name = place.rpartition("/")
        if not is_component(name):
            raise self._leads_out(place)
        return _Parent(self._folder(above), name, self._full_path_in_errors(place))

    def _folder(self, place: str) -> AbstractContextManager[int]:
        """A descriptor of a folder, no part of its way a link."""
        return self._opened(place)

    @contextmanager
    def _opened(self, place: str) -> Iterator[int]:
        names = place.split("/") if place else []
        if not all(map(is_component, names)):
            raise self._leads_out(place)
        descriptor = os.dup(self._descriptor)
        try:
            for number, name in enumerate(names, 1):
                with self._full_path_in_errors(way := "/".join(names[:number])):
                    below = self._enter(descriptor, name, way)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    def _enter(self, folder: int, name: str, way: str) -> int:
        try:
            return os.open(name, FOLDER | NO_LINK, dir_fd=folder)
        except OSError:
            if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise self._is_link(way) from None
            raise

    def _full_path_in_errors(self, place: str) -> _FullPath:
        """Errors tell the whole path: system calls are given names alone."""
        return _FullPath(self.path, place)

    def _is_link(self, place: str) -> UserError:
        return UserError(
            f"{self.path / place} is a link, and links in {self.path} are not followed; put the file itself there"
        )

    def _leads_out(self, place: str) -> UserError:
        return UserError(f"{place!r} is not a name of something in {self.path}; find out who changed the files in it")
