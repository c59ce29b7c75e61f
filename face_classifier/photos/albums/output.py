"""What is written into the folder of an album beside the links: crops, contact sheets, a page, tables, and sidecars."""

from __future__ import annotations

import colorsys
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from face_classifier.core import names
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.types import Image
from face_classifier.core.words import counted
from face_classifier.display import contact_sheet
from face_classifier.display.patches import SHADE, Color
from face_classifier.identity.naming import is_named
from face_classifier.photos.albums import html_page, sidecars
from face_classifier.photos.albums.folder import CROPS
from face_classifier.photos.albums.manifest import FaceKey
from face_classifier.photos.albums.result import Album, AlbumFace
from face_classifier.photos.finder import tile_image
from face_classifier.sources.picture import read_picture

GROUPS, PAGE, PLOT, TABLE = "groups.json", "index.html", "plot.png", "faces.csv"  # in OUT
_COLUMNS, _MOST_ON_SHEET = 8, 160
_SHEET_TILE = 120  # pixels
_THUMBNAIL = 224  # pixels of the longer side: twice what the page shows, for fine screens
_LONG_NAME = 200  # bytes, of the 255 that a file's name may have
_GREY: Color = (130, 130, 130)
_LEAST_CONTRAST = 4.5


def files(
    album: Album, links: Mapping[str, Mapping[FaceKey, str]], *, plot: bool
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Path in OUT of everything but the links, and what makes its content.

    ``links``: of each folder the name of each face's link. ``plot``: of all faces in the plane, too.
    """
    for face in album.faces:
        yield face.crop_name, partial(_crop_png, face)
    for content, path in album.faceless.items():
        name = _thumbnail_name(content)
        yield name, partial(_thumbnail, Path(album.out or "") / name, path)
    for number in album.valid:
        yield _sheet_name(album.folders[number]), partial(_sheet_png, album, number)
    if plot:
        yield PLOT, lambda: png_bytes(_plot(album))
    yield TABLE, lambda: sidecars.csv_bytes(regions(album, named_only=False))
    yield GROUPS, partial(_json, album)
    beside = {"all faces in the plane": PLOT} if plot else {}
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
    faces = [album.faces[joined.face] for joined in album.groups[number].faces]
    return png_bytes(_sheet(album.folders[number], faces))


def _json(album: Album) -> bytes:
    return names.json_text(album.record(), indent=1).encode()


def _sheet_name(folder: str) -> str:
    """A folder's name may be as long as a file's may, and then its sheet is called after the beginning and a hash."""
    name = os.fsencode(folder)
    if len(name) > _LONG_NAME:
        folder = f"{name[:_LONG_NAME].decode(errors='ignore')}-{hashlib.sha256(name).hexdigest()[:8]}"
    return f"sheet.{folder}.png"


def _sheet(name: str, faces: Sequence[AlbumFace]) -> Image:
    tiles = [
        contact_sheet.captioned(contact_sheet.square(tile_image(face.face.tile), _SHEET_TILE), face.path.name)
        for face in faces[:_MOST_ON_SHEET]
    ]
    drawn = contact_sheet.grid(tiles, _COLUMNS)
    count = counted(len(faces), "face")
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


def _color(place: int) -> Color:
    """Hues a golden angle apart, so that the first few differ most.

    On the dark ground they keep a contrast of 4.5 to 1 at least (WCAG 2, level AA): blue and violet get white for it.
    """
    hue, lightness = place * 0.381966 % 1, (0.65, 0.5, 0.8)[place // 8 % 3]
    while _contrast(color := _bgr(hue, lightness)) < _LEAST_CONTRAST:
        lightness += 0.02
    return color


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

    def picture(face: AlbumFace, folder: str | None) -> html_page.PagePicture:
        leads_to = f"{folder}/{links[folder][face.key]}" if folder else relative(face.path)
        return html_page.PagePicture(face.crop_name, leads_to, face.path.name)

    people = [
        html_page.PersonSection(
            album.folders[number],
            counted(len(album.photos_of(number)), "photo"),
            [picture(album.faces[joined.face], album.folders[number]) for joined in album.groups[number].faces],
        )
        for number in album.valid
    ]
    alone = [picture(album.faces[single.faces[0].face], None) for single in album.groups if not single.is_valid]
    faceless = [
        html_page.PagePicture(_thumbnail_name(content), relative(path), path.name)
        for content, path in album.faceless.items()
    ]
    rest = [("People seen once", alone), ("Photos without a face", faceless)]
    unread = dict.fromkeys(item.problem for item in album.items if item.problem is not None)
    return html_page.page("People in this album", people, rest, ("Photos that could not be read", list(unread)), beside)


def regions(album: Album, *, named_only: bool) -> Iterator[tuple[Path, sidecars.Size, list[sidecars.Region]]]:
    """Path, size, and names and boxes of each photo with faces."""
    faces_in: dict[Path, list[int]] = {}
    for number, face in enumerate(album.faces):
        faces_in.setdefault(face.path, []).append(number)
    for path, numbers in sorted(faces_in.items()):
        boxes = []
        for number in numbers:
            name = album.folders.get(album.group_of[number])
            shown = name if is_named(name) or not named_only else None
            boxes.append(sidecars.Region(shown, album.faces[number].face.box))
        yield path, album.faces[numbers[0]].photo.size, boxes
