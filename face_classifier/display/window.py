"""What shows the frames of a run as they come; the live window."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from face_classifier.core.errors import UserError, needing
from face_classifier.core.types import Frame, Image, Seen
from face_classifier.display.overlay import KNOWN, annotate

if TYPE_CHECKING:
    import pygame

_LARGEST = 1280, 720  # pixels across and down that the window has by itself at most
_ADVICE = "run without -d, or on a machine with a screen"
# SDL, which draws it: no greeting, our name for desktops, signals are ours, and the screen may go dark as before.
_VARIABLES = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_VIDEO_X11_WMCLASS": "face-classifier",
    "SDL_VIDEO_WAYLAND_WMCLASS": "face-classifier",
    "SDL_NO_SIGNAL_HANDLERS": "1",
    "SDL_VIDEO_ALLOW_SCREENSAVER": "1",
}
if sys.platform.startswith("linux"):
    _VARIABLES["SDL_VIDEODRIVER"] = "x11,wayland"  # else it draws into nothing where there is no display


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
        _check_display()
        for name, value in _VARIABLES.items():
            os.environ.setdefault(name, value)
        with needing("-d", "window", "run without it"):
            import pygame
        self._stopping = stopping
        self._sources: list[str | None] = [None] * tiles
        self._pictures: list[Image | None] = [None] * tiles
        self._whole: Image | None = None  # what is shown, at its own size
        self._pygame = pygame
        try:
            pygame.display.init()
            self._window = pygame.Window(self._TITLE, _LARGEST, resizable=True, hidden=True)
            icon = np.zeros((32, 32, 3), np.uint8)
            icon[4:28, 4:28], icon[8:24, 8:24] = KNOWN, 0
            self._window.set_icon(self._surface(icon))
        except pygame.error as error:
            raise UserError(f"-d cannot open a window on the display {_display()!r} ({error}); {_ADVICE}") from error

    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        """Shows a frame with its faces, and sets ``stopping`` if `q` was pressed or the window was closed.

        Where no tile is free, a new source takes the first one.
        """
        if self._stopping.is_set():
            return  # it would come up again
        if frame.source not in self._sources:
            self._sources[self._sources.index(None) if None in self._sources else 0] = frame.source
        self._pictures[self._sources.index(frame.source)] = annotate(frame.image, seen)
        first, self._whole = self._whole is None, tiled(self._pictures)
        if first:
            height, width = self._whole.shape[:2]
            shrink = min(1.0, _LARGEST[0] / width, _LARGEST[1] / height)
            self._window.size = max(1, int(width * shrink)), max(1, int(height * shrink))
            self._window.position = self._pygame.WINDOWPOS_CENTERED
            self._window.show()
        self._draw()
        self.attend()

    def remove(self, source: str) -> None:
        """A source shows no more frames; its latest picture stays until another source shows one."""
        if source in self._sources:
            self._sources[self._sources.index(source)] = None

    def attend(self) -> None:
        """Let the window redraw itself, and see whether the user wants to end; to be called often."""
        pygame = self._pygame
        for event in pygame.event.get():
            pressed_q = event.type == pygame.KEYDOWN and event.key == pygame.K_q
            if pressed_q or event.type in (pygame.QUIT, pygame.WINDOWCLOSE):
                self._stopping.set()
            elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWSIZECHANGED):
                self._draw()

    def _draw(self) -> None:
        """Fills the window with what is shown, as large as its shape allows, on black."""
        if self._whole is None:
            return
        surface = self._window.get_surface()
        surface.fill("black")
        (width, height), (rows, columns) = surface.get_size(), self._whole.shape[:2]
        factor = min(width / columns, height / rows)
        size = max(1, round(columns * factor)), max(1, round(rows * factor))
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        drawn = self._whole if factor == 1 else cv2.resize(self._whole, size, interpolation=how)
        surface.blit(self._surface(drawn), ((width - size[0]) // 2, (height - size[1]) // 2))
        self._window.flip()

    def _surface(self, picture: Image) -> pygame.Surface:
        height, width = picture.shape[:2]
        return self._pygame.image.frombuffer(np.ascontiguousarray(picture).data, (width, height), "BGR")

    def close(self) -> None:
        """Closes it for good."""
        self._window.destroy()
        self._pygame.display.quit()


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


def _check_display() -> None:
    """Raises UserError where there is certainly no display."""
    if sys.platform.startswith("linux") and not _display():
        raise UserError(f"-d needs a display, but neither DISPLAY nor WAYLAND_DISPLAY is set; {_ADVICE}")


def _display() -> str:
    return os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or ""
