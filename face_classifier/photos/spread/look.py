"""Photos that a cluster looks at: what a thread of this process would find in each, a process elsewhere does."""

from __future__ import annotations

import os
import threading
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.photos.finder import BEST, PRECISION, FaceFinder
from face_classifier.photos.reading import Look, Looking, Stamp, Work, look, look_at, remembered
from face_classifier.pipeline.spread.canary import canary
from face_classifier.pipeline.spread.cluster import MOST_A_SLOT, Cluster, Refusals
from face_classifier.pipeline.spread.task import Job, Refused, engine_of, refusal
from face_classifier.pipeline.spread.where import is_here, open_cluster

_TURN = 0.1  # seconds between two looks at whether to stop, and at how many slots there are
_Answer: TypeAlias = "Look | UserError | Refused | None"


def look_on(where: str | None, encoder: str, tell: Callable[[str], None], *, mixed: bool = False) -> Looking:
    """What looks at photos for an index.

    Parameters
    ----------
    where: a cluster, as of ``--on``; None = threads of this process.
    encoder: of the index.
    tell: is told what goes wrong.
    mixed: whether workers may compute otherwise than this process.

    Raises
    ------
    UserError: ``where`` is no cluster.
    """
    if where is None:
        return look_at
    return _Elsewhere(open_cluster(where), encoder, tell, alike=mixed or is_here(where)).look_at


@dataclass(frozen=True)
class _Photo:
    """A photo that is looked at."""

    path: Path
    before: Stamp | None
    answer: Future[Look | UserError | None]


@dataclass(frozen=True)
class _Elsewhere:
    """Where photos are looked at."""

    cluster: Cluster  # not entered so far
    encoder: str
    tell: Callable[[str], None]
    alike: bool  # nobody asks how its workers compute

    @contextmanager
    def look_at(
        self,
        photos: Sequence[tuple[str, Path]],
        stamps: Mapping[str, Stamp],
        known: Mapping[str, str],
        _finder: Callable[[], FaceFinder],
        stopping: threading.Event,
    ) -> Iterator[list[Work]]:
        """As `reading.look_at`; where a worker dies, another one looks at its photos again."""
        works: list[Work] = [(name, Future()) for name, _ in photos]
        waiting = deque(
            _Photo(path, stamps.get(name), answer) for (name, path), (_, answer) in zip(photos, works, strict=True)
        )
        settings, ended = Settings(encoder=self.encoder, precision=PRECISION), threading.Event()
        own = None if self.alike else canary(engine_of(settings))
        with self.cluster:
            pump = _Pump(self, Job(os.getcwd(), "", settings, own), waiting, _by_size(stamps, known), known)
            thread = threading.Thread(target=pump.run, args=(stopping, ended), name="photos")
            thread.start()
            try:
                yield works
            finally:
                ended.set()
                thread.join()


def _by_size(stamps: Mapping[str, Stamp], known: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """The contents that were searched, by the size of their files: a photo that was moved may be one of few."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for stamp in stamps.values():
        if stamp.content in known:
            found[stamp.size][stamp.content] = known[stamp.content]
    return found


class _Pump:
    """Gives photos to a cluster, a few a slot, and takes the answers; in a thread of its own."""

    def __init__(
        self,
        place: _Elsewhere,
        job: Job,
        waiting: deque[_Photo],
        by_size: Mapping[int, Mapping[str, str]],
        known: Mapping[str, str],
    ) -> None:
        self._place, self._job, self._waiting = place, job, waiting
        self._by_size, self._known = by_size, known
        self._active: dict[Future[_Answer], _Photo] = {}
        self._refusals = Refusals(place.cluster, place.tell)
        self._stands_in: str | None = None  # the lesser detector of which it is told

    def run(self, stopping: threading.Event, ended: threading.Event) -> None:
        """Until all is answered, or the user wishes to stop, or nobody waits for it any more."""
        try:
            while (self._waiting or self._active) and not (stopping.is_set() or ended.is_set()):
                while self._waiting and len(self._active) < MOST_A_SLOT * self._place.cluster.slots:
                    self._begin(self._waiting.popleft())
                if self._active:
                    wait(self._active, _TURN, FIRST_COMPLETED)
                else:
                    ended.wait(_TURN if self._waiting else 0)
                for future in [future for future in self._active if future.done()]:
                    self._take(self._active.pop(future), future)
            self._end(lambda answer: answer.set_result(None))
        except BaseException as error:
            failure = error
            self._end(lambda answer: answer.set_exception(failure))

    def _end(self, tell: Callable[[Future[Look | UserError | None]], None]) -> None:
        for future, photo in self._active.items():
            future.cancel()
            tell(photo.answer)
        for photo in self._waiting:
            tell(photo.answer)

    def _begin(self, photo: _Photo) -> None:
        """Look at a photo, unless the index knows it by its size and time."""
        try:
            if found := remembered(photo.path, photo.before, self._known):
                photo.answer.set_result(found)
                return
            known = self._by_size.get(photo.path.stat().st_size, {})
        except OSError:
            known = {}  # whoever looks at it tells
        future = self._place.cluster.submit(look_there, self._job, str(photo.path), photo.before, known)
        self._active[future] = photo

    def _take(self, photo: _Photo, future: Future[_Answer]) -> None:
        """Raises SetUpError, and UserError where no worker is left."""
        try:
            answer = future.result()
        except SetUpError:
            raise
        except UserError as error:
            answer = UserError(f"{photo.path} cannot be read: {error}")
        if isinstance(answer, Refused):
            self._waiting.appendleft(photo)
            self._refusals.add(answer.worker, answer.why)
        else:
            if isinstance(answer, Look) and answer.finding and answer.finder != BEST and not self._stands_in:
                self._stands_in = answer.finder.partition(" ")[0]
                self._place.tell(
                    f"where photos are looked at, the slower detector {self._stands_in} stands in for yunet; "
                    "run `face-classifier models fetch` there"
                )
            photo.answer.set_result(answer)


def look_there(job: Job, path: str, before: Stamp | None, known: Mapping[str, str]) -> _Answer:
    """What is in a photo, as `reading.look` tells, in a process of a cluster."""
    if refused := refusal(job):
        return refused
    place = path if os.getcwd() == job.folder else os.path.join(job.folder, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = look(Path(place), before, known, lambda: _finder(job.settings.encoder), threading.Event())
    return UserError(str(answer).replace(place, path)) if isinstance(answer, UserError) else answer


@cache
def _finder(encoder: str | None) -> FaceFinder:
    """Made once a process."""
    return FaceFinder(engine_of(Settings(encoder=encoder, precision=PRECISION)))
