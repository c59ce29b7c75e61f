"""Records placed one after the other, under the names that their sources have now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from dataclasses import replace
from datetime import datetime

from face_classifier.core.disk.retry import DiskError
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.errors import UserError
from face_classifier.pipeline.analysis.view import View
from face_classifier.pipeline.elsewhere import Elsewhere
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.pipeline.placing.discretion import discretion_of
from face_classifier.pipeline.placing.parts import Frames
from face_classifier.pipeline.spread.pull import Pull, Ready
from face_classifier.pipeline.spread.task import Analysed, Failed, Looked
from face_classifier.pipeline.watch import nothing_after
from face_classifier.records import AnalysedFrame
from face_classifier.records.file import read_record
from face_classifier.records.folder import Records
from face_classifier.records.plain import Origin
from face_classifier.sources.base import Sampling

_TURN = 0.05  # seconds between two looks at what was analysed meanwhile


class Placing:
    """Places what a `Pull` gives."""

    def __init__(self, places: Here | Elsewhere, records: Records, pull: Pull, tell: Callable[[str], None]) -> None:
        """``tell``: is told what is lacking in a source."""
        self._places, self._records, self._pull, self._tell = places, records, pull, tell
        self._placed: set[str] = set()  # records

    def place_all(self, paths: Sequence[str]) -> None:
        """Place sources in this order. Raises UserError, DiskError."""
        for ready in self._pull.through(paths):
            try:
                with self._places.attending(live=False):
                    self._place(ready)
            except FolderGoneError:
                return  # which the end tells
            except DiskError:
                raise  # the next source could not be kept either
            except UserError as error:
                self._pull.fail(str(error))

    def _place(self, ready: Ready) -> None:
        """Raises UserError where the record is none."""
        source, outcome = ready.looked, ready.outcome
        if isinstance(outcome, Failed):
            self._pull.fail(outcome.sentence)
            return
        assert source is not None
        if isinstance(self._places, Here):
            count = self._place_here(self._places, source, ready)
        else:
            count = self._place_elsewhere(self._places, source, ready)
        skip = self._places.settings.skip
        if count == 0 and skip:
            self._tell(nothing_after(source.name, skip))
        for sentence in outcome.told:
            self._tell(sentence)

    def _again(self, ready: Ready, sampling: Sampling) -> str | None:
        """The name of the record with this sampling. None: there is none, which is told."""
        if sampling == ready.sampling and isinstance(ready.outcome, Analysed):
            return ready.outcome.name
        outcome = self._pull.again(ready, sampling)
        if isinstance(outcome, Failed):
            self._pull.fail(outcome.sentence)
        return outcome.name if isinstance(outcome, Analysed) else None

    def _place_here(self, places: Here, source: Looked, ready: Ready) -> int | None:
        """Place a record as a whole; returns how many frames it has, None where that is not to be told."""
        name = self._again(ready, places.sampling(source))
        if name is None:
            return None
        with read_record(self._records.root, name) as (head, frames):
            now = replace(head, origin=Origin(source.name, source.fingerprint), start=source.start)
            # A copy of a source that this run placed is met again, as it is without records.
            placed = places.place_part(name, now, _named(frames, source.name), again=name in self._placed)
            try:
                while not wait([placed], _TURN).done:
                    self._pull.go_on()
            finally:
                wait([placed])  # which reads the record
            self._placed.add(name)
            return placed.result()

    def _place_elsewhere(self, places: Elsewhere, source: Looked, ready: Ready) -> int | None:
        """Have the process that owns the gallery place a record, frame by frame."""
        settings = places.settings
        discretion = discretion_of(settings, source.name)
        begun = places.begin(source, sampling_of(settings), View.everything, discretion)
        name = self._again(ready, begun.sampling)
        if name is None:
            return None
        count = 0
        with read_record(self._records.root, name) as (_, frames):
            for count, analysed in enumerate(_named(frames, source.name)(begun.start), 1):  # noqa: B007
                places.submit(begun, analysed)
                self._pull.go_on()
        return count


def _named(frames: Frames, source: str) -> Frames:
    """The frames of a record under the name that their source has now."""

    def named(start: datetime) -> Iterator[AnalysedFrame]:
        return (replace(one, frame=replace(one.frame, source=source)) for one in frames(start))

    return named
