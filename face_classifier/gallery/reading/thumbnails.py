"""Pictures of faces for a page: JPEG, of a few sizes, in memory alone, since `forget` must reach them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, cut
from face_classifier.display.contact_sheet import encoded, shrunk
from face_classifier.display.montages import middle_of, window_of
from face_classifier.sources.base import MOST_BYTES, check_bytes
from face_classifier.sources.picture import decode_bytes

TILES = (56, 112, 224)  # pixels, both ways: the face with a little around it
WHOLE = 448  # pixels of the longer side: all of the picture
_MOST = 64 << 20  # bytes in memory


@dataclass(frozen=True)
class Picture:
    """A picture of a face."""

    jpeg: bytes
    hash: str  # SHA-256 of the file that it was made from, hexadecimal


def size_for(width: int | None) -> int | None:
    """The smallest of the sizes that is at least as wide, in pixels; None: the picture as it is."""
    sizes = (*TILES, WHOLE)
    return None if width is None else next((size for size in sizes if size >= width), None)


def read_file(folder: Path, place: str) -> bytes | None:
    """The file of a picture below a result folder; None: it is there no more.

    Raises UserError where a link is in the way, it is larger than any picture, or it cannot be read.
    """
    try:
        with Root(folder) as root:
            state = root.state(place)
            if state is not None and state.st_size > MOST_BYTES:
                check_bytes(folder / place)
            return root.read(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read ({error.strerror}); check that disk") from error


def draw(content: bytes, name: str, box: Box | None, size: int | None) -> bytes:
    """A JPEG of a face's picture.

    Parameters
    ----------
    content, name: of the picture's file.
    box: of the face in the whole picture, pixels; None: its middle third, as the program cuts it.
    size: one of `size_for`.

    Raises
    ------
    UserError: the file is no picture that can be read.
    """
    decoded = decode_bytes(content, name)
    image = decoded.image
    if size in TILES:
        face = middle_of(image) if box is None else box.scaled(1 / decoded.scale)
        image = cut(image, window_of(image, face, own_cut=box is None))
    return encoded(image if size is None else shrunk(image, size), ".jpg")


class Thumbnails:
    """The pictures that were asked for last, as many as there is room for. Any thread may ask."""

    def __init__(self, most: int = _MOST) -> None:
        """``most``: bytes."""
        self._most, self._bytes = most, 0
        self._drawn: OrderedDict[tuple[str, int | None], bytes] = OrderedDict()  # by content hash and size
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._drawn)

    def find(self, content: str, size: int | None) -> bytes | None:
        """The JPEG of a picture by its content hash; None: it is to be drawn."""
        with self._lock:
            jpeg = self._drawn.get((content, size))
            if jpeg is not None:
                self._drawn.move_to_end((content, size))
            return jpeg

    def keep(self, content: str, size: int | None, jpeg: bytes) -> None:
        """Keep what was drawn of a picture (by its content hash) at a size; what was asked for longest ago goes."""
        with self._lock:
            self._bytes += len(jpeg) - len(self._drawn.pop((content, size), b""))
            self._drawn[content, size] = jpeg
            while self._bytes > self._most:
                self._bytes -= len(self._drawn.popitem(last=False)[1])

    def forget(self, contents: Container[int]) -> None:
        """Drop pictures. ``contents``: the first 32 bits of each hash."""
        with self._lock:
            for content, size in [key for key in self._drawn if int(key[0][:8], 16) in contents]:
                self._bytes -= len(self._drawn.pop((content, size)))
