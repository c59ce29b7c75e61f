"""A record reads back as it was written, is there whole or not at all, and one of somebody else's making is refused."""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import Watcher

from face_classifier.core.config.load import load
from face_classifier.core.disk.retry import Patience
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.messages import MessageError
from face_classifier.core.types import EMOTIONS, Emotion, Frame
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner
from face_classifier.pipeline.analysis.analyse import Analyst
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.pipeline.archive import analyse_into
from face_classifier.pipeline.desk import Desk
from face_classifier.records import AnalysedFrame
from face_classifier.records.file import read_record
from face_classifier.records.plain import Origin, frame_from, plain_frame
from face_classifier.vision.engine import Engine


@pytest.fixture
def analysed(engine: Engine, frame: Callable[..., Frame]) -> AnalysedFrame:
    """A frame with a face that has all there is to tell."""
    shown = frame("obama.jpg", 1.5)
    analyst = Analyst(engine, Follower(1.0))
    record = analyst.encode(analyst.plan(shown, engine.detect(shown.image)))
    (face,) = record.faces
    assert face.face is not None
    emotion = Emotion(tuple([1 / 7] * len(EMOTIONS)), "fer")
    return AnalysedFrame(shown, (dataclasses.replace(face, face=dataclasses.replace(face.face, emotion=emotion)),))


@pytest.fixture
def record(tmp_path: Path, short_clip: Path, engine: Engine) -> Path:
    """The record of a clip."""
    with Root.made(tmp_path / "records") as root:
        (name,) = analyse_into(root, str(short_clip), load({}), engine, threading.Event()) or []
    assert name is not None
    return tmp_path / "records" / name


def frames_of(path: Path) -> list[AnalysedFrame]:
    with Root(path.parent) as root, read_record(root, path.name) as (head, frames):
        return list(frames(head.start))


def origin(analysed: AnalysedFrame) -> Origin:
    return Origin(analysed.frame.source, analysed.frame.fingerprint)


def test_a_frame_comes_back_as_it_was(analysed: AnalysedFrame) -> None:
    again = frame_from(plain_frame(analysed), origin(analysed))
    assert plain_frame(again) == plain_frame(analysed)
    (before,), (after,) = analysed.faces, again.faces
    assert before.face is not None
    assert after.face is not None
    assert np.array_equal(after.face.encoding, before.face.encoding)
    assert (after.face.made_by, after.face.emotion, after.picture) == (
        before.face.made_by,
        before.face.emotion,
        before.picture,
    )
    assert np.array_equal(after.detection.landmarks, before.detection.landmarks)  # type: ignore[arg-type]
    names = ("source", "fingerprint", "index", "position", "tolerance", "time", "scale")
    assert [getattr(again.frame, name) for name in names] == [getattr(analysed.frame, name) for name in names]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("box", [0, 0, 0, 0]),
        ("box", [1, 2, 3]),
        ("box", ["1", 2, 3, 4]),
        ("box", [1 << 40, 1 << 41, 1 << 42, 1]),
        ("score", float("nan")),
        ("quality", 7.0),
        ("landmarks", b"12345678"),
        ("track", -1),
        ("track", True),
        ("sure", "yes"),
        ("encoding", b"\0" * 8 * 127),
        ("encoding", np.full(128, np.inf).tobytes()),
        ("made_by", ["dlib"]),
        ("emotion", ["fer", [1.0]]),
        ("picture", b"GIF89a"),
        ("picture", None),
    ],
)
def test_a_face_that_cannot_be_is_refused(analysed: AnalysedFrame, key: str, value: object) -> None:
    told = plain_frame(analysed)
    told["faces"][0][key] = value
    with pytest.raises(MessageError):
        frame_from(told, origin(analysed))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("time", "yesterday"),
        ("time", "2024-05-06T07:08:09"),
        ("time", "0001-01-01T00:00:00+00:00"),
        ("time", "9999-12-31T23:00:00+00:00"),
        ("position", "1"),
        ("position", -1.0),
        ("scale", 0),
        ("index", 0.5),
        ("faces", None),
    ],
)
def test_a_frame_that_cannot_be_is_refused(analysed: AnalysedFrame, key: str, value: object) -> None:
    with pytest.raises(MessageError):
        frame_from(plain_frame(analysed) | {key: value}, origin(analysed))


def test_what_is_analysed_again_has_its_record_already(
    record: Path, short_clip: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = record.stat().st_mtime_ns
    monkeypatch.setattr(Engine, "detect", pytest.fail)
    with Root(record.parent) as root:
        assert analyse_into(root, str(short_clip), load({}), engine, threading.Event()) == [record.name]
    assert record.stat().st_mtime_ns == before
    assert len(frames_of(record)) == 4


def test_other_settings_give_another_record_and_workers_do_not(record: Path, short_clip: Path, engine: Engine) -> None:
    with Root(record.parent) as root:
        names = [
            name
            for flags in ({"workers": 4}, {"threshold": 0.3}, {"quality": 0.5}, {"seconds": 2})
            for name in analyse_into(root, str(short_clip), load(flags), engine, threading.Event()) or []
        ]
    assert names[:2] == [record.name] * 2
    assert len({record.name, *names[2:]}) == 3


def test_one_that_is_stopped_leaves_nothing(tmp_path: Path, short_clip: Path, engine: Engine) -> None:
    stopping = threading.Event()
    stopping.set()
    with Root.made(tmp_path / "records") as root:
        assert analyse_into(root, str(short_clip), load({}), engine, stopping) is None
    assert not list((tmp_path / "records").glob("*.record"))
    assert not list((tmp_path / "records").glob(".*"))


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 7",
        "DELETE FROM head",
        "UPDATE head SET value = '[' WHERE key = 'sampling'",
        "UPDATE head SET value = '\"yesterday\"' WHERE key = 'start'",
        "UPDATE head SET value = '\"9999-12-31T23:59:59-12:00\"' WHERE key = 'start'",
        "UPDATE frames SET position = 'x'",
        "UPDATE faces SET picture = zeroblob(100)",
        "UPDATE faces SET encoding = zeroblob(1024)",
        "UPDATE faces SET encoding = 'text'",
        "UPDATE frames SET stream = 0",
        "UPDATE faces SET encoding = NULL, box = '[1]'",
        "DROP TABLE faces",
    ],
)
def test_one_that_somebody_changed_is_refused_in_a_sentence(record: Path, statement: str) -> None:
    with closing(sqlite3.connect(record)) as database, database:
        database.execute(statement)
    with pytest.raises(UserError, match=r"is no record .*; analyse its source with --again"):
        frames_of(record)


@pytest.mark.parametrize("start", [datetime(4000, 1, 1, tzinfo=timezone.utc), datetime(3, 1, 1, tzinfo=timezone.utc)])
def test_times_that_cannot_move_with_the_start_of_the_source_are_refused(
    record: Path, tmp_path: Path, engine: Engine, start: datetime
) -> None:
    with closing(sqlite3.connect(record)) as database, database:
        database.execute("UPDATE frames SET time = ?", (f"{9000 if start.year > 3 else '0005'}-06-01T00:00:00+00:00",))
    settings, observer = load({"result": str(tmp_path / "result")}), Watcher()
    opens = partial(Gallery.open, settings, observer, engine=lambda _: engine, make=True)
    with Root(record.parent) as root, Owner(opens) as owner:
        with read_record(root, record.name) as (head, _):
            fingerprint = head.origin.fingerprint
        assert fingerprint is not None
        owner.call(lambda gallery: gallery.store.first_start(fingerprint, start))
        desk = owner.call(
            lambda gallery: Desk(gallery, None, observer, Patience(0, threading.Event(), observer.problem))
        )
        with (
            pytest.raises(UserError, match=r"is no record \(its time is .*; analyse its source with --again"),
            read_record(root, record.name) as (head, frames),
        ):
            owner.call(lambda _: desk.place_part(record.name, head, frames))
        assert not owner.call(lambda gallery: gallery.faces)


def test_what_is_no_database_is_refused(record: Path) -> None:
    record.write_bytes(b"no database at all, and longer than a head of a hundred bytes" * 10)
    with pytest.raises(UserError, match="record"):
        frames_of(record)
