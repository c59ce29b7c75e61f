"""The files by which the daemon becomes a service name what is there, and let it do little."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

import pytest
import yaml
from conftest import ROOT

from face_classifier.cli import main as cli

UNIT = ROOT / "configs" / "face-classifier.service"


def command_of(line: str) -> str:
    """The command of the program that a line runs."""
    words = shlex.split(line)
    return words[words.index("face_classifier") + 1]


def test_the_unit_lets_it_do_little():
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing")
    line = ["systemd-analyze", "security", "--offline=yes", str(UNIT)]
    told = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    match = re.search(r"exposure level for face-classifier.service: ([\d.]+)", told)
    assert match
    assert float(match[1]) <= 2.0


def test_the_unit_runs_a_command_that_is_there():
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    assert command_of(line) in cli._main.commands


def test_the_image_takes_in_what_is_there_and_its_user_is_the_one_of_compose():
    text = (ROOT / "configs" / "Containerfile").read_text("utf-8")
    for words in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        assert all((ROOT / source).exists() for source in words.split()[:-1])
    (user,) = re.findall(r"^USER (.*)$", text, re.MULTILINE)
    service = yaml.safe_load((ROOT / "configs" / "compose.yaml").read_text("utf-8"))["services"]["face-classifier"]
    assert service["user"] == user
    assert service["read_only"]
    assert (ROOT / "configs" / service["build"]["context"] / service["build"]["dockerfile"]).exists()
