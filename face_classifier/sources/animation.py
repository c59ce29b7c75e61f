"""An animated WebP becomes a stream of Frames. Pillow decodes it; FFmpeg does so only from OpenCV 5.1 on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from PIL import Image as Pillow

from face_classifier.core.types import Frame, Image
from face_classifier.sources.base import File, Grid, Sampling, check_bytes, check_size, unreadable
from face_classifier.sources.capture import not_a_video
from face_classifier.sources.pixels import pixels_of

logger = logging.getLogger(__name__)

_UNTOLD = 0.1  # seconds of a picture for which none are told, as browsers have it


class Animation(File):
    """An animated WebP. Raises UserError if its first picture cannot be read."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._damaged_from: int | None = None  # the number of the first frame that cannot be read
        with self._opened() as animation:
            try:
                animation.load()
            except Exception as error:
                raise not_a_video(path) from error

    @property
    def start(self) -> datetime:
        """When it was last changed, UTC: the format tells no time."""
        return self._modified()

    def notes(self) -> list[str]:
        """What to tell about the frames so far: a part that was not read."""
        if self._damaged_from is None:
            return []
        place = f"from frame {self._damaged_from + 1} on"
        return [f"{self.name} could not be decoded {place}; copy it again if you have an intact one"]

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yields the sampled frames in order; a damaged file gives those before the damage.

        Parameters
        ----------
        sampling : which frames
        start : aware, UTC; ``Frame.time`` is this plus the position
        stopping : ends it within one frame
        between : for cameras

        Raises
        ------
        UserError : the file cannot be read any more
        """
        grid, position = Grid(sampling), 0.0
        self._damaged_from = None
        with self._opened() as animation:
            for index in range(getattr(animation, "n_frames", 1)):
                found = self._decoded(animation, index)
                if stopping.is_set() or found is None or sampling.ends_before(position):
                    return
                image, seconds = found
                if grid.due(position):
                    grid.advance(position)
                    when = start + timedelta(seconds=position)
                    yield Frame(image, self.name, self.fingerprint, index, position, seconds / 2, when)
                position += seconds

    def _decoded(self, animation: Pillow.Image, index: int) -> tuple[Image, float] | None:
        """A picture, and the seconds for which it is shown; None: here the damage begins."""
        try:
            animation.seek(index)
            image = pixels_of(animation, 1).image
        except Exception as error:  # hostile bytes make Pillow's readers raise nearly anything
            logger.debug("%s: frame %d: %s", self.name, index, error)
            self._damaged_from = index
            return None
        return image, animation.info.get("duration", 0) / 1000 or _UNTOLD

    @contextmanager
    def _opened(self) -> Iterator[Pillow.Image]:
        check_bytes(self._path)
        try:
            animation = Pillow.open(self._path, formats=["WEBP"])
        except Exception as error:
            if isinstance(error, OSError) and error.errno:
                raise unreadable(self.name, error) from error
            raise not_a_video(self.name) from error
        with animation:
            check_size(self.name, *animation.size)
            yield animation
