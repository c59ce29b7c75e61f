"""Alerts as lines on the terminal."""

from __future__ import annotations

import sys

from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.core.names import shown


class Printed:
    """A line an alert on stdout, with local time; the summary of a day has several."""

    wants_all = False

    def send(self, alert: Alert) -> None:
        """See `Channel`."""
        event = alert.event
        first, *others = event.text.split("\n") if event.kind == "summary" else [event.text]
        lines = [f"{event.time.astimezone():%Y-%m-%d %H:%M:%S} {first}", *(f"  {line}" for line in others)]
        try:
            sys.stdout.write("".join(f"{shown(line)}\n" for line in lines))
            sys.stdout.flush()
        except (OSError, ValueError) as error:  # ValueError: it is closed
            raise ChannelError(f"stdout cannot be written ({type(error).__name__})") from None

    def close(self) -> None:
        """Nothing to let go of."""
