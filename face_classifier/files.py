"""Files that survive a power cut, content hashes, and the lock of a folder."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2

from face_classifier.errors import UserError
from face_classifier.faces import Image

PART = ".face-classifier-part-"  # how the names of files begin that a killed process may have left half written
_BLOCK = 1 << 20  # bytes
# Errors of reading that may be gone a moment later: a disk or network that stumbles, a lack of descriptors or memory.
_PASSING = {
    *(errno.EIO, errno.EAGAIN, errno.EBUSY, errno.ETIMEDOUT, errno.ESTALE),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
_PAUSES = (0.05, 0.2, 0.5)  # seconds before reading is tried again

_T = TypeVar("_T")
# Of all settings the fastest on faces, and smaller than OpenCV's own: 9 ms and 350 kB for a face of 300 pixels, not
# 11 ms and 510 kB.
_PNG = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
)


def content_hash(path: Path) -> str:
    """SHA-256 of the file's content, hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_durably(path: Path, content: bytes) -> os.stat_result:
    """Write beside, fsync, rename: after a crash the file is whole or as before. Raises OSError.

    Returns the state of the written file. Never makes the folder: a folder that went away meanwhile was renamed or
    removed by the user.
    """
    beside = path.with_name(f"{PART}{os.getpid()}-{threading.get_ident()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            written = os.fstat(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return written


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_name(path: Path) -> Path:
    """``path``, or the same with a counter behind the stem if something is there already."""
    candidate, count = path, 1
    while os.path.lexists(candidate):
        count += 1
        candidate = path.with_name(f"{path.stem}_{count}{path.suffix}")
    return candidate


def png_bytes(image: Image) -> bytes:
    """A BGR picture as PNG; the same picture gives the same bytes."""
    done, content = cv2.imencode(".png", image, _PNG)
    if not done:
        raise ValueError(f"a picture of shape {image.shape} cannot be written as PNG")
    return content.tobytes()


def may_pass(error: Exception) -> bool:
    """Whether what failed may succeed a moment later."""
    return isinstance(error, OSError) and error.errno in _PASSING


def retried(read: Callable[[], _T], passes: Callable[[Exception], bool] = may_pass) -> _T:
    """What ``read`` returns; it is tried again, a moment later, after an error of which ``passes`` is true."""
    for pause in _PAUSES:
        try:
            return read()
        except Exception as error:
            if not passes(error):
                raise
        time.sleep(pause)
    return read()


class FolderGoneError(UserError):
    """A folder is not at its path any more: it was removed, its disk was taken away, or another one is there."""


class OpenedFolder:
    """A folder as it was opened. Held open, so that no other one is ever given its inode."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._path, self._descriptor = path, os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    @property
    def inode(self) -> int:
        """Its number in its file system, which it keeps when that is mounted elsewhere; at most 2**63 - 1."""
        return os.fstat(self._descriptor).st_ino & (2**63 - 1)

    def check(self) -> None:
        """Raise FolderGoneError unless the path still leads to this folder, by device and inode."""
        try:
            found = retried(lambda: os.stat(self._path))
        except OSError:
            found = None
        if found is None or not os.path.samestat(found, os.fstat(self._descriptor)):
            raise FolderGoneError(
                f"the folder {self._path} is not there any more, or another one is in its place; nothing in it is "
                "taken for deleted: put it back, or mount its disk, and run again"
            )

    def close(self) -> None:
        os.close(self._descriptor)


class FolderLock:
    """One writing process a folder, by ``flock`` on ``.lock``, which the system frees when the process ends."""

    def __init__(self, folder: Path, what: str = "result folder", flag: str = "--result") -> None:
        """Raises UserError naming the process that holds the folder, what it is, and the flag that chooses another."""
        self._descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip() or "?"
            os.close(self._descriptor)
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise UserError(
                f"the {what} {folder} is in use by process {holder}; "
                f"wait until it ends, stop it, or choose another folder with {flag}"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a process writes to a folder now. For an instant this holds the lock itself, as readers may together."""
    try:
        descriptor = os.open(folder / ".lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
