"""The pixels of an opened picture: upright, BGR, 8 bits, reduced where it is very large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageCms

from face_classifier.core.types import Image

ORIENTATION = 0x0112  # the tag of TIFF and EXIF


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture as it was read, a very large one at a reduced scale."""

    image: Image  # (height, width, 3) uint8, BGR, contiguous, upright by its EXIF orientation
    size: tuple[int, int]  # width and height of the whole picture, upright
    scale: int  # how many times as wide and high as ``image`` the whole picture is


def pixels_of(picture: Pillow.Image, scale: int) -> Decoded:
    """Decodes an opened picture at 1/``scale`` of its width and height. Raises what Pillow does."""
    width, height = picture.size
    if scale > 1:
        picture.draft(
            None, (max(1, width // scale), max(1, height // scale))
        )  # of other formats than JPEG nothing changes
    left = scale // round(max(width, height) / max(picture.size))
    picture.load()
    orientation = _orientation(picture)
    size = (height, width) if orientation in _ON_SIDE else (width, height)
    return Decoded(_upright(_bgr(picture, left), orientation), size, scale)


def _bgr(picture: Pillow.Image, factor: int) -> Image:
    """The picture reduced by a whole ``factor``, part by part, so that it is never in memory twice."""
    image = np.empty((-(-picture.height // factor), -(-picture.width // factor), 3), np.uint8)
    as_rgb = _converter(picture)
    for top, part in _parts(picture, factor):
        rgb = as_rgb(part).reduce(factor) if factor > 1 else as_rgb(part)
        image[top // factor : top // factor + rgb.height] = np.asarray(rgb)[:, :, ::-1]
    return image


def _parts(picture: Pillow.Image, factor: int = 1) -> Iterator[tuple[int, Pillow.Image]]:
    """Stripes of a picture, a multiple of ``factor`` high, each with its first row."""
    width, height = picture.size
    rows = max(1, _PART // (width * factor)) * factor
    for top in range(0, height, rows):
        yield top, picture.crop((0, top, width, min(top + rows, height)))


_PART = 2_000_000  # pixels


def _converter(picture: Pillow.Image) -> Callable[[Pillow.Image], Pillow.Image]:
    """What makes RGB of any part of a picture."""
    if picture.mode.startswith(("I", "F")):
        top = _brightest(picture)
        return lambda part: Pillow.fromarray(_to_8_bits(np.asarray(part), top)).convert("RGB")
    if picture.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(*profiles, "LAB", "RGB")
        return lambda part: ImageCms.applyTransform(part, transform) or part
    return _over_white if picture.has_transparency_data else lambda part: part.convert("RGB")


def _over_white(picture: Pillow.Image) -> Pillow.Image:
    """Cut-out portraits are made for light pages, and dark hair keeps its outline."""
    page = Pillow.new("RGBA", picture.size, "white")
    return Pillow.alpha_composite(page, picture.convert("RGBA")).convert("RGB")


def _brightest(picture: Pillow.Image) -> float:
    """What is white in a grey picture: 65,535, of floats 1 or 255; or its highest value if that is higher."""
    highest = 0.0
    usual: tuple[float, ...] = (65535.0,)
    for _, part in _parts(picture):
        values = np.asarray(part)
        usual = (1.0, 255.0) if values.dtype.kind == "f" else usual
        highest = max(highest, float(_finite(values).max(initial=0.0)))
    return next((value for value in usual if highest <= value), highest)


def _to_8_bits(grey: npt.NDArray[Any], top: float) -> npt.NDArray[np.uint8]:
    scaled: npt.NDArray[np.uint8] = np.clip(_finite(grey) * (255.0 / top) + 0.5, 0, 255).astype(np.uint8)
    return scaled


def _finite(grey: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.nan_to_num(grey.astype(np.float32), posinf=0.0, neginf=0.0)


_ON_SIDE = (5, 6, 7, 8)  # EXIF orientations of pictures that lie on their side


def _orientation(picture: Pillow.Image) -> int:
    """Of the loaded picture by EXIF, 1 to 8; 1 = upright."""
    if picture.format == "JXL":  # its decoder has turned it; the EXIF is what a camera wrote (ISO/IEC 18181-1, E.2)
        return 1
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF is no reason to lose the picture
        return 1


def _upright(image: Image, orientation: int) -> Image:
    """Turned and mirrored by an EXIF orientation; contiguous."""
    if orientation in _ON_SIDE:
        image = image.swapaxes(0, 1)
    across, down = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    return np.ascontiguousarray(image[:: -1 if down else 1, :: -1 if across else 1])
