"""Second thoughts of a run: at its end all at once; while it is live in a thread, and carried out bit by bit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from time import monotonic

from face_classifier.core.machine import give_back
from face_classifier.core.types import Sighting
from face_classifier.curate.corrections import Change
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.thoughts.carry_out import Moved
from face_classifier.gallery.thoughts.question import Answer, Question
from face_classifier.gallery.thoughts.thoughts import Thoughts
from face_classifier.pipeline.placing.latest import latest

_SLICE = 0.05  # seconds for which the owner's thread is held up at a time
_OTHERWISE = 19  # times as long as it was thought is waited at least before it is thought again
_PRUNING = 86_400.0  # seconds after which it is forgotten again who was beside whom, of faces that are gone
_CHANGES = 2000
_ENDING = 2.0  # seconds for the thread to end


class _EndedError(Exception):
    """It is not to be thought on."""


class SecondThoughts:
    """Used by the thread that owns the gallery, which goes on meanwhile.

    ``changes``: by face (id) what they made of it in all, of the latest two thousand.
    """

    def __init__(self, gallery: Gallery, tell: Callable[[Sequence[Sighting]], None]) -> None:
        """``tell``: gets the faces that are moved."""
        self._gallery, self._thoughts, self._tell = gallery, Thoughts(gallery), tell
        self.changes: dict[int, Change] = {}
        self._steps: Iterator[bool] | None = None  # what is left to do; each says whether there is more to do at once
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._not_before = self._next_pruning = 0.0  # monotonic
        self.count, self.seconds = 0, 0.0  # how often it was thought so far, and how long in all

    def at_once(self) -> None:
        """Think of everything, and carry it out."""
        self._remember(self._thoughts.think_again(self._tell))

    @property
    def is_busy(self) -> bool:
        """Whether there is something for `go_on` to do, or to wait for."""
        return self._steps is not None

    def begin(self) -> None:
        """Begin to think of what is new, and to bring the montages up to date, unless that goes on already."""
        if self._steps is None and monotonic() >= self._not_before:
            self._steps = self._work()

    def go_on(self) -> None:
        """Do the next bit, if there is any. Raises what goes wrong, and begins anew the next time."""
        end = monotonic() + _SLICE
        try:
            while self._steps is not None:
                is_more = next(self._steps, None)
                if is_more is None:
                    self._steps = None
                if not is_more or monotonic() >= end:
                    return
        except BaseException:
            self._steps = None
            raise

    def end(self) -> None:
        """Leave undone what is left to do."""
        self._steps = None
        if self._thread:
            self._ending.set()
            self._thread.join(_ENDING)

    def _work(self) -> Iterator[bool]:
        self._gallery.look(touched=())
        if question := self._thoughts.question():
            began = monotonic()
            answer = self._answer_to(question)
            while not answer.done():
                yield False
            if self._thread:
                self._thread.join()  # it has nothing left to do
            took = monotonic() - began
            self.count, self.seconds = self.count + 1, self.seconds + took
            self._not_before = monotonic() + _OTHERWISE * took
            for moved in self._thoughts.follow(answer.result()):
                self._tell([one.face for one in moved])
                self._remember(moved)
                yield True
        for _ in self._gallery.draw_views():
            yield True
        if monotonic() >= self._next_pruning:
            self._next_pruning = monotonic() + _PRUNING
            for _ in self._gallery.prune_cannot_links():
                yield True

    def _remember(self, moved: Sequence[Moved]) -> None:
        for face, before, _ in moved:
            first = self.changes[face.id].person if face.id in self.changes else before
            self.changes[face.id] = Change(face.face, first, face.person, new=False)
        self.changes = latest(self.changes, _CHANGES)

    def _answer_to(self, question: Question) -> Future[Answer]:
        answer: Future[Answer] = Future()
        arguments = question, answer
        self._thread = threading.Thread(target=self._think, args=arguments, name="second thoughts", daemon=True)
        self._thread.start()
        return answer

    def _think(self, question: Question, answer: Future[Answer]) -> None:
        try:
            found = self._gallery.store.answer_beside(question, self._check)
        except BaseException as error:
            give_back()
            answer.set_exception(error)
        else:
            give_back()
            answer.set_result(found)

    def _check(self) -> None:
        if self._ending.is_set():
            raise _EndedError
