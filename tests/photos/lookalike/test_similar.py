"""Look-alikes: every face in every photo is answered, the right person first, and likeness means what it says."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Listener
from conftest import Gallery as ResultFolder

from face_classifier.core.types import Box, Image
from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.photos.finder import PhotoFace
from face_classifier.photos.index import Photo
from face_classifier.photos.lookalike import people as portraits
from face_classifier.photos.lookalike import similar
from face_classifier.photos.lookalike.people import Person, PhotoGallery, Portrait

Command = Callable[..., Ended]
PhotoFolder = Callable[..., Path]
OBAMA, AGAIN, OLD, BIDEN = "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"
TILE = cv2.imencode(".jpg", np.zeros((160, 160, 3), np.uint8))[1].tobytes()


@pytest.fixture
def folder(photo_folder: PhotoFolder) -> Path:
    """A gallery of two people."""
    return photo_folder({"버락/1.jpg": OBAMA, "버락/2.jpg": AGAIN, "Joe.jpg": BIDEN})


@pytest.fixture
def me(photo_folder: PhotoFolder) -> Path:
    """A photo that the gallery does not have."""
    return photo_folder({"me.jpg": OLD}, name="mine") / "me.jpg"


def encoding(*values: float) -> np.ndarray:
    return np.array([*values, *[0.0] * (128 - len(values))])


def portrait(name: str, *values: float) -> Portrait:
    return Portrait(name, encoding(*values), TILE, content=name)


def query(*values: float, content: str = "mine") -> Photo:
    return Photo("me.jpg", content, (100, 100), (PhotoFace(Box(0, 10, 10, 0), encoding(*values), 1.0, TILE),))


def ranked(gallery: PhotoGallery, photo: Photo, k: int = 9) -> list[str]:
    (ranking,) = similar.search(gallery, [photo], k)
    return [result.name for result in ranking.results]


# The search


def test_the_ranking_is_by_the_average_and_by_name_where_that_is_equal():
    people = [
        Person("a", (portrait("a1", 1.0), portrait("a2", 5.0))),
        Person("b", (portrait("b1", 2.0),)),
        Person("c", (portrait("c1", -2.0),)),
        Person("d", (portrait("d1", 0.5),)),
    ]
    gallery = PhotoGallery(people, "sface", 5)
    (ranking,) = similar.search(gallery, [query()], 9)
    assert [(one.name, one.portrait.photo, one.distance) for one in ranking.results] == [
        ("d", "d1", 0.5),
        ("b", "b1", 2.0),
        ("c", "c1", 2.0),
        ("a", "a1", 3.0),
    ]
    assert ranked(gallery, query(), 2) == ["d", "b"]


def test_a_photo_of_the_gallery_is_not_its_own_look_alike():
    people = [
        Person("a", (portrait("a1", 1.0), portrait("a2", 3.0))),
        Person("b", (portrait("b1", 2.0),)),
    ]
    gallery = PhotoGallery(people, "sface", 3)
    (ranking,) = similar.search(gallery, [query(1.0, content="a1")], 9)
    assert [(one.name, one.portrait.photo, one.distance) for one in ranking.results] == [
        ("b", "b1", 1.0),
        ("a", "a2", 2.0),
    ]
    assert ranked(gallery, query(2.0, content="b1")) == ["a"]
    assert ranked(gallery, query(2.0)) == ["a", "b"]


def test_a_gallery_of_nobody_but_the_asked_one_has_no_answer():
    gallery = PhotoGallery([Person("a", (portrait("a1", 1.0),))], "sface", 1)
    rankings = similar.search(gallery, [query(1.0, content="a1"), query(2.0)], 9)
    assert [len(ranking.results) for ranking in rankings] == [0, 1]
    (sentence,) = similar.unanswered(rankings)
    assert "besides me.jpg itself" in sentence


@pytest.mark.parametrize("encoder", ["dlib", "sface"])
def test_likeness_is_even_where_one_person_is_as_likely_as_two_and_falls_with_the_distance(encoder: str):
    space = BY_ENCODER[encoder]
    assert space.likeness(space.as_likely) == pytest.approx(0.5)
    falling = [space.likeness(distance) for distance in np.linspace(0, 2, 20)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > 0.999
    assert falling[-1] < 0.001


def test_likeness_is_true_of_photos_that_nobody_fitted_it_on(data: Path, tmp_path: Path):
    people = {}
    for person in sorted((data / "tv_bbt_crops").glob("[a-z]*")):
        for photo in sorted(person.glob("*.png"))[:6]:
            people[f"{person.name}/{photo.name}"] = photo
    for name, photo in people.items():
        (tmp_path / "tv" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, tmp_path / "tv" / name)
    gallery = portraits.open_gallery(str(tmp_path / "tv"), None, None, Listener(), threading.Event())
    said: dict[bool, list[float]] = {True: [], False: []}
    for person in gallery.people:
        for one in person.portraits:
            asked = replace(
                query(content=str(one.content)), faces=(PhotoFace(Box(0, 1, 1, 0), one.encoding, 1.0, TILE),)
            )
            for result in similar.search(gallery, [asked], 9)[0].results:
                said[result.name == person.name].append(result.likeness)
    assert np.mean(said[True]) > 85
    assert np.mean(said[False]) < 5


# The command


def test_each_face_of_each_photo_is_answered_as_json(
    command: Command, folder: Path, me: Path, photo_folder: PhotoFolder, closeups: dict[str, Image]
):
    both = photo_folder({"both.jpg": np.hstack([closeups[BIDEN], closeups[OLD]])}, name="more")
    ended = command("similar", me, both, "--gallery", folder, "--json")
    assert (ended.code, ended.err) == (0, "")
    answers = json.loads(ended.out)
    assert [set(answer) for answer in answers] == [{"query", "box", "results"}] * 3
    assert [answer["query"] for answer in answers] == [str(me), *[f"{both}/both.jpg"] * 2]
    assert [answer["results"][0]["name"] for answer in answers] == ["버락", "Joe", "버락"]
    first = answers[0]["results"][0]
    assert set(first) == {"name", "photo", "distance", "likeness"}
    assert Path(first["photo"]).is_file()
    assert first["likeness"] > 95 > 5 > answers[0]["results"][1]["likeness"]
    top, right, bottom, left = answers[1]["box"]
    assert 0 <= left < right <= 240
    assert 0 <= top < bottom <= 240


def test_the_table_tells_which_face_it_is(
    command: Command, folder: Path, me: Path, photo_folder: PhotoFolder, closeups: dict[str, Image]
):
    lines = command("similar", me, "--gallery", folder, "-k", 1).out.splitlines()
    assert [line.split()[:2] for line in lines] == [["rank", "name"], ["1", "버락"]]
    both = photo_folder({"both.jpg": np.hstack([closeups[BIDEN], closeups[OLD]])}, name="more")
    out = command("similar", both, "--gallery", folder).out
    assert "both.jpg, face 1 of 2, at " in out
    assert "both.jpg, face 2 of 2, at " in out


def test_a_photo_of_no_use_costs_a_sentence_and_the_others_are_answered(
    command: Command, folder: Path, me: Path, photo_folder: PhotoFolder
):
    blank = np.full((64, 64, 3), 128, np.uint8)
    bad = photo_folder({f"{number:02}.jpg": blank for number in range(25)} | {"torn.jpg": b"no picture"}, name="bad")
    ended = command("similar", bad, me, "nowhere.jpg", "--gallery", folder, "--json")
    assert ended.code == 1
    assert [answer["query"] for answer in json.loads(ended.out)] == [str(me)]
    told = ended.err.splitlines()
    assert [line.split()[0] for line in told].count("face-classifier:") == 3
    assert "no face was found in 25 of 27 photos" in ended.err
    assert all(any(str(path) in line for line in told) for path in [*bad.iterdir(), "nowhere.jpg"])


def test_only_what_was_named_or_that_nothing_was_answered_fails(
    command: Command, folder: Path, me: Path, photo_folder: PhotoFolder
):
    bad = photo_folder({"torn.jpg": b"no picture"}, name="bad")
    assert command("similar", bad, me, "--gallery", folder).code == 0
    assert command("similar", bad, "--gallery", folder).code == 1
    ended = command("similar", bad / "torn.jpg", me, "--gallery", folder)
    assert (ended.code, ended.err.count("\n")) == (1, 1)


def test_all_photos_of_the_gallery_that_are_of_no_use_are_listed(command: Command, me: Path, photo_folder: PhotoFolder):
    blank = np.full((64, 64, 3), 128, np.uint8)
    folder = photo_folder({"Joe.jpg": BIDEN} | {f"{number:02}.jpg": blank for number in range(30)})
    ended = command("similar", me, "--gallery", folder)
    assert ended.code == 0
    assert "30 of 31 photos" in ended.err
    assert [f"{number:02}.jpg" for number in range(30)] == [line.strip() for line in ended.err.splitlines()[1:]]


def test_the_photos_are_not_needed_once_they_are_indexed(command: Command, folder: Path, me: Path, tmp_path: Path):
    index = tmp_path / "index"
    before = json.loads(command("similar", me, "--gallery", folder, "--index", index, "--json").out)
    shutil.rmtree(folder)
    after = json.loads(command("similar", me, "--index", index, "--json", "--picture", tmp_path / "out.png").out)
    for answer in (*before, *after):
        for result in answer["results"]:
            result["photo"] = Path(result["photo"]).name
    assert after == before
    assert cv2.imread(str(tmp_path / "out.png")) is not None


def test_a_face_of_a_result_folder_is_asked_about_without_itself(command: Command, gallery: ResultFolder):
    gallery.see(OBAMA, AGAIN, BIDEN)
    for face, name in zip(gallery.pictures(), ("Barack", "Barack", "Joe"), strict=True):
        gallery.move(gallery.folder / face, name)
    asked = sorted((gallery.folder / "Barack").iterdir())[0]
    (answer,) = json.loads(command("similar", asked, "--gallery", gallery.folder, "--json").out)
    assert answer["results"][0]["name"] == "Barack"
    assert answer["results"][0]["photo"] != str(asked)


def test_a_photo_that_is_its_own_gallery_is_told(command: Command, photo_folder: PhotoFolder, tmp_path: Path):
    folder = photo_folder({"Me.jpg": OBAMA})
    drawn = tmp_path / "out.png"
    ended = command("similar", folder / "Me.jpg", "--gallery", folder, "--json", "--picture", drawn)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "nobody is left in the gallery" in ended.err
    assert json.loads(ended.out)[0]["results"] == []
    assert drawn.is_file()
    assert command("similar", folder / "Me.jpg", "--gallery", folder).out == ""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--picture", "x.png", "--map", "./x.png"), "--map and --picture are both ./x.png"),
        (("--picture", "x.bmp"), "--picture is 'x.bmp'"),
        (("--map", "x"), "--map is 'x'"),
    ],
)
def test_files_that_cannot_be_drawn_into_are_told_before_any_work(
    command: Command, options: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(portraits, "open_gallery", pytest.fail)
    ended = command("similar", "me.jpg", "--gallery", "somewhere", *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert told in ended.err


@pytest.mark.parametrize("arguments", [(), ("me.jpg",), ("me.jpg", "--gallery", "nowhere")])
def test_what_is_missing_is_told(command: Command, arguments: tuple[str, ...]):
    ended = command("similar", *arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1 if "--gallery" in arguments else 2, "", 1)


def test_a_wrong_number_of_people_is_told(command: Command, folder: Path, me: Path):
    assert "-k is '0'" in command("similar", me, "--gallery", folder, "-k", 0).err


# Pictures


def test_the_picture_has_a_row_for_each_face(
    command: Command, folder: Path, me: Path, photo_folder: PhotoFolder, closeups: dict[str, Image], tmp_path: Path
):
    both = photo_folder({"both.jpg": np.hstack([closeups[BIDEN], closeups[OLD]])}, name="more")
    command("similar", me, "--gallery", folder, "--picture", tmp_path / "one.png")
    command("similar", both, "--gallery", folder, "--picture", tmp_path / "two.png")
    one, two = (cv2.imread(str(tmp_path / name)) for name in ("one.png", "two.png"))
    assert two.shape == (2 * one.shape[0], one.shape[1], 3)
    assert command("similar", me, "--gallery", folder, "--picture", tmp_path / "no" / "x.png").err.count("\n") == 1


def test_the_map_has_the_gallery_and_the_asked_face(command: Command, folder: Path, me: Path, tmp_path: Path):
    pytest.importorskip("sklearn", reason="the extra `plots` is not installed")
    ended = command("similar", me, "--gallery", folder, "--map", tmp_path / "map.png")
    assert (ended.code, ended.err) == (0, "")
    assert len(np.unique(cv2.imread(str(tmp_path / "map.png")).reshape(-1, 3), axis=0)) > 1000


def test_the_map_has_a_photo_once_that_is_of_the_gallery_too(monkeypatch: pytest.MonkeyPatch):
    people = [Person("a", (portrait("a1", 1.0), portrait("a2", 3.0))), Person("b", (portrait("b1", 2.0),))]
    gallery = PhotoGallery(people, "sface", 3)
    labels: list[str] = []
    monkeypatch.setattr(
        "face_classifier.display.face_map.draw_plane",
        lambda *args: labels.extend(args[3]),
    )
    similar.map_picture(gallery, similar.search(gallery, [query(1.0, content="a1")], 9))
    assert labels == ["me.jpg", "a", "b"]
