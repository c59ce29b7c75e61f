"""What cannot be analysed is a record with the reason, told again without a trial; passing trouble leaves none."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from face_classifier.core.config.load import load
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.errors import UserError
from face_classifier.pipeline import archive
from face_classifier.pipeline.analysis.analyse import Analysis
from face_classifier.pipeline.archive import analyse_into
from face_classifier.records.file import RecordWriter
from face_classifier.records.folder import Records
from face_classifier.records.head import Head
from face_classifier.sources.base import File, unreadable
from face_classifier.vision.engine import Engine


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records.made(tmp_path / "records") as records:
        yield records


def analyse(records: Records, path: Path, engine: Engine, tell: Any = lambda _: None) -> str | None:
    names = analyse_into(records.root, str(path), load({}), engine, threading.Event(), tell=tell, kernel="k")
    return names[0] if names else None


def failed(records: Records) -> list[tuple[str, Head]]:
    heads = [(name, records.head(name)) for name in records.names()]
    return [(name, head) for name, head in heads if head.failure is not None]


def settled(path: Path) -> Path:
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_a_file_that_is_no_video_has_a_record_that_tells_so(records: Records, tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "notes\udce9.mp4"  # a name that is no UTF-8
    path.write_bytes(b"no video at all " * 20)
    settled(path)
    for _ in range(2):
        with pytest.raises(UserError) as told:
            analyse(records, path, engine)
        ((_, head),) = failed(records)
        assert head.failure == str(told.value)
        assert (head.origin.source, head.origin.fingerprint) == (str(path), File(str(path)).fingerprint)


def test_a_video_none_of_whose_frames_can_be_analysed_is_not_tried_again(
    records: Records, short_clip: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "detect", lambda *_, **__: 1 / 0)
    with pytest.raises(UserError, match="cannot be analysed"):
        analyse(records, short_clip, engine)
    monkeypatch.setattr(archive, "Analysis", pytest.fail)
    with pytest.raises(UserError, match="cannot be analysed"):
        analyse(records, short_clip, engine)
    ((name, head),) = failed(records)
    monkeypatch.undo()
    records.remove(name)
    assert analyse(records, short_clip, engine) == name == replace(head, failure=None).name
    assert failed(records) == []


def trouble(path: Path) -> list[Exception]:
    lost = OSError(errno.EIO, os.strerror(errno.EIO))
    by_memory = UserError("a frame cannot be analysed")
    by_memory.__cause__ = MemoryError()
    gone = unreadable(str(path), lost)
    gone.__cause__ = lost
    return [DiskError(path, "no space", "make room"), by_memory, gone, lost]


@pytest.mark.parametrize("number", range(4))
def test_passing_trouble_leaves_no_record(
    records: Records, short_clip: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    error = trouble(short_clip)[number]

    def fail(_: Analysis) -> None:
        raise error

    monkeypatch.setattr(Analysis, "__enter__", fail)
    with pytest.raises(type(error)):
        analyse(records, short_clip, engine)
    assert records.names() == []
    assert not [name for name in records.root.names() if name.endswith(".part")]


def test_a_file_that_is_not_there_leaves_no_record(records: Records, tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(UserError, match="does not exist"):
        analyse(records, tmp_path / "missing.mp4", engine)
    assert records.names() == []


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_file_that_changes_or_goes_while_it_is_analysed_leaves_no_record(
    records: Records, short_clip: Path, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    clip = tmp_path / "copied.mp4"
    clip.write_bytes(short_clip.read_bytes())
    add = RecordWriter.add

    def changed(self: RecordWriter, analysed: Any) -> None:
        add(self, analysed)
        if is_gone:
            clip.unlink(missing_ok=True)
        else:
            settled(clip)

    monkeypatch.setattr(RecordWriter, "add", changed)
    with pytest.raises(UserError, match="changed while it was analysed"):
        analyse(records, clip, engine)
    assert records.names() == []


def test_a_full_disk_is_told_as_one(
    records: Records, short_clip: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = RecordWriter._begin

    def small(self: RecordWriter, *arguments: Any) -> None:
        begin(self, *arguments)
        self._database.execute("PRAGMA max_page_count = 8")  # SQLite says then what it says of a full disk

    monkeypatch.setattr(RecordWriter, "_begin", small)
    with pytest.raises(DiskError, match=r"full.*make room"):
        analyse(records, short_clip, engine)
    assert records.names() == []
    assert not [name for name in records.root.names() if name.endswith(".part")]


def test_what_is_lacking_in_a_record_is_told_whenever_it_is_found(
    records: Records, short_clip: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    detect, count = Engine.detect, iter(range(100))

    def sometimes(self: Engine, *arguments: Any, **more: Any) -> Any:
        return 1 / 0 if next(count) == 0 else detect(self, *arguments, **more)

    monkeypatch.setattr(Engine, "detect", sometimes)
    told: list[str] = []
    name = analyse(records, short_clip, engine, told.append)
    assert len(told) == 1
    assert "frames of" in told[0]
    assert analyse(records, short_clip, engine, told.append) == name
    assert told[1:] == told[:1]


def test_a_damaged_record_is_refused(records: Records, short_clip: Path, engine: Engine) -> None:
    name = analyse(records, short_clip, engine)
    assert name
    with sqlite3.connect(records.root.path / name) as database:
        database.execute("DELETE FROM head WHERE key = 'start'")
    database.close()
    with pytest.raises(UserError, match="is no record"):
        analyse(records, short_clip, engine)


def test_what_was_passed_over_in_a_file_is_told_whenever_its_record_is_found(
    records: Records, short_clip: Path, tmp_path: Path, engine: Engine
) -> None:
    clip = tmp_path / "cut.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 1, (240, 240))
    capture = cv2.VideoCapture(str(short_clip))
    while (shown := capture.read())[0]:
        writer.write(shown[1])
    writer.release()
    capture.release()
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) * 3 // 4])
    settled(clip)
    told: list[str] = []
    name = analyse(records, clip, engine, told.append)
    assert "its end is missing" in told[0]
    assert analyse(records, clip, engine, told.append) == name
    assert told[1:] == told[:1]
