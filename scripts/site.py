"""Builds the site of the documentation from mkdocs.yml into a folder: `sh scripts/docs`.

The pages lie there as in the checkout, so that a link means the same in both. A warning, such as of a link or an anchor
that leads nowhere, is an error.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

ROOT = Path(__file__).parents[1]
STYLE = ROOT / "docs" / "site.css"
PAGES = ("*.md", "docs/**/*.md", "benchmarks/*.md")


def pages() -> list[Path]:
    """The pages of the site, in the checkout."""
    return sorted(page for pattern in PAGES for page in ROOT.glob(pattern))


def in_nav() -> list[str]:
    """The pages of the nav of mkdocs.yml, in their order, as paths in the checkout."""
    return list(_paths(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]))


def _paths(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            yield from [value] if isinstance(value, str) else _paths(value)


def linked(page: Path) -> Iterator[Path]:
    """The files of the checkout that a page links or shows."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        file = (page.parent / unquote(target)).resolve()
        if "://" not in target and file.is_file() and file.is_relative_to(ROOT):
            yield file


def build(out: Path) -> None:
    """Builds the site into a folder, which is made anew. Raises CalledProcessError if there is a warning."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        shutil.copy(ROOT / "mkdocs.yml", work)
        found = pages()
        for file in {*found, STYLE, *(file for page in found for file in linked(page))}:
            copy = work / "source" / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "--clean"], cwd=work, check=True)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(work / "site", out)


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]))
        print(
            f"The site is {sys.argv[1]}; look at it by: python3 -m http.server --directory {shlex.quote(sys.argv[1])}"
        )
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
