"""A run on other processes that is killed, and typed again: the result folder is that of a plain run."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import ROOT, Watcher
from pipeline.spread.same import clips_of, differences, records_of

from face_classifier.core.config.load import load
from face_classifier.core.types import Image
from face_classifier.pipeline.run import run

WAIT = 120.0  # seconds in which a run gets somewhere, on a busy machine
SOON = 30.0  # seconds in which a process ends


@pytest.fixture(scope="module")
def files(closeups: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five clips of two presidents."""
    images = [closeups[name] for name in ("obama.jpg", "biden.jpg", "obama2.jpg")]
    return clips_of(tmp_path_factory.mktemp("killed") / "clips", images, 5)


@pytest.fixture(scope="module")
def plain(files: list[Path]) -> Path:
    """The result folder of a plain run on the files."""
    result = files[0].parent.parent / "plain"
    run(load({"result": str(result)}), list(map(str, files)), threading.Event(), Watcher())
    return result


class Driver:
    """A run on three other processes, into ``folder/result``. A context manager; at its end none of them is left."""

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        command = [sys.executable, "-m", "face_classifier", *map(str, files), "--result", str(folder / "result")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen([*command, "--on", "local:3"], env=environment, stdout=subprocess.DEVNULL)
        self._workers: set[int] = set()

    def kill(self) -> None:
        """As ``kill -9``."""
        self._workers = descendants_of(self._process.pid)
        self._process.kill()
        self._process.wait(SOON)

    def finish(self) -> None:
        """Let it end by itself."""
        assert self._process.wait(WAIT) == 0

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        until(lambda: not any(map(is_alive, self._workers)), SOON, "a worker outlives its driver")


def descendants_of(process: int) -> set[int]:
    """The processes that it began, and those that these began."""
    files = Path(f"/proc/{process}/task").glob("*/children")
    children = {int(child) for file in files for child in file.read_text("ascii").split()}
    return children.union(*map(descendants_of, children))


def is_alive(process: int) -> bool:
    """Whether a process is there that is more than an entry which nobody asked for."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(happens: Callable[[], bool], seconds: float, failure: str) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, failure
        time.sleep(0.01)


def finish(files: Sequence[Path], folder: Path) -> None:
    """The same command, which nobody kills."""
    with Driver(files, folder) as process:
        process.finish()


def test_one_that_is_killed_goes_on_where_it_was(tmp_path: Path, files: list[Path], plain: Path) -> None:
    records = tmp_path / "result.records"
    kept: dict[str, tuple[int, int]] = {}
    for count in (1, 3):
        with Driver(files, tmp_path) as process:
            until(lambda count=count: len(records_of(records)) >= count, WAIT, "no record is made")  # type: ignore[misc]
            process.kill()
        assert kept.items() <= records_of(records).items()
        kept = records_of(records)
    finish(files, tmp_path)
    assert kept.items() <= records_of(records).items()
    assert differences(plain, tmp_path / "result") == []
    assert not [path.name for path in records.iterdir() if "part" in path.name]


@pytest.mark.proof
def test_it_does_so_at_any_moment(tmp_path: Path, files: list[Path], plain: Path) -> None:
    moments = random.Random(14)
    began = time.monotonic()
    finish(files, tmp_path / "whole")
    whole = time.monotonic() - began
    for number in range(10):
        folder = tmp_path / str(number)
        with Driver(files, folder) as process:
            time.sleep(moments.uniform(0, whole))
            process.kill()
        kept = records_of(folder / "result.records")
        finish(files, folder)
        assert kept.items() <= records_of(folder / "result.records").items()
        assert differences(plain, folder / "result") == []
