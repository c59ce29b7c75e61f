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
from face_classifier.pipeline.desk import Begun
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
        # Of the source whose chapters come:
        self._source: Looked | None = None
        self._begun: Begun | None = None
        self._count = 0  # frames that were placed
        self._is_over = False  # something failed, so that no more of it is placed

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
        """Raises UserError where a record is none."""
        source, outcome = ready.looked, ready.outcome
        if isinstance(outcome, Failed):
            self._pull.fail(outcome.sentence)
            return
        assert source is not None
        if source is not self._source:
            self._source, self._begun, self._count, self._is_over = source, None, 0, False
        if self._is_over:
            return
        self._is_over = True
        place = self._place_here if isinstance(self._places, Here) else self._place_elsewhere
        if not place(source, ready):
            return
        self._is_over = ready.is_last
        skip = self._places.settings.skip
        if ready.is_last and not self._count and skip:
            self._tell(nothing_after(source.name, skip))
        for sentence in outcome.told:
            self._tell(sentence)

    def _again(self, ready: Ready, sampling: Sampling) -> Sequence[str]:
        """The names of the records with this sampling. None of them: it failed, which is told."""
        if sampling == ready.sampling and isinstance(ready.outcome, Analysed):
            return ready.outcome.names
        outcome = self._pull.again(ready, sampling)
        if isinstance(outcome, Failed):
            self._pull.fail(outcome.sentence)
        return outcome.names if isinstance(outcome, Analysed) else ()

    def _place_here(self, source: Looked, ready: Ready) -> bool:
        """Place records, each as a whole. False: there are none."""
        assert isinstance(self._places, Here)
        names = self._again(ready, self._places.sampling(source))
        for name in names:
            with read_record(self._records.root, name) as (head, frames):
                now = replace(head, origin=Origin(source.name, source.fingerprint), start=source.start)
                # A copy of a source that this run placed is met again, as it is without records.
                again = name in self._placed
                placed = self._places.place_part(name, now, _named(frames, source.name), again=again)
                try:
                    while not wait([placed], _TURN).done:
                        self._pull.go_on()
                finally:
                    wait([placed])  # which reads the record
                self._placed.add(name)
                count = placed.result()
            self._count += 1 if count is None else count
        return bool(names)

    def _place_elsewhere(self, source: Looked, ready: Ready) -> bool:
        """Have the process that owns the gallery place records, frame by frame. False: there are none."""
        places = self._places
        assert isinstance(places, Elsewhere)
        is_first = self._begun is None
        if self._begun is None:
            discretion = discretion_of(places.settings, source.name)
            self._begun = places.begin(source, sampling_of(places.settings), View.everything, discretion)
        names = self._again(ready, self._begun.sampling)
        for name in names:
            if not is_first:
                self._begun = places.begin_chapter(self._begun)
            is_first = False
            with read_record(self._records.root, name) as (_, frames):
                for analysed in _named(frames, source.name)(self._begun.start):
                    self._count += 1
                    places.submit(self._begun, analysed)
                    self._pull.go_on()
        return bool(names)


def _named(frames: Frames, source: str) -> Frames:
    """The frames of a record under the name that their source has now."""

    def named(start: datetime) -> Iterator[AnalysedFrame]:
        return (replace(one, frame=replace(one.frame, source=source)) for one in frames(start))

    return named
