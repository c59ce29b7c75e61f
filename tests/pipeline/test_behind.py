"""Placing may fall behind the analysis of a file for a while, and keeps no pictures of its frames then."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from conftest import Watcher

from face_classifier.core.config.load import load
from face_classifier.core.types import Frame, Seen
from face_classifier.pipeline import run as pipeline
from face_classifier.pipeline.desk import Begun, Desk
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.place import Session
from face_classifier.records import AnalysedFrame

MANY = 10  # frames, more than may wait with their pictures


class Sizes:
    """A viewer that notes the pictures it is shown."""

    def __init__(self) -> None:
        self.shown: list[int] = []

    def show(self, frame: Frame, _seen: Sequence[Seen]) -> None:
        self.shown.append(frame.image.size)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def classified(folder: Path, clip: Path, *viewers: Sizes) -> None:
    settings = load({"result": str(folder / "result"), "seconds": 0.2, "stop": 4})
    pipeline.run(settings, [str(clip)], threading.Event(), Watcher(), viewers)


def test_a_slow_disk_does_not_stop_the_analysis_of_a_file(
    tmp_path: Path, demo_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual_submit, usual_place = Here.submit, Desk.place
    many, sizes, waited = threading.Event(), list[int](), list[bool]()

    def submit(self: Here, begun: Begun, analysed: AnalysedFrame) -> Future[list[Seen]]:
        sizes.append(analysed.frame.image.size)
        if len(sizes) == MANY:
            many.set()
        return usual_submit(self, begun, analysed)

    def place(self: Desk, session: Session, analysed: AnalysedFrame) -> list[Seen]:
        if not waited:
            waited.append(many.wait(60))  # a disk that takes its time
        return usual_place(self, session, analysed)

    monkeypatch.setattr(Here, "submit", submit)
    monkeypatch.setattr(Desk, "place", place)
    classified(tmp_path, demo_clip)
    assert waited == [True]
    assert set(sizes) == {0}


def test_who_watches_a_run_sees_the_pictures(tmp_path: Path, demo_clip: Path) -> None:
    viewer = Sizes()
    classified(tmp_path, demo_clip, viewer)
    assert len(viewer.shown) >= MANY
    assert min(viewer.shown) > 0
