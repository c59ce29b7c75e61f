"""What shows the frames of a run as they come; the live window."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

import cv2

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame, Seen
from face_classifier.display.overlay import annotate


class Viewer(Protocol):
    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        """Shows a frame with its faces."""

    def flush(self) -> None:
        """Writes what is left to write of the frames shown. Raises DiskError; then call it again later."""

    def close(self) -> None: ...


class Window:
    """A live window; `q` or closing it sets ``stopping``."""

    _TITLE = "Face Classifier"

    def __init__(self, stopping: threading.Event) -> None:
        """Opens the window. Raises UserError if that cannot be done."""
        check_display()
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")  # it complains of fonts that it does not need
        self._stopping = stopping
        cv2.namedWindow(self._TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._sized = False

    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        """Shows a frame with its faces, and sets ``stopping`` if `q` was pressed or the window was closed."""
        if self._stopping.is_set():
            return  # it would come up again
        if not self._sized:
            height, width = frame.image.shape[:2]
            shrink = min(1.0, 1280 / width, 720 / height)
            cv2.resizeWindow(self._TITLE, max(1, int(width * shrink)), max(1, int(height * shrink)))
            self._sized = True
        cv2.imshow(self._TITLE, annotate(frame.image, seen))
        pressed = cv2.waitKey(1) & 0xFF
        if pressed == ord("q") or self._is_closed():
            self._stopping.set()

    def flush(self) -> None:
        """A window writes nothing."""

    def _is_closed(self) -> bool:
        try:
            return cv2.getWindowProperty(self._TITLE, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # with its last window Qt forgets that it had any
            return True

    def close(self) -> None:
        cv2.destroyAllWindows()


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
