"""A webcam, read by OpenCV."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import cv2

from face_classifier.core.types import Image
from face_classifier.sources.live.reading.job import Job, Message
from face_classifier.sources.live.reading.output import JobError, Out

_PATIENCE = 2.0  # seconds without a picture until a camera counts as gone
_RETRY = 0.05  # seconds


class Device(Protocol):
    """What is needed of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool: ...  # noqa: N802
    def read(self) -> tuple[bool, Any]: ...
    def get(self, propId: int, /) -> float: ...  # noqa: N803
    def release(self) -> None: ...


def read_device(job: Job, out: Out, open_device: Callable[[Any], Device] = cv2.VideoCapture) -> None:
    """Read until it sends no pictures for two seconds. Raises JobError."""
    where = int(job.address) if job.address.isdecimal() else job.address
    try:
        device = open_device(where)
    except (cv2.error, OverflowError):
        raise JobError("no device", job.address) from None
    try:
        if not device.isOpened():
            raise JobError("no device", job.address)
        _read(device, out)
    finally:
        device.release()


def _read(device: Device, out: Out) -> None:
    fps = device.get(cv2.CAP_PROP_FPS)
    out.tell(Message(opened="a device", fps=fps if 0 < fps < 1000 else 0.0))
    alive = time.monotonic()
    while time.monotonic() - alive < _PATIENCE:
        good, image = device.read()
        if good:
            _hand_out(image, out)
            alive = time.monotonic()
        else:
            time.sleep(_RETRY)
    raise JobError("ended")


def _hand_out(image: Image, out: Out) -> None:
    out.picture(lambda: image, lambda: image[:, :, 1])
