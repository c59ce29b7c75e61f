"""What a channel is given, and what it must do: the seam between what is told and where it goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from face_classifier.core.machine import asleep
from face_classifier.events.event import Event

PATIENCE = 600.0  # seconds after the deciding frame in which an alert is tried again
LIVE_PATIENCE = 5.0  # the same of a channel that wants all: late is worse than never, since an automation may act on it


@dataclass(frozen=True, eq=False)
class Alert:
    """One event, as it goes to one channel."""

    id: str  # the same at every attempt and after a restart, so that a receiver can leave out what it has
    event: Event  # without its picture
    rule: str | None = None  # the rule that asks for it; None: of no rule
    picture: bytes | None = None  # JPEG; None where there is none, or the rule does not let it out
    slept: float = field(default_factory=asleep)  # seconds that the machine had slept by then

    def age(self) -> float:
        """Seconds since the deciding frame came in, those included in which the machine slept."""
        return max(0.0, time.monotonic() - self.event.decided + asleep() - self.slept)

    def record(self) -> dict[str, Any]:
        """The alert for JSON: what file, webhook and MQTT tell, without the picture.

        ``time`` and ``first`` are ISO 8601 in UTC, ``age`` seconds at the moment of the call, ``visit`` and ``track``
        the gallery's numbers, ``face`` the name of the face's picture, ``distance`` on the encoder's L2 scale.
        """
        event = self.event
        return {
            "id": self.id,
            "time": event.time.isoformat(),
            "age": round(self.age(), 3),
            "kind": event.kind,
            "camera": event.camera,
            "person": event.person,
            "text": event.text,
            "rule": self.rule,
            "visit": event.visit,
            "track": event.track,
            "face": event.face_name,
            "first": event.first.isoformat() if event.first else None,
            "distance": event.distance,
            "zones": list(event.zones),
        }


class ChannelError(Exception):
    """An alert that a channel did not take. The text is a sentence for the owner, without secrets or names of people.

    Attributes
    ----------
    retry_after : seconds for which the other side wants to be left alone; None: it did not say
    is_final : the other side will never take this alert, so the next one is due
    """

    def __init__(self, sentence: str, *, retry_after: float | None = None, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.retry_after, self.is_final = retry_after, is_final


class Channel(Protocol):
    """Where alerts go. Each has a thread of its own, in which all but `close` is called."""

    @property
    def wants_all(self) -> bool:
        """Whether it gets every event at once, whatever the rules say (MQTT).

        Such a channel is live: its alerts carry the picture if the event has one, are not kept over a restart, and are
        given up `LIVE_PATIENCE` seconds after the deciding frame. The others are tried for `PATIENCE` seconds.
        """

    def send(self, alert: Alert) -> None:
        """Hand an alert over; it may block, but for seconds only. Raises ChannelError where it was not taken.

        Any other error counts as a ChannelError of which nothing may be told but its kind.
        """

    def close(self) -> None:
        """Let go of all, from any thread, within half a second; a `send` that waits ends by it."""


@dataclass(frozen=True)
class CameraState:
    """How a camera is, for channels that tell states."""

    name: str
    is_connected: bool
    unknown: int = 0  # tracks of nobody that were told today (local day)


@dataclass(frozen=True)
class PersonState:
    """When and where a person was last seen, as far as tracks tell."""

    name: str  # given by the user, not person_##
    last_seen: datetime | None = None  # UTC, last frame of the latest track
    where: str | None = None  # the camera of that track


@runtime_checkable
class StateChannel(Protocol):
    """A channel that also tells how things are, not only what happens (MQTT)."""

    def tell_state(self, cameras: Sequence[CameraState], people: Sequence[PersonState]) -> None:
        """Take note of the state of all cameras and all named people, in the channel's thread.

        Only the newest state is handed over; whoever is not in it is gone, and what was told of them is taken back.
        Raises ChannelError where it cannot be told; it is handed over again with the next one.
        """
