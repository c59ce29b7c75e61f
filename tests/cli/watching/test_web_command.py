"""`web` serves a result folder, whoever owns it, and what else is typed beside it works or is told why not."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import Ended, Watcher
from servers.pages import settings_of
from servers.watched import until

from face_classifier.core.disk.locks import holder_of
from face_classifier.core.disk.retry import ROOM, DiskError, asking_the_disk
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.curate.commands import HANDLERS
from face_classifier.curate.questions import log
from face_classifier.gallery.owner.queue import OwnerClosedError
from face_classifier.web.folder import Folder

Command = Callable[..., Ended]
SECONDS = 10.0


@contextmanager
def shown(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that shows a folder, and the address of its page."""
    line = [sys.executable, "-m", "face_classifier", "web", "--result", str(folder), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line_told = process.stdout.readline()
            found = re.match(r"(http://127\.0\.0\.1:\d+/) shows", line_told)
            assert found, (line_told, process.communicate(timeout=SECONDS))
            yield process, found[1]
        finally:
            process.kill()


def owner_of(folder: Path) -> str | None:
    """The process that owns a folder and takes commands."""
    with Root(folder) as root:
        holder = holder_of(root)
    return holder.pid if holder and holder.socket else None


def people_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_dir() and path.name not in ("unknowns", ".rejected")}


@contextmanager
def folder_of(result: Path) -> Iterator[Folder]:
    listener = Watcher()
    with Folder(settings_of(result), threading.Event(), listener) as folder:
        yield folder
    assert not listener.problems


def test_other_commands_and_runs_go_on_working_beside_the_page(
    result: Path, short_clip: Path, demo_clip: Path, command: Command
):
    def ask(*words: object, code: int = 0) -> Ended:
        ended = command(*words, "--result", result)
        assert ended.code == code, ended
        return ended

    with shown(result) as (process, address):
        assert httpx.get(address).status_code == 200
        until(lambda: owner_of(result) == str(process.pid), "the page owns its folder")
        (one, other) = sorted(people_of(result))
        ask("suggest", "reject", one, other)
        (result / one).rename(result / "Bea")  # as the user does
        until(lambda: "Bea" in log_of(result), "what the user does to the folders is taken in")
        ask(short_clip)  # a run
        assert str(short_clip) in sources_of(result, command)
        assert "watches no camera; stop it and start face-classifier watch" in ask("status", code=1).err
        line = [sys.executable, "-m", "face_classifier", "watch", str(demo_clip), "--result", str(result)]
        watch = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
        assert watch.returncode == 75, watch
        assert f"is in use by process {process.pid}; wait until it ends, stop it, or" in watch.stderr

        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        assert time.monotonic() - began < 5
        assert (process.returncode, out, err) == (0, "", "")
    assert owner_of(result) is None
    assert json.loads(ask("verify", "--dry-run", "--json").out)["findings"] == []


def log_of(result: Path) -> str:
    return repr(log.read(settings_of(result))[0])


def sources_of(result: Path, command: Command) -> set[str]:
    return {visit["camera"] for visit in json.loads(command("events", "--json", "--result", result).out)}


def test_whoever_owns_the_folder_carries_out_what_the_page_asks_and_then_the_page_does(result: Path):
    (one, other) = sorted(people_of(result))
    with folder_of(result) as page:
        with folder_of(result) as before:
            before.own()
            page.carry_out("rename", {"person": one, "name": "Ann"})  # by the other one
            assert people_of(result) == {"Ann", other}
        assert owner_of(result) is None
        answer = page.carry_out("rename", {"person": other, "name": "Bea"})
        assert answer.answer["faces"] > 0
        assert owner_of(result) == str(os.getpid())
        page.carry_out("undo", {"to": None})
        assert people_of(result) == {"Ann", other}
    assert owner_of(result) is None
    with pytest.raises(OwnerClosedError):
        page.carry_out("undo", {"to": None})


def test_a_disk_that_is_full_is_told_as_that_by_another_process_too(result: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_gallery: object, _arguments: object, _observer: object) -> None:
        with asking_the_disk(result / "faces.sqlite"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(HANDLERS, "ignore", full)
    with folder_of(result) as page, folder_of(result) as owner:
        owner.own()
        with pytest.raises(DiskError, match="No space left on device") as told:
            page.carry_out("ignore", {"faces": [1]})
    assert told.value.cure == ROOM


def test_a_command_that_cannot_be_carried_out_says_why(result: Path):
    with folder_of(result) as page, pytest.raises(UserError, match="there is no person 'Nobody'"):
        page.carry_out("rename", {"person": "Nobody", "name": "Ann"})


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:", ":8470", "127.0.0.1:65536", "127.0.0.1:x"])
def test_a_place_that_is_none_is_refused(listen: str, command: Command, result: Path):
    ended = command("web", "--result", result, "--listen", listen)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "such as 127.0.0.1:8470" in ended.err


def test_a_folder_that_is_not_there_is_not_made(command: Command, tmp_path: Path):
    ended = command("web", "--result", tmp_path / "typo")
    assert (ended.code, ended.out) == (1, "")
    assert f"there is no result folder {tmp_path / 'typo'}" in ended.err
    assert not (tmp_path / "typo").exists()


def test_a_port_that_is_taken_is_told(command: Command, result: Path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = command("web", "--result", result, "--listen", f"127.0.0.1:{listener.getsockname()[1]}")
    assert ended.code == 1
    assert "the page cannot be served at 127.0.0.1" in ended.err
