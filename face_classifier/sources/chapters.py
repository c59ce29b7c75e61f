"""Chapters: stretches of a long file that are analysed each by itself, wherever, and come out the same.

At a chapter's begin all that follows faces starts anew, on one machine too. Which chapters a file has depends on its
content and on their length alone.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from face_classifier.sources.base import SAME_TIME, Sampling


@dataclass(frozen=True)
class Chapter:
    """The frames of a source with a position in ``[begin, end)``, each half a millisecond earlier, as of `Sampling`."""

    number: int = 0  # from 0, in the order in which they are placed
    count: int = 1  # of all chapters of the source
    begin: float = 0.0  # seconds, the source's clock
    end: float = math.inf  # seconds; of the last one infinite
    stream: int | None = None  # of a file with several video streams, from 0; None: all, one after the other
    # How it is read, which the content of the file tells:
    first: int | None = field(default=0, compare=False)  # 0-based number of its first frame; None = not known before
    is_sought: bool = field(default=False, compare=False)  # without those before it; else these are read, too

    def is_over(self, position: float) -> bool:
        """Whether a position in seconds is behind it."""
        return position >= self.end - SAME_TIME

    def is_to_come(self, position: float) -> bool:
        """Whether a position in seconds is before it."""
        return position < self.begin - SAME_TIME

    def counts(self, sampling: Sampling) -> bool:
        """Whether any of its time is sampled."""
        return not (self.is_over(sampling.skip) or (sampling.stop and self.is_to_come(sampling.stop)))


WHOLE = Chapter()


def sampled(chapters: Sequence[Chapter], sampling: Sampling) -> Sequence[Chapter]:
    """Those with sampled time, but at least one."""
    return [chapter for chapter in chapters if chapter.counts(sampling)] or chapters[-1:]


def tasks(chapters: Sequence[Chapter]) -> list[tuple[Chapter, ...]]:
    """Which chapters are read together: each that can be sought by itself, else all of them in one pass."""
    if all(chapter.is_sought for chapter in chapters):
        return [(chapter,) for chapter in chapters]
    return [tuple(chapters)]


def sought_chapters(times: Mapping[int, Sequence[float]], seconds: float) -> list[Chapter]:
    """Those of a file in which one can seek, but for those without a frame.

    Parameters
    ----------
    times : of all frames, rising, in seconds, by the number of their video stream, from 0
    seconds : how long a chapter is
    """
    found: list[Chapter] = []
    for stream, of_stream in times.items():
        first = 0
        while first < len(of_stream):
            begin = seconds * max(0, math.floor((of_stream[first] + SAME_TIME) / seconds))
            end = begin + seconds
            found.append(Chapter(begin=begin, end=end, stream=stream, first=first, is_sought=True))
            first = bisect_left(of_stream, end - SAME_TIME, first + 1)
        found[-1] = replace(found[-1], end=math.inf)
    return _numbered(found, len(times))


def passed_chapters(length: float, streams: Sequence[int], seconds: float) -> list[Chapter]:
    """Those of a file that can only be read from its beginning on.

    Parameters
    ----------
    length : of its first video stream, in seconds
    streams : numbers of its video streams, from 0
    seconds : how long a chapter is
    """
    count = max(1, math.ceil((length - SAME_TIME) / seconds))
    ends = [seconds * number for number in range(1, count)]
    return _numbered(
        [
            Chapter(begin=begin, end=end, stream=stream, first=0 if begin == 0 else None)
            for stream in streams
            for begin, end in zip([0.0, *ends], [*ends, math.inf], strict=True)
        ],
        len(streams),
    )


def _numbered(found: Sequence[Chapter], streams: int) -> list[Chapter]:
    """With their numbers; a file that has one of each stream is read as a whole."""
    if len(found) <= streams:
        return [WHOLE]
    return [
        replace(one, number=number, count=len(found), stream=one.stream if streams > 1 else None)
        for number, one in enumerate(found)
    ]
