"""`replay`: what another threshold would change, without the video."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from face_classifier.core.types import Face, Sighting
from face_classifier.curate.questions.replay import Change, Replayed, lines, replay
from face_classifier.identity.grouping.rule import DLIB
from face_classifier.identity.person_db import PersonDB

CLIP = ("obama.jpg", "biden.jpg", "obama2.jpg", "obama3.jpg")


@pytest.fixture
def sighting(faces: dict[str, Face]):
    """Makes a sighting of a photograph."""

    def make(number: int, name: str, person: str | None, **more: object) -> Sighting:
        return Sighting(number, f"{name}{number}", person, None, encoding=faces[name].encoding, **more)

    return make


def replayed(*faces: Sighting, threshold: float = 0.46, rule=None, founding: int = 2, cannot_links=()) -> Replayed:
    return replay(faces, cannot_links, (), PersonDB(threshold, spread=0.5, founding=founding), rule)


def test_the_same_settings_change_nothing(gallery, command):
    gallery.see(*CLIP)
    ended = command("replay", "--result", gallery.folder)
    assert ended == (0, "threshold 0.46: 0 of 4 faces would change; 1 person now, 1 then\n", "")


def test_a_stricter_threshold_tells_who_would_be_unknown(gallery, command):
    gallery.see(*CLIP)
    names = sorted(path.stem for path in (gallery.folder / "person_01").iterdir())
    ended = command("replay", "--result", gallery.folder, "--threshold", "0.1")
    assert ended.out.splitlines() == [
        "threshold 0.1: 3 of 4 faces would change; 1 person now, 0 then",
        f"person_01 -> unknown, 3: {', '.join(names)}",
    ]


def test_the_same_input_gives_the_same_bytes_and_changes_nothing(gallery, command):
    gallery.see(*CLIP)
    before = gallery.pictures()
    shutil.copytree(gallery.folder, gallery.folder.with_name("copy"))
    told = {
        command("replay", "--result", folder, "--threshold", "0.3").out
        for folder in (gallery.folder, gallery.folder, gallery.folder.with_name("copy"))
    }
    assert len(told) == 1
    assert gallery.pictures() == before


def test_a_renamed_person_is_the_same_person(gallery, command):
    gallery.see(*CLIP)
    (gallery.folder / "person_01").rename(gallery.folder / "Barack")
    assert ": 0 of 4 faces would change" in command("replay", "--result", gallery.folder).out


def test_people_are_matched_by_most_of_their_faces_whatever_their_numbers(sighting):
    faces = [
        sighting(1, "biden.jpg", "person_07"),
        sighting(2, "obama.jpg", "person_02"),
        sighting(3, "biden.jpg", "person_07"),
        sighting(4, "obama.jpg", "person_02"),
        sighting(5, "obama.jpg", "person_07"),
    ]
    assert replayed(*faces).changes == [Change("person_07", "person_02", ("obama.jpg5",))]


def test_a_person_that_there_is_not_yet_is_called_new(sighting):
    faces = [sighting(1, "biden.jpg", None), sighting(2, "biden.jpg", None), sighting(3, "obama.jpg", None)]
    assert replayed(*faces).changes == [Change(None, "new person 1", ("biden.jpg1", "biden.jpg2"))]


def test_what_the_user_placed_stays(sighting):
    faces = [
        sighting(1, "biden.jpg", "Joe", corrected=True),
        sighting(2, "obama.jpg", "Joe", corrected=True),
        sighting(3, "obama.jpg", None, pinned=True),
        sighting(4, "obama.jpg", None, pinned=True),
    ]
    assert replayed(*faces, rule=DLIB).changes == []


def test_faces_are_decided_in_the_order_in_which_they_came(sighting):
    """A lone face waits until another comes, and is then of that person too."""
    faces = [sighting(1, "obama.jpg", "person_01"), sighting(2, "obama.jpg", "person_01")]
    assert replayed(*faces).changes == []
    assert replayed(faces[0]).changes == [Change("person_01", None, ("obama.jpg1",))]


def test_a_track_is_decided_as_one(sighting):
    faces = [sighting(number, "obama.jpg", "person_01", track=5) for number in (1, 2, 3)]
    assert replayed(*faces, founding=3).changes == []
    assert replayed(*faces, founding=5).people_then == 0


def test_tracks_that_shared_a_frame_stay_apart(sighting):
    faces = [sighting(number, "obama.jpg", "person_01", track=1 + number // 4) for number in range(1, 8)]
    assert replayed(*faces, founding=3, rule=DLIB).people_then == 1
    assert replayed(*faces, founding=3, rule=DLIB, cannot_links=[(1, 2)]).people_then == 2


def test_second_thoughts_have_the_last_word(sighting):
    """Online the tracks of one face each are too far; together they are one person."""
    dice = np.random.default_rng(0)
    one = sighting(1, "obama.jpg", "person_01")
    faces = [
        replace(one, id=number, face=f"{number}", encoding=one.encoding + dice.normal(0, 0.3 / 128**0.5, 128))
        for number in range(1, 7)
    ]
    assert replayed(*faces, threshold=0.2).people_then == 0
    assert replayed(*faces, threshold=0.2, rule=DLIB).people_then == 1


def test_a_face_without_an_encoding_is_refused():
    with pytest.raises(ValueError, match="no encoding"):
        replayed(Sighting(1, "a", None, None))


def test_the_words_name_the_faces_of_each_group(sighting):
    told = list(lines(replayed(sighting(1, "obama.jpg", "person_01")), 0.3))
    assert told == [
        "threshold 0.3: 1 of 1 face would change; 1 person now, 0 then",
        "person_01 -> unknown, 1: obama.jpg1",
    ]
