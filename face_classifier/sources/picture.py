"""A photograph, read by Pillow, upright, as BGR."""

from __future__ import annotations

import ctypes
import io
import os
import re
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from functools import cache, cached_property
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pi_heif
import PIL
from PIL import Image as Pillow
from PIL import ImageFile

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame, Image
from face_classifier.sources.base import (
    MOST_BYTES,
    USUAL_FPS,
    File,
    Sampling,
    check_bytes,
    too_large,
    too_many_bytes,
    unreadable,
)
from face_classifier.sources.formats.containers import plausible
from face_classifier.sources.formats.kinds import HEAD, head_of, is_animated_gif, is_raw
from face_classifier.sources.pixels import ORIENTATION, Decoded, pixels_of


def _silence_libtiff() -> None:
    """So does the libtiff that Pillow's wheels bring, with up to a hundred lines a file; any other is left alone."""
    package = Path(PIL.__file__).parent
    for path in (*package.parent.glob("pillow.libs/libtiff*"), *package.glob(".dylibs/libtiff*")):
        library = ctypes.CDLL(str(path))
        for handler in ("WarningHandler", "WarningHandlerExt", "ErrorHandler", "ErrorHandlerExt"):
            getattr(library, f"TIFFSet{handler}")(None)


_silence_libtiff()

# Readers that decode by themselves and recognise their format by more than a guess, and the most pixels of each, for
# which decoding took less than 1 GB and 10 s of a processor.
_MOST = {
    "AVIF": 64_000_000,
    "BMP": 100_000_000,
    "DIB": 100_000_000,
    "GIF": 100_000_000,
    "HEIF": 64_000_000,
    "JPEG": 250_000_000,  # of which libjpeg makes a quarter, or a sixteenth, without ever having the whole
    "JPEG2000": 24_000_000,
    "JXL": 40_000_000,
    "MPO": 250_000_000,
    "PNG": 100_000_000,
    "PPM": 100_000_000,
    "TIFF": 100_000_000,
    "WEBP": 50_000_000,
}
_LONGEST = 65_535  # pixels, the most that a JPEG has on a side: each row costs memory of its own
_WHOLE = 64_000_000  # pixels: larger pictures are read at half, a quarter ... of their size
_SMALLEST = 8  # libjpeg can make an eighth of a picture's size, and no less
_MEMORY = 850_000_000  # bytes for decoding a picture
_PATIENCE = 10.0  # seconds of a processor for decoding one


class Picture(File):
    """A photograph, decoded when opened. Raises UserError."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._decoded = decode(self._path)

    @cached_property
    def start(self) -> datetime:
        """When the picture was taken, UTC: EXIF DateTimeOriginal (local time if it has no offset), else its
        modification time."""
        return _time_taken(self._path) or self._modified()

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yields the picture once: position 0, index 0, ``Frame.time`` = ``start`` (aware, UTC).

        Parameters
        ----------
        sampling : does not apply
        start : as `start`, or as it was stored for this picture
        stopping : no frame comes once it is set
        between : for cameras
        """
        if not stopping.is_set():
            image, scale = self._decoded.image, self._decoded.scale
            yield Frame(image, self.name, self.fingerprint, 0, 0.0, 0.5 / USUAL_FPS, start, scale=scale)


def read_picture(path: str | os.PathLike[str]) -> Image:
    """The pixels that `decode` gives: (height, width, 3) uint8, BGR, contiguous, upright. Raises UserError."""
    return decode(Path(path)).image


def decode(path: Path) -> Decoded:
    """Reads a picture, upright by its EXIF orientation; of a camera's raw format, its embedded preview.

    Transparent parts become white, and 16 bits a channel are scaled to 8. Of several pictures in a file the first
    counts. Colour profiles are not applied. Raises UserError if it cannot be read, or not in 1 GB and 10 s of a
    processor.
    """
    check_bytes(path)
    return _decoded(path)


def decode_bytes(content: bytes, name: str) -> Decoded:
    """As `decode`, of a picture's file that was read already. ``name``: of the file, in sentences and by its suffix."""
    if len(content) > MOST_BYTES:
        raise too_many_bytes(name, len(content))
    return _decoded(name, content)


def _decoded(path: Path | str, content: bytes | None = None) -> Decoded:
    try:
        with _opened(path, content) as picture:
            width, height = picture.size
            scale = _scale(picture, str(path))
            with _one_by_one(width * height):
                return pixels_of(picture, scale)
    except UserError:
        raise
    except Pillow.DecompressionBombError as error:
        raise UserError(
            f"{path} has more than {max(_MOST.values()) / 1e6:.0f} megapixels, which is more than a picture may "
            "have; make it smaller first"
        ) from error
    except Exception as error:  # hostile bytes make Pillow's readers raise nearly anything
        if isinstance(error, OSError) and error.errno:
            raise unreadable(str(path), error) from error
        raise UserError(
            f"{path} is not a picture that can be read; if it opens elsewhere, save it as JPEG or PNG"
        ) from error


def is_single_picture(path: str) -> bool:
    """Whether Pillow knows the file for a picture, and not for an animated GIF."""
    try:
        with _opened(path) as picture:
            return picture.format != "GIF" or not is_animated_gif(path)
    except (UserError, Pillow.DecompressionBombError):
        return True
    except Exception:  # as in `decode`
        return False


@cache
def _formats() -> list[str]:
    """The names of the formats that are read. The first call takes a fifth of a second."""
    Pillow.init()
    Pillow.MAX_IMAGE_PIXELS = max(_MOST.values()) // 2  # Pillow refuses twice that; `_scale` knows more of a picture
    pi_heif.register_heif_opener(thumbnails=False)
    with suppress(ImportError):  # there is none for Python 3.10
        import pylibjxl

        pylibjxl.register_pillow()
    return [name for name in _MOST if name in Pillow.OPEN]


@contextmanager
def _opened(path: Path | str, content: bytes | None = None) -> Iterator[Pillow.Image]:
    """A picture of which only the header has been read. ``content``: of the file, where that was read already."""
    # importing face_recognition turns it on, and then the missing part of a torn picture is grey
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    formats = _formats()
    with warnings.catch_warnings(), _stream(path, content) as stream:
        warnings.simplefilter("ignore")
        patient = _Patient(stream, str(path))
        _check_exif(patient, str(path))
        with Pillow.open(cast(BinaryIO, patient), formats=formats) as picture:
            yield picture


@contextmanager
def _stream(path: Path | str, content: bytes | None) -> Iterator[BinaryIO]:
    """The file, or the preview in a camera's raw format."""
    if is_raw(str(path), head_of(str(path)) if content is None else content[:HEAD]):
        yield io.BytesIO(_preview(str(path), content))
        return
    with open(path, "rb") if content is None else io.BytesIO(content) as file:
        yield file


def _preview(path: str, content: bytes | None) -> bytes:
    """The largest picture that a camera put into its raw file. LibRaw adds orientation and date to a JPEG without."""
    import rawpy  # here, because few have such files

    try:
        with rawpy.imread(path if content is None else io.BytesIO(content)) as raw:
            preview, flip = raw.extract_thumb(), raw.sizes.flip
    except rawpy.LibRawError as error:
        raise UserError(f"{path} is a raw file without a preview that can be read; save the photo as JPEG") from error
    if preview.format == rawpy.ThumbFormat.JPEG:
        return bytes(preview.data)
    exif = Pillow.Exif()
    exif[ORIENTATION] = {3: 3, 5: 8, 6: 6}.get(flip, 1)  # from LibRaw's numbers of turns
    file = io.BytesIO()
    Pillow.fromarray(np.asarray(preview.data)).save(file, "PNG", exif=exif, compress_level=1)
    return file.getvalue()


class _Patient(io.RawIOBase):
    """A file that may be read for a while and a few times over: Pillow's readers trust what a file tells.

    A small file can have them read one megabyte a million times, or glue small blocks to an ever longer text. Raises
    UserError from ``read`` once this thread has worked for too long since the file was opened.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._until = time.thread_time() + _PATIENCE
        self._left = 4 * stream.seek(0, os.SEEK_END) + (1 << 20)  # bytes
        stream.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        content = self._stream.read(-1 if size is None else size)
        self._left -= len(content)
        if self._left < 0 or time.thread_time() > self._until:
            raise UserError(f"{self._name} takes too long to read; save it again as JPEG or PNG")
        return content

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._stream.readline(-1 if size is None else size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def fileno(self) -> int:
        return self._stream.fileno()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


_BITS = 0x0102  # a tag of TIFF
_EOI, _SOS, _APP1 = 0xD9, 0xDA, 0xE1  # markers of JPEG
_MOST_MARKERS = 10_000
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # none of those that entropy-coded data may have in it
_MOST_EXIF = 1_000_000  # bytes; a segment has at most 65,533, and cameras write one
_MOST_SCANNED = 5_000_000_000  # pixels in all scans of a JPEG together: up to 2 ns each


def _scale(picture: Pillow.Image, path: str) -> int:
    """By how much the picture is to be reduced. Raises UserError where it cannot be read within bounds."""
    (width, height), kind = picture.size, picture.format or ""
    if max(width, height) > _LONGEST:
        raise UserError(
            f"{path} has {width} x {height} pixels, but a side may have at most {_LONGEST}; make it smaller first"
        )
    most, scale = _MOST[kind], 1
    while width * height > _WHOLE * scale**2:
        scale *= 2
    if kind in ("JPEG", "MPO") and (scans := _scans(picture)) > 1:
        kept = 2 * _coefficients(picture)  # bytes a pixel: libjpeg has all of them in memory then
        while scale < _SMALLEST and width * height * (kept + 4 / scale**2) > _MEMORY:
            scale *= 2
        most, kind = min(most, int(_MEMORY / (kept + 4 / scale**2)), _MOST_SCANNED // scans), f"{kind} in {scans} scans"
    if kind == "JPEG2000" and (size := _bytes_of(picture)) > _MOST_JPEG2000:
        raise UserError(
            f"{path} has {size / 1e6:.0f} MB, but a {kind} may have at most {_MOST_JPEG2000 / 1e6:.0f} MB; save it "
            "as JPEG"
        )
    if kind == "TIFF":
        bits = sum(picture.tag_v2.get(_BITS, (1,)))  # type: ignore[attr-defined]
        most = min(most, int(_MEMORY / (4 + bits / 8)))  # all of it may be one strip
    if width * height > most:
        raise too_large(path, width, height, most, kind)
    return scale


_MOST_JPEG2000 = 30_000_000  # bytes: each takes 0.2 µs


def _bytes_of(picture: Pillow.Image) -> int:
    stream = picture.fp  # type: ignore[attr-defined]
    position = stream.tell()
    size = int(stream.seek(0, os.SEEK_END))
    stream.seek(position)
    return size


def _check_exif(stream: _Patient, path: str) -> None:
    """Raise UserError if a JPEG has EXIF beyond measure: Pillow glues the segments together one by one."""
    total, position = 0, 2
    if stream.read(2) == b"\xff\xd8":
        while len(head := stream.read(8)) == 8 and head[0] == 0xFF and head[1] != _SOS:
            length = int.from_bytes(head[2:4], "big")
            total += length if head[1] == _APP1 and head[4:] == b"Exif" else 0
            position = stream.seek(position + 2 + length)
    stream.seek(0)
    if total > _MOST_EXIF:
        raise UserError(
            f"{path} has {total / 1e6:.0f} MB of EXIF, which no camera writes; save it again as JPEG or PNG"
        )


def _coefficients(picture: Pillow.Image) -> float:
    """How many a pixel of a JPEG has: 3 where its colours are as fine as its light, 1.5 where they are half as fine."""
    layers = picture.layer  # type: ignore[attr-defined]
    across, down = max(layer[1] for layer in layers), max(layer[2] for layer in layers)
    return float(sum(layer[1] * layer[2] / (across * down) for layer in layers))


def _scans(picture: Pillow.Image) -> int:
    """How many scans the first picture of a JPEG comes in; at least two if they refine each other."""
    stream = picture.fp  # type: ignore[attr-defined]
    position = stream.tell()
    stream.seek(0)
    content = stream.read()
    stream.seek(position)
    scans, at = 1 if picture.info.get("progressive") else 0, 2
    for _ in range(_MOST_MARKERS):
        match = _MARKER.search(content, at)
        if match is None or content[match.start() + 1] == _EOI:
            return scans
        scans += content[match.start() + 1] == _SOS
        at = match.end() + int.from_bytes(content[match.end() : match.end() + 2], "big")
    return _MOST_MARKERS


_large = threading.Lock()


@contextmanager
def _one_by_one(pixels: int) -> Iterator[None]:
    """Threads that read large pictures do so one after the other, or they would need as many times the memory."""
    if pixels <= _WHOLE // 4:
        yield
        return
    with _large:
        yield


def _time_taken(path: Path) -> datetime | None:
    """EXIF DateTimeOriginal (0x9003) with OffsetTimeOriginal (0x9011), both of the Exif directory (0x8769)."""
    try:
        with _opened(path) as picture:
            if picture.format == "JXL":
                picture.load()  # EXIF comes with the pixels
            tags = picture.getexif()
            exif = tags.get_ifd(0x8769)
        if is_raw(str(path), head_of(str(path))) and 0x9003 not in exif:
            exif[0x9003] = tags[0x0132]  # where LibRaw writes it
        text, offset = str(exif[0x9003]).strip("\0 "), str(exif.get(0x9011, "")).strip("\0 ")
        taken = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
        zone = datetime.strptime(offset, "%z").tzinfo if offset else None
        return plausible((taken.replace(tzinfo=zone) if zone else taken.astimezone()).astimezone(timezone.utc))
    except Exception:  # absent or damaged: both mean that it is not known
        return None
