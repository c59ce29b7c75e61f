"""Who is recommended is near to what was picked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.photos.lookalike.people import Person, PhotoGallery, Portrait
from face_classifier.photos.lookalike.recommend import Pick, caution, picture, recommend

TILE = cv2.imencode(".jpg", np.full((160, 160, 3), 90, np.uint8))[1].tobytes()
NEVER = pytest.fail  # in place of what finds faces, where there is none to find


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def a_person(name: str, encodings: np.ndarray) -> Person:
    return Person(
        name, tuple(Portrait(f"photos/{name}/{number}.jpg", one, TILE) for number, one in enumerate(encodings))
    )


def a_gallery(people: int, families: int = 8, photos: int = 1) -> PhotoGallery:
    """People of families of twins, `person_<family>_<number>`."""
    random = np.random.default_rng(1)
    middles = unit(random.normal(size=(families, 128)))
    whole = [
        a_person(f"person_{number % families}_{number:03}", unit(middle + random.normal(0, 0.03, (photos, 128))))
        for number, middle in ((number, middles[number % families]) for number in range(people))
    ]
    return PhotoGallery(sorted(whole, key=lambda person: person.name), "sface", people)


def family(person: Person | None) -> str:
    assert person is not None
    return person.name.split("_")[1]


def picks_of(gallery: PhotoGallery, *numbers: int) -> list[Pick]:
    portraits = [(gallery.people[number], gallery.people[number].portraits[0]) for number in numbers]
    return [Pick(person, portrait, portrait.encoding) for person, portrait in portraits]


def test_the_nearest_people_to_the_average_of_the_picks_are_recommended_and_no_picked_one():
    gallery = a_gallery(40)
    picks = picks_of(gallery, 0, 1)  # of one family, which has five

    recommended = recommend(gallery, picks, 7)

    names = [one.person.name for one in recommended.results]
    assert names[:3] == sorted(names[:3], key=names.index)
    assert [family(one.person) for one in recommended.results[:3]] == ["0", "0", "0"]
    assert len(names) == 7
    assert not {pick.name for pick in picks} & set(names)
    average = (picks[0].encoding + picks[1].encoding) / 2
    for one in recommended.results:
        assert one.distance == pytest.approx(np.linalg.norm(one.person.average - average))
    distances = [one.distance for one in recommended.results]
    assert distances == sorted(distances)


def test_people_with_many_photos_are_not_recommended_for_that_alone():
    """The average of several photos is shorter, and would be nearer to any average of strangers."""
    random = np.random.default_rng(3)
    axes = np.eye(128)
    alike = unit(axes[:2].sum(axis=0) + 0.5 * axes[2])[None]
    many = unit(axes[5] + random.normal(0, 0.2, (12, 128)))
    gallery = PhotoGallery([a_person("alike", alike), a_person("many", many)], "sface", 13)
    picks = [Pick(None, Portrait("x.jpg", one, TILE), one) for one in axes[:5]]

    assert recommend(gallery, picks, 1).results[0].person.name == "alike"
    average = np.mean(axes[:5], axis=0)
    assert np.linalg.norm(gallery.people[1].average - average) < np.linalg.norm(gallery.people[0].average - average)


def test_nothing_picked_and_everybody_picked_are_told():
    gallery = a_gallery(3)
    with pytest.raises(UserError, match="nothing was picked"):
        recommend(gallery, [], 7)
    with pytest.raises(UserError, match=r"all people of the gallery \(3\)"):
        recommend(gallery, picks_of(gallery, 0, 1, 2), 7)


def test_picks_with_little_in_common_are_told():
    gallery = a_gallery(40)
    alike = recommend(gallery, picks_of(gallery, 0, 1, 2), 7)  # of one family
    mixed = recommend(gallery, picks_of(gallery, 0, 7, 14), 7)
    assert caution(gallery, alike) is None
    assert "little in common" in str(caution(gallery, mixed))
    assert caution(gallery, recommend(gallery, picks_of(gallery, 0), 7)) is None


def test_the_picture_has_the_picked_above_the_recommended_in_any_script():
    people = [*a_gallery(10).people, a_person("김연아 ادم 🙂", np.eye(128)[:1])]
    gallery = PhotoGallery(people, "sface", 11)
    drawn = picture(recommend(gallery, picks_of(gallery, *range(9), 10), 7), pytest.fail)
    assert drawn.dtype == np.uint8
    assert drawn.shape[1] > 10 * 160
    assert drawn.shape[0] > 2 * 160


def test_a_portrait_whose_photo_is_gone_is_told_and_dark(tmp_path: Path):
    gone = [
        Person(name, (Portrait(str(tmp_path / f"{name}.png"), np.eye(128)[row], None),))
        for row, name in enumerate(("a", "b"))
    ]
    told: list[str] = []
    gallery = PhotoGallery(gone, "dlib", 2)
    picture(recommend(gallery, picks_of(gallery, 0), 7), told.append)
    assert len(told) == 2
    assert "a.png" in told[0]


@pytest.fixture
def presidents(closeups: dict[str, Image], tmp_path: Path) -> Path:
    folder = tmp_path / "gallery"
    (folder / "오바마").mkdir(parents=True)
    cv2.imwrite(str(folder / "오바마" / "one.png"), closeups["obama.jpg"])
    cv2.imwrite(str(folder / "Biden.png"), closeups["biden.jpg"])
    cv2.imwrite(str(tmp_path / "elsewhere.png"), closeups["obama2.jpg"])
    return folder


def test_the_command_recommends_for_picks_without_a_page(
    command: Callable, presidents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("webbrowser.open", pytest.fail)
    drawn = tmp_path / "out.png"

    ended = command("recommend", "--gallery", presidents, "--picks", "오바마", "--picture", drawn, "--json")

    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["picks"] == [{"name": "오바마", "photo": str(presidents / "오바마" / "one.png")}]
    (result,) = told["results"]
    assert (result["name"], result["photo"]) == ("Biden", str(presidents / "Biden.png"))
    assert 0.5 < result["distance"] < 2
    assert cv2.imread(str(drawn)) is not None

    ended = command("recommend", "--gallery", presidents, "--picks", tmp_path / "elsewhere.png", "-k", "1")
    assert ended.code == 0, ended.err
    header, line = ended.out.splitlines()
    assert header.split() == ["rank", "name", "distance", "photo"]
    assert line.split()[:2] == ["1", "오바마"], "another photo of the same man is nearest"


def test_a_copy_of_a_photo_of_the_gallery_is_that_person(command: Callable, presidents: Path, tmp_path: Path):
    copied = tmp_path / "copy.png"
    copied.write_bytes((presidents / "Biden.png").read_bytes())
    ended = command("recommend", "--gallery", presidents, "--picks", copied, "--json")
    assert json.loads(ended.out)["picks"] == [{"name": "Biden", "photo": str(presidents / "Biden.png")}]


def test_the_command_tells_bad_picks_in_one_sentence(command: Callable, presidents: Path, tmp_path: Path):
    blank, clip = tmp_path / "blank.png", tmp_path / "clip.mp4"
    clip.touch()
    cv2.imwrite(str(blank), np.full((200, 200, 3), 200, np.uint8))
    for pick, said in (
        (blank, "no face was found in"),
        ("nobody", "is called nobody"),
        (",", "nothing was picked"),
        (clip, "is a video"),
    ):
        ended = command("recommend", "--gallery", presidents, "--picks", pick)
        assert (ended.code, ended.out) == (1, "")
        assert said in ended.err
        assert len(ended.err.splitlines()) == 1
