"""The pages for those who work on the project, or report a fault: what they name is there, and forms are forms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from face_classifier import __version__

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
FORMS = [path for path in TEMPLATES if path.name != "config.yml"]
# https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema
KINDS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def words_of(name: str) -> str:
    """A section of CONTRIBUTING."""
    return CONTRIBUTING.split(f"\n## {name}\n")[1].split("\n## ")[0]


def test_the_house_is_told_in_six_lines():
    assert len(re.findall(r"^\d\. ", words_of("The house in six lines"), re.MULTILINE)) == 6


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w./-]+/[\w.-]+\.\w+)`", CONTRIBUTING))))
def test_a_file_that_is_named_is_there(path: str):
    if "NAME" not in path:
        assert (ROOT / path).is_file() or (ROOT / "face_classifier" / path).is_file(), path


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`([A-Za-z_]*[A-Z][A-Za-z]+|[a-z]+_[a-z_]+)`", words_of("Add something"))))
)
def test_a_name_of_the_code_that_is_told_is_in_it(name: str):
    code = [*(ROOT / "face_classifier").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    pattern = re.compile(rf"^\s*(class|def) {name}\b|^{name}\b.*=|^_?{name}\b", re.MULTILINE)
    assert any(pattern.search(path.read_text("utf-8")) for path in code), name


def test_the_newest_change_is_of_this_version():
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_for_issues_is_one_that_github_shows(path: Path):
    form: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    assert form["name"]
    assert form["description"]
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert fields
    assert {part["type"] for part in form["body"]} <= KINDS
    assert len({part["id"] for part in fields}) == len(fields)
    for part in fields:
        assert part["attributes"]["label"]
        assert part["type"] != "dropdown" or part["attributes"]["options"]
    asks_for_no_faces = "no faces" in path.read_text("utf-8") or "none of people" in path.read_text("utf-8")
    assert asks_for_no_faces or path.stem == "3-wish"
