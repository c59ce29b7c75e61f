"""The parts of a container: when it was recorded, whether it is whole.

Formats: MP4 and QuickTime (ISO/IEC 14496-12), Matroska (RFC 9559), AVI (RIFF, OpenDML), ASF. Whatever the bytes are,
nothing is raised but by the iterators over parts: one of ``DAMAGE``.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO, NamedTuple

from face_classifier.sources.formats.kinds import ASF, DAMAGE, HEAD, MATROSKA, MOST_PARTS, is_mp4


class Part(NamedTuple):
    """A box, element or chunk: its name, where it, its content, and what follows it begin."""

    name: bytes
    at: int
    begin: int
    end: int  # as the file tells it, maybe beyond its own end


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Part]:
    """The boxes of an MP4 file between two places, in bytes. Raises one of ``DAMAGE``."""
    for _ in range(MOST_PARTS):
        file.seek(start)
        header = file.read(16)
        if start >= end or len(header) < 8:
            return
        size, name = struct.unpack_from(">I4s", header)
        begin = start + 8
        if size == 1:  # a 64-bit size follows
            (size,) = struct.unpack_from(">Q", header, 8)
            begin = start + 16
        elif size == 0:  # to the end
            size = end - start
        if start + size < begin:
            return
        yield Part(name, start, begin, start + size)
        start += size


def elements(file: BinaryIO, start: int, end: int) -> Iterator[Part]:
    """The elements of a Matroska file between two places, in bytes. Raises one of ``DAMAGE``.

    An element of unknown size, as live recordings have, reaches to the end.
    """
    for _ in range(MOST_PARTS):
        file.seek(start)
        header = file.read(12)
        if start >= end or len(header) < 2 or not header[0] or not header[0] >> 4:
            return
        id_length = 9 - header[0].bit_length()
        first = header[id_length]
        length = 9 - first.bit_length()
        if length > 8 or id_length + length > len(header):
            return
        size = int.from_bytes(header[id_length : id_length + length], "big") & ((1 << 7 * length) - 1)
        begin = start + id_length + length
        until = end if size == (1 << 7 * length) - 1 else begin + size
        yield Part(header[:id_length], start, begin, until)
        start = until


def chunks(file: BinaryIO, start: int, end: int) -> Iterator[Part]:
    """The chunks of a RIFF file between two places, in bytes; a list is named after its type. Raises ``DAMAGE``."""
    for _ in range(MOST_PARTS):
        file.seek(start)
        header = file.read(12)
        if start >= end or len(header) < 8:
            return
        name, size = struct.unpack_from("<4sI", header)
        is_list = name in (b"RIFF", b"LIST")
        yield Part(header[8:12] if is_list else name, start, start + (12 if is_list else 8), start + 8 + size)
        start += 8 + size + size % 2


def asf_objects(file: BinaryIO, start: int, end: int) -> Iterator[Part]:
    """The objects of an ASF file between two places, in bytes. Raises one of ``DAMAGE``."""
    for _ in range(MOST_PARTS):
        file.seek(start)
        header = file.read(24)
        if start >= end or len(header) < 24:
            return
        (size,) = struct.unpack_from("<Q", header, 16)
        if size < 24:
            return
        yield Part(header[:16], start, start + 24, start + size)
        start += size


def first_named(parts: Iterator[Part], name: bytes) -> Part | None:
    """The first part of that name."""
    return next((part for part in parts if part.name == name), None)


def size_of(file: BinaryIO) -> int:
    """Bytes of an open file, at whose end it is then."""
    return file.seek(0, os.SEEK_END)


def content_of(file: BinaryIO, part: Part | None, most: int = 256) -> bytes:
    """The content of a part, of which at most so many bytes are read; empty where there is no such part."""
    if part is None:
        return b""
    file.seek(part.begin)
    return file.read(min(most, max(0, part.end - part.begin)))


_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"


def in_segment(file: BinaryIO, name: bytes) -> Part | None:
    """The first element of this name in a Matroska segment, before the pictures begin."""
    segment = first_named(elements(file, 0, size_of(file)), _SEGMENT)
    if segment is None:
        return None
    for part in elements(file, segment.begin, segment.end):
        if part.name in (name, _CLUSTER):
            return part if part.name == name else None
    return None


_WHOLES = b"mdat", b"moov", b"moof", b"AVI ", b"AVIX", _SEGMENT, bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_SLACK = 8  # bytes: some writers count the header of a RIFF file in its size


def lacks_index(path: str, head: bytes) -> bool:
    """An MP4 or QuickTime file without a ``moov`` box: recorded until the camera lost its power, or copied in part."""
    try:
        with open(path, "rb") as file:
            return is_mp4(head) and first_named(boxes(file, 0, size_of(file)), b"moov") is None
    except DAMAGE:
        return False


def is_cut_off(path: str, head: bytes) -> bool:
    """Whether the last part of an MP4, QuickTime, Matroska, AVI or ASF file should reach beyond the file's end."""
    try:
        with open(path, "rb") as file:
            size = size_of(file)
            if is_mp4(head):
                parts = boxes(file, 0, size)
            elif head.startswith(MATROSKA):
                parts = elements(file, 0, size)
            elif head[:4] == b"RIFF":
                parts = chunks(file, 0, size)
            elif head.startswith(ASF):
                parts = asf_objects(file, 0, size)
            else:
                return False
            return any(part.name in _WHOLES and part.end > size + _SLACK for part in parts)
    except DAMAGE:
        return False


def creation_time(path: Path) -> datetime | None:
    """When a container says that it was recorded, UTC: MP4 and QuickTime, Matroska, AVI, ASF.

    None if it does not, or tells a time before 1970 as writers without a clock do.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            if is_mp4(head):
                when = _mp4_date(file)
            elif head.startswith(MATROSKA):
                when = _matroska_date(file)
            elif head[:4] == b"RIFF":
                when = _avi_date(file)
            elif head.startswith(ASF):
                when = _asf_date(file)
            else:
                when = None
    except DAMAGE:
        return None
    return when and plausible(when)


def _mp4_date(file: BinaryIO) -> datetime | None:
    """The ``mvhd`` box: seconds since 1904, UTC (8.2.2)."""
    moov = first_named(boxes(file, 0, size_of(file)), b"moov")
    mvhd = first_named(boxes(file, moov.begin, moov.end), b"mvhd") if moov else None
    if mvhd is None:
        return None
    body = content_of(file, mvhd, 12)
    (seconds,) = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)
    return datetime(1904, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)


def _matroska_date(file: BinaryIO) -> datetime | None:
    """DateUTC: nanoseconds since 2001, UTC."""
    info = in_segment(file, b"\x15\x49\xa9\x66")
    date = first_named(elements(file, info.begin, info.end), b"\x44\x61") if info else None
    if date is None:
        return None
    nanoseconds = int.from_bytes(content_of(file, date, 8), "big", signed=True)
    return datetime(2001, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=nanoseconds / 1000)


_AVI_DATES = "%a %b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y:%m:%d %H:%M:%S"


def _avi_date(file: BinaryIO) -> datetime | None:
    """IDIT of the header, as cameras write it, or ICRD of the information list: local time without a zone."""
    riff = first_named(chunks(file, 0, size_of(file)), b"AVI ")
    if riff is None:
        return None
    for part in chunks(file, riff.begin, riff.end):
        if part.name in (b"hdrl", b"INFO"):
            text = content_of(
                file, first_named(chunks(file, part.begin, part.end), b"IDIT" if part.name == b"hdrl" else b"ICRD")
            )
            for form in _AVI_DATES:
                with suppress(ValueError):
                    return datetime.strptime(text.decode("ascii").strip("\0\n "), form).astimezone(timezone.utc)
        if part.name == b"movi" and part.end >= riff.end:
            return None
    return None


_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def _asf_date(file: BinaryIO) -> datetime | None:
    """The file properties: 100 ns since 1601, UTC."""
    header = first_named(asf_objects(file, 0, size_of(file)), ASF)
    properties = first_named(asf_objects(file, header.begin + 6, header.end), _ASF_PROPERTIES) if header else None
    if properties is None:
        return None
    (ticks,) = struct.unpack_from("<Q", content_of(file, properties), 24)
    return datetime(1601, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=ticks / 10)


def plausible(when: datetime) -> datetime | None:
    """A date, or None if it is before 1970 or after 2099, as devices without a clock tell it."""
    return when if 1970 <= when.year < 2100 else None
