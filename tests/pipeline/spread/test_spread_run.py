"""Sources that other processes analyse: the result folder is that of a plain run, whatever dies meanwhile."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import Ended, Watcher
from pipeline.spread.odd import ODD, OddCluster
from pipeline.spread.same import SpreadWatcher, clips_of, contents, differences, records_of

from face_classifier.core.config.load import load
from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.pipeline.run import run
from face_classifier.pipeline.spread.local import LocalCluster
from face_classifier.pipeline.spread.run import Spread, run_on


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spread")


@pytest.fixture(scope="module")
def files(folder: Path, closeups: dict[str, Image]) -> list[Path]:
    """Six clips of two presidents, a copy of the second that is older, and a file that is no video."""
    broken = folder / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    clips = clips_of(folder / "clips", [closeups[name] for name in ("obama.jpg", "biden.jpg", "obama2.jpg")], 6)
    copy = folder / "copy.avi"
    copy.write_bytes(clips[1].read_bytes())
    os.utime(copy, (1_600_000_000,) * 2)
    return [*clips[:3], broken, *clips[3:], copy]


@pytest.fixture(scope="module")
def plain(folder: Path, files: list[Path]) -> Path:
    """The result folder of a plain run on the files; its lines lie beside it."""
    result = folder / "plain"
    settings = load({"result": str(result), "jsonl": str(folder / "plain.jsonl")})
    assert run(settings, list(map(str, files)), threading.Event(), Watcher()).failed == 1
    assert len(contents(result)) > 20
    return result


def test_gives_the_folder_of_a_plain_run(
    tmp_path: Path, files: list[Path], plain: Path, command: Callable[..., Ended]
) -> None:
    result = tmp_path / "spread"
    ended = command(*files, "--result", result, "--jsonl", tmp_path / "spread.jsonl", "--on", "local:3")
    assert ended.code == 1
    assert "broken.mp4" in ended.err
    assert "" not in ended.err.splitlines()  # no trace of the bar that a terminal shows
    assert differences(plain, result) == []
    assert (tmp_path / "spread.jsonl").read_text("utf-8") == plain.with_suffix(".jsonl").read_text("utf-8")
    records = records_of(tmp_path / "spread.records")
    assert len(records) == 7  # also that of what cannot be analysed
    assert command(*files, "--result", result, "--on", "local:1").code == 1
    assert differences(plain, result) == []
    assert records_of(tmp_path / "spread.records") == records


@contextmanager
def killing(monkeypatch: pytest.MonkeyPatch, times: int, records: Path, seconds: float) -> Iterator[list[str]]:
    """Within, so many workers of the cluster that is entered are killed, one after the other; gives their names.

    Each is at a random moment of the ``seconds`` after the next of the ``records`` is made, so that there is progress.
    """
    killed: list[str] = []
    ending, moments = threading.Event(), random.Random(14)
    entered = LocalCluster.__enter__

    def kill(cluster: LocalCluster) -> None:
        there = 0
        while len(killed) < times and not ending.wait(0.02):
            workers = [name for name in cluster.workers() if name not in killed]  # one may seem to be there for a while
            if workers and there <= len(records_of(records)):
                if ending.wait(moments.uniform(0, seconds)):
                    return
                there = len(records_of(records)) + 1
                name = moments.choice(workers)
                with suppress(ProcessLookupError):  # of one that ends
                    os.kill(int(name.rpartition("-")[2]), signal.SIGKILL)
                    killed.append(name)

    threads: list[threading.Thread] = []

    def enter(cluster: LocalCluster) -> LocalCluster:
        threads.append(threading.Thread(target=kill, args=(cluster,)))
        threads[0].start()
        return entered(cluster)

    monkeypatch.setattr(LocalCluster, "__enter__", enter)
    try:
        yield killed
    finally:
        ending.set()
        for thread in threads:
            thread.join(10)


def test_workers_that_are_killed_change_nothing(
    tmp_path: Path,
    files: list[Path],
    plain: Path,
    command: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with killing(monkeypatch, 3, tmp_path / "spread.records", 0.3) as killed:
        ended = command(*files, "--result", tmp_path / "spread", "--on", "local:2")
    assert len(killed) == 3
    assert ended.code == 1
    assert differences(plain, tmp_path / "spread") == []


@pytest.mark.proof
def test_workers_that_are_killed_at_ten_moments_change_nothing(
    tmp_path: Path, closeups: dict[str, Image], command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = clips_of(tmp_path / "clips", [closeups[name] for name in ("obama.jpg", "biden.jpg", "obama2.jpg")], 32)
    assert command(*clips, "--result", tmp_path / "plain").code == 0
    with killing(monkeypatch, 10, tmp_path / "spread.records", 0.5) as killed:
        ended = command(*clips, "--result", tmp_path / "spread", "--on", "local:3")
    assert len(killed) == 10
    assert ended.code == 0
    assert differences(tmp_path / "plain", tmp_path / "spread") == []


def test_the_two_halves_by_hand_give_it_too(
    tmp_path: Path, files: list[Path], plain: Path, command: Callable[..., Ended]
) -> None:
    records, result = tmp_path / "records", tmp_path / "spread"
    halves = [command("analyse", *files, "--records", records, "--part", f"{number}/2") for number in (2, 1)]
    assert [ended.code for ended in halves] == [1, 0]  # the fourth file is in the second share
    assert "2 records made, 1 there already, 1 failed" in halves[0].out
    ended = command("place", *files, "--records", records, "--result", result)
    assert ended.code == 1
    assert differences(plain, result) == []


def test_a_source_without_record_is_not_placed(tmp_path: Path, short_clip: Path, command: Callable[..., Ended]) -> None:
    records = tmp_path / "records"
    assert command("place", short_clip, "--records", records, "--result", tmp_path / "result").code == 1
    records.mkdir()
    assert command("analyse", short_clip, "--records", records, "--seconds", 1).code == 0
    ended = command("place", short_clip, "--records", records, "--result", tmp_path / "result")
    assert ended.code == 1
    assert "has no record of" in ended.err


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        (["clip.mp4", "--display"], "--display"),
        (["clip.mp4", "--capture", "captured"], "--capture"),
        (["0"], "0 is a camera"),
        (["rtsp://127.0.0.1/door"], "is a camera"),
    ],
)
def test_what_needs_frames_here_is_refused(
    tmp_path: Path, command: Callable[..., Ended], wish: list[str], word: str
) -> None:
    ended = command(*wish, "--on", "local:2", "--result", tmp_path / "result")
    assert ended.code == 2
    assert word in ended.err
    assert not (tmp_path / "result").exists()


@pytest.mark.parametrize("where", ["", "local:0", "local:", "here", "local:9999", "ftp://host"])
def test_another_place_is_refused(tmp_path: Path, command: Callable[..., Ended], where: str) -> None:
    ended = command("clip.mp4", "--on", where, "--result", tmp_path / "result")
    assert ended.code == 2
    assert f"--on {where} is not a place to analyse" in ended.err


def test_a_worker_that_computes_otherwise_gets_no_work(
    tmp_path: Path, files: list[Path], plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = SpreadWatcher()
    monkeypatch.setenv(ODD, str(tmp_path / "odd"))
    settings = load({"result": str(tmp_path / "spread")})
    with OddCluster(2) as cluster:
        spread = Spread(cluster, tmp_path / "records", alike=False)
        result = run_on(spread, settings, list(map(str, files)), threading.Event(), observer)
    assert result.failed == 1
    assert ["gets no work" in sentence for sentence in observer.problems] == [True]
    assert differences(plain, tmp_path / "spread") == []
    assert len({name.partition("-")[2] for name in records_of(tmp_path / "records")}) == 1


def test_a_run_that_is_stopped_tells_how_much_is_done(tmp_path: Path, files: list[Path], plain: Path) -> None:
    stopping, observer = threading.Event(), SpreadWatcher()
    observer.after = lambda frames: stopping.set()
    settings, sources = load({"result": str(tmp_path / "spread")}), list(map(str, files))
    with LocalCluster(1) as cluster:
        assert run_on(Spread(cluster, tmp_path / "records"), settings, sources, stopping, observer).failed == 0
    assert ["stopped with 1 of 8 sources done" in sentence for sentence in observer.problems] == [True]
    with LocalCluster(1) as cluster:
        assert (
            run_on(Spread(cluster, tmp_path / "records"), settings, sources, threading.Event(), SpreadWatcher()).failed
            == 1
        )
    assert differences(plain, tmp_path / "spread") == []


def test_where_every_worker_computes_otherwise_the_run_ends(
    tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ODD, str(tmp_path / "odd"))
    settings = load({"result": str(tmp_path / "result")})
    records, sources = tmp_path / "records", [str(short_clip)]
    with OddCluster(1) as cluster, pytest.raises(UserError, match="no worker is left that can be used"):
        run_on(Spread(cluster, records, alike=False), settings, sources, threading.Event(), SpreadWatcher())
    monkeypatch.setenv(ODD, str(tmp_path / "another"))
    with OddCluster(1) as cluster:
        mixed = Spread(cluster, records, alike=False, mixed=True)
        assert run_on(mixed, settings, sources, threading.Event(), SpreadWatcher()).failed == 0


def test_a_run_without_a_worker_tells_it_once(
    tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, observer, looks = threading.Event(), SpreadWatcher(), list[object]()

    def look(done: object) -> None:
        looks.append(done)
        if len(looks) == 5:
            stopping.set()

    monkeypatch.setattr(observer, "went_on", look)
    monkeypatch.setattr("face_classifier.pipeline.spread.pull._ALONE", 0.0)
    with Deserted(1) as cluster:
        spread, settings = Spread(cluster, tmp_path / "records"), load({"result": str(tmp_path / "result")})
        run_on(spread, settings, [str(short_clip)], stopping, observer)
    assert ["no worker is there" in sentence for sentence in observer.problems] == [True, False]


class Deserted(LocalCluster):
    """One whose processes are all gone."""

    def __enter__(self) -> LocalCluster:
        self._threads = []
        return self
