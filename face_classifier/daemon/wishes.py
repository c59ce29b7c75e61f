"""What is asked of a daemon by signals: to stop, which it does in time whatever hangs, and to reload."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from queue import Empty, SimpleQueue
from types import FrameType

IN_TIME = 4.5  # seconds from the wish to stop until the process ends, at the latest
_LAST_WORDS = 0.3  # seconds of them in which it may tell why it is ended: whoever reads its log may hang, too


class Wish(Enum):
    """What somebody asks for."""

    STOP = "stop"
    RELOAD = "reload"


_MEANING = {signal.SIGINT: Wish.STOP, signal.SIGTERM: Wish.STOP, signal.SIGHUP: Wish.RELOAD}


class Wishes:
    """A queue of wishes; `asking` is safe in a handler of signals, which may interrupt whatever the main thread does.

    Attributes
    ----------
    stopping: set as soon as it is asked to stop, for whoever waits for something meanwhile.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._wishes: SimpleQueue[Wish] = SimpleQueue()
        self._ending: SimpleQueue[bool] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()

    def ask(self, wish: Wish) -> None:
        """From any thread, and from a handler of signals: a SimpleQueue takes what comes while it takes something."""
        if wish is Wish.STOP:
            self._ending.put(True)
        self._wishes.put(wish)

    def next(self, seconds: float) -> Wish | None:
        """The next wish that comes within so many seconds; None: none does."""
        with suppress(Empty):
            return self._wishes.get(timeout=seconds)
        return None

    @contextmanager
    def of_signals(self, give_up: Callable[[], None], in_time: float = IN_TIME) -> Iterator[None]:
        """Within, SIGTERM and ^C ask to stop, SIGHUP to reload; a second SIGTERM or ^C ends the process at once.

        Parameters
        ----------
        give_up: called where it did not stop in time; after that the process ends, with exit code 1.
        in_time: seconds from the wish to stop until then, at the latest.
        """

        def ask(number: int, _frame: FrameType | None) -> None:
            if _MEANING[signal.Signals(number)] is Wish.STOP:
                signal.signal(number, signal.SIG_DFL)
            self.ask(_MEANING[signal.Signals(number)])

        before = {number: signal.signal(number, ask) for number in _MEANING}
        guard = threading.Thread(target=self._guard, args=(give_up, in_time), name="stopping", daemon=True)
        guard.start()
        try:
            yield
        finally:
            self._ended.put(None)
            self._ending.put(False)
            guard.join()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _guard(self, give_up: Callable[[], None], in_time: float) -> None:
        """What the thread does that sees to it that the process ends in time."""
        if not self._ending.get():
            return
        self.stopping.set()  # here, since in a handler it could wait for a lock that the interrupted thread holds
        try:
            self._ended.get(timeout=in_time - _LAST_WORDS)
        except Empty:
            words = threading.Thread(target=give_up, name="last words", daemon=True)
            words.start()
            words.join(_LAST_WORDS)
            os._exit(1)
