"""What came of enrolling a person, and how it is told."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from face_classifier.core.messages import sighting_from
from face_classifier.core.types import Sighting
from face_classifier.core.words import counted
from face_classifier.curate.enrolment import HINTS, staying
from face_classifier.curate.questions.explain import Near

HEADER = ["face", "source", "position", "quality"]
_RIVAL = 2 / 3  # times as many frames as the person with most: from there on it is not clear who is meant


class Declined(NamedTuple):
    """Pictures that were of no use."""

    source: str  # path as given, or a camera's name
    reason: str  # a key of ``HINTS``
    frames: int  # 1 for a photo
    photo: bool


@dataclass(frozen=True)
class Enrolment:
    """What came of enrolling a person."""

    name: str
    kept: list[Sighting]  # the chosen views, in the order of choice, as they lie in the person's folder now
    new: int  # how many of these were not in the folder before
    taken_from: dict[str, int]  # how many of these were in `unknowns` or in a `person_##` before, by folder
    stay: dict[str, int]  # good views that lie with somebody else whom the user named, and so stay there, by folder
    declined: list[Declined]
    alike: int  # good views that were not needed
    frames: int  # that show the person
    rival: int  # frames that show the person with most frames of the others
    looks_like: Near | None  # the nearest other person, if nearer than the threshold
    to_itself: float | None  # L2 to the average of the faces that NAME had before; None where there were none
    failed: int  # sources that could not be read
    threshold: float  # L2, of this gallery

    @classmethod
    def from_message(cls, answer: dict[str, Any], photos: Collection[str], failed: int) -> Enrolment:
        """What the command answered. ``photos``: sources that are photos; ``failed``: how many could not be read."""
        declined = [Declined(source, reason, frames, source in photos) for source, reason, frames in answer["declined"]]
        looks_like = answer["looks_like"] and Near(answer["looks_like"][0], *answer["looks_like"])
        kept = [sighting_from(face) for face in answer["kept"]]
        return cls(**answer | {"kept": kept, "declined": declined, "looks_like": looks_like, "failed": failed})

    def warnings(self) -> Iterator[str]:
        """Sentences about doubts that the user should look into."""
        yield from staying(self.name, self.stay)
        if self.rival >= _RIVAL * self.frames:
            yield (
                f"{_frames(self.frames)} one person and {_frames(self.rival)} another, so it is not clear who is "
                f"meant, and the first is {self.name} now; if that is wrong, rename that folder, and give pictures of "
                "one person"
            )
        if self.looks_like and self.looks_like.name not in self.stay:
            other = self.looks_like.name
            yield (
                f"{self.name} looks like {other} (distance {self.looks_like.distance:.2f}); if they are one, rename "
                f"that folder or run `face-classifier suggest accept {shlex.quote(self.name)} {shlex.quote(other)}`"
            )
        if self.to_itself is not None and self.to_itself >= self.threshold:
            yield (
                f"the new faces do not look like {self.name} so far (distance {self.to_itself:.2f}, threshold "
                f"{self.threshold:g}); if that is somebody else, move them out of that folder and give another name"
            )

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "new": self.new,
            "taken_from": self.taken_from,
            "stay": self.stay,
            "kept": [
                {
                    "face": face.face,
                    "source": face.source,
                    "position": face.position,
                    "box": face.box.css if face.box else None,
                    "quality": face.quality,
                }
                for face in self.kept
            ],
            "refused": [{**one._asdict(), "hint": HINTS[one.reason]} for one in self.declined],
            "alike": self.alike,
            "looks_like": self.looks_like and {"person": self.looks_like.name, "distance": self.looks_like.distance},
            "warnings": list(self.warnings()),
        }


def _frames(count: int) -> str:
    return counted(count, "picture shows", "pictures show")


def rows(enrolment: Enrolment) -> list[list[str]]:
    """A table's rows under ``HEADER``: the views in the person's folder."""
    return [
        [
            face.face,
            face.source or "",
            "" if face.position is None else f"{face.position:.2f}",
            "" if face.quality is None else f"{face.quality:.2f}",
        ]
        for face in enrolment.kept
    ]


def lines(enrolment: Enrolment) -> Iterator[str]:
    """What became of the pictures, in words; not the declined photos, of which each was told."""
    for source, reason, frames, photo in enrolment.declined:
        if not photo:
            yield f"{source}: {frames} declined, {reason}; {HINTS[reason]}"
    if enrolment.alike:
        yield f"{counted(enrolment.alike, 'more good view was', 'more good views were')} not needed"
    for folder, faces in enrolment.taken_from.items():
        yield f"{faces} of the views lay in {folder} before"
    yield f"{enrolment.name}: {counted(len(enrolment.kept), 'view')}, {enrolment.new} of them new"
