"""Frames analysed ahead of their turn: one thread decodes, workers detect and encode, results come in frame order.

Of a live source only the newest frame counts. None of its frames is analysed ahead, nor handed to a worker, which would
take longer than most of them do: whoever iterates searches and encodes it, and only then the next one is taken.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

from face_classifier.core.types import Detection, Frame

_Note = TypeVar("_Note")
_Plan = TypeVar("_Plan")
_Result = TypeVar("_Result")
_PATIENCE = 0.1  # seconds between two looks at whether to stop

Search = Callable[[], list[Detection]]
_Item = tuple[Frame, _Note | None, Search | None]


class Ahead(Generic[_Note, _Plan, _Result]):
    """Analyses the frames of one source with ``workers`` threads; iterate inside a ``with``.

    ``search`` runs in the decoding thread, frame after frame; it says how a frame is to be searched. That search and
    ``encode`` run in the workers, several frames at a time, and may depend on nothing else. ``plan`` runs in the
    iterating thread, frame after frame; it says what of a frame is to be encoded. So what comes out does not depend on
    the number of workers. An error in any thread is raised where it is iterated, once the frames before it are
    finished.
    """

    def __init__(
        self,
        frames: Callable[[threading.Event], Iterator[Frame]],
        stopping: threading.Event,
        search: Callable[[Frame], tuple[_Note, Search | None]],
        plan: Callable[[Frame, _Note | None, list[Detection] | None], _Plan],
        encode: Callable[[_Plan], _Result],
        *,
        is_long: Callable[[_Plan], bool] = lambda _: True,
        workers: int,
        depth: int,
        idle: Callable[[], None] = lambda: None,
    ) -> None:
        """``frames`` is given an event that tells it to end; ``stopping`` is the user's wish to.

        ``search`` is given frames that are due, and returns what it noted of one, and what finds its faces or None.
        ``plan`` is given the note, or None of a frame that is not due, and the faces, or None of one not searched.
        ``is_long``: whether it takes long to carry out a plan; what does not is done in the iterating thread.
        ``depth``: how many frames may wait for an encoding, and twice as many for a search, of which some take as long
        as ten others; 0 for live sources, where the newest counts.
        ``idle``: called in the iterating thread ten times a second while no frame comes.
        """
        self._idle = idle
        self._frames, self._search, self._plan, self._encode = frames, search, plan, encode
        self._is_long = is_long
        self._stopping, self._depth = stopping, depth
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="analysis")
        self._queue: queue.SimpleQueue[_Item[_Note] | BaseException | None] = queue.SimpleQueue()
        self._room: queue.SimpleQueue[None] = queue.SimpleQueue()  # an item for each frame that may be taken
        for _ in range(1 + 2 * depth):
            self._room.put(None)
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, name="decoding")

    def __enter__(self) -> Ahead[_Note, _Plan, _Result]:
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._closing.set()
        self._room.put(None)
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._reader.join()

    def _read(self) -> None:
        try:
            self._take_all()
        except BaseException as error:
            self._queue.put(error)
        else:
            self._queue.put(None)

    def _take_all(self) -> None:
        frames = self._frames(self._closing)
        while self._has_room() and (frame := next(frames, None)) is not None:
            note, search = self._search(frame) if frame.due else (None, None)
            self._queue.put((frame, note, self._begun(search) if search else None))

    def _has_room(self) -> bool:
        """Wait until the next frame may be taken; False when nobody will ask for it any more."""
        self._room.get()
        return not self._closing.is_set()

    def _begun(self, search: Search) -> Search:
        return self._pool.submit(search).result if self._depth else search

    def _detected(self) -> Iterator[tuple[Frame, _Note | None, list[Detection] | None]]:
        while not self._stopping.is_set():
            try:
                item = self._queue.get(timeout=_PATIENCE)
            except queue.Empty:
                self._idle()
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            frame, note, search = item
            yield frame, note, search() if search else None
            self._room.put(None)

    def __iter__(self) -> Iterator[tuple[_Plan, _Result]]:
        """What ``plan`` made of each frame, and ``encode`` of that, in frame order."""
        waiting: deque[tuple[_Plan, Future[_Result]]] = deque()
        planned, error = self._planned(), None
        while error is None:
            try:
                waiting.append(next(planned))
            except StopIteration:
                break
            except BaseException as raised:
                error = raised
            while len(waiting) > self._depth or (waiting and waiting[0][1].done()):
                yield _finished(waiting.popleft())
        while waiting:
            yield _finished(waiting.popleft())
        if error is not None:
            raise error

    def _planned(self) -> Iterator[tuple[_Plan, Future[_Result]]]:
        for frame, note, detections in self._detected():
            plan = self._plan(frame, note, detections)
            yield plan, self._carried_out(plan)

    def _carried_out(self, plan: _Plan) -> Future[_Result]:
        if self._depth and self._is_long(plan):
            return self._pool.submit(self._encode, plan)
        done: Future[_Result] = Future()
        try:
            done.set_result(self._encode(plan))
        except BaseException as error:
            done.set_exception(error)
        return done


def _finished(pair: tuple[_Plan, Future[_Result]]) -> tuple[_Plan, _Result]:
    plan, result = pair
    return plan, result.result()
