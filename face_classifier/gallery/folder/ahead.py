"""The folders of a large gallery are listed by another process while this one opens the table: half of a start."""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from face_classifier.core.disk.markers import ENCODINGS
from face_classifier.gallery.folder import listing
from face_classifier.gallery.folder.listing import Listing
from face_classifier.gallery.folder.scan import TELLING

_LARGE = 10 << 20  # bytes of encodings, of 20,000 faces: fewer are listed before another process has begun


class Ahead:
    """What that process tells. What it does not tell, for whatever reason, is for this one to list."""

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        """``process``: runs `listing`; None: nothing is told."""
        self._told: dict[str, Listing | None] = {}
        self._process = process

    def of(self, folder: str) -> Listing | None:
        """What lay in a folder when it came to that; waits for it. None: it does not tell."""
        while folder not in self._told and self._process:
            self._told |= self._next()
        return self._told.pop(folder, None)

    def _next(self) -> dict[str, Listing | None]:
        assert self._process
        assert self._process.stdout
        with suppress(EOFError, ValueError, TypeError):
            return dict(marshal.load(self._process.stdout))
        self._end()  # but what it told so far counts
        return {}

    def close(self) -> None:
        """End the process; from now on nothing is told."""
        self._end()
        self._told = {}

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


NOT_AHEAD = Ahead(None)


@contextmanager
def listed_ahead(folder: Path) -> Iterator[Ahead]:
    """Lists the folders of a gallery, if it is large, as long as nobody closes it."""
    ahead = Ahead(_begun(folder))
    try:
        yield ahead
    finally:
        ahead.close()


def _begun(folder: Path) -> subprocess.Popen[bytes] | None:
    line = [sys.executable, "-I", "-S", "-X", "utf8", listing.__file__, str(folder), *TELLING]
    with suppress(OSError):  # there is no gallery yet, or there may be no more processes
        if (folder / ENCODINGS).stat().st_size >= _LARGE:
            nothing = subprocess.DEVNULL
            return subprocess.Popen(line, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing)
    return None
