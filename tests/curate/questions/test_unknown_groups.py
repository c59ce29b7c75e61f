"""Unknown faces in groups that are probably one person each; made-up people, as a page reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from gallery.test_journal import BEGINNING, BOX, MADE_BY, World, encoding_of, picture_of

from face_classifier.core.types import Face, Frame, Match
from face_classifier.curate.questions.groups import UnknownFaces, group_encodings, unknown_faces
from face_classifier.gallery.reading.folder_faces import NO_TRACK
from face_classifier.gallery.reading.reader import Reader
from face_classifier.gallery.store import Store
from face_classifier.identity.profiles import BY_ENCODER

PROFILE = BY_ENCODER["sface"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """person_01 with two faces, and unknown ones: three of 2 on two days, two of 3, one of 4."""
    world = World(tmp_path / "result")
    world.run((1, 1), (1, 2))
    with Store(world.folder, writing=True) as store:
        world.look(store)
        for number, (who, look) in enumerate(((2, 1), (3, 1), (4, 1), (2, 2), (2, 3), (3, 2))):
            time = BEGINNING + timedelta(days=number // 3)
            frame = Frame(picture_of(who, look), f"clip{number}.mp4", str(number), 0, 0.0, 0.02, time)
            store.keep(frame, Face(BOX, encoding_of(who, look), MADE_BY), Match(), 0)
        world.look(store)
    return world


def unknown(world: World, who: int) -> list[int]:
    """The faces of whoever it is."""
    return [
        face.id
        for face in world.sightings()
        if face.encoding is not None and np.linalg.norm(face.encoding - encoding_of(who, 1)) < 0.5
    ]


def groups_of(world: World, cannot_links: Sequence[tuple[int, int]] = ()) -> UnknownFaces:
    with Reader(world.folder) as reader:
        now = reader.now()
        return unknown_faces(now.faces(None), cannot_links, now.not_person, PROFILE.rule, PROFILE)


def test_faces_of_one_person_are_a_group_and_others_are_single(world: World) -> None:
    found = groups_of(world)
    assert {frozenset(group.faces) for group in found.groups} == {
        frozenset(unknown(world, 2)),
        frozenset(unknown(world, 3)),
    }
    assert [group.faces for group in found.singles] == [tuple(unknown(world, 4))]
    assert found.ignored == ()


def test_who_came_on_most_days_comes_first_with_days_and_sources(world: World) -> None:
    first, second = groups_of(world).groups
    assert len(first.faces) == 3
    assert len(second.faces) == 2
    assert len(first.days) == 2
    days = {face.time.astimezone().date() for face in world.sightings() if face.id in first.faces and face.time}
    assert first.days == tuple(sorted(days))
    assert first.sources == ("clip0.mp4", "clip3.mp4", "clip4.mp4")
    assert first.first is not None
    assert first.last is not None
    assert BEGINNING <= first.first < first.last


def test_ignored_faces_are_left_out_and_told_beside(world: World) -> None:
    one, *others = unknown(world, 2)
    world.carry_out("ignore", {"faces": [one]})
    found = groups_of(world)
    assert found.ignored == (one,)
    assert one not in {face for group in (*found.groups, *found.singles) for face in group.faces}
    assert tuple(others) in {tuple(sorted(group.faces)) for group in found.groups}


def test_faces_that_the_user_keeps_apart_are_in_no_group_together(world: World) -> None:
    one, *others = unknown(world, 2)
    world.carry_out("assign", {"faces": others, "person": "Zoe"})
    world.carry_out("assign", {"faces": [one], "not": "Zoe"})
    world.carry_out("assign", {"faces": others})
    world.carry_out("restore", {"faces": others})
    together = [set(group.faces) for group in groups_of(world).groups]
    assert not any(one in group and group & set(others) for group in together)


def test_tracks_that_shared_a_frame_are_not_one_person_however_alike_they_are() -> None:
    encodings = np.array([encoding_of(1, look) for look in range(4)])
    tracks, good = np.array([1, 1, 2, 2]), np.ones(4)
    alike = group_encodings(encodings, good, tracks, np.arange(4.0), PROFILE.rule, PROFILE)
    assert len(set(alike.tolist())) == 1
    apart = group_encodings(encodings, good, tracks, np.arange(4.0), PROFILE.rule, PROFILE, cannot_links=[(1, 2)])
    assert apart[0] == apart[1] != apart[2] == apart[3]


def test_a_track_is_one_group_as_far_as_its_faces_agree() -> None:
    poor = np.full(4, 0.1)  # too little to found anybody
    encodings = np.array([encoding_of(who, look) for who, look in ((1, 1), (1, 2), (2, 1), (2, 2))])
    of = group_encodings(encodings, poor, np.full(4, 7), np.arange(4.0), PROFILE.rule, PROFILE)
    assert of[0] == of[1] != of[2] == of[3]


def test_a_limit_is_stricter_among_thousands_of_strangers() -> None:
    dice = np.random.default_rng(3)
    near = encoding_of(1, 1), encoding_of(1, 1)
    off = dice.normal(size=128)
    near = near[0], near[0] + off / np.linalg.norm(off) * (PROFILE.rule.limit - 0.005)
    crowd = 2 * np.linalg.qr(dice.normal(size=(128, 128)))[0]
    crowd = np.vstack([crowd * scale for scale in np.linspace(1.5, 20, 20)])
    for others, together in ((crowd[:20], True), (crowd, False)):
        encodings = np.vstack([near, others])
        none = np.full(len(encodings), NO_TRACK)
        of = group_encodings(encodings, np.ones(len(none)), none, np.zeros(len(none)), PROFILE.rule, PROFILE)
        assert (of[0] == of[1]) == together


def test_nothing_unknown_is_no_group(tmp_path: Path) -> None:
    world = World(tmp_path / "result")
    world.run((1, 1), (1, 2))
    assert groups_of(world) == UnknownFaces((), (), ())


def test_what_was_named_meanwhile_is_left_out(world: World) -> None:
    found = groups_of(world)
    first, second = found.groups
    left = found.among({*first.faces[:1], *second.faces})
    assert left.groups == (second,)
    assert {group.faces for group in left.singles} == {first.faces[:1]}
