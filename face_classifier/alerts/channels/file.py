"""Alerts as JSON lines in a file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.core.disk.beside import keep_beside
from face_classifier.core.disk.durable import PRIVATE, set_mode
from face_classifier.core.disk.logs import locked
from face_classifier.core.errors import UserError
from face_classifier.core.names import json_text

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC


class Lines:
    """A line an alert, at the end of a file (0600); its picture lies beside (see `core.disk.beside`).

    The file is opened for each line, so that it may be moved away meanwhile.
    """

    wants_all = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, alert: Alert) -> None:
        """See `Channel`. The line tells the path of the picture, from the folder of the file."""
        record = alert.record()
        try:
            if alert.picture:
                record["picture"] = keep_beside(self._path, alert.event.camera, alert.id, alert.picture)
            self._append((json_text(record) + "\n").encode("utf-8"))
        except OSError as error:
            raise ChannelError(f"{self._path} cannot be written ({error.strerror or type(error).__name__})") from None
        except UserError as error:
            raise ChannelError(str(error)) from None

    def close(self) -> None:
        """Nothing to let go of."""

    def _append(self, line: bytes) -> None:
        """The whole line or, on a full disk, none of it."""
        try:
            descriptor = os.open(self._path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            set_mode(descriptor, PRIVATE.file)
        except FileExistsError:
            descriptor = os.open(self._path, _APPEND)
        try:
            with locked(descriptor):
                before = os.fstat(descriptor).st_size
                try:
                    rest = line
                    while rest:
                        rest = rest[os.write(descriptor, rest) :]
                except OSError:
                    with suppress(OSError):  # a device has no length
                        os.ftruncate(descriptor, before)
                    raise
        finally:
            os.close(descriptor)
