"""`audit`: what does not fit is told, and nothing is moved unasked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

from face_classifier.core.types import Face, Image, Sighting
from face_classifier.curate.questions.audit import Audit, audit, difference_hash
from face_classifier.gallery.store import Store
from face_classifier.identity.grouping.rule import DLIB


@pytest.fixture
def shots(faces: dict[str, Face]):
    """Makes so many sightings of a photograph's face as a person's, .3 apart: as far as good photos are."""
    dice = np.random.default_rng(0)

    def make(count: int, name: str, person: str, first: int = 1, **more: object) -> list[Sighting]:
        return [
            Sighting(
                number, f"{name}{number}", person, None,
                encoding=faces[name].encoding + dice.normal(0, 0.21 / 128**0.5, 128), **more,
            )
            for number in range(first, first + count)
        ]  # fmt: skip

    return make


def audited(
    faces: Sequence[Sighting], pictures: dict[int, Image] | None = None, cannot_links=(), kept_apart=()
) -> Audit:
    return audit(faces, (pictures or {}).get, cannot_links, kept_apart, DLIB)


def test_a_strangers_face_is_an_outlier_and_the_others_are_not(shots):
    faces = shots(10, "obama.jpg", "person_01") + shots(1, "biden.jpg", "person_01", 11)
    found = audited([*faces, *shots(3, "biden.jpg", "person_02", 12)])
    (outlier,) = found.outliers
    assert outlier.face.face == "biden.jpg11"
    assert outlier.score > 3.5
    assert outlier.tighter > 0.3
    assert outlier.nearest == "person_02"
    assert outlier.nearest_distance < outlier.distance
    assert found.movable == [11]


def test_faces_of_one_person_are_no_outliers(shots):
    assert audited(shots(30, "obama.jpg", "person_01")).outliers == []


def test_three_faces_are_too_few_to_accuse_one(shots):
    assert audited(shots(2, "obama.jpg", "A") + shots(1, "biden.jpg", "A", 3)).outliers == []


def test_alike_faces_do_not_accuse_another_photograph_of_their_person(faces: dict[str, Face]):
    """A clip's frames are far more alike than two photographs of one person."""
    names = ["obama.jpg"] * 8 + ["obama2.jpg"]
    alike = [Sighting(n, f"{n}", "A", None, encoding=faces[name].encoding) for n, name in enumerate(names, 1)]
    assert audited(alike).outliers == []


@pytest.mark.parametrize(
    ("person", "more", "why"),
    [
        ("person_01", {"corrected": True}, "you placed it"),
        ("Barack", {}, "you named the folder"),
    ],
)
def test_what_the_user_said_is_told_but_not_moved(shots, person: str, more: dict[str, bool], why: str):
    found = audited(shots(10, "obama.jpg", person) + shots(1, "biden.jpg", person, 11, **more))
    assert [outlier.kept_by for outlier in found.outliers] == [why]
    assert found.movable == []


def test_a_folder_into_which_the_user_put_faces_is_left_to_the_user(shots):
    faces = shots(10, "obama.jpg", "person_01") + shots(1, "biden.jpg", "person_01", 11)
    found = audited([replace(faces[0], corrected=True), *faces[1:]])
    assert [outlier.kept_by for outlier in found.outliers] == ["you put faces into the folder"]


def test_two_people_in_one_folder_may_be_two(shots):
    found = audited(shots(7, "obama.jpg", "A") + shots(5, "biden.jpg", "A", 8) + shots(8, "obama.jpg", "B", 20))
    (split,) = found.splits
    assert split.person == "A"
    assert [len(group) for group in split.groups] == [7, 5]
    assert {face.face[:5] for face in split.groups[1]} == {"biden"}
    assert not split.certain


def test_a_person_with_two_tracks_in_one_frame_is_two_for_certain(shots):
    faces = [*shots(2, "obama.jpg", "A", track=1), *shots(1, "obama.jpg", "A", 3, track=2)]
    assert audited(faces).splits == []
    (split,) = audited(faces, cannot_links=[(1, 2)]).splits
    assert split.certain


def test_a_face_nearer_to_somebody_else_is_an_outlier_though_its_own_folder_varies_more(shots):
    """Half of the folder is another person, so that nobody in it is far beyond what is usual there."""
    mixed = shots(5, "obama.jpg", "A") + shots(4, "biden.jpg", "A", 6)
    found = audited(mixed + shots(6, "biden.jpg", "B", 20))
    assert {outlier.face.face for outlier in found.outliers} == {f"biden.jpg{number}" for number in range(6, 10)}
    assert {outlier.nearest for outlier in found.outliers} == {"B"}


def test_one_person_in_two_folders_has_no_outliers(shots):
    faces = shots(6, "obama.jpg", "A") + shots(6, "obama.jpg", "B", 7)
    assert audited(faces).outliers == []


def test_a_face_is_not_nearer_to_whom_the_user_said_it_is_not(shots):
    faces = shots(5, "obama.jpg", "A") + shots(1, "biden.jpg", "A", 6) + shots(6, "biden.jpg", "B", 20)
    assert [outlier.nearest for outlier in audited(faces).outliers] == ["B"]
    assert [outlier.nearest for outlier in audited(faces, kept_apart=[(6, 20)]).outliers] == [None]
    with_tracks = [*faces[:5], replace(faces[5], track=1), *(replace(face, track=2) for face in faces[6:])]
    assert [outlier.nearest for outlier in audited(with_tracks, cannot_links=[(1, 2)]).outliers] == [None]


def test_the_same_picture_stored_twice_is_a_near_duplicate_of_the_better_one(shots, closeups: dict[str, Image]):
    shown = zip(shots(3, "obama.jpg", "A"), (0.2, 0.9, 0.5), strict=True)
    one, other, third = (replace(shot, quality=quality) for shot, quality in shown)
    faces = [one, replace(other, encoding=one.encoding), third]
    image = closeups["obama.jpg"]
    again = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    (same,) = audited(faces, dict(enumerate([image, again, image]))).duplicates
    assert (same.kept, same.others) == (faces[1], (one,))


def test_near_encodings_of_different_pictures_are_no_duplicates(shots, closeups: dict[str, Image]):
    one, other = shots(2, "obama.jpg", "A")
    faces = [one, replace(other, encoding=one.encoding)]
    assert audited(faces, {0: closeups["obama.jpg"], 1: closeups["obama2.jpg"]}).duplicates == []
    assert audited(faces).duplicates == []  # pictures that cannot be read tell nothing


def test_near_encodings_close_in_one_source_are_duplicates(shots):
    one, other = shots(2, "obama.jpg", "A")
    faces = [
        replace(one, source="clip.mp4", position=3.0),
        replace(other, encoding=one.encoding, source="clip.mp4", position=4.0),
    ]
    assert len(audited(faces).duplicates) == 1
    assert audited([faces[0], replace(faces[1], position=9.0)]).duplicates == []
    assert audited([faces[0], replace(faces[1], source="other.mp4")]).duplicates == []


def test_the_look_of_a_picture_survives_size_and_light_but_not_another_face(closeups: dict[str, Image]):
    look = difference_hash(closeups["obama.jpg"])
    smaller = difference_hash(cv2.resize(closeups["obama.jpg"], (100, 90), interpolation=cv2.INTER_AREA))
    darker = difference_hash((closeups["obama.jpg"] * 0.7).astype(np.uint8))
    assert (look != smaller).sum() <= 4
    assert (look != darker).sum() <= 4
    assert (look != difference_hash(closeups["biden.jpg"])).sum() > 10


@pytest.fixture
def poisoned(gallery):
    """A gallery whose person_01 has twice three photographs of one president and, by the program, one of the other."""
    for fingerprint in ("one clip", "another"):
        gallery.see("obama.jpg", "obama2.jpg", "obama3.jpg", fingerprint=fingerprint)
    gallery.see("biden.jpg", fingerprint="third")
    stranger = gallery.picture("unknowns").stem
    with Store(gallery.folder, writing=True) as store:
        (face,) = [sighting for sighting in store.look(gallery.read_photo).faces if sighting.person is None]
        store.move([face.id], "person_01")
    return gallery, stranger


def test_nothing_is_moved_without_apply(poisoned, command):
    gallery, stranger = poisoned
    before = gallery.pictures()
    ended = command("audit", "--result", gallery.folder)
    assert ended.code == 0
    assert f"outlier: {stranger} of person_01" in ended.out
    assert "1 outlier, 3 near-duplicates, 0 people that may be two" in ended.out
    assert gallery.pictures() == before


def test_apply_moves_the_outliers_to_the_unknown_faces(poisoned, command):
    gallery, stranger = poisoned
    ended = command("audit", "--result", gallery.folder, "--apply")
    assert "1 face was moved to unknowns." in ended.out
    assert gallery.picture("unknowns").stem == stranger
    assert len(gallery.pictures()) == 7
    assert "0 outliers" in command("audit", "--result", gallery.folder, "--apply").out


def test_apply_leaves_what_the_user_placed(poisoned, command):
    gallery, _stranger = poisoned
    (gallery.folder / "person_01").rename(gallery.folder / "Barack")
    before = gallery.pictures()
    assert before
    assert all(name.startswith("Barack/") for name in before)
    ended = command("audit", "--result", gallery.folder, "--apply")
    assert "left, since you named the folder" in ended.out
    assert "0 faces were moved" in ended.out
    assert gallery.pictures() == before


def test_a_folder_that_is_not_there_is_told_and_not_made(command, tmp_path):
    ended = command("audit", "--result", tmp_path / "none", "--apply")
    assert ended.code == 1
    assert not (tmp_path / "none").exists()
