"""What is told to open tabs: the latest events, numbered, of which none is lost without a word."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_REMEMBERED = 256  # events; a tab that was away for longer fetches its page anew


@dataclass(frozen=True)
class Told:
    """Something that was told."""

    seq: int
    type: str
    data: Mapping[str, Any]

    @property
    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {"seq": self.seq, "type": self.type, **self.data}


class Hub:
    """Any thread publishes and any thread reads.

    A tab holds no events of its own, only the number of the one that it was sent last: a slow one costs no memory.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        """``remembered``: how many events at most."""
        self._lock = threading.Lock()
        self._ring: deque[Told] = deque(maxlen=remembered)
        # Milliseconds since 1970: after a restart no number of the process before is one of this process.
        self._seq = time.time_ns() // 1_000_000
        self._wakes: tuple[Callable[[], None], ...] = ()  # replaced, never changed

    @property
    def seq(self) -> int:
        """The number of the latest event; that of the beginning if there was none."""
        return self._seq

    def publish(self, type: str, data: Mapping[str, Any]) -> None:
        """Tell all tabs. ``data``: for JSON; ``seq`` and ``type`` are added."""
        with self._lock:
            self._seq += 1
            self._ring.append(Told(self._seq, type, data))
            wakes = self._wakes
        for wake in wakes:
            wake()

    def after(self, seq: int) -> list[Told] | None:
        """What was told after the event of that number; None: some of it is forgotten, or it is of another process."""
        with self._lock:
            first = self._ring[0].seq if self._ring else self._seq + 1
            if not first - 1 <= seq <= self._seq:
                return None
            return [told for told in self._ring if told.seq > seq]

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Within, ``wake`` is called after each event, in the thread that publishes it: it must not block."""
        with self._lock:
            self._wakes = (*self._wakes, wake)
        try:
            yield
        finally:
            with self._lock:
                self._wakes = tuple(other for other in self._wakes if other is not wake)
