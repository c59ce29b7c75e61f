"""Recognition: many frames decide together who somebody is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.cli.console import Screen
from face_classifier.core.config.settings import Settings
from face_classifier.core.types import EMOTIONS, Emotion, Face, Image
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.gallery.store import Store
from face_classifier.teach import enrol, recognize
from face_classifier.teach.recognize import Answer, Tracks, View, decide
from face_classifier.vision.engine import Engine

NOON = datetime(2024, 5, 6, 12, tzinfo=timezone.utc)


@pytest.fixture
def ask(known: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Answer]]:
    """Asks who is in sources."""
    monkeypatch.setattr(recognize, "make_engine", lambda *_, **__: engine)  # to make one takes longer than to ask

    def run(*sources: Path | str, settings: Settings = known) -> list[Answer]:
        found = recognize.recognize(settings, [str(one) for one in sources], threading.Event(), Screen())
        assert not found.failed
        return found.answers

    return run


@pytest.fixture
def known(tmp_path: Path, closeups: dict[str, Image], engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A result folder that knows Barack, and has an unknown face in it."""
    monkeypatch.setattr(enrol, "make_engine", lambda *_, **__: engine)
    settings = Settings(result=str(tmp_path / "result"))
    photo = tmp_path / "enrolled.png"
    cv2.imwrite(str(photo), closeups["obama.jpg"])
    enrol.enrol(settings, "Barack", [str(photo)], threading.Event(), Screen())
    (tmp_path / "result" / "unknowns").mkdir()
    cv2.imwrite(str(tmp_path / "result" / "unknowns" / "20240101_000000.000-0.png"), closeups["biden.jpg"])
    with Store(tmp_path / "result", writing=True) as store:
        store.look(lambda path, own_cut: engine.photo(cv2.imread(str(path)), own_cut=own_cut))
    return settings


@pytest.fixture
def photo(tmp_path: Path, closeups: dict[str, Image]) -> Callable[..., Path]:
    """Writes a picture of people side by side."""

    def make(*names: str) -> Path:
        path = tmp_path / f"{'-'.join(names)}.png"
        cv2.imwrite(str(path), np.hstack([closeups[f"{name}.jpg"] for name in names]))
        return path

    return make


def test_a_known_person_is_named_with_the_distance(photo, ask):
    (answer,) = ask(photo("obama2"))
    assert (answer.person, answer.support, answer.frames) == ("Barack", 1, 1)
    assert 0.1 < answer.distance < 0.46
    assert answer.runner_up is None
    assert answer.margin is None


def test_the_margin_is_to_the_next_nearest_person(photo, ask, known: Settings):
    enrol.enrol(known, "Joe", [str(photo("biden"))], threading.Event(), Screen())
    (answer,) = ask(photo("obama2"))
    assert answer.runner_up.name == "Joe"
    assert answer.margin == pytest.approx(answer.runner_up.distance - answer.distance)
    assert answer.margin > 0.2


def test_of_an_unknown_person_the_nearest_one_is_told(photo, ask):
    (answer,) = ask(photo("biden"))
    assert answer.person is None
    assert answer.runner_up.name == "Barack"
    assert answer.distance == answer.runner_up.distance > 0.46


def test_two_faces_in_one_frame_are_never_one_person(photo, ask):
    answers = ask(photo("obama", "obama2"))
    assert [answer.person for answer in answers] == ["Barack", None]
    assert answers[0].distance < 0.1


def test_several_people_get_an_answer_each_the_best_supported_first(short_clip: Path, ask):
    answers = ask(short_clip)
    assert [(answer.person, answer.support, answer.frames) for answer in answers] == [("Barack", 2, 2), (None, 2, 2)]


def test_a_person_seen_again_after_a_cut_gives_one_answer(short_clip: Path, ask):
    assert [answer.person for answer in ask(short_clip)].count("Barack") == 1


def test_a_webcam_is_watched_for_about_two_seconds(closeups: dict[str, Image], ask, webcam):
    webcam([closeups["obama2.jpg"]])
    (answer,) = ask("0")
    assert answer.source == "camera 0"
    assert answer.person == "Barack"
    assert answer.support == answer.frames > 5


def test_it_changes_nothing_and_works_while_another_process_writes(photo, ask, known: Settings):
    folder = Path(known.result)

    def state() -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*"))
            if not path.name.startswith((".", "faces.sqlite-"))
        }

    with Store(folder, writing=True):
        before = state()
        assert ask(photo("obama2"))[0].person == "Barack"
        assert state() == before


def test_most_frames_decide_and_not_the_one_nearest_to_anybody(faces: dict[str, Face], known: Settings):
    """A single odd frame of a stranger, alike to somebody by chance, names nobody."""
    seen = [faces["biden.jpg"], faces["biden.jpg"], faces["obama.jpg"]]
    (answer,) = decide("clip", tracks_of([seen]), take_snapshot(known, Screen()))
    assert answer.person is None
    assert (answer.support, answer.frames) == (2, 3)


def test_a_stranger_is_not_named_because_a_mean_is_near_to_everybody(known: Settings, faces: dict[str, Face]):
    """The mean of encodings that scatter around a point beyond the threshold is nearer than each of them."""
    whole = take_snapshot(known, Screen())
    barack = next(face.encoding for face in whole.faces if face.person == "Barack")
    numbers = np.random.default_rng(0)
    centre = numbers.normal(size=128)
    centre *= 0.42 / np.linalg.norm(centre)
    seen = []
    for _ in range(8):
        off = numbers.normal(size=128)
        off *= 0.35 / np.linalg.norm(off)
        seen.append(replace(faces["biden.jpg"], encoding=barack + centre + off))
    assert np.linalg.norm(np.mean([face.encoding for face in seen], axis=0) - barack) < 0.46
    assert decide("clip", tracks_of([seen]), whole)[0].person is None


def test_the_emotion_is_the_mean_over_the_frames(faces: dict[str, Face], known: Settings):
    scores = np.eye(len(EMOTIONS))
    seen = [
        replace(faces["obama.jpg"], emotion=Emotion(tuple(scores[EMOTIONS.index(name)]), "fer"))
        for name in ("happy", "happy", "happy", "sad")
    ]
    (answer,) = decide("clip", tracks_of([seen]), take_snapshot(known, Screen()))
    told = answer.record()["emotion"]
    assert told["label"] == "happy"
    assert told["scores"]["happy"] == 0.75
    assert told["scores"]["sad"] == 0.25


def tracks_of(tracks: list[list[Face]]) -> Tracks:
    """Tracks that never share a frame."""
    views = {
        number: [View(face, NOON + timedelta(seconds=second), 1.0) for second, face in enumerate(seen)]
        for number, seen in enumerate(tracks)
    }
    return Tracks(views, {number: set() for number in views})


def test_json_has_a_record_an_answer(photo, known: Settings, command):
    ended = command("recognize", photo("obama2"), "--json", "--result", known.result)
    assert ended.code == 0
    (told,) = json.loads(ended.out)
    assert list(told) == [
        "source", "box", "time", "person", "distance", "limit", "threshold", "margin", "runner_up", "support", "frames"
    ]  # fmt: skip
    assert told["source"] == str(photo("obama2"))
    assert told["person"] == "Barack"
    assert datetime.fromisoformat(told["time"]).tzinfo


def test_a_person_whose_faces_vary_has_to_be_nearer_and_the_limit_tells(photo, ask, known: Settings):
    (answer,) = ask(photo("obama2"))
    assert answer.limit == pytest.approx(answer.threshold) == pytest.approx(0.46)  # of one face
    enrol.enrol(known, "Barack", [str(photo("obama2")), str(photo("obama3"))], threading.Event(), Screen())
    whole = take_snapshot(known, Screen())
    own = np.array([face.encoding for face in whole.faces if face.person == "Barack"])
    (answer,) = ask(photo("biden"))
    assert answer.person is None
    assert answer.limit**2 == pytest.approx(0.46**2 - 0.5 * own.var(axis=0).sum())
    (row,) = recognize.table([answer])[1:]
    assert f"{answer.limit:.3f}" in row


def test_the_threshold_of_the_user_wins(photo, known: Settings, command):
    ended = command("recognize", photo("obama2"), "-t", "0.1", "--result", known.result)
    assert "unknown" in ended.out
    assert "Barack" in ended.out  # the next nearest


def test_a_photo_without_a_face_is_told_and_is_no_failure(tmp_path: Path, known: Settings, command):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 200, 3), 120, np.uint8))
    ended = command("recognize", tmp_path / "wall.png", "--json", "--result", known.result)
    assert "wall.png shows no face" in ended.err
    assert json.loads(ended.out) == []
    assert ended.code == 0
    assert command("recognize", tmp_path / "wall.png", "--result", known.result).out == ""


def test_a_source_that_cannot_be_read_is_told_and_the_others_are_answered(
    photo, tmp_path: Path, known: Settings, command
):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    ended = command("recognize", tmp_path / "torn.jpg", photo("obama2"), "--result", known.result)
    assert "torn.jpg" in ended.err
    assert "Barack" in ended.out
    assert ended.code == 1


def test_without_a_result_folder_it_says_so(photo, tmp_path: Path, command):
    ended = command("recognize", photo("obama2"), "--result", tmp_path / "nowhere")
    assert ended.code == 1
    assert "there is no result folder" in ended.err
