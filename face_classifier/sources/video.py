"""A video file, decoded by OpenCV's ffmpeg, becomes a stream of Frames."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property

import cv2

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.core.words import counted
from face_classifier.sources.base import SAME_TIME, File, Grid, Sampling, check_size, frame_duration
from face_classifier.sources.capture import Capture, not_a_video
from face_classifier.sources.chapters import WHOLE, Chapter, passed_chapters, sought_chapters
from face_classifier.sources.formats.containers import creation_time, is_cut_off, lacks_index
from face_classifier.sources.formats.kinds import head_of, is_seekable, is_text, may_jump
from face_classifier.sources.formats.streams import VideoStream, video_streams
from face_classifier.sources.packets import frame_times
from face_classifier.sources.reading import LONGEST, Clock, Lack, Reading, last_position

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    ".264 .265 .3g2 .3gp .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .ivf .m2ts .m2v .m4v .mjpeg .mjpg .mkv "
    ".mov .mp4 .mpe .mpeg .mpg .mts .mxf .ogv .rm .rmvb .ts .vob .webm .wmv .wtv .y4m".split()
)

_SEEK_FROM = 10.0  # seconds: below, decoding costs little and keeps the frames' numbers
_JUMP = 10.0  # seconds: a larger step of a clock that may jump is a jump, as for ffmpeg's -dts_delta_threshold
# Bits a second: what would be less was measured with a clock that jumped. 25 h for 12 s of video are 110.
_FEWEST_BITS = 1000.0
_SEEK_AHEAD = 2.0  # seconds before the wanted time: leaves room for landing late, and for the decoder to settle


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
            raise UserError(f"{path} is a text or a playlist, not a video; give the videos or pictures themselves")
        self._streams = video_streams(path, self._head)
        self._notes: dict[int, str] = {}  # by number of the stream
        self._lost = 0  # frames that could not be decoded
        # What a chapter left to the next one: the number of the stream, where it goes on, whether jumps take no time.
        self._left: tuple[int, float, bool, Reading] | None = None
        self._first: Capture | None = None  # of the first stream, at its first frame, for whoever reads that first
        try:
            capture = _opened(path, [])
        except UserError as error:
            raise (_incomplete(path) if lacks_index(path, self._head) else error) from error
        try:
            width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
            check_size(path, width, height)
            if not capture.grab() or capture.retrieve() is None:
                raise not_a_video(path)
            fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        except BaseException:
            capture.close()
            raise
        capture.put_back()
        self._first = capture
        self._step = frame_duration(fps)
        logger.debug("%s: %g x %g pixels, %d frames, %d video streams", path, width, height, count, len(self._streams))
        if math.isfinite(count) and 0 < (duration := count * self._step) < LONGEST:
            self.duration = duration if self._path.stat().st_size * 8 >= _FEWEST_BITS * duration else None

    @cached_property
    def start(self) -> datetime:
        """When the clip begins, UTC: by its container, else its duration before its modification, at its end."""
        return creation_time(self._path) or self._modified() - timedelta(seconds=self._length())

    def _length(self) -> float:
        """Seconds; what the container tells, but not where its clock may jump or it tells nothing."""
        if self.duration is not None and not may_jump(self._head):
            return self.duration
        return last_position(self.name, Clock(self._step, self._jump))

    @property
    def _jump(self) -> float:
        return _JUMP if may_jump(self._head) else math.inf

    def notes(self) -> list[str]:
        """What to tell about the frames so far: streams and frames that were not read, a missing end."""
        notes = list(self._notes.values())
        if self._lost:
            frames = counted(self._lost, "frame")
            notes.append(f"{frames} of {self.name} could not be decoded; copy it again if you have an intact one")
        if unread := sum(not stream.hidden for stream in self._streams[:-1]):
            notes.append(_unchosen(self.name, unread + 1))
        if is_cut_off(self.name, self._head):
            notes.append(f"{self.name} is cut off: its end is missing; copy it again if you have an intact one")
        return notes

    def chapters(self, seconds: float) -> Sequence[Chapter]:
        """The chapters of so many seconds, in order; 0 = never. Those of a long file take a look at each of its frames.

        Raises UserError if it cannot be read.
        """
        if not seconds or (self.duration is not None and self.duration <= seconds):
            return [WHOLE]
        streams = [0, *(number for number, stream in enumerate(self._streams) if number and stream.hidden)]
        if is_seekable(self._head):
            times = {number: frame_times(self.name, self._head, _others(self._streams, number)) for number in streams}
            known = {number: of_stream for number, of_stream in times.items() if of_stream is not None}
            if len(known) == len(streams):
                return sought_chapters(known, seconds)
        return passed_chapters(self._length(), streams, seconds)

    def frames(
        self,
        sampling: Sampling,
        start: datetime,
        stopping: threading.Event,
        between: bool = False,
        chapter: Chapter = WHOLE,
    ) -> Iterator[Frame]:
        """Yields the sampled frames in order; a damaged file gives the frames that it has.

        A position is the presentation time in the container, which holds for variable frame rates, too; where there is
        none, it is index / fps (25 where that is missing too). ``Frame.index`` is None where the skipped beginning was
        not read. A chapter that cannot be sought goes on where the one before it ended, if that was read last.

        Parameters
        ----------
        sampling : which frames
        start : aware, UTC; ``Frame.time`` is this plus the position
        stopping : ends it within one frame
        between : for cameras
        chapter : one of `chapters`, whose frames alone come

        Raises
        ------
        UserError : the file cannot be read any more, or takes too long
        """
        if not chapter.number:
            self._notes, self._lost = {}, 0
        if not chapter.stream:
            yield from self._frames_of(0, sampling, start, stopping, chapter)
        for number, stream in enumerate(self._streams[1:], 1):
            if stream.hidden and chapter.stream in (None, number) and not stopping.is_set():
                try:
                    yield from self._frames_of(number, sampling, start, stopping, chapter)
                except UserError as error:
                    logger.debug("%s: video stream %d: %s", self.name, number + 1, error)
                    self._notes[number] = _unread(self.name, number)

    def _frames_of(
        self, number: int, sampling: Sampling, start: datetime, stopping: threading.Event, chapter: Chapter
    ) -> Iterator[Frame]:
        grid = Grid(sampling, chapter.begin)
        fingerprint = f"{self.fingerprint}#{number + 1}" if number else self.fingerprint
        reading, leaves = self._reading(number, sampling, chapter), False
        try:
            while not stopping.is_set() and reading.grab(stopping):
                position = reading.position
                if sampling.ends_before(position):
                    return
                if chapter.is_over(position):
                    reading.put_back()
                    leaves = True
                    return
                if (
                    not chapter.is_to_come(position)
                    and grid.due(position)
                    and (image := reading.retrieve()) is not None
                ):
                    grid.advance(position)
                    when = start + timedelta(seconds=position)
                    yield Frame(image, self.name, fingerprint, reading.index, position, self._step / 2, when)
            if number and reading.is_empty and not stopping.is_set():
                raise not_a_video(self.name)
            leaves = not stopping.is_set()
        finally:
            if leaves and not chapter.is_sought and math.isfinite(chapter.end):
                self._left = number, chapter.end, sampling.bridged, reading
            else:
                self._lost += reading.close()

    def _reading(self, number: int, sampling: Sampling, chapter: Chapter) -> Reading:
        """A video stream before or at the begin of a chapter, or of what is sampled of it."""
        left, self._left = self._left, None
        if left is not None:
            if left[:-1] == (number, chapter.begin, sampling.bridged):
                return left[-1]
            self._lost += left[-1].close()
        capture, index = self._open_near(max(chapter.begin, sampling.skip), number)
        first = chapter.first if index is None and sampling.skip <= chapter.begin else None
        jump = self._jump if sampling.bridged else math.inf
        lack = Lack(self._step) if may_jump(self._head) else None
        return Reading(capture, Clock(self._step, jump), lack, index, chapter, first)

    def close(self) -> None:
        """Leave what is open: before its first frame is read, and between two chapters, one read after the other."""
        if self._first is not None:
            self._first.close()
            self._first = None
        if self._left is not None:
            self._lost += self._left[-1].close()
            self._left = None

    def _open_near(self, skip: float, number: int) -> tuple[Capture, int | None]:
        """Return the video before or at ``skip`` seconds and the index of the next frame, None if not known.

        Only MP4, QuickTime and Matroska are sought. Of 135 seeks in 27 such clips (B-frames, open GOPs, intra refresh,
        variable rates, edit lists, fragments) every one landed on the picture of the time that it told, one of them
        late. In GIF, AVI, MPEG and transport streams OpenCV lands late, by a frame up to many seconds. The landing is
        checked none the less, and a late one is undone.
        """
        first, self._first = self._first, None
        hidden = _others(self._streams, number)
        is_sought = skip >= _SEEK_FROM and is_seekable(self._head)
        if first is not None and (number or is_sought):
            first.close()
            first = None
        capture = first or _opened(self.name, hidden)
        if not is_sought:
            return capture, 0
        if capture.set(cv2.CAP_PROP_POS_MSEC, (skip - _SEEK_AHEAD) * 1000) and capture.grab():
            landed = capture.position()
            logger.debug("%s: sought %g s, landed at %g s", self.name, skip - _SEEK_AHEAD, landed)
            if 0 < landed < skip - SAME_TIME:
                return capture, None
        capture.close()
        return _opened(self.name, hidden), 0


def _opened(path: str, hidden: Sequence[VideoStream]) -> Capture:
    """A video stream, by hiding all others from OpenCV, which takes the first that it meets."""
    capture = Capture(path, hidden)
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return capture


def _others(streams: Sequence[VideoStream], number: int) -> list[VideoStream]:
    """The streams to hide so that one is the first; that of OpenCV's choice needs none."""
    return [stream for place, stream in enumerate(streams) if place != number] if number else []


def _unread(path: str, number: int) -> str:
    return f"video stream {number + 1} of {path} cannot be read; save it as a video of its own if it plays elsewhere"


def _unchosen(path: str, streams: int) -> str:
    return (
        f"{path} has {streams} video streams, of which only the first is read; save the others as videos of their own"
    )


def _incomplete(path: str) -> UserError:
    return UserError(
        f"{path} is incomplete: the recording was cut off before its index (moov) was written; copy it again, or "
        "repair it with a tool for that"
    )
