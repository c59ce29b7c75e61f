"""How long programs wait for the API of a large gallery: milliseconds of a request over HTTP, p50 and p95.

*first*: the very first time, with what is read and worked out for it; *then*: once it is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
from page.large import make_gallery

ROOT = Path(__file__).parent.parent
QUESTIONS = (
    "/api/v1/people",
    "/api/v1/people?sort=last",
    "/api/v1/people?q=person_4",
    "/api/v1/people?near=1,2,3",
    "/api/v1/people/person_01",
    "/api/v1/people/person_01/faces",
    "/api/v1/people/person_01/similar",
    "/api/v1/faces/nearest?faces=1,2,3",
    "/api/v1/unknowns",
    "/api/v1/visits",
    "/api/v1/visits?person=person_01",
    "/api/v1/tracks",
    "/api/v1/now",
    "/api/v1/journal",
    "/faces/1.jpg?w=112",
    "/healthz",
)


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Within, another process owns the folder, as always while a page is shown; it changes nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", _OWN, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as own:
        assert own.stdout is not None
        own.stdout.readline()
        yield
        own.communicate()


_OWN = """
import sys
from pathlib import Path
from face_classifier.core.disk.locks import FolderLock
from face_classifier.core.disk.rooted import Root
with Root(Path(sys.argv[1])) as root:
    lock = FolderLock(root)
    print(flush=True)
    sys.stdin.read()
"""


def measure(folder: Path, runs: int) -> dict[str, Any]:
    """Milliseconds, of a page in this process."""
    settings = Settings(result=str(folder))
    found: dict[str, Any] = {}

    def nobody(_name: str, _arguments: dict[str, Any]) -> CarriedOut:
        raise NotImplementedError

    with Reader(folder) as reader, owned(folder):
        site = Site(lambda: settings, nobody, reader)
        with served(make_app(site), "127.0.0.1", 0) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as page:
            for question in QUESTIONS:
                times = []
                for _ in range(runs + 1):
                    began = time.perf_counter()
                    answer = page.get(question, timeout=60)
                    times.append(1000 * (time.perf_counter() - began))
                    assert answer.status_code in (200, 404), answer.text
                found[question] = [times[0], *(float(np.percentile(times[1:], part)) for part in (50, 95))]
            began, size = time.perf_counter(), 0
            with page.stream("GET", "/api/v1/visits?format=csv", timeout=120) as stream:
                for block in stream.iter_raw():
                    size += len(block)
            found["all visits as CSV"] = [1000 * (time.perf_counter() - began), size / 1e6]
    return found


def run(folder: Path, faces: int, people: int, runs: int) -> dict[str, Any]:
    """Measure in a new process, with a gallery that is made where there is none yet."""
    made = folder / f"{faces}-faces-{people}-people"
    if not made.exists():
        make_gallery(made, faces, people)
    line = [sys.executable, "-c", _MEASURE, str(made), str(runs), str(ROOT), str(ROOT.parent)]
    found: dict[str, Any] = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)
    print(f"{faces:,} faces, {people:,} people: ms of a request; first, then p50 / p95 ({runs} runs)")
    for name, (first, *then) in found.items():
        if name.startswith("/"):
            print(f"  {name}: {first:.0f}; {then[0]:.1f} / {then[1]:.1f}")
        else:
            print(f"  {name}: {first:.0f}; {then[0]:.1f} MB")
    return found


_MEASURE = """
import json, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from page.api import measure
print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))
"""
