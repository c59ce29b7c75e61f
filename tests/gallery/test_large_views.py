"""Views of a gallery with many people or faces: montages of those alone who are named, and no pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Listener
from curate.test_ask import served_here
from gallery.test_journal import BEGINNING, BOX, encoding_of, picture_of, read_photo

from face_classifier.core.config.load import load
from face_classifier.core.disk.files import content_hash
from face_classifier.core.disk.markers import PICKLE, TABLE
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Face, Frame, Match, Provenance
from face_classifier.curate.checks.folder import VIEWS
from face_classifier.curate.checks.verify import verify
from face_classifier.gallery.derived import views
from face_classifier.gallery.derived.pickled import read_pickle
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import Row, Rows, Table
from face_classifier.identity.profiles import BY_ENCODER

Command = Callable[..., Ended]
PEOPLE = "Ann", "Bob"
MADE_BY = Provenance(BY_ENCODER["dlib"].name, "none", "none", "fp64")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if two people and five faces were as many as a gallery shows."""
    monkeypatch.setattr(views, "MOST_DRAWN", 2)
    monkeypatch.setattr(views, "MOST_PICKLED", 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ann and Bob, of two faces each, with their views."""
    for who, person in enumerate(PEOPLE):
        for look in range(2):
            keep(tmp_path / "result", person, who, look)
    return tmp_path / "result"


def keep(folder: Path, person: str, who: int, look: int) -> None:
    """A run keeps a face of somebody."""
    with opened(folder) as gallery:
        see(gallery, person, who, look)
        gallery.look()
        gallery.write_views()


def see(gallery: Gallery, person: str, who: int, look: int) -> None:
    time = BEGINNING + timedelta(seconds=100 * who + look)
    frame = Frame(picture_of(who, look), "clip", f"clip {who}", look, float(look), 0.02, time)
    gallery.store.keep(frame, Face(BOX, encoding_of(who, look), MADE_BY), Match(person), 0)


@contextmanager
def opened(folder: Path, told: Listener | None = None) -> Iterator[Gallery]:
    settings = load({"result": str(folder), "engine": "original", "threshold": 0.44}, None, {})
    told = told or Listener()
    with Store(folder, writing=True) as store:
        gallery = Gallery(settings, store, read_photo, told)
        yield gallery
        gallery.tell_problems()


def written(folder: Path) -> list[str]:
    """What a run that finds nothing new tells at its end."""
    told = Listener()
    with opened(folder, told) as gallery:
        gallery.write_views()
        gallery.store.tell_views_left_out()
    return told.problems


def shown(folder: Path) -> list[str]:
    """Whose montages there are."""
    return sorted(path.name for path in folder.glob("montage.*"))


def faults(folder: Path) -> list[str]:
    found = verify(load({"result": str(folder)}), Listener(), dry_run=True).findings
    return [f"{finding.where} {finding.sentence}" for finding in found if finding.check == VIEWS]


def test_one_person_more_than_can_be_looked_through_leaves_no_montage(folder: Path) -> None:
    assert shown(folder) == ["montage.Ann-00.png", "montage.Bob-00.png"]
    assert not written(folder)
    keep(folder, "Cid", 2, 0)
    assert shown(folder) == []
    assert not faults(folder)
    (sentence,) = written(folder)
    assert "more than 2 people" in sentence
    assert "people --montage NAME" in sentence


def test_unknown_faces_are_no_person_more(folder: Path) -> None:
    (folder / "unknowns").mkdir()
    cv2.imwrite(str(folder / "unknowns" / "20240506_070809.000-7.png"), picture_of(5, 0))
    assert not written(folder)
    assert "montage.unknowns-00.png" in shown(folder)


def test_a_montage_that_was_asked_for_follows_its_folder_and_goes_with_it(folder: Path) -> None:
    keep(folder, "Cid", 2, 0)
    with opened(folder) as gallery:
        assert gallery.store.draw_montages_of("Ann", ()) == shown(folder) == ["montage.Ann-00.png"]
        before = (folder / "montage.Ann-00.png").read_bytes()
        assert gallery.store.draw_montages_of("Nobody", ()) == []
    keep(folder, "Ann", 0, 7)
    assert shown(folder) == ["montage.Ann-00.png"]
    assert (folder / "montage.Ann-00.png").read_bytes() != before
    assert not faults(folder)
    keep(folder, "Dan", 3, 0)
    (folder / "Ann").rename(folder / "Anna")
    written(folder)
    assert shown(folder) == []
    assert not faults(folder)


def test_a_montage_that_is_damaged_is_still_found_and_mended(folder: Path) -> None:
    keep(folder, "Cid", 2, 0)
    with opened(folder) as gallery:
        gallery.store.draw_montages_of("Ann", ())
    (folder / "montage.Ann-00.png").write_bytes(b"")
    assert faults(folder) == ["montage.Ann-00.png it is damaged"]


def test_fewer_people_have_all_their_montages_again(folder: Path) -> None:
    keep(folder, "Cid", 2, 0)
    for picture in (folder / "Cid").iterdir():
        picture.unlink()
    assert not written(folder)
    assert shown(folder) == ["montage.Ann-00.png", "montage.Bob-00.png"]
    assert not faults(folder)


def test_a_kill_while_montages_go_leaves_none_for_good(folder: Path) -> None:
    for who, person in enumerate(PEOPLE):
        keep(folder, person, who, 9)
    with opened(folder) as gallery:
        see(gallery, "Cid", 2, 0)
        gallery.look()
        next(gallery.draw_views())
        assert shown(folder) == ["montage.Bob-00.png"]
    written(folder)
    assert shown(folder) == []


def test_a_pickle_of_too_many_faces_goes_and_comes_back_with_fewer(folder: Path) -> None:
    assert len(read_pickle((folder / PICKLE).read_bytes())) == 4
    keep(folder, "Ann", 0, 7)
    assert len(read_pickle((folder / PICKLE).read_bytes())) == 5
    keep(folder, "Ann", 0, 8)
    assert not (folder / PICKLE).exists()
    assert not faults(folder)
    (sentence,) = written(folder)
    assert "more than 5 faces" in sentence
    (folder / PICKLE).write_bytes(b"of an earlier day")
    assert faults(folder) == [f"{PICKLE} it was written when there were fewer faces"]
    written(folder)
    assert not (folder / PICKLE).exists()
    next((folder / "Ann").iterdir()).unlink()
    assert not written(folder)
    assert len(read_pickle((folder / PICKLE).read_bytes())) == 5


def test_the_command_makes_montages_of_those_who_are_named(folder: Path, command: Command) -> None:
    keep(folder, "Cid", 2, 0)
    ended = command("people", "Ann", "--montage", "--result", str(folder))
    assert ended.code == 0
    assert ended.out.split() == [str(folder / "montage.Ann-00.png")]
    ended = command("people", "Ann", "Nobody", "--montage", "--result", str(folder), "--json")
    assert (ended.code, "there is no face of 'Nobody'" in ended.err) == (1, True)
    assert command("people", "Ann", "--result", str(folder)).code == 2
    assert command("people", "--montage", "--result", str(folder)).code == 2


def test_who_owns_the_folder_makes_the_montages(folder: Path, command: Command) -> None:
    keep(folder, "Cid", 2, 0)
    with served_here(folder):
        ended = command("people", "--montage", "Bob", "--result", str(folder), "--json")
    assert json.loads(ended.out) == [{"person": "Bob", "montages": [str(folder / "montage.Bob-00.png")]}]
    assert shown(folder) == ["montage.Bob-00.png"]


def test_a_thousand_and_one_people_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    folder, dice = tmp_path / "result", np.random.default_rng(1)
    Store(folder, writing=True).close()
    with Root(folder) as root:
        table = Table(root, TABLE, writing=True)
        rows = Rows(table)
        with table.together():
            for number in range(views.MOST_DRAWN + 1):
                path = folder / f"person_{number:04d}" / f"20240506_070809.000-{number}.png"
                path.parent.mkdir()
                cv2.imwrite(str(path), dice.integers(0, 255, (3, 3, 3), np.uint8))
                state = path.stat()
                row = Row(path.stem, path.parent.name, path.name, state.st_size, state.st_mtime_ns, content_hash(path))
                row.encoding, row.space, row.placed = encoding_of(number % 100, number), MADE_BY.space, row.folder
                rows.add(row)
        table.close()
    (sentence,) = written(folder)
    assert "more than 1,000 people" in sentence
    assert shown(folder) == []
    assert len(read_pickle((folder / PICKLE).read_bytes())) == views.MOST_DRAWN + 1
