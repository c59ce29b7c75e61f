"""Which folders changed on disk: by the events of the system, and without them."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import watchfiles
from test_shares import exfat  # noqa: F401

from face_classifier.core.errors import UserError
from face_classifier.gallery.owner import watcher as watchers
from face_classifier.gallery.owner.queue import Owner, OwnerClosedError
from face_classifier.gallery.owner.watcher import Watcher, sends_all_events


class Told:
    """What a watcher told, and when."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.everything = 0  # times that anything may have changed
        self.problems: list[str] = []
        self._news = threading.Condition()

    def changed(self, names: frozenset[str] | None) -> None:
        with self._news:
            self.names |= names or set()
            self.everything += names is None
            self._news.notify_all()

    def wait_for(self, condition: Callable[[], bool], seconds: float = 5) -> bool:
        with self._news:
            return self._news.wait_for(condition, seconds)

    def forget(self) -> None:
        with self._news:
            self.names = set()


@contextmanager
def watching(folder: Path, **seconds: float) -> Iterator[Told]:
    told = Told()
    with Watcher(folder, told.changed, told.problems.append, **{"often": 60.0, "seldom": 60.0, **seconds}):
        assert told.wait_for(lambda: told.everything == 1)  # from now on it sees what happens
        yield told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    result = tmp_path / "result"
    for name in ("Ann", "Ben", "unknowns", ".rejected/Ann"):
        (result / name).mkdir(parents=True)
        (result / name / "a.png").write_bytes(b"a picture")
    return result


def edit(folder: Path) -> None:
    with (folder / "Ann" / "a.png").open("r+b") as file:
        file.write(b"A")


def move(folder: Path) -> None:
    (folder / "Ann" / "a.png").rename(folder / "Ben" / "b.png")


def swap(folder: Path) -> None:
    (folder / "Ann").rename(folder / "Zoë")
    (folder / "Ben").rename(folder / "Ann")


def write_new(folder: Path) -> None:
    (folder / "Cleo").mkdir()
    (folder / "Cleo" / "c.png").write_bytes(b"a picture")


def reject(folder: Path) -> None:
    (folder / ".rejected" / "Ben").mkdir()
    (folder / "Ben" / "a.png").rename(folder / ".rejected" / "Ben" / "a.png")


def touch(folder: Path) -> None:
    os.utime(folder / "unknowns" / "a.png", (1, 1))


def remove(folder: Path) -> None:
    (folder / "Ben" / "a.png").unlink()
    (folder / "Ben").rmdir()


@pytest.mark.parametrize(
    ("act", "names"),
    [
        (edit, {"Ann"}),
        (move, {"Ann", "Ben"}),
        (swap, {"Ann", "Ben", "Zoë"}),
        (write_new, {"Cleo"}),
        (reject, {"Ben", ".rejected/Ben"}),
        (touch, {"unknowns"}),
        (remove, {"Ben"}),
    ],
)
def test_the_folders_that_changed_are_told_soon(act: Callable[[Path], None], names: set[str], folder: Path) -> None:
    with watching(folder) as told:
        started = time.monotonic()
        act(folder)
        assert told.wait_for(lambda: told.names >= names)
        assert time.monotonic() - started < 8
        time.sleep(0.2)
        assert told.names == names
        assert told.everything == 1


def test_a_folder_that_came_later_is_watched_as_the_others_are(folder: Path) -> None:
    with watching(folder) as told:
        (folder / "Ann").rename(folder / "Zoë")
        assert told.wait_for(lambda: told.names >= {"Ann", "Zoë"})
        time.sleep(0.2)
        told.forget()
        (folder / "Zoë" / "a.png").write_bytes(b"another picture")
        assert told.wait_for(lambda: "Zoë" in told.names)


def test_what_the_program_makes_beside_the_folders_is_not_told(folder: Path) -> None:
    with watching(folder) as told:
        for name in (
            "faces.sqlite", "faces.sqlite-wal", "faces.sqlite-shm", "faces.sqlite-journal", "face_encodings",
            "montage.Ann-00.png", ".lock", ".socket", ".face-classifier-folder.json", ".face-classifier-part-1-2",
            "Ann/.face-classifier-part-1-2", "Ann/.DS_Store", ".rejected/Ann/.DS_Store",
        ):  # fmt: skip
            (folder / name).write_bytes(b"")
        (folder / "Ben" / "a.png").write_bytes(b"")
        assert told.wait_for(lambda: bool(told.names))
        time.sleep(0.2)
        assert told.names == {"Ben"}


def test_anything_may_have_changed_with_the_folder_of_all_that_is_rejected(folder: Path, tmp_path: Path) -> None:
    with watching(folder) as told:
        (folder / ".rejected").rename(tmp_path / "elsewhere")
        assert told.wait_for(lambda: told.everything == 2)


def test_with_a_name_that_is_no_text_everything_is_looked_at_often(folder: Path) -> None:
    with watching(folder, often=0.2) as told:
        os.rename(os.fsencode(folder / "Ann"), os.fsencode(folder) + b"/Zo\xeb")
        assert told.wait_for(lambda: told.everything >= 4)
        assert told.names <= {"Ann"}
        assert len(told.problems) == 1


def test_what_changes_while_the_owner_is_busy_is_collected_and_told_once(folder: Path) -> None:
    tellings: list[frozenset[str] | None] = []
    go_on, begun = threading.Event(), threading.Event()

    def changed(names: frozenset[str] | None) -> None:
        tellings.append(names)
        if names:
            begun.set()
            assert go_on.wait(5)

    with Watcher(folder, changed, pytest.fail, often=60, seldom=60):
        while not tellings:
            time.sleep(0.01)
        touch(folder)
        assert begun.wait(5)
        for number in range(300):
            (folder / "Ann" / f"{number}.png").write_bytes(b"a picture")
            (folder / "Ben" / f"{number}.png").write_bytes(b"a picture")
        go_on.set()
        deadline = time.monotonic() + 5
        while len(tellings) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert tellings == [None, {"unknowns"}, {"Ann", "Ben"}]


def test_a_link_to_the_folder_is_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with watching(tmp_path / "link") as told:
        edit(folder)
        assert told.wait_for(lambda: told.names == {"Ann"})


# Without events


def test_where_a_file_system_may_send_no_events_everything_is_looked_at_often(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "sends_all_events", lambda _: False)
    with watching(folder, often=0.5) as told:
        assert told.wait_for(lambda: told.everything >= 3)
        edit(folder)  # the events that there are still count
        assert told.wait_for(lambda: "Ann" in told.names)


def test_where_the_system_cannot_watch_that_is_told_once_and_everything_is_looked_at_often(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Iterator[set[tuple[watchfiles.Change, str]]]:
        raise OSError(28, "OS file watch limit reached")
        yield set()

    monkeypatch.setattr(watchfiles, "watch", refuse)
    told = Told()
    with Watcher(folder, told.changed, told.problems.append, often=0.1):
        assert told.wait_for(lambda: told.everything >= 3)
    (problem,) = told.problems
    assert "OS file watch limit reached" in problem
    assert "looked for every 0.1 seconds" in problem


def test_everything_is_looked_at_now_and_then_though_there_are_events(folder: Path) -> None:
    with watching(folder, seldom=0.5) as told:
        assert told.wait_for(lambda: told.everything >= 3)


MOUNTS = """\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 0:50 / /home/me/my\\040nas rw,relatime - cifs //nas/photos rw
41 27 0:51 / /home/me/usb rw,relatime - fuseblk /dev/sdb1 rw
42 41 0:52 / /home/me/usb/deeper rw,relatime - tmpfs tmpfs rw
43 27 0:53 / /home/me/Zo\\303\\253 rw,relatime - nfs4 nas:/zoe rw
44 27 0:54 / /home/me/Jörg rw,relatime - nfs4 nas:/j rw
nonsense
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me/result", "ext4"), ("/home/me/my nas/result", "cifs"), ("/home/me/my nas", "cifs"),
        ("/home/me/my nas 2/result", "ext4"), ("/home/me/usb/a", "fuseblk"), ("/home/me/usb/deeper/a", "tmpfs"),
        ("/home/me/Zoë/result", "nfs4"), ("/home/me/Jörg/result", "nfs4"),
    ],
)  # fmt: skip
def test_the_file_system_of_a_folder_is_that_of_the_innermost_mount(folder: str, kind: str) -> None:
    assert watchers._file_system_of(Path(folder), MOUNTS) == kind


def test_a_real_disk_that_is_not_known_to_send_all_events_is_looked_at_often(
    exfat: Path,  # noqa: F811
) -> None:
    (exfat / "result" / "Ann").mkdir(parents=True)
    assert not sends_all_events(exfat / "result")
    with watching(exfat / "result", often=0.5) as told:
        assert told.wait_for(lambda: told.everything >= 3)


def test_a_real_disk_in_memory_sends_all_events(tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    line = ["mount", "-t", "tmpfs", "tmpfs", str(tmp_path / "mounted")]
    if subprocess.run(line, capture_output=True, check=False).returncode:
        pytest.skip("this user, or this machine, can mount no file system")
    try:
        assert sends_all_events(tmp_path / "mounted")
    finally:
        subprocess.run(["umount", str(tmp_path / "mounted")], check=True)


# The end


def test_what_is_raised_meanwhile_is_raised_at_the_end(folder: Path) -> None:
    def fail(_: object) -> None:
        raise UserError("the folder is gone")

    watcher = Watcher(folder, fail, pytest.fail).__enter__()
    watcher._thread.join(5)
    assert not watcher._thread.is_alive()
    with pytest.raises(UserError, match="the folder is gone"):
        watcher.__exit__(None, None, None)


def test_an_owner_that_has_ended_ends_the_watching(folder: Path) -> None:
    @contextmanager
    def opens() -> Iterator[None]:
        yield

    with Owner(opens) as owner:
        pass
    with pytest.raises(OwnerClosedError):
        owner.call(lambda _: None)
    with Watcher(folder, lambda _: owner.call(lambda _: None), pytest.fail) as watcher:
        watcher._thread.join(5)
        assert not watcher._thread.is_alive()


def test_watching_ends_at_once(folder: Path) -> None:
    with watching(folder):
        started = time.monotonic()
    assert time.monotonic() - started < 5
