"""Reads who is in a result folder, beside whoever owns it: no look at the folders, and nobody is asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import TypeVar

from face_classifier.core.errors import UserError
from face_classifier.core.types import Box
from face_classifier.gallery.places import is_own_cut
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.gallery.reading.loading import NOTHING, Known, read
from face_classifier.gallery.reading.opened import OpenTable, Seen
from face_classifier.gallery.reading.thumbnails import Picture, Thumbnails, draw, read_file, size_for
from face_classifier.gallery.table.file import Table

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_PAUSES = 0.05, 0.1, 0.2, 0.4  # seconds; a face that a command is just moving lies where the table will say next
_PICTURE = (
    'SELECT folder, file, hash, source IS NOT NULL, "top", "right", bottom, "left" FROM faces '
    "WHERE id = ? AND state IN ('kept', 'deleted') AND folder <> ''"
)


class Reader:
    """A read-only connection of its own to the table of a result folder. Any thread may use it.

    The folder or its table may not be there yet, or not any more: then the catalogue is empty.
    """

    def __init__(self, folder: Path) -> None:
        """Opens nothing yet."""
        self._folder = folder
        self._lock = threading.Lock()  # of all below
        self._opened: OpenTable | None = None
        self._file: object = None  # of which `_known` was read
        self._seen: Seen | None = None
        self._known, self._latest = NOTHING, Catalogue(NOTHING, self.ask)
        self._thumbnails = Thumbnails()

    def close(self) -> None:
        """It opens again what is asked for after that."""
        with self._lock:
            self._leave()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def now(self) -> Catalogue:
        """The people and faces as the table has them now; never raises.

        While it cannot be read, they are as they were, and `Catalogue.problem` says why.
        """
        with self._lock:
            try:
                self._read()
            except UserError as error:
                logger.debug("the table cannot be read: %s", error)
                self._leave()
                self._latest = self._latest.with_problem(str(error))
            return self._latest

    def ask(self, question: Callable[[Table], _T]) -> _T | None:
        """What a question to the table as it is at one moment answers; None: there is no table.

        It changes nothing, and is quick, since others wait meanwhile. Raises UserError where it cannot be read.
        """
        with self._lock:
            opened = self._open()
            if opened is None:
                return None
            with opened.table.as_of_now():
                return question(opened.table)

    def revision(self) -> int:
        """The number of the latest entry of the journal, in a fraction of the time that `now` takes after a write.

        Raises UserError where it cannot be read.
        """
        latest = "SELECT coalesce(max(number), 0) FROM journal"
        return self.ask(lambda table: int(table.execute(latest).fetchone()[0])) or 0

    def picture(self, face: int, width: int | None = None) -> Picture | None:
        """The picture of a face (id), excluded ones included; None if it is gone.

        ``width``: pixels that the page needs; a size of `thumbnails` is made. None: the whole picture as it is.
        Raises UserError where it cannot be read.
        """
        size = size_for(width)
        for pause in (*_PAUSES, None):
            try:
                return self._picture(face, size)
            except FileNotFoundError:
                if pause is not None:
                    sleep(pause)
        return None

    def _picture(self, face: int, size: int | None) -> Picture | None:
        """Raises FileNotFoundError where it does not lie where the table says, UserError."""
        with self._lock:
            opened = self._open()
            found = None if opened is None else opened.table.execute(_PICTURE, (face,)).fetchone()
            if found is None:
                return None
            folder, file, content, is_cut, *box = found
            if jpeg := self._thumbnails.find(content, size):
                return Picture(jpeg, content)
        picture = read_file(self._folder, f"{folder}/{file}")  # others need not wait for the disk
        if picture is None:
            raise FileNotFoundError
        where = None if is_cut or is_own_cut(file) or box[0] is None else Box(*box)
        jpeg = draw(picture, f"{folder}/{file}", where, size)
        with self._lock:
            faces = self._known.folders.get(folder)
            if faces is not None and faces.place_of(face) is not None:  # else nothing would tell when to forget it
                self._thumbnails.keep(content, size, jpeg)
        return Picture(jpeg, content)

    def _leave(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._opened = self._seen = None

    def _open(self) -> OpenTable | None:
        """The table that is there now; None: there is none. Raises UserError."""
        if self._opened is not None and self._opened.seen() is None:
            self._leave()
        if self._opened is None:
            try:
                self._opened = OpenTable(self._folder)
            except FileNotFoundError:
                return None
        return self._opened

    def _read(self) -> None:
        """Bring the latest catalogue up to date. Raises UserError."""
        opened = self._open()
        if opened is None:
            self._take(NOTHING, None if self._file is None else _gone(self._folder))
            return
        seen = opened.seen()
        if seen is not None and seen == self._seen and self._latest.problem is None:
            return
        with opened.table.as_of_now():
            known = read(opened.table, self._known if self._file == opened.file else NOTHING)
        self._take(known)
        self._seen, self._file = seen, opened.file

    def _take(self, known: Known, problem: str | None = None) -> None:
        self._thumbnails.forget(gone_between(self._known, known))
        self._known, self._latest = known, Catalogue(known, self.ask, problem)


def _gone(folder: Path) -> str:
    return f"the result folder {folder} is gone; put it back, or mount its disk"


def gone_between(before: Known, now: Known) -> set[int]:
    """The beginnings of the hashes of pictures that left a folder, and came to none that changed."""
    gone, there = set[int](), set[int]()
    for folder in before.folders.keys() | now.folders.keys():
        was, is_now = before.folders.get(folder), now.folders.get(folder)
        if was is not is_now:
            gone.update(was.hashes.tolist() if was else ())
            there.update(is_now.hashes.tolist() if is_now else ())
    return gone - there
