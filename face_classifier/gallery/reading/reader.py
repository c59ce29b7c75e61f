"""Reads who is in a result folder, beside whoever owns it: no look at the folders, and nobody is asked."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from types import TracebackType

from face_classifier.core.errors import UserError
from face_classifier.core.types import Box
from face_classifier.gallery.places import is_own_cut
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.gallery.reading.former_names import successor_of
from face_classifier.gallery.reading.loading import Words, read_folders, read_words
from face_classifier.gallery.reading.opened import OpenTable, Seen
from face_classifier.gallery.reading.thumbnails import Picture, Thumbnails, draw, size_for

logger = logging.getLogger(__name__)

_PICTURE = (
    'SELECT folder, file, hash, source IS NOT NULL, "top", "right", bottom, "left" FROM faces '
    "WHERE id = ? AND state IN ('kept', 'deleted') AND folder <> ''"
)
_NO_WORDS = Words((), frozenset(), frozenset())


class Reader:
    """A read-only connection of its own to the table of a result folder. Any thread may use it.

    The folder or its table may not be there yet, or not any more: then the catalogue is empty.
    """

    def __init__(self, folder: Path) -> None:
        """Opens nothing yet."""
        self._folder = folder
        self._lock = threading.Lock()  # of all below
        self._opened: OpenTable | None = None
        self._seen: Seen | None = None
        self._latest = self._empty()
        self._thumbnails = Thumbnails()

    def close(self) -> None:
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

    def picture(self, face: int, width: int | None = None) -> Picture | None:
        """The picture of a face (id), excluded ones included; None if it is gone.

        ``width``: pixels that the page needs; a size of `thumbnails` is made. None: the whole picture as it is.
        Raises UserError where it cannot be read.
        """
        size = size_for(width)
        with self._lock:
            opened = self._open()
            found = None if opened is None else opened.table.execute(_PICTURE, (face,)).fetchone()
            if opened is None or found is None:
                return None
            folder, file, content, is_cut, *box = found
            if jpeg := self._thumbnails.find(content, size):
                return Picture(jpeg, content)
            try:
                file_content = opened.root.read(f"{folder}/{file}")
            except (FileNotFoundError, NotADirectoryError):
                return None
            except OSError as error:
                raise UserError(f"{error.filename} cannot be read ({error.strerror}); check that disk") from error
        where = None if is_cut or is_own_cut(file) or box[0] is None else Box(*box)
        jpeg = draw(file_content, file, where, size)
        self._thumbnails.keep(content, size, jpeg)
        return Picture(jpeg, content)

    def _empty(self) -> Catalogue:
        return Catalogue(0, {}, _NO_WORDS)

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
            self._latest = self._empty()
            return
        seen = opened.seen()
        if seen is not None and seen == self._seen and self._latest.problem is None:
            return
        with opened.table.as_of_now():
            revision = int(opened.table.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0])
            folders, words = read_folders(opened.table), read_words(opened.table)
        self._seen, self._latest = seen, Catalogue(revision, folders, words, self._successor)
        self._thumbnails.forget_all_but({int(one) for faces in folders.values() for one in faces.hashes})

    def _successor(self, name: str, until: int) -> str | None:
        with self._lock:
            try:
                opened = self._open()
                return successor_of(opened.table, name, until) if opened else None
            except UserError:
                return None
