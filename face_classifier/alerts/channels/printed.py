"""Alerts as lines on the terminal."""

from __future__ import annotations

import sys

from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.core.names import shown


class Printed:
    """A line an alert on stdout, with local time."""

    wants_all = False

    def send(self, alert: Alert) -> None:
        """See `Channel`."""
        try:
            sys.stdout.write(shown(f"{alert.event.time.astimezone():%Y-%m-%d %H:%M:%S} {alert.event.text}") + "\n")
            sys.stdout.flush()
        except (OSError, ValueError) as error:  # ValueError: it is closed
            raise ChannelError(f"stdout cannot be written ({type(error).__name__})") from None

    def close(self) -> None:
        """Nothing to let go of."""
