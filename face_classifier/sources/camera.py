"""A camera becomes a stream of Frames, of which the newest counts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, Protocol

import cv2

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame, Image
from face_classifier.sources.base import Grid, Sampling, frame_duration

logger = logging.getLogger(__name__)

_CAMERA_PATIENCE = 2.0  # seconds without a picture until a camera counts as gone
_CAMERA_RETRY = 0.05  # seconds
_LOOK_UP = 0.1  # seconds between two looks at ``stopping`` while a camera is silent


class Device(Protocol):
    """What a Camera needs of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool: ...  # noqa: N802
    def read(self) -> tuple[bool, Any]: ...
    def get(self, propId: int, /) -> float: ...  # noqa: N803
    def release(self) -> None: ...


@dataclass(frozen=True, eq=False)
class _Shot:
    image: Image
    index: int
    position: float  # monotonic seconds since the camera was opened
    time: datetime


class Camera:
    """A camera by its number. A thread of its own keeps the newest picture, so that slow analysis never sees old ones.

    ``dropped`` counts the pictures that were replaced before anybody took them. Use it in a ``with`` statement: the
    thread is no daemon and ends with ``close``. Raises UserError if there is no such camera.
    """

    live = True
    fingerprint = None  # a live source never repeats
    duration = None

    def __init__(self, number: int, open_device: Callable[[int], Device] = cv2.VideoCapture) -> None:
        self.name = f"camera {number}"
        self.dropped = 0
        self._device = self._open(number, open_device)
        self._tolerance = frame_duration(self._device.get(cv2.CAP_PROP_FPS)) / 2
        self.start = datetime.now(timezone.utc)
        self._opened = time.monotonic()
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._newest: _Shot | None = None
        self._taken = -1  # index of the newest picture handed out
        self._error: BaseException | None = None
        self._reader: threading.Thread | None = None
        logger.debug("%s is open; it tells %g pictures a second", self.name, self._device.get(cv2.CAP_PROP_FPS))

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yields the newest picture whenever one is due. Pictures that nobody took in time are dropped.

        Positions are monotonic seconds since the camera was opened. ``Frame.time`` is the wall clock (UTC) at which
        the picture came.

        Parameters
        ----------
        sampling : which frames
        start : does not matter
        stopping : ends it within a tenth of a second
        between : yield the frames between as well, with ``due=False``

        Raises
        ------
        UserError : no picture came for 2 seconds
        """
        self._start_reading()
        grid = Grid(sampling)
        while not stopping.is_set() and not sampling.ends_before(time.monotonic() - self._opened):
            shot = self._take()
            if shot is None:
                continue
            if sampling.ends_before(shot.position):
                return
            due = grid.due(shot.position)
            if due:
                grid.advance(shot.position)
            if due or between:
                yield Frame(
                    shot.image,
                    self.name,
                    None,
                    shot.index,
                    shot.position,
                    self._tolerance,
                    shot.time,
                    due,
                    arrived=self._opened + shot.position,
                )

    def notes(self) -> list[str]:
        """None: what a camera does not show is not known."""
        return []

    def close(self) -> None:
        """Ends the thread and frees the camera. Raises what ended the thread, unless ``frames`` has raised it."""
        self._closing.set()
        if self._reader is not None:
            self._reader.join()
        self._device.release()
        logger.debug("%s is closed; %d pictures were replaced before anybody took them", self.name, self.dropped)
        self._raise_error()

    def __enter__(self) -> Camera:
        self._start_reading()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self.close()
        except BaseException:
            if error is None:
                raise

    def _open(self, number: int, open_device: Callable[[int], Device]) -> Device:
        missing = UserError(
            f"{self.name} cannot be opened; check that it is plugged in and no other program uses it, or give another "
            f"number (0 is the first), or ./{number} if you mean a file"
        )
        try:
            device = open_device(number)
        except (cv2.error, OverflowError) as error:
            raise missing from error
        if not device.isOpened():
            device.release()
            raise missing
        return device

    def _start_reading(self) -> None:
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name=self.name)
            self._reader.start()

    def _read(self) -> None:
        try:
            self._read_on()
        except BaseException as error:  # handed to whoever waits for a picture
            logger.debug("%s ends", self.name, exc_info=True)
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _read_on(self) -> None:
        index, alive, silent = 0, time.monotonic(), False
        while not self._closing.is_set():
            good, image = self._device.read()
            now = time.monotonic()
            if good == silent:
                silent = not good
                logger.debug("%s %s", self.name, "sends no picture" if silent else "sends pictures")
            if good:
                self._keep(_Shot(image, index, now - self._opened, datetime.now(timezone.utc)))
                index, alive = index + 1, now
            elif now - alive < _CAMERA_PATIENCE:
                self._closing.wait(_CAMERA_RETRY)
            else:
                raise UserError(f"{self.name} sends no pictures any more; check its cable and start again")

    def _keep(self, shot: _Shot) -> None:
        with self._changed:
            if self._newest is not None and self._newest.index > self._taken:
                self.dropped += 1
            self._newest = shot
            self._changed.notify_all()

    def _take(self) -> _Shot | None:
        """A picture that nobody has had yet; None if there is none within a tenth of a second."""

        def new() -> bool:
            return self._newest is not None and self._newest.index > self._taken

        with self._changed:
            self._changed.wait_for(lambda: new() or self._error is not None, _LOOK_UP)
            if not new():
                self._raise_error()
                return None
            assert self._newest is not None
            self._taken = self._newest.index
            return self._newest

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
