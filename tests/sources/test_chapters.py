"""Chapters of long files: each frame in one of them, as decoding from the beginning gives it."""

from __future__ import annotations

import math
import struct
import subprocess
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import need_tool
from sources.clips import EVERY_FRAME, START, number_of, patch, run, write_clip

from face_classifier.core.types import Frame
from face_classifier.sources import video
from face_classifier.sources.base import SAME_TIME, Grid, Sampling
from face_classifier.sources.chapters import WHOLE, Chapter, sought_chapters
from face_classifier.sources.discover import open_source
from face_classifier.sources.video import VideoFile

COUNT = 750  # frames of 1/25 s


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", COUNT)


def ffmpeg(*arguments: object) -> None:
    line = [need_tool("ffmpeg", "ffmpeg"), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(line, check=True, timeout=60)


def chapters_of(path: Path, seconds: float = 10) -> Sequence[Chapter]:
    with VideoFile(str(path)) as source:
        return source.chapters(seconds)


def read(path: Path, chapters: Sequence[Chapter], sampling: Sampling = EVERY_FRAME) -> list[Frame]:
    """Their frames; each that can be sought is read from a file of its own, the last one first."""
    if not all(chapter.is_sought for chapter in chapters):
        with VideoFile(str(path)) as source:
            return [
                frame
                for chapter in chapters
                for frame in source.frames(sampling, START, threading.Event(), chapter=chapter)
            ]
    found: list[Frame] = []
    for chapter in reversed(chapters):
        with VideoFile(str(path)) as source:
            found = [*source.frames(sampling, START, threading.Event(), chapter=chapter), *found]
    return found


def told(frames: Sequence[Frame]) -> list[tuple[object, ...]]:
    return [
        (one.image.tobytes(), one.fingerprint, one.index, one.position, one.tolerance, one.time, one.source)
        for one in frames
    ]


X264 = "-c:v libx264 -preset ultrafast -bf 3 -x264-params open-gop=1:keyint=60:scenecut=0".split()


class TestFrames:
    @pytest.mark.parametrize(
        ("name", "options", "count", "frames"),
        [
            ("b.mp4", X264, 3, COUNT),
            ("b.mkv", X264, 3, COUNT),
            ("refresh.mp4", [*X264[:-1], "intra-refresh=1:keyint=250:scenecut=0"], 3, COUNT),
            ("fragments.mov", [*X264, "-movflags", "frag_keyframe+empty_moov"], 3, COUNT),
            ("pipe.mkv", [*X264, "-f", "matroska", "-live", "1"], 3, COUNT),
            ("gaps.mkv", [*X264, "-vf", "select='not(mod(n,7))+lt(n,100)+gt(n,700)'", "-vsync", "vfr"], 3, None),
            ("a.avi", ["-c:v", "mpeg4", "-bf", "2"], 3, COUNT),
            ("a.ts", ["-c:v", "mpeg2video", "-bf", "2"], 4, COUNT),  # whose length is told roughly
        ],
    )
    def test_those_of_a_chapter_by_itself_are_those_of_the_whole(
        self, tmp_path: Path, long_clip: Path, name: str, options: list[str], count: int, frames: int | None
    ) -> None:
        clip = tmp_path / name
        ffmpeg("-i", long_clip, *options, clip)
        chapters = chapters_of(clip)
        assert len(chapters) == count
        assert all(chapter.is_sought == (clip.suffix not in (".avi", ".ts")) for chapter in chapters)
        whole = run(clip)
        assert len(whole) == frames or frames is None
        assert told(read(clip, chapters)) == told(whole)

    def test_what_an_edit_list_leaves_out_is_not_counted(self, tmp_path: Path, long_clip: Path) -> None:
        coded, clip = tmp_path / "coded.mp4", tmp_path / "edited.mp4"
        ffmpeg("-i", long_clip, *X264, coded)
        ffmpeg("-ss", "3.3", "-i", coded, "-c", "copy", clip)
        whole = run(clip)
        assert len(whole) < COUNT - 82
        chapters = chapters_of(clip)
        assert [chapter.first for chapter in chapters] == [0, 250, 500]
        assert told(read(clip, chapters)) == told(whole)

    def test_video_streams_have_their_own(self, tmp_path: Path, long_clip: Path) -> None:
        other, clip = write_clip(tmp_path / "other.mp4", 300), tmp_path / "two.mp4"
        ffmpeg("-i", long_clip, "-i", other, "-map", "0:v", "-map", "1:v", "-c", "copy", clip)
        chapters = chapters_of(clip)
        assert [(one.number, one.count, one.stream, one.begin) for one in chapters] == [
            *[(0, 5, 0, 0), (1, 5, 0, 10), (2, 5, 0, 20)],
            *[(3, 5, 1, 0), (4, 5, 1, 10)],
        ]
        assert told(read(clip, chapters)) == told(run(clip))

    @pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
    @pytest.mark.parametrize("sampling", [Sampling(0.7), Sampling(1, 3.3), Sampling(0.5, 12, 24.2), Sampling(25)])
    def test_those_that_are_sampled_are_those_of_the_whole(
        self, tmp_path: Path, long_clip: Path, name: str, sampling: Sampling
    ) -> None:
        clip = tmp_path / name
        ffmpeg("-i", long_clip, "-c:v", "mpeg4", clip)
        chapters = [chapter for chapter in chapters_of(clip) if chapter.counts(sampling)]
        found, whole = read(clip, chapters, sampling), run(clip, sampling)
        assert [(frame.position, number_of(frame.image)) for frame in found] == [
            (frame.position, number_of(frame.image)) for frame in whole
        ]
        assert all(frame.index in (None, number_of(frame.image)) for frame in found)
        late = [frame for frame in found if frame.position >= 20]
        assert all(frame.index is not None for frame in late)

    def test_what_comes_half_a_millisecond_early_is_in_time_for_a_chapter_too(self) -> None:
        times = [0.0, 9.9, 10 - SAME_TIME / 2, 10.1]
        one, other = sought_chapters({0: times}, 10)
        assert other.first == 2
        assert [one.is_over(at) for at in times] == [other.is_to_come(at) is False for at in times]
        grid = Grid(Sampling(1), other.begin)
        assert grid.due(times[2])

    @pytest.mark.proof
    def test_those_of_real_clips_are_those_of_the_whole(self, data: Path) -> None:
        seen = 0
        for path in sorted((data / "videos").rglob("*.m[pok][4v]")):
            chapters = chapters_of(path)
            if len(chapters) > 1:
                seen += 1
                assert told(read(path, chapters)) == told(run(path)), path
        assert seen > 3


class TestChapters:
    def test_they_follow_each_other_and_tell_what_they_are(self, long_clip: Path) -> None:
        chapters = chapters_of(long_clip, 7)
        assert [(one.number, one.count) for one in chapters] == [(number, 5) for number in range(5)]
        assert all(one.end == other.begin for one, other in pairwise(chapters))
        assert (chapters[0].begin, chapters[-1].end) == (0, math.inf)
        assert [chapter.first for chapter in chapters] == [0, 175, 350, 525, 700]

    @pytest.mark.parametrize("seconds", [0, 30, 31])
    def test_a_short_file_and_one_that_is_not_cut_are_a_whole(self, long_clip: Path, seconds: float) -> None:
        assert chapters_of(long_clip, seconds) == [WHOLE]

    def test_a_time_without_frames_has_none(self, tmp_path: Path, long_clip: Path) -> None:
        clip = tmp_path / "gap.mkv"
        ffmpeg("-i", long_clip, *X264, "-vf", "select='lt(t,4)+gt(t,22)'", "-vsync", "vfr", clip)
        assert [chapter.begin for chapter in chapters_of(clip, 5)] == [0, 20, 25]

    def test_only_those_with_sampled_time_count(self, long_clip: Path) -> None:
        sampling = Sampling(1, 10, 20)
        assert [chapter.number for chapter in chapters_of(long_clip) if chapter.counts(sampling)] == [1, 2]
        assert [one.number for one in chapters_of(long_clip) if one.counts(Sampling(1, 9, 19))] == [0, 1]

    def test_a_file_whose_times_do_not_rise_is_read_in_one_pass(self, tmp_path: Path) -> None:
        clip = write_clip(tmp_path / "a.mp4", COUNT)
        patch(clip, "moov/trak/mdia/minf/stbl/stts", lambda content: content[:12] + struct.pack(">I", 0))
        whole = run(clip)
        chapters = chapters_of(clip)
        assert not any(chapter.is_sought for chapter in chapters)
        assert told(read(clip, chapters)) == told(whole)


class TestOnePass:
    @pytest.fixture
    def clip(self, tmp_path: Path) -> Path:
        return write_clip(tmp_path / "a.avi", COUNT, codec="MJPG")

    def test_the_file_is_opened_once_and_left_closed(self, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[video.Capture] = []

        class Counted(video.Capture):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments)  # type: ignore[arg-type]
                opened.append(self)

        chapters = chapters_of(clip)
        monkeypatch.setattr(video, "Capture", Counted)
        with VideoFile(str(clip)) as source:
            for chapter in chapters[:2]:
                assert list(source.frames(EVERY_FRAME, START, threading.Event(), chapter=chapter))
        assert len(opened) == 1
        assert opened[0]._content.closed

    def test_any_chapter_may_be_read_first(self, clip: Path) -> None:
        with VideoFile(str(clip)) as source:
            _, second, _ = source.chapters(10)
            frames = list(source.frames(EVERY_FRAME, START, threading.Event(), chapter=second))
            again = list(source.frames(EVERY_FRAME, START, threading.Event(), chapter=second))
        assert [frame.index for frame in frames] == list(range(250, 500))
        assert told(again) == told(frames)

    def test_lost_frames_are_counted_as_in_the_whole(self, clip: Path) -> None:
        data = bytearray(clip.read_bytes())
        size = len(data) // 30  # a second
        for begin in range(4 * size, 29 * size, 6 * size):
            data[begin : begin + size] = np.random.default_rng(begin).integers(0, 256, size, np.uint8).tobytes()
        clip.write_bytes(data)
        with open_source(str(clip)) as source:
            whole = list(source.frames(EVERY_FRAME, START, threading.Event()))
            notes = source.notes()
        assert "could not be decoded" in notes[0]
        with VideoFile(str(clip)) as source:
            found = [
                frame
                for chapter in source.chapters(10)
                for frame in source.frames(EVERY_FRAME, START, threading.Event(), chapter=chapter)
            ]
            assert source.notes() == notes
        assert told(found) == told(whole)
