"""The reference tells every command and flag, the README is short, and both say what is so."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from face_classifier.cli import main as cli
from face_classifier.core.config.flat import Flat
from scripts import site
from scripts.reference.__main__ import COMMAND, MANUAL, main
from scripts.reference.__main__ import PAGES as MADE

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
REFERENCE = "\n".join(page.read_text("utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md")))
FLAGS = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
COMMANDS: dict[str, click.Command] = cli._main.commands
GROUPS = [command for command in COMMANDS.values() if isinstance(command, click.Group)]


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"])
def test_the_reference_tells_every_command(name: str):
    assert f"**`face-classifier {name}`**" in REFERENCE


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_tells_every_flag(name: str):
    for option in COMMANDS[name].params:
        for flag in option.opts if isinstance(option, click.Option) else ():
            assert f"`{flag}" in FLAGS, f"{flag} of {name}"


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("benchmarks/")])
def test_a_page_names_no_flag_that_is_not_there(page: str):
    commands = [*COMMANDS.values(), *(sub for group in GROUPS for sub in group.commands.values())]
    flags = {flag for command in commands for param in command.params for flag in param.opts}
    text = (ROOT / page).read_text("utf-8")
    for flag in set(re.findall(r"`(--?[a-zA-Z][a-z-]*)", text)) - {"--help", "--version"}:
        assert flag in flags


@pytest.mark.parametrize("field", dataclasses.fields(Flat), ids=lambda field: field.name)
def test_the_reference_tells_the_default_of_every_number(field: dataclasses.Field):
    if isinstance(field.default, float):
        row = next(line for line in FLAGS.splitlines() if f"`{field.metadata['flags'][-1]}`" in line)
        assert row.endswith(f"| {field.default:g} |")


def test_every_page_stands_once_in_the_nav_of_the_site():
    pages = [page.relative_to(ROOT).as_posix() for page in site.pages()]
    assert sorted(site.in_nav()) == sorted(pages), "mkdocs.yml lacks a page, or has one twice or for nothing"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    main(folder)
    return folder


@pytest.mark.parametrize("name", [*(f"{name}.md" for name in MADE), MANUAL])
def test_a_page_is_as_the_code_is_now(made: Path, name: str):
    told, now = ((folder / name).read_text("utf-8").splitlines() for folder in (ROOT / "docs" / "reference", made))
    new, gone = ([line for line in one if line not in other][:3] for one, other in ((now, told), (told, now)))
    assert told == now, f"docs/reference/{name} lacks {new} and has {gone} for nothing; run `{COMMAND}`"


def test_the_tour_tells_every_folder():
    package = ROOT / "face_classifier"
    for folder in {path.parent.relative_to(package).as_posix() for path in package.glob("*/**/*.py")}:
        assert f"`{folder}/`" in CONTRIBUTING, folder


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_somewhere(page: str):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (ROOT / page).parent / unquote(path) if path else ROOT / page
        assert linked.exists(), f"{page} links {target}"
        assert not anchor or anchor in anchors(linked), f"{page} links {target}"


def anchors(page: Path) -> set[str]:
    """What a page's headings are called in links, as GitHub does it."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_ci_runs_the_test_command_of_the_readme():
    assert re.search(r"^sh scripts/test$", README, re.MULTILINE)
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
