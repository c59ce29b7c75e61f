"""What takes long in a large gallery: how long until pages have it, and what it costs this process and another one.

Seconds of the clock and of the processor, and the most memory; meanwhile a person's page is asked for again and again.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from face_classifier.core.config.settings import Settings
from face_classifier.curate.ask import CarriedOut
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.served import served
from face_classifier.web.site import Site
from page.api import ROOT, owned
from page.large import make_gallery

PAGES = "/events", "/unknowns", "/suggestions"
LIMIT = 1200.0  # seconds


def measure(folder: Path) -> dict[str, Any]:
    """Of each page: seconds until it is whole, of this processor's time, of another process'; then milliseconds."""
    settings = Settings(result=str(folder))
    found: dict[str, Any] = {}

    def nobody(_name: str, _arguments: dict[str, Any]) -> CarriedOut:
        raise NotImplementedError

    with Reader(folder) as reader, owned(folder):
        site = Site(lambda: settings, nobody, reader)
        with served(make_app(site), "127.0.0.1", 0) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as page:
            page.get("/people/person_02", timeout=60)
            for path in PAGES:
                began, here, there, waits = time.monotonic(), time.process_time(), _there(), []
                while "going-on" in page.get(path, timeout=60).text:
                    asked = time.monotonic()
                    page.get("/people/person_02", timeout=60)
                    waits.append(1000 * (time.monotonic() - asked))
                    assert time.monotonic() < began + LIMIT
                    time.sleep(0.5)
                whole = time.monotonic() - began, time.process_time() - here, _there() - there
                again = time.process_time()
                page.get(path, timeout=60)
                again = 1000 * (time.process_time() - again)
                found[path] = [*whole, again, float(np.percentile(waits, 95)) if waits else None]
    own, others = (resource.getrusage(which).ru_maxrss for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    found["MB"] = [own // 1024, others // 1024]
    return found


def _there() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(folder: Path, faces: int, people: int, _runs: int) -> dict[str, Any]:
    """Measure in a new process, with a gallery that is made where there is none yet."""
    made = folder / f"{faces}-faces-{people}-people"
    if not made.exists():
        make_gallery(made, faces, people)
    line = [sys.executable, "-c", _MEASURE, str(made), str(ROOT), str(ROOT.parent)]
    found: dict[str, Any] = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)
    print(f"{faces:,} faces, {people:,} people: s until it is there; of the processor here and of another process;")
    print("  ms of the processor once it is there; ms for a person's page meanwhile, p95")
    for path in PAGES:
        whole, here, there, again, wait = found[path]
        meanwhile = "" if wait is None else f"; {wait:.0f}"
        print(f"  {path}: {whole:.1f}; {here:.2f}, {there:.2f}; {again:.0f}{meanwhile}")
    print("  most memory here and of another process: {} MB, {} MB".format(*found["MB"]))
    return found


_MEASURE = """
import json, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from page.aside import measure
print(json.dumps(measure(Path(sys.argv[1]))))
"""
