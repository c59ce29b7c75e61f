"""Sentences are short enough to be read once: of the documents, and of what the program says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest

ROOT = Path(__file__).parent.parent
MOST = 20  # words of a sentence, on average
MADE = {f"docs/reference/{name}.md" for name in ("commands", "settings", "http", "python", "files", "errors")}
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if path.relative_to(ROOT).as_posix() not in MADE
]
NEWCOMERS = [
    page for page in PAGES if "/" not in page or page.startswith(("docs/tutorials/", "docs/how-to/", "docs/trouble"))
]


def sentences(page: str) -> Iterator[str]:
    """The sentences of a page's prose: without code, tables, headings and what links lead to."""
    text = re.sub(r"^ *```.*?^ *```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[*-]|\d+\.) )", text):
        if not block.strip() or block.lstrip().startswith(("#", "|", "<", "!", "---", ":::")):
            continue
        prose = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "X", block)).replace("*", "")
        yield from re.split(r"(?<=[.!?])\s+(?=[A-Z(“])", " ".join(prose.split()))


def lengths(page: str) -> list[int]:
    """Words of each sentence; what has fewer than three is none."""
    return [words for one in sentences(page) if (words := len(re.findall(r"[\w’'-]+", one))) >= 3]


def test_sentences_of_the_documents_have_few_words():
    assert mean(words for page in PAGES for words in lengths(page)) <= MOST


@pytest.mark.parametrize("page", NEWCOMERS)
def test_sentences_for_newcomers_have_fewer(page: str):
    assert mean(lengths(page)) <= 0.8 * MOST


def test_what_the_program_says_has_few_words():
    rows = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8").splitlines()
    said = [row.split(" | ")[0] for row in rows if re.search(r"; .* \| \d+ \|$", row)]
    assert len(said) > 200
    words = [len(re.findall(r"[\w'-]+", sentence)) for sentence in said]
    assert mean(words) <= MOST
    assert max(words) <= 1.5 * MOST
