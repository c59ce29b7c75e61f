"""Names and face regions out, for other programs: XMP sidecar files next to photos, and CSV.

Regions follow the Metadata Working Group's "Guidelines for Handling Image Metadata" 2.0 (2010), section 5.9, as in
digiKam, Lightroom and Picasa. "Region metadata is applied to the stored image", it says there: a region is told in the
picture as it lies in the file, before its EXIF orientation is applied, and AppliedToDimensions is the size of that.
digiKam reads it so and turns regions with the picture. Boxes come in the upright picture, and are turned back here.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import stat
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import PIL.Image as Pillow
from PIL import ExifTags

from face_classifier.core.disk.durable import write_durably
from face_classifier.core.errors import UserError
from face_classifier.core.names import shown
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Box
from face_classifier.core.words import counted

Size = tuple[int, int]  # width, height in pixels

_NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "faceclassifier": "urn:face-classifier:sidecar:",
}
for _prefix, _uri in _NAMESPACES.items():
    ElementTree.register_namespace(_prefix, _uri)

# How a point of the upright picture is found in the stored one, by EXIF orientation; both from 0 to 1
_TO_STORED = {
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (y, 1 - x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (1 - y, x),
}
_SIDEWAYS = 5  # from this orientation on width and height change places
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SEAL = re.compile(rb'(?<=faceclassifier:seal=")[0-9a-f]{64}(?=")')
_UNSEALED = b"0" * 64


@dataclass(frozen=True)
class Region:
    """A face in a photo."""

    name: str | None  # None = unknown
    box: Box  # pixels of the upright picture; may reach outside


def write_sidecars(photos: Iterable[tuple[Path, Size, Sequence[Region]]], tell: Callable[[str], None]) -> bool:
    """``write_sidecar`` for many photos; False if some could not be written, which is told in a sentence a folder."""
    unwritten: dict[tuple[Path, str | None], int] = defaultdict(int)
    for photo, size, regions in photos:
        try:
            with supervised(photo):
                write_sidecar(photo, size, regions)
        except UserError as error:
            if isinstance(error.__cause__, OSError):
                unwritten[photo.parent, error.__cause__.strerror] += 1
            else:
                tell(str(error))
    for (folder, reason), count in unwritten.items():
        tell(f"{counted(count, 'sidecar')} cannot be written into {folder} ({reason}); check that you may write there")
    return not unwritten


def write_sidecar(photo: Path, size: Size, regions: Sequence[Region]) -> bool:
    """Write ``photo.jpg.xmp`` beside ``photo.jpg``, the name under which digiKam and darktable look for it.

    ``size`` is that of the upright picture. Beside the regions there are the names as keywords: ``dc:subject``,
    ``digiKam:TagsList`` (People/Name) and ``lr:hierarchicalSubject`` (People|Name). Boxes are clipped to the picture,
    and those outside are left out. The photo is never touched. A sidecar that another program wrote, or changed after
    us, is left alone: ours carry a hash of their content. False if there was nothing to write: no region and no
    sidecar, or the very same sidecar. Raises UserError.
    """
    path = photo.with_name(f"{photo.name}.xmp")
    seen = _inside(size, regions)
    try:
        content = _sealed(_document(size, _orientation(photo), seen))
        before = path.read_bytes() if path.exists() or path.is_symlink() else None
        if before is not None and not _is_ours(before):
            raise UserError(
                f"{path} was written or changed by another program and is left alone; "
                "move it away to have the names written"
            )
        if before == content or (before is None and not seen):
            return False
        write_durably(path, content, stat.S_IMODE(photo.stat().st_mode) & 0o666)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); check the folder and the photo") from error
    return True


def csv_bytes(photos: Iterable[tuple[Path, Size, Sequence[Region]]]) -> bytes:
    """A row a face: file, name (empty = unknown), box (clipped) and size of the upright picture, in pixels; in UTF-8.

    ``photos`` are path, size of the upright picture and regions of each.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow("file name left top right bottom width height".split())
    for photo, size, regions in photos:
        for region in _inside(size, regions):
            box = region.box
            name = None if region.name is None else shown(region.name)
            writer.writerow([shown(str(photo)), name, box.left, box.top, box.right, box.bottom, *size])
    return table.getvalue().encode()


def write_csv(path: Path, photos: Iterable[tuple[Path, Size, Sequence[Region]]]) -> None:
    """Write what ``csv_bytes`` makes. Raises UserError."""
    try:
        write_durably(path, csv_bytes(photos))
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); choose another place") from error


def _inside(size: Size, regions: Sequence[Region]) -> list[Region]:
    """The regions clipped to the picture, those with a name first: digiKam reads no further than one without."""
    width, height = size
    clipped = [
        Region(region.name, Box(max(0, box.top), min(width, box.right), min(height, box.bottom), max(0, box.left)))
        for region in regions
        for box in [region.box]
        if box.left < width and box.top < height and box.right > 0 and box.bottom > 0
    ]
    return sorted(clipped, key=lambda region: region.name is None)


def _orientation(photo: Path) -> int:
    """The photo's EXIF orientation, 1 where it tells none, as Pillow's ``exif_transpose`` understands it."""
    try:
        with warnings.catch_warnings(), Pillow.open(photo) as picture:
            warnings.simplefilter("ignore")
            orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception as error:  # damaged EXIF is no orientation, as when the picture was read
        if isinstance(error, OSError) and error.errno:
            raise
        return 1
    return orientation if orientation in _TO_STORED else 1


def _document(size: Size, orientation: int, regions: list[Region]) -> bytes:
    """The XMP document, not yet sealed."""
    root = ElementTree.Element(_tag("x:xmpmeta"))
    description = _child(_child(root, "rdf:RDF"), "rdf:Description")
    description.set(_tag("rdf:about"), "")
    description.set(_tag("faceclassifier:seal"), _UNSEALED.decode())
    _child(description, "xmp:CreatorTool", "Face Classifier")
    names = list(dict.fromkeys(_text(region.name) for region in regions if region.name is not None))
    _list(description, "dc:subject", "rdf:Bag", names)
    # a name with the separator in it would become two levels
    _list(description, "digiKam:TagsList", "rdf:Seq", [f"People/{name}" for name in names if "/" not in name])
    _list(description, "lr:hierarchicalSubject", "rdf:Bag", [f"People|{name}" for name in names if "|" not in name])
    _regions(description, size, orientation, regions)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _regions(parent: ElementTree.Element, size: Size, orientation: int, regions: list[Region]) -> None:
    width, height = size
    sideways = orientation >= _SIDEWAYS
    stored = (height, width) if sideways else size
    info = _structure(parent, "mwg-rs:Regions")
    dimensions = _structure(info, "mwg-rs:AppliedToDimensions")
    for name, value in zip("wh", stored, strict=True):
        _child(dimensions, f"stDim:{name}", str(value))
    _child(dimensions, "stDim:unit", "pixel")
    bag = _child(_child(info, "mwg-rs:RegionList"), "rdf:Bag")
    for region in regions:
        box = region.box
        x, y = _TO_STORED[orientation]((box.left + box.right) / 2 / width, (box.top + box.bottom) / 2 / height)
        w, h = box.width / width, box.height / height
        item = _structure(bag, "rdf:li")
        area = _structure(item, "mwg-rs:Area")
        for name, part in zip("xywh", (x, y, h, w) if sideways else (x, y, w, h), strict=True):
            _child(area, f"stArea:{name}", f"{part:.6f}")
        _child(area, "stArea:unit", "normalized")
        _child(item, "mwg-rs:Type", "Face")
        if region.name is not None:
            _child(item, "mwg-rs:Name", _text(region.name))


def _list(parent: ElementTree.Element, name: str, kind: str, values: list[str]) -> None:
    if values:
        container = _child(_child(parent, name), kind)
        for value in values:
            _child(container, "rdf:li", value)


def _structure(parent: ElementTree.Element, name: str) -> ElementTree.Element:
    element = _child(parent, name)
    element.set(_tag("rdf:parseType"), "Resource")
    return element


def _child(parent: ElementTree.Element, name: str, text: str | None = None) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, _tag(name))
    element.text = text
    return element


def _tag(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def _text(value: str) -> str:
    """What XML can hold of a text; it has no control characters, and file names may hold worse."""
    return _NOT_IN_XML.sub("\ufffd", value)


def _sealed(document: bytes) -> bytes:
    """With a hash of the document in it, by which it is known as ours and unchanged."""
    return document.replace(_UNSEALED, hashlib.sha256(document).hexdigest().encode(), 1)


def _is_ours(content: bytes) -> bool:
    document, seals = _SEAL.subn(_UNSEALED, content, count=1)
    return bool(seals) and _sealed(document) == content
