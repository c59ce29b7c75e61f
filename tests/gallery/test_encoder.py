"""Which encoder a result folder belongs to, and how it gets one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Gallery

from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Face, Image
from face_classifier.gallery.derived.pickled import pickle_bytes
from face_classifier.gallery.opening import encoder_of
from face_classifier.gallery.store import Store
from face_classifier.vision.engine import Engine, make_engine
from face_classifier.vision.sface import SCALE

Command = Callable[..., Ended]


@pytest.fixture(scope="module")
def dlib() -> Engine:
    return make_engine("fast", None, 1.0, pytest.fail, "dlib")


def belongs(folder: Path, **asked: str) -> str:
    with Store(folder, writing=False) as store:
        return encoder_of(load({"result": str(folder), **asked}, None, {}), store)


def original(folder: Path, picture: Image, encoding: np.ndarray) -> Path:
    """A folder as the original program leaves it: pictures of people, and a pickle."""
    (folder / "person_01").mkdir(parents=True)
    cv2.imwrite(str(folder / "person_01" / "a.png"), picture)
    (folder / "face_encodings").write_bytes(pickle_bytes({"a.png": encoding}))
    return folder


def test_a_new_folder_gets_sface_unless_another_one_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "result").mkdir()
    assert belongs(tmp_path / "result") == "sface"
    assert belongs(tmp_path / "result", encoder="dlib") == "dlib"
    assert belongs(tmp_path / "result", engine="original") == "dlib"


def test_a_folder_keeps_its_encoder_whatever_is_usual(gallery: Gallery, command: Command, short_clip: Path) -> None:
    run = (short_clip, "--result", gallery.folder)
    assert command(*run, "--encoder", "dlib").code == 0
    assert belongs(gallery.folder) == "dlib"
    ended = command(*run)
    assert ended.code == 0, ended.err
    assert belongs(gallery.folder) == "dlib"
    ended = command(*run, "--encoder", "sface")
    assert (ended.code, "belongs to the encoder dlib, not sface; give --encoder dlib" in ended.err) == (1, True)


def test_the_original_engine_is_refused_where_the_folder_is_sfaces(
    gallery: Gallery, command: Command, short_clip: Path
) -> None:
    gallery.see("obama.jpg")
    ended = command(short_clip, "--result", gallery.folder, "--engine", "original")
    assert ended.code == 1
    assert "belongs to the encoder sface, not dlib; leave out --engine original, or move it over" in ended.err


def test_a_folder_of_the_original_program_is_dlibs(
    closeups: dict[str, Image], portraits: dict[str, Image], dlib: Engine, tmp_path: Path, command: Command
) -> None:
    face, _ = dlib.photo(portraits["obama.jpg"], own_cut=False)
    folder = original(tmp_path / "old", closeups["obama.jpg"], face.encoding)
    assert belongs(folder) == "dlib"
    shutil.copy(folder / "person_01" / "a.png", tmp_path / "b.png")
    ended = command(tmp_path / "b.png", "--result", folder, "--encoder", "sface")
    assert (ended.code, "belongs to the encoder dlib, not sface" in ended.err) == (1, True)
    assert command(tmp_path / "b.png", "--result", folder).code == 0
    with Store(folder, writing=False) as store:
        assert store.spaces() == {face.made_by.space}


@pytest.mark.parametrize("scale", [1, 1 / SCALE], ids=["of today", "of an earlier version"])
def test_a_pickle_of_sfaces_encodings_makes_a_folder_sfaces(
    closeups: dict[str, Image], faces: dict[str, Face], tmp_path: Path, scale: float
) -> None:
    """Its table was deleted, which loses no label."""
    folder = original(tmp_path / "old", closeups["obama.jpg"], scale * faces["obama.jpg"].encoding)
    assert belongs(folder) == "sface"
    assert belongs(folder, encoder="dlib") == "sface"  # which is refused


def test_a_pickle_that_is_torn_tells_nothing(closeups: dict[str, Image], tmp_path: Path) -> None:
    folder = original(tmp_path / "old", closeups["obama.jpg"], np.zeros(128))
    (folder / "face_encodings").write_bytes(b"torn")
    assert belongs(folder) == "sface"


def test_the_usual_settings_name_no_encoder() -> None:
    assert (Settings().encoder, Settings().asked_encoder) == (None, None)
    assert Settings(engine="original").asked_encoder == "dlib"
