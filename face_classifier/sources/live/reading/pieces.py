"""What the readers of streams and of snapshots share."""

from __future__ import annotations

import errno

from face_classifier.sources.live.reading.job import Why

_WHY: dict[int, Why] = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "silent",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.EIO: "unreachable",  # which is what ffmpeg makes of a name that nobody knows
    errno.ECONNRESET: "ended",
    errno.EPIPE: "ended",
    errno.EINVAL: "not allowed",
}


def why_of(error: Exception) -> Why:
    """What an error of the system, or with its number, means for a camera."""
    number: int = getattr(error, "errno", None) or 0
    if isinstance(error, TimeoutError):
        return "silent"
    return "unreachable" if number < 0 else _WHY.get(number, "unknown")  # below 0 are those of names of hosts


def is_whole_jpeg(data: bytes) -> bool:
    """Whether a JPEG has its end: half a picture is decoded like a whole one, with grey for what is missing."""
    return data.startswith(b"\xff\xd8") and b"\xff\xd9" in data[-64:].rstrip(b"\r\n\0")
