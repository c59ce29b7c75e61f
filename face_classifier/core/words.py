"""Words of sentences that the program prints."""

from __future__ import annotations


def counted(count: int, one: str, many: str | None = None) -> str:
    """So many of something: ``1 face``, ``2 faces``. ``many``: the plural, where it is not ``one`` with an s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def counts_of(people: int, known: int, unknown: int) -> str:
    """What a gallery has, in the original program's words: people, faces of theirs, and faces of nobody."""
    return f"{counted(people, 'person')}, {counted(known, 'known face')}, {counted(unknown, 'unknown face')}"
