"""What kind of file the first bytes tell; of pictures also whether they move.

Formats: JPEG (ITU-T T.81), PNG, WebP, GIF, MP4 and QuickTime, Matroska, MPEG-TS and others. Whatever the bytes are,
`head_of` alone raises, where the file cannot be read.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from face_classifier.core.types import RAW_SUFFIXES
from face_classifier.sources.base import unreadable

PNG = b"\x89PNG\r\n\x1a\n"
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_JXL_STARTS = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
_STILL_STARTS = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"BM",
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
    *_TIFF_STARTS,
    *_JXL_STARTS,
)
# Raw formats of cameras that begin in a way of their own: Fujifilm, Olympus, Panasonic, Canon's old and new, Minolta,
# Sigma. The others are TIFF files, which only their names tell from photos.
_RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"II\x1a\0\0\0HEAP", b"\0MRM", b"FOVb")
_STILL_BRANDS = (b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1")  # ISO/IEC 23008-12: pictures in a video's box
_RAW_BRAND = b"crx "  # Canon's CR3
# What an MP4 or QuickTime file begins with.
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
MATROSKA = b"\x1a\x45\xdf\xa3"
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")  # the GUID of its header
MPEG_PS = b"\0\0\1\xba"  # the start code of a pack
HEAD = 1024  # bytes: the kind of a file shows in them
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r\x1b")) + b"\x7f"  # what no text has, in whatever encoding
_MOST_BLOCKS = 2_000_000  # of up to 255 bytes, of a picture in a GIF
MOST_PARTS = 10_000  # of one level: bounds the time that a file of tiny parts can take
DAMAGE = OSError, IndexError, ValueError, OverflowError, struct.error  # what reading by wrong sizes and places raises
PACKET, SYNC = 188, 0x47  # bytes of a packet of MPEG-TS, and its first


def head_of(path: str) -> bytes:
    """The first kilobyte of a file, by which the functions below know it. Raises UserError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise unreadable(path, error) from error


def is_still(head: bytes) -> bool:
    """Begins like a picture. ffmpeg would take a damaged one for a video, or a tile of a HEIC for all of it."""
    if head[4:8] == b"ftyp":
        return head[8:12] in (*_STILL_BRANDS, _RAW_BRAND)
    return head.startswith((*_STILL_STARTS, *_RAW_STARTS))


def is_raw(path: str, head: bytes) -> bool:
    """A camera's raw format."""
    named_so = os.path.splitext(path)[1].lower() in RAW_SUFFIXES
    return (
        head.startswith(_RAW_STARTS)
        or head[4:12] == b"ftyp" + _RAW_BRAND
        or (named_so and head.startswith(_TIFF_STARTS))
    )


def shows_picture(head: bytes) -> bool:
    """Begins as nothing but a picture does, whatever its name. BMP does not: it begins with two letters."""
    return (is_still(head) and not head.startswith(b"BM")) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def is_text(head: bytes) -> bool:
    """Begins like a text: a playlist, a list of files or addresses, a script. YUV4MPEG2 alone begins with a line."""
    return bool(head) and not head.startswith(b"YUV4MPEG2 ") and head.translate(None, _CONTROLS) == head


def is_seekable(head: bytes) -> bool:
    """Is of a kind whose seeks were seen to land where they should: MP4, QuickTime, Matroska."""
    return is_mp4(head) or head.startswith(MATROSKA)


def may_jump(head: bytes) -> bool:
    """Is of a kind whose clock may jump, as in joined or broken recordings: MPEG-TS, MPEG-PS, Ogg."""
    return is_ts(head) or head.startswith((MPEG_PS, b"OggS"))


def is_moving(path: str, head: bytes) -> bool:
    """Whether what begins like a picture is a video: raw Motion JPEG, an animated PNG or WebP.

    Motion JPEG is told from a photo with other pictures behind it (a gain map, a depth map, the second eye) by three
    pictures of one size that follow each other at once, without the directory that multi-picture photos have.
    """
    try:
        with open(path, "rb") as file:
            if head.startswith(PNG):
                return any(name == b"acTL" for name, _, _ in _until(_png_chunks(file), b"IDAT"))
            if is_riff(head) and head[8:16] == b"WEBPVP8X":
                return bool(head[20] & 2)
            if head.startswith(b"\xff\xd8\xff"):
                return _is_motion_jpeg(file)
    except DAMAGE:
        pass
    return False


def is_riff(head: bytes) -> bool:
    """Is in the container of WebP, which AVI and WAV have, too."""
    return head[:4] == b"RIFF"


def is_animated_gif(path: str) -> bool:
    """Whether a GIF has a second picture (GIF89a specification, 15 to 25), which Pillow would make room for to tell."""
    try:
        with open(path, "rb") as file:
            file.seek(10)
            _skip_colours(file, file.read(3)[0])
            pictures = 0
            while pictures < 2 and (kind := file.read(1)) in (b",", b"!"):
                if kind == b",":
                    pictures += 1
                    _skip_colours(file, file.read(9)[8])
                file.seek(1, os.SEEK_CUR)
                for _ in range(_MOST_BLOCKS):
                    size = file.read(1)
                    if size in (b"", b"\0"):
                        break
                    file.seek(size[0], os.SEEK_CUR)
            return pictures > 1
    except DAMAGE:
        return False


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), os.SEEK_CUR)


def is_mp4(head: bytes) -> bool:
    return head[4:8] in _MP4_BOXES


def is_ts(head: bytes) -> bool:
    """Packets of 188 bytes, or of 192 with a time before each, as camcorders write them."""
    return any(
        len(head) > first + 2 * size and all(head[first + size * number] == SYNC for number in range(3))
        for first, size in ((0, PACKET), (4, 192))
    )


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    start = len(PNG)
    for _ in range(MOST_PARTS):
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        yield name, start + 8, start + 8 + size
        start += size + 12


def _until(parts: Iterator[tuple[bytes, int, int]], last: bytes) -> Iterator[tuple[bytes, int, int]]:
    for part in parts:
        if part[0] == last:
            return
        yield part


_MARKER = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")  # in entropy-coded data: not a stuffed byte, a restart or a filler
_LONGEST_SCAN = 100_000_000  # bytes: no frame of a video has more, and a huge file of nothing is soon done


def _is_motion_jpeg(file: BinaryIO) -> bool:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start, sizes = 0, set()
        for _ in range(3):
            size, end = _jpeg(data, start)
            sizes.add(size)
            if size is None or len(sizes) > 1:
                return False
            start = end
            while data[start : start + 1] == b"\0":
                start += 1
        return True


def _jpeg(data: mmap.mmap, start: int) -> tuple[bytes | None, int]:
    """Height and width, as they are coded, of the JPEG that begins there, and where it ends. None: it is no frame."""
    size: bytes | None = None
    if data[start : start + 2] != b"\xff\xd8":
        return None, start
    at = start + 2
    for _ in range(MOST_PARTS):
        kind = data[at + 1]
        if data[at] != 0xFF or kind == 0xD9:
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        if kind == 0xE2 and data[at + 4 : at + 8] == b"MPF\0":
            return None, at
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            size = data[at + 5 : at + 9]
        at += 2 + length
        if kind == 0xDA:
            marker = _MARKER.search(data, at, at + _LONGEST_SCAN)
            at = marker.start() if marker else len(data) - 2
    return size, at + 2
