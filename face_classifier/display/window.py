"""What shows the frames of a run as they come; the live window."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame, Image, Seen
from face_classifier.display.overlay import annotate

_LARGEST = 1280, 720  # pixels across and down that the window has by itself at most


class Viewer(Protocol):
    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        """Shows a frame with its faces."""

    def flush(self) -> None:
        """Writes what is left to write of the frames shown. Raises DiskError; then call it again later."""

    def close(self) -> None: ...


class Window:
    """A live window with a tile for each source that shows frames; `q` or closing it sets ``stopping``.

    Only the thread that made it may use it.
    """

    _TITLE = "Face Classifier"

    def __init__(self, stopping: threading.Event, tiles: int = 1) -> None:
        """``tiles``: how many sources show frames at a time. Raises UserError where no window can be opened."""
        check_display()
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")  # it complains of fonts that it does not need
        self._stopping = stopping
        self._sources: list[str | None] = [None] * tiles
        self._pictures: list[Image | None] = [None] * tiles
        cv2.namedWindow(self._TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._sized = False  # once for all: Qt leaves a window black that is sized anew

    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        """Shows a frame with its faces, and sets ``stopping`` if `q` was pressed or the window was closed.

        Where no tile is free, a new source takes the first one.
        """
        if self._stopping.is_set():
            return  # it would come up again
        if frame.source not in self._sources:
            self._sources[self._sources.index(None) if None in self._sources else 0] = frame.source
        self._pictures[self._sources.index(frame.source)] = annotate(frame.image, seen)
        picture = tiled(self._pictures)
        if not self._sized:
            height, width = picture.shape[:2]
            shrink = min(1.0, _LARGEST[0] / width, _LARGEST[1] / height)
            cv2.resizeWindow(self._TITLE, max(1, int(width * shrink)), max(1, int(height * shrink)))
            self._sized = True
        cv2.imshow(self._TITLE, picture)
        self.attend()

    def remove(self, source: str) -> None:
        """A source shows no more frames; its latest picture stays until another source shows one."""
        if source in self._sources:
            self._sources[self._sources.index(source)] = None

    def attend(self) -> None:
        """Let the window redraw itself, and see whether the user wants to end; to be called often."""
        pressed = cv2.waitKey(1) & 0xFF
        if pressed == ord("q") or self._is_closed():
            self._stopping.set()

    def _is_closed(self) -> bool:
        try:
            return cv2.getWindowProperty(self._TITLE, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # with its last window Qt forgets that it had any
            return True

    def close(self) -> None:
        cv2.destroyAllWindows()


def tiled(pictures: Sequence[Image | None]) -> Image:
    """Pictures (height, width, 3) side by side in rows; one alone stays as it is, of several each fills a tile.

    None: a tile that is still black.
    """
    if len(pictures) == 1 and pictures[0] is not None:
        return pictures[0]
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    width, height = _LARGEST[0] // columns, _LARGEST[1] // columns
    whole = np.zeros((rows * height, columns * width, 3), np.uint8)
    for number, picture in enumerate(pictures):
        if picture is None:
            continue
        factor = min(width / picture.shape[1], height / picture.shape[0])
        size = max(1, int(picture.shape[1] * factor)), max(1, int(picture.shape[0] * factor))
        top, left = number // columns * height, number % columns * width
        top, left = top + (height - size[1]) // 2, left + (width - size[0]) // 2
        smaller = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        whole[top : top + size[1], left : left + size[0]] = smaller
    return whole


def check_display() -> None:
    """Raises UserError if no window can be opened. Another process tries it, since OpenCV would abort this one."""
    advice = "run without -d, or on a machine with a screen"
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError(f"-d needs a display, but neither DISPLAY nor WAYLAND_DISPLAY is set; {advice}")
    trial = "import cv2; cv2.namedWindow('trial'); cv2.destroyAllWindows()"
    try:
        done = (
            subprocess.run([sys.executable, "-c", trial], capture_output=True, timeout=30, check=False).returncode == 0
        )
    except subprocess.TimeoutExpired:
        done = False
    if not done:
        raise UserError(f"-d cannot open a window on the display {os.environ.get('DISPLAY', '')!r}; {advice}")
