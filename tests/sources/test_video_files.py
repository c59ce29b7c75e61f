"""Containers tell their streams, dates and damage; every stream is read or told, and a jump of a clock is bridged."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, need_tool
from PIL import Image as Pillow
from test_discover import BITS, EVERY_FRAME, START, boxes, number_of, numbered, run, write_clip

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.gallery.store import Store
from face_classifier.sources import video
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.sources.formats import containers, kinds, streams
from face_classifier.sources.picture import Picture


def ffmpeg(*arguments: object) -> None:
    line = [need_tool("ffmpeg", "ffmpeg"), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(line, check=True, timeout=60)


def numbers_of(frames: list[Frame]) -> list[int]:
    return [number_of(frame.image) for frame in frames]


def watched(path: Path) -> tuple[list[Frame], list[str]]:
    """All frames of a source, and what it tells afterwards."""
    with open_source(str(path)) as source:
        return list(source.frames(EVERY_FRAME, START, threading.Event())), source.notes()


class TestStreams:
    @pytest.fixture
    def two(self, tmp_path: Path) -> Callable[..., Path]:
        """Makes a video of two streams, one with the numbers from 0, the other with those from 500."""
        one, other = write_clip(tmp_path / "one.mp4", 30), tmp_path / "other.mp4"
        writer = cv2.VideoWriter(str(other), cv2.VideoWriter.fourcc(*"mp4v"), 25, (16 * BITS, 32))
        for number in range(500, 520):
            writer.write(numbered(number))
        writer.release()

        def make(name: str, *options: str) -> Path:
            ffmpeg("-i", one, "-i", other, "-map", "0:v", "-map", "1:v", "-c", "copy", *options, tmp_path / name)
            return tmp_path / name

        return make

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("two.mp4", []),
            ("fragments.mp4", ["-movflags", "frag_keyframe+empty_moov"]),
            ("two.mov", []),
            ("two.mkv", []),
            ("live.mkv", ["-live", "1"]),
            ("two.avi", []),
        ],
    )
    def test_every_video_stream_gives_its_frames_under_a_fingerprint_of_its_own(
        self, two: Callable[..., Path], name: str, options: list[str]
    ) -> None:
        clip = two(name, *options)
        found, notes = watched(clip)
        assert notes == []
        assert numbers_of(found) == [*range(30), *range(500, 520)]
        assert [frame.index for frame in found] == [*range(30), *range(20)]
        assert [frame.position for frame in found[30:]] == pytest.approx([step / 25 for step in range(20)], abs=0.002)
        fingerprint = open_source(str(clip)).fingerprint
        assert [frame.fingerprint for frame in found] == [fingerprint] * 30 + [f"{fingerprint}#2"] * 20

    def test_a_skipped_start_counts_for_each(self, two: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(video, "_SEEK_FROM", 0.1)
        monkeypatch.setattr(video, "_SEEK_AHEAD", 0.2)
        found = run(two("two.mp4"), Sampling(every=0, skip=0.6))
        assert numbers_of(found) == [*range(15, 30), *range(515, 520)]

    def test_a_stream_that_cannot_be_chosen_is_told(self, two: Callable[..., Path]) -> None:
        found, (note,) = watched(two("two.ts", "-c:v", "mpeg2video"))
        assert numbers_of(found) == list(range(30))
        assert re.search(r"two\.ts has 2 video streams, of which only the first is read; save", note)

    def test_a_damaged_second_stream_is_told_and_the_first_is_read(self, two: Callable[..., Path]) -> None:
        clip = two("two.mp4")
        data = clip.read_bytes()
        second = data.rindex(b"stco")
        clip.write_bytes(data[:second] + b"xxxx" + data[second + 4 :])
        found, (note,) = watched(clip)
        assert numbers_of(found) == list(range(30))
        assert "video stream 2 of" in note

    def test_pictures_of_chapters_are_no_stream(self, two: Callable[..., Path]) -> None:
        clip = two("two.mp4")
        chapters = struct.pack(">I4sI4sI", 20, b"tref", 12, b"chap", 2)
        moov = next(content for name, content in boxes(clip.read_bytes()) if name == b"moov")
        trak = next(content for name, content in boxes(moov) if name == b"trak")
        data = clip.read_bytes().replace(trak, chapters + trak, 1)
        for place in data.index(b"moov"), data.index(b"trak"):
            (size,) = struct.unpack_from(">I", data, place - 4)
            data = data[: place - 4] + struct.pack(">I", size + len(chapters)) + data[place:]
        clip.write_bytes(data)
        assert numbers_of(run(clip)) == list(range(30))


@pytest.mark.skipif(sys.platform != "linux", reason="this system's names are text")
def test_a_video_whose_name_is_no_text_is_read(tmp_path: Path) -> None:
    strange = tmp_path / os.fsdecode(b"caf\xe9 12:30 %02d.mp4")
    write_clip(tmp_path / "a.mp4", 3).rename(strange)
    found, notes = watched(strange)
    assert numbers_of(found) == [0, 1, 2]
    assert notes == []


class TestMovingPictures:
    def test_raw_motion_jpeg_is_a_video(self, tmp_path: Path) -> None:
        jpegs = [cv2.imencode(".jpg", numbered(number))[1].tobytes() for number in range(30)]
        for name, between in (("cam.mjpeg", b""), ("cam.jpg", b"\0\0")):
            (tmp_path / name).write_bytes(between.join(jpegs))
            found = run(tmp_path / name, Sampling(every=0.4))
            assert numbers_of(found) == [0, 10, 20]
            assert [frame.position for frame in found] == pytest.approx([0, 0.4, 0.8])

    @pytest.mark.parametrize("progressive", [False, True])
    def test_a_photo_with_other_pictures_behind_it_is_a_photo(self, tmp_path: Path, progressive: bool) -> None:
        image = Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8))
        photo, small = io.BytesIO(), io.BytesIO()
        image.save(photo, "JPEG", progressive=progressive, exif=image.getexif().tobytes())
        image.resize((160, 120)).save(small, "JPEG")
        for name, behind in (("map.jpg", [small] * 2), ("eye.jpg", [photo]), ("plain.jpg", [])):
            (tmp_path / name).write_bytes(b"".join(part.getvalue() for part in [photo, *behind]))
            assert isinstance(open_source(str(tmp_path / name)), Picture), name
        image.save(tmp_path / "multi.mpo", save_all=True, append_images=[image, image])
        assert isinstance(open_source(str(tmp_path / "multi.mpo")), Picture)

    def test_a_huge_file_of_nothing_behind_a_picture_is_soon_known(self, tmp_path: Path) -> None:
        begin = cv2.imencode(".jpg", numbered(1))[1].tobytes()
        path = tmp_path / "huge.jpg"
        with path.open("wb") as file:
            file.write(begin[:-2])
            file.truncate(20_000_000_000)  # a hole, which takes no space
        began = time.process_time()
        assert not kinds.is_moving(str(path), kinds.head_of(str(path)))
        assert time.process_time() - began < 3
        path.unlink()

    @pytest.mark.parametrize("suffix", ["png", "webp"])
    def test_an_animation_is_a_video_and_a_still_one_a_picture(self, tmp_path: Path, suffix: str) -> None:
        still, *others = (Pillow.fromarray(numbered(number)) for number in range(6))
        still.save(tmp_path / f"still.{suffix}", lossless=True)
        still.save(tmp_path / f"moving.{suffix}", save_all=True, append_images=others, duration=200, lossless=True)
        assert isinstance(open_source(str(tmp_path / f"still.{suffix}")), Picture)
        found = run(tmp_path / f"moving.{suffix}", Sampling(every=0.4))
        assert numbers_of(found) == [0, 2, 4]
        assert [frame.position for frame in found] == pytest.approx([0, 0.4, 0.8])


class TestDamage:
    def test_frames_behind_damaged_ones_are_read_and_those_are_counted(self, tmp_path: Path) -> None:
        clip = tmp_path / "a.mp4"
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x240:duration=8", "-c:v", "libx264", "-bf", "0", "-g", "25", clip)
        assert len(run(clip)) == 200
        data = bytearray(clip.read_bytes())
        begin = data.index(b"mdat") + 4
        place = begin + (data.index(b"moov") - begin) // 2
        data[place : place + 6000] = np.random.default_rng(0).integers(128, 256, 6000, np.uint8).tobytes()
        clip.write_bytes(data)
        found, (note,) = watched(clip)
        told = re.fullmatch(r"(\d+) frames of \S+a\.mp4 could not be decoded; copy it anew [^\n]*", note)
        assert told
        assert 0 < int(told[1]) == 200 - len(found) < 60
        assert found[-1].position == pytest.approx(7.96)

    @pytest.mark.parametrize("name", ["a.ts", "a.mpg"])
    def test_frames_that_a_damaged_stream_lacks_are_counted(self, tmp_path: Path, name: str) -> None:
        clip = tmp_path / name
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x240:duration=8", "-c:v", "mpeg2video", "-g", 25, clip)
        whole, notes = watched(clip)
        assert (len(whole), notes) == (200, [])
        data = clip.read_bytes()
        third = len(data) // 3
        clip.write_bytes(data[:third] + bytes(len(data) // 8) + data[third + len(data) // 8 :])
        found, (note,) = watched(clip)
        told = re.search(r"(\d+) frames of \S+ could not be decoded", note)
        assert told
        assert int(told[1]) == pytest.approx(200 - len(found), abs=1)
        assert len(found) < 195

    @pytest.mark.parametrize(
        ("name", "codec"),
        [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v"), ("a.ts", "mpg2"), ("a.wmv", "WMV2")],
    )
    def test_a_whole_video_has_nothing_to_tell(self, tmp_path: Path, name: str, codec: str) -> None:
        found, notes = watched(write_clip(tmp_path / name, codec=codec))
        assert (len(found), notes) == (50, [])

    @pytest.mark.parametrize(
        ("name", "codec"), [("a.avi", "MJPG"), ("a.mkv", "mp4v"), ("a.wmv", "WMV2"), ("index first.mp4", "mp4v")]
    )
    def test_what_is_cut_off_gives_its_frames_and_is_told(self, tmp_path: Path, name: str, codec: str) -> None:
        clip = write_clip(tmp_path / name, codec=codec)
        if name == "index first.mp4":
            ffmpeg("-i", clip, "-c", "copy", "-movflags", "faststart", tmp_path / "fast.mp4")
            clip = tmp_path / "fast.mp4"
        data = clip.read_bytes()
        clip.write_bytes(data[: len(data) * 3 // 4])
        found, notes = watched(clip)
        assert 10 < len(found) < 50
        assert any(re.search(r"is cut off: its end is missing; copy it anew", note) for note in notes)

    def test_a_recording_without_an_index_is_told_to_be_incomplete(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.mp4")
        data = clip.read_bytes()
        clip.write_bytes(data[: data.index(b"moov") - 4])
        told = r"a\.mp4 is incomplete: the recording was cut off[^\n]*; copy it anew"
        with pytest.raises(UserError, match=told) as raised:
            open_source(str(clip))
        assert "convert" not in str(raised.value)


class TestDates:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.wmv"])
    def test_a_container_tells_when_it_was_recorded(self, tmp_path: Path, name: str) -> None:
        created = datetime(2020, 1, 1, 10, tzinfo=timezone.utc)
        codec = {"a.wmv": "wmv2", "a.webm": "libvpx"}.get(name, "mpeg4")
        made = ["-c:v", codec, "-metadata", f"creation_time={created.isoformat()}"]
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=160x120:duration=1", *made, tmp_path / name)
        with open_source(str(tmp_path / name)) as source:
            assert source.start == created

    @pytest.mark.parametrize(
        ("kind", "text"),
        [("IDIT", "WED JAN 01 10:00:00 2020\n\0"), ("IDIT", "2020-01-01 10:00:00"), ("ICRD", "2020-01-01 10:00:00\0")],
    )
    def test_an_avi_tells_it_as_cameras_write_it_in_local_time(self, tmp_path: Path, kind: str, text: str) -> None:
        chunk = struct.pack("<4sI", kind.encode(), len(text)) + text.encode() + b"\0" * (len(text) % 2)
        clip = write_clip(tmp_path / "a.avi", codec="MJPG")
        data = clip.read_bytes()
        (size,) = struct.unpack_from("<I", data, 16)  # of the header's list, which comes first
        place = 20 + size
        if kind == "IDIT":
            data = data[:16] + struct.pack("<I", size + len(chunk)) + data[20:]
        else:
            chunk = struct.pack("<4sI4s", b"LIST", len(chunk) + 4, b"INFO") + chunk
        clip.write_bytes(data[:place] + chunk + data[place:])
        assert containers.creation_time(clip) == datetime(2020, 1, 1, 10).astimezone(timezone.utc)

    @pytest.mark.parametrize("name", ["a.ts", "a.mpg", "a.mjpeg", "a.flv", "a.avi", "a.mkv", "live.mkv"])
    def test_else_its_modification_is_its_end(self, tmp_path: Path, name: str) -> None:
        codec = {"a.mjpeg": "mjpeg", "a.flv": "flv1"}.get(name, "mpeg2video")
        more = ["-fflags", "+bitexact", *(["-live", "1"] if name == "live.mkv" else [])]
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=160x120:duration=4", "-c:v", codec, *more, tmp_path / name)
        os.utime(tmp_path / name, (1.6e9, 1.6e9))
        with open_source(str(tmp_path / name)) as source:
            assert source.start.timestamp() == pytest.approx(1.6e9 - 4, abs=0.1)

    @pytest.mark.parametrize("start", [b"\x1a\x45\xdf\xa3", b"RIFF\xff\xff\xff\xffAVI ", kinds.ASF])
    def test_hostile_containers_tell_nothing(self, tmp_path: Path, start: bytes) -> None:
        random = np.random.default_rng(0)
        for tail in (b"", b"\0" * 99, b"\xff" * 99, *(random.bytes(400) for _ in range(200))):
            (tmp_path / "a").write_bytes(start + tail)
            head = kinds.head_of(str(tmp_path / "a"))
            assert containers.creation_time(tmp_path / "a") is None
            assert streams.video_streams(str(tmp_path / "a"), head) == []
            containers.is_cut_off(str(tmp_path / "a"), head)


class TestJumps:
    @pytest.mark.parametrize("later", [90000, -500])
    def test_a_jump_of_the_clock_takes_no_time(self, tmp_path: Path, later: int) -> None:
        clip = joined(tmp_path, later)
        os.utime(clip, (1.6e9, 1.6e9))
        with open_source(str(clip)) as source:
            found = list(source.frames(EVERY_FRAME, START, threading.Event()))
            assert source.start.timestamp() == pytest.approx(1.6e9 - 4, abs=0.1)
            assert source.duration is None or source.duration < 600
        assert [frame.position for frame in found] == pytest.approx([step / 25 for step in range(100)], abs=0.05)

    def test_it_does_where_it_did_when_the_source_was_first_seen(self, tmp_path: Path) -> None:
        found = run(joined(tmp_path, 90000), Sampling(every=0, bridged=False))
        assert len(found) == 100
        assert found[-1].position == pytest.approx(90000 + 49 / 25, abs=0.05)

    @pytest.mark.parametrize(
        ("told", "positions"),
        [
            ([0, 0.04, 90000, 90000.04], [0, 0.04, 0.08, 0.12]),
            ([0, 0.04, -90000, -89999.96], [0, 0.04, 0.08, 0.12]),
            ([50, 50.04, 50.08], [50, 50.04, 50.08]),  # where it begins is no jump
            ([0, 9, 18], [0, 9, 18]),
            ([0, 0.04, 0.02, 0.12], [0, 0.04, 0.08, 0.12]),
            ([0, 0.04, float("nan"), 0.12], [0, 0.04, 0.08, 0.12]),
        ],
    )
    def test_the_clock_goes_on_from_there(self, told: list[float], positions: list[float]) -> None:
        clock = video.Clock(0.04, 10.0)
        assert [clock.position(value) for value in told] == pytest.approx(positions)

    def test_a_gap_in_a_container_without_jumps_is_time(self) -> None:
        clock = video.Clock(0.04)
        assert [clock.position(value) for value in (0, 90000)] == [0, 90000]


def joined(folder: Path, later: int) -> Path:
    """A recording of twice two seconds, the clock of the second so many seconds later than that of the first."""
    parts = []
    for name, offset in (("one.ts", 1000), ("other.ts", 1000 + later)):
        made = ["-c:v", "mpeg2video", "-output_ts_offset", offset]
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x240:duration=2", *made, folder / name)
        parts.append((folder / name).read_bytes())
    (folder / "joined.ts").write_bytes(b"".join(parts))
    return folder / "joined.ts"


@pytest.fixture
def jumping(tmp_path: Path, short_clip: Path) -> Path:
    """Twice the four seconds of two people, the clock of the second time 25 hours later."""
    parts = []
    for offset in (1000, 91000):
        ffmpeg(
            "-i", short_clip, "-r", 25, "-c:v", "mpeg2video", "-q:v", 2, "-output_ts_offset", offset, tmp_path / "a.ts"
        )
        parts.append((tmp_path / "a.ts").read_bytes())
    (tmp_path / "jump.ts").write_bytes(b"".join(parts))
    return tmp_path / "jump.ts"


@pytest.mark.parametrize("is_known", [False, True])
def test_positions_of_a_known_source_stay_as_stored(
    command: Callable[..., Ended], jumping: Path, tmp_path: Path, is_known: bool
) -> None:
    result = tmp_path / "result"
    known_start = datetime(2019, 1, 1, tzinfo=timezone.utc)
    if is_known:  # from before jumps were bridged
        with Store(result, writing=True):
            pass
        with closing(sqlite3.connect(result / "faces.sqlite")) as table, table:
            table.execute(
                "INSERT INTO sources VALUES (?, ?)", (open_source(str(jumping)).fingerprint, known_start.isoformat())
            )
    exports = []
    for _ in range(2):
        assert command(jumping, "--result", result, "--online-only").code == 0
        exports.append(command("export", "--result", result).out)
        jumping.touch()  # which tells another start
    assert exports[0] == exports[1]
    faces = [json.loads(line) for line in exports[0].splitlines()]
    last = max(face["position"] for face in faces)
    assert last == pytest.approx(90003 if is_known else 6, abs=0.1)
    if is_known:
        assert min(face["time"] for face in faces) == known_start.isoformat()


def test_faces_of_two_streams_are_kept_once_however_often_it_runs(
    command: Callable[..., Ended], short_clip: Path, tmp_path: Path
) -> None:
    clip, result = tmp_path / "two.mp4", tmp_path / "result"
    ffmpeg("-i", short_clip, "-ss", 1, "-i", short_clip, "-map", "0:v", "-map", "1:v", "-c:v", "mpeg4", "-q:v", 2, clip)
    exports = []
    for _ in range(2):
        assert command(clip, "--result", result).code == 0
        exports.append(command("export", "--result", result).out)
    assert exports[0] == exports[1]
    places = [(face["fingerprint"][-2:] == "#2", face["position"]) for face in map(json.loads, exports[0].splitlines())]
    assert sorted(places) == [(False, 0), (False, 1), (False, 2), (False, 3), (True, 0), (True, 1), (True, 2)]


def test_what_a_source_passes_over_is_told_at_its_end(
    command: Callable[..., Ended], short_clip: Path, tmp_path: Path
) -> None:
    data = short_clip.read_bytes()
    cut_off = tmp_path / "cut off.mkv"
    ffmpeg("-i", short_clip, "-c", "copy", cut_off)
    cut_off.write_bytes(cut_off.read_bytes()[: len(data) * 3 // 4])
    for line in ([cut_off], ["recognize", cut_off], ["enroll", "Ada", cut_off]):
        ended = command(*line, "--result", tmp_path / "result")
        assert "cut off.mkv is cut off: its end is missing" in ended.err, line
