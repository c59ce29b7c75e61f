"""A run that another program starts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import face_classifier as fc
from face_classifier.core.types import Image


def test_a_run_calls_back_after_each_frame_in_order(short_clip: Path, tmp_path: Path):
    seen: list[tuple[float, list[str | None]]] = []

    def on_frame(frame: fc.Frame, faces: Sequence[fc.Seen]) -> None:
        assert frame.image.shape == (240, 240, 3)
        assert all(0 < face.box.left < face.box.right < 240 for face in faces)
        seen.append((frame.position, [face.person for face in faces]))

    outcome = fc.run(short_clip, tmp_path / "result", on_frame=on_frame, seconds=1, refresh=0)
    assert [position for position, _ in seen] == [0, 1, 2, 3]
    assert [people for _, people in seen][2:] == [["person_01"], ["person_02"]]
    assert outcome.failed == 0
    assert outcome.sightings is not None
    assert sorted(face.person or "" for face in outcome.sightings) == ["person_01"] * 2 + ["person_02"] * 2
    assert [(person.name, len(person.faces)) for person in fc.open_gallery(tmp_path / "result")] == [
        ("person_01", 2),
        ("person_02", 2),
    ]


def test_it_keeps_what_the_command_keeps(short_clip: Path, tmp_path: Path, command: Callable[..., object]):
    command(short_clip, "--result", tmp_path / "a", "-S", "0.5")
    fc.run(str(short_clip), tmp_path / "b", seconds=0.5)
    a, b = (fc.open_gallery(tmp_path / name).faces for name in "ab")
    assert [(face.face, face.person, face.box) for face in a] == [(face.face, face.person, face.box) for face in b]
    np.testing.assert_array_equal([face.encoding for face in a], [face.encoding for face in b])


def test_the_callback_may_end_it(short_clip: Path, tmp_path: Path):
    stop, frames = threading.Event(), []

    def on_frame(frame: fc.Frame, faces: Sequence[fc.Seen]) -> None:
        frames.append(frame)
        stop.set()

    assert fc.run(short_clip, tmp_path / "result", on_frame=on_frame, stop=stop).failed == 0
    assert len(frames) == 1


def test_what_the_callback_raises_is_raised_and_the_faces_are_kept(short_clip: Path, tmp_path: Path):
    def on_frame(frame: fc.Frame, faces: Sequence[fc.Seen]) -> None:
        if frame.position >= 1:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fc.run(short_clip, tmp_path / "result", on_frame=on_frame)
    assert len(fc.open_gallery(tmp_path / "result").faces) >= 2


def test_a_source_that_fails_is_logged_and_the_others_go_on(
    photo_folder: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder = photo_folder({"a.jpg": "obama.jpg", "b.jpg": b"no photo"})
    outcome = fc.run([folder / "a.jpg", folder / "b.jpg"], tmp_path / "result")
    assert (outcome.failed, len(outcome.sightings or ())) == (1, 1)
    assert "b.jpg is a text or a playlist" in caplog.text


def test_a_number_is_a_webcam(webcam: Callable[..., None], closeups: dict[str, Image], tmp_path: Path):
    webcam([closeups["obama.jpg"]])
    stop = threading.Event()
    sources: list[str] = []

    def on_frame(frame: fc.Frame, faces: Sequence[fc.Seen]) -> None:
        sources.append(frame.source)
        stop.set()

    fc.run(0, tmp_path / "result", on_frame=on_frame, stop=stop)
    assert len(sources) == 1


def test_settings_are_checked_and_the_environment_does_not_count(
    short_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FACE_CLASSIFIER_SECONDS", "nonsense")
    fc.run(short_clip, tmp_path / "result", stop=stopped())
    with pytest.raises(TypeError, match="has no setting 'treshold'; there are"):
        fc.run(short_clip, tmp_path / "result", treshold=0.4)
    with pytest.raises(fc.UserError, match="--seconds is -1, but must be a number of at least 0"):
        fc.run(short_clip, tmp_path / "result", seconds=-1)


def stopped() -> threading.Event:
    event = threading.Event()
    event.set()
    return event
