"""How long pages wait for what they read of a large gallery: `python benchmarks/web.py --part reads`.

*cold* is the first time in a new process (the file is in the system's cache); *warm* is again, while nothing changed;
*after a write* is with a new catalogue, since another process, which owns the gallery, has just moved a face or kept a
new one. Milliseconds of the processor (of this process, all threads) are told beside those of the clock, since other
work on the machine disturbs them less. Memory is that of the process, without the one that has read nothing yet.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.gallery.reading.reader import Reader
from page.large import make_gallery

ROOT = Path(__file__).resolve().parent.parent
PAGE = 60  # faces on a screen
Question = Callable[[Reader, Catalogue, int], object]

OWNER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from page.reads import own
own(Path(sys.argv[1]))
"""

QUESTIONS: dict[str, Question] = {
    "people": lambda reader, now, turn: now.people,
    "the first screen of the largest person": lambda reader, now, turn: now.faces_of("person_01", "odd", 0, PAGE),
    "a screen of another person": lambda reader, now, turn: now.faces_of(f"person_{2 + turn:02d}", "odd", 0, PAGE),
    "a screen of unknown faces": lambda reader, now, turn: now.faces_of(None, "newest", PAGE * (turn % 5), PAGE),
    "people nearest to 20 faces": lambda reader, now, turn: now.nearest(range(20 * turn + 1, 20 * turn + 21), 9),
    "similar unknown faces": lambda reader, now, turn: now.similar_unknown(f"person_{2 + turn:02d}", PAGE),
    "not them": lambda reader, now, turn: now.not_them(f"person_{2 + turn:02d}"),
    "people seen together": lambda reader, now, turn: now.together,
    "a new picture, 112 pixels": lambda reader, now, turn: reader.picture(1 + turn, 112),
}


def own(folder: Path) -> None:
    """Own a gallery in this process: at each line of the input move a face, or keep a new one."""
    from face_classifier.core.types import Box, Face, Frame, Match, Provenance
    from face_classifier.gallery.store import Store
    from face_classifier.vision.sface import SFaceEncoder

    dice = np.random.default_rng()
    with Store(folder, writing=True) as store:
        print("owns", flush=True)
        for number, line in enumerate(sys.stdin):
            if line == "move\n":
                store.move([int(dice.integers(1, 5000))], f"person_{2 + number:02d}")
            else:
                made_by = Provenance(SFaceEncoder.space, "yunet", "yunet-5", "fp32")
                face = Face(Box(80, 160, 160, 80), dice.normal(0.0, 0.087, 128), made_by, 0.5)
                frame = Frame(
                    dice.integers(0, 255, (240, 240, 3), np.uint8), "door", None, number, float(number), 0.5, _now()
                )
                store.keep(frame, face, Match("person_01" if number % 4 else None), 0)
            print("done", flush=True)


def _now() -> Any:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc)


@contextmanager
def owner(folder: Path) -> Iterator[Callable[[str], None]]:
    """Another process that owns a gallery; what is given is what it is to do now: ``move`` or ``keep``."""
    line = [sys.executable, "-c", OWNER, str(folder), str(ROOT), str(ROOT.parent)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "owns\n"

        def tell(what: str) -> None:
            assert process.stdin is not None
            assert process.stdout is not None
            print(what, file=process.stdin, flush=True)
            assert process.stdout.readline() == "done\n"

        yield tell
        process.communicate()


class Ms(NamedTuple):
    """Milliseconds."""

    clock: float
    cpu: float


def _ms(action: Callable[[], object]) -> Ms:
    began = time.perf_counter(), time.process_time()
    action()
    return Ms(1000 * (time.perf_counter() - began[0]), 1000 * (time.process_time() - began[1]))


def _memory() -> float:
    """MB of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def measure(folder: Path, runs: int) -> dict[str, Any]:
    """Milliseconds and MB, in this process."""
    found: dict[str, Any] = {"MB": {"before": _memory()}}
    times: dict[str, dict[str, list[Ms]]] = {}

    def note(name: str, when: str, ms: Ms) -> None:
        times.setdefault(name, {}).setdefault(when, []).append(ms)

    with Reader(folder) as reader:
        note("the catalogue", "cold", _ms(reader.now))
        for name, ask in QUESTIONS.items():
            note(name, "cold", _ms(lambda ask=ask: ask(reader, reader.now(), 0)))
        for turn in range(runs):
            note("the catalogue", "warm", _ms(reader.now))
            for name, ask in QUESTIONS.items():
                note(name, "warm", _ms(lambda ask=ask, turn=turn: ask(reader, reader.now(), turn)))
        found["MB"]["warm"] = _memory()
        with owner(folder) as tell:
            reader.now()
            for turn in range(runs):
                for name, ask in {"the catalogue": lambda *_: None, **QUESTIONS}.items():
                    tell("move" if turn % 2 else "keep")
                    note(name, "after a write", _ms(lambda ask=ask, turn=turn: ask(reader, reader.now(), turn)))
            cpu = time.process_time()
            for _ in range(runs):
                tell("keep")
                reader.now()
            found["CPU ms a kept face"] = 1000 * (time.process_time() - cpu) / runs
        found["MB"]["after writes"] = _memory()
        found["MB"]["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["ms"] = {name: {when: _told(values) for when, values in by_time.items()} for name, by_time in times.items()}
    return found


def _told(values: Sequence[Ms]) -> dict[str, float]:
    clock, cpu = np.array(values).T
    found = {"p50": np.percentile(clock, 50), "p95": np.percentile(clock, 95), "CPU": np.percentile(cpu, 50)}
    return {name: float(value) for name, value in found.items()}


def run(folder: Path, faces: int, people: int, runs: int) -> dict[str, Any]:
    """Measure in a new process, with a gallery that is made where there is none yet."""
    made = folder / f"{faces}-faces-{people}-people"
    if not made.exists():
        make_gallery(made, faces, people)
    line = [sys.executable, "-c", _MEASURE, str(made), str(runs), str(ROOT), str(ROOT.parent)]
    found: dict[str, Any] = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    print(f"{faces:,} faces, {people:,} people: ms, p50 / p95 (p50 of the processor); {runs} runs")
    for name, by_time in found["ms"].items():
        told = "; ".join(f"{when} {ms['p50']:.1f} / {ms['p95']:.1f} ({ms['CPU']:.1f})" for when, ms in by_time.items())
        print(f"  {name}: {told}")
    print("  MB:", ", ".join(f"{when} {size:.0f}" for when, size in found["MB"].items()))
    print(f"  CPU ms of the reader for a face that is kept: {found['CPU ms a kept face']:.1f}", flush=True)
    return found


_MEASURE = """
import json, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from page.reads import measure
print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))
"""
