"""Sources analysed by a cluster, a few at a time, and given in order as they become ready."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, Protocol

from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.words import counted
from face_classifier.pipeline.desk import Observer
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.pipeline.spread.cluster import MOST_A_SLOT, Cluster, Refusals
from face_classifier.pipeline.spread.task import Begun, Failed, Job, Looked, Outcome, Refused, analyse, begin
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import WHOLE, Chapter

_ALONE = 20.0  # seconds without a worker after which that is told
_TURN = 0.1  # seconds between two looks at whether to stop, and at how many slots there are


@dataclass(frozen=True)
class Ready:
    """What became of a source, or of chapters of it."""

    path: str  # as it was given
    looked: Looked | None  # None: it cannot be opened
    sampling: Sampling | None
    outcome: Outcome
    chapters: Sequence[Chapter] = (WHOLE,)
    is_last: bool = True  # of its source


@dataclass(frozen=True)
class Done:
    """How far a run is."""

    sources: int  # also those that failed
    of: int  # sources
    seconds: float  # of source time that are done
    failed: int  # sources
    workers: int


class Watching(Observer, Protocol):
    """Whoever watches a run on a cluster from outside."""

    def went_on(self, done: Done) -> None:
        """Called ten times a second at most."""

    def failed(self, sentence: str) -> None:
        """A source cannot be analysed; all of them are told at the end."""


@dataclass(eq=False)
class _Part:
    """A source, or chapters of it that are one task."""

    path: str
    looked: Looked | None = None
    sampling: Sampling | None = None
    outcome: Outcome | None = None
    chapters: Sequence[Chapter] = (WHOLE,)
    is_last: bool = True  # of its source

    @property
    def seconds(self) -> float:
        """Of source time."""
        length = (self.looked and self.looked.duration) or 0.0
        return sum(max(0.0, min(chapter.end, length) - chapter.begin) for chapter in self.chapters)


class Pull:
    """Has sources looked at and analysed. Used by one thread."""

    def __init__(
        self,
        cluster: Cluster,
        job: Job,
        sampling: Callable[[Looked], Sampling],
        observer: Watching,
        stopping: threading.Event,
        find: Callable[[Looked, Sampling, Sequence[Chapter]], Outcome] | None = None,
    ) -> None:
        """What it needs to know.

        Parameters
        ----------
        cluster: entered.
        job: what all tasks share.
        sampling: how a source is sampled.
        observer: is told how it goes on, and of workers that are refused.
        stopping: the user's wish to end.
        find: what became of a source before, so that none is analysed; None: all are.
        """
        self._cluster, self._job, self._sampling, self._stopping = cluster, job, sampling, stopping
        self._observer, self._told = observer, -inf  # monotonic seconds
        self._met = monotonic()  # when a worker was there last; inf: it was told that none is
        self._find = find
        self._usual = sampling_of(job.settings)  # of sources that were never seen
        self._guesses = find is None
        self._done, self._of, self._seconds = 0, 0, 0.0
        self.failed = 0  # sources
        self._active: dict[Future[Any], _Part] = {}
        self._left: deque[str] = deque()
        self._next: deque[_Part] = deque()  # of sources that were looked at, still to be given out
        self._waiting: list[_Part] = []  # in order, from the next one on that is to be given
        self._refusals = Refusals(cluster, observer.problem)

    def through(self, paths: Sequence[str]) -> Iterator[Ready]:
        """What became of each source, in this order, one after the other of its chapters up to one that failed.

        Ends early where the user wishes so. Raises UserError.
        """
        self._left.extend(paths)
        self._of = len(paths)
        while (self._left or self._waiting) and not self._stopping.is_set():
            self.go_on()
            if self._waiting and (outcome := self._waiting[0].outcome):
                part = self._waiting.pop(0)
                if isinstance(outcome, Failed) and not part.is_last:
                    self._drop_rest(part)
                yield Ready(part.path, part.looked, part.sampling, outcome, part.chapters, part.is_last)
                self._done += part.is_last
                self._seconds += part.seconds
            else:
                self._wait()
        if self._done < self._of:
            done = f"{self._done} of {counted(self._of, 'source')}"
            self._observer.at_end(f"it was stopped with {done} done; the same command goes on where it was")

    def again(self, ready: Ready, sampling: Sampling) -> Outcome | None:
        """Have it analysed otherwise, before all that comes; None: the user wishes to end. Raises UserError."""
        part = _Part(ready.path, ready.looked, sampling, chapters=ready.chapters)
        self._submit(part)
        while not part.outcome and not self._stopping.is_set():
            self._wait()
            self.go_on()
        return part.outcome

    def go_on(self) -> None:
        """Take what is done, and give out what comes next. Raises UserError."""
        self._tell()
        for future in [future for future in self._active if future.done()]:
            part = self._active.pop(future)
            self._take(part, future)
            if not part.outcome and part in self._waiting:
                self._next.extendleft(reversed(self._divided(part)))
            elif not part.outcome:
                self._submit(part)
        while (self._next or self._left) and len(self._active) < MOST_A_SLOT * self._cluster.slots:
            if not self._next:
                self._waiting.append(_Part(self._left.popleft()))
            self._submit(self._next.popleft() if self._next else self._waiting[-1])

    def _divided(self, part: _Part) -> Sequence[_Part]:
        """A source is one part for each task, in its place, as soon as these are known."""
        if part.looked is None or part.chapters in part.looked.tasks:
            return [part]
        last = part.looked.tasks[-1]
        parts = [
            _Part(part.path, part.looked, part.sampling, None, chapters, is_last=chapters == last)
            for chapters in part.looked.tasks
        ]
        place = self._waiting.index(part)
        self._waiting[place : place + 1] = parts
        return parts

    def _drop_rest(self, failed: _Part) -> None:
        """Of a source of which a part failed, no more is wanted; as a plain run ends it there."""
        failed.is_last = True
        gone = {part for part in self._waiting if part.looked is failed.looked}
        self._waiting = [part for part in self._waiting if part not in gone]
        self._next = deque(part for part in self._next if part not in gone)

    def fail(self, sentence: str) -> None:
        """A source failed: count and tell it."""
        self.failed += 1
        self._observer.failed(sentence)

    def _tell(self) -> None:
        if monotonic() - self._told >= _TURN:
            self._told = monotonic()
            workers = len(self._cluster.workers())
            if workers:
                self._met = self._told
            elif self._told - self._met >= _ALONE:
                self._met = inf
                self._observer.problem("no worker is there; start one, and the run goes on")
            self._observer.went_on(Done(self._done, self._of, self._seconds, self.failed, workers))

    def _wait(self) -> None:
        if self._active:
            wait(self._active, _TURN, FIRST_COMPLETED)
        else:
            self._stopping.wait(_TURN)

    def _submit(self, part: _Part) -> None:
        if part.looked is None:
            future: Future[Any] = self._cluster.submit(
                begin, self._job, part.path, self._usual if self._guesses else None
            )
        else:
            part.sampling = part.sampling or self._sampling(part.looked)
            if self._find:
                part.outcome = self._find(part.looked, part.sampling, part.chapters)
                return
            future = self._cluster.submit(analyse, self._job, part.path, part.sampling, part.chapters)
        self._active[future] = part

    def _take(self, part: _Part, future: Future[Any]) -> None:
        """What a task answered. Raises SetUpError, OSError, UserError."""
        try:
            answer: Begun | Outcome | Refused = future.result()
        except SetUpError:
            raise
        except UserError as error:
            answer = Failed(f"{part.path} cannot be analysed: {error}")
        if isinstance(answer, Refused):
            self._refusals.add(answer.worker, answer.why)
        elif isinstance(answer, Begun):
            part.looked = answer.looked
            part.sampling = self._sampling(part.looked)
            if len(part.looked.tasks) == 1:
                part.chapters = part.looked.tasks[0]
            if part.sampling == self._usual:
                part.outcome = answer.outcome
            else:
                self._guesses = False  # this gallery has sources that were sampled otherwise: look before analysing
        else:
            part.outcome = answer
