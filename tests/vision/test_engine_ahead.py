"""The engine of a run is made while the program loads the rest, where it is sure which one that is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from face_classifier.core.config.load import load
from face_classifier.core.errors import SetUpError
from face_classifier.core.types import Image
from face_classifier.vision import ahead
from face_classifier.vision.ahead import EngineAhead
from face_classifier.vision.engine import make_engine
from face_classifier.vision.models import registry


def made_by(result: Path, monkeypatch: pytest.MonkeyPatch, own: str, **wishes: str) -> list[tuple[str, bool]]:
    """The encoder of each engine that a run made whose folder turned out to have this one; whether aside."""
    made, usual = list[tuple[str, bool]](), ahead.engine_of

    def engine_of(settings, tell, encoder, beside=None):  # type: ignore[no-untyped-def]
        made.append((encoder, threading.current_thread() is not threading.main_thread()))
        return usual(settings, tell, encoder, beside)

    monkeypatch.setattr(ahead, "engine_of", engine_of)
    with EngineAhead(load({"result": str(result), **wishes})) as engines:
        assert engines.engine(pytest.fail, own).made_by.space.startswith(own)
    return made


def test_a_new_folder_has_the_usual_encoder_and_any_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made_by(tmp_path / "new", monkeypatch, "sface") == [("sface", True)]
    assert made_by(tmp_path / "new", monkeypatch, "dlib", encoder="dlib") == [("dlib", True)]


def test_another_folder_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faces.sqlite").touch()
    assert made_by(tmp_path, monkeypatch, "dlib") == [("dlib", False)]


def test_an_engine_whose_network_is_being_loaded_finds_the_same(tmp_path: Path, closeups: dict[str, Image]) -> None:
    image, usual = closeups["obama.jpg"], make_engine("fast", None, 1.0, pytest.fail)
    (tmp_path / "faces.sqlite").touch()
    with EngineAhead(load({"result": str(tmp_path)})) as engines:
        engine = engines.engine(pytest.fail, "sface")
        faces = engine.encode(image, engine.detect(image))
    assert [face.encoding.tolist() for face in faces] == [
        face.encoding.tolist() for face in usual.encode(image, usual.detect(image))
    ]


def test_a_model_that_cannot_be_had_is_told_where_the_engine_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_name: str) -> Path:
        raise SetUpError("it cannot be had")

    monkeypatch.setattr(registry, "graph", missing)
    with EngineAhead(load({"result": str(tmp_path / "new")})) as engines, pytest.raises(SetUpError, match="be had"):
        engines.engine(pytest.fail, "sface")
