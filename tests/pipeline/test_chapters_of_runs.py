"""A long file is classified chapter by chapter: the same however that is done, and nobody is counted twice."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Watcher
from pipeline.spread.odd import ODD, LateOddCluster
from pipeline.spread.same import SpreadWatcher, contents, differences, records_of

from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.retry import Patience
from face_classifier.core.types import Image
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.run import run
from face_classifier.pipeline.spread.run import AnalyseResult, Spread, analyse_on
from face_classifier.sources import video
from face_classifier.vision.engine import Engine

FPS, SECONDS = 4, 9  # of the clips
CHAPTER = 3.0


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chapters are sought in clips as short as these, too."""
    monkeypatch.setattr(video, "_SEEK_FROM", 1.0)
    monkeypatch.setattr(video, "_SEEK_AHEAD", 0.5)


@pytest.fixture
def make_clip(tmp_path: Path, closeups: dict[str, Image]) -> Callable[..., Path]:
    """Writes a clip of one person who moves, nobody, and another one who stays over the next boundaries."""

    def make(name: str = "clip.mp4", codec: str = "mp4v") -> Path:
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), FPS, (300, 260))
        for number in range(FPS * SECONDS):
            image = np.full((260, 300, 3), 90, np.uint8)
            shown = "obama.jpg" if number < 14 else None if number < 17 else "biden.jpg"
            if shown:
                left = 10 + (2 * number) % 40
                image[10:250, left : left + 240] = closeups[shown]
            writer.write(image)
        writer.release()
        os.utime(path, (1_700_000_000, 1_700_000_000))
        return path

    return make


def flags(result: Path, **more: object) -> Settings:
    wished = {"seconds": 0.25, "refresh": 0.5, "chapter": CHAPTER, "jsonl": f"{result}.jsonl", **more}
    return load({"result": str(result), **wished})


def classify(result: Path, sources: Sequence[Path], **more: object) -> Path:
    observer = Watcher()
    run(flags(result, **more), [str(source) for source in sources], threading.Event(), observer)
    assert observer.problems == []
    return result


def rows(result: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(result / "faces.sqlite")) as table:
        return list(table.execute(query))


TRACKS = "SELECT first_position, last_position, number FROM tracks ORDER BY first_position"


class TestState:
    def test_nobody_is_followed_over_a_boundary(self, make_clip: Callable[..., Path], tmp_path: Path) -> None:
        clip = make_clip()
        cut, whole = classify(tmp_path / "cut", [clip]), classify(tmp_path / "whole", [clip], chapter=0)
        begun = [(first, last) for first, last, _ in rows(cut, TRACKS)]
        assert all(int(first / CHAPTER) == int(last / CHAPTER) for first, last in begun)  # type: ignore[operator]
        assert [first for first, _ in begun] == pytest.approx([0, 3, 4.25, 6])
        assert len(rows(whole, TRACKS)) == 2

    @pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "mp4v"), ("clip.avi", "MJPG")])
    def test_each_frame_is_analysed_once(
        self, make_clip: Callable[..., Path], tmp_path: Path, name: str, codec: str
    ) -> None:
        """With ``--refresh 0`` each face in each analysed frame is kept."""
        result = classify(tmp_path / "result", [make_clip(name, codec)], refresh=0)
        frames = [*range(14), *range(17, FPS * SECONDS)]
        found = rows(result, "SELECT frame, position FROM faces ORDER BY position")
        assert found == [(frame, pytest.approx(frame / FPS)) for frame in frames]

    def test_a_skipped_beginning_leaves_the_chapters_where_they_are(
        self, make_clip: Callable[..., Path], tmp_path: Path
    ) -> None:
        cut = classify(tmp_path / "cut", [make_clip()], skip=5.0, stop=8.5)
        assert [first for first, *_ in rows(cut, TRACKS)] == pytest.approx([5, 6])


class TestPeople:
    def test_who_stands_over_a_boundary_visits_once(
        self, make_clip: Callable[..., Path], tmp_path: Path, command: Callable[..., Ended]
    ) -> None:
        result = classify(tmp_path / "result", [make_clip()])
        ended = command("events", "--result", result, "--format", "csv")
        assert ended.code == 0, ended.err
        lines = ended.out.strip().splitlines()[1:]
        assert len(lines) == 2, ended.out

    def test_tracks_of_two_chapters_are_joined_by_their_encodings(
        self, make_clip: Callable[..., Path], tmp_path: Path
    ) -> None:
        """No track has enough faces to found a person."""
        result = classify(tmp_path / "result", [make_clip()], founding=1000, refresh=10)
        people = rows(result, "SELECT folder, count(DISTINCT track) FROM faces GROUP BY folder ORDER BY folder")
        assert sorted(count for _, count in people) == [2, 2]  # type: ignore[type-var]
        assert all(str(folder).startswith("person_") for folder, _ in people)

    def test_a_folder_from_before_chapters_keeps_each_face_once(
        self, make_clip: Callable[..., Path], tmp_path: Path
    ) -> None:
        clip = make_clip()
        result = classify(tmp_path / "result", [clip], chapter=0, refresh=0)
        before = contents(result)
        classify(result, [clip], refresh=0)
        after = contents(result)
        assert {name for name in after if name.endswith(".png")} == {name for name in before if name.endswith(".png")}
        assert after["table faces"] == before["table faces"]


class TestWays:
    @pytest.fixture
    def clips(self, make_clip: Callable[..., Path]) -> list[Path]:
        """One whose chapters can be sought, and one that is read in one pass."""
        return [make_clip("1.mp4"), make_clip("2.avi", "MJPG")]

    def test_files_that_are_analysed_ahead_give_the_same(self, clips: list[Path], tmp_path: Path) -> None:
        one, two = (classify(tmp_path / str(number), clips, parallel=number) for number in (1, 2))
        assert differences(one, two) == []

    def test_other_processes_give_the_same_and_so_do_the_records_that_they_leave(
        self, clips: list[Path], tmp_path: Path, command: Callable[..., Ended]
    ) -> None:
        plain, spread, placed = classify(tmp_path / "plain", clips), tmp_path / "spread", tmp_path / "placed"
        line = (*clips, "-S", 0.25, "--refresh", 0.5, "--chapter", CHAPTER, "--records", tmp_path / "records")
        ended = command(*line, "--result", spread, "--on", "local:2")
        assert ended.code == 0, ended.err
        assert differences(plain, spread) == []
        records = records_of(tmp_path / "records")
        assert len(records) == 6
        assert command("place", *line, "--result", placed).code == 0
        assert differences(plain, placed) == []
        assert records_of(tmp_path / "records") == records

    def test_the_chapter_of_a_worker_that_is_refused_is_done_by_another_one_and_no_other_chapter_again(
        self, clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(ODD, str(tmp_path / "odd"))
        sources, observer = list(map(str, clips)), SpreadWatcher()
        with LateOddCluster(2) as cluster:
            spread = Spread(cluster, tmp_path / "records", alike=False)
            done = analyse_on(spread, flags(tmp_path / "result"), sources, threading.Event(), observer)
        assert ["gets no work" in sentence for sentence in observer.problems] == [True]
        assert done == AnalyseResult(made=6, there=0, failed=0)

    def test_another_owner_places_the_same(
        self, clips: list[Path], tmp_path: Path, command: Callable[..., Ended], engine: Engine
    ) -> None:
        plain, owned = classify(tmp_path / "plain", clips), tmp_path / "owned"
        observer, patience = Watcher(), Patience(0, threading.Event(), lambda _: None)
        with Here.opened(flags(owned), lambda _: engine, None, observer, patience):
            classify(owned, clips)
        # The sessions of another process are numbered as they are written, the last one of a source when that ends.
        assert {line.partition(":")[0] for line in differences(plain, owned)} <= {"table tracks"}
        tracks = "SELECT number, source, first_position, last_position, frames, best, said FROM tracks ORDER BY number"
        assert rows(owned, tracks) == rows(plain, tracks)

    @pytest.mark.proof
    def test_real_clips_give_the_same_by_three_processes(
        self, data: Path, tmp_path: Path, command: Callable[..., Ended]
    ) -> None:
        """Chapters of 10 s."""
        clips = sorted(path for path in (data / "videos").glob("*/*.*") if path.suffix in (".mp4", ".avi", ".mpg"))
        line = ("--chapter", 10)
        assert command(*clips, "--result", tmp_path / "plain", *line).code == 0
        assert command(*clips, "--result", tmp_path / "spread", *line, "--on", "local:3").code == 0
        assert differences(tmp_path / "plain", tmp_path / "spread") == []
        assert len(records_of(tmp_path / "spread.records")) > len(clips) + 10
