"""What the person at the terminal sees of a run: a progress bar, problems, statistics."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track

from face_classifier.calibrate import Calibration
from face_classifier.faces import Frame, Sighting
from face_classifier.frames import Source
from face_classifier.galleries import FEWEST_PEOPLE
from face_classifier.models import Weights
from face_classifier.people import PersonDB, by_person, statistics
from face_classifier.source import Sampling

_MOST_PROBLEMS = 20
_T = TypeVar("_T")


class Screen:
    """Watches a run and tells it on stderr: a bar for files, a status line for cameras; on a terminal only."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._started = 0.0
        self._frames = 0
        self._problems = 0
        self._last: list[str] = []

    def problem(self, sentence: str) -> None:
        self._problems += 1
        if self._problems <= _MOST_PROBLEMS:
            self._console.print(f"face-classifier: {sentence}", markup=False, soft_wrap=True)

    def at_end(self, sentence: str) -> None:
        self._last.append(sentence)

    def told(self, sentence: str, about: Iterable[str] = ()) -> None:
        """A sentence and all that it is about, a line each, however many."""
        for line in (f"face-classifier: {sentence}", *(f"    {one}" for one in about)):
            self._console.print(line, markup=False, soft_wrap=True)

    def finish(self) -> None:
        """Tell how many problems were not told, and what was passed over."""
        if self._problems > _MOST_PROBLEMS:
            self._console.print(f"face-classifier: and {self._problems - _MOST_PROBLEMS} more of these")
        for sentence in self._last:
            self.told(sentence)

    def through(self, steps: Sequence[_T], name: str) -> Iterator[_T]:
        """The same steps one by one, with a bar that tells how many are done."""
        yield from track(steps, name, console=self._console, transient=True, disable=not self._console.is_terminal)

    def opened(self, source: Source, sampling: Sampling) -> None:
        self._started, self._frames = time.monotonic(), 0
        if not self._console.is_terminal:
            return
        end = min(filter(None, (source.duration, sampling.stop)), default=None)
        name = TextColumn("{task.description}", markup=False)
        counts = TextColumn("{task.fields[counts]}", markup=False)
        rest = () if end is None else (BarColumn(None), TextColumn("ETA"), TimeRemainingColumn())
        self._progress = Progress(name, counts, *rest, console=self._console, transient=True, expand=True)
        task = self._progress.add_task(source.name, total=end, counts="")
        self._progress.update(task, completed=sampling.skip)
        self._progress.start()

    def analysed(self, frame: Frame, people: PersonDB) -> None:
        self._frames += 1
        if not self._progress:
            return
        rate = self._frames / max(1e-6, time.monotonic() - self._started)
        counts = (
            f"{_clock(frame.position)}  {rate:.1f} frames/s  {people.persons} people  "
            f"{people.known_faces} known  {people.unknown_faces} unknown faces"
        )
        self._progress.update(self._progress.task_ids[0], completed=frame.position, counts=counts)

    def closed(self, source: Source) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None
        for note in source.notes():
            self.problem(note)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def statistics_lines(sightings: Sequence[Sighting]) -> Iterator[str]:
    """The statistics of a gallery in the original program's form."""
    people = by_person(sightings)
    known = sum(len(encodings) for _, encodings in people)
    yield f"{len(people)} persons, {known} known faces, {len(sightings) - known} unknown faces"
    for person in statistics(people):
        padding = " " * (10 - cell_len(person.name))
        distances = " ".join(f"{distance:5.3f}" for distance in person.to_averages)
        yield (
            f"{person.name}{padding} [ {distances} ] "
            f"{person.nearest:.3f}, {person.mean:.3f}, {person.furthest:.3f}, {person.faces} faces"
        )


def print_models(files: Iterable[tuple[str, Weights, str, Path | None]]) -> None:
    """A line for each model file: name, licence, state, path."""
    for name, weights, state, path in files:
        sys.stdout.write(f"{name:12} {weights.licence:10} {state:14} {path or weights.file}\n")


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; a wide character counts for the two columns that it takes."""
    table = [header, *rows]
    widths = [max(cell_len(line[column]) for line in table) for column in range(len(header))]
    print_lines(
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def print_json(value: object) -> None:
    print_lines([json.dumps(value, ensure_ascii=False, indent=2)])


def print_lines(lines: Iterable[str]) -> None:
    """A path may hold bytes that are not UTF-8; they are printed as JSON escapes them."""
    for line in lines:
        sys.stdout.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


def calibration_lines(calibration: Calibration, rate: float, threshold: float) -> Iterator[str]:
    """What a gallery tells about thresholds, in words; ``rate``: the wished one; ``threshold``: the one at present."""
    pairs = len(calibration.different)
    yield f"{calibration.people} people, {len(calibration.same)} faces, {pairs} pairs of a face and another person"
    wished, matched = calibration.threshold(rate), calibration.false_match_rate(threshold)
    balanced = calibration.balanced()
    yield f"for a false match rate of {rate:g}: {wished.value:.3f} (90 % from {wished.low:.3f} to {wished.high:.3f})"
    if rate * pairs < 1:
        yield f"that is the least distance to another person, since {pairs} pairs tell no rate below {1 / pairs:.2g}"
    yield (
        f"at the present threshold {threshold:g}: false match rate {matched.value:.2g} "
        f"(90 % from {matched.low:.2g} to {matched.high:.2g}), "
        f"false non-match rate {calibration.false_non_match_rate(threshold):.2g}"
    )
    if calibration.people < FEWEST_PEOPLE:
        yield f"too few people for --threshold auto, which takes the default below {FEWEST_PEOPLE}"
    yield f"balanced (--threshold auto): {balanced.value:.3f} (90 % from {balanced.low:.3f} to {balanced.high:.3f})"


def print_statistics(sightings: Sequence[Sighting]) -> None:
    for line in statistics_lines(sightings):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
