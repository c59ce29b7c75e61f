"""Look-alikes: the people of a gallery that a face is most like."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.disk.files import content_hash
from face_classifier.core.errors import StoppedError, UserError
from face_classifier.core.progress import Observer
from face_classifier.core.types import ENCODING_SIZE, Image
from face_classifier.display import contact_sheet, face_map
from face_classifier.display.overlay import KNOWN, UNKNOWN
from face_classifier.display.patches import Color
from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.photos.find import find_pictures
from face_classifier.photos.finder import UNSURE, PhotoFace, tile_image
from face_classifier.photos.index import Photo, PhotoIndex
from face_classifier.photos.lookalike.people import Person, PhotoGallery, Portrait, finder_of, left_out

HEADER = ("rank", "name", "distance", "likeness", "photo")
MOST_DRAWN = 100  # faces
_OTHERS: Color = (150, 150, 150)


@dataclass(frozen=True, eq=False)
class LookAlike:
    """A person of the gallery, as seen from a face."""

    name: str
    portrait: Portrait  # the nearest of theirs
    distance: float  # L2 to the person's average
    likeness: float  # percent; the probability that it is this person, if that was as likely as not before

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "photo": self.portrait.photo,
            "distance": self.distance,
            "likeness": round(self.likeness, 1),
        }


@dataclass(frozen=True, eq=False)
class Ranking:
    """A face, and the people that it is most like."""

    photo: Photo
    face: PhotoFace  # one of the photo's
    results: tuple[LookAlike, ...]  # the nearest first, by name where they are as near; none if nobody is left

    @property
    def title(self) -> str:
        """Which face it is, in words."""
        faces = self.photo.faces
        if len(faces) == 1:
            return self.photo.name
        box = self.face.box
        return f"{self.photo.name}, face {faces.index(self.face) + 1} of {len(faces)}, at {box.left},{box.top}"

    def record(self) -> dict[str, Any]:
        """As JSON."""
        results = [result.record() for result in self.results]
        return {"query": self.photo.name, "box": self.face.box.css, "results": results}


@dataclass(frozen=True, eq=False)
class Questions:
    """The photos that somebody asks about."""

    photos: list[Photo]  # with a face or several
    failed: list[str]  # a sentence for each argument that is of no use
    left_out: list[tuple[str, list[str]]]  # what to tell about the photos in folders, as of a `PhotoGallery`


def read_photos(arguments: Iterable[str], encoder: str, observer: Observer, stopping: threading.Event) -> Questions:
    """The photos that arguments of the command line stand for; ``encoder``: the gallery's.

    Raises StoppedError when ``stopping`` is set before all are read.
    """
    failed: list[str] = []
    paths: list[Path] = []
    named: set[str] = set()
    for argument in arguments:
        try:
            pictures = find_pictures(argument, observer.at_end)
        except UserError as error:
            failed.append(str(error))
            continue
        paths += pictures
        named |= {str(path) for path in pictures if not os.path.isdir(argument)}
    with PhotoIndex(None, BY_ENCODER[encoder].name) as index:
        photos = [(str(path), path) for path in dict.fromkeys(paths)]
        reading = index.read(photos, finder_of(encoder, observer.problem), stopping)
    if reading.stopped:
        raise StoppedError("stopped before all photos were read; run it again")
    failed += [sentence for name, sentence in reading.failed if name in named]
    failed += [
        f"no face was found in {name}; give a photo with a larger or clearer face"
        for name in reading.faceless
        if name in named
    ]
    showing = [photo for photo in reading.photos if photo.faces]
    others = left_out(
        len(photos),
        [name for name in reading.faceless if name not in named],
        [sentence for name, sentence in reading.failed if name not in named],
        [photo.name for photo in showing if photo.how == UNSURE],
    )
    return Questions(showing, failed, list(others))


def search(gallery: PhotoGallery, photos: Iterable[Photo], k: int) -> list[Ranking]:
    """The ``k`` people nearest to each face of each photo, by the distance to their averages.

    ``photos``: of the gallery's encoder; one that the gallery has itself is not searched there. People who are left
    without a photo by that are left out.
    """
    return [
        Ranking(photo, face, _nearest(people, averages, gallery.encoder, face, k))
        for photo in photos
        for people, averages in [_without(gallery, photo)]
        for face in photo.faces
    ]


def unanswered(rankings: Iterable[Ranking]) -> Iterator[str]:
    """A sentence for each photo besides which the gallery has nobody."""
    for name in dict.fromkeys(ranking.photo.name for ranking in rankings if not ranking.results):
        yield f"nobody is left in the gallery besides {name} itself; add photos of other people to it"


def _nearest(
    people: Sequence[Person], averages: npt.NDArray[np.float64], encoder: str, face: PhotoFace, k: int
) -> tuple[LookAlike, ...]:
    distances = np.linalg.norm(averages - face.encoding, axis=1)
    likeness = BY_ENCODER[encoder].likeness
    return tuple(
        LookAlike(
            people[number].name,
            people[number].nearest(face.encoding),
            float(distances[number]),
            100 * likeness(people[number].distance_to(face.encoding)),
        )
        for number in np.argsort(distances, kind="stable")[:k]  # people are sorted by name
    )


def _without(gallery: PhotoGallery, photo: Photo) -> tuple[list[Person], npt.NDArray[np.float64]]:
    """The people of a gallery and their averages (people, 128), as they are without a photo."""
    own = {id(portrait) for person in gallery.people for portrait in person.portraits if _is_same(portrait, photo)}
    if not own:
        return gallery.people, gallery.averages
    people = []
    for person in gallery.people:
        left = tuple(portrait for portrait in person.portraits if id(portrait) not in own)
        if left:
            people.append(person if len(left) == len(person.portraits) else Person(person.name, left))
    return people, np.array([person.average for person in people], np.float64).reshape(-1, ENCODING_SIZE)


def _is_same(portrait: Portrait, photo: Photo) -> bool:
    if portrait.content is not None:
        return portrait.content == photo.content
    try:
        one, other = Path(portrait.photo), Path(photo.name)
        return one.stat().st_size == other.stat().st_size and content_hash(one) == photo.content
    except OSError:
        return False


def rows(ranking: Ranking) -> Iterator[Sequence[str]]:
    """A line for each look-alike, as ``HEADER`` has it."""
    for rank, result in enumerate(ranking.results, 1):
        yield str(rank), result.name, f"{result.distance:.4f}", f"{result.likeness:.1f} %", result.portrait.photo


# Pictures


def picture(rankings: Sequence[Ranking]) -> Image:
    """Each face beside its look-alikes, a row each: (height, width, 3) uint8 BGR. At most the first `MOST_DRAWN`."""
    return contact_sheet.stacked([_row(ranking) for ranking in rankings[:MOST_DRAWN]])


def _row(ranking: Ranking) -> Image:
    faces = ranking.photo.faces
    which = f"face {faces.index(ranking.face) + 1} of {len(faces)}" if len(faces) > 1 else ""
    asked = contact_sheet.captioned(tile_image(ranking.face.tile), Path(ranking.photo.name).name, which, color=UNKNOWN)
    results = [
        contact_sheet.captioned(
            result.portrait.image(), f"{rank}. {result.name}", f"{result.distance:.4f} · {result.likeness:.1f} %"
        )
        for rank, result in enumerate(ranking.results, 1)
    ]
    row = contact_sheet.grid([asked, *results], len(results) + 1)
    right = contact_sheet.GAP + asked.shape[1] + contact_sheet.GAP // 2
    row[contact_sheet.GAP : -contact_sheet.GAP, right - 1 : right + 1] = UNKNOWN
    return row


def map_picture(gallery: PhotoGallery, rankings: Sequence[Ranking]) -> Image:
    """The gallery's faces in the plane, the asked ones among them: (height, width, 3) uint8 BGR.

    A photo that is both asked about and in the gallery is there once, as asked about.
    Raises UserError where scikit-learn is missing.
    """
    near = {id(result.portrait) for ranking in rankings for result in ranking.results}
    photos = {id(ranking.photo): ranking.photo for ranking in rankings}.values()
    portraits = [
        (person.name, portrait)
        for person in gallery.people
        for portrait in person.portraits
        if not any(_is_same(portrait, photo) for photo in photos)
    ]
    asked = [ranking.face for ranking in rankings]
    return face_map.draw_plane(
        np.array([*(face.encoding for face in asked), *(portrait.encoding for _, portrait in portraits)]),
        [*(tile_image(face.tile) for face in asked), *(portrait.image() for _, portrait in portraits)],
        [UNKNOWN] * len(asked) + [KNOWN if id(portrait) in near else _OTHERS for _, portrait in portraits],
        [*(Path(ranking.photo.name).name for ranking in rankings), *(name for name, _ in portraits)],
        range(len(asked)),
    )
