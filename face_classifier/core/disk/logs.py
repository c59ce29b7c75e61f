"""A file of lines that one program appends to, and from which another may take lines away at the same time."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from face_classifier.core.disk.durable import Modes, identity, set_mode, write_durably


class LogFile:
    """A file that the user named, emptied, to be written at its end. Raises OSError."""

    def __init__(self, path: Path, modes: Modes) -> None:
        """``modes``: of a new file."""
        self._path = path
        try:
            self._descriptor = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            set_mode(self._descriptor, modes.file)
        except FileExistsError:
            self._descriptor = os.open(path, _APPEND | os.O_CREAT | os.O_TRUNC, 0o600)

    def write(self, content: bytes) -> int:
        """Append; returns how many bytes the disk took."""
        with locked(self._descriptor):
            if self._is_replaced():
                with suppress(OSError):  # the user's own doing: what is open is written on
                    self._follow()
            return os.write(self._descriptor, content)

    def _is_replaced(self) -> bool:
        try:
            now = os.stat(self._path)
        except OSError:
            return False
        return stat.S_ISREG(now.st_mode) and identity(now) != identity(os.fstat(self._descriptor))

    def _follow(self) -> None:
        """Go on in the file that has taken the place of the one that is open."""
        other = os.open(self._path, _APPEND)
        os.dup2(other, self._descriptor, inheritable=False)
        os.close(other)

    def close(self) -> None:
        os.close(self._descriptor)


_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


@contextmanager
def locked(descriptor: int) -> Iterator[None]:
    """Within, no other program of ours changes the open file, where the file system has locks."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def rewrite(path: Path, line: Callable[[bytes], bytes]) -> int:
    """Replace a file by one with other lines, durably. Returns how many are other ones, or gone. Raises OSError.

    ``line``: makes of a line, with its end, the one that stands in its place; empty: none.
    """
    path = path.resolve()
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file, locked(descriptor):
        before = file.read().splitlines(keepends=True) if stat.S_ISREG(os.fstat(descriptor).st_mode) else []
        after = [line(one) for one in before]
        if after != before:
            write_durably(path, b"".join(after))
    return sum(one != other for one, other in zip(before, after, strict=True))
