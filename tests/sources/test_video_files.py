"""Containers tell their streams, dates and damage; every stream is read or told, and a jump of a clock is bridged."""

from __future__ import annotations

import contextlib
import errno
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
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Ended, need_tool
from PIL import Image as Pillow
from sources.clips import BITS, EVERY_FRAME, START, boxes, change_box, number_of, numbered, patch, run, write_clip
from sources.seams import OpenSource, SourceTests

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.gallery.store import Store
from face_classifier.sources import capture, video
from face_classifier.sources.base import Sampling, frame_duration
from face_classifier.sources.discover import open_source
from face_classifier.sources.formats import containers, kinds, streams
from face_classifier.sources.picture import Picture, read_picture
from face_classifier.sources.reading import Clock
from face_classifier.sources.video import VideoFile


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

    def test_pictures_of_an_animation_for_which_no_time_is_told_last_a_tenth_of_a_second(self, tmp_path: Path) -> None:
        still, *others = (Pillow.fromarray(numbered(number)) for number in range(3))
        still.save(tmp_path / "a.webp", save_all=True, append_images=others, duration=0, lossless=True)
        found = run(tmp_path / "a.webp")
        assert numbers_of(found) == [0, 1, 2]
        assert [frame.position for frame in found] == pytest.approx([0, 0.1, 0.2])

    def test_a_damaged_animation_gives_the_pictures_before_the_damage_and_says_so(self, tmp_path: Path) -> None:
        still, *others = (Pillow.fromarray(numbered(number)) for number in range(6))
        still.save(tmp_path / "a.webp", save_all=True, append_images=others, duration=200, lossless=True)
        content = bytearray((tmp_path / "a.webp").read_bytes())
        fourth = [place.start() for place in re.finditer(b"VP8L", content)][3]
        content[fourth + 16 : fourth + 25] = bytes(9)  # behind its header, which is looked at when the file is opened
        (tmp_path / "a.webp").write_bytes(content)
        frames, notes = watched(tmp_path / "a.webp")
        assert numbers_of(frames) == [0, 1, 2]
        assert notes == [
            f"{tmp_path / 'a.webp'} could not be decoded from frame 4 on; copy it again if you have an intact one"
        ]


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
        told = re.fullmatch(r"(\d+) frames of \S+a\.mp4 could not be decoded; copy it again [^\n]*", note)
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
        assert any(re.search(r"is cut off: its end is missing; copy it again", note) for note in notes)

    def test_a_recording_without_an_index_is_told_to_be_incomplete(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.mp4")
        data = clip.read_bytes()
        clip.write_bytes(data[: data.index(b"moov") - 4])
        told = r"a\.mp4 is incomplete: the recording was cut off[^\n]*; copy it again"
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
        clock = Clock(0.04, 10.0)
        assert [clock.position(value) for value in told] == pytest.approx(positions)

    def test_a_gap_in_a_container_without_jumps_is_time(self) -> None:
        clock = Clock(0.04)
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


class TestSampling:
    @pytest.mark.parametrize("wrong", [{"every": -1}, {"skip": float("nan")}, {"stop": float("inf")}])
    def test_impossible_times_are_refused(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Sampling(**wrong)

    def test_every_frame(self, tmp_path: Path) -> None:
        found = run(write_clip(tmp_path / "a.mp4"))
        assert [number_of(frame.image) for frame in found] == list(range(50))
        assert [frame.index for frame in found] == list(range(50))
        assert [frame.position for frame in found] == pytest.approx([number / 25 for number in range(50)])
        assert all(frame.time == START + timedelta(seconds=frame.position) for frame in found)
        assert [frame.tolerance for frame in found] == pytest.approx([0.02] * 50)
        assert all(frame.due and frame.source == str(tmp_path / "a.mp4") for frame in found)

    def test_a_grid_finer_than_the_frames_does_not_drift(self, tmp_path: Path) -> None:
        found = run(write_clip(tmp_path / "a.mp4", 275, 29.97), Sampling(every=0.2))
        assert len(found) == 46
        late = [frame.position - 0.2 * step for step, frame in enumerate(found)]
        assert min(late) > -0.001
        assert max(late) < 1 / 29.97

    def test_skip_and_stop(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.mp4")
        found = run(clip, Sampling(every=0.5, skip=0.41, stop=1.44))
        assert [number_of(frame.image) for frame in found] == [11, 23, 36]  # 0.44, 0.92, 1.44 s
        assert [frame.index for frame in found] == [11, 23, 36]
        assert run(clip, Sampling(skip=5)) == []

    def test_times_of_a_variable_frame_rate_count_not_numbers(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.mp4", 40)
        media = "moov/trak/mdia/minf/stbl/"

        def slow_after_20(content: bytes) -> bytes:
            _, count, delta = struct.unpack_from(">III", content, 4)
            assert count == 40
            return content[:4] + struct.pack(">IIIII", 2, 20, delta, 20, delta * 4)

        patch(clip, media + "stts", slow_after_20)
        patch(clip, "moov/trak/edts", lambda content: b"")  # its duration is that of the constant rate
        found = run(clip, Sampling(every=0.4))
        assert [number_of(frame.image) for frame in found] == [0, 10, 20, 23, 25, 28, 30, 33, 35, 38]
        assert found[-1].position == pytest.approx(0.8 + 18 * 0.16)

    @pytest.mark.parametrize(
        ("told", "positions"),
        [
            ([0, 0, 0, 0], [0, 0.04, 0.08, 0.12]),
            ([float("nan")] * 3, [0, 0.04, 0.08]),
            ([-5.0, -4.96, -4.92], [0, 0.04, 0.08]),
            ([0, 0.04, 1e18, 0.12, 0], [0, 0.04, 0.08, 0.12, 0.16]),
            ([0.04, 0.08, 0], [0.04, 0.08, 0.12]),
            ([0, 0.5, 7.25], [0, 0.5, 7.25]),
        ],
    )
    def test_times_that_do_not_rise_are_replaced_by_the_frame_rate(
        self, told: list[float], positions: list[float]
    ) -> None:
        clock = Clock(0.04)
        assert [clock.position(value) for value in told] == pytest.approx(positions)

    @pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 90000.0])
    def test_an_impossible_frame_rate_counts_as_25(self, fps: float) -> None:
        assert frame_duration(fps) == 0.04

    @pytest.mark.parametrize(("name", "codec", "sought"), [("a.mp4", "mp4v", True), ("a.avi", "MJPG", False)])
    def test_a_skipped_start_gives_the_frames_of_a_decoded_one(
        self, tmp_path: Path, name: str, codec: str, sought: bool
    ) -> None:
        clip = write_clip(tmp_path / name, 450, codec=codec)
        decoded = [frame for frame in run(clip) if frame.position >= 13 - 0.001]
        skipped = run(clip, Sampling(every=0, skip=13))
        assert [frame.position for frame in skipped] == [frame.position for frame in decoded]
        assert all(np.array_equal(one.image, other.image) for one, other in zip(skipped, decoded, strict=True))
        assert skipped[0].index == (None if sought else 325)

    def test_a_seek_that_lands_late_is_undone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(video, "_SEEK_AHEAD", -3.0)
        found = run(write_clip(tmp_path / "a.mp4", 450), Sampling(every=1, skip=13))
        assert [number_of(frame.image) for frame in found] == [325, 350, 375, 400, 425]
        assert found[0].index == 325

    @pytest.mark.parametrize("skip", [0.0, 100.0])
    def test_stopping_ends_it_at_once_also_while_skipping(self, tmp_path: Path, skip: float) -> None:
        grabbed: list[int] = []
        stopping = threading.Event()

        class Capture:
            lost = 0

            def grab(self, stopping: threading.Event) -> bool:
                grabbed.append(1)
                if len(grabbed) == 3:
                    stopping.set()
                return True

            def position(self) -> float:
                return 0.04 * len(grabbed)

            def retrieve(self) -> np.ndarray:
                return numbered(0)

            def close(self) -> None: ...

        video = VideoFile(str(write_clip(tmp_path / "a.mp4")))
        video._open_near = lambda skip, number: (Capture(), 0)  # type: ignore[method-assign,assignment,return-value]
        list(video.frames(Sampling(every=0, skip=skip), START, stopping))
        assert len(grabbed) == 3


class TestVideoFile(SourceTests):
    @pytest.fixture
    def open_it(self, tmp_path: Path) -> OpenSource:
        path = write_clip(tmp_path / "a.mp4")
        return lambda: open_source(str(path))

    def test_its_name_is_the_path_as_given_and_it_tells_its_duration(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.mp4")
        with open_source(str(clip)) as source:
            assert isinstance(source, VideoFile)
            assert source.name == str(clip)
            assert source.duration == pytest.approx(2.0)

    def test_a_second_run_begins_anew(self, tmp_path: Path) -> None:
        with open_source(str(write_clip(tmp_path / "a.mp4"))) as source:
            first = next(source.frames(EVERY_FRAME, START, threading.Event()))
            assert number_of(first.image) == 0
            assert len(list(source.frames(EVERY_FRAME, START, threading.Event()))) == 50

    def test_what_was_opened_to_know_it_is_read_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[str] = []
        usual = open

        def telling(path: str, mode: str) -> Any:
            opened.append(path)
            return usual(path, mode)

        monkeypatch.setattr(capture, "open", telling, raising=False)
        with open_source(str(write_clip(tmp_path / "a.mp4", 5))) as source:
            for times in (1, 2):
                frames = source.frames(EVERY_FRAME, START, threading.Event())
                assert [number_of(frame.image) for frame in frames] == [0, 1, 2, 3, 4]
                assert len(opened) == times

    def test_a_rotated_video_is_upright(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.mp4", 3)
        flat = run(clip)[1].image  # number 1: the leftmost column is white
        matrix = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 32 * 65536, 0, 0x40000000)  # a quarter turn clockwise
        patch(clip, "moov/trak/tkhd", lambda content: content[:40] + matrix + content[76:])
        upright = run(clip)[1].image
        assert upright.shape == (16 * BITS, 32, 3)
        assert upright.flags.c_contiguous
        assert upright[:12].mean() > 200 > 50 > upright[20:].mean()
        assert np.abs(np.rot90(flat, -1).astype(int) - upright).mean() < 2

    def test_the_fingerprint_is_of_the_content_alone(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.mp4")
        (tmp_path / "elsewhere.mov").write_bytes(clip.read_bytes())
        os.utime(tmp_path / "elsewhere.mov", (1e9, 1e9))
        other = write_clip(tmp_path / "b.mp4", 51)
        here, there, different = (run(path)[0].fingerprint for path in (clip, tmp_path / "elsewhere.mov", other))
        assert here == there != different
        assert re.fullmatch(rf"{clip.stat().st_size}-[0-9a-f]{{64}}", here or "")

    @pytest.mark.parametrize("version", [0, 1])
    def test_it_starts_at_the_creation_time_in_the_container(self, tmp_path: Path, version: int) -> None:
        clip = write_clip(tmp_path / "a.mp4")
        created = datetime(2021, 8, 13, 9, 36, 38, tzinfo=timezone.utc)
        seconds = int((created - datetime(1904, 1, 1, tzinfo=timezone.utc)).total_seconds())

        def stamp(content: bytes) -> bytes:
            assert content[0] == 0
            if version == 0:
                return content[:4] + struct.pack(">I", seconds) + content[8:]
            _, _, scale, duration = struct.unpack_from(">IIII", content, 4)
            return b"\1\0\0\0" + struct.pack(">QQIQ", seconds, seconds, scale, duration) + content[20:]

        patch(clip, "moov/mvhd", stamp)
        with open_source(str(clip)) as source:
            assert source.start == created
            assert next(source.frames(EVERY_FRAME, source.start, threading.Event())).time == created

    @pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
    def test_without_a_creation_time_its_modification_is_its_end(self, tmp_path: Path, name: str) -> None:
        clip = write_clip(tmp_path / name, codec="mp4v" if name == "a.mp4" else "MJPG")
        if name == "a.mp4":
            clip.write_bytes(
                change_box(clip.read_bytes(), [b"moov", b"mvhd"], lambda box: box[:4] + b"\0" * 4 + box[8:])
            )
        os.utime(clip, (1.6e9, 1.6e9))
        with open_source(str(clip)) as source:
            assert source.start == datetime.fromtimestamp(1.6e9 - 2, timezone.utc)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\0\0\0\x08fty",
            b"\0\0\0\x08free" * 20_000,
            b"\0\0\0\x02moov" + b"\0" * 99,
            b"\0\0\0\x01moov",
            b"\0\0\0\x01moov" + b"\xff" * 8 + b"\0\0\0\x10mvhd",
            b"\0\0\0\0moov\0\0\0\x09mvhd\0",
            b"\0\0\0\x14moov\0\0\0\x14mvhd\0\0\0\0",
            b"\0\0\0\0moov\0\0\0\x14mvhd\1\0\0\0" + b"\xff" * 8,
            b"RIFF\0\0\0\x10mvhd" + b"\x99" * 20,
        ],
    )
    def test_a_torn_or_hostile_container_has_no_creation_time(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.mp4").write_bytes(content)
        assert containers.creation_time(tmp_path / "a.mp4") is None

    def test_boxes_of_any_size_before_it_are_stepped_over(self, tmp_path: Path) -> None:
        seconds = 3_800_000_000
        mvhd = struct.pack(">I4sII", 16, b"mvhd", 0, seconds)
        end = struct.pack(">I4s", 0, b"moov") + mvhd  # 0: until the end of the file
        huge = 6 << 30
        with (tmp_path / "a.mp4").open("wb") as file:
            file.write(struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4sQ", 1, b"mdat", huge))
            file.seek(8 + huge)  # a hole, which takes no space
            file.write(end)
        created = containers.creation_time(tmp_path / "a.mp4")
        (tmp_path / "a.mp4").unlink()
        assert created == datetime(1904, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)

    def test_a_truncated_video_gives_the_frames_that_it_has(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.avi", codec="MJPG")
        data = clip.read_bytes()
        clip.write_bytes(data[: len(data) // 2])
        found = run(clip)
        assert 10 < len(found) < 40
        assert [number_of(frame.image) for frame in found] == list(range(len(found)))

    @pytest.mark.parametrize("content", [b"\0", b"\0\0\0\x18moovmp42\0\0\0\0", bytes(range(256)) * 9])
    @pytest.mark.parametrize("name", ["notes.mp4", "notes", "notes.mkv", "notes.mpg"])
    def test_what_is_no_video_is_told_in_one_sentence_and_nothing_else(
        self, tmp_path: Path, name: str, content: bytes, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=r"notes\S* is not a video that can be read; .*MP4") as told:
            open_source(str(tmp_path / name))
        assert "\n" not in str(told.value)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.skipif(os.name != "posix", reason="a name that other systems do not allow")
    def test_a_colon_in_the_name_is_no_protocol(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write_clip(tmp_path / "a.mp4").rename(tmp_path / "12:30.mp4")
        assert len(run("12:30.mp4")) == 50


PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile {name}.mp4\n",
    "concat with an address": "ffconcat version 1.0\nfile 'file:{name}.mp4'\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{name}.ts\n#EXT-X-ENDLIST\n",
    "HLS of parts": '#EXTM3U\n#EXT-X-MAP:URI="{name}.mp4"\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{name}.mp4\n',
    "DASH": '<?xml version="1.0"?><MPD><Period><AdaptationSet mimeType="video/mp4"><Representation id="0">'
    "<BaseURL>{name}.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "pictures": "{name}%02d.jpg\n",
    "other text": "Dear diary,\n" * 99,
}


class TestOtherFiles:
    """A video is the file that was named, and nothing that it leads to."""

    @pytest.fixture
    def other(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        other = write_clip(tmp_path / "other.mp4", 25)
        write_clip(tmp_path / "other.ts", 25)
        for number in range(3):
            cv2.imwrite(str(tmp_path / f"other{number:02d}.jpg"), numbered(number))
        return other

    @pytest.mark.parametrize("kind", PLAYLISTS)
    @pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.m3u8", "a"])
    def test_a_playlist_is_refused_whatever_its_name(self, other: Path, name: str, kind: str) -> None:
        Path(name).write_text(PLAYLISTS[kind].format(name="other"))
        with pytest.raises(UserError, match=rf"^{name} is a text or a playlist, not a video; give [^\n]*$"):
            open_source(name)

    @pytest.mark.parametrize("kind", PLAYLISTS)
    def test_ffmpeg_itself_could_open_nothing_else(
        self, other: Path, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(video, "is_text", lambda head: False)
        Path("a.mp4").write_text(PLAYLISTS[kind].format(name=other.with_suffix("")))
        with pytest.raises(UserError, match="not a video"):
            open_source("a.mp4")

    def test_a_name_with_a_pattern_is_no_sequence_of_pictures(self, other: Path) -> None:
        write_clip(Path("a.mp4"), 30).rename("other%02d.jpg")
        assert len(run("other%02d.jpg")) == 30

    @pytest.mark.parametrize("reference", [b"url ", b"alis"])
    def test_data_that_lies_in_another_file_is_not_read(self, other: Path, reference: bytes) -> None:
        def elsewhere(content: bytes) -> bytes:
            place = str(other).encode() + b"\0"
            if reference == b"alis":  # as QuickTime writes it: a fixed part, then (kind 18: POSIX path) and the end
                place = bytes(150) + struct.pack(">HH", 18, len(place)) + place + b"\xff\xff\0\0"
            entry = struct.pack(">I4sI", 12 + len(place), reference, 0) + place
            return content[:8] + entry

        clip = other.with_name("reference.mp4")
        clip.write_bytes(other.read_bytes())
        patch(clip, "moov/trak/mdia/minf/dinf/dref", elsewhere)
        patch(clip, "mdat", lambda content: bytes(len(content)))
        with pytest.raises(UserError, match="not a video"):
            open_source(str(clip))

    def test_options_for_other_captures_of_the_process_come_back(
        self, other: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;udp")
        assert len(run(other)) == 25
        assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "rtsp_transport;udp"
        monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS")
        assert len(run(other)) == 25
        assert "OPENCV_FFMPEG_CAPTURE_OPTIONS" not in os.environ

    @pytest.mark.parametrize("number", [errno.EIO, errno.ETIMEDOUT])  # of a disk, and of one on another machine
    def test_an_error_while_a_video_is_read_is_told(
        self, other: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        is_failing = threading.Event()

        class Failing(io.BufferedReader):
            def read(self, size: int | None = -1, /) -> bytes:
                if is_failing.is_set():
                    raise OSError(number, os.strerror(number))
                return super().read(size)

        monkeypatch.setattr(capture, "open", lambda path, mode: Failing(io.FileIO(path)), raising=False)
        source = open_source(str(write_clip(Path("long.avi"), 450, codec="MJPG")))
        is_failing.set()
        with pytest.raises(UserError, match=rf"long\.avi cannot be read \({os.strerror(number)}\)"):
            list(source.frames(EVERY_FRAME, START, threading.Event()))


class TestRealFiles:
    def test_files_of_reports_are_read_or_told(self, data: Path) -> None:
        reports = data / "reports"
        with open_source(str(reports / "twostreams/dashcam.mp4")) as source:
            found = list(source.frames(Sampling(), START, threading.Event()))
        assert [(frame.position, (frame.fingerprint or "")[-2:] == "#2") for frame in found] == [
            (position, second) for second in (False, True) for position in range(6)
        ]
        assert [round(frame.position, 2) for frame in run(reports / "mjpeg/cam.mjpeg", Sampling())] == list(range(12))
        jumped = run(reports / "ts/jump.ts", Sampling(every=0))
        assert (len(jumped), jumped[0].position) == (300, 0)
        assert jumped[-1].position == pytest.approx(11.96, abs=0.05)
        with pytest.raises(UserError, match="is incomplete"):
            open_source(str(reports / "containers/nomoov.mp4"))
        for path in (reports / "time").glob("*.mkv"):
            with open_source(str(path)) as source:
                assert source.start == datetime(2020, 1, 1, 10, tzinfo=timezone.utc)

    def test_bad_files_give_frames_or_a_sentence(self, data: Path, capfd: pytest.CaptureFixture[str]) -> None:
        for path in sorted((data / "badfiles").rglob("*.*")):
            began = time.monotonic()
            with contextlib.suppress(UserError):
                assert run(path), path
            assert time.monotonic() - began < 5, path
        assert capfd.readouterr() == ("", "")

    def test_exif_orientations_agree(self, data: Path) -> None:
        for path in sorted((data / "badfiles" / "exif_orientation").glob("Portrait_*.jpg")):
            assert read_picture(path).shape == (1800, 1200, 3), path

    @pytest.mark.parametrize(
        ("name", "every", "count"),
        [
            ("multi/hamilton_short.mp4", 0.2, 46),
            ("webcam/grid_bbaf2n.mpg", 1, 3),
            ("surveillance/tld_david.mpg", 1, 31),
        ],
    )
    def test_real_clips_are_sampled_by_time(self, data: Path, name: str, every: float, count: int) -> None:
        found = run(data / "videos" / name, Sampling(every=every))
        assert len(found) == count
        assert all(frame.position >= every * step - 0.001 for step, frame in enumerate(found))

    @pytest.mark.parametrize(
        "name",
        [
            "multi/blackjournal_interview.mp4",
            "webcam/lp_d14.mp4",
            "surveillance/tld_david.mpg",
            "surveillance/intel_head-pose-face-detection-female-and-male.gif",
            "noface/tree.avi",
            "webcam/makeup_hand_over_face.avi",
        ],
    )
    def test_skipping_gives_the_frames_of_decoding_from_the_start(
        self, data: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(video, "_SEEK_FROM", 3.0)
        path = data / "videos" / name
        with open_source(str(path)) as source:
            skip = 0.6 * (source.duration or 0)
        decoded = run(path, Sampling(every=0, stop=skip + 2))
        wanted = next(frame for frame in decoded if frame.position >= skip - 0.0005)
        (found,) = run(path, Sampling(every=1000, skip=skip))
        assert found.position == wanted.position
        assert np.array_equal(found.image, wanted.image)
        assert (found.index is None) == name.endswith("mp4")
