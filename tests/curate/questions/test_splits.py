"""A folder that holds two people: told, proposed with both halves, carried out as one entry, or refused for good."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Gallery

from face_classifier.core.types import Face, Sighting
from face_classifier.curate.questions.explain import explain
from face_classifier.curate.questions.splits import APART, ONE_FRAME, SAID, Split, split_of, splits
from face_classifier.gallery.past.journal import SECOND_THOUGHTS
from face_classifier.gallery.store import Store
from face_classifier.identity.calibrate import calibrated
from face_classifier.identity.grouping.halves import halves
from face_classifier.identity.grouping.rule import DLIB
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.tracks import parts

OBAMA, OBAMA_AGAIN, OBAMA_OLD, BIDEN = "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"
Command = Callable[..., Ended]
Shots = Callable[..., list[Sighting]]


@pytest.fixture
def shots(faces: dict[str, Face]) -> Shots:
    """Makes so many sightings of a photograph's face as a person's, as far apart as the frames of a clip are."""
    dice = np.random.default_rng(0)

    def make(count: int, name: str, person: str | None, first: int = 1, **more: object) -> list[Sighting]:
        return [
            Sighting(
                number, f"{name}{number}", person, None, position=float(number),
                encoding=faces[name].encoding + dice.normal(0, 0.1 / 128**0.5, 128), **more,
            )
            for number in range(first, first + count)
        ]  # fmt: skip

    return make


def nearer(one: Sighting, other: Sighting, share: float) -> Sighting:
    """The first face, moved by a share of the way to the second."""
    assert one.encoding is not None
    assert other.encoding is not None
    return replace(one, encoding=one.encoding + share * (other.encoding - one.encoding))


def people_in(group: tuple[Sighting, ...]) -> set[str]:
    return {face.face.partition(".")[0] for face in group}


# Finding


def test_two_people_whom_one_track_ties_are_found_by_the_own_distances_of_their_faces(shots: Shots):
    """Between the two are faces half-way, as in a blend, so that the track is torn nowhere."""
    obama, biden = shots(6, OBAMA, "A", track=1), shots(4, BIDEN, "A", 9, track=1)
    between = [nearer(face, biden[0], 0.5) for face in shots(2, OBAMA, "A", 7, track=1)]
    faces = [*obama, *between, *biden]
    assert len(set(parts(faces, DLIB.track))) == 1
    assert split_of(obama, [], [], DLIB) is None
    split = split_of(faces, [], [], DLIB)
    assert split is not None
    assert split.why == APART
    assert {face.id for face in split.groups[0]} >= {face.id for face in obama}
    assert {face.id for face in split.groups[1]} >= {face.id for face in biden}


def test_real_photographs_of_one_person_are_no_two_people(faces: dict[str, Face]):
    names = [OBAMA, OBAMA_AGAIN, OBAMA_OLD, "obama_partial_face.jpg", "obama_partial_face2.jpg"]
    encodings = np.array([faces[name].encoding for name in names for _ in range(3)])
    assert halves(encodings, np.ones(len(encodings)), DLIB) is None


def test_three_faces_of_somebody_else_are_enough_and_two_or_poor_ones_are_not(faces: dict[str, Face]):
    def found(biden: int, quality: float = 1.0) -> bool:
        names = [OBAMA] * 12 + [BIDEN] * biden
        encodings = np.array([faces[name].encoding for name in names])
        return halves(encodings, np.array([1.0] * 12 + [quality] * biden), DLIB) is not None

    assert found(3)
    assert not found(2)
    assert not found(3, quality=0.2)


def test_the_order_of_the_faces_changes_nothing(faces: dict[str, Face]):
    encodings = np.array([faces[name].encoding for name in [OBAMA, OBAMA_AGAIN, OBAMA_OLD] * 3 + [BIDEN] * 4])
    order = np.random.default_rng(5).permutation(len(encodings))
    one, other = (halves(some, np.ones(len(some)), DLIB) for some in (encodings, encodings[order]))
    assert one is not None
    assert other is not None
    assert one.first[order].tolist() == other.first.tolist()
    assert one.gap == pytest.approx(other.gap)


def test_whom_the_user_kept_apart_and_who_shared_a_frame_are_two_for_certain(shots: Shots):
    faces = [*shots(2, OBAMA, "A", track=1), *shots(1, OBAMA, "A", 3, track=2)]
    assert splits(faces, [], [], DLIB) == []
    (seen,) = splits(faces, [(1, 2)], [], DLIB)
    (said,) = splits(faces, [], [(1, 3)], DLIB)
    assert (seen.why, said.why) == (ONE_FRAME, SAID)
    assert seen.certain
    assert said.certain


def test_the_half_in_which_the_user_put_a_face_stays_and_so_does_that_face(shots: Shots):
    obama, biden = shots(6, OBAMA, "A"), shots(4, BIDEN, "A", 7)
    biden[0] = replace(biden[0], corrected=True)
    split = split_of([*obama, *biden], [], [], DLIB)
    assert split is not None
    assert [people_in(group) for group in split.groups] == [{"biden"}, {"obama"}]
    both = split_of([replace(obama[0], corrected=True), *obama[1:], *biden], [], [], DLIB)
    assert both is not None
    assert both.movable == ()


# Explaining


def _somebody(like: Sighting, number: int) -> list[Sighting]:
    """Four faces of a person more, .3 apart, far from everybody."""
    dice = np.random.default_rng(number)
    assert like.encoding is not None
    mean = like.encoding + dice.normal(0, 0.6 / 128**0.5, 128)
    return [
        replace(
            like, id=100 + 4 * number + face, track=None, person=f"person_1{number}",
            encoding=mean + dice.normal(0, 0.21 / 128**0.5, 128),
        )
        for face in range(4)
    ]  # fmt: skip


def explained(face: int, faces: list[Sighting], split: Split | None):
    known = calibrated(split.carried_out(faces) if split else faces, [], 0.5)
    return explain(face, faces, [], [], PersonDB(0.46, spread=0.5), 0.5, known, split)


def test_a_face_whose_track_holds_two_people_is_not_called_its_person_for_sure(shots: Shots):
    """Its track goes over a cut: every face of it lies in one folder."""
    obama, biden = shots(6, OBAMA, "person_01", track=1), shots(5, BIDEN, "person_01", 7, track=1)
    others = [face for number in range(10) for face in _somebody(obama[0], number)]
    faces = [*obama, *biden, *others]
    split = split_of([*obama, *biden], [], [], DLIB)
    assert split is not None
    told = explained(7, faces, split)
    assert told.probability is not None
    assert told.probability < 0.2
    assert told.folder is not None
    assert (told.folder.like, told.folder.unlike) == (4, 6)
    assert told.folder.to_like is not None
    assert told.folder.to_like < 0.2 < 0.6 < told.folder.to_unlike
    assert told.track is not None
    assert (told.track.like, told.track.unlike) == (4, 6)
    larger_half = explained(0, faces, split)
    assert larger_half.probability is not None
    assert larger_half.probability > 0.8


def test_two_in_a_folder_do_not_pass_for_what_the_distances_within_a_person_are_like(shots: Shots):
    """Their folder is most of the gallery: as it is, a face of the one would be as near to the other as to its own."""
    mixed = [*shots(12, OBAMA, "person_01"), *shots(10, BIDEN, "person_01", 20)]
    faces = [*mixed, *(face for number in range(3) for face in _somebody(mixed[0], number))]
    split = split_of(mixed, [], [], DLIB)
    assert split is not None
    as_it_is, parted = calibrated(faces, [], 0.5), calibrated(split.carried_out(faces), [], 0.5)
    assert as_it_is is not None
    assert parted is not None
    assert np.median(parted.same) < 0.2 < 0.3 < np.median(as_it_is.same)
    assert {face.id for face in split.carried_out(faces) if face.person == "person_01"} == set(range(1, 13))


def test_a_face_that_is_where_it_is_by_its_track_alone_is_told_with_its_own_distances(shots: Shots):
    face = nearer(*shots(1, OBAMA, "person_01", 9, track=1), shots(1, BIDEN, "x")[0], 0.55)
    faces = [*shots(4, OBAMA, "person_01", track=1), *shots(4, BIDEN, "person_02", 5, track=2), face]
    told = explained(8, faces, None)
    assert told.rule.startswith("it goes to person_01, whose face it was in the frames before and after (its track)")
    assert "for that alone: by itself it is" in told.rule
    assert told.rule.endswith("from person_02")
    assert explained(0, faces, None).rule.endswith("(its track)")


# Asking, carrying out, refusing


@pytest.fixture
def mixed(gallery: Gallery) -> Gallery:
    """person_01 has six faces of one man and, by the program, three of another; person_02 is gone."""
    for fingerprint in ("one clip", "another"):
        gallery.see(OBAMA, OBAMA_AGAIN, OBAMA_OLD, fingerprint=fingerprint)
    for fingerprint in "xyz":
        gallery.see(BIDEN, fingerprint=fingerprint)
    with Store(gallery.folder, writing=True) as store, store.past.entry(SECOND_THOUGHTS):
        store.move(
            [face.id for face in store.look(gallery.read_photo).faces if face.person == "person_02"], "person_01"
        )
    assert {path.split("/")[0] for path in gallery.pictures()} == {"person_01"}
    return gallery


def test_a_folder_of_two_people_is_asked_about_with_both_halves(
    mixed: Gallery, command: Command, closeups: dict, tmp_path: Path
):
    ended = command("suggest", "--result", mixed.folder, "--picture", tmp_path / "both.png")
    assert (ended.code, ended.err) == (0, "")
    head, stay, go = ended.out.splitlines()
    assert head.startswith("person_01 may be two, 6 and 3 faces: ")
    assert stay.startswith("    stay: ")
    assert go.startswith("    would go: ")
    drawn = cv2.imread(str(tmp_path / "both.png"))
    places = {}
    for name in (OBAMA, OBAMA_OLD, BIDEN):
        tile = cv2.resize(closeups[name], (112, 112), interpolation=cv2.INTER_AREA)
        _, _, (left, _), _ = cv2.minMaxLoc(cv2.matchTemplate(drawn, tile, cv2.TM_SQDIFF_NORMED))
        places[name] = left > drawn.shape[1] // 2
    assert places == {OBAMA: False, OBAMA_OLD: False, BIDEN: True}


def test_the_json_of_a_split_names_both_halves(mixed: Gallery, command: Command):
    (asked,) = json.loads(command("suggest", "--result", mixed.folder, "--json").out)
    assert asked["people"] == ["person_01"]
    assert asked["faces"] == [6, 3]
    assert len(asked["split"]["stay"]) == 6
    assert len(asked["split"]["go"]) == 3


def test_an_accepted_split_is_one_entry_that_holds_and_undo_takes_back(mixed: Gallery, command: Command):
    before = mixed.labels()
    entries = command("log", "--result", mixed.folder).out.count("\n")
    ended = command("suggest", "accept", "person_01", "--split", "--result", mixed.folder)
    assert ended == (0, "3 faces of person_01 moved to person_03\n", "")
    labels = mixed.labels()
    assert sorted(labels.values()) == ["person_01"] * 6 + ["person_03"] * 3
    log = command("log", "--result", mixed.folder).out
    assert log.count("\n") == entries + 1
    assert "command suggest accept --split" in log
    for _ in range(2):
        assert command("rethink", "--result", mixed.folder).out == "0 faces moved\n"
        assert command("suggest", "--result", mixed.folder).out.startswith("no two people")
    assert command("undo", "--result", mixed.folder).code == 0
    assert mixed.labels() == before
    assert command("suggest", "--result", mixed.folder).out.startswith("person_01 may be two, 6 and 3 faces")


def test_a_refused_split_is_never_proposed_again_unless_the_refusal_is_undone(mixed: Gallery, command: Command):
    before = mixed.labels()
    ended = command("suggest", "reject", "person_01", "--split", "--result", mixed.folder)
    assert ended == (0, "person_01 stays one person, with 9 faces\n", "")
    for _ in range(2):
        assert command("suggest", "--result", mixed.folder).out.startswith("no two people")
        assert command("rethink", "--result", mixed.folder).out == "0 faces moved\n"
    assert mixed.labels() == before
    assert "left, since you put faces of both there" in command("audit", "--result", mixed.folder).out
    ended = command("suggest", "accept", "person_01", "--split", "--result", mixed.folder)
    assert ended.code == 1
    assert "you put faces of both people into person_01" in ended.err
    assert command("undo", "--result", mixed.folder).code == 0
    assert command("suggest", "--result", mixed.folder).out.startswith("person_01 may be two")


def test_a_named_person_is_split_when_the_user_says_so_and_not_before(mixed: Gallery, command: Command):
    (mixed.folder / "person_01").rename(mixed.folder / "Barack")
    assert command("rethink", "--result", mixed.folder).out == "0 faces moved\n"
    assert command("suggest", "--result", mixed.folder).out.startswith("Barack may be two, 6 and 3 faces")
    assert command("suggest", "accept", "Barack", "--split", "--result", mixed.folder).code == 0
    assert sorted(mixed.labels().values()) == ["Barack"] * 6 + ["person_03"] * 3


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("accept", "person_01", "Joe", "--split"), 2, "--split is about one person"),
        (("reject", "person_01"), 2, "only one name is given"),
        (("accept", "Nobody", "--split"), 1, "there is no person 'Nobody'"),
        (("reject", "Nobody", "--split"), 1, "there is no person 'Nobody'"),
    ],
)
def test_wrong_words_about_a_split_are_told_in_one_sentence(
    gallery: Gallery, command: Command, words: tuple[str, ...], code: int, sentence: str
):
    gallery.see(OBAMA, OBAMA_AGAIN)
    ended = command("suggest", *words, "--result", gallery.folder)
    assert (ended.code, ended.out) == (code, "")
    assert sentence in ended.err
    assert ended.err.count("\n") == 1


def test_one_person_is_not_split(gallery: Gallery, command: Command):
    gallery.see(OBAMA, OBAMA_AGAIN, OBAMA_OLD)
    ended = command("suggest", "accept", "person_01", "--split", "--result", gallery.folder)
    assert ended.code == 1
    assert "the faces of person_01 look like one person's" in ended.err


def test_without_a_question_no_picture_is_drawn_and_that_is_said(gallery: Gallery, command: Command, tmp_path: Path):
    gallery.see(OBAMA, OBAMA_AGAIN)
    ended = command("suggest", "--result", gallery.folder, "--picture", tmp_path / "both.png")
    assert ended.out == f"no two people are near enough to be asked about, so {tmp_path / 'both.png'} is not drawn\n"
    assert not (tmp_path / "both.png").exists()
