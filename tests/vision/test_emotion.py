"""Emotions: what the network computes, what is read in real faces, and where it is kept and shown."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from conftest import Gallery

from face_classifier.core.errors import UserError
from face_classifier.core.types import EMOTIONS, Box, Detection, Emotion, Face, Frame, Image, Seen, Sighting
from face_classifier.display.overlay import annotate
from face_classifier.events.records import record, write_csv
from face_classifier.gallery.store import Store
from face_classifier.sources.picture import read_picture
from face_classifier.vision.emotion import DeepFace, EmotionEngine, make_emotions, upright
from face_classifier.vision.engine import Engine, make_engine
from face_classifier.vision.models import graphs
from face_classifier.vision.models import registry as models
from face_classifier.vision.models.session import open_session

HAPPY = Emotion((0.0, 0.0, 0.0, 0.875, 0.0, 0.0, 0.125), "fer")


@pytest.fixture(scope="module")
def fer() -> EmotionEngine:
    return make_emotions("fer")


@pytest.fixture(scope="module")
def reading() -> Engine:
    """The default engine, reading emotions."""
    return make_engine("fast", None, 1.0, pytest.fail, emotion="fer")


def the_face(engine: Engine, image: Image) -> Detection:
    return max(engine.detect(image), key=lambda detection: detection.box.area)


# The network


def test_scores_are_those_of_the_keras_file() -> None:
    # What tf-keras 2.21 on TensorFlow 2.21 computes from the same file for these pictures.
    y, x = np.mgrid[:64, :64]
    bowl, stripes = ((x - 32) ** 2 + (y - 24) ** 2) // 8, np.where(y % 16 < 8, 90 + x, 200 - x)
    expected = (
        (0.552543, 0.000647, 0.109255, 0.045817, 0.120666, 0.045193, 0.125879),
        (0.115295, 0.006741, 0.070059, 0.294525, 0.183718, 0.056121, 0.273542),
    )
    grey = np.stack([bowl, stripes]).astype(np.uint8)
    scores = open_session(models.graph("fer")).run(None, {"faces": np.repeat(grey[..., None], 3, axis=3)})[0]
    np.testing.assert_allclose(scores, expected, atol=2e-5)


def test_another_keras_file_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.hdf5", "w") as file, pytest.raises(KeyError):
        graphs.mini_xception(file)


# Real faces


def test_a_smile_is_happy_and_a_stern_face_is_not(reading: Engine, portraits: dict[str, Image]) -> None:
    read = {name: reading.photo(portraits[name], own_cut=False)[0].emotion for name in ("obama.jpg", "obama2.jpg")}
    smile, stern = read.values()
    assert smile is not None
    assert stern is not None
    assert smile.label == "happy"
    assert max(smile.scores) > 0.9
    assert stern.label != "happy"
    for emotion in (smile, stern):
        assert emotion.engine == "fer"
        assert sum(emotion.scores) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("turn", [30, -30])
def test_a_tilted_head_is_made_more_upright(engine: Engine, portraits: dict[str, Image], turn: int) -> None:
    image = portraits["obama2.jpg"]
    height, width = image.shape[:2]
    tilted = cv2.warpAffine(image, cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1), (width, height))
    chip = upright(tilted, the_face(engine, tilted), 224)
    right_eye, left_eye, *_ = the_face(engine, chip).landmarks
    across, down = left_eye - right_eye
    assert abs(down) < 0.3 * across  # YuNet sees less of a tilt than there is
    assert 0.2 * 224 < across < 0.6 * 224
    assert abs((right_eye + left_eye)[0] / 2 - 112) < 0.1 * 224


def test_a_mirror_image_is_read_alike(fer: EmotionEngine, engine: Engine, portraits: dict[str, Image]) -> None:
    image = portraits["biden.jpg"]
    face = replace(the_face(engine, image), landmarks=None)
    width = image.shape[1]
    mirrored = Detection(Box(face.box.top, width - face.box.left, face.box.bottom, width - face.box.right))
    scores = [fer.read(image, [face])[0].scores, fer.read(np.ascontiguousarray(image[:, ::-1]), [mirrored])[0].scores]
    np.testing.assert_allclose(*scores, atol=0.03)


def test_faces_are_answered_in_the_given_order_alone_or_in_company(
    fer: EmotionEngine, engine: Engine, portraits: dict[str, Image]
) -> None:
    smile, stern = portraits["obama.jpg"], portraits["obama2.jpg"]
    height = min(len(smile), len(stern))
    both = np.hstack([smile[:height], stern[:height]])
    faces = engine.detect(both)
    assert len(faces) == 2
    assert fer.read(both, faces[::-1]) == fer.read(both, faces)[::-1]
    assert fer.read(both, faces)[0].label == "happy"
    assert fer.read(both, []) == []


@pytest.mark.parametrize("box", [Box(-40, 30, 30, -40), Box(500, 620, 600, 520), Box(10, 11, 11, 10)])
def test_a_box_that_leaves_the_picture_is_read(fer: EmotionEngine, portraits: dict[str, Image], box: Box) -> None:
    image = np.ascontiguousarray(portraits["obama.jpg"][:200, :200])
    assert np.isfinite(fer.read(image, [Detection(box)])[0].scores).all()


def test_where_no_face_is_found_no_emotion_is_made_up(reading: Engine) -> None:
    face, found = reading.photo(np.full((90, 90, 3), 127, np.uint8), own_cut=False)
    assert not found
    assert face.emotion is None


def test_stock_photos_are_mostly_read_right(reading: Engine, data: Path) -> None:
    pictures = sorted(path for emotion in EMOTIONS for path in (data / "emotion_stock" / emotion).iterdir())
    right = 0
    for path in pictures:
        emotion = reading.photo(read_picture(path), own_cut=False)[0].emotion
        right += emotion is not None and emotion.label == path.parent.name
    assert right >= len(pictures) / 2


# Kept and shown


def test_a_face_keeps_its_emotion_until_the_user_deletes_it(
    tmp_path: Path, reading: Engine, frame: Callable[..., Frame]
) -> None:
    gallery = Gallery(tmp_path / "result", reading, frame)
    (seen,) = gallery.see("obama.jpg")
    assert seen.emotion is not None
    assert seen.emotion.label == "happy"
    for writing in (False, True):
        (looked,) = gallery.look(writing=writing)
        assert looked.emotion == seen.emotion  # to the last bit
    assert gallery.see("obama.jpg")[0].emotion == seen.emotion
    plain = make_engine("fast", None, 1.0, pytest.fail)

    def encode_anew(path: Path, own_cut: bool) -> tuple[Face, bool]:
        """By an engine that reads no emotions."""
        return plain.photo(read_picture(path), own_cut=own_cut)

    with Store(gallery.folder, writing=True) as store:
        store.check.doubt([], [seen.id], [])
        (doubted,) = store.look(encode_anew).faces
        assert doubted.emotion == seen.emotion
    picture = gallery.picture("unknowns")
    content = picture.read_bytes()
    picture.unlink()
    assert gallery.look() == []
    picture.write_bytes(content)
    with Store(gallery.folder, writing=True) as store:
        (revived,) = store.look(encode_anew).faces
    assert revived.face == seen.face
    assert revived.emotion is None


def test_a_photo_that_the_user_puts_into_a_folder_is_read_too(
    tmp_path: Path, reading: Engine, frame: Callable[..., Frame], photographs: dict[str, Path]
) -> None:
    gallery = Gallery(tmp_path / "result", reading, frame)
    gallery.folder.mkdir()
    gallery.copy(photographs["obama.jpg"], "Barack")
    for _ in range(2):
        (sighting,) = gallery.look()
        assert sighting.emotion is not None
        assert sighting.emotion.label == "happy"


@pytest.mark.parametrize("name", ["fast", "original"])
def test_a_run_writes_emotions_to_its_lines_and_pictures(
    command: Callable[..., Any], closeups: dict[str, Image], tmp_path: Path, name: str
) -> None:
    photo = tmp_path / "smile.png"
    cv2.imwrite(str(photo), closeups["obama.jpg"])
    lines, drawn = {}, {}
    for flags in ((), ("--emotion",)):
        log, captures = tmp_path / f"{len(flags)}.jsonl", tmp_path / f"captures{len(flags)}"
        outputs = ("--result", tmp_path / f"result{len(flags)}", "--jsonl", log, "-c", captures)
        ended = command(photo, "--engine", name, *flags, *outputs)
        assert ended.code == 0, ended.err
        (line,) = log.read_text("utf-8").splitlines()
        lines[flags] = json.loads(line)
        (picture,) = captures.glob("*.png")
        drawn[flags] = cv2.imread(str(picture))
    emotion = lines[("--emotion",)].pop("emotion")
    assert lines[("--emotion",)] == lines[()]
    assert emotion["label"] == "happy"
    assert list(emotion["scores"]) == list(EMOTIONS)
    assert sum(emotion["scores"].values()) == pytest.approx(1, abs=1e-3)
    assert not np.array_equal(*drawn.values())

    exported = command("export", "--result", tmp_path / "result1")
    assert json.loads(exported.out)["emotion"] == emotion
    table = command("export", "--result", tmp_path / "result1", "--format", "csv").out
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["emotion"] == "happy"
    assert list(row)[-1] == "fingerprint"
    assert float(row["happy"]) == emotion["scores"]["happy"]
    header = command("export", "--result", tmp_path / "result0", "--format", "csv").out.splitlines()[0]
    assert header == "source,frame,position,time,top,right,bottom,left,face,person,distance,fingerprint"


def test_without_the_flag_an_emotion_of_an_earlier_run_is_not_shown(
    command: Callable[..., Any], closeups: dict[str, Image], tmp_path: Path
) -> None:
    photo = tmp_path / "smile.png"
    cv2.imwrite(str(photo), closeups["obama.jpg"])
    before, after = tmp_path / "before", tmp_path / "after"
    result = ("--result", tmp_path / "result")
    assert command(photo, *result, "--emotion").code == 0
    assert command(photo, *result, "-c", after).code == 0
    assert command(photo, "--result", tmp_path / "other", "-c", before).code == 0
    pictures = [cv2.imread(str(picture)) for folder in (before, after) for picture in folder.glob("*.png")]
    np.testing.assert_array_equal(*pictures)


def test_lines_of_faces_without_emotion_are_as_ever_beside_others() -> None:
    plain = Sighting(1, "a", "Ada", 0.1)
    assert "emotion" not in record(plain)
    table = io.StringIO()
    write_csv(table, iter([plain, replace(plain, id=2, face="b", emotion=HAPPY)]))
    first, second = csv.DictReader(io.StringIO(table.getvalue()))
    assert (first["emotion"], first["happy"]) == ("", "")
    assert (second["emotion"], second["happy"], second["neutral"]) == ("happy", "0.875", "0.125")


def test_the_emotion_stands_behind_the_name(closeups: dict[str, Image]) -> None:
    box = Box(80, 160, 160, 80)
    for person, name in (("Anna", "Anna · happy"), ("김민지", "김민지 · happy")):
        with_emotion = annotate(closeups["obama.jpg"], [Seen(box, person, HAPPY)])
        np.testing.assert_array_equal(with_emotion, annotate(closeups["obama.jpg"], [Seen(box, name)]))


# DeepFace, which is not among the project's packages: a stand-in with its names, units and colour order


@pytest.fixture
def deepface(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("deepface.DeepFace")
    module.pictures = []

    def analyze(picture: Image, actions: Any, detector_backend: str, silent: bool) -> list[dict[str, Any]]:
        assert (actions, detector_backend, silent) == (("emotion",), "skip", True)
        module.pictures.append(picture)
        # Its dictionary is told to be in no order.
        percent = {
            "sad": 5.0,
            "angry": 1.0,
            "surprise": 6.0,
            "fear": 3.0,
            "happy": 4.0,
            "disgust": 2.0,
            "neutral": 79.0,
        }
        return [{"emotion": percent, "dominant_emotion": "neutral"}]

    module.analyze = analyze
    monkeypatch.setitem(sys.modules, "deepface", ModuleType("deepface"))
    monkeypatch.setitem(sys.modules, "deepface.DeepFace", module)
    return module


def test_deepfaces_classes_become_ours(deepface: ModuleType) -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[:, :] = (200, 100, 50)
    emotions = make_emotions("deepface").read(image, [Detection(Box(50, 150, 150, 50))] * 2)
    assert emotions == [Emotion((0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.79), "deepface")] * 2
    assert emotions[0].label == "neutral"
    for picture in deepface.pictures:
        assert picture.shape == (224, 224, 3)
        assert (picture == (200, 100, 50)).all()  # BGR, as its `analyze` wants arrays


def test_a_failure_of_deepface_is_one_sentence(deepface: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def analyze(*_: object, **__: object) -> None:
        raise ValueError("its model cannot\nbe downloaded.")

    monkeypatch.setattr(deepface, "analyze", analyze)
    with pytest.raises(UserError) as told:
        DeepFace().read(np.zeros((9, 9, 3), np.uint8), [Detection(Box(0, 9, 9, 0))])
    assert "(its model cannot be downloaded)" in str(told.value)


def test_without_deepface_one_sentence_says_how_to_get_it(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, photographs: dict[str, Path], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "deepface", None)
    ended = command(
        photographs["obama.jpg"], "--emotion", "--emotion-engine", "deepface", "--result", tmp_path / "result"
    )
    assert ended.code == 1
    assert "pip install deepface" in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_the_engine_alone_asks_for_nothing(
    command: Callable[..., Any], tmp_path: Path, closeups: dict[str, Image]
) -> None:
    photo = tmp_path / "smile.png"
    cv2.imwrite(str(photo), closeups["obama.jpg"])
    ended = command(photo, "--emotion-engine", "deepface", "--result", tmp_path / "result")
    assert ended.code == 0, ended.err
    assert "emotion" not in json.loads(command("export", "--result", tmp_path / "result").out)
