"""Sources that other processes analyse: the result folder is that of a plain run, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Ended
from pipeline.spread.same import clips_of, contents, differences, records_of

from face_classifier.core.types import Image
from face_classifier.pipeline.spread.local import LocalCluster


@pytest.fixture
def files(tmp_path: Path, closeups: dict[str, Image]) -> list[Path]:
    """Six clips of two presidents, in two of which both are seen, and a file that is no video."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    clips = clips_of(tmp_path / "clips", [closeups[name] for name in ("obama.jpg", "biden.jpg", "obama2.jpg")], 6)
    return [*clips[:3], broken, *clips[3:]]


@pytest.fixture
def plain(tmp_path: Path, files: list[Path], command: Callable[..., Ended]) -> Path:
    """The result folder of a plain run on the files; its lines lie beside it."""
    result = tmp_path / "plain"
    assert command(*files, "--result", result, "--jsonl", tmp_path / "plain.jsonl").code == 1
    assert len(contents(result)) > 20
    return result


def test_gives_the_folder_of_a_plain_run(
    tmp_path: Path, files: list[Path], plain: Path, command: Callable[..., Ended]
) -> None:
    result = tmp_path / "spread"
    ended = command(*files, "--result", result, "--jsonl", tmp_path / "spread.jsonl", "--on", "local:3")
    assert ended.code == 1
    assert "broken.mp4" in ended.err
    assert differences(plain, result) == []
    assert (tmp_path / "spread.jsonl").read_text("utf-8") == (tmp_path / "plain.jsonl").read_text("utf-8")
    records = records_of(tmp_path / "spread.records")
    assert len(records) == 6
    assert command(*files, "--result", result, "--on", "local:1").code == 1
    assert differences(plain, result) == []
    assert records_of(tmp_path / "spread.records") == records


@contextmanager
def killing(monkeypatch: pytest.MonkeyPatch, times: int, seconds: float) -> Iterator[list[str]]:
    """Within, workers of the cluster that is entered are killed, one every so many seconds; gives their names."""
    killed: list[str] = []
    ending = threading.Event()
    entered = LocalCluster.__enter__

    def kill(cluster: LocalCluster) -> None:
        while len(killed) < times and not ending.wait(seconds):
            if workers := cluster.workers():
                name = workers[len(killed) % len(workers)]
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
    with killing(monkeypatch, 3, 0.7) as killed:
        ended = command(*files, "--result", tmp_path / "spread", "--on", "local:2")
    assert len(killed) >= 1
    assert ended.code == 1
    assert differences(plain, tmp_path / "spread") == []
