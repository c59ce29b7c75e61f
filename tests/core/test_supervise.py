"""One bad item never ends a command: it is told in a sentence, and the others are worked on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Ended, Gallery

from face_classifier.core.errors import UserError
from face_classifier.core.supervise import Frames, UnexpectedError, supervised
from face_classifier.core.types import Detection, Image
from face_classifier.vision.models import registry as models
from face_classifier.vision.yunet import YuNet

Command = Callable[..., Ended]
ODD = 200  # pixels of height of the one photo on which the detector fails
WHY = "cannot be analysed (ZeroDivisionError: an odd photo); leave it out, or save it again"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that fails on one photo."""
    detect = YuNet.detect

    def failing(self: YuNet, image: Image, **options: Any) -> list[Detection]:
        if image.shape[0] == ODD:
            raise ZeroDivisionError("an odd photo")
        return detect(self, image, **options)

    monkeypatch.setattr(YuNet, "detect", failing)


@pytest.fixture
def album(tmp_path: Path, closeups: dict[str, Image]) -> Path:
    """Photos of two people, a picture as thin as can be and the one on which the detector fails."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name, image in closeups.items():
        cv2.imwrite(str(folder / name.replace(".jpg", ".png")), image)
    cv2.imwrite(str(folder / "odd.png"), closeups["obama.jpg"][:ODD])
    cv2.imwrite(str(folder / "thin.png"), np.zeros((1, 2000, 3), np.uint8))
    return folder


@pytest.fixture
def folder_with_bad_pictures(gallery: Gallery, album: Path) -> Path:
    """A result folder into whose person's folder a thin picture and an odd one were put."""
    (seen,) = gallery.see("obama.jpg")
    person = gallery.folder / "Barack"
    person.mkdir()
    for picture in (gallery.folder / "unknowns").iterdir():
        picture.rename(person / picture.name)
    assert seen.person is None
    gallery.look()
    for name in ("thin.png", "odd.png"):
        (person / name).write_bytes((album / name).read_bytes())
    return gallery.folder


def test_an_unexpected_error_becomes_a_sentence_about_the_item(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), pytest.raises(UnexpectedError) as raised, supervised("a.png"):
        raise ZeroDivisionError("an odd\nphoto")
    assert str(raised.value) == f"a.png {WHY}"
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


@pytest.mark.parametrize("error", [UserError("told already"), OSError("the disk"), KeyboardInterrupt()])
def test_what_is_no_fault_of_the_item_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, supervised("a.png"):
        raise error
    assert raised.value is error


def test_failed_frames_are_counted_and_all_of_them_are_the_source_itself() -> None:
    frames = Frames("a.mp4")
    assert frames.failure() is None
    for failing in (True, False, True):
        with frames.step():
            pass
        with frames.step(begins=False):
            assert not failing
    assert frames.first_failure() is not None
    assert frames.first_failure() is None
    assert str(frames.failure()).startswith("2 of 3 frames of a.mp4 could not be analysed (AssertionError")
    every = Frames("b.mp4")
    with every.step():
        raise ValueError
    with pytest.raises(UnexpectedError, match=r"^b\.mp4 cannot be analysed \(ValueError\)"):
        every.failure()


@pytest.mark.usefixtures("broken")
def test_group_leaves_out_the_photo_that_fails(album: Path, tmp_path: Path, command: Command) -> None:
    ended = command("group", album, "-o", tmp_path / "out", "--json", "--sidecars")
    told = json.loads(ended.out)
    assert ended.err.splitlines() == [f"face-classifier: {album}/odd.png {WHY}"]
    assert ended.code == 0  # it was not named by the user
    idx = {Path(image["id"]).name: image["group_idx"] for image in told["images"]}
    assert idx["obama.png"] == idx["obama2.png"] == [0]
    assert idx["thin.png"] == idx["odd.png"] == [-2]


@pytest.mark.usefixtures("broken")
def test_similar_and_recommend_go_on_without_photos_that_fail(album: Path, command: Command) -> None:
    ended = command("similar", album / "odd.png", album / "biden.png", "--gallery", album, "--json")
    assert ended.code == 1  # one that was named
    assert f"{album}/odd.png {WHY}" in ended.err
    assert "1 of 8 photos could not be read" in ended.err
    (ranking,) = json.loads(ended.out)
    assert ranking["results"]
    picked = command("recommend", "--gallery", album, "--picks", "obama", "--json")
    assert picked.code == 0
    assert [one["name"] for one in json.loads(picked.out)["results"]]
    other = command("recommend", "--gallery", album, "--picks", album / "odd.png")
    assert (other.code, other.out) == (1, "")
    assert "Traceback" not in other.err


@pytest.mark.usefixtures("broken")
def test_commands_on_a_result_folder_leave_the_picture_that_fails_alone(
    folder_with_bad_pictures: Path, command: Command
) -> None:
    folder = folder_with_bad_pictures
    for line in (["people"], ["export"], ["rethink", "--dry-run"], ["audit"], ["calibrate"], ["suggest"]):
        ended = command(*line, "--result", folder)
        assert ended.code == 0 or line == ["calibrate"]
        assert f"face-classifier: {folder}/Barack/odd.png {WHY}; it is left alone" in ended.err.splitlines()
    assert command("verify", "--encodings", "--result", folder).code == 1  # what cannot be analysed stays a finding
    assert (folder / "Barack" / "odd.png").exists()
    moved = command("reencode", "--encoder", "dlib", "--result", folder)
    assert moved.code == 0
    assert "2 pictures were encoded" in moved.out  # of the row that was there, and of the thin one


@pytest.mark.usefixtures("broken")
def test_verify_tells_of_a_picture_that_cannot_be_encoded_anew(
    gallery: Gallery, command: Command, closeups: dict[str, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.see("obama.jpg")
    monkeypatch.setattr(YuNet, "detect", lambda self, image, **options: 1 / 0)
    ended = command("verify", "--encodings", "--dry-run", "--result", gallery.folder)
    assert ended.code == 1
    assert "cannot be analysed (ZeroDivisionError" in ended.out


@pytest.mark.usefixtures("broken")
def test_recognize_and_enroll_go_on_with_the_next_source(
    folder_with_bad_pictures: Path, album: Path, command: Command
) -> None:
    for name in ("thin.png", "odd.png"):
        (folder_with_bad_pictures / "Barack" / name).unlink()
    sources = [album / name for name in ("thin.png", "odd.png", "obama.png")]
    ended = command("recognize", *sources, "--result", folder_with_bad_pictures, "--json")
    assert ended.code == 1
    assert f"face-classifier: {album}/odd.png {WHY}" in ended.err.splitlines()
    assert [answer["person"] for answer in json.loads(ended.out)] == ["Barack"]
    ended = command("enroll", "Obama", *sources, "--result", album.parent / "other", "--json")
    assert ended.code == 1
    assert f"face-classifier: {album}/odd.png {WHY}" in ended.err.splitlines()
    assert len(json.loads(ended.out)["kept"]) == 1


def test_a_model_that_cannot_be_had_is_no_photos_fault(
    album: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str) -> Any:
        raise UserError(f"{name} cannot be had; look at the network")

    monkeypatch.setattr(models, "graph", none)
    ended = command("group", album, "-o", tmp_path / "out")
    assert ended.code == 1
    assert [line.count("cannot be had") for line in ended.err.splitlines()] == [1]
    assert os.fspath(album) not in ended.err
