"""Files analysed before their turn: into records on disk, which wait there until their faces are placed in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import PRIVATE
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.supervise import supervised
from face_classifier.pipeline.archive import analyse_into
from face_classifier.records import AnalysedFrame
from face_classifier.records.file import read_record
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source
from face_classifier.vision.engine import Engine

_MOST = 2 << 30  # bytes of the pictures in one record
_TURN = 0.1  # seconds between two looks at whether to stop


class WaitingRecords:
    """Those of the chapters of a file, on disk."""

    def __init__(self, root: Root, names: Sequence[str]) -> None:
        """``names``: of their files, in the order of the chapters."""
        self._root, self._names = root, names

    @contextmanager
    def frames(self, number: int, start: datetime) -> Iterator[Iterator[AnalysedFrame]]:
        """The frames of one, with the times of a source that began at ``start``; then it is removed.

        Raises UserError.
        """
        try:
            with read_record(self._root, self._names[number]) as (_, frames):
                yield frames(start)
        finally:
            self._root.remove(self._names[number])


class Advance:
    """Analyses the next files of a run while the faces of one are placed. A context manager.

    A file that cannot be analysed ahead, or not wholly, is analysed in its turn, which tells why.
    """

    def __init__(
        self,
        files: Sequence[str | None],
        settings: Settings,
        engine: Engine,
        most: int,
        sampling: Callable[[Source], Sampling],
    ) -> None:
        """What it needs to know.

        Parameters
        ----------
        files: None = no file, which ends what is analysed ahead.
        settings, engine: how they are analysed.
        most: files analysed at a time.
        sampling: how a source will be sampled in its turn, as far as it is known before.
        """
        self._sampling = sampling
        self._files, self._settings, self._engine, self._most = files, settings, engine, most
        self._ending = threading.Event()
        self._records: dict[int, Future[list[str] | None]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Advance:
        if self._most > 1:
            folder = self._stack.enter_context(TemporaryDirectory(prefix="face-classifier-"))
            self._root = self._stack.enter_context(Root.made(Path(folder), PRIVATE))
            self._pool = self._stack.enter_context(ThreadPoolExecutor(self._most - 1, thread_name_prefix="advance"))
            self._stack.callback(self._ending.set)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def go_on(self, number: int) -> None:
        """It is the turn of this file: analyse those that come after it."""
        for next_number in range(number + 1, min(number + self._most, len(self._files))):
            path = self._files[next_number]
            if path is None:
                return
            if next_number not in self._records:
                self._records[next_number] = self._pool.submit(self._analyse, next_number, path)

    def _analyse(self, number: int, path: str) -> list[str] | None:
        try:
            with supervised(path):
                return analyse_into(
                    self._root,
                    path,
                    self._settings,
                    self._engine,
                    self._ending,
                    sampling=self._sampling,
                    tell=_refuse,
                    name=lambda chapter: f"{number}-{chapter.number}.record",
                    most=_MOST,
                )
        except (UserError, OSError):
            return None

    def records(self, number: int, stopping: threading.Event, sampling: Sampling) -> WaitingRecords | None:
        """The records of a file, as soon as they are whole; None: it is to be analysed now.

        ``sampling``: that of its turn; records with another one are of no use.
        """
        future = self._records.pop(number, None)
        while future and not wait([future], _TURN).done:
            if stopping.is_set():
                return None
        names = future.result() if future else None
        if not names:
            return None
        with read_record(self._root, names[0]) as (head, _):
            is_so = head.sampling == sampling
        if not is_so:
            for name in names:
                self._root.remove(name)
        return WaitingRecords(self._root, names) if is_so else None


def _refuse(failure: str) -> None:
    raise UserError(failure)
