"""Corrections of a page that are killed half-way, and the montages that are drawn after the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Listener, killed_at_every_line
from gallery.test_journal import World, read_photo

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Observer
from face_classifier.curate.ask import carry_out
from face_classifier.curate.commands import HANDLERS
from face_classifier.gallery.folder import carry, opened
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.past import journal
from face_classifier.gallery.said import words
from face_classifier.gallery.store import Store

ROOMS = (carry, opened, journal, words)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """person_01 with three faces, person_02 with two, and an unknown one."""
    world = World(tmp_path / "result")
    world.run((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
    return world


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("merge", {"person": "person_01", "from": ["person_02"], "name": "Zoe"}),
        ("assign", {"faces": [1, 3, 6], "person": None, "not": "person_02"}),
        ("part", {"person": "person_01", "faces": [1]}),
        ("exclude", {"faces": [1, 6]}),
    ],
)
def test_a_command_that_is_killed_loses_no_face_and_can_be_given_again(
    world: World, command: str, arguments: dict[str, Any]
) -> None:
    def act() -> None:
        world.carry_out(command, arguments)

    folders = killed_at_every_line(world.folder, ROOMS, world.folder.parent, act)
    assert len(folders) > 3
    done = len(world.labels()), {person for person in world.labels().values() if person} - {"person_03", "person_04"}
    for folder in folders[:: max(1, len(folders) // 12)]:
        left = World(folder)
        left.start()
        with Store(folder, writing=True) as store:
            looked = left.look(store)
            assert len(looked.faces) + len(looked.excluded) + _excluded_unknown(folder) == 6
        if command in ("assign", "exclude"):
            left.carry_out(command, {**arguments, "faces": _still(left, arguments["faces"])})
            people = {person for person in left.labels().values() if person}
            assert (len(left.labels()), people - {"person_03", "person_04"}) == done


def _excluded_unknown(folder: Path) -> int:
    return len(list((folder / ".rejected" / "unknowns").glob("*.png")))


def _still(world: World, faces: list[int]) -> list[int]:
    """Those of the faces that count, or one that does where none of them is left to be excluded."""
    there = {face.id for face in world.sightings()}
    return [face for face in faces if face in there] or faces


@contextmanager
def made_up(settings: Settings, observer: Observer) -> Iterator[Gallery]:
    with Store(Path(settings.result), writing=True) as store:
        yield Gallery(settings, store, read_photo, observer)


def test_montages_follow_where_nobody_owns_the_gallery(world: World) -> None:
    arguments = {"faces": [1, 2], "person": "Zoe", "seen": 1, "door": "page"}
    answer = carry_out(Settings(result=str(world.folder)), "assign", arguments, Listener(), opens=made_up)
    assert answer["faces"] == 2
    assert list(world.folder.glob("montage.Zoe-*.png"))


def test_montages_are_drawn_after_the_answer_where_somebody_does(world: World) -> None:
    with made_up(Settings(result=str(world.folder)), Listener()) as gallery:
        gallery.write_views()
        HANDLERS["assign"](gallery, {"faces": [1, 2], "person": "Zoe", "seen": 1}, Listener())
        assert not list(world.folder.glob("montage.Zoe-*.png"))
        for _ in gallery.draw_views():
            pass
        assert list(world.folder.glob("montage.Zoe-*.png"))
