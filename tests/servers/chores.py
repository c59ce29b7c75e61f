"""What workers are given to do in tests of clusters. They import it, so it holds no test."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from face_classifier.core.errors import UserError
from face_classifier.pipeline.spread.cluster import worker_name

PATIENCE = 10.0  # seconds


def double(number: int) -> int:
    return 2 * number


def who(_number: int = 0) -> tuple[str, int]:
    """The worker's name, and its process."""
    return worker_name(), os.getpid()


def wait_for(path: str, *, patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not Path(path).exists():
        assert time.monotonic() < end, f"{path} did not come within {patience:g} seconds"
        time.sleep(0.01)


def meet(mine: str, theirs: str) -> int:
    """Ends only if another task runs at the same time, which writes ``theirs``."""
    Path(mine).touch()
    wait_for(theirs)
    return os.getpid()


def hold(begun: str, until: str, patience: float = PATIENCE) -> str:
    """Writes ``begun``, then waits for ``until``, as many seconds at most."""
    Path(begun).write_text(str(os.getpid()))
    wait_for(until, patience=patience)
    return worker_name()


def die(folder: str, times: int) -> int:
    """Kills its own process the first ``times`` times; returns how often it was begun."""
    begun = len(os.listdir(folder))
    Path(folder, str(begun)).touch()
    if begun < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun + 1


def fail(words: str) -> None:
    raise UserError(words)


def much(size: int) -> bytes:
    return bytes(range(256)) * (size // 256)
