"""What happens while it happens: somebody comes, a camera goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Event:
    """Something that the owner may want to be told."""

    id: str  # unique for ever: of the number of a track and the kind, or of a counter for cameras
    kind: str  # person, new_person, unknown, camera_lost, camera_back, summary
    time: datetime  # UTC, of the deciding frame
    decided: float  # seconds, time.monotonic() when the deciding frame came in
    camera: str
    person: str | None = None
    named: bool = False  # by the user, not person_##
    track: int | None = None  # the gallery's number
    visit: int | None = None  # the number of its first track
    face: int | None = None  # id of the row
    face_name: str | None = None
    first: datetime | None = None  # UTC, first frame of the visit
    distance: float | None = None  # L2, to the person's average
    zones: tuple[str, ...] = ()
    text: str = ""  # a sentence: "Anna at door"
    picture: bytes | None = None  # JPEG of the face with what is around it, masked and pixelated as the camera says
