"""A video file, decoded by OpenCV's ffmpeg, becomes a stream of Frames."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from functools import cached_property

import cv2

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.core.words import counted
from face_classifier.sources.base import SAME_TIME, File, Grid, Sampling, check_size, frame_duration
from face_classifier.sources.capture import Capture, not_a_video
from face_classifier.sources.formats.containers import creation_time, is_cut_off, lacks_index
from face_classifier.sources.formats.kinds import head_of, is_seekable, is_text, may_jump
from face_classifier.sources.formats.streams import video_streams

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    ".264 .265 .3g2 .3gp .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .ivf .m2ts .m2v .m4v .mjpeg .mjpg .mkv "
    ".mov .mp4 .mpe .mpeg .mpg .mts .mxf .ogv .rm .rmvb .ts .vob .webm .wmv .wtv .y4m".split()
)

_LONGEST = 10 * 365 * 86400.0  # seconds: a position beyond ten years is noise
_SEEK_FROM = 10.0  # seconds: below, decoding costs little and keeps the frames' numbers
_JUMP = 10.0  # seconds: a larger step of a clock that may jump is a jump, as for ffmpeg's -dts_delta_threshold
# Bits a second: what would be less was measured with a clock that jumped. 25 h for 12 s of video are 110.
_FEWEST_BITS = 1000.0
_CONSTANT = 0.9  # of the steps from frame to frame must be one frame long for a constant rate
_SEEK_AHEAD = 2.0  # seconds before the wanted time: leaves room for landing late, and for the decoder to settle


class Clock:
    """Positions of successive frames, always rising, in seconds, from the times a container tells.

    A time that does not rise is not a time (raw streams say 0 for ever, some AVIs for the last frame): such a frame
    comes one frame's duration after the one before. So does one after a jump, and the following ones go on from there.
    """

    def __init__(self, step: float, jump: float = math.inf) -> None:
        """``step``: seconds a frame; ``jump``: seconds from which a step of the clock, either way, is none of time."""
        self._step, self._jump = step, jump
        self._last: float | None = None
        self._behind = 0.0  # seconds that the container's clock is ahead of the position

    def position(self, container_time: float) -> float:
        """The position of the next frame in seconds, from what the container tells: seconds, or NaN."""
        last = -self._step if self._last is None else self._last
        now = container_time - self._behind
        if self._last is not None and abs(now - last) > self._jump and abs(container_time) < _LONGEST:
            now = last + self._step
            self._behind = container_time - now
        usable = max(last, -SAME_TIME) < now < _LONGEST  # False for NaN
        self._last = max(now, 0.0) if usable else last + self._step
        return self._last


class _Lack:
    """Counts the frames that a container lacks which drops damaged ones: transport streams.

    It shows in the positions of the others, as far as the frame rate is constant.
    """

    def __init__(self, step: float) -> None:
        """``step``: seconds a frame."""
        self._step = step
        self._first = self._last = 0.0
        self._frames = self._regular = 0

    def add(self, position: float) -> None:
        """The position of the next frame in seconds."""
        if not self._frames:
            self._first = self._last = position
        self._regular += abs((position - self._last) / self._step - 1) < 0.25
        self._last = position
        self._frames += 1

    def missing(self) -> int:
        if self._regular < _CONSTANT * (self._frames - 1):
            return 0
        return max(0, round((self._last - self._first) / self._step) + 1 - self._frames)


class VideoFile(File):
    """A video file, decoded by OpenCV's ffmpeg; an animated GIF is one too.

    Several video streams give their frames one after the other, each from position 0 on; the fingerprint of the second
    stream's frames ends with ``#2``, and so on. ``frames`` begins anew at every call. Raises UserError if no frame of
    the first stream can be decoded.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._head = head_of(path)
        if is_text(self._head):
            raise UserError(f"{path} is a text or a playlist and no video; give the videos or pictures themselves")
        self._streams = video_streams(path, self._head)
        self._notes: list[str] = []
        try:
            capture = self._open()
        except UserError as error:
            raise (_incomplete(path) if lacks_index(path, self._head) else error) from error
        try:
            width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
            check_size(path, width, height)
            if not capture.grab() or capture.retrieve() is None:
                raise not_a_video(path)
            fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        finally:
            capture.close()
        self._step = frame_duration(fps)
        logger.debug("%s: %g x %g pixels, %d frames, %d video streams", path, width, height, count, len(self._streams))
        if math.isfinite(count) and 0 < count * self._step < _LONGEST:
            self.duration = self._if_possible(count * self._step)

    def _if_possible(self, duration: float) -> float | None:
        return duration if self._path.stat().st_size * 8 >= _FEWEST_BITS * duration else None

    @cached_property
    def start(self) -> datetime:
        """When the clip begins, UTC: the creation time in its container, else its modification less its duration.

        A recorder writes last when it ends.
        """
        return creation_time(self._path) or self._modified() - timedelta(seconds=self._length())

    def _length(self) -> float:
        """Seconds; what the container tells, but not where its clock may jump or it tells nothing."""
        if self.duration is not None and not may_jump(self._head):
            return self.duration
        clock, last = Clock(self._step, self._jump), 0.0
        with suppress(UserError), closing(Capture(self.name, decoding=False)) as capture:
            while capture.grab():
                last = max(last, clock.position(capture.position()))
        return last

    @property
    def _jump(self) -> float:
        return _JUMP if may_jump(self._head) else math.inf

    def notes(self) -> list[str]:
        """What to tell about the frames so far: streams and frames that were not read, a missing end."""
        notes = list(self._notes)
        unread = sum(not stream.hidden for stream in self._streams[:-1])
        if unread:
            notes.append(
                f"{self.name} has {unread + 1} video streams, of which only the first is read; save the others as "
                "videos of their own"
            )
        if is_cut_off(self.name, self._head):
            notes.append(f"{self.name} is cut off: its end is missing; copy it anew if there is a whole one")
        return notes

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yields the sampled frames in order; a damaged file gives the frames that it has.

        A position is the presentation time in the container, which holds for variable frame rates, too; where there is
        none, it is index / fps (25 where that is missing too). ``Frame.index`` is None after a seek.

        Parameters
        ----------
        sampling : which frames
        start : aware, UTC; ``Frame.time`` is this plus the position
        stopping : ends it within one frame
        between : for cameras

        Raises
        ------
        UserError : the file cannot be read any more, or takes too long
        """
        self._notes = []
        yield from self._frames_of(0, sampling, start, stopping)
        for number, stream in enumerate(self._streams[1:], 1):
            if stream.hidden and not stopping.is_set():
                try:
                    yield from self._frames_of(number, sampling, start, stopping)
                except UserError as error:
                    logger.debug("%s: video stream %d: %s", self.name, number + 1, error)
                    self._notes.append(
                        f"video stream {number + 1} of {self.name} cannot be read; save it as a video of its own if it "
                        "plays elsewhere"
                    )

    def _frames_of(
        self, number: int, sampling: Sampling, start: datetime, stopping: threading.Event
    ) -> Iterator[Frame]:
        grid, clock = Grid(sampling), Clock(self._step, self._jump if sampling.bridged else math.inf)
        lack = _Lack(self._step)
        fingerprint = f"{self.fingerprint}#{number + 1}" if number else self.fingerprint
        capture, index = self._open_near(sampling.skip, number)
        try:
            while not stopping.is_set() and capture.grab(stopping):
                position = clock.position(capture.position())
                lack.add(position)
                if sampling.ends_before(position):
                    return
                if grid.due(position) and (image := capture.retrieve()) is not None:
                    grid.advance(position)
                    when = start + timedelta(seconds=position)
                    yield Frame(image, self.name, fingerprint, index, position, self._step / 2, when)
                index = None if index is None else index + 1
            if number and index == 0 and not stopping.is_set():
                raise not_a_video(self.name)
        finally:
            capture.close()
            if lost := capture.lost + (lack.missing() if may_jump(self._head) else 0):
                self._notes.append(
                    f"{counted(lost, 'frame')} of {self.name} could not be decoded; copy it anew if there is a "
                    "whole one"
                )

    def _open(self, number: int = 0) -> Capture:
        """A video stream, by hiding all others from OpenCV, which takes the first that it meets."""
        others = [stream for place, stream in enumerate(self._streams) if place != number] if number else []
        capture = Capture(self.name, others)
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        return capture

    def _open_near(self, skip: float, number: int) -> tuple[Capture, int | None]:
        """Return the video before or at ``skip`` seconds and the index of the next frame, None if not known.

        Only MP4, QuickTime and Matroska are sought. Of 135 seeks in 27 such clips (B-frames, open GOPs, intra refresh,
        variable rates, edit lists, fragments) every one landed on the picture of the time that it told, one of them
        late. In GIF, AVI, MPEG and transport streams OpenCV lands late, by a frame up to many seconds. The landing is
        checked none the less, and a late one is undone.
        """
        capture = self._open(number)
        if skip < _SEEK_FROM or not is_seekable(self._head):
            return capture, 0
        if capture.set(cv2.CAP_PROP_POS_MSEC, (skip - _SEEK_AHEAD) * 1000) and capture.grab():
            landed = capture.position()
            logger.debug("%s: sought %g s, landed at %g s", self.name, skip - _SEEK_AHEAD, landed)
            if 0 < landed < skip - SAME_TIME:
                return capture, None
        capture.close()
        return self._open(number), 0


def _incomplete(path: str) -> UserError:
    return UserError(
        f"{path} is incomplete: the recording was cut off before its index (moov) was written, without which no "
        "frame can be found; copy it anew, or repair it with a tool for that"
    )
