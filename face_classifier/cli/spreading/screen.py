"""Runs whose sources other processes analyse, as the person at the terminal sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from face_classifier.cli.console import Screen
from face_classifier.core.types import Frame
from face_classifier.core.words import counted
from face_classifier.pipeline.desk import Counts
from face_classifier.pipeline.spread.pull import Done

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_T = TypeVar("_T")


class SpreadScreen(Screen):
    """One bar over all sources, on a terminal only; at the end all that failed. A context manager."""

    def __init__(self) -> None:
        super().__init__()
        self._faces = 0
        self._failures: list[str] = []
        self._bar = _bar(self._console) if self._console else None

    def __enter__(self) -> SpreadScreen:
        return self

    def __exit__(self, *_: object) -> None:
        self._hide()
        if self._failures:
            self.tell(f"{counted(len(self._failures), 'source')} could not be analysed:", self._failures)
        self.finish()

    def went_on(self, done: Done) -> None:
        """See `Watching`."""
        if self._bar and self._progress is None:
            self._bar.start()
            task = self._bar.task_ids[0]
            self._bar.update(task, description=self._line(done), completed=done.sources, total=done.of)

    def through(self, steps: Sequence[_T], name: str) -> Iterator[_T]:
        """As that of any run; a terminal shows one bar at a time."""
        self._hide()
        yield from super().through(steps, name)

    def failed(self, sentence: str) -> None:
        """See `Watching`."""
        self._failures.append(sentence)

    def analysed(self, frame: Frame, people: Counts) -> None:
        self._faces = people.known_faces + people.unknown_faces

    def _hide(self) -> None:
        if self._bar:
            self._bar.stop()

    def _line(self, done: Done) -> str:
        parts = [f"{done.sources} of {counted(done.of, 'source')}", _length(done.seconds)]
        parts += [counted(self._faces, "face")] if self._faces else []
        parts += [f"{done.failed} failed"] if done.failed else []
        return "  ".join([*parts, counted(done.workers, "worker")])


def _bar(console: Console) -> Progress:
    """One of one task."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False)
    left = BarColumn(None), TextColumn("ETA"), TimeRemainingColumn()
    bar = Progress(text, *left, console=console, transient=True, expand=True)
    bar.add_task("", total=None)
    return bar


def _length(seconds: float) -> str:
    """Of what was analysed."""
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
