"""A folder opened once, and what is below it by names that are checked and never followed as links.

The folder itself may be a link, such as to a bigger disk: it is resolved when it is opened. Whatever it contains,
nothing outside of it is written, truncated or removed through a `Root`.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from face_classifier.core.disk.retry import retried
from face_classifier.core.errors import UserError

PART = ".face-classifier-part-"  # how the names of files begin that a killed process may have left half written
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC
# How file systems say that they have no such call: SMB and vboxsf of a folder's fsync, NFS without its daemon of flock.
UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK)


@dataclass(frozen=True)
class Modes:
    """Permissions of what is made; None: as the umask says. What exists keeps its own."""

    folder: int | None
    file: int | None


PRIVATE, GROUP, USUAL = Modes(0o700, 0o600), Modes(0o770, 0o660), Modes(None, None)
MODES = {"private": PRIVATE, "group": GROUP}  # by the word of the settings


class FolderGoneError(UserError):
    """A folder is not at its path any more: it was removed, its disk was taken away, or another one is there."""


def is_component(name: object) -> bool:
    """Whether a name from a table or a manifest leads to an entry of a folder and nowhere else."""
    return isinstance(name, str) and name not in ("", ".", "..") and "/" not in name and "\0" not in name


class Root:
    """An open folder. A place in it is a path below it, such as ``person_01/a.png``; "" is the folder itself.

    All methods raise OSError, whose ``filename`` is the whole path, and UserError where a link is in the way or a
    place leads out of the folder.
    """

    def __init__(self, path: Path, modes: Modes = USUAL) -> None:
        """Raises OSError where the folder cannot be opened."""
        self.path = path  # as given
        self.modes = modes
        self.real = Path(os.path.realpath(path))
        self._descriptor = os.open(self.real, _FOLDER)
        self._identity = identity(os.fstat(self._descriptor))  # held open, so that no other folder is ever given it
        self._lacks: dict[str, str] = {}
        self._told: set[str] = set()

    @classmethod
    def made(cls, path: Path, modes: Modes = USUAL) -> Root:
        """Open a folder, which is made with all above it if it is missing."""
        missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
        for folder in reversed(missing):
            with suppress(FileExistsError):
                folder.mkdir()
        root = cls(path, modes)
        if missing:
            root._lack_modes(set_mode(root._descriptor, modes.folder))
            sync_folder(root.real.parent)
        return root

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Root:
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
            found = retried(lambda: os.stat(self.path))
        except OSError:
            found = None
        if found is None or identity(found) != self._identity:
            raise FolderGoneError(
                f"the folder {self.path} is not there any more, or another one is in its place; nothing in it is "
                "taken for deleted: put it back, or mount its disk, and run again"
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
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
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
        with self._folder(place) as folder, self._whole(place):
            return os.listdir(folder)

    def read(self, place: str) -> bytes:
        """The content of an ordinary file, no link."""
        with os.fdopen(self.open_to_read(place), "rb") as file:
            return file.read()

    def open_to_read(self, place: str) -> int:
        """A descriptor of an ordinary file, no link."""
        with self._parent(place) as (folder, name):
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=folder)
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise self._is_link(place) from None
                raise
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise UserError(f"{self.path / place} is no ordinary file; move it away")
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

    # Changing

    def make_folder(self, place: str) -> None:
        """Durably. Raises FileExistsError if something is there."""
        with self._parent(place) as (above, name):
            os.mkdir(name, 0o777 if self.modes.folder is None else self.modes.folder & 0o700, dir_fd=above)
            descriptor = os.open(name, _FOLDER | _NO_LINK, dir_fd=above)
            try:
                self._lack_modes(set_mode(descriptor, self.modes.folder))
            finally:
                os.close(descriptor)
            self._sync(above)

    def write(self, place: str, content: bytes, *, durable: bool = True) -> os.stat_result:
        """Write beside, fsync, rename: after a crash the file is whole or as before. Returns its state.

        ``durable``: False for what is quickly made anew; after a power cut it may be empty.

        Never makes the folder: where it went away meanwhile, FileNotFoundError is raised, though it may have been
        renamed with the file in it.
        """
        with self._parent(place) as (folder, name):
            written, reason = write_in(folder, name, content, self.modes.file, durable=durable)
            self._lack_modes(reason)
            if durable:
                self._sync(folder)
            with self._folder(place.rpartition("/")[0]) as now:
                if identity(os.fstat(now)) != identity(os.fstat(folder)):
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            return written

    def copy(self, file: Path, place: str) -> os.stat_result:
        """Make or replace a copy of a file from anywhere, with its mode, times and extended attributes."""
        with file.open("rb") as source, self._parent(place) as (folder, name):
            with _replacing(folder, name) as target:
                shutil.copyfileobj(source, target)
                target.flush()
                state = os.fstat(source.fileno())
                self._lack_modes(set_mode(target.fileno(), stat.S_IMODE(state.st_mode) & 0o777))
                _copy_attributes(source.fileno(), target.fileno())
                os.utime(target.fileno(), ns=(state.st_atime_ns, state.st_mtime_ns))
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def open_own(self, place: str) -> int:
        """A descriptor, to read and write, of a file that only this program writes in place; made if it is missing.

        Raises UserError where it is none: a link, no ordinary file, or a file that has another name elsewhere.
        """
        mode = 0o600 if self.modes.file is not None else 0o666
        with self._parent(place) as (folder, name):
            try:
                descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, mode, dir_fd=folder)
                self._lack_modes(set_mode(descriptor, self.modes.file))
            except FileExistsError:
                self.check_own(place)
                descriptor = os.open(name, os.O_RDWR | os.O_NONBLOCK | _NO_LINK, dir_fd=folder)
            try:
                self._check_own(place, os.fstat(descriptor))
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor

    def check_own(self, place: str) -> os.stat_result | None:
        """The state of a file that is written in place, None if there is none; raises as `open_own`."""
        state = self.state(place)
        if state is not None:
            self._check_own(place, state)
        return state

    def _check_own(self, place: str, state: os.stat_result) -> None:
        path = self.path / place
        if stat.S_ISLNK(state.st_mode):
            raise self._is_link(place)
        if not stat.S_ISREG(state.st_mode):
            raise UserError(f"{path} is no ordinary file; move it away")
        if state.st_nlink > 1:
            raise UserError(
                f"{path} is the same file as another one elsewhere (a hard link), which would change with it; "
                "put a copy in its place"
            )

    def rename(self, old: str, new: str) -> None:
        """What is at ``new`` is replaced. Not durable before a `sync` of both folders."""
        with self._parent(old) as (source, name), self._parent(new) as (target, other):
            os.rename(name, other, src_dir_fd=source, dst_dir_fd=target)

    def remove(self, place: str) -> None:
        """A file, or a link itself."""
        with self._parent(place) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def remove_folder(self, place: str) -> None:
        """An empty one."""
        with self._parent(place) as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def make_link(self, place: str, target: str) -> None:
        with self._parent(place) as (folder, name):
            os.symlink(target, name, dir_fd=folder)

    def sync(self, place: str = "") -> None:
        """Make renames in a folder durable, where the file system can."""
        with self._folder(place) as folder:
            self._sync(folder)

    def _sync(self, descriptor: int) -> None:
        if reason := sync(descriptor):
            self.lack(
                "fsync",
                f"the file system of {self.path} cannot make names durable ({reason}): after a power cut the latest "
                "files may be missing there",
            )

    def _lack_modes(self, reason: str | None) -> None:
        if reason:
            self.lack(
                "mode",
                f"the file system of {self.path} keeps no permissions ({reason}): who may read it is for the disk's "
                "mount options to say",
            )

    # Places

    @contextmanager
    def _parent(self, place: str) -> Iterator[tuple[int, str]]:
        """The open folder that something lies in, and its name there."""
        above, _, name = place.rpartition("/")
        if not is_component(name):
            raise self._leads_out(place)
        with self._folder(above) as folder, self._whole(place):
            yield folder, name

    @contextmanager
    def _folder(self, place: str) -> Iterator[int]:
        """A descriptor of a folder, no part of its way a link."""
        names = place.split("/") if place else []
        if not all(map(is_component, names)):
            raise self._leads_out(place)
        descriptor = os.dup(self._descriptor)
        try:
            for number, name in enumerate(names, 1):
                with self._whole(way := "/".join(names[:number])):
                    below = self._enter(descriptor, name, way)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    def _enter(self, folder: int, name: str, way: str) -> int:
        try:
            return os.open(name, _FOLDER | _NO_LINK, dir_fd=folder)
        except OSError:
            if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise self._is_link(way) from None
            raise

    @contextmanager
    def _whole(self, place: str) -> Iterator[None]:
        """Errors tell the whole path: system calls are given names alone."""
        try:
            yield
        except OSError as error:
            # The error itself: where another is raised instead, Python 3.12 and later keep the two, all their callers
            # and what those hold, such as pictures, until they look for cycles.
            error.filename = str(self.path / place)
            del error.filename2
            raise

    def _is_link(self, place: str) -> UserError:
        return UserError(
            f"{self.path / place} is a link, and links in {self.path} are not followed; put the thing itself there"
        )

    def _leads_out(self, place: str) -> UserError:
        return UserError(f"{place!r} is no name of something in {self.path}; look who has changed the files in it")


def _copy_attributes(source: int, target: int) -> None:
    """Extended ones, such as tags, where the system has them and the target takes them."""
    if sys.platform == "linux":
        with suppress(OSError):
            for name in os.listxattr(source):
                with suppress(OSError):
                    os.setxattr(target, name, os.getxattr(source, name))


def open_log(path: Path, modes: Modes) -> int:
    """A descriptor of a file that the user named, emptied, to be written in place. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        set_mode(descriptor, modes.file)
    except FileExistsError:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    return descriptor


def identity(state: os.stat_result) -> tuple[int, int]:
    """Device and inode: what a file or folder is, whatever its name."""
    return state.st_dev, state.st_ino


@contextmanager
def _replacing(folder: int, name: str, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A new file beside ``name`` in an open folder, which takes its place at the end. ``mode``: less the umask."""
    beside = f"{PART}{os.getpid()}-{threading.get_ident()}"
    with suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=folder)  # of a killed process with the same number
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, mode, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=folder)
        raise


def write_in(
    folder: int, name: str, content: bytes, mode: int | None = None, *, durable: bool = True
) -> tuple[os.stat_result, str | None]:
    """Replace a file in an open folder; its new content is durable, but not yet its name. Raises OSError.

    ``mode``: of a file that is new; None: as the umask says. Returns its state, and why it could not have its mode.
    """
    with suppress(FileNotFoundError):
        before = os.stat(name, dir_fd=folder, follow_symlinks=False)
        mode = stat.S_IMODE(before.st_mode) if stat.S_ISREG(before.st_mode) else mode
    with _replacing(folder, name, 0o666 if mode is None else 0o600) as file:
        file.write(content)
        file.flush()
        reason = set_mode(file.fileno(), mode)
        if durable:
            os.fsync(file.fileno())
        written = os.fstat(file.fileno())
    return written, reason


def write_durably(path: Path, content: bytes, mode: int | None = None) -> os.stat_result:
    """Write beside, fsync, rename: after a crash the file is whole or as before. Raises OSError, which names ``path``.

    ``mode``: of a file that is new; None: as the umask says. Returns the state of the written file. Never makes the
    folder: a folder that went away meanwhile was renamed or removed by the user.
    """
    try:
        descriptor = os.open(path.parent, _FOLDER)
        try:
            written, _ = write_in(descriptor, path.name, content, mode)
            sync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    return written


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` durable, where the file system can."""
    descriptor = os.open(folder, _FOLDER)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync(folder: int) -> str | None:
    """Make renames in an open folder durable. Returns why the file system cannot; raises OSError for other reasons."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return str(error.strerror)
    return None


def set_mode(descriptor: int, mode: int | None) -> str | None:
    """Permissions of an open file or folder that was just made. Returns why the file system cannot have them."""
    if mode is None:
        return None
    try:
        if (now := _mode_of(descriptor)) & 0o777 != mode:
            os.fchmod(descriptor, mode | now & stat.S_ISGID)
    except OSError as error:
        return str(error.strerror)
    now = _mode_of(descriptor) & 0o777
    return None if now == mode else f"they stay {now:03o}"


def _mode_of(descriptor: int) -> int:
    return stat.S_IMODE(os.fstat(descriptor).st_mode)
