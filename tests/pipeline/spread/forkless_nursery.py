"""What begins the workers of a local cluster where none is forked, as on macOS."""

from __future__ import annotations

import os
import sys

from face_classifier.pipeline.spread import worker


def _never() -> int:
    raise AssertionError("something is forked")


if __name__ == "__main__":
    worker._FORKS, os.fork = False, _never  # type: ignore[misc]
    worker.main(int(sys.argv[1]))
