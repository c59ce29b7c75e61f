"""Chapters: the parts of a long source that are analysed each by itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """The half-open interval [begin, end) of a source, in seconds of its own time."""

    number: int  # from 0
    count: int  # of the source
    begin: float
    end: float  # infinite for the last one
