"""What every item needs, the home folder, the cache and the disk, is told as itself, once, and as no photo's fault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from conftest import ROOT, Ended, Gallery, small_file_system

from face_classifier.core.errors import SetUpError
from face_classifier.core.types import Image
from face_classifier.vision.models import packages as fetch
from face_classifier.vision.models import registry as models

Command = Callable[..., Ended]


@pytest.fixture
def photos(tmp_path: Path, closeups: dict[str, Image]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("obama", "biden"):
        cv2.imwrite(str(folder / f"{name}.png"), closeups[f"{name}.jpg"])
    return folder


@pytest.fixture(params=["a file", "below a file", "no folder at all"])
def unusable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A cache folder that cannot be used; returns the words that tell of it."""
    file = tmp_path / "file"
    file.write_text("")
    if request.param == "no folder at all":
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: "~/.cache/face_classifier")
        return "there is no home folder"
    where = file if request.param == "below a file" else tmp_path / "cache"
    if request.param == "a file":
        where.mkdir()
        (where / "face_classifier").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(where))
    return f"the cache folder {where}/face_classifier for models cannot be made"


@pytest.mark.parametrize(
    "words", [["run"], ["group", "-o", "OUT"], ["similar", "--gallery", "PHOTOS"], ["enroll", "A"]]
)
def test_a_cache_that_cannot_be_used_is_told_once_before_the_first_photo(
    unusable: str, photos: Path, tmp_path: Path, command: Command, words: list[str]
) -> None:
    where = {"OUT": tmp_path / "out", "PHOTOS": photos}
    result = ["--result", tmp_path / "result"] if words[0] in ("run", "enroll") else []
    name = photos / "obama.png" if words[0] == "similar" else photos
    ended = command(*[where.get(word, word) for word in words], name, *result)
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert line.startswith(f"face-classifier: {unusable}")
    assert str(photos) not in line
    assert not (tmp_path / "~").exists()


def test_pictures_in_a_result_folder_are_not_blamed_for_the_cache(
    gallery: Gallery, closeups: dict[str, Image], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.see("obama.jpg")
    for number in range(3):
        cv2.imwrite(str(gallery.folder / "unknowns" / f"new{number}.png"), closeups["biden.jpg"][number:])
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    ended = command("people", "--result", gallery.folder)
    assert ended.code == 0
    (line,) = ended.err.splitlines()
    assert "the cache folder" in line
    assert "new" not in line
    ended = command("reencode", "--encoder", "dlib", "--result", gallery.folder)
    assert ended.code == 1
    assert "the cache folder" in ended.err.splitlines()[-1]
    monkeypatch.undo()
    assert len(gallery.look()) == 4  # and the gallery is as it was


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_may_only_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "face_classifier").mkdir(mode=0o500)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(SetUpError, match="cannot be written"):
        models.graph("dlib-resnet")


def test_a_cache_whose_name_no_library_takes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / os.fsdecode(b"caf\xe9")))
    with pytest.raises(SetUpError, match="not UTF-8"):
        fetch.cache_folder()


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '[{"url": "a.png", "x": ' + "[" * 300 + "]" * 300 + "}]",
        "[" + "9" * 5000 + "]",
        '{"a": ' * 99_999,
    ],
    ids=["deep", "deep but readable", "5,000 digits", "deep mappings"],
)
def test_a_list_for_group_that_is_a_bomb_is_told(content: str, photos: Path, tmp_path: Path, command: Command) -> None:
    (tmp_path / "list.json").write_text(content)
    ended = command("group", tmp_path / "list.json", photos, "-o", tmp_path / "out", "--json")
    assert ended.code == 1
    assert ended.err.startswith(f"face-classifier: {tmp_path}/list.json ")
    assert len(ended.err) < 500
    assert len(json.loads(ended.out)["images"]) == 2  # the photos are sorted all the same


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 64 kB of room."""
    with small_file_system(tmp_path / "full", "64k") as folder:
        yield folder


def test_a_full_disk_names_the_file_that_could_not_be_written(
    full_disk: Path, photos: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = command("similar", photos / "obama.png", "--gallery", photos, "--picture", full_disk / "a.png")
    assert picture.code == 1
    assert f"{full_disk}/a.png cannot be written (No space left on device)" in picture.err
    group = command("group", photos, "-o", full_disk / "out")
    assert group.code == 1
    assert f"{full_disk}/out/" in group.err
    assert "Errno" not in group.err
    monkeypatch.setenv("XDG_CACHE_HOME", str(full_disk))
    assert models.find(models.LANDMARKS).exists()  # of a package that tests have, so that nothing is fetched
    with pytest.raises(SetUpError, match=f"{full_disk}/.* cannot be written"):
        models.graph("dlib-resnet")


def test_an_output_that_is_full_is_told_without_a_traceback(gallery: Gallery) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is missing on this system")
    gallery.see("obama.jpg")
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "face_classifier", "export", "--result", gallery.folder],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            check=False,
            text=True,
        )
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert "No space left on device" in ended.stderr
