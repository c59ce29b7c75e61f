"""What the first bytes and the boxes of a file tell: its kind, and when it was recorded."""

from __future__ import annotations

import os
import struct
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO

from face_classifier.source import unreadable

_STILL_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")


_STILL_BRANDS = (b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1")  # ISO/IEC 23008-12: pictures in a video's box


# What an MP4 or QuickTime file begins with.
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


_MATROSKA = b"\x1a\x45\xdf\xa3"


_HEAD = 1024  # bytes: the kind of a file shows in them


_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r\x1b")) + b"\x7f"  # what no text has, in whatever encoding


def head_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise unreadable(path, error) from error


def is_still(head: bytes) -> bool:
    """Begins like a picture. ffmpeg would take a damaged one for a video, or a tile of a HEIC for all of it."""
    return head.startswith(_STILL_STARTS) or (head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS)


def is_text(head: bytes) -> bool:
    """Begins like a text: a playlist, a list of files or addresses, a script. YUV4MPEG2 alone begins with a line."""
    return bool(head) and not head.startswith(b"YUV4MPEG2 ") and head.translate(None, _CONTROLS) == head


def is_seekable(head: bytes) -> bool:
    return head[4:8] in _MP4_BOXES or head.startswith(_MATROSKA)


def creation_time(path: Path) -> datetime | None:
    """Creation time in the ``mvhd`` box of an MP4 or QuickTime file: seconds since 1904, UTC (ISO/IEC 14496-12, 8.2.2).

    None if there is none, or a time before 1970: it is 0 where the writer had no clock.
    """
    try:
        with path.open("rb") as file:
            if file.read(8)[4:] not in _MP4_BOXES:
                return None
            whole = (0, file.seek(0, os.SEEK_END))
            moov = _find_box(file, b"moov", *whole)
            mvhd = _find_box(file, b"mvhd", *moov) if moov else None
            if mvhd is None:
                return None
            file.seek(mvhd[0])
            body = file.read(min(12, mvhd[1] - mvhd[0]))
        (seconds,) = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)
        return plausible(datetime(1904, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds))
    except (OSError, IndexError, OverflowError, struct.error):
        return None


def _find_box(file: BinaryIO, kind: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Return where the content of the first box of this kind between two offsets begins and ends."""
    for _ in range(10_000):  # bounds the time that a file of tiny boxes can take
        file.seek(start)
        header = file.read(16)
        if start >= end or len(header) < 8:
            return None
        size, name = struct.unpack_from(">I4s", header)
        begin = start + 8
        if size == 1:  # a 64-bit size follows
            (size,) = struct.unpack_from(">Q", header, 8)
            begin = start + 16
        elif size == 0:  # to the end
            size = end - start
        if start + size < begin:
            return None
        if name == kind:
            return begin, min(start + size, end)
        start += size
    return None


def plausible(when: datetime) -> datetime | None:
    return when if 1970 <= when.year < 2100 else None
