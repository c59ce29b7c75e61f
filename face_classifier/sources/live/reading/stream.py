"""A stream of a camera, read by PyAV: RTSP over TCP, and what comes over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import av
import numpy as np

from face_classifier.core.types import Image
from face_classifier.sources.live.reading.job import Job, Message, Why
from face_classifier.sources.live.reading.memory import LARGEST
from face_classifier.sources.live.reading.output import JobError, Out
from face_classifier.sources.live.reading.pieces import is_whole_jpeg, why_of

# What an address may lead to in turn: by a redirect, a playlist, a session description. Never files, pipes, programs.
_PROTOCOLS = {
    "rtsp": "rtsp,rtp,tcp",
    "rtsps": "rtsp,rtp,tls,tcp",
    "http": "http,https,httpproxy,tls,tcp",
    "https": "https,http,httpproxy,tls,tcp",
}
# What cameras and their servers send over HTTP. Not among them: scripts of other addresses (concat, dash, sdp …).
_FORMATS = "mpjpeg,mjpeg,jpeg_pipe,mpegts,mpeg,h264,hevc,m4v,flv,live_flv,hls,asf,ogg,matroska,webm,mov,mp4,avi"
# PyAV's errors; not every version has each of them.
_WHY: dict[str, Why] = {
    "HTTPUnauthorizedError": "unauthorized",
    "HTTPForbiddenError": "forbidden",
    "HTTPNotFoundError": "not found",
    "HTTPError": "failing",
    "ExitError": "silent",
    "TimeoutError": "silent",
    "EOFError": "ended",
    "InvalidDataError": "not a video",
    "ProtocolNotFoundError": "not allowed",
    "DemuxerNotFoundError": "not a video",
    "DecoderNotFoundError": "not a video",
    "StreamNotFoundError": "no stream",
}

# What ffmpeg may also tell of a server that does not answer in time.
_MAY_BE_LATE = frozenset({"not a video", "no stream", "ended", "unknown"})
_CLOSE = 0.1  # seconds before the end of a silence that belong to it


def read_stream(job: Job, out: Out) -> None:
    """Read until the stream ends or fails. Raises JobError, of which no word comes from a library.

    The times in the stream do not count: a picture's time is when it came.
    """
    av.logging.set_level(None)
    is_open, began = False, time.monotonic()
    try:
        with _open(job) as container:
            is_open = True
            _read(container, out, job.silence)
    except (av.FFmpegError, OSError) as error:
        why = _why(error)
        if is_open and why == "unreachable":
            why = "ended"
        elif not is_open and why in _MAY_BE_LATE and time.monotonic() - began > job.silence - _CLOSE:
            why = "silent"
        raise JobError(why, type(error).__name__) from None
    raise JobError("ended")


def _open(job: Job) -> Any:
    scheme = job.address.partition("://")[0].lower()
    if scheme not in _PROTOCOLS:
        raise JobError("not allowed")
    options = {
        "protocol_whitelist": _PROTOCOLS[scheme],
        "fpsprobesize": "0",  # else it waits for a second and more of pictures, to learn their rate
    }
    if scheme.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    else:
        options["format_whitelist"] = _FORMATS
    return av.open(job.address, timeout=(job.silence, job.silence), options=options)


def _read(container: Any, out: Out, silence: float) -> None:
    if not container.streams.video:
        raise JobError("no stream")
    stream = container.streams.video[0]
    if container.duration and not {"rtsp", "jpeg_pipe"} & set(container.format.name.split(",")):
        raise JobError("not a video", "file")  # which a server sends as fast as it can
    codec = stream.codec_context
    out.tell(Message(opened=f"{codec.name} {codec.width}x{codec.height}", fps=float(stream.average_rate or 0)))
    is_jpeg, whole = codec.name == "mjpeg", time.monotonic()
    for packet in _packets(container, stream, silence):
        if is_jpeg and packet.size and not is_whole_jpeg(bytes(packet)):
            if time.monotonic() - whole > silence:
                raise JobError("damaged")
            continue
        out.live()
        whole = time.monotonic()
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        for frame in frames:
            _take(frame, out)


def _packets(container: Any, stream: Any, silence: float) -> Iterator[Any]:
    """The packets of a stream. When its time is up ffmpeg gives the one that it held back: that is no new one."""
    packets = iter(container.demux(stream))
    while True:
        asked = time.monotonic()
        packet = next(packets, None)
        if time.monotonic() - asked > silence - _CLOSE:
            raise JobError("silent")
        if packet is None:
            return
        yield packet


def _take(frame: av.VideoFrame, out: Out) -> None:
    if frame.width * frame.height > LARGEST:
        raise JobError("too large", f"{frame.width}x{frame.height}")
    if frame.is_corrupt:
        return
    out.picture(lambda: _as(frame, "bgr24"), (lambda: _as(frame, "gray")) if frame.key_frame else None)


def _as(frame: av.VideoFrame, layout: str) -> Image:
    return np.asarray(frame.to_ndarray(format=layout), np.uint8)


def _why(error: OSError | av.FFmpegError) -> Why:
    for kind in type(error).__mro__:
        if why := _WHY.get(kind.__name__):
            return why
    return why_of(error)
