"""Records placed one after the other, under the names that their sources have now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace

from face_classifier.core.disk.retry import DiskError
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.errors import UserError
from face_classifier.core.types import Seen
from face_classifier.pipeline.analysis.analyse import AHEAD
from face_classifier.pipeline.analysis.view import View
from face_classifier.pipeline.desk import Begun
from face_classifier.pipeline.elsewhere import Elsewhere
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.pipeline.placing.discretion import discretion_of
from face_classifier.pipeline.spread.pull import Pull, Ready
from face_classifier.pipeline.spread.task import Analysed, Failed
from face_classifier.pipeline.watch import nothing_after
from face_classifier.records.file import read_record
from face_classifier.records.folder import Records


class Placing:
    """Places what a `Pull` gives."""

    def __init__(self, places: Here | Elsewhere, records: Records, pull: Pull, tell: Callable[[str], None]) -> None:
        """``tell``: is told what is lacking in a source."""
        self._places, self._records, self._pull, self._tell = places, records, pull, tell

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
        settings = self._places.settings
        discretion = discretion_of(settings, source.name)
        begun = self._places.begin(source, sampling_of(settings), View.everything, discretion)
        if begun.sampling != ready.sampling:
            again = self._pull.again(ready, begun.sampling)
            if not isinstance(again, Analysed):
                if again:
                    self._pull.fail(again.sentence)
                return
            outcome = again
        count = self._place_record(outcome.name, begun, source.name)
        if not count and begun.sampling.skip:
            self._tell(nothing_after(source.name, begun.sampling.skip))
        for sentence in outcome.told:
            self._tell(sentence)

    def _place_record(self, name: str, begun: Begun, source: str) -> int:
        """Place the frames of a record under the name that the source has now; returns how many there were."""
        count = 0
        waiting: deque[Future[list[Seen]]] = deque()
        with read_record(self._records.root, name) as (_, frames):
            for analysed in frames(begun.start):
                count += 1
                named = replace(analysed, frame=replace(analysed.frame, source=source))
                waiting.append(self._places.submit(begun, named))
                while len(waiting) > AHEAD:
                    waiting.popleft().result()
                self._pull.go_on()
        while waiting:
            waiting.popleft().result()
        return count
