"""A gallery that stays open knows its people as one that was opened just now would, whatever happened meanwhile."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from conftest import Listener

from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Face, Frame
from face_classifier.gallery import gallery as living_gallery
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.store import LookResult, Store
from face_classifier.gallery.thoughts.thoughts import Thoughts

NAMES = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "biden2.jpg"]
BEGUN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(result=str(tmp_path / "result"), threshold=0.46)


@pytest.fixture
def open_gallery(settings: Settings) -> Iterator[Gallery]:
    with Gallery.open(settings, Listener(), make=True) as gallery:
        yield gallery


@contextmanager
def opened_now(gallery: Gallery, copy: Path) -> Iterator[Gallery]:
    """The same folder as it is known to a program that starts now: it has nothing to remember."""
    shutil.copytree(gallery.store.folder, copy)
    with Store(copy, writing=True) as store:
        yield Gallery(gallery.settings, store, gallery._read_photo, Listener())


class Living:
    """What a program and a user do to an open gallery, by chance."""

    def __init__(self, gallery: Gallery, faces: dict[str, Face], seed: int) -> None:
        self.gallery, self.folder = gallery, gallery.store.folder
        self._faces = [faces[name] for name in NAMES if name in faces]
        self._chance, self._numbers = random.Random(seed), np.random.default_rng(seed)
        self._seen = 0

    def see(self) -> None:
        """The program keeps a face."""
        face = self._chance.choice(self._faces)
        encoding = face.encoding + self._numbers.normal(size=128) * 0.01
        self._seen += 1
        when = BEGUN + timedelta(seconds=self._seen)
        frame = Frame(np.zeros((9, 9, 3), np.uint8), "clip.mp4", "clip", self._seen, float(self._seen), 0.1, when)
        track = self.gallery.new_track() if self._chance.random() < 0.5 else None
        self.gallery.keep(frame, replace(face, encoding=encoding), 0, track, b"a picture %d" % self._seen)

    def move(self) -> None:
        """The user moves a picture to somebody else, to a new person, or out of sight."""
        if pictures := sorted(self.folder.glob("[!.]*/*.png")):
            picture = self._chance.choice(pictures)
            target = self._chance.choice([*self._people(), UNKNOWNS, "Somebody", f".rejected/{picture.parent.name}"])
            (self.folder / target).mkdir(parents=True, exist_ok=True)
            picture.rename(self.folder / target / picture.name)

    def rename(self) -> None:
        if people := self._people():
            person = self._chance.choice(people)
            (self.folder / person).rename(self.folder / f"Name {self._chance.random()}")

    def delete(self) -> None:
        if pictures := sorted(self.folder.glob("[!.]*/*.png")):
            self._chance.choice(pictures).unlink()

    def keep_apart(self) -> None:
        two = self._chance.sample(people, 2) if len(people := self._people()) > 1 else []
        if two and all(any(face.person == name for face in self.gallery.faces.values()) for name in two):
            ids = [[face.id for face in self.gallery.faces.values() if face.person == name] for name in two]
            self.gallery.store.words.keep_apart(*ids)

    def think(self) -> None:
        Thoughts(self.gallery).think_again()

    def look(self) -> None:
        self.gallery.look()

    def _people(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir() and path.name[0] != "." != UNKNOWNS)

    def step(self) -> None:
        steps: list[Callable[[], None]] = [self.move, self.rename, self.delete, self.keep_apart, self.think, self.look]
        self._chance.choice([*[self.see] * 8, *steps])()


def is_as(gallery: Gallery, anew: Gallery, looked: LookResult, faces: dict[str, Face]) -> None:
    counts = [(one.people.persons, one.people.known_faces, one.people.unknown_faces) for one in (gallery, anew)]
    assert counts[0] == counts[1]
    assert list(gallery.faces) == list(anew.faces)
    for track, other in looked.kept_apart_tracks:
        encoding = anew.faces[other].encoding if other in anew.faces else faces["obama.jpg"].encoding
        assert encoding is not None
        assert gallery.people.decide(encoding, track).person == anew.people.decide(encoding, track).person
    for _, encoding in looked.excluded:
        assert gallery.people.decide(encoding) == anew.people.decide(encoding)
    for face_id, face in anew.faces.items():
        known = gallery.faces[face_id]
        assert (known.person, known.pinned, known.corrected, known.track) == (
            face.person,
            face.pinned,
            face.corrected,
            face.track,
        )
        assert face.encoding is not None
        for track in {None, face.track}:
            match, other = (one.people.decide(face.encoding + 0.001, track) for one in (gallery, anew))
            assert (match.person, set(match.partners)) == (other.person, set(other.partners))
            assert match.distance == pytest.approx(other.distance)


@pytest.mark.parametrize("seed", range(6))
def test_an_open_gallery_is_as_one_that_was_opened_just_now(
    seed: int, open_gallery: Gallery, faces: dict[str, Face], tmp_path: Path
) -> None:
    living = Living(open_gallery, faces, seed)
    for turn in range(6):
        for _ in range(12):
            living.step()
        looked = open_gallery.look()
        with opened_now(open_gallery, tmp_path / f"copy{turn}") as anew:
            is_as(open_gallery, anew, looked, faces)


@pytest.mark.parametrize("most", [0, 1000])
@pytest.mark.parametrize("seed", range(6, 9))
def test_a_start_takes_in_what_the_user_did_since_the_last_look(
    seed: int,
    most: int,
    open_gallery: Gallery,
    faces: dict[str, Face],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(living_gallery, "_MANY", most)
    living = Living(open_gallery, faces, seed)
    for turn in range(4):
        for _ in range(12):
            living.step()
        for _ in range(3):
            living.move()
            living.rename()
            living.delete()
        with opened_now(open_gallery, tmp_path / f"copy{turn}") as anew:
            is_as(open_gallery, anew, open_gallery.look(), faces)


def test_looking_often_changes_no_sum(open_gallery: Gallery, faces: dict[str, Face], settings: Settings) -> None:
    """The last digit of a sum depends on the order of its parts, and could decide otherwise once in a while."""
    living = Living(open_gallery, faces, 0)
    for _ in range(30):
        living.see()
    people = open_gallery.people
    probe = faces["obama.jpg"].encoding
    before = people.decide(probe)
    for _ in range(3):
        open_gallery.look()
        assert open_gallery.people is people
        assert open_gallery.people.decide(probe) == before
