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
from face_classifier.pipeline.desk import Observer
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.pipeline.spread.cluster import Cluster
from face_classifier.pipeline.spread.task import Begun, Failed, Job, Looked, Outcome, Refused, analyse, begin
from face_classifier.sources.base import Sampling

_MOST = 4  # tasks a slot that are given out and not done: enough that none waits for the driver
_TURN = 0.1  # seconds between two looks at whether to stop, and at how many slots there are


@dataclass(frozen=True)
class Ready:
    """What became of a source."""

    path: str  # as it was given
    looked: Looked | None  # None: it cannot be opened
    sampling: Sampling | None
    outcome: Outcome


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


@dataclass
class _Source:
    path: str
    looked: Looked | None = None
    sampling: Sampling | None = None
    outcome: Outcome | None = None


class Pull:
    """Has sources looked at and analysed. Used by one thread."""

    def __init__(
        self,
        cluster: Cluster,
        job: Job,
        sampling: Callable[[Looked], Sampling],
        observer: Watching,
        stopping: threading.Event,
        find: Callable[[Looked, Sampling], Outcome] | None = None,
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
        self._find = find
        self._usual = sampling_of(job.settings)  # of sources that were never seen
        self._guesses = find is None
        self._done, self._of, self._seconds = 0, 0, 0.0
        self.failed = 0  # sources
        self._active: dict[Future[Any], _Source] = {}
        self._left: deque[str] = deque()
        self._waiting: deque[_Source] = deque()  # in order, from the next one on that is to be given
        self._refused: set[str] = set()

    def through(self, paths: Sequence[str]) -> Iterator[Ready]:
        """What became of each source, in this order; ends early where the user wishes so. Raises UserError."""
        self._left.extend(paths)
        self._of = len(paths)
        while (self._left or self._waiting) and not self._stopping.is_set():
            self.go_on()
            if self._waiting and (outcome := self._waiting[0].outcome):
                source = self._waiting.popleft()
                yield Ready(source.path, source.looked, source.sampling, outcome)
                self._done += 1
                self._seconds += (source.looked and source.looked.duration) or 0.0
            else:
                self._wait()

    def again(self, ready: Ready, sampling: Sampling) -> Outcome | None:
        """Have a source analysed otherwise, before all that comes; None: the user wishes to end. Raises UserError."""
        source = _Source(ready.path, ready.looked, sampling)
        self._submit(source)
        while not source.outcome and not self._stopping.is_set():
            self._wait()
            self.go_on()
        return source.outcome

    def go_on(self) -> None:
        """Take what is done, and give out what comes next. Raises UserError."""
        self._tell()
        for future in [future for future in self._active if future.done()]:
            source = self._active.pop(future)
            self._take(source, future)
            if not source.outcome:
                self._submit(source)
        while self._left and len(self._active) < _MOST * self._cluster.slots:
            self._waiting.append(_Source(self._left.popleft()))
            self._submit(self._waiting[-1])

    def fail(self, sentence: str) -> None:
        """A source failed: count and tell it."""
        self.failed += 1
        self._observer.failed(sentence)

    def _tell(self) -> None:
        if monotonic() - self._told >= _TURN:
            self._told = monotonic()
            workers = len(self._cluster.workers())
            self._observer.went_on(Done(self._done, self._of, self._seconds, self.failed, workers))

    def _wait(self) -> None:
        if self._active:
            wait(self._active, _TURN, FIRST_COMPLETED)
        else:
            self._stopping.wait(_TURN)

    def _submit(self, source: _Source) -> None:
        if source.looked is None:
            future: Future[Any] = self._cluster.submit(
                begin, self._job, source.path, self._usual if self._guesses else None
            )
        else:
            source.sampling = source.sampling or self._sampling(source.looked)
            if self._find:
                source.outcome = self._find(source.looked, source.sampling)
                return
            future = self._cluster.submit(analyse, self._job, source.path, source.sampling)
        self._active[future] = source

    def _take(self, source: _Source, future: Future[Any]) -> None:
        """What a task answered. Raises SetUpError, OSError, UserError."""
        try:
            answer: Begun | Outcome | Refused = future.result()
        except SetUpError:
            raise
        except UserError as error:
            answer = Failed(f"{source.path} cannot be analysed: {error}")
        if isinstance(answer, Refused):
            self._refuse(answer)
        elif isinstance(answer, Begun):
            source.looked = answer.looked
            source.sampling = self._sampling(source.looked)
            if source.sampling == self._usual:
                source.outcome = answer.outcome
            else:
                self._guesses = False  # this gallery has sources that were sampled otherwise: look before analysing
        else:
            source.outcome = answer

    def _refuse(self, refused: Refused) -> None:
        if refused.worker not in self._refused:
            self._refused.add(refused.worker)
            self._cluster.refuse(refused.worker)
            self._observer.problem(refused.why)
        if not self._cluster.slots:
            raise UserError("no worker computes as this machine does; make them alike, or add --mixed")
