"""Asking the user who is one, and remembering every answer: suggestions, corrections, second thoughts on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import pytest
from conftest import Ended, Gallery

from face_classifier.core.types import Image
from face_classifier.curate import ask
from face_classifier.gallery.store import Store

OBAMA, OBAMA_AGAIN, OBAMA_OLD, BIDEN = "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"
HALF, OTHER_HALF = "obama_partial_face.jpg", "obama_partial_face2.jpg"
Command = Callable[..., Ended]
Fill = Callable[[Mapping[str, Sequence[str]]], Path]


@pytest.fixture
def fill(closeups: dict[str, Image], tmp_path: Path, command: Command) -> Fill:
    """Puts photographs into folders: of people as the user would, of `unknowns` as the program has cut them."""

    def put(folders: Mapping[str, Sequence[str]]) -> Path:
        for folder, names in folders.items():
            (tmp_path / "result" / folder).mkdir(parents=True)
            for number, name in enumerate(names):
                stem = f"2024050{number + 1}_060708.000-0" if folder == "unknowns" else name.removesuffix(".jpg")
                assert cv2.imwrite(str(tmp_path / "result" / folder / f"{stem}.png"), closeups[name])
        Store(tmp_path / "result", writing=True).close()  # else it is no result folder yet
        return tmp_path / "result"

    return put


@pytest.fixture
def two_named(fill: Fill) -> Path:
    """One man under two names, and another one."""
    return fill({"Barack": [OBAMA, HALF], "Barry": [OBAMA_AGAIN], "Joe": [BIDEN]})


def content(folder: Path) -> dict[str, bytes]:
    """Every file but SQLite's and the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith((".lock", "faces.sqlite-"))
    }


def people(folder: Path) -> dict[str, list[str]]:
    return {path.name: sorted(file.stem for file in path.iterdir()) for path in folder.iterdir() if path.is_dir()}


def assert_one_sentence(ended: Ended, *words: str, code: int = 1) -> None:
    assert ended.code == code
    assert not ended.out
    assert ended.err.startswith("face-classifier: ")
    assert ended.err.count("\n") == 1
    assert all(word in ended.err for word in words)


# Suggestions


def test_suggest_lists_who_may_be_one_with_what_speaks_for_it(command: Command, two_named: Path):
    code, out, err = command("suggest", "--result", two_named)
    assert (code, err) == (0, "")
    head, pair = out.splitlines()
    assert head.startswith("Barack (2 faces) and Barry (1 face) may be one: distance 0.")
    assert head.endswith("below the limit")
    assert pair.strip().startswith(("obama and obama2: 0.", "obama_partial_face and obama2: 0."))


def test_suggest_says_when_there_is_nothing_to_ask(command: Command, fill: Fill):
    result = fill({"Barack": [OBAMA, HALF], "Joe": [BIDEN]})
    assert command("suggest", "--result", result).out == "no two people are near enough to be asked about\n"


def test_suggest_changes_nothing_and_works_while_another_process_runs(
    command: Command, two_named: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ask, "STARTING", 0.1)
    command("rethink", "--result", two_named)
    before = content(two_named)
    with Store(two_named, writing=True):
        assert "may be one" in command("suggest", "--result", two_named).out
        assert command("rethink", "--dry-run", "--result", two_named).out == "0 faces would move\n"
        for words in (("suggest", "accept", "Barack", "Barry"), ("rethink",)):
            assert_one_sentence(command(*words, "--result", two_named), "in use by", code=75)
    assert content(two_named) == before


def test_suggest_draws_both_side_by_side(command: Command, two_named: Path, tmp_path: Path, closeups: dict[str, Image]):
    code, _, err = command("suggest", "--result", two_named, "--picture", tmp_path / "both.png")
    assert (code, err) == (0, "")
    drawn = cv2.imread(str(tmp_path / "both.png"))
    height, width = drawn.shape[:2]
    assert width > 3 * height
    found = []
    for name in (OBAMA, HALF, OBAMA_AGAIN, BIDEN):
        tile = cv2.resize(closeups[name], (112, 112), interpolation=cv2.INTER_AREA)
        match = cv2.matchTemplate(drawn, tile, cv2.TM_SQDIFF_NORMED)
        _, _, (left, _), _ = cv2.minMaxLoc(match)
        found.append((float(match.min()) < 1e-4, left > width // 2))
    assert found[2] == (True, True)  # Barry, on the right
    assert sum(seen for seen, _ in found[:2]) == 1  # Barack's nearest, on the left
    assert not found[3][0]


def test_a_picture_that_cannot_be_written_is_told(command: Command, two_named: Path, tmp_path: Path):
    ended = command("suggest", "--result", two_named, "--picture", tmp_path / "nowhere" / "both.png")
    assert_one_sentence(ended, "both.png cannot be written")


def test_accepted_people_are_one_and_stay_one(command: Command, two_named: Path):
    ended = command("suggest", "accept", "Barack", "Barry", "--result", two_named)
    assert ended == (0, "Barry is Barack now; 1 face moved\n", "")
    assert people(two_named) == {"Barack": ["obama", "obama2", "obama_partial_face"], "Joe": ["biden"]}
    assert not list(two_named.glob("montage.Barry*"))
    assert command("suggest", "--result", two_named).out.startswith("no two people")
    assert command("rethink", "--result", two_named).out == "0 faces moved\n"


def test_of_two_accepted_people_a_name_of_the_users_stays(command: Command, fill: Fill):
    result = fill({"person_07": [OBAMA, HALF], "Barry": [OBAMA_AGAIN]})
    ended = command("suggest", "--result", result, "accept", "person_07", "Barry")
    assert ended.out == "person_07 is Barry now; 2 faces moved\n"
    assert set(people(result)) == {"Barry"}


def test_accepted_people_without_names_are_not_parted_again(command: Command, fill: Fill):
    result = fill({"unknowns": [OBAMA, HALF, BIDEN, BIDEN]})
    assert command("rethink", "--result", result).out.endswith("4 faces moved\n")
    assert set(people(result)) == {"person_01", "person_02", "unknowns"}
    command("suggest", "accept", "person_02", "person_01", "--result", result)
    assert len(people(result)["person_02"]) == 4
    for _ in range(2):
        assert command("rethink", "--result", result).out == "0 faces moved\n"


def test_rejected_people_are_never_suggested_again(command: Command, two_named: Path):
    ended = command("suggest", "reject", "Barry", "Barack", "--result", two_named)
    assert ended == (0, "Barry and Barack stay two people\n", "")
    (two_named / "Barack").rename(two_named / "The President")
    for _ in range(2):
        assert command("suggest", "--result", two_named).out.startswith("no two people")
        assert command("rethink", "--result", two_named).out == "0 faces moved\n"
    (two_named / "Barry").rename(two_named / "His Double")
    assert command("suggest", "--result", two_named).out.startswith("no two people")


def test_rejected_people_without_names_are_never_joined(command: Command, fill: Fill):
    result = fill({"Barack": [OBAMA, HALF], "unknowns": [OBAMA_AGAIN, BIDEN]})
    dry = command("rethink", "--dry-run", "--result", result)
    assert dry.out.splitlines() == ["Barack: 1 face joined from unknown: 20240501_060708.000-0", "1 face would move"]
    (result / "person_01").mkdir()
    (result / "unknowns" / "20240501_060708.000-0.png").rename(result / "person_01" / "20240501_060708.000-0.png")
    command("suggest", "reject", "Barack", "person_01", "--result", result)
    assert command("rethink", "--result", result).out == "0 faces moved\n"
    assert command("suggest", "--result", result).out.startswith("no two people")


def test_an_answer_can_be_changed(command: Command, two_named: Path):
    command("suggest", "reject", "Barack", "Barry", "--result", two_named)
    command("suggest", "accept", "Barack", "Barry", "--result", two_named)
    assert set(people(two_named)) == {"Barack", "Joe"}
    with Store(two_named, writing=False) as store:
        assert store.look(pytest.fail).kept_apart == []


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [("Barack", "Nobody", "no person 'Nobody'"), ("Joe", "Joe", "both names are 'Joe'")],
)
@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_an_answer_about_nobody_is_one_sentence(
    command: Command, two_named: Path, answer: str, one: str, other: str, words: str
):
    before = people(two_named)
    assert_one_sentence(command("suggest", answer, one, other, "--result", two_named), words)
    assert people(two_named) == before


@pytest.mark.parametrize("words", [["suggest"], ["suggest", "accept", "A", "B"], ["rethink"], ["rethink", "--dry-run"]])
def test_a_missing_result_folder_is_told_and_not_made(command: Command, tmp_path: Path, words: list[str]):
    assert_one_sentence(command(*words, "--result", tmp_path / "none"), "no result folder")
    assert not (tmp_path / "none").exists()


# Second thoughts on demand


def test_naming_somebody_finds_their_old_unknown_faces(command: Command, fill: Fill):
    result = fill({"Barack": [OBAMA, HALF], "unknowns": [BIDEN, OBAMA_OLD, OBAMA_AGAIN]})
    command("people", "--result", result)
    before = content(result)
    expected = ["Barack: 2 faces joined from unknown: 20240502_060708.000-0, 20240503_060708.000-0"]
    dry = command("rethink", "--dry-run", "--result", result)
    assert dry.out.splitlines() == [*expected, "2 faces would move"]
    assert content(result) == before
    assert command("rethink", "--result", result).out.splitlines() == [*expected, "2 faces moved"]
    assert people(result)["unknowns"] == ["20240501_060708.000-0"]
    exported = command("export", "--result", result).out
    assert command("rethink", "--result", result).out == "0 faces moved\n"
    assert command("export", "--result", result).out == exported


def test_a_dry_run_has_no_name_yet_for_a_new_person(command: Command, fill: Fill):
    result = fill({"unknowns": [OBAMA, OBAMA_AGAIN, BIDEN]})
    assert command("rethink", "--dry-run", "--result", result).out.startswith(
        "a new person: 2 faces joined from unknown:"
    )
    assert command("rethink", "--result", result).out.startswith("person_01: 2 faces joined from unknown:")


def test_two_runs_on_the_same_input_export_the_same_bytes(command: Command, short_clip: Path, tmp_path: Path):
    exports = []
    for result in (tmp_path / "one", tmp_path / "two"):
        assert command(short_clip, "--result", result, "--refresh", "0").code == 0
        exports.append(command("export", "--result", result).out)
        assert command("rethink", "--result", result).out == "0 faces moved\n"
        exports.append(command("export", "--result", result).out)
    assert len(set(exports)) == 1
    assert len(exports[0].splitlines()) == 4


def test_a_run_tells_whose_faces_second_thoughts_moved(
    command: Command, photographs: Mapping[str, Path], tmp_path: Path
):
    """At a strict threshold a face is like the mean of the others, and not like them one by one."""
    photos = [photographs[name] for name in (OBAMA, OBAMA_AGAIN, OBAMA_OLD, HALF, OTHER_HALF)]
    options = "--encoder", "dlib", "-t", "0.34", "--result", tmp_path / "result"
    ended = command(*photos, *options)
    assert ended.code == 0
    assert ended.out.startswith("second thoughts, unknown: 1 face taken out of person_01\n1 person, 4 known faces,")
    assert "second thoughts" in command("log", "--result", tmp_path / "result").out
    assert "second thoughts" not in command(*photos, *options).out  # which moved nothing this time


# Corrections


@pytest.fixture
def parted(gallery: Gallery) -> Gallery:
    """person_01 of four faces of one man; the user has put one of them into a folder Double."""
    gallery.see(OBAMA, OBAMA_AGAIN, HALF, OTHER_HALF)
    assert {path.split("/")[0] for path in gallery.pictures()} == {"person_01"}
    gallery.move(sorted((gallery.folder / "person_01").iterdir())[1], "Double")
    gallery.look()
    return gallery


def kept_apart(gallery: Gallery) -> set[tuple[str, str]]:
    """Pairs of people of whom the user said that they are two, as a reader sees them now."""
    with Store(gallery.folder, writing=False) as store:
        looked = store.look(gallery.read_photo)
        person = {face.id: face.person or "" for face in looked.faces}
        return {(person[one], person[other]) for one, other in looked.kept_apart}


def test_a_face_taken_out_of_a_person_is_not_that_person(command: Command, parted: Gallery):
    assert kept_apart(parted) == {("Double", "person_01")}
    assert command("rethink", "--result", parted.folder).out == "0 faces moved\n"
    assert command("suggest", "--result", parted.folder).out.startswith("no two people")


def test_a_reader_knows_of_a_correction_that_no_run_has_seen_yet(gallery: Gallery):
    gallery.see(OBAMA, OBAMA_AGAIN, HALF)
    gallery.move(sorted((gallery.folder / "person_01").iterdir())[1], "Double")
    assert kept_apart(gallery) == {("Double", "person_01")}


def test_a_correction_follows_renames(command: Command, parted: Gallery):
    (parted.folder / "person_01").rename(parted.folder / "Barack")
    parted.look()
    (parted.folder / "Double").rename(parted.folder / "Keegan")
    assert kept_apart(parted) == {("Keegan", "Barack")}
    assert command("suggest", "--result", parted.folder).out.startswith("no two people")


def test_a_face_put_back_is_that_person_again_by_the_users_word(parted: Gallery):
    back = parted.move(parted.picture("Double"), "person_01")
    assert [face.face for face in parted.look() if face.corrected] == [back.stem]
    assert kept_apart(parted) == set()
    assert [face.face for face in parted.look() if face.corrected] == [back.stem]


def test_merging_folders_says_that_they_are_the_same(command: Command, parted: Gallery):
    for path in sorted((parted.folder / "person_01").iterdir()):
        parted.move(path, "Double")
    parted.look()
    assert kept_apart(parted) == set()
    assert command("rethink", "--result", parted.folder).out == "0 faces moved\n"
    assert len(list((parted.folder / "Double").iterdir())) == 4


def test_who_is_not_a_person_is_not_whom_that_person_is_merged_into(parted: Gallery):
    parted.see(OBAMA, OBAMA_AGAIN, HALF, OTHER_HALF, BIDEN, BIDEN)
    for path in sorted((parted.folder / "person_01").iterdir()):
        parted.move(path, "Barack")
    parted.look()
    for path in sorted((parted.folder / "person_02").iterdir()):
        parted.move(path, "Barack")
    parted.look()
    assert kept_apart(parted) == {("Double", "Barack")}


def test_a_face_put_into_unknowns_is_pinned_and_says_nothing_else(command: Command, gallery: Gallery):
    gallery.see(OBAMA, OBAMA_AGAIN, HALF)
    gallery.move(sorted((gallery.folder / "person_01").iterdir())[1], "unknowns")
    gallery.look()
    assert kept_apart(gallery) == set()
    assert command("rethink", "--result", gallery.folder).out == "0 faces moved\n"
    assert len(list((gallery.folder / "unknowns").iterdir())) == 1


def test_a_correction_survives_a_rerun_of_the_clip(command: Command, short_clip: Path, tmp_path: Path):
    result = tmp_path / "result"
    arguments = (short_clip, "--result", result, "--refresh", "0")
    command(*arguments)
    moved = min((result / "person_01").iterdir())
    (result / "Double").mkdir()
    moved.rename(result / "Double" / moved.name)
    for _ in range(2):
        command(*arguments)
        assert people(result)["Double"] == [moved.stem]
        assert "Double" not in command("suggest", "--result", result).out


def test_the_track_of_a_corrected_face_is_known_not_to_be_that_person(
    command: Command, short_clip: Path, tmp_path: Path
):
    result = tmp_path / "result"
    command(short_clip, "--result", result, "--refresh", "0")
    first, second = sorted((result / "person_01").iterdir())
    (result / "Double").mkdir()
    first.rename(result / "Double" / first.name)
    with Store(result, writing=False) as store:
        looked = store.look(pytest.fail)
        (other,) = (face.id for face in looked.faces if face.face == second.stem)
        ((track, face),) = looked.kept_apart_tracks
    assert track > 0
    assert face == other
