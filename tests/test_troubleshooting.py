"""The page of what goes wrong quotes sentences that the program says."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_what_is_quoted_is_said():
    said = {
        row.split("|")[1].strip()
        for row in (DOCS / "reference/errors.md").read_text("utf-8").splitlines()
        if "|" in row
    }
    lines = (DOCS / "troubleshooting.md").read_text("utf-8").splitlines()
    quoted = [line.removeprefix("> ") for line in lines if line.startswith("> ")]
    assert len(quoted) > 10
    unsaid = [sentence for sentence in quoted if sentence not in said]
    assert not unsaid, f"quote in docs/troubleshooting.md as docs/reference/errors.md has it: {unsaid}"
