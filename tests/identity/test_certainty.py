"""How little a face tells about who it is."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from face_classifier.core.types import Face, Sighting
from face_classifier.identity.certainty import SFACE_CERTAINTY, Certainty
from face_classifier.identity.grouping.people import UNKNOWN, second_thoughts
from face_classifier.identity.grouping.rule import SFACE
from face_classifier.identity.grouping.templates import templates
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.profiles import BY_ENCODER, PROFILES
from face_classifier.photos.albums.groups import Faces, group
from face_classifier.photos.finder import FaceFinder
from face_classifier.vision.engine import Engine, make_engine


def child(likeness: float, turn: int = 1) -> np.ndarray:
    """A point as child-like as that, in one of several directions that lie far from each other."""
    axis = SFACE_CERTAINTY.axis
    along = axis * (likeness - SFACE_CERTAINTY.constant) / (axis @ axis)
    aside = np.random.default_rng(turn).normal(size=128)
    aside -= axis * (aside @ axis) / (axis @ axis)
    return along + aside * 0.4 / np.linalg.norm(aside)


def sighting(number: int, encoding: np.ndarray, person: str | None) -> Sighting:
    return Sighting(number, str(number), person, None, encoding=encoding, track=number)


def test_presidents_cast_hardly_a_doubt(faces: dict[str, Face], engine: Engine):
    certainty = PROFILES[engine.made_by.space].rule.certainty
    assert certainty is not None
    found = [face for face in faces.values() if face.encoding is not None and (face.quality or 0) > 0.2]
    assert len(found) >= 4
    doubts = certainty.of_faces(np.array([face.encoding for face in found]), np.array([face.quality for face in found]))
    assert np.median(doubts) == 0
    assert doubts.max() < 0.015  # one of twenty adults is a little child-like


@pytest.mark.parametrize("encoder", BY_ENCODER)
def test_babies_cast_more_doubt_than_their_elders(data: Path, encoder: str):
    """`twins`: of photos of babies and of grown-ups a few, and all doubts of babies above those of the others."""
    finder = FaceFinder(make_engine("fast", None, 1.0, str, encoder))
    certainty = BY_ENCODER[encoder].rule.certainty
    assert certainty is not None

    def doubts(*names: str) -> np.ndarray:
        found = [face for name in names for face in finder.find(data / "twins" / name).faces]
        good = [face for face in found if (face.quality or 0) > 0.5]
        assert len(good) >= 2 * len(names)
        return certainty.of_faces(np.array([face.encoding for face in good]))

    babies, adults = doubts("t001.jpg", "t005.jpg", "t023.jpg"), doubts("t015.jpg", "t053.jpg", "t085.jpg")
    assert babies.min() > adults.max()
    assert babies.min() > 0.05
    assert np.median(adults) == 0


def test_babies_of_four_families_are_nobody_together(data: Path):
    finder = FaceFinder(make_engine("fast", None, 1.0, str, "sface"))
    names = ["t001.jpg", "t005.jpg", "t007.jpg", "t023.jpg"]
    with (data / "twins" / "_boxes.csv").open(encoding="utf-8") as file:
        assert sum(row["file"] in names for row in csv.DictReader(file)) == 8  # everybody is somebody else
    found = [(number, face) for number, name in enumerate(names) for face in finder.find(data / "twins" / name).faces]
    album = Faces(
        np.array([face.encoding for _, face in found]),
        np.array([face.quality for _, face in found]),
        np.array([number for number, _ in found]),
    )
    together = [len(one.faces) for one in group(album, SFACE) if one.is_valid]
    without = [len(one.faces) for one in group(album, replace(SFACE, certainty=None)) if one.is_valid]
    assert sum(together) <= 2
    assert sum(without) >= 6


def test_doubt_grows_from_where_adults_end():
    likeness = [-0.5, 0.0, 0.2, 0.22, 0.32, 0.72, 1.0]
    doubts = SFACE_CERTAINTY.of_faces(np.array([child(one) for one in likeness]))
    assert doubts == pytest.approx([0, 0, 0, 0, 0.027, 0.135, 0.2106], abs=1e-9)


def test_a_face_of_no_quality_casts_a_doubt_of_its_own():
    encodings = np.array([child(0.0), child(0.0), child(0.0), child(0.72)])
    doubts = SFACE_CERTAINTY.of_faces(encodings, np.array([0.0, 0.1, 0.2, 0.0]))
    assert doubts == pytest.approx([0.03, 0.015, 0.0, 0.135], abs=1e-9)


def test_two_share_the_lesser_doubt():
    assert SFACE_CERTAINTY.shared(child(0.72), child(0.32, 2)) == pytest.approx(0.027)
    assert SFACE_CERTAINTY.shared(child(0.72), child(0.0, 2)) == 0


@pytest.mark.parametrize(
    ("one", "other", "are_one"), [(0.0, 0.0, True), (0.7, 0.0, True), (0.7, 0.7, False), (0.5, 0.1, True)]
)
def test_second_thoughts_and_the_gallery_tell_apart_who_are_both_doubtful(one: float, other: float, are_one: bool):
    here, there = child(one), child(other, 2)
    there += (here - there) * (1 - 0.42 / np.linalg.norm(here - there))  # .42 apart; and a little less unlike
    points = np.array([here, there])
    doubt = SFACE.doubt(points, np.ones(2))
    label = second_thoughts(templates(points, np.ones(2), np.arange(2), doubt), rule=SFACE)
    assert (label.tolist() == [0, 0]) == are_one
    assert are_one or label.tolist() == [UNKNOWN, UNKNOWN]
    people = PersonDB(0.46, spread=0.5, founding=3, certainty=SFACE_CERTAINTY)
    people.add(sighting(1, here, "Ann"))
    assert (people.decide(there).person == "Ann") == are_one
    assert (np.linalg.norm(here - there) < people.limit("Ann", there)) == are_one  # as `recognize` tells it
    nobody = PersonDB(0.46, spread=0.5, founding=3, certainty=SFACE_CERTAINTY)
    nobody.add(sighting(1, here, None))
    assert bool(nobody.decide(there).partners) == are_one


def test_a_child_in_one_track_becomes_a_person_as_anybody_does():
    dice = np.random.default_rng(3)
    faces = child(0.8) + dice.normal(size=(5, 128)) * 0.01
    doubt = SFACE.doubt(faces, np.ones(5))
    assert doubt.min() > 0.1
    assert second_thoughts(templates(faces, np.ones(5), np.zeros(5, np.int64), doubt), rule=SFACE).tolist() == [0]
    people = PersonDB(0.46, spread=0.5, founding=3, certainty=SFACE_CERTAINTY)
    for number in range(2):
        people.add(Sighting(number, str(number), None, None, encoding=faces[number], track=7, quality=1.0))
    assert people.decide(faces[2], 7, 1.0).partners == (0, 1)


def test_without_a_certainty_nobody_casts_a_doubt():
    assert PersonDB(0.46).doubt(child(1.0)) == 0
    assert replace(SFACE, certainty=None).doubt(np.zeros((3, 2)), np.zeros(3)).tolist() == [0, 0, 0]
    assert SFACE.doubt(np.zeros((0, 128)), np.zeros(0)).shape == (0,)
    assert isinstance(BY_ENCODER["dlib"].rule.certainty, Certainty)
