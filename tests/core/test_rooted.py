"""Whatever a folder contains, nothing outside of it is written, truncated, removed or read through it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from face_classifier.core.disk.durable import GROUP, PRIVATE, write_durably
from face_classifier.core.disk.rooted import Root
from face_classifier.core.disk.tree import FolderGoneError, is_component
from face_classifier.core.errors import UserError

CHANGES: dict[str, Callable[[Root, str], object]] = {
    "write": lambda root, place: root.write(place, b"new"),
    "remove": lambda root, place: root.remove(place),
    "remove_folder": lambda root, place: root.remove_folder(place),
    "rename": lambda root, place: root.rename(place, "stolen"),
    "rename onto": lambda root, place: root.rename("mine", place),
    "make_folder": lambda root, place: root.make_folder(place),
    "make_link": lambda root, place: root.make_link(place, "mine"),
    "open_own": lambda root, place: os.close(root.open_own(place)),
    "read": lambda root, place: root.read(place),
    "names": lambda root, place: root.names(place),
    "sync": lambda root, place: root.sync(place),
}


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """With ``mine`` in it and links that lead out; beside it ``victim.txt`` and an empty folder."""
    (tmp_path / "out" / "a folder").mkdir(parents=True)
    (tmp_path / "out" / "mine").write_text("mine")
    (tmp_path / "out" / "way").symlink_to(tmp_path)
    (tmp_path / "victim.txt").write_text("precious")
    (tmp_path / "empty").mkdir()
    with Root(tmp_path / "out") as opened:
        yield opened


@pytest.mark.parametrize(
    "place",
    ["../victim.txt", "way/victim.txt", "a folder/../../victim.txt", "a folder//x", "../empty", "way/empty", "..", ".",
     "a\0b", "{above}/victim.txt"],
)  # fmt: skip
@pytest.mark.parametrize("change", CHANGES)
def test_no_place_leads_out_of_the_folder(root: Root, tmp_path: Path, change: str, place: str) -> None:
    with pytest.raises(UserError, match=r"not a name of something|is a link") as error:
        CHANGES[change](root, place.replace("{above}", str(tmp_path)))
    assert "\n" not in str(error.value)
    assert sorted(os.listdir(tmp_path)) == ["empty", "out", "victim.txt"]
    assert (tmp_path / "victim.txt").read_text() == "precious"
    assert os.listdir(tmp_path / "empty") == []
    assert (tmp_path / "out" / "mine").read_text() == "mine"


def test_a_link_itself_can_be_replaced_renamed_and_removed(root: Root, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        root.make_link(name, "../victim.txt")
    root.write("one", b"new")
    root.rename("two", "four")
    root.remove("three")
    assert root.read("one") == b"new"
    assert root.link("four") == "../victim.txt"
    assert not root.has("three")
    assert (tmp_path / "victim.txt").read_text() == "precious"


@pytest.mark.parametrize("folder", ["", "a folder/"])
def test_a_taken_name_gets_a_counter_links_to_nowhere_included(root: Root, tmp_path: Path, folder: str) -> None:
    assert root.free(f"{folder}a.png") == f"{folder}a.png"
    root.make_link(f"{folder}a.png", "nowhere")
    assert root.free(f"{folder}a.png") == f"{folder}a_2.png"
    root.write(f"{folder}a_2.png", b"")
    assert root.free(f"{folder}a.png") == f"{folder}a_3.png"


def test_a_file_that_is_written_in_place_is_nobody_elses(root: Root, tmp_path: Path) -> None:
    (tmp_path / "out" / "link").symlink_to(tmp_path / "victim.txt")
    os.link(tmp_path / "victim.txt", tmp_path / "out" / "hard")
    os.mkfifo(tmp_path / "out" / "pipe")
    for name, words in (("link", "is a link"), ("hard", "a hard link"), ("pipe", "not an ordinary file"),
                        ("a folder", "not an ordinary file")):  # fmt: skip
        with pytest.raises(UserError, match=words):
            root.open_own(name)


def test_what_is_half_written_is_no_link_that_somebody_put_there(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a half written file can be known ahead."""
    openings = []
    opened = os.open

    def record(path: str, flags: int, *rest: int, **more: int) -> int:
        openings.append((path, flags))
        return opened(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", record)
    root.write("mine", b"new")
    part = next(path for path, flags in openings if flags & os.O_CREAT)
    (tmp_path / "out" / part).symlink_to(tmp_path / "victim.txt")
    root.write("mine", b"newer")
    write_durably(tmp_path / "out" / "mine", b"newest")
    assert (tmp_path / "victim.txt").read_text() == "precious"
    assert root.read("mine") == b"newest"


def test_a_folder_replaced_by_a_link_while_it_is_open_is_not_followed(root: Root, tmp_path: Path) -> None:
    """Between the look and the write there is always a moment."""
    assert root.has_folder("a folder")
    (tmp_path / "out" / "a folder").rmdir()
    (tmp_path / "out" / "a folder").symlink_to(tmp_path / "empty")
    with pytest.raises(UserError, match="is a link"):
        root.write("a folder/a.png", b"")
    assert os.listdir(tmp_path / "empty") == []


def test_the_folder_itself_may_be_a_link_and_stays_the_one_that_was_opened(tmp_path: Path) -> None:
    (tmp_path / "big disk").mkdir()
    (tmp_path / "other disk").mkdir()
    (tmp_path / "result").symlink_to("big disk")
    with Root(tmp_path / "result") as root:
        root.check()
        (tmp_path / "result").unlink()
        with pytest.raises(FolderGoneError, match="is gone"):
            root.check()
        (tmp_path / "result").symlink_to("other disk")
        with pytest.raises(FolderGoneError, match="is gone"):
            root.check()
        root.write("a", b"")
    assert os.listdir(tmp_path / "big disk") == ["a"]
    assert os.listdir(tmp_path / "other disk") == []


def test_errors_tell_the_whole_path(root: Root, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        root.remove("a folder/none.png")
    assert error.value.filename == str(tmp_path / "out" / "a folder" / "none.png")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a\0", None, 7, ["a"]])
def test_what_is_no_name_of_an_entry_is_told(name: object) -> None:
    assert not is_component(name)


@pytest.mark.parametrize("name", ["a", "...", ".rejected", "오", "a\\b", "-rf", " "])
def test_odd_names_are_names(name: str) -> None:
    assert is_component(name)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize(("modes", "folder", "file"), [(PRIVATE, 0o700, 0o600), (GROUP, 0o770, 0o660)])
def test_what_is_made_has_its_mode_whatever_the_umask_and_what_exists_keeps_its_own(
    tmp_path: Path, modes: object, folder: int, file: int, umask: int
) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    before = os.umask(umask)
    try:
        with Root.made(tmp_path / "new" / "result", modes) as root:
            root.make_folder("person")
            root.write("person/a.png", b"")
            os.close(root.open_own("own"))
            os.chmod(tmp_path / "new" / "result" / "person" / "a.png", 0o640)
            root.write("person/a.png", b"again")
    finally:
        os.umask(before)
    result = tmp_path / "new" / "result"
    assert [mode(result), mode(result / "person"), mode(result / "own")] == [folder, folder, file]
    assert mode(result / "person" / "a.png") == 0o640
    (tmp_path / "there").mkdir(0o755)
    os.chmod(tmp_path / "there", 0o755)
    Root.made(tmp_path / "there", PRIVATE).close()
    assert mode(tmp_path / "there") == 0o755


def test_a_shared_folder_of_a_group_stays_one(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o2770)
    with Root(tmp_path, GROUP) as root:
        root.make_folder("person")
    assert stat.S_IMODE((tmp_path / "person").stat().st_mode) == 0o2770
