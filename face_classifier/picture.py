"""A photograph, read by Pillow, upright, as BGR."""

from __future__ import annotations

import ctypes
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image as Pillow
from PIL import ImageFile, ImageOps

from face_classifier.containers import plausible
from face_classifier.errors import UserError
from face_classifier.faces import Frame, Image
from face_classifier.source import USUAL_FPS, File, Sampling, check_size, too_large, unreadable


def _silence_libtiff() -> None:
    """So does the libtiff that Pillow's wheels bring, with up to a hundred lines a file; any other is left alone."""
    package = Path(PIL.__file__).parent
    for path in (*package.parent.glob("pillow.libs/libtiff*"), *package.glob(".dylibs/libtiff*")):
        library = ctypes.CDLL(str(path))
        for handler in ("WarningHandler", "WarningHandlerExt", "ErrorHandler", "ErrorHandlerExt"):
            getattr(library, f"TIFFSet{handler}")(None)


_silence_libtiff()

# Pillow's readers that decode by themselves and recognise their format by more than a guess.
_PICTURE_FORMATS = ("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")


class Picture(File):
    """A photograph, decoded when opened. Raises UserError."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._image = read_picture(self._path)

    @cached_property
    def start(self) -> datetime:
        """When the picture was taken, UTC: EXIF DateTimeOriginal (local time if it has no offset), else its
        modification time."""
        return _time_taken(self._path) or self._modified()

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yield the picture: position 0, index 0, ``Frame.time`` = ``start``. ``sampling`` does not apply."""
        if not stopping.is_set():
            yield Frame(self._image, self.name, self.fingerprint, 0, 0.0, 0.5 / USUAL_FPS, start)


def read_picture(path: Path) -> Image:
    """Read a picture, upright by its EXIF orientation: (height, width, 3) uint8, BGR, contiguous.

    Transparent parts become white, 16 bits a channel are scaled to 8; of several pictures in a file the first counts.
    Colour profiles are not applied. Raises UserError, also above 100 megapixels.
    """
    try:
        with _opened(path) as picture:
            check_size(str(path), *picture.size)
            rgb = np.asarray(_to_rgb(_upright(picture)))
    except UserError:
        raise
    except Pillow.DecompressionBombError as error:
        raise too_large(str(path)) from error
    except Exception as error:  # hostile bytes make Pillow's readers raise nearly anything
        if isinstance(error, OSError) and error.errno:
            raise unreadable(str(path), error) from error
        raise UserError(
            f"{path} is not a picture that can be read; if it opens elsewhere, save it as JPEG or PNG"
        ) from error
    return np.ascontiguousarray(rgb[:, :, ::-1])


@contextmanager
def _opened(path: Path | str) -> Iterator[Pillow.Image]:
    """A picture of which only the header has been read."""
    # importing face_recognition turns it on, and then the missing part of a torn picture is grey
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Pillow.init()
        with Pillow.open(path, formats=[name for name in _PICTURE_FORMATS if name in Pillow.OPEN]) as picture:
            yield picture


def is_single_picture(path: str) -> bool:
    try:
        with _opened(path) as picture:
            return picture.format != "GIF" or not getattr(picture, "is_animated", False)
    except Pillow.DecompressionBombError:
        return True
    except Exception:  # as in read_picture
        return False


def _upright(picture: Pillow.Image) -> Pillow.Image:
    picture.load()
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged EXIF is no reason to lose the picture
        return picture


def _to_rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode.startswith(("I", "F")):
        return Pillow.fromarray(_to_8_bits(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        # white: cut-out portraits are made for light pages, and dark hair keeps its outline
        picture = picture.convert("RGBA")
        page = Pillow.new("RGBA", picture.size, "white")
        return Pillow.alpha_composite(page, picture).convert("RGB")
    return picture.convert("RGB")


def _to_8_bits(grey: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale a grey picture of integers (taken as 16 bits, unless they are larger) or floats (0 to 1, or to 255)."""
    values = np.nan_to_num(grey.astype(np.float32), posinf=0.0, neginf=0.0)
    usual = (1.0, 255.0) if grey.dtype.kind == "f" else (65535.0,)
    highest = float(values.max(initial=0.0))
    top = next((value for value in usual if highest <= value), highest)
    scaled: npt.NDArray[np.uint8] = np.clip(values * (255.0 / top) + 0.5, 0, 255).astype(np.uint8)
    return scaled


def _time_taken(path: Path) -> datetime | None:
    """EXIF DateTimeOriginal (0x9003) with OffsetTimeOriginal (0x9011), both of the Exif directory (0x8769)."""
    try:
        with _opened(path) as picture:
            exif = picture.getexif().get_ifd(0x8769)
        text, offset = str(exif[0x9003]).strip("\0 "), str(exif.get(0x9011, "")).strip("\0 ")
        taken = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
        zone = datetime.strptime(offset, "%z").tzinfo if offset else None
        return plausible((taken.replace(tzinfo=zone) if zone else taken.astimezone()).astimezone(timezone.utc))
    except Exception:  # absent or damaged: both mean that it is not known
        return None
