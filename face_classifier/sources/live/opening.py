"""What the user names as a camera becomes a live source."""

from __future__ import annotations

import re

from face_classifier.core.config.addresses import kind_of
from face_classifier.core.errors import UserError
from face_classifier.core.names import without_logins
from face_classifier.sources.live.reading.job import Job
from face_classifier.sources.live.source import Camera, LiveSource

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def is_address(argument: str) -> bool:
    """Whether a word is an address (``scheme://…``) rather than a path."""
    return bool(_ADDRESS.match(argument))


def check_address(address: str) -> None:
    """Raises UserError unless an address is one that a camera may have."""
    try:
        kind_of(address)
    except ValueError as error:
        raise UserError(f"{without_logins(address)} is no camera; give {error}") from None


def open_stream(address: str) -> LiveSource:
    """A stream by its address, which is its name, too, without user, password and query.

    It shows pictures already. Raises UserError if it does not, and for addresses that are none of a camera.
    """
    check_address(address)
    shown = without_logins(address)
    source = LiveSource(Camera(shown, Job("stream", address), shown))
    source.await_first()
    return source
