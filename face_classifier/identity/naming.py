"""Names of people: those that the program gives, `person_##`, and their order."""

from __future__ import annotations

import re

_NUMBERED = re.compile(r"person_([0-9]+)")
_RUNS = re.compile(r"([^0-9]*)([0-9]{0,18})")  # of what is no digit, then digits
_MOST_DIGITS = 9  # of a number that the program gives


def numbered(number: int) -> str:
    """The name of the person with a number."""
    return f"person_{number:02d}"


def number_in(name: str) -> int | None:
    """The number in a name that the program may have given; None if it did not."""
    parts = _NUMBERED.fullmatch(name)
    return int(parts[1]) if parts and len(parts[1]) <= _MOST_DIGITS else None


def is_named(person: str | None) -> bool:
    """Whether the user gave the name: any but the program's own `person_##`."""
    return person is not None and not _NUMBERED.fullmatch(person)


def natural(name: str) -> tuple[list[tuple[str, int]], str]:
    """A sort key by which person_2 comes before person_11, and case hardly matters."""
    return [(text.casefold(), int(number or 0)) for text, number in _RUNS.findall(name)], name
