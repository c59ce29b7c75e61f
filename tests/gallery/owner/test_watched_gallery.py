"""What the user does to the pictures of a gallery, seen by the process that owns it without its asking."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Listener

from face_classifier.core.config.load import load
from face_classifier.core.types import Image
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner
from face_classifier.gallery.owner.watcher import Watcher
from face_classifier.gallery.store import Store


class Watched:
    """A gallery whose owner is told which folders changed."""

    def __init__(self, owner: Owner[Gallery]) -> None:
        self._owner = owner
        self.tellings: list[frozenset[str] | None] = []

    def changed(self, names: frozenset[str] | None) -> None:
        self.tellings.append(names)
        self._owner.call(lambda gallery: gallery.look(touched=names))

    def people(self) -> dict[str, str | None]:
        return self._owner.call(lambda it: {face.face: face.person for face in it.faces.values()})

    def encoding(self, name: str) -> bytes:
        (encoding,) = self._owner.call(lambda it: [face.encoding for face in it.faces.values() if face.face == name])
        return b"" if encoding is None else np.asarray(encoding).tobytes()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Within two seconds, and what an encoding takes on a busy machine."""
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, (self.tellings, self.people())
            time.sleep(0.02)


@pytest.fixture
def folder(closeups: dict[str, Image], tmp_path: Path) -> Path:
    for name, photograph in (("Barack", "obama"), ("Barack", "obama2"), ("Joe", "biden")):
        (tmp_path / "result" / name).mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(tmp_path / "result" / name / f"{photograph}.png"), closeups[f"{photograph}.jpg"])
    Store(tmp_path / "result", writing=True).close()  # else it is no result folder yet
    return tmp_path / "result"


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    told, chosen = Listener(), load({"result": str(folder)})
    with Owner(lambda: Gallery.open(chosen, told)) as owner:
        watched = Watched(owner)
        with Watcher(folder, watched.changed, told.problem, often=60, seldom=60):
            watched.wait_for(lambda: watched.tellings == [None])
            yield watched
    assert not told.problems


def test_a_picture_that_is_edited_in_place_is_encoded_anew(folder: Path, closeups: dict[str, Image]) -> None:
    with watched(folder) as gallery:
        before, other = gallery.encoding("obama2"), gallery.encoding("obama")
        with (folder / "Barack" / "obama2.png").open("r+b") as file:
            file.write(cv2.imencode(".png", closeups["obama3.jpg"])[1].tobytes())
            file.truncate()
        gallery.wait_for(lambda: gallery.encoding("obama2") != before)
        assert gallery.encoding("obama") == other
        assert set(gallery.tellings[1:]) == {frozenset({"Barack"})}


def test_pictures_that_are_renamed_moved_and_deleted_are_seen(folder: Path) -> None:
    with watched(folder) as gallery:
        assert gallery.people() == {"obama": "Barack", "obama2": "Barack", "biden": "Joe"}
        (folder / "Barack").rename(folder / "Barack Obama")
        gallery.wait_for(lambda: gallery.people()["obama"] == "Barack Obama")
        (folder / "Barack Obama" / "obama2.png").rename(folder / "Joe" / "obama2.png")
        gallery.wait_for(lambda: gallery.people()["obama2"] == "Joe")
        (folder / "Joe" / "biden.png").unlink()
        gallery.wait_for(lambda: "biden" not in gallery.people())
        assert gallery.people() == {"obama": "Barack Obama", "obama2": "Joe"}
        assert None not in gallery.tellings[1:]
