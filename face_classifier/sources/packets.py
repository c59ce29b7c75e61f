"""The times of a video's frames as its container tells them, without decoding one."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise

from face_classifier.sources.base import SAME_TIME
from face_classifier.sources.capture import Content
from face_classifier.sources.formats.kinds import is_mp4
from face_classifier.sources.formats.streams import VideoStream


def frame_times(path: str, head: bytes, hidden: Sequence[VideoStream] = ()) -> Sequence[float] | None:
    """When each frame of a video stream of an MP4, QuickTime or Matroska file is shown, in order, in seconds.

    The first is at 0. What edit lists leave out is left out, so that the frames are those that decoding gives, as far
    as none is damaged. Reads the whole file.

    Parameters
    ----------
    path : of the file
    head : its first bytes
    hidden : streams to pass over; the first other one is read

    Returns
    -------
    None if the times do not tell one frame from another, so that one cannot seek by them.

    Raises
    ------
    UserError : the file cannot be read, or takes too long
    """
    with closing(Content(path, hidden)) as content:
        try:
            times = array("d", _as_stored(content, "mov" if is_mp4(head) else "matroska"))
        except ValueError:  # FFmpeg's errors are such, too
            times = array("d")
        content.check()
    rising = array("d", sorted(times))
    usable = bool(rising) and rising[0] >= -SAME_TIME and all(one < other for one, other in pairwise(rising))
    return rising if usable else None


def _as_stored(content: Content, kind: str) -> Iterator[float]:
    """The times in the order of the file. Raises ValueError where one is missing, or the file cannot be read."""
    import av  # another ffmpeg than OpenCV's, which long files alone need

    with av.open(content, "r", format=kind) as container:
        for stream in container.streams.video:
            if not stream.disposition & av.stream.Disposition.attached_pic:
                break
        else:
            return
        begin, unit = stream.start_time or 0, float(stream.time_base or 0)
        for packet in container.demux(stream):
            content.be_patient()
            if packet.size and not packet.is_discard:
                if packet.pts is None:
                    raise ValueError("a frame has no time")
                yield (packet.pts - begin) * unit
