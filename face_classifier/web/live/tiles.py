"""Pictures of cameras for open tabs: each is drawn and encoded once for all, and only while somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, thread_time
from typing import Literal

from face_classifier.core.disk.files import jpeg_bytes
from face_classifier.display.overlay import annotate_within
from face_classifier.web.live.watching import Watching

Size = Literal["small", "large"]
WIDTHS: Mapping[Size, int] = {"small": 480, "large": 1280}  # pixels, of a picture that is at least as wide
FRESH = 10.0  # seconds for which a picture may be shown as what a camera sees
_EVERY: Mapping[Size, float] = {"small": 0.25, "large": 0.1}  # seconds between two tiles of one camera at least
_QUALITY = 80  # of JPEG: faces of 40 pixels look as in the picture, at half the bytes of 95

Want = tuple[str, Size]  # a camera, and how large


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture of a camera as tabs show it."""

    camera: str
    size: Size
    number: int  # counts up, of one camera
    arrived: float  # `time.monotonic()` when the camera sent it
    jpeg: bytes

    @property
    def age(self) -> float:
        """Seconds since the camera sent it."""
        return max(0.0, monotonic() - self.arrived)


class Viewer:
    """What one tab looks at."""

    def __init__(self, tiles: Tiles, wake: Callable[[], None]) -> None:
        """Use `Tiles.viewing`."""
        self.wants: frozenset[Want] = frozenset()
        self.wake = wake
        self._tiles = tiles
        self._had: dict[Want, int] = {}

    def want(self, wants: Collection[Want]) -> None:
        """Look at these cameras from now on, and at no other; none: a tab that is hidden."""
        self._had = {want: number for want, number in self._had.items() if want in wants}
        self._tiles.change(self, frozenset(wants))

    def next(self) -> Tile | None:
        """The newest tile of a camera that it did not get yet; of several the one that is shown for longest."""
        new = [
            tile for tile in self._tiles.newest(self.wants) if tile.number > self._had.get((tile.camera, tile.size), 0)
        ]
        tile = min(new, key=lambda tile: tile.arrived, default=None)
        if tile:
            self._had[tile.camera, tile.size] = tile.number
        return tile


class Tiles:
    """Draws what viewers want, in a thread that lives as long as somebody wants something."""

    def __init__(self, watching: Watching) -> None:
        self._watching = watching
        self._changed = threading.Condition()
        self._viewers: tuple[Viewer, ...] = ()
        self._tiles: dict[Want, Tile] = {}  # the newest ones that are wanted
        self._new: set[Want] = set()  # which are to be drawn
        self._due: dict[Want, float] = {}  # monotonic: not before
        self._thread: threading.Thread | None = None
        self.drawn, self.seconds = 0, 0.0  # how many tiles were, and the seconds of CPU that took

    @contextmanager
    def viewing(self, wake: Callable[[], None]) -> Iterator[Viewer]:
        """Gives a viewer. ``wake`` is called when a tile that it wants is new; it must not block."""
        viewer = Viewer(self, wake)
        try:
            yield viewer
        finally:
            self.change(viewer, frozenset())

    def change(self, viewer: Viewer, wants: frozenset[Want]) -> None:
        """Have a viewer want other tiles."""
        with self._changed:
            viewer.wants = wants
            self._viewers = (*(other for other in self._viewers if other is not viewer), *([viewer] if wants else []))
            wanted = self._wanted()
            self._tiles = {want: tile for want, tile in self._tiles.items() if want in wanted}
            self._due = {want: due for want, due in self._due.items() if want in wanted}
            self._new = (self._new | wants) & wanted
            self._changed.notify()
            if wanted and self._thread is None:
                self._thread = threading.Thread(target=self._draw_all, name="live tiles", daemon=True)
                self._thread.start()

    def newest(self, wants: Collection[Want]) -> list[Tile]:
        """The newest tiles of these that may be shown still."""
        with self._changed:
            found = [self._tiles[want] for want in wants if want in self._tiles]
        return [tile for tile in found if tile.age <= FRESH]

    def _wanted(self) -> set[Want]:
        return {want for viewer in self._viewers for want in viewer.wants}

    def _hear(self, camera: str) -> None:
        """A camera has a new scene; called in its thread."""
        with self._changed:
            self._new |= {want for want in self._wanted() if want[0] == camera}
            self._changed.notify()

    def _draw_all(self) -> None:
        """What the thread does."""
        try:
            with self._watching.seeing(self._hear):
                self._draw_wanted()
        except BaseException:
            with self._changed:
                self._thread = None  # the next tab that looks begins another one
            raise

    def _draw_wanted(self) -> None:
        """Draw, one after the other, until nobody wants any more."""
        while (want := self._next()) is not None:
            began = thread_time()
            tile = self._draw(*want)
            self.seconds += thread_time() - began
            if tile is None:
                continue
            with self._changed:
                if want not in self._wanted():
                    continue
                self._tiles[want] = tile
                viewers = [viewer for viewer in self._viewers if want in viewer.wants]
            for viewer in viewers:
                viewer.wake()

    def _next(self) -> Want | None:
        """The next one to draw, as soon as it is due; None: nobody wants any more, and the thread is to end."""
        with self._changed:
            while self._viewers:
                now = monotonic()
                want = min(self._new, key=lambda want: self._due.get(want, 0.0), default=None)
                if want is not None and self._due.get(want, 0.0) <= now:
                    self._new.discard(want)
                    self._due[want] = now + _EVERY[want[1]]
                    return want
                self._changed.wait(None if want is None else self._due[want] - now)
            self._thread = None
            return None

    def _draw(self, camera: str, size: Size) -> Tile | None:
        """A tile of what a camera sees; None: it is the one that is there, or is too old to be shown."""
        scene, before = self._watching.scene(camera), self._tiles.get((camera, size))
        if scene is None or scene.age > FRESH or (before and before.arrived == scene.arrived):
            return None
        self.drawn += 1
        jpeg = jpeg_bytes(annotate_within(scene.image, scene.seen, WIDTHS[size]), _QUALITY)
        return Tile(camera, size, self.drawn, scene.arrived, jpeg)
