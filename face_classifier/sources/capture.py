"""A video file's content as OpenCV's ffmpeg decodes it: by itself, within bounds, quietly."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# -8 is ffmpeg's AV_LOG_QUIET. OpenCV reads it when it opens its first video, so it works although cv2 may be loaded.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.sources.base import unreadable
from face_classifier.sources.formats.streams import VideoStream

if "OPENCV_LOG_LEVEL" not in os.environ:  # its own complaints would stand between the user and our sentence
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

# Times that OpenCV may fail to grab a frame, none of them reading on, before the file is at its end: behind a damaged
# frame it goes on when asked again, and of what it reads at once (some kilobytes) several frames may be damaged.
_FAILURES = 50
_PATIENCE = 8.0  # seconds of a processor for reading up to the next frame


class Content(io.BufferedIOBase):
    """The content of a file, which ffmpeg reads through here: it never learns a name.

    An error must not leave `read` and `seek`, which OpenCV calls: it would end the process. `check` raises it.
    """

    def __init__(self, path: str, hidden: Sequence[VideoStream] = ()) -> None:
        """``hidden``: the streams that it is to pass over."""
        self._path = path
        self._error: OSError | None = None
        self._is_too_long = False  # reading up to the next frame; then the file ends here
        self.bytes_read = 0
        self.be_patient()
        self._hidden = hidden
        self._file = open(path, "rb")  # noqa: SIM115

    def be_patient(self) -> None:
        """From now on, this thread may read for a while. Some of ffmpeg's readers can be led around in circles."""
        self._until = time.thread_time() + _PATIENCE

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._until:
            self._is_too_long = True
            return b""
        try:
            begin = self._file.tell() if self._hidden else 0
            data = self._file.read(size)
        except OSError as error:
            self._error = error
            return b""
        self.bytes_read += len(data)
        for stream in self._hidden:
            data = _overlaid(data, stream.at - begin, stream.hidden)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):  # before the beginning, where a damaged container may lead
            return -1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def check(self) -> None:
        """Raises UserError if it could not be read so far, or took too long."""
        if self._is_too_long:
            raise UserError(f"{self._path} takes too long to read; convert it to MP4 if it plays elsewhere")
        if self._error:
            raise unreadable(self._path, self._error)

    def close(self) -> None:
        self._file.close()
        super().close()


def _overlaid(data: bytes, at: int, other: bytes) -> bytes:
    """The data with other bytes from a place on, which may lie outside, wholly or in part."""
    begin, end = max(at, 0), min(at + len(other), len(data))
    return data[:begin] + other[begin - at : end - at] + data[end:] if begin < end else data


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


class Capture:
    """OpenCV's capture of a file's content. Raises UserError if it is no video or cannot be read."""

    def __init__(self, path: str, hidden: Sequence[VideoStream] = (), *, decoding: bool = True) -> None:
        """Opens a file.

        Parameters
        ----------
        path : of the file
        hidden : streams to pass over, so that OpenCV takes the first other one
        decoding : False grabs frames without decoding them, in the order in which they are stored
        """
        self._path, self._content = path, Content(path, hidden)
        self.lost = 0  # frames that could not be decoded
        self._is_back = False
        try:
            content: Any = self._content  # OpenCV's stubs do not know that it takes Python's streams
            with _by_itself():
                parameters = [] if decoding else [cv2.CAP_PROP_FORMAT, -1]
                self._capture = cv2.VideoCapture(content, cv2.CAP_FFMPEG, parameters)
            self._content.check()
            if not self._capture.isOpened():
                raise not_a_video(path)
        except cv2.error as error:
            self._content.close()
            raise not_a_video(path) from error
        except BaseException:
            self._content.close()
            raise

    def get(self, what: int) -> float:
        return self._capture.get(what)

    def set(self, what: int, value: float) -> bool:
        self._content.be_patient()
        return self._capture.set(what, value)

    def grab(self, stopping: threading.Event | None = None) -> bool:
        """Go on to the next frame that can be decoded. False at the end, and when ``stopping`` is set."""
        if self._is_back:
            self._is_back = False
            return True
        failed, idle, read = 0, 0, self._content.bytes_read
        while not (stopping and stopping.is_set()):
            self._content.be_patient()
            grabbed = self._capture.grab()
            self._content.check()
            if grabbed:
                self.lost += failed
                return True
            failed, idle = failed + 1, idle + 1
            if self._content.bytes_read > read:
                self.lost += failed - 1
                failed, idle, read = 1, 0, self._content.bytes_read
            elif idle >= _FAILURES:
                return False
        return False

    def put_back(self) -> None:
        """The frame that was grabbed is the next one again."""
        self._is_back = True

    def position(self) -> float:
        """Seconds, by the container's clock."""
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000

    def retrieve(self) -> Image | None:
        """Decode the grabbed frame; None if it cannot be."""
        try:
            good, image = self._capture.retrieve()
        except cv2.error:
            good, image = False, None
        if not good or image is None:
            self.lost += 1
            return None
        return np.ascontiguousarray(image, np.uint8)

    def close(self) -> None:
        self._capture.release()
        self._content.close()


def not_a_video(path: str) -> UserError:
    return UserError(
        f"{path} is not a video that can be read; give a video or picture, or convert it to MP4 if it plays elsewhere"
    )
