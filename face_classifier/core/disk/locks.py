"""The lock of a folder that one process writes to, and what that process tells about itself in it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass

from face_classifier import __version__
from face_classifier.core.disk.durable import UNSUPPORTED
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import InUseError

LOCK = ".lock"  # in a result folder or an album: who writes there holds it
SOCKET = ".socket"  # of the holder, beside the lock
_LONGEST = 4096  # bytes of a lock file that are read
_TRIALS, _INSTANT = 5, 0.01  # seconds


@dataclass(frozen=True)
class Holder:
    """The process that holds a folder, as the lock file tells it: a line each, of which earlier versions have one."""

    pid: str  # as its own machine, or container, counts; "?" where that is not told
    socket: str | None  # where it takes commands: a name in the folder, or a whole path; None where it takes none
    version: str | None  # of the program; None: one that did not tell it yet

    @staticmethod
    def read(content: bytes) -> Holder:
        lines = [*content.decode("utf-8", "surrogateescape").split("\n"), "", "", ""]
        pid = lines[0] if lines[0].isascii() and lines[0].isdecimal() else "?"
        return Holder(pid, lines[1] or None, lines[2] or None)

    def written(self) -> bytes:
        lines = self.pid, self.socket or "", self.version or ""
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


class FolderLock:
    """One writing process a folder, by ``flock`` on ``.lock``, which the system frees when the process ends."""

    def __init__(self, root: Root, what: str = "result folder", flag: str = "--result") -> None:
        """Take the lock.

        Parameters
        ----------
        what: the folder is, in a sentence.
        flag: chooses another folder, in a sentence.

        Raises
        ------
        InUseError: another process holds it, which is named.
        UserError, OSError: the lock file is a link, or cannot be used.
        """
        self._descriptor = root.open_own(LOCK)
        try:
            self._take(root, what, flag)
            self.tell(None)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _take(self, root: Root, what: str, flag: str) -> None:
        try:
            self._take_from_readers()
        except OSError as error:
            if error.errno in UNSUPPORTED:
                root.lack(
                    "flock",
                    f"the file system of {root.path} has no locks ({error.strerror}): take care that only one process "
                    "writes to it at a time",
                )
            elif error.errno in (errno.EACCES, errno.EAGAIN):
                raise InUseError(
                    f"the {what} {root.path} is in use by process {_read(self._descriptor).pid}; "
                    f"wait until it ends, stop it, or choose another folder with {flag}"
                ) from None
            else:
                raise
        else:
            _remove_left_socket(root)

    def _take_from_readers(self) -> None:
        """Take the lock; readers who look whether it is taken hold it for an instant. Raises OSError."""
        for _ in range(_TRIALS):
            with suppress(BlockingIOError):
                return fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            time.sleep(_INSTANT)
        return fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def tell(self, socket: str | None) -> None:
        """Write into the lock file which process this is, and where it takes commands. Raises OSError."""
        content = Holder(str(os.getpid()), socket, __version__).written()
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))

    def release(self) -> None:
        os.close(self._descriptor)


def _remove_left_socket(root: Root) -> None:
    """Remove the socket of a process that was killed; who holds the lock knows that nobody listens there."""
    with suppress(OSError):
        state = root.state(SOCKET)
        if state is not None and stat.S_ISSOCK(state.st_mode):
            root.remove(SOCKET)


def holder_of(root: Root) -> Holder | None:
    """The process that writes to a folder now; None: none does, or this user may not know.

    For an instant this holds the lock itself, as readers may together.
    Raises UserError, OSError where the lock file is a link, or cannot be read.
    """
    if root.refuse_link(LOCK) is None:
        return None
    with suppress(FileNotFoundError, PermissionError):
        descriptor = root.open_to_read(LOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(descriptor)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
        finally:
            os.close(descriptor)
    return None


def _read(descriptor: int) -> Holder:
    return Holder.read(os.pread(descriptor, _LONGEST, 0))
