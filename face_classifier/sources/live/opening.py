"""What the user names as a camera becomes a live source."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from face_classifier.core.config.addresses import kind_of
from face_classifier.core.errors import UserError
from face_classifier.core.names import without_logins
from face_classifier.sources.live.reading.job import Job
from face_classifier.sources.live.source import Camera, LiveSource, SourceState

if TYPE_CHECKING:
    from face_classifier.core.config.parts.cameras import Camera as CameraSettings

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DEVICE = re.compile(r"/dev/video[0-9]+")


def is_address(argument: str) -> bool:
    """Whether a word is an address (``scheme://…``) rather than a path."""
    return bool(_ADDRESS.match(argument))


def is_device(argument: str) -> bool:
    """Whether a word is the number of a webcam, or its place among the devices."""
    return (argument.isascii() and argument.isdecimal()) or bool(_DEVICE.fullmatch(argument))


def check_address(address: str) -> None:
    """Raises UserError unless an address is one that a camera may have."""
    try:
        kind_of(address)
    except ValueError as error:
        raise UserError(f"{without_logins(address)} is not a camera; give {error}") from None


def open_camera(argument: str) -> LiveSource:
    """A stream by its address, or a webcam by its number or device, as they are typed without a configuration.

    Its name is the address without user, password and query, ``camera 0``, or ``/dev/video0``. It shows pictures
    already. Raises UserError if it does not, and for addresses that are none of a camera.
    """
    if is_device(argument):
        name = f"camera {int(argument)}" if argument.isdecimal() else argument
        source = LiveSource(Camera(name, Job("device", argument), frozen=0.0))
    else:
        check_address(argument)
        shown = without_logins(argument)
        source = LiveSource(Camera(shown, Job("stream", argument), shown))
    source.await_first()
    return source


def open_live(
    name: str,
    camera: CameraSettings,
    on_change: Callable[[SourceState], None] = lambda _: None,
    environ: Mapping[str, str] = os.environ,
) -> LiveSource:
    """A camera of the configuration; it is begun, and need not show pictures yet.

    Parameters
    ----------
    name : of the camera
    camera : what the configuration says of it
    on_change : is told when its status changes or its picture seems to stand still, in a thread of the source
    environ : where its password may be

    Raises
    ------
    UserError : its password cannot be read
    """
    main = camera.main_address(environ)
    read = Camera(
        name,
        _job(camera, camera.address(environ)),
        camera.shown,
        Job("stream", main, camera.silence) if main else None,
        camera.frozen,
    )
    return LiveSource(read, on_change).begin()


def _job(camera: CameraSettings, address: str) -> Job:
    if camera.snapshot is not None:
        return Job("snapshot", address, camera.silence, every=camera.snapshot)
    return Job(camera.kind, address, camera.silence, speed=camera.speed, repeat=camera.repeat)
