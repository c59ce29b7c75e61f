"""Where the frames of a run are shown: to viewers in the thread of each source, to the window in the main one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from face_classifier.core.disk.retry import Patience
from face_classifier.core.types import Frame, Seen
from face_classifier.display.window import Viewer, Window

_TURN = 0.05  # seconds between two looks at whether the sources have ended
_WAITING = 2  # frames that may wait for the window


class Stage:
    """Shows frames of several threads. The main thread, to which windows belong, `attends` while sources run."""

    def __init__(
        self, viewers: Sequence[Viewer], window: Window | None, patience: Patience, stopping: threading.Event
    ) -> None:
        """``viewers``: shown to in the thread of each source, one frame at a time."""
        self._viewers, self._window, self._patience, self._stopping = viewers, window, patience, stopping
        self._lock = threading.Lock()  # of the viewers
        self._frames: queue.Queue[tuple[str, Frame | None, Sequence[Seen]]] = queue.Queue(_WAITING)

    @property
    def shows(self) -> bool:
        """Whether anybody sees the frames, so that they are needed as pictures."""
        return bool(self._viewers or self._window)

    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        """A frame with the faces in it; waits for the window where that is slower than the analysis."""
        with self._lock:
            for viewer in self._viewers:
                viewer.show(frame, seen)
        self._put((frame.source, frame, seen))

    def end(self, source: str) -> None:
        """No more frames of this source come."""
        self._put((source, None, ()))

    def _put(self, item: tuple[str, Frame | None, Sequence[Seen]]) -> None:
        while self._window and not self._stopping.is_set():
            try:
                self._frames.put(item, timeout=_TURN)
            except queue.Full:
                continue
            return

    def flush(self) -> None:
        """Write what is still to be written of what was shown, if it may be tried now. Raises DiskError."""
        with self._lock:
            for viewer in self._viewers:
                self._patience.write(viewer.flush)

    def attend(self, sources: Collection[Future[Any]]) -> None:
        """Show what comes until one of these sources has ended at least."""
        if self._window is None:
            wait(sources, return_when=FIRST_COMPLETED)
            return
        while not any(source.done() for source in sources) or not self._frames.empty():
            try:
                name, frame, seen = self._frames.get(timeout=_TURN)
            except queue.Empty:
                self._window.attend()
                continue
            if frame is None:
                self._window.remove(name)
            else:
                self._window.show(frame, seen)
