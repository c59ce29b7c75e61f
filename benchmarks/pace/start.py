"""From the command to the first frame, as a user starts it; and what of it nobody can do without.

Nothing but Python's own modules is imported with this module: what the program imports is part of the time.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pace.process import Numbers, peak_mb

_LOOK = 0.002  # seconds between two looks at what the program has told
_LONGEST = 120.0  # seconds that it may take


def whole(source: str, encoder: str) -> Numbers:
    """Seconds from before the process is made until its first line about a face, which is in the first frame."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.jsonl"
        line = [sys.executable, "-m", "face_classifier", source, "-S", "0", "--stop", "0.5", "--encoder", encoder]
        line += ["--result", str(Path(folder) / "result"), "--jsonl", str(told)]
        began = time.perf_counter()
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
        while not (told.exists() and told.stat().st_size):
            if process.poll() is not None or time.perf_counter() - began > _LONGEST:
                raise SystemExit("the program told no face of the first frame")
            time.sleep(_LOOK)
        seconds = time.perf_counter() - began
        process.wait(_LONGEST)
    return {"seconds": seconds, "peak_mb": peak_mb(resource.RUSAGE_CHILDREN)}


def alone(source: str, encoder: str) -> Numbers:
    """Seconds for Python, imports, sessions and the source's first frame, one after the other, and nothing else."""
    began = time.perf_counter()
    line = [sys.executable, "-c", _ALONE, source, encoder]
    subprocess.run(line, check=True, timeout=_LONGEST)
    return {"seconds": time.perf_counter() - began}


_ALONE = """
import os, sys, threading
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.vision.engine import make_engine
make_engine("fast", None, 1.0, print, sys.argv[2])
with open_source(sys.argv[1]) as source:
    next(source.frames(Sampling(0), source.start, threading.Event()))
    os._exit(0)  # what ends is not part of it
"""
