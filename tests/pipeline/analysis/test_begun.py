"""The first file of a run is begun while the rest is made ready, and taken up where its gallery agrees."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.pipeline.analysis.analyse import Analysis, none_kept
from face_classifier.pipeline.analysis.begun import BegunAhead
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.records import AnalysedFrame
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import WHOLE
from face_classifier.sources.discover import Source
from face_classifier.vision.ahead import EngineAhead


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"result": str(tmp_path / "new"), "seconds": 0.5})


@contextmanager
def begun(settings: Settings, path: Path) -> Iterator[BegunAhead]:
    stopping = threading.Event()
    with EngineAhead(settings) as engines, BegunAhead(settings, engines, stopping) as ahead:
        ahead.begin(str(path))
        yield ahead


def taken_up(ahead: BegunAhead, source: Source, sampling: Sampling) -> Analysis | None:
    engine = ahead.engines.engine(pytest.fail, "sface")
    return ahead.analysis(source, engine, sampling, source.start, WHOLE, none_kept, lambda: None)


def told(frames: Iterator[AnalysedFrame]) -> list[tuple[float, list[list[float] | None]]]:
    """The position of each frame, and the encodings in it."""
    return [
        (frame.frame.position, [None if face.face is None else face.face.encoding.tolist() for face in frame.faces])
        for frame in frames
    ]


def test_what_was_begun_goes_on_as_if_it_began_in_its_turn(settings: Settings, short_clip: Path) -> None:
    with begun(settings, short_clip) as ahead, ahead.open(str(short_clip)) as source:
        analysis = taken_up(ahead, source, sampling_of(settings))
        assert analysis is not None
        with analysis as frames:
            found = told(frames)
        engine = ahead.engines.engine(pytest.fail, "sface")
        sampling = sampling_of(settings)
        with Analysis(source, sampling, source.start, engine, settings, threading.Event()) as frames:
            assert found == told(frames)
    assert any(encodings for _, encodings in found)


def test_what_the_gallery_knows_otherwise_is_not_taken_up(settings: Settings, short_clip: Path) -> None:
    with begun(settings, short_clip) as ahead, ahead.open(str(short_clip)) as source:
        assert taken_up(ahead, source, Sampling(0.25)) is None
        assert taken_up(ahead, source, sampling_of(settings)) is None, "it has ended"


def test_a_run_that_ends_before_leaves_nothing_behind(settings: Settings, short_clip: Path) -> None:
    with begun(settings, short_clip):
        pass


def test_what_cannot_be_opened_is_told_in_its_turn(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with begun(settings, tmp_path / "text.mp4") as ahead, pytest.raises(UserError, match="text"):
        ahead.open(str(tmp_path / "text.mp4"))


def test_the_first_frame_is_analysed_before_the_result_folder_is_there(
    tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from face_classifier import run
    from face_classifier.gallery import opening

    usual, analysed = opening.Store, threading.Event()
    begin = Analysis.begin

    def waiting(*arguments: object, **named: object) -> object:
        assert analysed.wait(60)
        return usual(*arguments, **named)  # type: ignore[arg-type]

    def telling(analysis: Analysis) -> None:
        begin(analysis)
        analysed.set()

    monkeypatch.setattr(opening, "Store", waiting)
    monkeypatch.setattr(Analysis, "begin", telling)
    assert run(short_clip, result=tmp_path / "result", seconds=0.5).sightings
