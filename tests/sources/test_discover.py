"""Pictures enter: sources are found, opened, sampled by their own time, and refused with a sentence."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import re
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import need_tool
from PIL import Image as Pillow
from PIL import ImageFile

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.sources import capture, video
from face_classifier.sources.base import Sampling, frame_duration
from face_classifier.sources.camera import Camera
from face_classifier.sources.discover import Source, find_sources, open_source
from face_classifier.sources.formats import containers
from face_classifier.sources.picture import Picture, read_picture
from face_classifier.sources.video import VideoFile

START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
EVERY_FRAME = Sampling(every=0)
BITS = 10


def numbered(number: int) -> np.ndarray:
    """A picture that tells its number: white columns are the ones of its binary form."""
    image = np.zeros((32, 16 * BITS, 3), np.uint8)
    for bit in range(BITS):
        image[:, 16 * bit : 16 * bit + 16] = 255 * (number >> bit & 1)
    return image


def number_of(image: np.ndarray) -> int:
    return sum(1 << bit for bit in range(BITS) if image[16, 16 * bit + 8].mean() > 127)


def write_clip(path: Path, count: int = 50, fps: float = 25.0, codec: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (16 * BITS, 32))
    assert writer.isOpened()
    for number in range(count):
        writer.write(numbered(number))
    writer.release()
    return path


def run(path: Path | str, sampling: Sampling = EVERY_FRAME) -> list[Frame]:
    with open_source(str(path)) as source:
        return list(source.frames(sampling, START, threading.Event()))


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = 0
    while offset < len(data):
        size, name = struct.unpack_from(">I4s", data, offset)
        yield name, data[offset + 8 : offset + size]
        offset += size


def change_box(data: bytes, path: list[bytes], change: Callable[[bytes], bytes]) -> bytes:
    """The MP4 with the content of the box at ``path`` changed; sizes above it follow."""
    changed = b""
    for name, content in boxes(data):
        if name == path[0]:
            content = change_box(content, path[1:], change) if path[1:] else change(content)
        changed += struct.pack(">I4s", len(content) + 8, name) + content
    return changed


def patch(path: Path, box: str, change: Callable[[bytes], bytes]) -> None:
    data = path.read_bytes()
    patched = change_box(data, [name.encode() for name in box.split("/")], change)
    assert patched != data
    path.write_bytes(patched)


class TestFindSources:
    def test_digits_are_a_camera_even_beside_a_file_of_that_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "0").touch()
        monkeypatch.chdir(tmp_path)
        assert find_sources("0", []).paths == ["0"]
        assert find_sources("./0", []).paths == ["./0"]

    def test_a_file_is_itself_whatever_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "clip.backup").touch()
        assert find_sources(str(tmp_path / "clip.backup"), []).paths == [str(tmp_path / "clip.backup")]

    def test_a_folder_gives_pictures_and_videos_below_it_sorted_under_the_path_as_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("b.MP4", "a.Jpg", "c/d.gif", "c/notes.txt", "c/e/f.avi", "c-1/z.png"):
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / name).touch()
        monkeypatch.chdir(tmp_path)
        wanted = ["./in/a.Jpg", "./in/b.MP4", "./in/c/d.gif", "./in/c/e/f.avi", "./in/c-1/z.png"]
        assert find_sources("./in", []).paths == [os.path.join("./in", *name.split("/")[2:]) for name in wanted]

    def test_result_folder_captures_and_hidden_entries_are_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("a.jpg", "result/bob/b.png", "shots/c.png", ".hidden.jpg", ".cache/d.jpg", "resulting/e.png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        monkeypatch.chdir(tmp_path)
        skip = [Path("result"), tmp_path / "x" / ".." / "shots"]
        found = find_sources(str(tmp_path), skip).paths
        assert found == [str(tmp_path / "a.jpg"), str(tmp_path / "resulting" / "e.png")]
        with pytest.raises(UserError, match="no picture or video"):
            find_sources(str(tmp_path / "result" / "bob"), skip)

    def test_links_to_folders_are_counted(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "disk" / "b.jpg").touch()
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "album").symlink_to(tmp_path / "disk")
        with pytest.raises(UserError, match=r"1 leading to folders \(album\)"):
            find_sources(str(tmp_path / "photos"), [])
        (tmp_path / "photos" / "a.jpg").touch()
        found = find_sources(str(tmp_path / "photos"), [])
        assert found.paths == [str(tmp_path / "photos" / "a.jpg")]
        assert "1 leading to folders (album)" in next(found.passed_over())

    def test_an_empty_file_and_a_pipe_are_told_as_that(self, tmp_path: Path) -> None:
        (tmp_path / "empty.jpg").touch()
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(UserError, match=r"empty\.jpg is empty; copy it anew"):
            open_source(str(tmp_path / "empty.jpg"))
        with pytest.raises(UserError, match=r"pipe\.jpg is no ordinary file"):
            find_sources(str(tmp_path / "pipe.jpg"), [])

    def test_files_of_no_known_format_are_counted_by_kind_with_the_first_names(self, tmp_path: Path) -> None:
        texts = [f"{number}.txt" for number in range(5)]
        for name in ("a.jpg", *texts, "deep/b.PDF", "README", ".hidden", "Thumbs.db", "a.jpg.xmp", "clip.thm", "BMW"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("BM, as a text may begin")
        (tmp_path / "gone.png").symlink_to("nowhere")
        found = find_sources(str(tmp_path), [])
        assert found.paths == [str(tmp_path / "a.jpg")]
        (sentence,) = found.passed_over()
        assert sentence == (
            f"10 files in {tmp_path} of no known format: passed over, 5 .txt (0.txt, 1.txt, 2.txt, …), "
            "2 without extension (BMW, README), 1 .thm (clip.thm), 1 .pdf (b.PDF), 1 leading nowhere (gone.png)"
        )

    def test_nothing_is_told_where_nothing_was_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").touch()
        assert list(find_sources(str(tmp_path), []).passed_over()) == []

    def test_pictures_and_videos_under_odd_names_are_known_by_their_content(self, tmp_path: Path) -> None:
        picture = Pillow.fromarray(numbered(5))
        for name, form in (("IMG_0001", "JPEG"), ("a.jpg_large", "JPEG"), ("b.backup", "PNG"), ("c.x", "WEBP")):
            picture.save(tmp_path / name, form)
        for name in ("clip.mp4", "clip.mkv", "clip.avi", "clip.flv"):
            codec = {"clip.avi": "MJPG", "clip.flv": "FLV1"}.get(name, "mp4v")
            write_clip(tmp_path / name, 3, codec=codec).rename(tmp_path / f"{name}_old")
        (tmp_path / "part").write_bytes((tmp_path / "clip.mp4_old").read_bytes()[:200])
        found = find_sources(str(tmp_path), [])
        names = [Path(path).name for path in found.paths]
        videos = [f"clip.{container}_old" for container in ("avi", "flv", "mkv", "mp4")]
        assert names == ["IMG_0001", "a.jpg_large", "b.backup", "c.x", *videos]
        assert {Path(path).name for path in found.odd_pictures} == set(names[:4])
        assert found.unknown == [str(tmp_path / "part")]
        for path in found.paths:
            assert run(path)

    def test_sound_in_a_container_of_videos_is_no_video(self, tmp_path: Path) -> None:
        for name in ("a.m4a", "b.mka"):
            line = [need_tool("ffmpeg", "ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "sine=duration=1"]
            subprocess.run([*line, str(tmp_path / name)], check=True)
        (tmp_path / "a.jpg").touch()
        found = find_sources(str(tmp_path), [])
        assert [Path(path).name for path in found.paths] == ["a.jpg"]
        assert [Path(path).name for path in found.unknown] == ["a.m4a", "b.mka"]

    def test_symbolic_links_to_folders_do_not_loop(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x.jpg").touch()
        try:
            (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
            (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
        except OSError:
            pytest.skip("this system makes no symbolic links")
        assert find_sources(str(tmp_path), []).paths == [str(tmp_path / "a" / "x.jpg")]

    @pytest.mark.parametrize("open_it", [lambda given: find_sources(given, []), open_source])
    def test_what_does_not_exist_is_told(self, tmp_path: Path, open_it: Callable[[str], Any]) -> None:
        with pytest.raises(UserError, match=r"nothing\.mp4' does not exist"):
            open_it(str(tmp_path / "nothing.mp4"))

    def test_a_folder_without_pictures_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(UserError, match=r"no picture or video in it, but files .*: 1 \.txt \(notes\.txt\);"):
            find_sources(str(tmp_path), [])


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
        clock = video.Clock(0.04)
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


class TestVideoFile:
    def test_it_tells_what_it_is(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.mp4")
        with open_source(str(clip)) as source:
            assert isinstance(source, VideoFile)
            assert (source.name, source.live) == (str(clip), False)
            assert source.duration == pytest.approx(2.0)

    def test_a_second_run_begins_anew(self, tmp_path: Path) -> None:
        with open_source(str(write_clip(tmp_path / "a.mp4"))) as source:
            first = next(source.frames(EVERY_FRAME, START, threading.Event()))
            assert number_of(first.image) == 0
            assert len(list(source.frames(EVERY_FRAME, START, threading.Event()))) == 50

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
        with pytest.raises(UserError, match=rf"^{name} is a text or a playlist and no video; give [^\n]*$"):
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
        reads = itertools.count()

        class Failing(io.BufferedReader):
            def read(self, size: int | None = -1, /) -> bytes:
                if next(reads) == 5:
                    raise OSError(number, os.strerror(number))
                return super().read(size)

        source = open_source(str(write_clip(Path("long.avi"), 450, codec="MJPG")))
        monkeypatch.setattr(capture, "open", lambda path, mode: Failing(io.FileIO(path)), raising=False)
        with pytest.raises(UserError, match=rf"long\.avi cannot be read \({os.strerror(number)}\)"):
            list(source.frames(EVERY_FRAME, START, threading.Event()))


class TestKindOfFile:
    @pytest.mark.parametrize("name", ["clip", "clip.jpg", "clip.backup"])
    def test_a_video_is_one_under_any_name(self, tmp_path: Path, name: str) -> None:
        write_clip(tmp_path / "a.mp4").rename(tmp_path / name)
        assert len(run(tmp_path / name)) == 50

    @pytest.mark.parametrize("name", ["photo", "photo.mp4", "photo.backup"])
    def test_a_picture_is_one_under_any_name(self, tmp_path: Path, name: str) -> None:
        Pillow.fromarray(numbered(5)).save(tmp_path / name, "PNG")
        with open_source(str(tmp_path / name)) as source:
            assert isinstance(source, Picture)

    def test_an_animated_gif_is_a_video_and_a_still_one_a_picture(self, tmp_path: Path) -> None:
        still, *others = (Pillow.fromarray(numbered(number)) for number in range(6))
        still.save(tmp_path / "still.gif")
        still.save(tmp_path / "moving.gif", save_all=True, append_images=others, duration=200)
        assert isinstance(open_source(str(tmp_path / "still.gif")), Picture)
        found = run(tmp_path / "moving.gif", Sampling(every=0.4))
        assert [number_of(frame.image) for frame in found] == [0, 2, 4]
        assert [frame.position for frame in found] == pytest.approx([0, 0.4, 0.8])

    def test_a_folder_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="is a folder"):
            open_source(str(tmp_path))

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_told_instead_of_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.mp4")
        with pytest.raises(UserError, match="no ordinary file"):
            open_source(str(tmp_path / "pipe.mp4"))

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything may be read here")
    def test_a_locked_file_or_folder_is_told(self, tmp_path: Path) -> None:
        locked = tmp_path / "locked"
        locked.mkdir()
        (locked / "a.jpg").touch()
        locked.chmod(0)
        try:
            (found,) = find_sources(str(tmp_path), []).paths
            with pytest.raises(UserError, match="check that you may read it"):
                open_source(found)
        finally:
            locked.chmod(0o700)


def saved(tmp_path: Path, picture: Pillow.Image, name: str, **options: Any) -> Path:
    picture.save(tmp_path / name, **options)
    return tmp_path / name


class TestPicture:
    def test_it_is_one_frame_whatever_the_sampling(self, tmp_path: Path) -> None:
        path = saved(tmp_path, Pillow.new("RGB", (8, 6), (200, 100, 50)), "a.png")
        (frame,) = run(path, Sampling(every=5, skip=60, stop=1))
        assert (frame.index, frame.position, frame.time, frame.source) == (0, 0.0, START, str(path))
        assert frame.tolerance > 0
        assert frame.image.shape == (6, 8, 3)
        assert frame.image[3, 3].tolist() == [50, 100, 200]
        assert re.fullmatch(r"\d+-[0-9a-f]{64}", frame.fingerprint or "")

    def test_it_is_turned_upright(self, tmp_path: Path) -> None:
        picture = Pillow.fromarray(numbered(1))
        exif = Pillow.Exif()
        exif[0x0112] = 6  # a quarter turn clockwise
        image = read_picture(saved(tmp_path, picture, "a.jpg", exif=exif, quality=95))
        assert image.shape == (16 * BITS, 32, 3)
        assert image.flags.c_contiguous
        assert image[:12].mean() > 200 > 50 > image[20:].mean()

    @pytest.mark.parametrize(
        ("mode", "colour", "name", "bgr"),
        [
            ("CMYK", (0, 255, 255, 0), "a.tif", (0, 0, 255)),
            ("L", 77, "a.png", (77, 77, 77)),
            ("1", 1, "a.png", (255, 255, 255)),
            ("RGBA", (10, 20, 30, 0), "a.png", (255, 255, 255)),
            ("RGBA", (10, 20, 30, 255), "a.webp", (30, 20, 10)),
            ("LA", (0, 0), "a.png", (255, 255, 255)),
            ("I;16", 65535, "a.png", (255, 255, 255)),
            ("I;16", 32896, "a.png", (128, 128, 128)),
            ("I;16", 257, "a.tif", (1, 1, 1)),
            ("F", 0.5, "a.tif", (128, 128, 128)),
        ],
    )
    def test_every_mode_becomes_8_bit_bgr(
        self, tmp_path: Path, mode: str, colour: Any, name: str, bgr: tuple[int, ...]
    ) -> None:
        options = {"lossless": True} if name.endswith("webp") else {}
        image = read_picture(saved(tmp_path, Pillow.new(mode, (5, 4), colour), name, **options))
        assert (image.shape, image.dtype) == ((4, 5, 3), np.uint8)
        assert image[2, 2].tolist() == list(bgr)

    def test_a_palette_keeps_its_colours_and_its_transparency_is_white(self, tmp_path: Path) -> None:
        picture = Pillow.new("P", (4, 4), 1)
        picture.putpalette([9, 9, 9, 10, 200, 30])
        picture.putpixel((0, 0), 0)
        image = read_picture(saved(tmp_path, picture, "a.png", transparency=0))
        assert image[0, 0].tolist() == [255, 255, 255]
        assert image[1, 1].tolist() == [30, 200, 10]

    @pytest.mark.parametrize(
        ("tags", "taken"),
        [
            ({0x9003: "2019:03:04 05:06:07", 0x9011: "+09:00"}, datetime(2019, 3, 3, 20, 6, 7, tzinfo=timezone.utc)),
            ({0x9003: "2019:03:04 05:06:07"}, datetime(2019, 3, 4, 5, 6, 7).astimezone()),
            ({0x9003: "0000:00:00 00:00:00"}, None),
            ({}, None),
        ],
    )
    def test_it_starts_when_it_was_taken_else_modified(
        self, tmp_path: Path, tags: dict[int, str], taken: datetime | None
    ) -> None:
        exif = Pillow.Exif()
        exif.get_ifd(0x8769).update(tags)
        path = saved(tmp_path, Pillow.new("RGB", (8, 8)), "a.jpg", exif=exif)
        os.utime(path, (1.6e9, 1.6e9))
        with open_source(str(path)) as source:
            assert source.start == (taken or datetime.fromtimestamp(1.6e9, timezone.utc))
            assert source.start.utcoffset() == timedelta(0)

    @pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.bin", "photo"])
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
    def test_a_torn_picture_is_told_and_never_taken_for_a_video(
        self, tmp_path: Path, kind: str, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = io.BytesIO()
        noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
        Pillow.fromarray(noise).save(file, kind)
        (tmp_path / name).write_bytes(file.getvalue()[: file.tell() // 2])
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as after importing face_recognition
        with pytest.raises(UserError, match=r"photo\S* is not a (picture|video) that can be read; "):
            open_source(str(tmp_path / name))
        with pytest.raises(UserError, match=r"photo\S* is not a picture that can be read; "):
            read_picture(tmp_path / name)
        assert capfd.readouterr() == ("", "")

    def test_a_missing_picture_is_told_as_such(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="No such file"):
            read_picture(tmp_path / "a.png")

    @pytest.mark.parametrize("side", [10_001, 60_000])
    def test_a_huge_picture_is_refused_before_it_is_decoded(self, tmp_path: Path, side: int) -> None:
        def chunk(name: bytes, content: bytes) -> bytes:
            return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        data = chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + data)
        with pytest.raises(UserError, match=r"more than (100|250) megapixels"):
            open_source(str(tmp_path / "a.png"))


class FakeDevice:
    """A camera that serves numbered pictures at a rate, then fails; reads block, as those of a real one do."""

    def __init__(self, rate: float = 100.0, count: int | None = None, fps: float = 30.0, then: Any = None) -> None:
        self._rate, self._count, self._fps, self._then = rate, count, fps, then
        self._numbers = itertools.count()
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, what: int) -> float:
        return self._fps

    def read(self) -> tuple[bool, Any]:
        time.sleep(1 / self._rate)
        number = next(self._numbers)
        if self._count is not None and number >= self._count:
            if self._then is not None:
                raise self._then
            return False, None
        return True, numbered(number)

    def release(self) -> None:
        assert not any(thread.name == "camera 0" for thread in threading.enumerate())
        self.released = True


class TestCamera:
    def watch(self, device: FakeDevice, sampling: Sampling, between: bool = False, limit: int = 99) -> list[Frame]:
        with Camera(0, lambda number: device) as camera:
            found = list(itertools.islice(camera.frames(sampling, START, threading.Event(), between), limit))
        assert device.released
        return found

    def test_frames_come_on_the_grid_and_carry_the_wall_clock(self) -> None:
        before = datetime.now(timezone.utc)
        found = self.watch(FakeDevice(), Sampling(every=0.2, skip=0.1, stop=0.95))
        after = datetime.now(timezone.utc)
        assert len(found) == 5
        for step, frame in enumerate(found):
            assert frame.position == pytest.approx(0.1 + 0.2 * step, abs=0.1)
        assert all(number_of(frame.image) == frame.index for frame in found)
        assert all(before <= frame.time <= after for frame in found)
        assert all(frame.fingerprint is None and frame.source == "camera 0" and frame.due for frame in found)

    def test_every_0_is_each_new_frame_once(self) -> None:
        found = self.watch(FakeDevice(rate=50), Sampling(every=0), limit=10)
        assert [frame.index for frame in found] == list(range(found[0].index or 0, (found[0].index or 0) + 10))

    def test_between_shows_the_other_frames_too(self) -> None:
        found = self.watch(FakeDevice(rate=50), Sampling(every=0.3, skip=0.1, stop=0.8), between=True)
        assert sum(frame.due for frame in found) == 3
        assert sum(not frame.due for frame in found) > 10
        assert not found[0].due

    def test_slow_analysis_gets_the_newest_picture(self) -> None:
        with Camera(0, lambda number: FakeDevice()) as camera:
            stream = camera.frames(EVERY_FRAME, START, threading.Event())
            first = next(stream)
            time.sleep(0.5)
            second = next(stream)
            assert (second.index or 0) - (first.index or 0) > 10
            assert camera.dropped >= 10
            assert time.monotonic() - camera._opened - second.position < 0.2

    @pytest.mark.parametrize("fps", [0.0, -1.0, float("nan")])
    def test_a_camera_without_a_frame_rate_works(self, fps: float) -> None:
        (frame,) = self.watch(FakeDevice(fps=fps), EVERY_FRAME, limit=1)
        assert frame.tolerance == 0.02

    def test_an_unplugged_camera_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("face_classifier.sources.camera._CAMERA_PATIENCE", 0.2)
        with Camera(0, lambda number: FakeDevice(count=5)) as camera:
            stream = camera.frames(EVERY_FRAME, START, threading.Event())
            with pytest.raises(UserError, match="camera 0 sends no pictures any more; check"):
                list(stream)

    def test_a_short_failure_is_lived_through(self) -> None:
        device = FakeDevice(rate=50)
        good = device.read
        reads = itertools.count()
        device.read = lambda: (False, None) if next(reads) % 5 == 3 else good()  # type: ignore[method-assign]
        assert len(self.watch(device, EVERY_FRAME, limit=12)) == 12

    def test_an_error_in_the_thread_surfaces_where_frames_are_awaited(self) -> None:
        with Camera(0, lambda number: FakeDevice(count=3, then=MemoryError("driver"))) as camera:
            stream = camera.frames(EVERY_FRAME, START, threading.Event())
            with pytest.raises(MemoryError, match="driver"):
                list(stream)

    def test_an_error_in_the_thread_surfaces_at_the_latest_on_closing(self) -> None:
        device = FakeDevice(count=0, then=MemoryError("driver"))
        with pytest.raises(MemoryError, match="driver"), Camera(0, lambda number: device):
            time.sleep(0.1)
        assert device.released

    def test_an_error_of_the_user_of_a_camera_is_not_hidden_by_one_of_the_camera(self) -> None:
        def fail_while_it_fails() -> None:
            with Camera(0, lambda number: FakeDevice(count=0, then=MemoryError("driver"))):
                time.sleep(0.1)
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            fail_while_it_fails()

    def test_stopping_ends_it_though_no_picture_comes(self) -> None:
        stopping = threading.Event()
        timer = threading.Timer(0.2, stopping.set)
        with Camera(0, lambda number: FakeDevice(count=0)) as camera:
            timer.start()
            began = time.monotonic()
            assert list(camera.frames(Sampling(), START, stopping)) == []
            assert time.monotonic() - began < 1
        timer.join()

    def test_a_camera_that_does_not_open_is_told(self) -> None:
        device = FakeDevice()
        device.isOpened = lambda: False  # type: ignore[method-assign]
        with pytest.raises(UserError, match="camera 0 cannot be opened; check"):
            Camera(0, lambda number: device)
        assert device.released

    def test_a_number_without_a_camera_is_told_without_noise(self, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(UserError, match="camera 973 cannot be opened"):
            open_source("973")
        assert capfd.readouterr() == ("", "")


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


def test_every_source_speaks_the_same_words(tmp_path: Path) -> None:
    picture = saved(tmp_path, Pillow.new("RGB", (8, 6)), "a.png")
    sources: list[Source] = [
        VideoFile(str(write_clip(tmp_path / "a.mp4", 3))),
        Picture(str(picture)),
        Camera(0, lambda number: FakeDevice()),
    ]
    for source in sources:
        assert source.name
        assert source.start.utcoffset() == timedelta(0)
        assert source.live == (source.fingerprint is None)
        assert source.duration is None or source.duration > 0
        source.close()
