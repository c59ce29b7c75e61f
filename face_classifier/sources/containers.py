"""What the bytes of a file tell: its kind, its streams, when it was recorded, whether it is whole.

Formats: MP4 and QuickTime (ISO/IEC 14496-12), Matroska (RFC 9559), AVI (RIFF, OpenDML), ASF, MPEG-TS (ISO/IEC
13818-1), JPEG (ITU-T T.81), PNG. Whatever the bytes are, `head_of` alone raises, where the file cannot be read.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO, NamedTuple

from face_classifier.core.types import RAW_SUFFIXES
from face_classifier.sources.base import unreadable

_PNG = b"\x89PNG\r\n\x1a\n"
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
_MATROSKA = b"\x1a\x45\xdf\xa3"
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")  # the GUID of its header
_MPEG_PS = b"\0\0\1\xba"  # the start code of a pack
_HEAD = 1024  # bytes: the kind of a file shows in them
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r\x1b")) + b"\x7f"  # what no text has, in whatever encoding
_MOST_BLOCKS = 2_000_000  # of up to 255 bytes, of a picture in a GIF
_MOST_PARTS = 10_000  # of one level: bounds the time that a file of tiny parts can take
_DAMAGE = OSError, IndexError, ValueError, OverflowError, struct.error  # what reading by wrong sizes and places raises
_PACKET, _SYNC = 188, 0x47  # bytes of a packet of MPEG-TS, and its first


def head_of(path: str) -> bytes:
    """The first kilobyte of a file, by which the functions below know it. Raises UserError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise unreadable(path, error) from error


# Kinds


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


def shows_video(path: str, head: bytes) -> bool:
    """Begins as a video does, whatever its name, and holds one rather than sound alone."""
    if head.startswith((b"GIF87a", b"GIF89a", _MPEG_PS)):
        return True
    if head.startswith(b"FLV\1"):
        return bool(head[4] & 1)
    return bool(video_streams(path, head))


def is_text(head: bytes) -> bool:
    """Begins like a text: a playlist, a list of files or addresses, a script. YUV4MPEG2 alone begins with a line."""
    return bool(head) and not head.startswith(b"YUV4MPEG2 ") and head.translate(None, _CONTROLS) == head


def is_seekable(head: bytes) -> bool:
    """Is of a kind whose seeks were seen to land where they should: MP4, QuickTime, Matroska."""
    return _is_mp4(head) or head.startswith(_MATROSKA)


def may_jump(head: bytes) -> bool:
    """Is of a kind whose clock may jump, as in joined or broken recordings: MPEG-TS, MPEG-PS, Ogg."""
    return _is_ts(head) or head.startswith((_MPEG_PS, b"OggS"))


def is_moving(path: str, head: bytes) -> bool:
    """Whether what begins like a picture is a video: raw Motion JPEG, an animated PNG or WebP.

    Motion JPEG is told from a photo with other pictures behind it (a gain map, a depth map, the second eye) by three
    pictures of one size that follow each other at once, without the directory that multi-picture photos have.
    """
    try:
        with open(path, "rb") as file:
            if head.startswith(_PNG):
                return any(name == b"acTL" for name, _, _ in _until(_png_chunks(file), b"IDAT"))
            if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
                return bool(head[20] & 2)
            if head.startswith(b"\xff\xd8\xff"):
                return _is_motion_jpeg(file)
    except _DAMAGE:
        pass
    return False


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
    except _DAMAGE:
        return False


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), os.SEEK_CUR)


def _is_mp4(head: bytes) -> bool:
    return head[4:8] in _MP4_BOXES


def _is_ts(head: bytes) -> bool:
    """Packets of 188 bytes, or of 192 with a time before each, as camcorders write them."""
    return any(
        len(head) > first + 2 * size and all(head[first + size * number] == _SYNC for number in range(3))
        for first, size in ((0, _PACKET), (4, 192))
    )


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    start = len(_PNG)
    for _ in range(_MOST_PARTS):
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
    for _ in range(_MOST_PARTS):
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


# Structure


class _Part(NamedTuple):
    """A box, element or chunk: its name, where it, its content, and what follows it begin."""

    name: bytes
    at: int
    begin: int
    end: int  # as the file tells it, maybe beyond its own end


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Part]:
    """Of MP4."""
    for _ in range(_MOST_PARTS):
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
        yield _Part(name, start, begin, start + size)
        start += size


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[_Part]:
    """Of Matroska. An element of unknown size, as live recordings have, reaches to the end."""
    for _ in range(_MOST_PARTS):
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
        yield _Part(header[:id_length], start, begin, until)
        start = until


def _chunks(file: BinaryIO, start: int, end: int) -> Iterator[_Part]:
    """Of RIFF; a list is named after its type."""
    for _ in range(_MOST_PARTS):
        file.seek(start)
        header = file.read(12)
        if start >= end or len(header) < 8:
            return
        name, size = struct.unpack_from("<4sI", header)
        is_list = name in (b"RIFF", b"LIST")
        yield _Part(header[8:12] if is_list else name, start, start + (12 if is_list else 8), start + 8 + size)
        start += 8 + size + size % 2


def _asf_objects(file: BinaryIO, start: int, end: int) -> Iterator[_Part]:
    for _ in range(_MOST_PARTS):
        file.seek(start)
        header = file.read(24)
        if start >= end or len(header) < 24:
            return
        (size,) = struct.unpack_from("<Q", header, 16)
        if size < 24:
            return
        yield _Part(header[:16], start, start + 24, start + size)
        start += size


def _first(parts: Iterator[_Part], name: bytes) -> _Part | None:
    return next((part for part in parts if part.name == name), None)


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _content(file: BinaryIO, part: _Part | None, most: int = 256) -> bytes:
    if part is None:
        return b""
    file.seek(part.begin)
    return file.read(min(most, max(0, part.end - part.begin)))


_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"


def _in_segment(file: BinaryIO, name: bytes) -> _Part | None:
    """The first element of this name in a Matroska segment, before the pictures begin."""
    segment = _first(_elements(file, 0, _size(file)), _SEGMENT)
    if segment is None:
        return None
    for part in _elements(file, segment.begin, segment.end):
        if part.name in (name, _CLUSTER):
            return part if part.name == name else None
    return None


# Whether it is whole

_WHOLES = b"mdat", b"moov", b"moof", b"AVI ", b"AVIX", _SEGMENT, bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_SLACK = 8  # bytes: some writers count the header of a RIFF file in its size


def lacks_index(path: str, head: bytes) -> bool:
    """An MP4 or QuickTime file without a ``moov`` box: recorded until the camera lost its power, or copied in part."""
    try:
        with open(path, "rb") as file:
            return _is_mp4(head) and _first(_boxes(file, 0, _size(file)), b"moov") is None
    except _DAMAGE:
        return False


def is_cut_off(path: str, head: bytes) -> bool:
    """Whether the last part of an MP4, QuickTime, Matroska, AVI or ASF file should reach beyond the file's end."""
    try:
        with open(path, "rb") as file:
            size = _size(file)
            if _is_mp4(head):
                parts = _boxes(file, 0, size)
            elif head.startswith(_MATROSKA):
                parts = _elements(file, 0, size)
            elif head[:4] == b"RIFF":
                parts = _chunks(file, 0, size)
            elif head.startswith(_ASF):
                parts = _asf_objects(file, 0, size)
            else:
                return False
            return any(part.name in _WHOLES and part.end > size + _SLACK for part in parts)
    except _DAMAGE:
        return False


# Streams


class VideoStream(NamedTuple):
    """What makes a part of a container a video stream, and what in its place makes a reader pass that part over."""

    at: int  # bytes from the beginning of the file
    hidden: bytes  # empty: it cannot be passed over


def video_streams(path: str, head: bytes) -> list[VideoStream]:
    """The streams of pictures in MP4, QuickTime, Matroska, AVI and MPEG-TS files, in the file's order.

    Pictures of chapters do not count. Of other containers, and of damaged ones, what could be found.
    """
    found: list[VideoStream] = []
    with suppress(*_DAMAGE), open(path, "rb") as file:
        if _is_mp4(head):
            found += _mp4_streams(file)
        elif head.startswith(_MATROSKA):
            found += _matroska_streams(file)
        elif head[:4] == b"RIFF":
            found += _avi_streams(file)
        elif _is_ts(head):
            found += _ts_streams(file)
    return found


def _mp4_streams(file: BinaryIO) -> Iterator[VideoStream]:
    moov = _first(_boxes(file, 0, _size(file)), b"moov")
    if moov is None:
        return
    tracks, chapters = [], set()
    for trak in _boxes(file, moov.begin, moov.end):
        if trak.name == b"trak":
            parts = {part.name: part for part in _boxes(file, trak.begin, trak.end)}
            header = _content(file, parts.get(b"tkhd"), 24)
            number = header[20:24] if header[:1] == b"\1" else header[12:16]
            if b"tref" in parts:
                chap = _first(_boxes(file, parts[b"tref"].begin, parts[b"tref"].end), b"chap")
                numbers = _content(file, chap)
                chapters |= {numbers[at : at + 4] for at in range(0, len(numbers), 4)}
            mdia = parts.get(b"mdia")
            hdlr = _first(_boxes(file, mdia.begin, mdia.end), b"hdlr") if mdia else None
            if _content(file, hdlr)[8:12] == b"vide":
                tracks.append((number, trak.at + 4))
    for number, at in tracks:
        if number not in chapters:
            yield VideoStream(at, b"free")


_TRACKS, _TRACK, _TRACK_TYPE = b"\x16\x54\xae\x6b", b"\xae", b"\x83"
_PICTURES, _METADATA = b"\x01", b"\x21"  # types; ffmpeg stumbles over the data of a track of no type


def _matroska_streams(file: BinaryIO) -> Iterator[VideoStream]:
    tracks = _in_segment(file, _TRACKS)
    for track in _elements(file, tracks.begin, tracks.end) if tracks else ():
        if track.name == _TRACK:
            kind = _first(_elements(file, track.begin, track.end), _TRACK_TYPE)
            if kind is not None and _content(file, kind)[-1:] == _PICTURES:
                yield VideoStream(kind.end - 1, _METADATA)


def _avi_streams(file: BinaryIO) -> Iterator[VideoStream]:
    riff = _first(_chunks(file, 0, _size(file)), b"AVI ")
    hdrl = _first(_chunks(file, riff.begin, riff.end), b"hdrl") if riff else None
    for strl in _chunks(file, hdrl.begin, hdrl.end) if hdrl else ():
        if strl.name == b"strl":
            strh = _first(_chunks(file, strl.begin, strl.end), b"strh")
            if strh is not None and _content(file, strh, 4) == b"vids":
                yield VideoStream(strh.begin, b"dats")


# Stream types of pictures: MPEG-1, -2, -4, AVC, its other views, JPEG 2000, HEVC, VVC, CAVS, Dirac, VC-1
_TS_PICTURES = frozenset(b"\x01\x02\x10\x1b\x20\x21\x24\x33\x42\xd1\xea")
_TS_SEARCHED = 2_000_000  # bytes: the tables come several times a second


def _ts_streams(file: BinaryIO) -> Iterator[VideoStream]:
    """By the program map tables; a table carries a check sum, so no stream can be hidden."""
    file.seek(0)
    data = file.read(_TS_SEARCHED)
    first, size = (0, _PACKET) if data[0] == _SYNC == data[_PACKET] else (4, 192)
    maps: set[int] = set()
    seen: set[int] = set()
    for at in range(first, len(data) - _PACKET, size):
        packet = data[at : at + _PACKET]
        number = struct.unpack_from(">H", packet, 1)[0] & 0x1FFF
        if not packet[1] & 0x40 or (number and number not in maps):
            continue
        payload = packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]
        table = payload[1 + payload[0] :] if payload else b""
        section = table[: 3 + (struct.unpack_from(">H", table, 1)[0] & 0x0FFF) - 4] if len(table) > 12 else b""
        if number == 0:
            maps |= {struct.unpack_from(">H", section, at)[0] & 0x1FFF for at in range(10, len(section) - 1, 4)}
            continue
        entry = 12 + (struct.unpack_from(">H", section, 10)[0] & 0x0FFF) if len(section) > 12 else len(section)
        while entry + 5 <= len(section):
            if section[entry] in _TS_PICTURES:
                seen.add(struct.unpack_from(">H", section, entry + 1)[0] & 0x1FFF)
            entry += 5 + (struct.unpack_from(">H", section, entry + 3)[0] & 0x0FFF)
    yield from (VideoStream(0, b"") for _ in seen)


# Dates


def creation_time(path: Path) -> datetime | None:
    """When a container says that it was recorded, UTC: MP4 and QuickTime, Matroska, AVI, ASF.

    None if it does not, or tells a time before 1970 as writers without a clock do.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if _is_mp4(head):
                when = _mp4_date(file)
            elif head.startswith(_MATROSKA):
                when = _matroska_date(file)
            elif head[:4] == b"RIFF":
                when = _avi_date(file)
            elif head.startswith(_ASF):
                when = _asf_date(file)
            else:
                when = None
    except _DAMAGE:
        return None
    return when and plausible(when)


def _mp4_date(file: BinaryIO) -> datetime | None:
    """The ``mvhd`` box: seconds since 1904, UTC (8.2.2)."""
    moov = _first(_boxes(file, 0, _size(file)), b"moov")
    mvhd = _first(_boxes(file, moov.begin, moov.end), b"mvhd") if moov else None
    if mvhd is None:
        return None
    body = _content(file, mvhd, 12)
    (seconds,) = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)
    return datetime(1904, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)


def _matroska_date(file: BinaryIO) -> datetime | None:
    """DateUTC: nanoseconds since 2001, UTC."""
    info = _in_segment(file, b"\x15\x49\xa9\x66")
    date = _first(_elements(file, info.begin, info.end), b"\x44\x61") if info else None
    if date is None:
        return None
    nanoseconds = int.from_bytes(_content(file, date, 8), "big", signed=True)
    return datetime(2001, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=nanoseconds / 1000)


_AVI_DATES = "%a %b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y:%m:%d %H:%M:%S"


def _avi_date(file: BinaryIO) -> datetime | None:
    """IDIT of the header, as cameras write it, or ICRD of the information list: local time without a zone."""
    riff = _first(_chunks(file, 0, _size(file)), b"AVI ")
    if riff is None:
        return None
    for part in _chunks(file, riff.begin, riff.end):
        if part.name in (b"hdrl", b"INFO"):
            text = _content(
                file, _first(_chunks(file, part.begin, part.end), b"IDIT" if part.name == b"hdrl" else b"ICRD")
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
    header = _first(_asf_objects(file, 0, _size(file)), _ASF)
    properties = _first(_asf_objects(file, header.begin + 6, header.end), _ASF_PROPERTIES) if header else None
    if properties is None:
        return None
    (ticks,) = struct.unpack_from("<Q", _content(file, properties), 24)
    return datetime(1601, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=ticks / 10)


def plausible(when: datetime) -> datetime | None:
    """A date, or None if it is before 1970 or after 2099, as devices without a clock tell it."""
    return when if 1970 <= when.year < 2100 else None
