"""Passwords and tokens are made by commands that show no secret but the one that was asked for."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from servers.asking import run

from face_classifier.core.config import tokens
from face_classifier.core.config.load import load
from face_classifier.web.doors.passwords import Password

SECONDS = 60  # on a busy machine


def test_the_hash_of_a_password_is_a_line_for_the_configuration(
    command: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    ended = command("password")
    assert ended.code == 0
    assert "correct horse" not in ended.out + ended.err
    (tmp_path / "c.yaml").write_text("web:\n  " + ended.out)
    web = load({}, str(tmp_path / "c.yaml"), {}).web
    assert web.password
    assert run(Password(web.password).is_right("correct horse", "127.0.0.1"))
    assert not run(Password(web.password).is_right("correct horse\n", "127.0.0.1"))


@pytest.mark.parametrize("word", ["", "1234567", "x" * 1001])
def test_a_password_that_is_soon_guessed_or_is_none_is_refused(
    command: Callable, monkeypatch: pytest.MonkeyPatch, word: str
):
    monkeypatch.setattr("sys.stdin", io.StringIO(word + "\n"))
    ended = command("password")
    assert (ended.code, ended.out) == (2, "")
    assert "a password has 8 to 1000 characters" in ended.err


def test_at_a_terminal_it_is_asked_for_twice_and_not_shown():
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "face_classifier", "password"], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = ""

    def wait_for(word: str) -> None:
        nonlocal shown
        end = time.monotonic() + SECONDS
        while word not in shown:
            assert select.select([ours], [], [], max(0.0, end - time.monotonic()))[0], f"{word!r} is not in {shown!r}"
            shown += os.read(ours, 1000).decode()

    try:
        wait_for("Password of the page: ")
        os.write(ours, b"correct horse\n")
        wait_for("Once more: ")
        os.write(ours, b"correct horse\n")
        wait_for("$argon2id$")
        wait_for("restart the program")
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait(SECONDS)
        os.close(ours)
    assert "correct horse" not in shown


def test_a_token_is_printed_once_and_kept_as_a_hash(command: Callable, tmp_path: Path):
    config, path = tmp_path / "c.yaml", tmp_path / "tokens"
    config.write_text(f"web: {{tokens_file: {path}}}\n")
    ended = command("token", "home-assistant", "--scope", "read", "--scope", "live", "--config", config)
    assert ended.code == 0
    word = ended.out.strip()
    assert re.fullmatch(r"fc_[\w-]{43}", word)
    (token,) = tokens.read(str(path))
    assert (token.name, token.scopes, token.is_of(word)) == ("home-assistant", {"read", "live"}, True)
    again = command("token", "home-assistant", "--scope", "read", "--config", config)
    assert (again.code, again.out) == (1, "")
    told = json.loads(command("token", "script", "--scope", "write", "--config", config, "--json").out)
    assert told["scopes"] == ["write"]
    assert tokens.read(str(path))[1].is_of(told["token"])


@pytest.mark.parametrize("words", [["web"], ["watch", "0"]])
def test_a_page_that_others_reach_does_not_start_without_a_password(
    words: list[str], command: Callable, tmp_path: Path
):
    config = tmp_path / "c.yaml"
    config.write_text(f"result: {tmp_path / 'result'}\nweb: {{listen: 0.0.0.0:8470}}\n")
    ended = command(*words, "--config", config)
    assert (ended.code, ended.out) == (2, "")
    (sentence,) = ended.err.splitlines()
    assert "web.listen is 0.0.0.0:8470, which others can reach, so the page needs a password" in sentence
    assert not (tmp_path / "result").exists()


def test_a_token_without_a_scope_or_a_file_is_refused(command: Callable, tmp_path: Path):
    (tmp_path / "c.yaml").write_text("")
    ended = command("token", "a", "--scope", "read", "--config", tmp_path / "c.yaml")
    assert ended.code == 2
    assert "write web: {tokens_file: PATH}" in ended.err
    assert command("token", "a").code == 2
    assert command("token", "a", "--scope", "fly").code == 2
