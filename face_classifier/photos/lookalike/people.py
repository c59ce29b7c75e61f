"""A gallery of people: a folder of photos named after them, or a result folder."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_classifier.core.config import flat
from face_classifier.core.config.load import load
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.markers import ALBUM, CAPTURES, RESULT, kind_of
from face_classifier.core.errors import StoppedError, UserError, WrongUseError
from face_classifier.core.names import composed
from face_classifier.core.progress import Observer
from face_classifier.core.types import Encoding, Image
from face_classifier.display import contact_sheet
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.identity.rules import profile_of
from face_classifier.photos.albums.folder import CROPS, FETCHED
from face_classifier.photos.albums.manifest import faces_meant
from face_classifier.photos.find import find_pictures
from face_classifier.photos.finder import PRECISION, TILE, UNSURE, FaceFinder, PhotoFace, tile_image
from face_classifier.photos.index import INDEX, Photo, PhotoIndex
from face_classifier.photos.reading import Looking
from face_classifier.photos.spread.look import look_on
from face_classifier.sources.picture import read_picture
from face_classifier.vision.engine import make_engine


@dataclass(frozen=True, eq=False)
class Portrait:
    """A photo of a person."""

    photo: str  # its path
    encoding: Encoding  # (128,) float64
    tile: bytes | None  # as of a `PhotoFace`; None: the photo is a face cut by the classifier
    content: str | None = None  # as of a `Photo`; None: that face

    def image(self) -> Image:
        """The face and what is around it: (160, 160, 3) uint8 BGR. Raises UserError where the photo is gone."""
        if self.tile is not None:
            return tile_image(self.tile)
        cut = read_picture(Path(self.photo))  # three boxes wide and high, of which a tile has the middle two
        height, width = cut.shape[:2]
        return contact_sheet.square(cut[height // 6 : height - height // 6, width // 6 : width - width // 6], TILE)


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody in a gallery."""

    name: str
    portraits: tuple[Portrait, ...]  # at least one

    @cached_property
    def average(self) -> Encoding:
        """(128,) float64: the mean of the encodings."""
        return np.asarray(np.mean([portrait.encoding for portrait in self.portraits], axis=0), np.float64)

    def distance_to(self, probe: Encoding) -> float:
        """Root mean square of the L2 distances from ``probe``, (128,), to the portraits.

        An average lies nearer than the photos that it was made of, the more so the more they are; this does not.
        """
        return float(np.sqrt(np.mean([np.sum((portrait.encoding - probe) ** 2) for portrait in self.portraits])))

    def nearest(self, probe: Encoding) -> Portrait:
        """The portrait whose encoding is nearest to ``probe``, (128,)."""
        return min(self.portraits, key=lambda portrait: float(np.linalg.norm(portrait.encoding - probe)))


@dataclass(frozen=True, eq=False)
class PhotoGallery:
    """People by name, and what could not be used."""

    people: list[Person]  # sorted by name
    encoder: str  # that made all encodings
    photos: int  # that were looked at
    faceless: list[str] = field(default_factory=list)  # photos in which no face was found
    failed: list[str] = field(default_factory=list)  # a sentence for each photo that could not be read
    unsure: list[str] = field(default_factory=list)  # photos whose face was found with a low score only

    @cached_property
    def averages(self) -> npt.NDArray[np.float64]:
        """(people, 128): the average of each person."""
        return np.array([person.average for person in self.people], np.float64).reshape(len(self.people), -1)

    def left_out(self) -> Iterator[tuple[str, list[str]]]:
        """What to tell about photos that are of no or doubtful use: a sentence, and what it is about, all of it."""
        return left_out(self.photos, self.faceless, self.failed, self.unsure)


def left_out(photos: int, faceless: list[str], failed: list[str], unsure: list[str]) -> Iterator[tuple[str, list[str]]]:
    """As of a `PhotoGallery`."""
    of_all = f"of {photos} photos"
    if faceless:
        yield f"no face was found in {len(faceless)} {of_all}, which are left out:", faceless
    if failed:
        yield f"{len(failed)} {of_all} could not be read, and are left out:", failed
    if unsure:
        yield f"in {len(unsure)} {of_all} it is not sure that the face is one:", unsure


def finder_of(encoder: str, tell: Callable[[str], None]) -> Callable[[], FaceFinder]:
    """Makes what finds faces in photos, which takes half a second."""
    return lambda: FaceFinder(make_engine("fast", None, 1.0, tell, encoder, precision=PRECISION))


def open_gallery(
    folder: str | None,
    index: str | None,
    encoder: str | None,
    observer: Observer,
    stopping: threading.Event,
    *,
    where: str | None = None,
    mixed: bool = False,
) -> PhotoGallery:
    """The people of a gallery. Photos that cannot be used are told in the result.

    Without a folder, or where its photos are away, the index stands for them. Raises UserError; StoppedError when
    ``stopping`` is set: the next time goes on from there.

    Parameters
    ----------
    folder: of `<name>.jpg` and `<name>/...`; a result folder, which keeps its own encodings; or one that an album
        was sorted into, of which the folders of people count, with the faces that it was for.
    index: the file that remembers the encodings of photos; None = a hidden one in the folder.
    encoder: None = the usual one.
    where, mixed: as of `look_on`, where photos are looked at.
    """
    if folder is None and index is None:
        raise WrongUseError("no gallery is given; name a folder of photos with --gallery")
    flat.check_encoder(encoder, "--encoder")
    if folder is not None and Path(folder).is_file():
        raise UserError(f"the gallery {folder} is a file; give the folder that it lies in")
    kind = kind_of(folder) if folder is not None else None
    if kind == CAPTURES:
        raise UserError(
            f"{folder} is a captures folder, whose pictures are drawn over; give a folder of photos of people"
        )
    if folder is not None and kind == RESULT:
        return _of_result_folder(folder, encoder, observer)
    encoder = encoder or flat.USUAL_ENCODER
    look = look_on(where, encoder, observer.problem, mixed=mixed)
    pictures, photos, failed = _read(folder, index, encoder, observer, stopping, look)
    top = Path(folder or "")
    people = _people(photos, top, faces_meant(top) if pictures and kind == ALBUM else {})
    if not people:
        for sentence in failed:
            observer.problem(sentence)
        raise UserError(f"no face was found in the photos of {folder or index}; give a folder of photos of people")
    return PhotoGallery(
        people,
        encoder,
        len(photos) + len(failed),
        [photo.name for photo in photos if not photo.faces],
        failed,
        [photo.name for photo in photos if photo.how == UNSURE and photo.faces],
    )


def _read(
    folder: str | None,
    index: str | None,
    encoder: str,
    observer: Observer,
    stopping: threading.Event,
    look: Looking,
) -> tuple[bool, list[Photo], list[str]]:
    """Whether the photos are there, or only the index; the photos; and a sentence for each that cannot be read."""
    file = Path(index) if index is not None else Path(folder or "") / INDEX
    pictures = _pictures(folder, file, observer)
    if not pictures and not file.exists():
        raise UserError(f"there is no index {file}; name a folder of photos with --gallery")
    with PhotoIndex(file, BY_ENCODER[encoder].name, MODES[load({}).mode]) as opened:
        if not pictures:
            return False, opened.remembered(), []
        reading = opened.read(
            pictures,
            finder_of(encoder, observer.problem),
            stopping,
            lambda steps: observer.through(steps, "photos"),
            # the one in the folder of an album is of all its photos
            forget=index is not None or kind_of(folder or "") != ALBUM,
            look=look,
        )
    if reading.stopped:
        done = len(reading.photos) + len(reading.failed)
        raise StoppedError(
            f"stopped after {done} of {len(pictures)} photos of {folder}; run it again to go on from there"
        )
    return True, reading.photos, [sentence for _, sentence in reading.failed]


def _of_result_folder(folder: str, encoder: str | None, observer: Observer) -> PhotoGallery:
    snapshot = take_snapshot(load({"result": folder}), observer)
    own = profile_of(snapshot.settings).encoder
    if encoder not in (None, own):
        raise UserError(
            f"the result folder {folder} belongs to the encoder {own}, not {encoder}; leave out --encoder, or move it "
            f"over with `face-classifier reencode --encoder {encoder} --result {folder}`"
        )
    portraits = defaultdict(list)
    for face, path in zip(snapshot.faces, snapshot.pictures, strict=True):
        if face.person is not None and face.encoding is not None:
            portraits[face.person].append(Portrait(str(path), face.encoding, None))
    if not portraits:
        raise UserError(f"the result folder {folder} has no person with a face; classify something into it first")
    return PhotoGallery([Person(name, tuple(portraits[name])) for name in sorted(portraits)], own, len(snapshot.faces))


def _pictures(folder: str | None, index: Path, observer: Observer) -> list[tuple[str, Path]]:
    """Name, which is the path in the folder, and path of each photo; none if they are away but the index is there."""
    try:
        pictures = find_pictures(folder, observer.at_end) if folder is not None else []
    except UserError:
        if index.exists():
            return []
        raise
    top = Path(folder or "")
    if kind_of(top) == ALBUM:
        nobodys = top, top / CROPS, top / FETCHED
        pictures = [path for path in pictures if path.parent not in nobodys]
        if not pictures:
            raise UserError(f"the album in {folder} has no folder of a person; give a folder of photos of people")
    return [(path.relative_to(top).as_posix(), path) for path in pictures]


def _people(photos: Iterable[Photo], folder: Path, meant: Mapping[tuple[str, str], int]) -> list[Person]:
    """Whom the photos show: `<name>/...` or `<name>.jpg`. A Mac decomposes the letters of names.

    ``meant``: which of its faces a photo is there for, by the name and the photo's content, where that is known.
    """
    by_name: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        if photo.faces:
            path = Path(composed(photo.name))
            by_name[path.parts[0] if len(path.parts) > 1 else path.stem].append(photo)
    meant = {(composed(name), content): face for (name, content), face in meant.items()}
    return [
        Person(name, tuple(_portraits(shown, [meant.get((name, photo.content)) for photo in shown], folder)))
        for name, shown in sorted(by_name.items())
    ]


def _portraits(photos: Sequence[Photo], meant: Sequence[int | None], folder: Path) -> list[Portrait]:
    """One face of each photo of a person: the one that is meant.

    Where that is not known it is the largest, or of several photos the one most like the others: in press photos the
    person is not always the one in front.
    """
    sure = [
        photo.faces[number] if number is not None and number < len(photo.faces) else None
        for photo, number in zip(photos, meant, strict=True)
    ]
    likely = [face or photo.largest for photo, face in zip(photos, sure, strict=True)]
    encodings = np.array([face.encoding for face in likely])
    portraits = []
    for number, (photo, face) in enumerate(zip(photos, likely, strict=True)):
        if sure[number] is None and len(photos) > 2 and len(photo.faces) > 1:
            others = np.delete(encodings, number, axis=0)
            face = min(photo.faces, key=partial(_off, others=others))
        portraits.append(Portrait(str(folder / photo.name), face.encoding, face.tile, photo.content))
    return portraits


def _off(face: PhotoFace, others: npt.NDArray[np.float64]) -> float:
    return float(np.median(np.linalg.norm(others - face.encoding, axis=1)))
