"""Files written beside, made durable and renamed into their place; and the permissions of what is made."""

from __future__ import annotations

import ctypes
import errno
import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PART = ".face-classifier-part-"  # how the names of files begin that a killed process may have left half written
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC
# How file systems say that they have no such call: SMB and vboxsf of a folder's fsync, NFS without its daemon of flock.
UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK)


@dataclass(frozen=True)
class Modes:
    """Permissions of what is made; None: as the umask says. What exists keeps its own."""

    folder: int | None
    file: int | None


PRIVATE, GROUP, USUAL = Modes(0o700, 0o600), Modes(0o770, 0o660), Modes(None, None)
MODES = {"private": PRIVATE, "group": GROUP}  # by the word of the settings


def identity(state: os.stat_result) -> tuple[int, int]:
    """Device and inode: what a file or folder is, whatever its name."""
    return state.st_dev, state.st_ino


@contextmanager
def replacing(folder: int, name: str, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Opens a new file beside another one, and puts it into the place of that one at the end. Raises OSError.

    Parameters
    ----------
    folder : descriptor of the open folder
    name : of the file to replace; it may be missing
    mode : permissions of the new file, less the umask
    """
    descriptor, beside = _open_beside(folder, mode)
    try:
        with os.fdopen(descriptor, "wb", io.DEFAULT_BUFFER_SIZE) as file:  # else the system is asked how much
            yield file
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _remove_beside(folder, beside)
        raise


def _open_beside(folder: int, mode: int) -> tuple[int, str]:
    """A new file of this thread in an open folder, as a descriptor to write to it, and its name."""
    beside = f"{PART}{os.getpid()}-{threading.get_ident()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK
    try:
        return os.open(beside, flags, mode, dir_fd=folder), beside
    except FileExistsError:
        os.unlink(beside, dir_fd=folder)  # of a killed process with the same number
        return os.open(beside, flags, mode, dir_fd=folder), beside


def _remove_beside(folder: int, beside: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=folder)


def write_in(
    folder: int, name: str, content: bytes, mode: int | None = None, *, durable: bool = True, new: bool = False
) -> tuple[os.stat_result, str | None]:
    """Replaces a file in an open folder. Its content is durable afterwards, its name only after `sync`. Raises OSError.

    Parameters
    ----------
    folder : descriptor of the open folder
    name, content : of the file
    mode : permissions of a new file, an old one keeps its own; None = as the umask says
    durable : False for what is quickly made anew; after a power cut it may be empty
    new : nothing has that name, as somebody just saw

    Returns
    -------
    The state of the written file, and why the file system refuses its mode; None = it has it.
    """
    if not new:
        with suppress(FileNotFoundError):
            before = os.stat(name, dir_fd=folder, follow_symlinks=False)
            mode = stat.S_IMODE(before.st_mode) if stat.S_ISREG(before.st_mode) else mode
    descriptor, beside = _open_beside(folder, 0o666 if mode is None else 0o600)
    try:
        try:
            _write_all(descriptor, content)
            reason = set_mode(descriptor, mode)
            if durable:
                os.fsync(descriptor)
            written = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _remove_beside(folder, beside)
        raise
    return written, reason


def _write_all(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    while written < len(content):
        written += os.write(descriptor, memoryview(content)[written:])


def write_durably(path: Path, content: bytes, mode: int | None = None) -> os.stat_result:
    """Writes beside, syncs, renames: after a crash the file is complete or as before. Never makes the folder.

    Parameters
    ----------
    path, content : of the file
    mode : permissions of a new file, an old one keeps its own; None = as the umask says

    Returns
    -------
    The state of the written file.

    Raises
    ------
    OSError : names ``path``; the folder may have been renamed or removed by the user meanwhile
    """
    try:
        descriptor = os.open(path.parent, FOLDER)
        try:
            written, _ = write_in(descriptor, path.name, content, mode)
            sync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    return written


def sync_folder(folder: Path) -> None:
    """Makes renames in ``folder`` durable, where the file system can. Raises OSError."""
    descriptor = os.open(folder, FOLDER)
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


def sync_file_system(descriptor: int) -> bool:
    """Make all durable that was written to the file system of an open file or folder, where that is one call (Linux).

    Of hundreds of small files it takes a tenth of the time. Returns whether it was done; raises OSError.
    """
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError, TypeError):  # TypeError: Windows has no program to look into
        return False
    if syncfs(descriptor) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return True


def set_mode(descriptor: int, mode: int | None) -> str | None:
    """Permissions of an open file or folder that was just made. Returns why the file system cannot have them."""
    if mode is None:
        return None
    try:
        if (now := _mode_of(descriptor)) & 0o777 == mode:
            return None
        os.fchmod(descriptor, mode | now & stat.S_ISGID)
    except OSError as error:
        return str(error.strerror)
    now = _mode_of(descriptor) & 0o777
    return None if now == mode else f"they stay {now:03o}"


def _mode_of(descriptor: int) -> int:
    return stat.S_IMODE(os.fstat(descriptor).st_mode)
