"""Are the frames of a chapter that is read by itself those of the whole file, pixel by pixel?

    python benchmarks/chapters.py --chapter 10 FILES OR FOLDERS…

Each chapter is read from a file that was opened anew, the last one first; of those that cannot be sought, all in one
pass. A line a file: how it is read, how many frames it has, what differs, and what a look at the times of its frames
costs.
"""

from __future__ import annotations

import argparse
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import WHOLE, Chapter
from face_classifier.sources.discover import find_sources, open_source
from face_classifier.sources.video import VideoFile

_START = datetime(2024, 1, 1, tzinfo=timezone.utc)
_ALL = Sampling(every=0)


def _told(frame: Frame) -> tuple[str, str, int | None, float, float]:
    pixels = hashlib.blake2b(frame.image.tobytes(), digest_size=16).hexdigest()
    return pixels, frame.fingerprint or "", frame.index, frame.position, frame.tolerance


def _frames(source: VideoFile, chapters: Sequence[Chapter], sampling: Sampling) -> Iterator[tuple[object, ...]]:
    for chapter in chapters:
        yield from map(_told, source.frames(sampling, _START, threading.Event(), chapter=chapter))


def _of_chapters(path: str, chapters: Sequence[Chapter], sampling: Sampling) -> list[tuple[object, ...]]:
    if not all(chapter.is_sought for chapter in chapters):
        with open_source(path) as source:
            assert isinstance(source, VideoFile)
            return list(_frames(source, chapters, sampling))
    found: list[tuple[object, ...]] = []
    for chapter in reversed(chapters):
        with open_source(path) as source:
            assert isinstance(source, VideoFile)
            found = [*_frames(source, [chapter], sampling), *found]
    return found


def compare(path: str, seconds: float, sampling: Sampling = _ALL) -> str | None:
    """A line about a file; None where it is no video, or has no chapters."""
    with open_source(path) as source:
        if not isinstance(source, VideoFile):
            return None
        began = time.perf_counter()
        chapters = source.chapters(seconds)
        cost = time.perf_counter() - began
        whole = list(_frames(source, [WHOLE], sampling))
    if len(chapters) == 1:
        return None
    began = time.perf_counter()
    found = _of_chapters(path, chapters, sampling)
    took = time.perf_counter() - began
    names = "pixels", "stream", "index", "position", "tolerance"
    pairs = list(zip(whole, found))  # noqa: B905
    differ = {
        name: sum(one[place] != other[place] for one, other in pairs)
        for place, name in enumerate(names)
        if any(one[place] != other[place] for one, other in pairs)
    }
    if len(found) != len(whole):
        differ["frames"] = len(found) - len(whole)
    how = "sought" if all(chapter.is_sought for chapter in chapters) else "passed"
    cost_a_frame = f"{cost / max(1, len(whole)) * 1e6:.0f} us a frame"
    return (
        f"{path}: {how}, {len(chapters)} chapters, {len(whole)} frames, {cost_a_frame}, {took:.1f} s, "
        f"{'equal' if not differ else f'DIFFERS {differ}'}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--chapter", type=float, default=10.0, help="seconds")
    parser.add_argument("--every", type=float, default=0.0, help="as -S")
    parser.add_argument("--skip", type=float, default=0.0, help="as -k")
    arguments = parser.parse_args()
    failed = 0
    for given in arguments.sources:
        for path in find_sources(str(given), []).paths:
            try:
                line = compare(path, arguments.chapter, Sampling(every=arguments.every, skip=arguments.skip))
            except UserError as error:
                line = f"{path}: {error}"
            if line:
                failed += "DIFFERS" in line
                print(line, flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
