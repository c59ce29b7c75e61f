"""Nothing that the program wrote is input: result folders, captures and albums are known wherever they lie."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from conftest import Ended

from face_classifier.cli.main import main
from face_classifier.core.disk.markers import ALBUM, CAPTURES, MARKER, RESULT, kind_of, mark
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Image

Command = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def sorted_photos(closeups: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos, and beside them in the same tree a result folder, captures and an album that were made of them."""
    place = tmp_path_factory.mktemp("marked")
    folder = place / "photos"
    for path, name in {"Barack/a.jpg": "obama.jpg", "Joe/b.jpg": "biden.jpg"}.items():
        (folder / path).parent.mkdir(parents=True)
        cv2.imwrite(str(folder / path), closeups[name])
    for line in (
        [folder, "--result", place / "earlier", "-c", place / "shots"],
        ["group", folder, "-o", place / "people"],
    ):
        assert main([str(word) for word in line]) == 0
    for name in ("earlier", "shots", "people"):
        (place / name).rename(folder / name)
    assert list((folder / "shots").glob("*.png"))
    return folder


@pytest.fixture
def photos(sorted_photos: Path, tmp_path: Path) -> Path:
    """A copy of them, to be changed."""
    return Path(shutil.copytree(sorted_photos, tmp_path / "photos", symlinks=True))


def faces_in(command: Command, result: object) -> int:
    return len(command("export", "--result", result).out.splitlines())


def persons(result: Path) -> set[str]:
    return {path.name for path in result.iterdir() if path.is_dir() and not path.name.startswith(".")}


class TestMarks:
    def test_tell_what_a_folder_is(self, photos: Path) -> None:
        kinds = {path.name: kind_of(path) for path in photos.iterdir()}
        assert kinds == {"Barack": None, "Joe": None, "earlier": RESULT, "shots": CAPTURES, "people": ALBUM}
        assert json.loads((photos / "shots" / MARKER).read_text())["kind"] == CAPTURES

    @pytest.mark.parametrize("name", ["faces.sqlite", "face_encodings"])
    def test_are_not_needed_to_know_an_earlier_result_folder(self, photos: Path, name: str) -> None:
        (photos / "earlier" / MARKER).unlink()
        (photos / "earlier" / {"faces.sqlite": "face_encodings", "face_encodings": "faces.sqlite"}[name]).unlink()
        assert kind_of(photos / "earlier") == RESULT

    def test_are_enough_to_know_a_result_folder(self, photos: Path, command: Command) -> None:
        for name in ("faces.sqlite", "face_encodings"):
            (photos / "earlier" / name).unlink()
        assert kind_of(photos / "earlier") == RESULT
        assert command(photos, "--result", photos / "earlier").code == 0

    def test_are_made_in_a_result_folder_of_an_earlier_version(self, photos: Path, command: Command) -> None:
        (photos / "earlier" / MARKER).unlink()
        assert command("rethink", "--result", photos / "earlier").code == 0
        assert (photos / "earlier" / MARKER).exists()

    @pytest.mark.parametrize("content", [b"", b"[" * 9000, b'{"kind": ["x"]}', b"\xff", b'{"kind": "no such"}'])
    def test_that_are_damaged_mark_nothing(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / MARKER).write_bytes(content)
        assert kind_of(tmp_path) is None

    def test_do_not_follow_links_and_do_not_wait_for_a_pipe(self, tmp_path: Path) -> None:
        (tmp_path / "piped").mkdir()
        os.mkfifo(tmp_path / "piped" / MARKER)
        assert kind_of(tmp_path / "piped") is None
        (tmp_path / "linked").mkdir()
        (tmp_path / "victim").write_text("mine")
        (tmp_path / "linked" / MARKER).symlink_to(tmp_path / "victim")
        mark(Root(tmp_path / "linked"), RESULT)
        assert (tmp_path / "victim").read_text() == "mine"
        assert kind_of(tmp_path / "linked") == RESULT


class TestMetOnTheWayThroughAFolder:
    """They are passed over, and counted."""

    def test_by_a_run(self, photos: Path, command: Command) -> None:
        ended = command(photos, "--result", "result")
        assert (ended.code, faces_in(command, "result")) == (0, 2)
        assert "3 folders" in ended.err
        assert "passed over" in ended.err

    def test_by_a_run_into_the_one_among_them(self, photos: Path, command: Command) -> None:
        ended = command(photos, "--result", photos / "earlier", "-c", photos / "shots")
        assert (ended.code, faces_in(command, photos / "earlier")) == (0, 2)
        assert "1 folder " in ended.err  # the album; its own are no news

    def test_by_group(self, photos: Path, command: Command) -> None:
        ended = command("group", photos, "-o", "sorted", "--json")
        assert len(json.loads(ended.out)["images"]) == 2
        assert "3 folders" in ended.err

    def test_by_similar_in_gallery_and_photos(self, photos: Path, command: Command) -> None:
        ended = command("similar", photos, "--gallery", photos, "--json")
        answers = json.loads(ended.out)
        assert len(answers) == 2
        assert {found["name"] for answer in answers for found in answer["results"]} == {"Barack", "Joe"}
        assert "3 folders" in ended.err

    def test_by_recommend(self, photos: Path, command: Command) -> None:
        ended = command("recommend", "--gallery", photos, "--picks", "Joe", "--json")
        assert [found["name"] for found in json.loads(ended.out)["results"]] == ["Barack"]
        assert "3 folders" in ended.err

    def test_by_enroll(self, photos: Path, command: Command) -> None:
        shutil.rmtree(photos / "Barack")
        ended = command("enroll", "Joe", photos, "--result", "result", "--json")
        assert ended.code == 0
        assert len(json.loads(ended.out)["kept"]) == 1
        assert "3 folders" in ended.err

    def test_and_nothing_else_is_there(self, photos: Path, command: Command) -> None:
        for name in ("Barack", "Joe"):
            shutil.rmtree(photos / name)
        ended = command(photos, "--result", "result")
        assert ended.code == 1
        assert "no picture or video in it, but 3 folders that the program wrote" in ended.err

    def test_by_a_look_at_the_result_folder(self, photos: Path, command: Command) -> None:
        """Captures that lie in it are no person."""
        (photos / "shots").rename(photos / "earlier" / "shots")
        ended = command("people", "--result", photos / "earlier")
        assert "shots is a captures folder" in ended.err
        assert "shots" not in ended.out
        assert faces_in(command, photos / "earlier") == 2


class TestNamedAsASource:
    """They are refused."""

    @pytest.mark.parametrize(
        "name", ["earlier", "shots", "people", "people/faces", "earlier/unknowns", "earlier/../earlier/unknowns/."]
    )
    def test_of_a_run(self, photos: Path, command: Command, name: str) -> None:
        ended = command(photos / name, "--result", "result")
        assert ended.code == 1
        assert "does not take for input" in ended.err
        assert not list(Path().glob("result/*/*.png"))

    def test_by_a_link(self, photos: Path, command: Command) -> None:
        Path("link").symlink_to(photos / "earlier" / "unknowns")
        assert "does not take for input" in command("link", "--result", "result").err

    def test_a_picture_in_them(self, photos: Path, command: Command) -> None:
        picture = next((photos / "earlier").glob("*/*.png"))
        ended = command(picture, photos, "--result", "result")
        assert ended.code == 1
        assert "does not take for input" in ended.err
        assert faces_in(command, "result") == 2

    def test_of_group_and_enroll(self, photos: Path, command: Command) -> None:
        for line in (["group", photos / "shots", "-o", "sorted"], ["enroll", "Anna", photos / "earlier"]):
            ended = command(*line)
            assert ended.code == 1
            assert "does not take for input" in ended.err

    def test_but_a_question_about_a_picture_in_them_is_answered(self, photos: Path, command: Command) -> None:
        (photos / "earlier" / "unknowns").rename(photos / "earlier" / "Somebody")
        picture = next((photos / "earlier" / "Somebody").iterdir())
        for line in (["recognize", picture], ["similar", picture, "--gallery", photos / "earlier"]):
            assert command(*line, *(["--result", photos / "earlier"] if line[0] == "recognize" else [])).code == 0

    @pytest.mark.parametrize("name", ["earlier", "people"])
    def test_where_a_command_takes_them_they_are_read(self, photos: Path, command: Command, name: str) -> None:
        for folder in ("earlier/unknowns", "people/person_01"):
            if (photos / folder).exists():
                (photos / folder).rename((photos / folder).with_name("Somebody"))
        ended = command("similar", photos / "Joe" / "b.jpg", "--gallery", photos / name)
        if name == "people":  # of one face each there is no person
            assert "no folder of a person" in ended.err
        else:
            assert "Somebody" in ended.out

    def test_captures_are_no_gallery(self, photos: Path, command: Command) -> None:
        ended = command("similar", photos / "Joe" / "b.jpg", "--gallery", photos / "shots")
        assert (ended.code, "is a captures folder" in ended.err) == (1, True)


class TestTheResultFolder:
    @pytest.fixture
    def lines(self, photo_folder: Callable[..., Path]) -> list[list[object]]:
        """Of each command that makes one: what it is without ``--result``."""
        folder = photo_folder({"b.jpg": "biden.jpg"}, "source")
        return [[folder], ["enroll", "Joe", folder]]

    @pytest.fixture
    def theirs(self, photo_folder: Callable[..., Path]) -> Path:
        """A folder of photos in subfolders that are people."""
        return photo_folder({"Barack/a.jpg": "obama.jpg", "Barack/b.jpg": "obama2.jpg"}, "theirs")

    def test_is_not_made_of_a_folder_that_has_things_in_it(
        self, theirs: Path, lines: list[list[object]], command: Command
    ) -> None:
        before = sorted(theirs.rglob("*"))
        for line in lines:
            ended = command(*line, "--result", theirs)
            assert ended.code == 1
            assert "add --adopt if its subfolders are people" in ended.err
        assert sorted(theirs.rglob("*")) == before

    @pytest.mark.parametrize("number", [0, 1])
    def test_is_made_of_it_if_the_user_says_so(
        self, theirs: Path, lines: list[list[object]], command: Command, number: int
    ) -> None:
        assert command(*lines[number], "--result", theirs, "--adopt").code == 0
        assert faces_in(command, theirs) == 3
        assert command(*lines[number], "--result", theirs).code == 0  # it is one now

    @pytest.mark.parametrize("content", [[], [".gitignore"], ["Thumbs.db", ".DS_Store"]])
    def test_is_made_of_an_empty_folder(
        self, lines: list[list[object]], command: Command, content: list[str], tmp_path: Path
    ) -> None:
        (tmp_path / "new").mkdir()
        for name in content:
            (tmp_path / "new" / name).touch()
        assert command(*lines[0], "--result", "new").code == 0

    def test_may_be_one_of_the_original_program(
        self, theirs: Path, lines: list[list[object]], command: Command
    ) -> None:
        (theirs / "face_encodings").write_bytes(b"\x80\x04}\x94.")
        assert command(*lines[0], "--result", theirs).code == 0
        assert faces_in(command, theirs) == 3

    @pytest.mark.parametrize("place", ["shots", "shots/sub", "people", "people/sub", "earlier/sub"])
    def test_is_not_made_in_another_folder_of_ours(self, photos: Path, command: Command, place: str) -> None:
        before = sorted(photos.rglob("*"))
        for adopt in ([], ["--adopt"]):
            ended = command(photos / "Joe", "--result", photos / place, *adopt)
            assert ended.code == 1
            assert "--result" in ended.err
        assert sorted(photos.rglob("*")) == before

    def test_that_lay_in_another_one_before_stays_usable(self, photos: Path, command: Command, tmp_path: Path) -> None:
        assert command(photos / "Joe", "--result", tmp_path / "outer" / "inner").code == 0
        assert command(photos / "Joe", "--result", tmp_path / "outer", "--adopt").code == 0
        assert command(photos / "Barack", "--result", tmp_path / "outer" / "inner").code == 0
        assert persons(tmp_path / "outer") == {"inner", "unknowns"}
        assert faces_in(command, tmp_path / "outer") == 1

    def test_takes_the_place_of_captures_that_were_all_removed(self, photos: Path, command: Command) -> None:
        for path in (photos / "shots").glob("*.png"):
            path.unlink()
        assert command(photos / "Joe", "--result", photos / "shots").code == 0
        assert kind_of(photos / "shots") == RESULT


class TestCaptures:
    @pytest.mark.parametrize(
        ("result", "captures"), [("out", "out/shots"), ("out", "out"), ("out/result", "out"), ("out", "out/../out/x")]
    )
    def test_do_not_lie_in_the_result_folder_nor_it_in_them(
        self, photos: Path, command: Command, result: str, captures: str
    ) -> None:
        ended = command(photos / "Joe", "--result", result, "-c", captures)
        assert ended.code == 1
        assert "--capture" in ended.err
        assert not Path("out").exists()

    def test_do_not_lie_in_another_folder_of_ours(self, photos: Path, command: Command) -> None:
        for place in ("earlier/shots", "people/shots", "people"):
            ended = command(photos / "Joe", "--result", "result", "-c", photos / place)
            assert ended.code == 1
            assert "--capture" in ended.err

    def test_are_not_put_among_other_files(self, photos: Path, command: Command) -> None:
        ended = command(photos / "Joe", "--result", "result", "-c", photos / "Barack")
        assert ended.code == 1
        assert "a.jpg" in ended.err
        assert kind_of(photos / "Barack") is None

    def test_of_an_earlier_version_are_known_from_the_next_run_into_them(self, photos: Path, command: Command) -> None:
        (photos / "shots" / MARKER).unlink()
        assert "2 folders" in command(photos, "--result", "first").err  # they cannot be known before
        assert command(photos / "Joe", "--result", "second", "-c", photos / "shots").code == 0
        assert "3 folders" in command(photos, "--result", "third").err


def test_an_album_is_not_sorted_into_another_folder_of_ours(photos: Path, command: Command) -> None:
    for place in ("earlier", "earlier/album", "shots", "shots/album"):
        before = sorted(photos.rglob("*"))
        ended = command("group", photos / "Joe", "-o", photos / place)
        assert ended.code == 1
        assert "with -o" in ended.err or "to -o" in ended.err
        assert sorted(photos.rglob("*")) == before
