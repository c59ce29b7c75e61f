"""Text of the code as Markdown, which reads the same in a checkout and on the site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, or nothing where there are no rows."""
    lines = [_row(row) for row in rows]
    return "\n".join([_row(header), "|---" * len(header) + "|", *lines]) + "\n" if lines else ""


def _row(cells: Sequence[str]) -> str:
    told = [re.sub(r"\s+", " ", cell) for cell in cells]
    assert not re.search(r"(?<!\\)\|", "".join(told)), f"a bar would end the cell in {told}"
    return f"| {' | '.join(told)} |"


def plain(text: str) -> str:
    """Words in which nothing but code in backticks is markup."""
    parts = re.split(r"(`+[^`]+`+)", text.replace("``", "`"))
    escaped = (re.sub(r"([\\*|]|\](?=\())", r"\\\1", part).replace("<", "&lt;") for part in parts[::2])
    return "".join(chain.from_iterable(zip_longest(escaped, parts[1::2], fillvalue="")))


def code(text: str) -> str:
    """Text as code, of which a cell of a table may consist: a bar between choices becomes a comma."""
    return ", ".join(f"`{part}`" for part in text.split("|"))


def value(given: object) -> str:
    """A default, as a file of settings has it."""
    if given is None:
        return "null"
    if given in ((), {}, []):
        return "none"
    if isinstance(given, bool):
        return str(given).lower()
    return f"{given:g}" if isinstance(given, float) else f"{given}"
