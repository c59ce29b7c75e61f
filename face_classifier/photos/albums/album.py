"""An album: photos in, people out, and a folder of them to look through."""

from __future__ import annotations

import colorsys
import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from face_classifier.core import names, settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.errors import StoppedError, UserError
from face_classifier.core.progress import Observer
from face_classifier.core.types import ENCODING_SIZE, Image
from face_classifier.display import contact_sheet
from face_classifier.display.text import SHADE, Color
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.identity.cluster import Rule
from face_classifier.identity.naming import is_named
from face_classifier.identity.profiles import BY_ENCODER, EncoderProfile
from face_classifier.photos.albums import html_page as lookthrough
from face_classifier.photos.albums import sidecars
from face_classifier.photos.albums.corrections import Said
from face_classifier.photos.albums.folder import CROPS, AlbumFolder, usable
from face_classifier.photos.albums.groups import Faces, Group, Known, group
from face_classifier.photos.albums.manifest import Entry, FaceKey
from face_classifier.photos.download import shown_address
from face_classifier.photos.finder import TILE, UNSURE, PhotoFace, tile_image
from face_classifier.photos.index import INDEX, Photo, PhotoIndex
from face_classifier.photos.inputs import Folder, Item, fetch_all, items_of
from face_classifier.photos.lookalike.people import ENCODER, finder_of
from face_classifier.sources.picture import read_picture

CROP = 112  # pixels
NO_FACE, NOBODY = -2, -1  # in ``group_idx`` of an image
HEADER = ("person", "photos", "faces", "folder")
GROUPS, PAGE, PLOT, TABLE = "groups.json", "index.html", "plot.png", "faces.csv"  # in OUT
_COLUMNS, _MOST_ON_SHEET = 8, 160
_SHEET_TILE = 120  # pixels
_THUMBNAIL = 224  # pixels of the longer side: twice what the page shows, for fine screens
_LONG_NAME = 200  # bytes, of the 255 that a file's name may have
_NEVER = threading.Event()
_T = TypeVar("_T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wishes:
    """What is to be made of an album."""

    out: str | None = None  # the folder to sort it into; None = nowhere
    threshold: float | str | None = None  # L2; None = the encoder's
    encoder: str | None = None  # None = the result folder's, else the usual one of photos
    result: str | None = None  # a result folder, whose people give their names
    copies: bool = False  # of the photos, not links
    plot: bool = False
    sidecars: bool = False
    allow_private: bool = False  # addresses


@dataclass(frozen=True, eq=False)
class AlbumFace:
    """A face in a photo of an album."""

    photo: Photo
    number: int  # from 0, among those of the photo
    face: PhotoFace
    path: Path  # of the photo

    @property
    def key(self) -> FaceKey:
        return self.photo.content, self.number

    @property
    def crop(self) -> Image:
        """The face and a fifth of its size around it: (112, 112, 3) uint8 BGR."""
        edge = (TILE - CROP) // 2  # in a tile the face is 80 pixels wide
        return np.ascontiguousarray(tile_image(self.face.tile)[edge:-edge, edge:-edge])

    @property
    def crop_name(self) -> str:
        """Where in OUT the crop is written."""
        return f"{CROPS}/{self.photo.content[:16]}-{self.number}.png"


@dataclass(frozen=True, eq=False)
class Album:
    """Photos, the faces in them, and whose they are."""

    items: list[Item]  # as given
    faces: list[AlbumFace]
    groups: list[Group]  # numbers of faces
    folders: dict[int, str]  # of each valid group: the name of its folder in OUT
    out: str | None
    failed: bool  # something that the user named could not be read

    @property
    def is_read(self) -> bool:
        """Whether any photo was."""
        return any(item.content is not None for item in self.items)

    @property
    def valid(self) -> list[int]:
        """Places of the groups that are people."""
        return [number for number, one in enumerate(self.groups) if one.is_valid]

    @cached_property
    def group_of(self) -> dict[int, int]:
        """The group of each face."""
        return {joined.face: number for number, one in enumerate(self.groups) for joined in one.faces}

    @cached_property
    def faceless(self) -> dict[str, Path]:
        """Content and path of each photo that shows no face."""
        with_faces = {face.photo.content for face in self.faces}
        found = {item.content: item.path for item in self.items if item.path and item.content}
        return {content: path for content, path in found.items() if content not in with_faces}

    def images(self) -> list[dict[str, Any]]:
        """See `run_face_recog`."""
        found: dict[str, list[int]] = {}
        for number, face in enumerate(self.faces):
            found.setdefault(face.photo.content, []).append(self.group_of[number])
        people = set(self.valid)
        images = []
        for item in self.items:
            here = found.get(item.content or "", [])
            groups = sorted(set(here) & people) or [NOBODY if here else NO_FACE]
            images.append({**item.record, "group_idx": groups})
        return images

    def group_records(self, root: Path) -> list[dict[str, Any]]:
        """The groups of `run_face_recog` without the pictures. ``root``: what the paths of crops begin with."""
        first = {item.content: place for place, item in reversed(list(enumerate(self.items)))}
        return [
            {
                "original_images_idx_list": [first[self.faces[one.face].photo.content] for one in found.faces],
                "crop_path_list": [
                    "" if self.out is None else str(root / self.faces[one.face].crop_name) for one in found.faces
                ],
                "face2_idx_list": [one.face for one in found.faces],
                "face1_idx_list": [[] if one.to is None else one.to for one in found.faces],
                "cosine_similarity_list": [one.similarity for one in found.faces],
            }
            for found in self.groups
        ]

    def record(self) -> dict[str, Any]:
        """As JSON: what `run_face_recog` returns, without the pictures, and paths of crops relative to OUT."""
        return {"groups": self.group_records(Path()), "group_idx_list": self.valid, "images": self.images()}

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """A line of the table for each person; see ``HEADER``."""
        for number in self.valid:
            folder, faces = self.folders[number], self.groups[number].faces
            yield folder, str(len(self.photos_of(number))), str(len(faces)), str(Path(self.out or "") / folder)

    def photos_of(self, number: int) -> set[str]:
        """Contents of the photos that a group is in."""
        return {self.faces[joined.face].photo.content for joined in self.groups[number].faces}

    def summary(self) -> str:
        """What is not in the table, in words."""
        faceless = sum(item.content is not None and image["group_idx"] == [NO_FACE] for item, image in self._both())
        singles = len(self.groups) - len(self.valid)
        unread = sum(item.content is None for item in self.items)
        counts = (
            (faceless, "photo without a face", "photos without a face"),
            (singles, "person seen once", "people seen once"),
            (unread, "photo that could not be read", "photos that could not be read"),
        )
        return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts)

    def _both(self) -> Iterator[tuple[Item, dict[str, Any]]]:
        return zip(self.items, self.images(), strict=True)


def run_face_recog(
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Mapping[str, Any]],
    *,
    out: str | os.PathLike[str] | None = None,
    threshold: float | None = None,
    encoder: str | None = None,
    result: str | os.PathLike[str] | None = None,
    allow_private: bool = False,
    observer: Observer | None = None,
) -> tuple[list[dict[str, Any]], list[int], list[dict[str, Any]]]:
    """Group the faces of photos by person: ``groups, group_idx_list, images``.

    ``images``: a folder (with all below), or a list of files, folders, addresses, and mappings of an ``id`` (anything)
    and a ``url`` (http, https, file, or a path). ``out``: the folder that they are sorted into, as by the command
    `group`; None = nowhere. ``threshold``: L2 between encodings; None = the encoder's. ``encoder``: "dlib" or "sface".
    ``result``: a result folder, whose people give their names to the groups, and which is only read.
    ``allow_private``: fetch from addresses that are not on the public internet. ``observer`` is told of each photo that
    cannot be read; None = the log is.

    ``groups``, the largest first, every face in one of them; a group's id is its place in the list. Each is a dict of
    lists, with an entry for each of its faces in the order in which they joined: first the one nearest to their mean,
    then always the one most like any that is in.

    * ``original_images_idx_list``: the place of the face's photo in ``images``; the first of those with that content.
    * ``crop_path_list``: where the crop was written, beginning with ``out`` as given; "" without ``out``. (In the file
      ``groups.json`` these paths are relative to the folder that it lies in.)
    * ``face_list``: the crop, (112, 112, 3) uint8 BGR.
    * ``face2_idx_list``: the number of the face among all faces, from 0, photo by photo and from left to right.
    * ``face1_idx_list``: the number of the face that it matched when it joined; for the first an empty list.
    * ``cosine_similarity_list``: of these two encodings, -1 to 1; for the first -1.

    ``group_idx_list``: the ids of the valid groups: those of at least two faces, or with the name of somebody known.

    ``images``: a dict for each photo in the given order, a folder's sorted by path: as it was given, with an ``id``
    (the url if there was none), ``url``, and ``group_idx``: the valid groups that are in it, sorted; [-1] = faces, but
    none in a valid group; [-2] = no face, or not to be read, or no photo at all. Two items of the same content are one
    photo, whose faces count once; ids need not differ.

    The same photos in another order make the same groups with the same ids. Raises UserError where nothing can be done:
    a folder that cannot be used, a result folder of another encoder.
    """
    wishes = Wishes(
        os.fspath(out) if out is not None else None,
        threshold,
        encoder,
        os.fspath(result) if result is not None else None,
        allow_private=allow_private,
    )
    given = [images] if isinstance(images, (str, os.PathLike, Mapping)) else list(images)
    album = group_album(given, wishes, observer or _Log(), _NEVER)
    groups = [
        {**record, "face_list": [album.faces[joined.face].crop for joined in found.faces]}
        for record, found in zip(album.group_records(Path(wishes.out or "")), album.groups, strict=True)
    ]
    return groups, album.valid, album.images()


class _Log:
    """Watches for those who have no screen."""

    def problem(self, sentence: str) -> None:
        logger.warning(names.shown(sentence))

    at_end = problem

    def through(self, steps: Sequence[_T], name: str) -> Iterator[_T]:
        yield from steps


def group_album(
    given: Sequence[str | os.PathLike[str] | Mapping[str, Any]],
    wishes: Wishes,
    observer: Observer,
    stopping: threading.Event,
) -> Album:
    """Group photos as `run_face_recog` does, and sort them into ``wishes.out``. Raises UserError, StoppedError."""
    known, space = _known(wishes, observer)
    founding = settings.load({}).founding
    rule = space.rule.stricter(_threshold(wishes, space) / space.threshold, founding)
    with ExitStack() as stack:
        shelf = stack.enter_context(AlbumFolder(Path(wishes.out))) if wishes.out is not None else None
        for sentence in shelf.lacks() if shelf else ():
            observer.problem(sentence)
        aside = [Path(place) for place in (wishes.out, wishes.result) if place is not None]
        items, missing = items_of(given, shelf.path if shelf else None, aside, observer)
        keeper = shelf or Folder(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        fetch_all(items, keeper, wishes.allow_private, observer, stopping)
        photos = _read(items, space, shelf, observer, stopping)
        faces = _faces(items, photos)
        said = _said(shelf, items, faces, observer)
        if shelf is not None:
            known = [replace(one, name=shelf.spelled(one.name)) for one in known]
        groups = _grouped(faces, rule, known, said)
        folders: dict[int, str] = {}
        nothing = not photos and bool(items or missing)
        failed = missing or nothing or any(item.named and item.content is None for item in items)
        if shelf is not None:
            valid = [number for number, one in enumerate(groups) if one.is_valid]
            keys = [(groups[number].name, [faces[one.face].key for one in groups[number].faces]) for number in valid]
            folders = dict(zip(valid, shelf.name_groups(keys), strict=True))
        album = Album(items, faces, groups, folders, wishes.out, failed)
        if shelf is not None and nothing:
            shelf.discard(INDEX)
            outcome = "is not made" if shelf.is_new else "stays as it is"
            observer.problem(f"no photo could be read, and {wishes.out} {outcome}")
        elif shelf is not None:
            unwritten = not _sort_into(shelf, album, wishes, observer)
            album = replace(album, failed=album.failed or unwritten)
    return album


# What comes in


def _known(wishes: Wishes, observer: Observer) -> tuple[list[Known], EncoderProfile]:
    """The people of the result folder, if there is one, and the space of all encodings."""
    if wishes.encoder not in (None, *BY_ENCODER):
        raise UserError(f"--encoder is {wishes.encoder!r}, but must be one of {', '.join(BY_ENCODER)}")
    if wishes.result is None:
        return [], BY_ENCODER[wishes.encoder or ENCODER]
    whole = take_snapshot(settings.load({"result": wishes.result}), observer)
    own = whole.settings.encoder
    if wishes.encoder not in (None, own):
        raise UserError(
            f"the result folder {wishes.result} belongs to the encoder {own}, not {wishes.encoder}; leave out --encoder"
        )
    found: dict[str, list[tuple[Any, float]]] = {}
    for face in whole.faces:
        if is_named(face.person) and face.encoding is not None:
            found.setdefault(str(face.person), []).append((face.encoding, _weight(face.quality)))
    people = [
        Known(usable(name), np.array([one for one, _ in faces]), np.array([quality for _, quality in faces]))
        for name, faces in found.items()
    ]
    return people, BY_ENCODER[own]


def _threshold(wishes: Wishes, space: EncoderProfile) -> float:
    """The user's, or the encoder's. Raises UserError, also for "auto", which result folders alone know."""
    try:
        wished = settings.load({"threshold": wishes.threshold}).threshold
        return space.threshold if wished is None else float(wished)
    except (UserError, ValueError) as error:
        raise UserError(
            f"the threshold is {wishes.threshold or 'auto'!r}, but must be a number above 0 and at most 2; "
            f"{space.threshold:g} is usual with {space.encoder}"
        ) from error


def _weight(quality: float | None) -> float:
    return 1.0 if quality is None else quality


def _read(
    items: Sequence[Item],
    space: EncoderProfile,
    shelf: AlbumFolder | None,
    observer: Observer,
    stopping: threading.Event,
) -> dict[str, Photo]:
    """The photos by content; each item is told its own. What cannot be read is told."""
    paths = sorted({item.path for item in items if item.path is not None})
    with PhotoIndex(shelf.path / INDEX if shelf else None, space.name, MODES[settings.load({}).mode]) as index:
        reading = index.read(
            [(str(path), path) for path in paths],
            finder_of(space.encoder, observer.problem),
            stopping,
            lambda steps: observer.through(steps, "photos"),
        )
    if reading.stopped or stopping.is_set():
        raise StoppedError("stopped before all photos were read; run it again, and it goes on from there")
    failed = dict(reading.failed)
    by_name = {photo.name: photo for photo in reading.photos}
    for item in items:
        if item.path is not None:
            item.problem = _problem(item, failed.get(str(item.path)))
            photo = by_name.get(str(item.path))
            item.content = photo.content if photo else None
    for problem in dict.fromkeys(item.problem for item in items if item.problem is not None):
        observer.problem(problem)
    return {photo.content: photo for photo in reading.photos}


def _problem(item: Item, sentence: str | None) -> str | None:
    """What came from an address is called by that, and is fetched anew the next time."""
    if sentence is None or item.address is None or item.path is None:
        return sentence
    item.path.unlink(missing_ok=True)
    return sentence.replace(str(item.path), shown_address(item.address))


def _faces(items: Iterable[Item], photos: Mapping[str, Photo]) -> list[AlbumFace]:
    """Photo by photo. What only a doubtful search found is not meant."""
    path_of: dict[str, Path] = {}
    for item in items:
        if item.content is not None and item.path is not None:
            path_of[item.content] = min(item.path, path_of.get(item.content, item.path))
    return [
        AlbumFace(photos[content], number, face, path)
        for content, path in path_of.items()
        if photos[content].how != UNSURE
        for number, face in enumerate(photos[content].faces)
    ]


# Who is who


def _said(shelf: AlbumFolder | None, items: Iterable[Item], faces: Iterable[AlbumFace], observer: Observer) -> Said:
    if shelf is None:
        return Said({}, [])
    photos = {os.path.realpath(item.path): item.content for item in items if item.path and item.content}
    counts = dict.fromkeys(photos.values(), 0)
    for face in faces:
        counts[face.photo.content] += 1
    return shelf.listen(photos, counts, observer.problem)


def _grouped(faces: Sequence[AlbumFace], rule: Rule, known: Iterable[Known], said: Said) -> list[Group]:
    contents = {content: number for number, content in enumerate(dict.fromkeys(face.photo.content for face in faces))}
    place = {face.key: number for number, face in enumerate(faces)}
    cannot_links = [(place[one], place[other]) for one, other in said.cannot_links if one in place and other in place]
    return group(
        Faces(
            np.array([face.face.encoding for face in faces], np.float64).reshape(len(faces), ENCODING_SIZE),
            np.array([_weight(face.face.quality) for face in faces], np.float64),
            np.array([contents[face.photo.content] for face in faces], np.int64),
        ),
        rule,
        known,
        [said.together.get(face.key) for face in faces],
        np.array(cannot_links, np.int64).reshape(-1, 2),
    )


# What comes out


def _sort_into(shelf: AlbumFolder, album: Album, wishes: Wishes, observer: Observer) -> bool:
    """False where sidecars could not be written."""
    people = {
        album.folders[number]: [
            (face.key, face.path) for joined in album.groups[number].faces for face in [album.faces[joined.face]]
        ]
        for number in album.valid
    }
    here = {item.content for item in album.items}

    def stays(entry: Entry) -> bool:
        """A copy may be all that there is of a photo, and a part of the album that failed will be back."""
        return entry.content not in here and (album.failed or entry.link is None)

    links = shelf.fill(people, copies=wishes.copies, stays=stays)
    written = not wishes.sidecars or sidecars.write_sidecars(_regions(album, named_only=True), observer.problem)
    shelf.write(list(_files(album, links, wishes)), observer.problem)
    return written


def _files(
    album: Album, links: Mapping[str, Mapping[FaceKey, str]], wishes: Wishes
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Path in OUT of everything but the links, and what makes its content."""
    for face in album.faces:
        yield face.crop_name, partial(_crop_png, face)
    for content, path in album.faceless.items():
        name = _thumbnail_name(content)
        yield name, partial(_thumbnail, Path(album.out or "") / name, path)
    for number in album.valid:
        yield _sheet_name(album.folders[number]), partial(_sheet_png, album, number)
    if wishes.plot:
        yield PLOT, lambda: png_bytes(_plot(album))
    yield TABLE, lambda: sidecars.csv_bytes(_regions(album, named_only=False))
    yield GROUPS, partial(_json, album)
    beside = {"all faces in the plane": PLOT} if wishes.plot else {}
    beside |= {"names and boxes of faces as CSV": TABLE, "groups as JSON": GROUPS}
    yield PAGE, lambda: _page(album, links, beside)


def _crop_png(face: AlbumFace) -> bytes:
    return png_bytes(face.crop)


def _thumbnail_name(content: str) -> str:
    """Where in OUT a photo without a face is shown small: browsers do not show all that is read."""
    return f"{CROPS}/{content[:16]}.jpg"


def _thumbnail(made: Path, photo: Path) -> bytes:
    """All of a photo as a small JPEG; ``made``: where it was written before, as its name tells its content."""
    if made.is_file():
        return made.read_bytes()
    return contact_sheet.encoded(contact_sheet.shrunk(read_picture(photo), _THUMBNAIL), ".jpg")


def _sheet_png(album: Album, number: int) -> bytes:
    return png_bytes(_sheet(album.folders[number], [album.faces[one.face] for one in album.groups[number].faces]))


def _json(album: Album) -> bytes:
    return names.json_text(album.record(), indent=1).encode()


def _sheet_name(folder: str) -> str:
    """A folder's name may be as long as a file's may, and then its sheet is called after the beginning and a hash."""
    whole = os.fsencode(folder)
    if len(whole) > _LONG_NAME:
        folder = f"{whole[:_LONG_NAME].decode(errors='ignore')}-{hashlib.sha256(whole).hexdigest()[:8]}"
    return f"sheet.{folder}.png"


def _sheet(name: str, faces: Sequence[AlbumFace]) -> Image:
    tiles = [
        contact_sheet.captioned(contact_sheet.square(tile_image(face.face.tile), _SHEET_TILE), face.path.name)
        for face in faces[:_MOST_ON_SHEET]
    ]
    drawn = contact_sheet.grid(tiles, _COLUMNS)
    count = "1 face" if len(faces) == 1 else f"{len(faces)} faces"
    if len(faces) > _MOST_ON_SHEET:
        count = f"{_MOST_ON_SHEET} of {count}"
    return contact_sheet.stacked([contact_sheet.heading(f"{name} · {count}", drawn.shape[1]), drawn])


def _plot(album: Album) -> Image:
    """t-SNE of all encodings with thumbnails, in a colour a person; people seen once are grey."""
    from face_classifier.display.face_map import draw_plane

    colors = {number: _color(place) for place, number in enumerate(album.valid)}
    of = [album.group_of[number] for number in range(len(album.faces))]
    return draw_plane(
        np.array([face.face.encoding for face in album.faces]),
        [tile_image(face.face.tile) for face in album.faces],
        [colors.get(number, _GREY) for number in of],
        [album.folders.get(number, "") for number in of],
    )


_GREY: Color = (130, 130, 130)


def _color(place: int) -> Color:
    """Hues a golden angle apart, so that the first few differ most.

    On the dark ground they keep a contrast of 4.5 to 1 at least (WCAG 2, level AA): blue and violet get white for it.
    """
    hue, lightness = place * 0.381966 % 1, (0.65, 0.5, 0.8)[place // 8 % 3]
    while _contrast(color := _bgr(hue, lightness)) < _LEAST_CONTRAST:
        lightness += 0.02
    return color


_LEAST_CONTRAST = 4.5


def _bgr(hue: float, lightness: float) -> Color:
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.9)
    return round(blue * 255), round(green * 255), round(red * 255)


def _contrast(color: Color) -> float:
    """To the ground of pictures, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    return (_luminance(color) + 0.05) / (_luminance(SHADE) + 0.05)


def _luminance(color: Color) -> float:
    """0 to 1 (WCAG 2.2, "relative luminance" of sRGB)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in color)]
    return 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]


def _page(album: Album, links: Mapping[str, Mapping[FaceKey, str]], beside: Mapping[str, str]) -> bytes:
    """``links``: of each face its name in a folder. ``beside``: what else is in OUT to look at, and its name."""
    root = Path(os.path.realpath(album.out or ""))

    def relative(path: Path) -> str:
        return os.path.relpath(Path(os.path.realpath(path.parent)) / path.name, root)

    def picture(face: AlbumFace, folder: str | None) -> lookthrough.Picture:
        leads_to = f"{folder}/{links[folder][face.key]}" if folder else relative(face.path)
        return lookthrough.Picture(face.crop_name, leads_to, face.path.name)

    people = [
        lookthrough.Person(
            album.folders[number],
            f"{count} photo" if (count := len(album.photos_of(number))) == 1 else f"{count} photos",
            [picture(album.faces[one.face], album.folders[number]) for one in album.groups[number].faces],
        )
        for number in album.valid
    ]
    alone = [picture(album.faces[one.faces[0].face], None) for one in album.groups if not one.is_valid]
    faceless = [
        lookthrough.Picture(_thumbnail_name(content), relative(path), path.name)
        for content, path in album.faceless.items()
    ]
    rest = [("People seen once", alone), ("Photos without a face", faceless)]
    unread = dict.fromkeys(item.problem for item in album.items if item.problem is not None)
    return lookthrough.page(
        "People in this album", people, rest, ("Photos that could not be read", list(unread)), beside
    )


def _regions(album: Album, *, named_only: bool) -> Iterator[tuple[Path, sidecars.Size, list[sidecars.Region]]]:
    """Path, size, and names and boxes of each photo with faces."""
    found: dict[Path, list[int]] = {}
    for number, face in enumerate(album.faces):
        found.setdefault(face.path, []).append(number)
    for path, numbers in sorted(found.items()):
        regions = []
        for number in numbers:
            name = album.folders.get(album.group_of[number])
            shown = name if is_named(name) or not named_only else None
            regions.append(sidecars.Region(shown, album.faces[number].face.box))
        yield path, album.faces[numbers[0]].photo.size, regions
