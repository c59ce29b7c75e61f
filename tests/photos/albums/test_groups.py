"""Who is who in an album."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from face_classifier.core.types import Image
from face_classifier.identity.grouping.rule import SFACE
from face_classifier.photos.albums.groups import Faces, Group, Known, group
from face_classifier.photos.finder import FaceFinder
from face_classifier.vision.sface import SCALE

NOISE = 0.03  # of each of 128 numbers: faces of one person are half as far apart as the rule's limit


@pytest.fixture
def people() -> Callable[..., np.ndarray]:
    """Makes encodings as long as SFace's: each number is a person, whom chance gives a direction."""

    def make(*persons: int, seed: int = 0, noise: float = NOISE) -> np.ndarray:
        directions = np.random.default_rng(99).normal(size=(20, 128))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        found = directions[list(persons)] + np.random.default_rng(seed).normal(size=(len(persons), 128)) * noise
        return found / np.linalg.norm(found, axis=1, keepdims=True) * SCALE

    return make


def faces_of(encodings: np.ndarray, photos: list[int] | None = None, quality: float = 1.0) -> Faces:
    count = len(encodings)
    return Faces(encodings, np.full(count, quality), np.arange(count) if photos is None else np.array(photos))


def members(groups: list[Group]) -> list[list[int]]:
    return [sorted(joined.face for joined in one.faces) for one in groups]


def test_faces_are_grouped_by_person_the_largest_group_first(people):
    groups = group(faces_of(people(3, 1, 1, 3, 1, 5)), SFACE)
    assert members(groups) == [[1, 2, 4], [0, 3], [5]]
    assert [one.is_valid for one in groups] == [True, True, False]


def test_the_order_of_the_faces_changes_nothing(people):
    encodings = people(*[0, 1, 2, 3] * 4, 4, 5, noise=0.075)  # some of them far out
    photos = np.arange(len(encodings)) // 2
    known = [Known("Ann", people(2, 2, seed=5), np.ones(2)), Known("Bob", people(0, seed=6), np.ones(1))]
    want = group(faces_of(encodings, photos), SFACE, known)
    assert len(want) > 4
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(encodings))
        got = group(Faces(encodings[order], np.ones(len(order)), photos[order]), SFACE, known[:: (-1) ** seed])
        as_before = [[(int(order[j.face]), None if j.to is None else int(order[j.to])) for j in g.faces] for g in got]
        assert as_before == [[(joined.face, joined.to) for joined in one.faces] for one in want]
        assert [one.name for one in got] == [one.name for one in want]


def test_two_faces_in_one_photo_are_two_people_however_alike(people):
    groups = group(faces_of(people(1, 1, 1), photos=[0, 0, 1]), SFACE)
    assert sorted(map(len, members(groups))) == [1, 2]
    assert [0, 1] not in members(groups)


def test_faces_too_poor_to_tell_make_nobody_unless_somebody_known(people):
    assert sorted(members(group(faces_of(people(1, 1), quality=0.1), SFACE))) == [[0], [1]]
    known = [Known("Ann", people(1, 1, 1, seed=7), np.ones(3))]
    assert members(group(faces_of(people(1, 1), quality=0.1), SFACE, known)) == [[0, 1]]


def test_each_face_joins_the_one_in_the_group_that_it_is_most_like(people):
    encodings = people(*[1] * 6)
    similarity = encodings @ encodings.T
    (found,) = group(faces_of(encodings), SFACE)
    first, *rest = found.faces
    assert first.face == (encodings @ encodings.mean(axis=0)).argmax()
    assert (first.to, first.similarity) == (None, -1.0)
    there = [first.face]
    for joined in rest:
        waiting = [face for face in range(6) if face not in there]
        best = max((similarity[face, other], face, other) for face in waiting for other in there)
        assert (joined.face, joined.to) == best[1:]
        assert joined.similarity == pytest.approx(best[0] / SCALE**2)
        there.append(joined.face)


def test_known_people_give_their_names_also_to_a_single_face(people):
    known = [Known("Ann", people(1, 1, 1, seed=7), np.ones(3)), Known("Nobody here", people(9, seed=8), np.ones(1))]
    groups = group(faces_of(people(2, 2, 1)), SFACE, known)
    assert [(one.name, one.is_valid) for one in groups] == [(None, True), ("Ann", True)]


def test_a_known_person_joins_what_the_album_alone_would_not():
    far, near = np.eye(128)[0], np.eye(128)[1]
    between = (far + near) / np.sqrt(2)
    album = faces_of(np.array([far, near]) * SCALE)  # .63 apart, and .34 from between
    assert len(group(album, SFACE)) == 2
    known = [Known("Ann", np.array([between * SCALE] * 3), np.ones(3))]
    assert [(one.name, len(one.faces)) for one in group(album, SFACE, known)] == [("Ann", 2)]
    one_photo = Faces(album.encodings, album.quality, np.zeros(2, np.int64))
    assert sorted(one.name or "" for one in group(one_photo, SFACE, known)) == ["", "Ann"]


def test_two_known_people_stay_two(people):
    known = [Known(name, people(1, 1, seed=seed), np.ones(2)) for seed, name in enumerate(("Ann", "Bob"))]
    groups = group(faces_of(people(1, 1, 1, 1, seed=9)), SFACE, known)
    assert {one.name for one in groups} <= {"Ann", "Bob"}


def test_what_the_user_said_of_a_face_outweighs_distances(people):
    encodings = people(1, 1, 2, 2)
    groups = group(faces_of(encodings), SFACE, anchors=["Ann", "Ann", "Ann", None])
    assert [one.name for one in groups if 2 in members([one])[0]] == ["Ann"]
    groups = group(faces_of(encodings), SFACE, cannot_links=np.array([[1, 0]]))
    assert [0, 1] not in members(groups)


def test_an_album_without_faces_has_no_groups():
    assert group(Faces(np.zeros((0, 0)), np.zeros(0), np.zeros(0, np.int64)), SFACE) == []


def test_arrays_of_different_lengths_are_refused(people):
    with pytest.raises(ValueError, match="2 encodings, 3 qualities"):
        Faces(people(1, 2), np.ones(3), np.arange(2))


def test_real_faces_of_two_presidents_are_two_groups(closeups: dict[str, Image], photo_finder: FaceFinder):
    found = [(name, photo_finder.find_in(image)[0][0]) for name, image in closeups.items()]
    groups = group(faces_of(np.array([face.encoding for _, face in found])), SFACE)
    names = [{found[face][0].rstrip(".jpg0123456789") for face in one} for one in members(groups)]
    assert all(not {"biden", "obama"} <= one for one in names)
    assert len(members(groups)[0]) >= 3


def test_singers_who_look_alike_are_told_apart(data: Path, photo_finder: FaceFinder):
    from face_classifier.sources.picture import read_picture

    folders = [data / "asian_kpop15" / name for name in ("Arin", "Yuju", "Dahyun")]
    photos = [path for folder in folders for path in sorted(folder.iterdir())[:6]]
    found = [photo_finder.find_in(read_picture(path))[0] for path in photos]
    encodings = np.array([faces[0].encoding for faces in found if faces])
    who = [path.parent.name for path, faces in zip(photos, found, strict=True) if faces]
    for one in members(group(faces_of(encodings), SFACE)):
        assert all(who[first] == who[second] for first, second in combinations(one, 2))
