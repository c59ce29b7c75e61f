"""A video file, decoded by OpenCV's ffmpeg, becomes a stream of Frames."""

from __future__ import annotations

import io
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

# -8 is ffmpeg's AV_LOG_QUIET. OpenCV reads it when it opens its first video, so it works although cv2 may be loaded.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

from face_classifier.containers import creation_time, head_of, is_seekable, is_text
from face_classifier.errors import UserError
from face_classifier.faces import Frame, Image
from face_classifier.source import SAME_TIME, File, Grid, Sampling, check_size, frame_duration, unreadable

if "OPENCV_LOG_LEVEL" not in os.environ:  # its own complaints would stand between the user and our sentence
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


VIDEO_SUFFIXES = frozenset(
    ".264 .265 .3g2 .3gp .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .m2ts .m2v .m4v .mkv .mov .mp4 .mpe "
    ".mpeg .mpg .mts .mxf .ogv .ts .vob .webm .wmv .y4m".split()
)


_LONGEST = 10 * 365 * 86400.0  # seconds: a position beyond ten years is noise


_SEEK_FROM = 10.0  # seconds: below, decoding costs little and keeps the frames' numbers


_SEEK_AHEAD = 2.0  # seconds before the wanted time: leaves room for landing late, and for the decoder to settle


class Clock:
    """Positions of successive frames, always rising, in seconds, from the times a container tells.

    A time that does not rise is not a time (raw streams say 0 for ever, some AVIs for the last frame): such a frame
    comes one frame's duration after the one before.
    """

    def __init__(self, step: float) -> None:
        self._step = step  # seconds a frame
        self._last = -step

    def position(self, told: float) -> float:
        usable = max(self._last, -SAME_TIME) < told < _LONGEST  # False for NaN
        self._last = max(told, 0.0) if usable else self._last + self._step
        return self._last


class _Bytes(io.BufferedIOBase):
    """The content of a file, which ffmpeg reads through here: it never learns a name.

    An error must not leave `read` and `seek`, which OpenCV calls: it would end the process. It is kept in ``error``.
    """

    def __init__(self, path: str) -> None:
        self.error: OSError | None = None
        self._file = open(path, "rb")  # noqa: SIM115

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            self.error = error
            return b""

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):  # before the beginning, where a damaged container may lead
            return -1

    def close(self) -> None:
        self._file.close()
        super().close()


_ENVIRONMENT = threading.Lock()
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"


@contextmanager
def _by_itself() -> Iterator[None]:
    """Within, what OpenCV opens leads to no other file or address: ffmpeg has no protocol to reach it by.

    ffmpeg's demuxers of playlists, of lists of pictures, and of containers with references open what they name. OpenCV
    takes options from the environment alone; those of the program that we may be part of come back afterwards.
    """
    with _ENVIRONMENT:
        before = os.environ.get(_OPTIONS)
        os.environ[_OPTIONS] = "protocol_whitelist;none"
        try:
            yield
        finally:
            if before is None:
                del os.environ[_OPTIONS]
            else:
                os.environ[_OPTIONS] = before


class _Capture:
    """OpenCV's capture of a file's content. Raises UserError where it is no video, and where it cannot be read."""

    def __init__(self, path: str) -> None:
        if is_text(head_of(path)):
            raise UserError(f"{path} is a text or a playlist and no video; give the videos or pictures themselves")
        self._path, self._bytes = path, _Bytes(path)
        try:
            content: Any = self._bytes  # OpenCV's stubs do not know that it takes Python's streams
            with _by_itself():
                self._capture = cv2.VideoCapture(content, cv2.CAP_FFMPEG, [])
            self._check()
            if not self._capture.isOpened():
                raise _not_a_video(path)
        except cv2.error as error:
            self._bytes.close()
            raise _not_a_video(path) from error
        except BaseException:
            self._bytes.close()
            raise
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)

    def get(self, what: int) -> float:
        return self._capture.get(what)

    def set(self, what: int, value: float) -> bool:
        return self._capture.set(what, value)

    def grab(self) -> bool:
        grabbed = self._capture.grab()
        self._check()
        return grabbed

    def retrieve(self) -> tuple[bool, Any]:
        return self._capture.retrieve()

    def release(self) -> None:
        self._capture.release()
        self._bytes.close()

    def _check(self) -> None:
        if self._bytes.error:
            raise unreadable(self._path, self._bytes.error)


class VideoFile(File):
    """A video file, decoded by OpenCV's ffmpeg; an animated GIF is one too.

    Raises UserError when not one frame of it can be decoded. ``frames`` begins anew at every call.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        capture = self._open()
        try:
            width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
            check_size(path, width, height)
            if not capture.grab() or _retrieve(capture) is None:
                raise _not_a_video(path)
            fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        finally:
            capture.release()
        self._step = frame_duration(fps)
        if math.isfinite(count) and 0 < count * self._step < _LONGEST:
            self.duration = count * self._step

    @cached_property
    def start(self) -> datetime:
        """When the clip begins, UTC: the creation time in an MP4 or QuickTime file, else its modification time."""
        return creation_time(self._path) or self._modified()

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yield the sampled frames in order; ``Frame.time`` = ``start`` (aware, UTC) + position.

        A position is the presentation time in the container, so a variable frame rate is right; where the container
        tells none, index / fps (25 where that is missing too). ``Frame.index`` is None after a seek. A damaged file
        gives the frames that it has. ``stopping`` ends it within one frame; ``between`` is for cameras.
        """
        grid = Grid(sampling)
        capture, index = self._open_near(sampling.skip)
        clock = Clock(self._step)
        try:
            while not stopping.is_set() and capture.grab():
                position = clock.position(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
                if sampling.ends_before(position):
                    return
                if grid.due(position) and (image := _retrieve(capture)) is not None:
                    grid.advance(position)
                    when = start + timedelta(seconds=position)
                    yield Frame(image, self.name, self.fingerprint, index, position, self._step / 2, when)
                index = None if index is None else index + 1
        finally:
            capture.release()

    def _open(self) -> _Capture:
        return _Capture(self.name)

    def _open_near(self, skip: float) -> tuple[_Capture, int | None]:
        """Return the video before or at ``skip`` seconds and the index of the next frame, None if not known.

        Only MP4, QuickTime and Matroska are sought. Of 135 seeks in 27 such clips (B-frames, open GOPs, intra refresh,
        variable rates, edit lists, fragments) every one landed on the picture of the time that it told, one of them
        late. In GIF, AVI, MPEG and transport streams OpenCV lands late, by a frame up to many seconds. The landing is
        checked none the less, and a late one is undone.
        """
        capture = self._open()
        if skip < _SEEK_FROM or not is_seekable(head_of(self.name)):
            return capture, 0
        if capture.set(cv2.CAP_PROP_POS_MSEC, (skip - _SEEK_AHEAD) * 1000) and capture.grab():
            landed = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if 0 < landed < skip - SAME_TIME:
                return capture, None
        capture.release()
        return self._open(), 0


def _retrieve(capture: _Capture) -> Image | None:
    """Decode the grabbed frame; None if it cannot be."""
    try:
        good, image = capture.retrieve()
    except cv2.error:
        return None
    if not good or image is None:
        return None
    return np.ascontiguousarray(image, np.uint8)


def _not_a_video(path: str) -> UserError:
    return UserError(
        f"{path} is not a video that can be read; give a video or picture, or convert it to MP4 if it plays elsewhere"
    )
