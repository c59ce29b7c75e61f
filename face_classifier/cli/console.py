"""What the person at the terminal sees of a run: a progress bar, problems, statistics."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.cells import cell_len, set_cell_size

from face_classifier.cli.options import say
from face_classifier.core import names
from face_classifier.core.types import Frame, Sighting
from face_classifier.core.words import counted, counts_of
from face_classifier.curate.corrections import per_person
from face_classifier.identity.calibrate import FEWEST_PEOPLE, Calibration
from face_classifier.identity.statistics import PersonSummary, by_person, statistics, summaries
from face_classifier.pipeline.desk import Counts
from face_classifier.pipeline.run import RunResult
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source
from face_classifier.vision.models.registry import Weights

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

_MOST_PROBLEMS = 20
_MOST_PEOPLE = 20  # whose distances a run prints at its end
_NARROWEST = 8  # columns of a cell
_T = TypeVar("_T")


class Screen:
    """Watches a run and tells it on stderr: a bar for files, a status line for cameras; on a terminal only."""

    def __init__(self) -> None:
        self._console = _terminal()
        self._progress: Progress | None = None  # what is on the screen:
        self._own: Progress | None = None  # of sources alone, not of steps of `through`
        self._lock = threading.Lock()  # of what follows, since sources that run together have threads of their own
        self._open: dict[str, _Line] = {}  # by the name of the source
        self._problems = 0
        self._last: list[str] = []

    def problem(self, sentence: str) -> None:
        self._problems += 1
        if self._problems <= _MOST_PROBLEMS:
            self._print(f"face-classifier: {sentence}")

    def at_end(self, sentence: str) -> None:
        self._last.append(sentence)

    def tell(self, sentence: str, about: Iterable[str] = ()) -> None:
        """Prints a sentence and all that it is about, a line each, however many."""
        for line in (f"face-classifier: {sentence}", *(f"    {item}" for item in about)):
            self._print(line)

    def finish(self) -> None:
        """Prints how many problems were left out, and what was passed over."""
        if self._problems > _MOST_PROBLEMS:
            self._print(f"face-classifier: and {self._problems - _MOST_PROBLEMS} more of these")
        for sentence in self._last:
            self.tell(sentence)

    def through(self, steps: Sequence[_T], name: str) -> Iterator[_T]:
        """The same steps one by one, with a bar that tells how many are done, and the time left."""
        if self._console is None or len(steps) < 2:
            yield from steps
            return
        try:
            with self._bars(bar=True) as self._progress:
                task = self._progress.add_task(name, total=len(steps), counts=f"0 of {len(steps)}")
                for number, step in enumerate(steps, 1):
                    yield step
                    self._progress.update(task, completed=number, counts=f"{number} of {len(steps)}")
        finally:
            self._progress = None

    def _print(self, line: str) -> None:
        if self._console is None:
            say(line, sys.stderr)
        else:
            self._console.print(names.shown(line), markup=False, soft_wrap=True)

    def _bars(self, *, bar: bool) -> Progress:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        name = TextColumn("{task.description}", markup=False)
        counts = TextColumn("{task.fields[counts]}", markup=False)
        rest = (BarColumn(None), TextColumn("ETA"), TimeRemainingColumn()) if bar else ()
        return Progress(name, counts, *rest, console=self._console, transient=True, expand=True)

    def opened(self, source: Source, sampling: Sampling) -> None:
        end = min(filter(None, (source.duration, sampling.stop)), default=None)
        is_photo = end is None and not source.live
        with self._lock:
            if self._console is None or (is_photo and self._progress):
                return
            if self._progress is None:
                self._own = self._progress = self._bars(bar=end is not None)
                self._progress.start()
            task = self._progress.add_task(names.shown(source.name), total=end, counts="")
            self._progress.update(task, completed=sampling.skip)
            self._open[source.name] = _Line(task, time.monotonic())

    def analysed(self, frame: Frame, people: Counts) -> None:
        with self._lock:
            line = self._open.get(frame.source)
            if self._progress is None or line is None:
                return
            line.frames += 1
            rate = line.frames / max(1e-6, time.monotonic() - line.started)
            counts = (
                f"{_clock(frame.position)}  {rate:.0f}/s  people {people.persons}  faces {people.known_faces} known  "
                f"{people.unknown_faces} unknown"
            )
            self._progress.update(line.task, completed=frame.position, counts=counts)

    def closed(self, source: Source) -> None:
        with self._lock:
            line = self._open.pop(source.name, None)
            if self._progress is not None and line is not None:
                self._progress.remove_task(line.task)
            if self._own is not None and not self._open:
                self._own.stop()
                self._own = self._progress = None
        for note in source.notes():
            self.problem(note)


def _terminal() -> Console | None:
    """The one of stderr; None: it is none, so that nobody waits for the library that draws there."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    return console if console.is_terminal else None


@dataclass
class _Line:
    """What is shown of a source that is open."""

    task: TaskID
    started: float  # monotonic seconds
    frames: int = 0  # that were analysed


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def counts_line(sightings: Sequence[Sighting]) -> str:
    """How many people and faces there are, in the original program's words."""
    known = sum(sighting.person is not None and sighting.encoding is not None for sighting in sightings)
    people = {sighting.person for sighting in sightings if sighting.encoding is not None} - {None}
    return counts_of(len(people), known, len(sightings) - known)


def statistics_lines(sightings: Sequence[Sighting]) -> Iterator[str]:
    """The statistics of a gallery in the original program's form."""
    yield counts_line(sightings)
    for person in statistics(by_person(sightings)):
        name = names.shown(person.name)
        padding = " " * (10 - cell_len(name))
        distances = " ".join(f"{distance:5.3f}" for distance in person.to_averages)
        yield (
            f"{name}{padding} [ {distances} ] "
            f"{person.nearest:.3f}, {person.mean:.3f}, {person.furthest:.3f}, {counted(person.faces, 'face')}"
        )


def print_people(sightings: Sequence[Sighting]) -> None:
    """A table of the people."""
    print_lines([counts_line(sightings)])
    people = summaries(sightings)
    if people:
        print_table(_PEOPLE, map(_person_row, people))


_PEOPLE = ("person", "faces", "first seen", "last seen", "spread", "nearest", "apart")


def _person_row(person: PersonSummary) -> tuple[str, ...]:
    return (
        person.person,
        str(person.faces),
        _local(person.first),
        _local(person.last),
        f"{person.spread:.3f}",
        person.nearest or "",
        "" if person.distance is None else f"{person.distance:.3f}",
    )


def _local(time: datetime | None) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M}" if time else ""


def people_record(sightings: Sequence[Sighting]) -> dict[str, Any]:
    """The people as JSON."""
    people = [person.record() for person in summaries(sightings)]
    return {"people": people, "unknown_faces": sum(sighting.person is None for sighting in sightings)}


def print_models(files: Sequence[tuple[str, Weights, str, Path | None]], as_json: bool) -> None:
    """Each model file: name, licence, state, path."""
    rows = [(name, weights.licence, state, str(path or weights.file)) for name, weights, state, path in files]
    header = "model", "licence", "state", "path"
    if as_json:
        print_json([dict(zip(header, row, strict=True)) for row in rows])
    else:
        print_table(header, rows)


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; on a terminal the widest ones are cut to fit it.

    A wide character counts for the two columns that it takes.
    """
    table = [[names.shown(cell) for cell in line] for line in (header, *rows)]
    widths = [max(cell_len(line[column]) for line in table) for column in range(len(header))]
    if sys.stdout.isatty():
        widths = _fitted(widths, shutil.get_terminal_size().columns)
    print_lines(
        "  ".join(_cell(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table
    )


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    fitted = list(widths)
    while sum(fitted) + 2 * (len(fitted) - 1) > room and max(fitted) > _NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _cell(text: str, width: int) -> str:
    return set_cell_size(text, width) if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"


def print_answer(as_json: bool, record: object, lines: Iterable[str]) -> None:
    """Prints the answer of a command.

    Parameters
    ----------
    as_json : print ``record`` as JSON instead of the lines
    record : the answer as what JSON can hold
    lines : the same in words
    """
    if as_json:
        print_json(record)
    else:
        print_lines(lines)


def print_json(value: object) -> None:
    sys.stdout.write(names.json_text(value, encoding=sys.stdout.encoding or "utf-8", indent=2) + "\n")
    sys.stdout.flush()


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)


def calibration_record(calibration: Calibration, rate: float, threshold: float) -> dict[str, Any]:
    """What a gallery tells about thresholds, as JSON; estimates with the ends of their 90 % intervals.

    Parameters and units are those of `calibration_lines`.
    """
    return {
        "people": calibration.people,
        "faces": len(calibration.same),
        "pairs": len(calibration.different),
        "rate": rate,
        "threshold": calibration.threshold(rate)._asdict(),
        "threshold_per_probe": calibration.threshold_per_probe(rate)._asdict(),
        "balanced": calibration.balanced()._asdict(),
        "present": {
            "threshold": threshold,
            "false_match_rate": calibration.false_match_rate(threshold)._asdict(),
            "false_match_rate_per_probe": calibration.false_match_rate_per_probe(threshold)._asdict(),
            "false_non_match_rate": calibration.false_non_match_rate(threshold),
        },
    }


def calibration_lines(calibration: Calibration, rate: float, threshold: float) -> Iterator[str]:
    """What a gallery tells about thresholds, in words.

    Parameters
    ----------
    calibration : of the gallery
    rate : the false match rate that the user wants, above 0 and below 1
    threshold : L2, the one that runs use at present
    """
    pairs = len(calibration.different)
    people = counted(calibration.people, "person", "people")
    between = counted(pairs, "pair of a face and another person", "pairs of a face and another person")
    yield f"{people}, {counted(len(calibration.same), 'face')}, {between}"
    target, matched = calibration.threshold(rate), calibration.false_match_rate(threshold)
    named, balanced = calibration.false_match_rate_per_probe(threshold), calibration.balanced()
    yield f"for a false match rate of {rate:g}: {target.value:.3f} (90 % from {target.low:.3f} to {target.high:.3f})"
    if rate * pairs < 1:
        yield f"that is the least distance to another person, since {pairs} pairs tell no rate below {1 / pairs:.2g}"
    target = calibration.threshold_per_probe(rate)
    yield (
        f"for a stranger to be taken for any of the {calibration.people} people at {rate:g}: {target.value:.3f} "
        f"(90 % from {target.low:.3f} to {target.high:.3f})"
    )
    if rate * pairs < calibration.people:
        yield f"that is the least distance to another person, since {pairs} pairs tell no rate below {1 / pairs:.2g}"
    yield (
        f"at the present threshold {threshold:g}: false match rate {matched.value:.2g} "
        f"(90 % from {matched.low:.2g} to {matched.high:.2g}), "
        f"false non-match rate {calibration.false_non_match_rate(threshold):.2g}"
    )
    yield (
        f"there a stranger is taken for any of the {calibration.people} people at {named.value:.2g} "
        f"(90 % from {named.low:.2g} to {named.high:.2g})"
    )
    if calibration.people < FEWEST_PEOPLE:
        yield f"too few people for --threshold auto, which takes the default below {FEWEST_PEOPLE}"
    yield f"balanced (--threshold auto): {balanced.value:.3f} (90 % from {balanced.low:.3f} to {balanced.high:.3f})"


def print_result(result: RunResult, folder: str, *, as_json: bool) -> None:
    """Print whom a run into a result folder saw. Exits with 1 where a source failed."""
    if result.sightings is not None:
        if as_json:
            print_json(people_record(result.sightings))
        else:
            second_thoughts = per_person(result.rethought, names=False)
            print_lines(f"second thoughts, {line}" for line in second_thoughts)
            print_statistics(result.sightings, folder)
    if result.failed:
        raise SystemExit(1)


def print_statistics(sightings: Sequence[Sighting], result: str) -> None:
    """What a run prints at its end: statistics in the original program's form, of many people only their number."""
    if len({sighting.person for sighting in sightings} - {None}) > _MOST_PEOPLE:
        print_lines([counts_line(sightings), f"`face-classifier people --result {result}` lists them"])
    else:
        print_lines(statistics_lines(sightings))
