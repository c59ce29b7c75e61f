"""What a page shows of a face and of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class FaceCard:
    """A face whose picture lies in the folder of a person, in `unknowns`, or among the excluded pictures."""

    id: int
    name: str  # the stem of the picture's file when first written
    person: str | None  # None: of nobody yet, or excluded
    time: datetime | None  # aware, UTC
    source: str | None  # path as given, or a camera's name
    position: float | None  # seconds, the source's clock
    track: int | None
    quality: float | None
    distance: float | None  # L2 to the average of its person as it is now; None: it has no person
    corrected: bool  # the user put it there
    pinned: bool  # it lies in `unknowns` by the user's word: it is ignored
    hash: str  # the first 8 hexadecimal digits of the SHA-256 of the picture's file
    excluded: bool  # the user said that it is not the person among whose excluded pictures it lies, nor anybody


@dataclass(frozen=True)
class PersonCard:
    """A person with at least one face."""

    name: str
    faces: int
    first: datetime | None  # aware, UTC: when the person was first and last seen; None where no face tells a time
    last: datetime | None
    best: int  # face (id) to show: the cover that the user chose, else the one of the best quality
    named: bool  # by the user, rather than `person_##` by the program
    hidden: bool  # from the list of people, by the user's word
