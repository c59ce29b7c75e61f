"""A video file as if it was a camera: to rehearse with."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import datetime, timezone

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.sources.base import Sampling
from face_classifier.sources.live.reading.job import Job, Message
from face_classifier.sources.live.reading.output import JobError, Out
from face_classifier.sources.video import VideoFile

_SIGN = 0.1  # seconds between two signs of life, while the next picture is not due


def rehearse(job: Job, out: Out) -> None:
    """Play a file at ``job.speed``, once or again and again. Raises JobError, at its end too.

    Its clock goes ``job.speed`` times as fast as others; with 0 it goes on when a picture that is wanted was taken.
    """
    began, length = time.monotonic(), 0.0
    for turn in itertools.count():
        length = _play(job, out, began, length, is_first=turn == 0)
        if not job.repeat:
            break
    raise JobError("finished")


def _play(job: Job, out: Out, began: float, offset: float, *, is_first: bool) -> float:
    """Play it once, from ``offset`` on (seconds of its clock). Returns the offset of the next time."""
    step, position = 0.04, 0.0
    try:
        file = _Unhashed(job.address)
        if is_first:
            out.tell(Message(opened="a file"))
        for frame in file.frames(Sampling(every=0), datetime.now(timezone.utc), threading.Event()):
            step, position = frame.tolerance * 2, frame.position
            clock = offset + position
            if job.speed:
                _wait_until(began + clock / job.speed, out)
            wanted = _hand_out(frame, out, ahead=began + clock - time.monotonic())
            if wanted and not job.speed:
                _wait_until_taken(out)
    except UserError:
        raise JobError("not a video") from None
    return offset + position + step


class _Unhashed(VideoFile):
    """A video whose content nobody asks for."""

    fingerprint = ""


def _hand_out(frame: Frame, out: Out, ahead: float) -> bool:
    return out.picture(lambda: frame.image, lambda: frame.image[:, :, 1], ahead)


def _wait_until(moment: float, out: Out) -> None:
    while (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, _SIGN))
        out.live()


def _wait_until_taken(out: Out) -> None:
    while out.memory.taken < out.memory.published:
        time.sleep(0.001)
        out.live()
