"""Your type: the people who are nearest to the chosen faces on average."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.errors import UserError
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Encoding, Image
from face_classifier.display import contact_sheet
from face_classifier.display.overlay import UNKNOWN
from face_classifier.display.patches import SHADE
from face_classifier.photos.finder import TILE
from face_classifier.photos.lookalike.people import Person, PhotoGallery, Portrait

HEADER = ("rank", "name", "distance", "photo")
_COLUMNS = 7  # faces in a row of the picture
# Of the usual distance between people. On LFW 95 % of three picks by chance are further apart with SFace, and more than
# half with dlib; 95 % of three who are alike are less far apart with both.
_IN_COMMON = 0.95
_FEWEST, _SAMPLE = 10, 1000  # people, to tell what is usual


@dataclass(frozen=True, eq=False)
class Pick:
    """A face that was picked."""

    person: Person | None  # whose it is; None = a picture that is none of the gallery's
    portrait: Portrait  # to show
    encoding: Encoding  # (128,) float64, what counts: the portrait's, or the average of the person

    @property
    def name(self) -> str:
        return self.person.name if self.person else Path(self.portrait.photo).name


@dataclass(frozen=True, eq=False)
class Recommended:
    """A person near to what was picked."""

    person: Person
    portrait: Portrait  # the person's nearest
    distance: float  # L2 from the average of the picks to the centre of the person


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What was picked, and who is recommended for it."""

    picks: tuple[Pick, ...]  # in the order in which they were picked
    results: tuple[Recommended, ...]  # the nearest first, by name where they are as near; none of the picked people

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "picks": [{"name": pick.name, "photo": pick.portrait.photo} for pick in self.picks],
            "results": [
                {"name": near.person.name, "photo": near.portrait.photo, "distance": near.distance}
                for near in self.results
            ],
        }

    def rows(self) -> Iterator[Sequence[str]]:
        """A line for each person who is recommended, as ``HEADER`` has it."""
        for rank, near in enumerate(self.results, 1):
            yield str(rank), near.person.name, f"{near.distance:.4f}", near.portrait.photo


def centre(person: Person) -> Encoding:
    """(128,) float64: the average of a person's encodings, made as long as these are.

    An average of several is shorter than each, and so nearer to every average of picks. Without this, with SFace on
    LFW, only people with several photos are ever recommended, who are half of them. With dlib, whose encodings have
    most of their length in common, it changes little.
    """
    average = person.average
    length = float(np.mean([np.linalg.norm(portrait.encoding) for portrait in person.portraits]))
    return average * (length / max(float(np.linalg.norm(average)), 1e-9))


def centres(gallery: PhotoGallery) -> npt.NDArray[np.float64]:
    """(people, 128): the centre of each person."""
    return np.array([centre(person) for person in gallery.people], np.float64)


def recommend(gallery: PhotoGallery, picks: Sequence[Pick], k: int) -> Recommendation:
    """The ``k`` people nearest to the average of the picked encodings, without those who were picked.

    Raises UserError if nothing was picked, or everybody.
    """
    if not picks:
        raise UserError("nothing was picked, so nobody can be recommended; pick at least one face")
    average = np.mean([pick.encoding for pick in picks], axis=0)
    picked = {pick.person.name for pick in picks if pick.person}
    if picked >= {person.name for person in gallery.people}:
        raise UserError(f"all people of the gallery ({len(picked)}) were picked, so nobody is left; pick fewer")
    distances = np.linalg.norm(centres(gallery) - average, axis=1)
    order = [number for number in np.argsort(distances, kind="stable") if gallery.people[number].name not in picked]
    results = (
        Recommended(gallery.people[number], gallery.people[number].nearest(average), float(distances[number]))
        for number in order[:k]
    )
    return Recommendation(tuple(picks), tuple(results))


def caution(gallery: PhotoGallery, recommendation: Recommendation) -> str | None:
    """A sentence where the picks are about as far from each other as people of the gallery are.

    The distances of those who are recommended do not tell it: with SFace on LFW, the nearest is at 0.86 of the median
    distance for three people by chance, and at 0.85 for three who are alike. Those of the picks do: .61 and .54.
    """
    picks = np.array([pick.encoding for pick in recommendation.picks])
    people = centres(gallery)
    people = people[:: -(-len(people) // _SAMPLE)]
    if len(picks) < 2 or len(people) < _FEWEST:
        return None
    between, usual = float(np.mean(_apart(picks))), float(np.median(_apart(people)))
    if between < _IN_COMMON * usual:
        return None
    others = float(np.median(np.linalg.norm(people - picks.mean(axis=0), axis=1)))
    return (
        f"the picks have little in common: they are {between:.2f} apart on average, and people of this gallery "
        f"{usual:.2f}; so the nearest, at {recommendation.results[0].distance:.2f}, mean little (half of all people "
        f"are within {others:.2f})"
    )


def _apart(encodings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n (n - 1) / 2,): L2 between each two."""
    return np.concatenate([np.linalg.norm(encodings[:n] - encodings[n], axis=1) for n in range(1, len(encodings))])


# Picture


def shown(portrait: Portrait, tell: Callable[[str], None]) -> Image:
    """A portrait as (160, 160, 3) uint8 BGR; where its photo is gone that is told, and it is dark."""
    try:
        with supervised(portrait.photo):
            return portrait.image()
    except UserError as error:
        tell(str(error))
        return np.full((TILE, TILE, 3), SHADE, np.uint8)


def picture(recommendation: Recommendation, tell: Callable[[str], None]) -> Image:
    """The picked faces, and those recommended with names and distances below: (height, width, 3) uint8 BGR.

    ``tell``: is told which photos are gone.
    """
    picked = [
        contact_sheet.captioned(shown(pick.portrait, tell), pick.name, color=UNKNOWN) for pick in recommendation.picks
    ]
    nearest = [
        contact_sheet.captioned(shown(near.portrait, tell), f"{rank}  {near.person.name}", f"{near.distance:.4f}")
        for rank, near in enumerate(recommendation.results, 1)
    ]
    columns = max(_COLUMNS, len(picked))
    strips = [contact_sheet.grid(picked, columns), contact_sheet.grid(nearest, columns)]
    width = max(strip.shape[1] for strip in strips)
    return contact_sheet.stacked(
        [contact_sheet.heading("picked", width), strips[0], contact_sheet.heading("recommended", width), strips[1]]
    )
