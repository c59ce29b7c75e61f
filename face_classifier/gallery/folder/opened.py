"""A result folder, open: its root, lock and table, and the sentences about what goes wrong in it."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from face_classifier.core.disk.durable import Modes
from face_classifier.core.disk.files import content_hash
from face_classifier.core.disk.locks import FolderLock, holder_of
from face_classifier.core.disk.markers import ENCODINGS, RESULT, TABLE, mark, refuse_place
from face_classifier.core.disk.retry import asking_the_disk, retried
from face_classifier.core.errors import UserError
from face_classifier.gallery.encodings.beside import beside
from face_classifier.gallery.encodings.others import OtherEncodings
from face_classifier.gallery.folder.scan import Entry, Scan, refuse_links
from face_classifier.gallery.passing.table import Tracks
from face_classifier.gallery.past.journal import Journal
from face_classifier.gallery.placing.undo import UndoRoot
from face_classifier.gallery.table.file import Table, may_pass
from face_classifier.gallery.table.notes import Notes
from face_classifier.gallery.table.row import Row
from face_classifier.gallery.table.rows import Rows
from face_classifier.gallery.table.whereabouts import Whereabouts
from face_classifier.sources.base import check_bytes


class FoldersChangedError(UserError):
    """The user renamed or moved what was about to be written to: look again, decide again."""

    def __init__(self) -> None:
        super().__init__("the result folder changes faster than it can be read; run again when nothing changes it")


class ResultFolder:
    """What everything that works on a result folder shares: ``root``, ``table``, ``rows``, ``notes``, ``journal`` …"""

    def __init__(self, path: Path, modes: Modes, *, writing: bool) -> None:
        """Raises UserError if the folder cannot be used, or is being written by another process."""
        self.path = path
        self.writing = writing
        self.listing = Scan()  # what lay where when it was last listed, with the folders that were made since
        self.damaged: str | None = None  # the table that was set aside
        self._was_written = False  # by another process when the table was opened to be read
        self._problems: list[str] = []
        self._told: set[str] = set()
        refuse_place(path, RESULT, "--result")
        self.root = self._open_root(modes)
        self._lock: FolderLock | None = None
        try:
            self._lock = self._lock_folder() if writing else None
            with self._usable():
                refuse_links(self.root)
            self._use(self._open_table())
            if writing:
                with self._usable("written"):
                    self.finish_changes()
        except BaseException:
            self._close_folder()
            raise

    def _open_root(self, modes: Modes) -> UndoRoot:
        if not self.writing and not self.path.is_dir():
            raise UserError(f"there is no result folder {self.path}; name one with --result")
        with self._usable("written" if self.writing else "read"):
            return UndoRoot.made(self.path, modes) if self.writing else UndoRoot(self.path, modes)

    def _lock_folder(self) -> FolderLock:
        with self._usable("written"):
            lock = FolderLock(self.root)
            mark(self.root, RESULT)
            return lock

    @contextmanager
    def _usable(self, done: str = "read") -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"the result folder {self.path} cannot be {done} ({error.strerror}); "
                "choose another folder with --result"
            ) from error

    def _open_table(self) -> Table:
        path = self.path / TABLE
        try:
            self._was_written = not self.writing and self.is_written()
            return retried(lambda: Table(self.root, TABLE, writing=self.writing, written=self._was_written), may_pass)
        except sqlite3.OperationalError as error:
            raise UserError(f"{path} cannot be opened ({error}); choose another folder with --result") from error
        except sqlite3.DatabaseError as error:
            if not self.writing:
                raise UserError(f"{path} is damaged ({error}); run the classifier once to make it again") from error
            return self._new_table(str(error))

    def follow_writer(self) -> None:
        """Open the table anew if it is only read, and another process has begun to write to it since it was opened."""
        if not self.writing and not self._was_written and self.is_written():
            self.table.close()
            self._use(self._open_table())

    def tell_socket(self, socket: str | None) -> None:
        """Tell in the lock file where this process takes commands; None: nowhere."""
        if self._lock:
            self._lock.tell(socket)

    def _new_table(self, reason: str) -> Table:
        aside = self.damaged = self.set_aside(TABLE, reason)
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                self.root.rename(f"{TABLE}{end}", f"{aside}{end}")
        with suppress(FileNotFoundError):
            self.root.rename(ENCODINGS, beside(aside))
        return Table(self.root, TABLE, writing=True)

    def _use(self, table: Table) -> None:
        self.table = table
        for sentence in table.told:
            self.report(sentence)
        self.rows, self.notes, self.encodings = Rows(table), Notes(table), OtherEncodings(table)
        self.journal, self.whereabouts, self.tracks = Journal(table), Whereabouts(table), Tracks(table)

    def replace_table(self, reason: str) -> None:
        """Set the table aside as damaged, and make an empty one."""
        self.table.close()
        self._use(self._new_table(reason))

    def set_aside(self, file: str, reason: str) -> str:
        """Give a damaged file another name, so that it can be made anew; returns the name that it has now."""
        path = self.path / file
        if not self.writing:
            self.report(f"{path} is damaged ({reason}) and is not used")
            return file
        aside = self.root.free(f"{file}.damaged")
        self.root.rename(file, aside)
        self.report(f"{path} was damaged ({reason}); it is now {aside}, and is made anew from the faces")
        return aside

    def close(self) -> None:
        self.table.close()
        self._close_folder()

    def _close_folder(self) -> None:
        if self._lock:
            self._lock.release()
        self.root.close()

    def is_written(self) -> bool:
        """Whether a process writes to the folder now."""
        return holder_of(self.root) is not None

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """All changes of files and of the table within become durable together, or none is made; not within itself.

        Raises DiskError. After an error within, too, all is on disk as it was before, or once `finish_changes` can.
        """
        token = secrets.token_hex(16)
        with asking_the_disk():
            self.finish_changes()
            self.root.begin(token)
        try:
            with self.table.together():
                self.table.execute("DELETE FROM batch")
                self.table.execute("INSERT INTO batch VALUES (?)", (token,))
                yield
                with asking_the_disk():
                    self.root.make_durable()
        except BaseException:
            with suppress(OSError, UserError):
                self.root.take_back()
            self.rows.touch_all()
            self.tracks = Tracks(self.table)
            raise
        with suppress(OSError, UserError):  # all is durable
            self.root.let_stand()

    def finish_changes(self) -> None:
        """Complete what a killed process, or a failing disk, left half changed `all_or_nothing`, or take it back.

        Raises OSError, UserError.
        """
        token = self.root.unfinished()
        if token is None:
            return
        if self.table.execute("SELECT 1 FROM batch WHERE token = ?", (token,)).fetchone():
            self.root.let_stand()
        else:
            self.root.take_back()

    @contextmanager
    def as_last_seen(self) -> Iterator[None]:
        """Within, something is written, and what is missing was there at the latest look: the user moved it away.

        Raises FolderGoneError.
        """
        self.root.check()
        try:
            with asking_the_disk():
                yield
        except (FileNotFoundError, NotADirectoryError) as error:
            self.root.check()
            raise FoldersChangedError from error

    def lies(self, row: Row) -> bool:
        """Whether there is a picture where that of a row lay when last seen."""
        try:
            return self.root.has(row.place)
        except (OSError, UserError):  # its folder may be a link now
            return False

    def content_of(self, entry: Entry) -> str | None:
        """The hash of a picture's content; None: it cannot be read, which is reported."""
        path = self.path / entry.place
        try:
            check_bytes(path)  # or a file of many gigabytes would be read here in silence
            return retried(lambda: content_hash(path))
        except UserError as error:
            self.report(f"{error}, or take it out of the folder")
        except OSError as error:
            self.report(f"{path} cannot be read ({error.strerror}) and is left alone")
        return None

    def report(self, problem: str) -> None:
        """Have a sentence told by the next `problems`."""
        self._problems.append(problem)

    def problems(self) -> list[str]:
        """Sentences about what was left alone or set aside, each told once."""
        self._problems += self.root.lacks()
        news = [problem for problem in dict.fromkeys(self._problems) if problem not in self._told]
        self._told.update(news)
        self._problems = []
        return news
