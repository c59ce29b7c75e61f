"""What is seen of a face in one frame."""

from __future__ import annotations

from dataclasses import dataclass

from face_classifier.core.types import Box


@dataclass(frozen=True)
class Observation:
    """A face in an analysed frame, once it is placed."""

    followed: int  # its number by place and look: faces of one source that have it are one face up to a doubt
    track: int | None  # the gallery's; None = none so far, or there is a doubt that it is still the same face
    person: str | None  # whose it is by now; None = unknown, or not placed so far
    new_person: bool  # the program made the person since it was seen last: told with one observation only
    face: int | None  # row of the face that was placed last; None = none was, negative = the disk refuses it so far
    face_name: str | None  # of that face
    quality: float | None  # of this view, 0 to 1; None = not assessed
    distance: float | None  # L2, at the decision about that face
    box: Box  # in pixels of the frame's image
    picture: bytes | None = None  # PNG of what is kept of this view; None = it was not encoded
