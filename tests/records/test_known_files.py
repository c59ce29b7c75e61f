"""A file that is as it was is not read again for its fingerprint, and nothing that somebody wrote is believed."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sources.clips import write_clip

from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.records.known import Known, recall, recall_into, recalled_chapters, remember, state_of
from face_classifier.sources import video
from face_classifier.sources.base import File
from face_classifier.sources.chapters import WHOLE, Chapter
from face_classifier.sources.video import VideoFile


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    with Root.made(tmp_path / "records") as root:
        yield root


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"as if it were a clip")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_it_is_read_once(root: Root, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = File(str(clip))
    recall_into(root, first)
    assert first.fingerprint == File(str(clip)).fingerprint
    monkeypatch.setattr(Path, "open", pytest.fail)
    monkeypatch.chdir(clip.parent)
    again = File(clip.name)  # the same, by another spelling
    recall_into(root, again)
    assert again.fingerprint == first.fingerprint


def test_facts_are_remembered_too(root: Root, clip: Path) -> None:
    known = Known(File(str(clip)).fingerprint, {"chapters": [[0, 600.0], [600.0, None]]})
    remember(root, str(clip), known, state_of(str(clip)))
    assert recall(root, str(clip)) == known


def test_another_size_time_or_file_is_read_anew(root: Root, clip: Path) -> None:
    path = str(clip)
    recall_into(root, File(path))
    os.utime(clip, (1_700_000_001, 1_700_000_001))
    assert recall(root, path) is None
    recall_into(root, File(path))
    assert recall(root, path)
    os.utime(clip, (1_700_000_000, 1_700_000_000))
    recall_into(root, File(path))
    assert recall(root, path)
    other = clip.with_name("other.mp4")
    other.write_bytes(b"another of that size")
    os.utime(other, (1_700_000_000, 1_700_000_000))
    other.rename(clip)
    assert recall(root, path) is None
    file = File(path)
    recall_into(root, file)
    assert recall(root, path) == Known(file.fingerprint)


def test_one_that_is_overwritten_by_a_copy_with_the_same_time_is_read_anew(root: Root, clip: Path) -> None:
    path, state = str(clip), os.stat(clip)
    recall_into(root, File(path))
    assert recall(root, path)
    with clip.open("r+b") as file:
        file.write(b"AS IF IT WERE A CLIP")
    os.utime(clip, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert os.stat(clip).st_ino == state.st_ino
    file_now = File(path)
    recall_into(root, file_now)
    assert file_now.fingerprint == File(path).fingerprint


def test_one_that_is_being_written_is_not_remembered(root: Root, clip: Path) -> None:
    now = time.time()
    os.utime(clip, (now, now))
    recall_into(root, File(str(clip)))
    assert root.names() == []
    os.utime(clip, (1_700_000_000, 1_700_000_000))
    before = state_of(str(clip))
    os.utime(clip, (1_700_000_001, 1_700_000_001))
    remember(root, str(clip), Known(File(str(clip)).fingerprint), before)
    assert root.names() == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fingerprint", "20-" + "g" * 64),
        ("fingerprint", "21-" + "a" * 64),
        ("fingerprint", ["20"]),
        ("fingerprint", "20-" + "a" * 64 + "#2"),
        ("facts", []),
        ("size", "20"),
        ("path", "/elsewhere"),
        (None, "[" * 10_000),
        (None, "\xff"),
        (None, "7"),
    ],
)
def test_what_somebody_wrote_is_not_believed(root: Root, clip: Path, key: str | None, value: object) -> None:
    recall_into(root, File(str(clip)))
    (name,) = root.names()
    told = json.loads(root.read(name))
    text = str(value) if key is None else json.dumps(told | {key: value})
    root.write(name, text.encode("latin-1"))
    assert recall(root, str(clip)) is None


def test_a_link_in_its_place_is_not_followed(root: Root, clip: Path, tmp_path: Path) -> None:
    recall_into(root, File(str(clip)))
    (name,) = root.names()
    secret = tmp_path / "secret"
    secret.write_bytes(root.read(name))
    root.remove(name)
    root.make_link(name, str(secret))
    assert recall(root, str(clip)) is None


def test_one_that_is_not_there_is_told(root: Root, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        recall_into(root, File(str(tmp_path / "missing.mp4")))


class TestChapters:
    @pytest.fixture
    def long_clip(self, tmp_path: Path) -> Path:
        path = write_clip(tmp_path / "long.mp4", 300)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        return path

    def test_the_frames_of_a_long_file_are_looked_at_once(
        self, root: Root, long_clip: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = VideoFile(str(long_clip))
        recall_into(root, first)
        found = recalled_chapters(root, first, 5)
        assert told(found) == [(0, 3, 0, 5, 0, True), (1, 3, 5, 10, 125, True), (2, 3, 10, math.inf, 250, True)]
        monkeypatch.setattr(video, "frame_times", pytest.fail)
        again = VideoFile(str(long_clip))
        recall_into(root, again)
        assert told(recalled_chapters(root, again, 5)) == told(found)
        assert again.fingerprint == first.fingerprint

    def test_each_length_has_its_own(self, root: Root, long_clip: Path) -> None:
        source = VideoFile(str(long_clip))
        lengths = [len(recalled_chapters(root, source, seconds)) for seconds in (5, 4, 5, 4)]
        assert lengths == [3, 3, 3, 3]
        assert [chapter.begin for chapter in recalled_chapters(root, source, 4)] == [0, 4, 8]

    def test_a_short_file_leaves_nothing(self, root: Root, long_clip: Path) -> None:
        assert recalled_chapters(root, VideoFile(str(long_clip)), 600) == [WHOLE]
        assert root.names() == []

    @pytest.mark.parametrize(
        "wrong", [None, 7, [], [7], [{}], [{"number": 0, "count": 1, "begin": -1, "end": None, "stream": None}]]
    )
    def test_what_somebody_wrote_is_not_believed(self, root: Root, long_clip: Path, wrong: object) -> None:
        source = VideoFile(str(long_clip))
        key = "chapters of 5.0 s"
        remember(root, str(long_clip), Known(source.fingerprint, {key: wrong}), state_of(str(long_clip)))
        assert len(recalled_chapters(root, source, 5.0)) == 3


def told(chapters: Sequence[Chapter]) -> list[tuple[object, ...]]:
    return [(one.number, one.count, one.begin, one.end, one.first, one.is_sought) for one in chapters]
