"""What forks the workers of a local cluster, on a machine that has room for one more process alone."""

from __future__ import annotations

import errno
import os
import sys

from face_classifier.pipeline.spread import worker

_fork, _room = os.fork, [True]


def _fork_once() -> int:
    if not _room:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    _room.clear()
    return _fork()


if __name__ == "__main__":
    os.fork = _fork_once
    worker.main(int(sys.argv[1]))
