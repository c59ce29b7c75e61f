"""How long somebody waits until a correction is confirmed: `python benchmarks/web.py --part commands`.

The owner of a made-up gallery carries out commands of the page, each with what was seen; *again* is after some
thousand faces were moved from one person to another, of each of which it is then known who it is not.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from face_classifier.core.config.settings import Settings
from face_classifier.curate.commands import HANDLERS
from face_classifier.gallery.gallery import Gallery
from page.large import make_gallery

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE, MANY, CORRECTED = 20, 1000, 1000

_MEASURE = """
import json, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from page.commands import measure
print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))
"""


class Silent:
    """An observer whom nothing is to be told."""

    def problem(self, sentence: str) -> None:
        raise AssertionError(sentence)

    at_end = problem

    def through(self, steps: Sequence[Any], _name: str) -> Any:
        yield from steps


class Page:
    """Somebody who corrects a gallery, one command after the other, and the times until each was confirmed."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery, self.words = gallery, gallery.store.words
        self.times: dict[str, list[tuple[float, float]]] = {}  # ms by the clock, and of the processor
        self.seen = gallery.store.past.latest()

    def does(self, command: str, what: str, **arguments: Any) -> dict[str, Any]:
        began, cpu = time.perf_counter(), time.process_time()
        answer: dict[str, Any] = HANDLERS[command](
            self.gallery, arguments | {"seen": self.seen, "door": "page"}, Silent()
        )
        took = 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - cpu)
        self.times.setdefault(what, []).append(took)
        assert "conflict" not in answer, answer
        self.seen = answer["revision"]
        return answer

    def takes_back(self, answer: dict[str, Any], what: str) -> None:
        self.does("undo", f"undo of {what}", to=answer["undo"])

    def corrects(self, runs: int, suffix: str = "") -> None:
        """Everything once in each run, and back."""
        largest = self.words.faces_of("person_01")
        for turn in range(runs):
            unknown = self.words.faces_of(None)[turn : turn + AT_ONCE]
            person, other = f"person_{10 + turn:02d}", f"person_{100 + turn:02d}"
            own = largest[AT_ONCE * turn : AT_ONCE * turn + AT_ONCE]
            steps: list[tuple[str, str, dict[str, Any]]] = [
                ("assign", "20 unknown faces are a person's", {"faces": unknown, "person": person}),
                ("assign", "20 unknown faces are a new person's", {"faces": unknown, "new": True}),
                ("assign", "20 faces of the largest person are another's", {"faces": own, "person": person}),
                ("assign", "20 faces are not the largest person", {"faces": own, "not": "person_01"}),
                ("ignore", "20 unknown faces are ignored", {"faces": unknown}),
                ("exclude", "20 faces are excluded", {"faces": own}),
                ("rename", "a person is renamed", {"person": person, "name": f"Anna {turn}"}),
                ("rename", "the largest person is renamed", {"person": "person_01", "name": f"Berta {turn}"}),
                ("merge", "two people are one", {"person": person, "from": [other], "name": f"Carla {turn}"}),
                ("judge", "two people are two", {"one": person, "other": other, "same": False}),
            ]
            for command, what, arguments in steps:
                self.takes_back(self.does(command, what + suffix, **arguments), what + suffix)


def measure(folder: Path, runs: int) -> dict[str, Any]:
    """Milliseconds, in this process."""
    with Gallery.open(Settings(result=str(folder)), Silent()) as gallery:
        page = Page(gallery)
        page.corrects(runs)
        many = [face for number in range(200, 500) for face in page.words.faces_of(f"person_{number:02d}")][:MANY]
        page.does("assign", f"{len(many)} faces become a person's", faces=many, person="Thousand")
        for _ in range(runs):
            merged = page.does("merge", f"{len(many)} faces are merged", person="person_02", **{"from": ["Thousand"]})
            page.takes_back(merged, f"{len(many)} faces are merged")
        others = [face for number in range(40, 200) for face in page.words.faces_of(f"person_{number:02d}")[:7]]
        for first in range(0, CORRECTED, AT_ONCE):
            page.does("assign", "corrections in between", faces=others[first : first + AT_ONCE], person="person_03")
        page.corrects(runs, ", again")
    return {
        name: [*np.percentile([ms for ms, _ in took], (50, 95)).tolist(), float(np.median([cpu for _, cpu in took]))]
        for name, took in page.times.items()
    }


def run(folder: Path, faces: int, people: int, runs: int) -> dict[str, Any]:
    """Measure in a new process, with a copy of the gallery."""
    made = folder / f"{faces}-faces-{people}-people"
    if not made.exists():
        make_gallery(made, faces, people)
    copy = folder / f"{made.name}-corrected"
    shutil.rmtree(copy, ignore_errors=True)
    # Links instead of pictures: they are moved, and never written to.
    subprocess.run(["cp", "-al", str(made), str(copy)], check=True)
    for file in ("faces.sqlite", ".lock"):  # these are written to
        (copy / file).unlink(missing_ok=True)
    shutil.copy(made / "faces.sqlite", copy / "faces.sqlite")
    line = [sys.executable, "-c", _MEASURE, str(copy), str(runs), str(ROOT), str(ROOT.parent)]
    found: dict[str, Any] = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)
    shutil.rmtree(copy)
    print(f"{faces:,} faces, {people:,} people: ms until confirmed, p50 / p95; of the processor ({runs} runs)")
    for name, values in found.items():
        print(f"  {name}: {values[0]:.0f} / {values[1]:.0f}; {values[2]:.0f}")
    return found
