"""Scripts of the page: small modules, in which names of people are never more than text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from face_classifier.web.pages.assets import STATIC

LINES = 300
SCRIPTS = [path for path in sorted(STATIC.rglob("*.js")) if path.parent.name != "vendor"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_small_and_runs_no_text_as_code_or_markup(path: Path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= LINES
    assert not re.search(r"innerHTML|outerHTML\s*=|insertAdjacentHTML|\beval\(|new Function", text)
