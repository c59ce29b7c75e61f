"""Commands that change a gallery, typed while another process owns it: the same comes of them as without it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import pytest
from conftest import Ended, Listener

from face_classifier.core.config.load import load
from face_classifier.core.disk.locks import SOCKET
from face_classifier.core.errors import InUseError
from face_classifier.core.types import Image
from face_classifier.curate import ask
from face_classifier.curate.commands import HANDLERS
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner
from face_classifier.gallery.owner.server import serving
from face_classifier.gallery.store import Store

Command = Callable[..., Ended]

SERVE = """
import sys
from pathlib import Path
from face_classifier.core.config.load import load
from face_classifier.curate.commands import HANDLERS
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner
from face_classifier.gallery.owner.server import serving
sys.path[:0] = sys.argv[2:]
from conftest import Listener
told = Listener()
chosen = load({"result": sys.argv[1]})
with Owner(lambda: Gallery.open(chosen, told)) as owner:
    announce = lambda socket: owner.call(lambda gallery: gallery.store.tell_socket(socket))
    with serving(Path(sys.argv[1]), owner, HANDLERS.get, announce, told.problem):
        print("serves", flush=True)
        sys.stdin.read()
assert not told.problems, told.problems
"""


@contextmanager
def served(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns a result folder and takes commands."""
    line = [sys.executable, "-c", SERVE, str(folder), str(Path(__file__).parents[1])]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serves\n"
        yield process
        if process.poll() is None:
            process.communicate()
            assert process.returncode == 0


@contextmanager
def served_here(folder: Path) -> Iterator[None]:
    """Another thread of this process owns a result folder and takes commands, which comes to the same, sooner."""
    told, chosen = Listener(), load({"result": str(folder)})
    with (
        Owner(lambda: Gallery.open(chosen, told)) as owner,
        serving(folder, owner, HANDLERS.get, lambda at: owner.call(lambda it: it.store.tell_socket(at)), told.problem),
    ):
        yield
    assert not told.problems


@pytest.fixture
def folder(closeups: dict[str, Image], tmp_path: Path) -> Path:
    """Barack under two names; one of him and Joe, as the program cut them, among those of nobody; Joe."""
    lying = {
        "Barack": ["obama", "obama_partial_face"],
        "Barry": ["obama2"],
        "Joe": ["biden"],
        "unknowns": ["obama3"],
    }
    for name, photographs in lying.items():
        (tmp_path / "result" / name).mkdir(parents=True)
        for number, photograph in enumerate(photographs):
            stem = f"2024050{number + 1}_060708.000-0" if name == "unknowns" else photograph
            assert cv2.imwrite(str(tmp_path / "result" / name / f"{stem}.png"), closeups[f"{photograph}.jpg"])
    Store(tmp_path / "result", writing=True).close()  # else it is no result folder yet
    return tmp_path / "result"


def lies(folder: Path) -> list[str]:
    """Every picture, and every view."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith((".", "faces.sqlite-"))
    )


def views(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith(("montage", "face_enc"))}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("rethink",), 0),
        (("suggest", "accept", "Barack", "Barry"), 0),
        (("suggest", "accept", "Barack", "Nobody"), 1),
        (("suggest", "reject", "Barack", "Barry"), 0),
        (("reject", "obama", "nothing"), 1),
        (("audit", "--apply"), 0),
    ],
)
def test_a_command_does_and_says_the_same_whether_another_process_owns_the_folder_or_none(
    words: tuple[str, ...], code: int, folder: Path, tmp_path: Path, command: Command
) -> None:
    assert command("rethink", "--result", folder).code == 0  # so that every picture has its row
    shutil.copytree(folder, tmp_path / "copy")
    alone = command(*words, "--result", folder, "--json")
    after, drawn = lies(folder), views(folder)
    exported = command("export", "--result", folder)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    with served_here(folder):
        answered = command(*words, "--result", folder, "--json")
        assert command("export", "--result", folder) == exported  # reading meanwhile
        assert (lies(folder), views(folder)) == (after, drawn)
    assert answered == alone
    assert answered.code == code
    assert answered.out or code
    assert not (folder / SOCKET).exists()


def test_enrolment_keeps_the_same_views_whether_another_process_owns_the_folder_or_none(
    folder: Path, tmp_path: Path, closeups: dict[str, Image], command: Command
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for name in ("biden", "obama3", "obama2"):
        assert cv2.imwrite(str(album / f"{name}.png"), closeups[f"{name}.jpg"])
    assert command("rethink", "--result", folder).code == 0
    shutil.copytree(folder, tmp_path / "copy")
    alone = command("enroll", "Barack", album, "--result", folder, "--json")
    after, drawn = lies(folder), views(folder)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    with served_here(folder):
        answered = command("enroll", "Barack", album, "--result", folder, "--json")
        assert (lies(folder), views(folder)) == (after, drawn)
        again = command("enroll", "Barack", album, "--result", folder, "--json")
    assert answered == alone
    assert (answered.code, json.loads(answered.out)["new"]) == (0, 2)
    assert (again.code, json.loads(again.out)["new"]) == (0, 0)


def test_a_command_takes_what_the_user_did_since_the_owner_last_looked(folder: Path, command: Command) -> None:
    with served_here(folder):
        (folder / "Barry").rename(folder / "Bama")
        ended = command("suggest", "accept", "Bama", "Barack", "--result", folder)
        assert (ended.code, ended.err) == (0, "")
        assert {path.parent.name for path in folder.glob("*/*.png")} == {"Bama", "Joe", "unknowns"}


def test_verify_repairs_through_the_owner(folder: Path, command: Command) -> None:
    assert command("rethink", "--result", folder).code == 0
    with served_here(folder):
        (folder / "Joe" / "biden.png").unlink()
        ended = command("verify", "--result", folder, "--json")
        (finding,) = json.loads(ended.out)["findings"]
        assert (ended.code, finding["repaired"]) == (0, True), ended
        assert json.loads(command("verify", "--result", folder, "--json").out)["findings"] == []


def test_commands_of_many_terminals_at_once_are_all_carried_out(folder: Path, closeups: dict[str, Image]) -> None:
    for number in range(3):
        (folder / f"Joe {number}").mkdir()
        picture = cv2.add(closeups["biden.jpg"], (number + 1, 0, 0, 0))
        assert cv2.imwrite(str(folder / f"Joe {number}" / f"joe{number}.png"), picture)
    with served_here(folder):
        line = [sys.executable, "-m", "face_classifier", "suggest", "accept", "Joe"]
        commands = [
            subprocess.Popen([*line, f"Joe {number}", "--result", folder, "--json"], stdout=subprocess.PIPE, text=True)
            for number in range(3)
        ]
        answers = [json.loads(running.communicate()[0]) for running in commands]
    assert sorted(answer["was"] for answer in answers) == [f"Joe {number}" for number in range(3)]
    assert len(list((folder / "Joe").iterdir())) == 4


def test_moving_over_to_another_encoder_is_refused_with_the_number_of_the_owner(folder: Path, command: Command) -> None:
    with served(folder) as process:
        ended = command("reencode", "--encoder", "dlib", "--result", folder)
    assert (ended.code, ended.out) == (75, "")
    assert f"in use by process {process.pid}" in ended.err


def test_an_owner_of_another_version_is_told_with_its_number(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("face_classifier.gallery.owner.client.__version__", "9.9")
    with served(folder) as process:
        ended = command("rethink", "--result", folder)
    assert (ended.code, ended.out) == (75, "")
    assert f"process {process.pid}, which has version 0.1.0" in ended.err
    assert "this is version 9.9" in ended.err
    assert ended.err.count("\n") == 1


def test_an_owner_that_does_not_answer_is_told_with_its_number(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("face_classifier.gallery.owner.client.Client.__init__.__kwdefaults__", {"silence": 0.3})
    monkeypatch.setattr(ask, "STARTING", 0.1)
    with served(folder) as process:
        process.send_signal(signal.SIGSTOP)
        ended = command("rethink", "--result", folder)
        process.send_signal(signal.SIGCONT)
    assert (ended.code, ended.out) == (75, "")
    assert f"process {process.pid}, which does not answer" in ended.err


def test_a_process_that_takes_no_commands_is_told_with_its_number(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "STARTING", 0.1)
    with Store(folder, writing=True):
        ended = command("rethink", "--result", folder)
    assert (ended.code, ended.out) == (75, "")
    assert f"process {os.getpid()}, which takes no commands" in ended.err


def test_a_process_that_has_just_begun_is_waited_for(folder: Path) -> None:
    """It holds the lock for a while before it takes commands, and ends without ever having taken one."""
    store = Store(folder, writing=True)
    ending = threading.Timer(0.5, store.close)
    ending.start()
    started = time.monotonic()
    assert ask.carry_out(load({"result": str(folder)}), "rethink", {}, Listener()) is not None
    assert time.monotonic() - started >= 0.4
    ending.join()


def test_the_waiting_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "STARTING", 0.3)
    started = time.monotonic()
    with Store(folder, writing=True), pytest.raises(InUseError):
        ask.carry_out(load({"result": str(folder)}), "rethink", {}, Listener())
    assert 0.2 < time.monotonic() - started < 3


def test_commands_work_whenever_owners_begin_and_end(folder: Path) -> None:
    chosen, ending = load({"result": str(folder)}), threading.Event()
    served_times: list[float] = []

    def own_again_and_again() -> None:
        while not ending.is_set():
            with suppress(InUseError), served_here(folder):  # a command may have it just now
                served_times.append(time.monotonic())
                time.sleep(len(served_times) % 7 * 0.01)
            time.sleep(len(served_times) % 3 * 0.02)

    owning = threading.Thread(target=own_again_and_again)
    owning.start()
    try:
        deadline = time.monotonic() + 60
        while len(served_times) < 4 and time.monotonic() < deadline:
            ask.carry_out(chosen, "suggest reject", {"one": "Barack", "other": "Joe"}, Listener())
    finally:
        ending.set()
        owning.join()
    assert len(served_times) >= 4


def test_a_copy_with_hard_links_is_read_and_its_commands_do_not_go_to_the_original(
    folder: Path, tmp_path: Path, command: Command
) -> None:
    assert command("rethink", "--result", folder).code == 0
    with served_here(folder):
        shutil.copytree(folder, tmp_path / "copy", copy_function=os.link, ignore=lambda *_: {SOCKET})
        os.link(folder / SOCKET, tmp_path / "copy" / SOCKET)
        before = lies(folder)
        ended = command("suggest", "accept", "Barack", "Barry", "--result", tmp_path / "copy")
        assert (ended.code, lies(folder)) == (1, before)
        assert "hard link" in ended.err
    read = command("people", "--result", tmp_path / "copy")
    assert (read.code, read.err) == (0, "")
    assert "Barack" in read.out


def test_after_an_owner_was_killed_a_command_opens_the_folder_itself(folder: Path, command: Command) -> None:
    with served(folder) as process:
        process.kill()
        process.wait()
        assert (folder / SOCKET).exists()
        assert command("suggest", "accept", "Barack", "Barry", "--result", folder).code == 0
    assert not (folder / SOCKET).exists()
    assert len(list((folder / "Barack").iterdir())) == 3
