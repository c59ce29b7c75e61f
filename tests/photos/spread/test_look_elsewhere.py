"""Photos that other processes look at: the index is that of this process alone, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import pytest
from conftest import Ended

from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.photos.finder import FaceFinder
from face_classifier.photos.index import INDEX, PhotoIndex
from face_classifier.photos.spread.look import look_on
from face_classifier.pipeline.spread.local import LocalCluster
from face_classifier.vision.sface import SFaceEncoder

Command = Callable[..., Ended]


@pytest.fixture
def photos(tmp_path: Path, portraits: dict[str, Image]) -> Path:
    """Real photographs in folders of people, one of them twice, and a file that is no photo."""
    folder = tmp_path / "photos"
    for number, (name, whole) in enumerate(sorted(portraits.items())[:5]):
        image = cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        (folder / name.rstrip(".jpg0123456789")).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name.rstrip(".jpg0123456789") / f"{number}.png"), image)
    first = min(folder.rglob("*.png"))
    (first.parent / "again.png").write_bytes(first.read_bytes())
    (first.parent / "broken.png").write_bytes(b"no photo")
    return folder


def remembered(index: Path) -> list[Any]:
    """All that an index has, but the order in which photos came to be written."""
    with closing(sqlite3.connect(index)) as table:
        names = [name for (name,) in table.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return [(name, table.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3, 4").fetchall()) for name in names]


def test_gives_the_index_of_this_process_and_the_same_answer(photos: Path, tmp_path: Path, command: Command) -> None:
    asked = min(photos.rglob("*.png"))
    told = []
    for name, on in (("here", ()), ("elsewhere", ("--on", "local:2"))):
        ended = command("similar", asked, "--gallery", photos, "--index", tmp_path / name, *on, "--json")
        told.append((ended.code, ended.out, ended.err.replace(str(tmp_path / name), "")))
    assert told[0] == told[1]
    assert remembered(tmp_path / "here") == remembered(tmp_path / "elsewhere")
    assert len(dict(remembered(tmp_path / "here"))["faces"]) >= 4


def test_albums_are_sorted_alike(photos: Path, tmp_path: Path, command: Command) -> None:
    for name, on in (("here", ()), ("elsewhere", ("--on", "local:1"))):
        assert command("group", photos, "-o", tmp_path / name, *on).code in (0, 1)
    assert remembered(tmp_path / "here" / INDEX) == remembered(tmp_path / "elsewhere" / INDEX)
    here, elsewhere = (
        sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*"))
        for name in ("here", "elsewhere")
    )
    assert here == elsewhere


def read(photos: Path, index: Path, cluster: str | None) -> tuple[int, list[tuple[str, str]]]:
    """How many photos were encoded, and what could not be read."""

    def finder() -> FaceFinder:
        raise AssertionError("this process looks at a photo")

    found = [(path.relative_to(photos).as_posix(), path) for path in sorted(photos.rglob("*.png"))]
    problems: list[str] = []
    with PhotoIndex(index, SFaceEncoder.space) as opened:
        reading = opened.read(found, finder, threading.Event(), look=look_on(cluster, "sface", problems.append))
    assert problems == []
    return reading.fresh, reading.failed


def test_a_killed_worker_costs_nothing(
    photos: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[str] = []
    submit = LocalCluster.submit

    def and_kill(cluster: LocalCluster, function: Callable[..., Any], /, *arguments: Any) -> Any:
        future = submit(cluster, function, *arguments)
        if len(killed) < 2 and (workers := cluster.workers()):
            killed.append(workers[0])
            os.kill(int(workers[0].rpartition("-")[2]), signal.SIGKILL)
        return future

    monkeypatch.setattr(LocalCluster, "submit", and_kill)
    monkeypatch.setattr("face_classifier.photos.spread.look.MOST_A_SLOT", 1)
    fresh, failed = read(photos, tmp_path / "elsewhere", "local:2")
    assert [name for name, _ in failed] == [f"{min(photos.iterdir()).name}/broken.png"]
    assert killed
    command("similar", min(photos.rglob("*.png")), "--gallery", photos, "--index", tmp_path / "here")
    assert remembered(tmp_path / "here") == remembered(tmp_path / "elsewhere")
    moved = min(photos.rglob("*.png"))
    moved.rename(moved.with_name("moved.png"))
    assert read(photos, tmp_path / "elsewhere", "local:1")[0] == 0
    assert fresh >= 5


def test_a_place_that_is_none_is_told(photos: Path, command: Command) -> None:
    ended = command("similar", min(photos.rglob("*.png")), "--gallery", photos, "--on", "nowhere")
    assert ended.code == 2
    assert "--on nowhere" in ended.err


def test_where_nobody_computes_alike_the_reading_ends_with_a_sentence(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from face_classifier.photos.spread import look
    from face_classifier.pipeline.spread.canary import Canary

    monkeypatch.setattr(look, "is_here", lambda _: False)
    monkeypatch.setattr(look, "canary", lambda _: Canary("another", {}, "of no kind"))
    told: list[str] = []
    with PhotoIndex(tmp_path / "index", SFaceEncoder.space) as opened:
        found = [(path.name, path) for path in sorted(photos.rglob("*.png"))]
        looking = look_on("local:1", "sface", told.append)
        with pytest.raises(UserError, match="no worker is left that can be used"):
            opened.read(found, lambda: pytest.fail("it looks here"), threading.Event(), look=looking)
    assert len(told) == 1
    assert "gets no work" in told[0]
