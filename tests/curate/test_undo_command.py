"""The commands `log` and `undo`, on real faces."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Ended, Gallery, held

from face_classifier.core.disk.rooted import Root
from face_classifier.gallery.places import UNKNOWNS

Command = Callable[..., Ended]
OBAMA, OBAMA_AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"


@pytest.fixture
def stocked(gallery: Gallery) -> Gallery:
    """One person of two faces, person_01, and one unknown face."""
    gallery.see(OBAMA, OBAMA_AGAIN, BIDEN)
    return gallery


def logged(command: Command, gallery: Gallery) -> list[dict[str, Any]]:
    return json.loads(command("log", "--result", gallery.folder, "--json").out)


def test_the_log_tells_when_who_and_from_where_to_where(stocked: Gallery, command: Command) -> None:
    (stocked.folder / "person_01").rename(stocked.folder / "Barack")
    stocked.look()
    ended = command("log", "--result", stocked.folder)
    assert (ended.code, ended.err) == (0, "")
    header, founded, renamed = ended.out.splitlines()
    assert header.split() == ["entry", "time", "by", "what"]
    assert founded.split()[0] == "1"
    assert founded.endswith("run           1 face: unknown -> person_01")
    assert renamed.endswith("file manager  2 faces: person_01 -> Barack")
    entry = logged(command, stocked)[-1]
    assert (entry["entry"], entry["door"], entry["taken_back_by"]) == (2, "file manager", None)
    assert [face["after"] for face in entry["faces"]] == [{"person": "Barack", "state": "kept"}] * 2
    assert {face["face"] for face in entry["faces"]} == {face for face, person in stocked.labels().items() if person}


def test_the_log_can_be_read_while_another_process_writes(stocked: Gallery, command: Command) -> None:
    with held(stocked.folder):
        assert len(logged(command, stocked)) == 1


def test_a_gallery_without_changes_says_so(gallery: Gallery, command: Command) -> None:
    gallery.see(BIDEN)
    assert command("log", "--result", gallery.folder).out == "nothing has been changed yet\n"
    ended = command("undo", "--result", gallery.folder)
    assert ended.code == 1
    assert "there is nothing to take back" in ended.err


def test_undo_takes_back_a_command_and_brings_the_views_up_to_date(stocked: Gallery, command: Command) -> None:
    stocked.move(stocked.picture(UNKNOWNS), "Joe")
    stocked.look()
    before = stocked.labels()
    assert command("suggest", "accept", "Joe", "person_01", "--result", stocked.folder).code == 0
    assert set(stocked.labels().values()) == {"Joe"}
    ended = command("undo", "--result", stocked.folder)
    assert ended.out == "entry 3 taken back, which is entry 4: 2 faces moved\n"
    assert stocked.labels() == before
    montages = {path.name for path in stocked.folder.glob("montage.*")}
    assert montages == {"montage.Joe-00.png", "montage.person_01-00.png"}
    assert [entry["taken_back_by"] for entry in logged(command, stocked)] == [None, None, 4, None]


def test_a_disk_that_refuses_the_views_alone_does_not_make_the_command_look_undone(
    stocked: Gallery, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.move(stocked.picture(UNKNOWNS), "Joe")
    stocked.look()
    (stocked.folder / "person_01").rename(stocked.folder / "Barack")
    stocked.look()
    write = Root.write

    def full(root: Root, place: str, content: bytes, **how: bool) -> os.stat_result:
        if place.startswith("montage."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root.path / place))
        return write(root, place, content, **how)

    with monkeypatch.context() as disk:
        disk.setattr(Root, "write", full)
        ended = command("undo", "--result", stocked.folder)
    assert (ended.code, ended.out) == (0, "entry 3 taken back, which is entry 4: 2 faces moved\n")
    assert "No space left on device" in ended.err
    assert "montages and pickle are as they were before; make room on that disk" in ended.err
    assert set(stocked.labels().values()) == {"person_01", "Joe"}
    stocked.look()
    assert {path.name for path in stocked.folder.glob("montage.*")} == {
        "montage.Joe-00.png",
        "montage.person_01-00.png",
    }


@pytest.mark.parametrize(
    ("line", "door"),
    [
        (("reject", "{face}"), "command reject"),
        (("suggest", "reject", "Joe", "person_01"), "command suggest reject"),
        (("suggest", "accept", "Joe", "person_01"), "command suggest accept"),
    ],
)
def test_what_a_command_does_is_one_entry_under_its_name(
    stocked: Gallery, command: Command, line: tuple[str, ...], door: str
) -> None:
    joe = stocked.move(stocked.picture(UNKNOWNS), "Joe")
    stocked.look()
    assert command(*(part.format(face=joe) for part in line), "--result", stocked.folder).code == 0
    assert [entry["door"] for entry in logged(command, stocked)] == ["run", "file manager", door]


def test_undo_to_tells_what_it_left(stocked: Gallery, command: Command) -> None:
    picture = stocked.picture(UNKNOWNS)
    picture.unlink()
    (stocked.folder / "person_01").rename(stocked.folder / "Barack")
    ended = command("undo", "--to", "1", "--result", stocked.folder, "--json")
    answer = json.loads(ended.out)
    assert (answer["entry"], answer["taken_back"], answer["faces"]) == (3, [2], 2)
    assert [(one["face"], one["why"]) for one in answer["left"]] == [
        (picture.stem, "its picture was deleted, and cannot be brought back")
    ]
    assert set(stocked.labels().values()) == {"person_01"}


@pytest.mark.parametrize("given", ["x", "-1", "1.5"])
def test_an_entry_has_a_number(stocked: Gallery, command: Command, given: str) -> None:
    ended = command("undo", f"--to={given}", "--result", stocked.folder)
    assert ended.code == 2
    assert "must be the number of an entry" in ended.err


def test_an_entry_that_is_not_there_is_told(stocked: Gallery, command: Command, tmp_path: Path) -> None:
    ended = command("undo", "--to", "9", "--result", stocked.folder)
    assert ended.code == 1
    assert "there is no entry 9; give one from 0 to 1" in ended.err
    assert command("undo", "--result", tmp_path / "nowhere").code == 1


def test_forget_tells_how_many_faces_it_forgot(stocked: Gallery, command: Command) -> None:
    (stocked.folder / "person_01").rename(stocked.folder / "Barack")
    ended = command("forget", "Barack", "--result", stocked.folder)
    assert (ended.code, ended.out) == (
        0,
        "2 faces forgotten; captures: 0 removed, 0 pixelated; lines of logs: 0; records: 0; photos in indexes: 0\n",
    )
    assert stocked.pictures() == [f"unknowns/{stocked.picture(UNKNOWNS).name}"]
    assert not list(stocked.folder.glob("montage.Barack*"))
    assert stocked.see(OBAMA, OBAMA_AGAIN) == []
    assert command("forget", "Barack", "--result", stocked.folder).code == 1
    assert "Barack" not in command("log", "--result", stocked.folder).out


def test_a_face_is_forgotten_by_the_path_of_its_picture(stocked: Gallery, command: Command) -> None:
    ended = command("forget", stocked.picture(UNKNOWNS), "--result", stocked.folder, "--json")
    answer = json.loads(ended.out)
    assert (answer["faces"], answer["left"]) == (1, [])
    assert set(stocked.labels().values()) == {"person_01"}
