"""Faces to choose from are spread, and who is recommended is near to what was picked."""

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
from face_classifier.photos.lookalike.picks import find_picks
from face_classifier.photos.lookalike.recommend import Pick, caution, centre, picture, recommend
from face_classifier.photos.lookalike.rounds import Rounds

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


def test_a_round_shows_one_of_each_kind_and_nobody_twice():
    gallery = a_gallery(80)
    rounds = Rounds(gallery, 6, 8, seed=5)
    shown: list[int] = []
    for turn in range(rounds.total):
        numbers = rounds.offer(turn)
        shown += numbers
        if turn < 2:
            assert len({family(gallery.people[number]) for number in numbers}) == 8
        rounds.pick(turn, numbers[0])
    assert len(shown) == len(set(shown)) == 48


def test_later_rounds_look_nearer_to_what_was_picked():
    gallery = a_gallery(400)
    rounds = Rounds(gallery, 6, 8, seed=5)
    for turn in range(6):
        numbers = rounds.offer(turn)
        kin = [number for number in numbers if family(gallery.people[number]) == "3"]
        if turn >= 2:
            assert len(kin) >= 2, "there are more of the picked family than a plain spread shows"
        rounds.pick(turn, kin[0])


def test_the_same_seed_shows_the_same_faces_and_another_seed_others():
    def faces(seed: int) -> list[int]:
        rounds = Rounds(a_gallery(80), 3, 8, seed)
        for turn in range(3):
            rounds.pick(turn, rounds.offer(turn)[0])
        return [number for turn in range(3) for number in rounds.offer(turn)]

    assert faces(1) == faces(1)
    assert faces(1) != faces(2)


def test_people_who_are_all_the_same_picture_still_fill_a_round():
    gallery = PhotoGallery([a_person(f"twin_{number}", np.eye(128)[:1]) for number in range(20)], "sface", 20)
    assert len(set(Rounds(gallery, 2, 8, seed=1).offer(0))) == 8


@pytest.mark.parametrize("people", [2, 3, 5, 10])
def test_a_small_gallery_repeats_faces_but_no_picked_one_and_leaves_somebody_to_recommend(people: int):
    gallery = a_gallery(people)
    rounds = Rounds(gallery, 20, 8, seed=1)
    for turn in range(rounds.total):
        numbers = rounds.offer(turn)
        assert 2 <= len(numbers) == len(set(numbers))
        assert not {pick.name for pick in rounds.picks} & {gallery.people[number].name for number in numbers}
        rounds.pick(turn, numbers[-1])
    assert len(recommend(gallery, rounds.picks, 7).results) == 1


def test_one_person_or_one_choice_is_told():
    with pytest.raises(UserError, match="nobody but person_0_000"):
        Rounds(a_gallery(1), 6, 8, seed=1)
    with pytest.raises(UserError, match="--choices is 1"):
        Rounds(a_gallery(9), 6, 1, seed=1)


def test_another_answer_takes_back_the_rounds_after_it_and_the_same_answer_does_not():
    rounds = Rounds(a_gallery(80), 4, 8, seed=1)
    for turn in range(3):
        rounds.pick(turn, rounds.offer(turn)[0])
    before = [pick.name for pick in rounds.picks]

    rounds.pick(1, rounds.offer(1)[0])
    assert [pick.name for pick in rounds.picks] == before
    rounds.pick(1, rounds.offer(1)[1])
    assert rounds.answered == 2
    assert rounds.picks[0].name == before[0]
    assert rounds.picks[1].name != before[1]
    rounds.pick(0, None)
    assert (rounds.answered, rounds.picks) == (1, [])


def test_what_is_not_offered_cannot_be_picked():
    rounds = Rounds(a_gallery(80), 4, 8, seed=1)
    stranger = next(number for number in range(80) if number not in rounds.offer(0))
    with pytest.raises(ValueError, match="not offered"):
        rounds.pick(0, stranger)
    with pytest.raises(ValueError, match="cannot be offered"):
        rounds.offer(1)
    with pytest.raises(ValueError, match="cannot be offered"):
        rounds.pick(2, None)


def test_it_finds_nearer_people_than_random_choices_do():
    """A simulated user with a hidden taste takes the nearest of the faces shown."""
    random = np.random.default_rng(2)
    middles = random.normal(size=(25, 128))
    everybody = unit(middles[random.integers(25, size=400)] + random.normal(size=(400, 128)))
    gallery = PhotoGallery([a_person(f"p{number:03}", one[None]) for number, one in enumerate(everybody)], "sface", 400)
    ranks: dict[str, list[float]] = {"rounds": [], "random": []}
    for seed in range(30):
        taste = everybody[random.choice(400, 3, replace=False)].mean(axis=0)
        distances = np.linalg.norm(everybody - taste, axis=1)
        rounds = Rounds(gallery, 6, 8, seed)
        for turn in range(6):
            rounds.pick(turn, min(rounds.offer(turn), key=lambda number: distances[number]))
        chances = random.choice(400, (6, 8), replace=False)
        by_chance = picks_of(gallery, *(min(chance, key=lambda number: distances[number]) for chance in chances))
        order = {gallery.people[number].name: rank for rank, number in enumerate(np.argsort(distances))}
        for kind, picks in (("rounds", rounds.picks), ("random", by_chance)):
            ranks[kind] += [order[one.person.name] for one in recommend(gallery, picks, 7).results]
    assert np.mean(ranks["rounds"]) < 0.9 * np.mean(ranks["random"])


def test_picks_are_paths_names_of_files_and_people(tmp_path: Path):
    people = [
        Person(name, tuple(Portrait(str(tmp_path / name / file), np.eye(128)[row], TILE) for row, file in files))
        for name, files in (
            ("Ann, Bo", [(0, "a.jpg"), (1, "same.jpg")]),
            ("김연아", [(2, "same.jpg")]),
        )
    ]
    gallery = PhotoGallery(people, "sface", 3)

    def found(*given: str) -> list[tuple[str, str]]:
        picks = find_picks(given, gallery, str(tmp_path), NEVER)
        return [(pick.name, Path(pick.portrait.photo).name) for pick in picks]

    assert found(str(tmp_path / "김연아" / "same.jpg")) == [("김연아", "same.jpg")]
    assert found("Ann, Bo/same.jpg", "a.jpg") == [("Ann, Bo", "same.jpg"), ("Ann, Bo", "a.jpg")]
    assert found("a.jpg, 김연아") == [("Ann, Bo", "a.jpg"), ("김연아", "same.jpg")]
    (whole,) = find_picks(["Ann, Bo"], gallery, None, NEVER)
    np.testing.assert_allclose(whole.encoding, centre(people[0]))
    with pytest.raises(UserError, match=r"2 photos of the gallery are called same\.jpg; .*김연아"):
        found("same.jpg")
    with pytest.raises(UserError, match="no photo and no person of the gallery is called Ann, and"):
        found("Ann,a.jpg")


@pytest.mark.parametrize("word", ["cameron diaz", "Cameron_Dias", "CAMERON_DIAZ"])
def test_who_may_have_been_meant_is_told(word: str):
    people = [a_person(name, np.eye(128)[:1]) for name in ("Anna", "Bill_Gates", "Cameron_Diaz")]
    with pytest.raises(UserError, match="name of a person, such as Cameron_Diaz, or the path"):
        find_picks([word], PhotoGallery(people, "sface", 3), None, NEVER)
    with pytest.raises(UserError, match="name of a person or the path"):
        find_picks(["Qqq"], PhotoGallery(people, "sface", 3), None, NEVER)


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
