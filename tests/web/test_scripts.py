"""Scripts of the page: small modules that find one another, since no build step would tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from face_classifier.web.pages.assets import STATIC

LINES = 300
SCRIPTS = [path for path in sorted(STATIC.rglob("*.js")) if path.parent.name != "vendor"]
_IMPORT = re.compile(r'^import (?:\{([^}]*)\}|\* as \w+) from "([^"]+)";', re.MULTILINE)
_ALONE = re.compile(r'^import "([^"]+)";', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:function|const|let|class) (\w+)|^export \{([^}]*)\}", re.MULTILINE)


def exported(path: Path) -> set[str]:
    """The names that a module exports."""
    found = _EXPORT.findall(path.read_text("utf-8"))
    return {name.split(" as ")[-1].strip() for one, some in found for name in [one, *some.split(",")]}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_small_and_imports_what_there_is(path: Path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= LINES
    for names, module in _IMPORT.findall(text):
        target = (path.parent / module).resolve()
        wanted = {name.split(" as ")[0].strip() for name in names.split(",")} - {""}
        assert wanted <= exported(target), f"{module} exports no {', '.join(wanted - exported(target))}"
    for module in _ALONE.findall(text):
        assert (path.parent / module).is_file()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_runs_no_text_as_code_or_markup(path: Path):
    """Names of people are shown by scripts, too."""
    assert not re.search(r"innerHTML|outerHTML\s*=|insertAdjacentHTML|\beval\(|new Function", path.read_text("utf-8"))
