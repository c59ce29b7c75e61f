"""Runs whose sources other processes analyse, as the person at the terminal sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from face_classifier.cli.console import Screen, print_result
from face_classifier.cli.options import stop_on_signals
from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Frame
from face_classifier.core.words import counted
from face_classifier.pipeline.desk import Counts
from face_classifier.pipeline.spread.pull import Done
from face_classifier.pipeline.spread.run import Spread, records_beside, run_on
from face_classifier.pipeline.spread.where import open_cluster

HERE = "local:1"  # where a run that keeps its records analyses, if the user names no place


def classify(sources: Sequence[str], chosen: Settings, where: str, records: str | None, *, as_json: bool) -> None:
    """Classify, analysed elsewhere, and print whom it saw. Raises UserError."""
    folder = records_beside(chosen.result) if records is None else Path(records)
    observer = SpreadScreen()
    with observer:
        result = run_on(Spread(open_cluster(where), folder), chosen, sources, stop_on_signals(), observer)
    observer.finish()
    print_result(result, chosen.result, as_json=as_json)


class SpreadScreen(Screen):
    """One bar over all sources; on a terminal only. A context manager."""

    def __init__(self) -> None:
        super().__init__()
        self._faces = 0
        text = TextColumn("{task.description}", markup=False)
        left = BarColumn(None), TextColumn("ETA"), TimeRemainingColumn()
        self._bar = Progress(text, *left, console=self._console, transient=True, expand=True)

    def __enter__(self) -> SpreadScreen:
        if self._console.is_terminal:
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def went_on(self, done: Done) -> None:
        """See `Watching`."""
        if self._console.is_terminal:
            self._bar.update(self._task, description=self._line(done), completed=done.sources, total=done.of)

    def analysed(self, frame: Frame, people: Counts) -> None:
        self._faces = people.known_faces + people.unknown_faces

    def _line(self, done: Done) -> str:
        workers, faces = counted(done.workers, "worker"), counted(self._faces, "face")
        return f"{done.sources} of {counted(done.of, 'source')}  {done.seconds / 3600:.1f} h  {faces}  {workers}"
