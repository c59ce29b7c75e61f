"""Extras of the installation: where one is missing, a sentence names it, or `scripts/run` installs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from face_classifier.core.errors import MissingError, needing

# A program that finds none of the modules named first.
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(), None))
from face_classifier.cli.main import main
sys.exit(main())
"""


def run_without(modules: str, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, modules, *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_a_missing_package_is_told_with_its_extra():
    with pytest.raises(MissingError) as told, needing("a map", "plots", "leave out --map"):
        import there_is_no_such_package  # noqa: F401
    assert str(told.value) == (
        "a map needs packages that are not installed; install face-classifier[plots], or leave out --map"
    )
    assert told.value.extra == "plots"


def test_a_missing_module_of_the_project_is_no_missing_extra():
    with pytest.raises(ModuleNotFoundError), needing("a map", "plots"):
        import face_classifier.there_is_no_such_module  # noqa: F401


@pytest.mark.parametrize(
    ("modules", "arguments", "extra"),
    [
        ("dlib", ["run", "CLIP", "--encoder", "dlib"], "dlib"),
        ("dlib", ["run", "CLIP", "--engine", "original"], "dlib"),
        ("dlib", ["run", "CLIP", "--detector", "hog"], "dlib"),
        ("argon2", ["password"], "web"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else value,
)
def test_a_command_without_its_extra_ends_with_a_sentence_and_changes_nothing(
    modules: str, arguments: list[str], extra: str, demo_clip: Path, tmp_path: Path
):
    (tmp_path / "result").mkdir()
    words = [word.replace("CLIP", str(demo_clip)) for word in arguments]
    if "run" in words:
        words += ["--result", str(tmp_path / "result")]
    ended = run_without(modules, *words)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("face-classifier: ")
    assert f"needs packages that are not installed; install face-classifier[{extra}]" in line
    assert not list((tmp_path / "result").rglob("*.png"))


def test_without_extras_a_video_is_sorted(demo_clip: Path, tmp_path: Path):
    missing = (
        "dlib face_recognition face_recognition_models h5py sklearn scipy arro3 starlette fastapi telegram apprise"
    )
    ended = run_without(missing, "run", demo_clip, "-S", "1", "--result", tmp_path / "result")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("2 persons, ")


def test_the_script_that_began_the_program_is_begun_anew_with_the_extra_and_the_same_words(tmp_path: Path):
    script = tmp_path / "run"
    script.write_text('echo "$FACE_CLASSIFIER_EXTRAS: $@"\n')
    ended = run_without("argon2", "password", "--json", FACE_CLASSIFIER_SET_UP=str(script))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "web: password --json\n", "")


@pytest.mark.parametrize(
    ("words", "sets"), [("watch", "run watch"), ("web", "run watch plots"), ("watch --help", "run")]
)
def test_the_script_installs_what_a_command_needs_and_nothing_more_to_tell_its_options(
    words: str, sets: str, tmp_path: Path
):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "run", tmp_path / "scripts")
    (tmp_path / "scripts" / "setup").write_text('kept() { :; }\ninstall() { printf "%s " "$1"; }\n')
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    ended = subprocess.run(
        ["sh", str(tmp_path / "scripts" / "run"), *words.split()],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert ended.stdout.split() == sets.split(), ended.stderr


def test_variables_of_the_script_are_no_settings(demo_clip: Path, tmp_path: Path):
    script = (ROOT / "scripts" / "run").read_text("utf-8")
    names = re.findall(r"\bFACE_CLASSIFIER_[A-Z_]+", script)
    assert names
    ended = run_without("", demo_clip, "--stop", "1", "--result", tmp_path / "result", **dict.fromkeys(names, "x"))
    assert ended.returncode == 0, ended.stderr


def test_what_is_missing_after_its_extra_was_installed_is_told(tmp_path: Path):
    script = tmp_path / "run"
    script.write_text("echo again\n")
    ended = run_without(
        "argon2", "password", FACE_CLASSIFIER_SET_UP=str(script), FACE_CLASSIFIER_EXTRAS="plots web"
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.startswith("face-classifier: a password needs packages that are not installed")
