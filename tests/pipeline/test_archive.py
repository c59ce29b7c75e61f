"""A source analysed into a record that is placed later gives what a run gives, whatever the user does in between."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import pytest
from conftest import Ended, Watcher

from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.retry import Patience
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Image
from face_classifier.events.records import JsonLines
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner
from face_classifier.pipeline.archive import analyse_into, head_of
from face_classifier.pipeline.desk import Desk
from face_classifier.pipeline.run import run
from face_classifier.records.file import read_record
from face_classifier.sources.discover import open_source
from face_classifier.vision.engine import Engine

Made = Callable[[Path, Sequence[Path]], None]


def flags(folder: Path, **more: object) -> Settings:
    return load({"result": str(folder / "result"), "jsonl": str(folder / "lines.jsonl"), **more})


def direct(engine: Engine, folder: Path, sources: Sequence[Path], **more: object) -> None:
    """Run the program on the sources."""
    folder.mkdir(exist_ok=True)
    observer = Watcher()
    run(flags(folder, **more), [str(source) for source in sources], threading.Event(), observer)
    assert observer.problems == []


def apart(engine: Engine, folder: Path, sources: Sequence[Path], **more: object) -> None:
    """Analyse the sources into records, the last one first, and place those in order."""
    settings, observer, stopping = flags(folder, **more), Watcher(), threading.Event()
    folder.mkdir(exist_ok=True)
    with Root.made(folder / "records") as root:
        analyse = partial(analyse_into, root, settings=settings, engine=engine, stopping=stopping)
        names = {source: analyse(str(source)) for source in reversed(sources)}
        patience = Patience(0, stopping, observer.problem)
        log = JsonLines(folder / "lines.jsonl", observer.problem)
        opens = partial(Gallery.open, settings, observer, engine=lambda _: engine, make=True)
        with Owner(opens) as owner:
            desk = owner.call(lambda gallery: Desk(gallery, log, observer, patience))
            for source in sources:
                of_source = names[source]
                assert of_source
                for name in of_source:
                    with read_record(root, name) as told:
                        owner.call(lambda _, name=name, told=told: desk.place_part(name, *told, again=True))
            owner.call(lambda _: desk.finish())
        log.close()
    assert observer.problems == []


def everything(folder: Path) -> dict[str, str]:
    """The content of every file of a result folder but its table, and of the lines."""
    files = [path for path in (folder / "result").rglob("*") if path.is_file() and not path.name.startswith(".")]
    told = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.name.startswith("faces.sqlite")
    }
    return told | {"lines": (folder / "lines.jsonl").read_text("utf-8")}


def change(folder: Path, command: Callable[..., Ended]) -> None:
    """What the user does: a rename, a move, a deletion, and a face that is not who it was taken for."""
    result = folder / "result"
    people = sorted(path for path in result.glob("person_*") if path.is_dir())
    largest = max(people, key=lambda path: (len(list(path.iterdir())), path.name))
    named = largest.rename(result / "Anna")
    pictures = sorted(named.iterdir())
    assert len(pictures) > 3
    pictures[0].unlink()
    (result / "Somebody").mkdir()
    pictures[1].rename(result / "Somebody" / pictures[1].name)
    ended = command("reject", pictures[2], "--result", result)
    assert ended.code == 0, ended.err


def check(
    tmp_path: Path, engine: Engine, sources: Sequence[Path], command: Callable[..., Ended], **more: object
) -> None:
    outcomes: dict[str, list[object]] = {}
    for name, make in (("direct", direct), ("apart", apart)):
        folder = tmp_path / name
        make(engine, folder, sources, **more)
        first = everything(folder)
        change(folder, command)
        shutil.rmtree(folder / "records", ignore_errors=True)  # they are made anew
        make(engine, folder, sources, **more)
        exported = command("export", "--format", "csv", "--result", folder / "result").out
        outcomes[name] = [first, everything(folder), exported]
    assert len(outcomes["direct"][0]) > 5  # type: ignore[arg-type]
    assert outcomes["apart"] == outcomes["direct"]


@pytest.fixture
def photo(tmp_path: Path, portraits: dict[str, Image]) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), portraits["obama3.jpg"])
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_of_a_clip_and_photos(
    tmp_path: Path, demo_clip: Path, short_clip: Path, photo: Path, command: Callable[..., Ended], engine: Engine
) -> None:
    check(tmp_path, engine, [short_clip, demo_clip, photo], command, seconds=0.5, stop=12.0)


def test_with_as_many_pictures_a_track_as_the_user_wants(tmp_path: Path, demo_clip: Path, engine: Engine) -> None:
    for name, make in (("direct", direct), ("apart", apart)):
        make(engine, tmp_path / name, [demo_clip], seconds=0.25, stop=6.0, pictures_per_track=2)
    assert everything(tmp_path / "apart") == everything(tmp_path / "direct")
    with closing(sqlite3.connect(tmp_path / "apart" / "result" / "faces.sqlite")) as table:
        states = dict(table.execute("SELECT state, count(*) FROM faces GROUP BY state"))
        each = table.execute("SELECT count(*) FROM faces WHERE state = 'kept' GROUP BY folder, track").fetchall()
    assert states["seen"] > 0
    assert max(each) == (2,)


def test_with_faces_that_are_carried_from_frame_to_frame(tmp_path: Path, demo_clip: Path, engine: Engine) -> None:
    for name, make in (("direct", direct), ("apart", apart)):
        make(engine, tmp_path / name, [demo_clip], seconds=0.08, stop=2.0, detect_every=0.4)
    assert len(everything(tmp_path / "direct")) > 3
    assert everything(tmp_path / "apart") == everything(tmp_path / "direct")


def test_records_from_before_faces_were_carried_are_those_of_the_settings_that_they_had(
    tmp_path: Path, demo_clip: Path
) -> None:
    with open_source(str(demo_clip)) as source:
        today, before = (
            head_of(source, flags(tmp_path, **more)) for more in ({}, {"precision": "fp32", "detect_every": 0})
        )
    told = "engine encoder detector resize_ratio refresh founding search_still quality emotion emotion_engine"
    assert set(before.settings) == set(told.split())
    assert set(today.settings) - set(before.settings) == {"precision", "detect_every"}
    assert before.part == replace(today, settings={name: today.settings[name] for name in before.settings}).part


@pytest.mark.proof
def test_of_every_clip_and_photo(tmp_path: Path, data: Path, command: Callable[..., Ended], engine: Engine) -> None:
    sources = [*sorted((data / "videos").glob("*/*.*")), data / "groups", data / "lfw"]
    paths = [path for source in sources for path in (sorted(source.rglob("*.jpg")) if source.is_dir() else [source])]
    check(tmp_path, engine, paths, command, seconds=0.5)
