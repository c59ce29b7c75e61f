"""The video streams of a container: MP4 and QuickTime, Matroska, AVI, MPEG-TS (ISO/IEC 13818-1)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from face_classifier.sources.formats.containers import (
    boxes,
    chunks,
    content_of,
    elements,
    first_named,
    in_segment,
    size_of,
)
from face_classifier.sources.formats.kinds import DAMAGE, MATROSKA, MPEG_PS, PACKET, SYNC, is_mp4, is_ts


def shows_video(path: str, head: bytes) -> bool:
    """Begins as a video does, whatever its name, and holds one rather than sound alone."""
    if head.startswith((b"GIF87a", b"GIF89a", MPEG_PS)):
        return True
    if head.startswith(b"FLV\1"):
        return bool(head[4] & 1)
    return bool(video_streams(path, head))


class VideoStream(NamedTuple):
    """What makes a part of a container a video stream, and what in its place makes a reader pass that part over."""

    at: int  # bytes from the beginning of the file
    hidden: bytes  # empty: it cannot be passed over


def video_streams(path: str, head: bytes) -> list[VideoStream]:
    """The streams of pictures in MP4, QuickTime, Matroska, AVI and MPEG-TS files, in the file's order.

    Pictures of chapters do not count. Of other containers there are none, of damaged ones those that could be found.
    """
    streams: list[VideoStream] = []
    with suppress(*DAMAGE), open(path, "rb") as file:
        if is_mp4(head):
            streams += _mp4_streams(file)
        elif head.startswith(MATROSKA):
            streams += _matroska_streams(file)
        elif head[:4] == b"RIFF":
            streams += _avi_streams(file)
        elif is_ts(head):
            streams += _ts_streams(file)
    return streams


def _mp4_streams(file: BinaryIO) -> Iterator[VideoStream]:
    moov = first_named(boxes(file, 0, size_of(file)), b"moov")
    if moov is None:
        return
    tracks, chapters = [], set()
    for trak in boxes(file, moov.begin, moov.end):
        if trak.name == b"trak":
            parts = {part.name: part for part in boxes(file, trak.begin, trak.end)}
            header = content_of(file, parts.get(b"tkhd"), 24)
            number = header[20:24] if header[:1] == b"\1" else header[12:16]
            if b"tref" in parts:
                chap = first_named(boxes(file, parts[b"tref"].begin, parts[b"tref"].end), b"chap")
                numbers = content_of(file, chap)
                chapters |= {numbers[at : at + 4] for at in range(0, len(numbers), 4)}
            mdia = parts.get(b"mdia")
            hdlr = first_named(boxes(file, mdia.begin, mdia.end), b"hdlr") if mdia else None
            if content_of(file, hdlr)[8:12] == b"vide":
                tracks.append((number, trak.at + 4))
    for number, at in tracks:
        if number not in chapters:
            yield VideoStream(at, b"free")


_TRACKS, _TRACK, _TRACK_TYPE = b"\x16\x54\xae\x6b", b"\xae", b"\x83"
_PICTURES, _METADATA = b"\x01", b"\x21"  # types; ffmpeg stumbles over the data of a track of no type


def _matroska_streams(file: BinaryIO) -> Iterator[VideoStream]:
    tracks = in_segment(file, _TRACKS)
    for track in elements(file, tracks.begin, tracks.end) if tracks else ():
        if track.name == _TRACK:
            kind = first_named(elements(file, track.begin, track.end), _TRACK_TYPE)
            if kind is not None and content_of(file, kind)[-1:] == _PICTURES:
                yield VideoStream(kind.end - 1, _METADATA)


def _avi_streams(file: BinaryIO) -> Iterator[VideoStream]:
    riff = first_named(chunks(file, 0, size_of(file)), b"AVI ")
    hdrl = first_named(chunks(file, riff.begin, riff.end), b"hdrl") if riff else None
    for strl in chunks(file, hdrl.begin, hdrl.end) if hdrl else ():
        if strl.name == b"strl":
            strh = first_named(chunks(file, strl.begin, strl.end), b"strh")
            if strh is not None and content_of(file, strh, 4) == b"vids":
                yield VideoStream(strh.begin, b"dats")


# Stream types of pictures: MPEG-1, -2, -4, AVC, its other views, JPEG 2000, HEVC, VVC, CAVS, Dirac, VC-1
_TS_PICTURES = frozenset(b"\x01\x02\x10\x1b\x20\x21\x24\x33\x42\xd1\xea")
_TS_SEARCHED = 2_000_000  # bytes: the tables come several times a second


def _ts_streams(file: BinaryIO) -> Iterator[VideoStream]:
    """By the program map tables; a table carries a check sum, so no stream can be hidden."""
    file.seek(0)
    data = file.read(_TS_SEARCHED)
    first, size = (0, PACKET) if data[0] == SYNC == data[PACKET] else (4, 192)
    maps: set[int] = set()
    seen: set[int] = set()
    for at in range(first, len(data) - PACKET, size):
        packet = data[at : at + PACKET]
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
