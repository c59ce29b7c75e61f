"""The README tells every command and flag, and its commands are the ones that CI runs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import click
import pytest

from face_classifier.cli import main as cli
from face_classifier.core.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS: dict[str, click.Command] = cli._main.commands


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"])
def test_the_readme_tells_every_command(name: str):
    assert f"**`face-classifier {name}`**" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_tells_every_flag(name: str):
    for option in COMMANDS[name].params:
        for flag in option.opts if isinstance(option, click.Option) else ():
            assert f"`{flag}" in README, f"{flag} of {name}"


def test_the_readme_names_no_flag_that_is_not_there():
    flags = {flag for command in COMMANDS.values() for param in command.params for flag in param.opts}
    for flag in set(re.findall(r"`(--?[a-zA-Z][a-z-]*)", README)) - {"--help", "--version"}:
        assert flag in flags


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_the_readme_tells_the_default_of_every_number(field: dataclasses.Field):
    if isinstance(field.default, float):
        row = next(line for line in README.splitlines() if f"`{field.metadata['flags'][-1]}`" in line)
        assert row.endswith(f"| {field.default:g} |")


def test_the_readme_tells_every_folder():
    package = ROOT / "face_classifier"
    for folder in {path.parent.relative_to(package).as_posix() for path in package.glob("*/**/*.py")}:
        assert f"`{folder}/`" in README, folder


def test_ci_runs_the_test_command_of_the_readme():
    assert re.search(r"^sh scripts/test$", README, re.MULTILINE)
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
