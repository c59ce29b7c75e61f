"""What a new user sees first: `--help`, the shell's completion, the manual page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from conftest import ROOT, Ended

from face_classifier.cli.main import TASKS, _main

PROGRAM = [sys.executable, "-m", "face_classifier"]


def test_every_command_has_one_task():
    assert sorted(name for commands in TASKS.values() for name in commands) == sorted(_main.commands)


def test_help_tells_each_command_on_a_line_of_80(command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = command("--help").out.splitlines()
    assert max(map(len, lines)) <= 80
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if line.startswith("  ") and "  " in line[2:]}
    for commands in TASKS.values():
        for name, text in commands.items():
            assert told[name] == text


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("sugg", ["plain,suggest"]),
        ("models fe", ["plain,fetch"]),
        ("holiday.mp4 --enc", ["plain,--encoder"]),
        ("export --format c", ["plain,csv"]),
        ("holiday.mp4 --encoder s", ["plain,sface"]),
        ("web --config cctv", ["file,cctv"]),
        ("forget Anna --result ho", ["file,ho"]),
        ("holid", ["file,holid"]),
        ("run holid", ["file,holid"]),
    ],
)
def test_the_shell_completes_commands_options_values_and_files(words: str, completed: list[str]):
    line = f"face-classifier {words}"
    asked = {"_FACE_CLASSIFIER_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    ended = subprocess.run(
        PROGRAM, env={**os.environ, **asked}, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.stdout.splitlines(), ended.stderr) == (completed, "")


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is missing on this system")
def test_the_manual_page_is_printed_without_a_warning_and_tells_every_command():
    page = ROOT / "docs" / "reference" / "face-classifier.1"
    printed = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbou", "-ww", page], capture_output=True, text=True, timeout=30, check=True
    )
    assert printed.stderr == ""
    lines = [line.strip() for line in printed.stdout.splitlines()]
    for name in _main.commands:
        assert any(line.split()[:1] == [name] for line in lines)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["holiday.mp4", "--colour"], "face-classifier run --help"),
        (["suggest", "accept", "--colour"], "face-classifier suggest accept --help"),
    ],
)
def test_who_types_an_unknown_option_is_told_where_the_right_ones_stand(
    words: list[str], asked: str, command: Callable[..., Ended]
):
    ended = command(*words)
    assert ended.code == 2
    assert ended.err == f"face-classifier: no such option '--colour'; see {asked}\n"
