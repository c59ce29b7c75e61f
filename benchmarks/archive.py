"""A gallery of an archive: many people, drawn like real ones, and what a run costs with them.

    python benchmarks/archive.py                                # 10,000 people and 100,000 faces
    python benchmarks/archive.py --people 100000 --faces 1000000 --part start --part keep --json archive.json
    python benchmarks/archive.py --part match --people 1000000      # 8 GB of memory

*start* opens the gallery until it can decide whose a face is, beyond the same with an empty one; *match* asks whose
faces are, in batches and singly, of people in memory alone; *keep* places records of new faces, all with pictures, or
at most one a track; *thoughts* thinks again of all (--tracks); *files* tells the bytes of the table. Each runs in
processes of its own, and tells medians. --check has `face-classifier verify` look at what was made. *spread*, which is
asked for by name, measures data/lfw anew, and compares with it what is drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import testdata
from large import crowd, parts
from large.folder import make_folder
from recognition.faces import tell
from recognition.report import table
from recognition.sets import load, sets

from face_classifier.vision.engine import make_engine

PARTS = "start", "files", "match", "thoughts", "keep"
ASKED = "spread"
SIDE = 180  # pixels of a picture that is kept, both ways: 97 kB of noise, as many bytes as pictures of 720p take
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Benchmark:
    """Galleries of one size, in folders that are kept for the next part."""

    def __init__(self, folder: Path, chosen: argparse.Namespace) -> None:
        self._folder, self._chosen = folder, chosen
        self._keeps = int(np.random.default_rng().integers(100_000))  # a folder used again has those of before
        self.found: dict[str, Any] = {}

    def _made(self, people: int, faces: int) -> Path:
        made = self._folder / f"{people}-people-{faces}-faces"
        if not made.exists():
            part = made.with_name(f"{made.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            if people:
                make_folder(part, people, faces)
            parts.settle(part)
            part.rename(made)
            if self._chosen.check:
                line = [sys.executable, "-m", "face_classifier", "verify", "--dry-run", "--result", str(made)]
                subprocess.run(line, check=True)
        return made

    def _runs(self, name: str, part: str, *arguments: object, runs: int | None = None) -> dict[str, float]:
        """Medians of a part of `large.parts`."""
        line = [sys.executable, __file__, "--one", json.dumps([part, *map(_plain, arguments)])]
        ended = []
        for turn in range(runs or self._chosen.runs):
            seed = [turn + 1 + self._keeps] if part == "keep" else []
            told = json.dumps([part, *map(_plain, arguments), *seed])
            one = subprocess.run([*line[:-1], told], check=True, stdout=subprocess.PIPE, env=os.environ | ONE_THREAD)
            ended.append(json.loads(one.stdout))
        medians = {key: statistics.median(one[key] for one in ended) for key in ended[0]}
        self.found[name] = medians | {"runs": ended}
        return medians

    def start(self) -> Iterator[list[str]]:
        empty = self._runs("start, empty", "start", self._made(0, 0))
        told = self._runs("start", "start", self._gallery)
        beyond = {key: value - empty.get(key, 0) for key, value in told.items()}
        yield ["start, s", f"{beyond['start s']:.2f} ({beyond['start CPU s']:.2f})"]
        yield ["of it in another process", f"({beyond.get('start CPU s of others', 0):.2f})"]
        yield ["memory after it, MB", f"{beyond['MB']:.0f}, at most {beyond['peak MB']:.0f}"]
        yield ["memory, bytes a face", f"{1e6 * beyond['MB'] / self._chosen.faces:.0f}"]

    def files(self) -> Iterator[list[str]]:
        told = self._runs("files", "files", self._gallery, self._chosen.faces, runs=1)
        yield ["table, bytes a face", f"{told['bytes a face']:.0f}"]
        yield ["files a person", f"{told['files a person']:.1f}"]

    def match(self) -> Iterator[list[str]]:
        told = self._runs("match", "match", self._chosen.people)
        for way in ("in batches", "singly"):
            yield [f"match {way}, ms a face", f"{told[f'{way} ms']:.3f} ({told[f'{way} CPU ms']:.3f})"]
        yield ["people in memory, bytes each", f"{told['bytes a person']:.0f}, at most {told['peak MB']:.0f} MB in all"]

    def thoughts(self) -> Iterator[list[str]]:
        for tracks in self._chosen.tracks:
            gallery = self._made(max(1, tracks * 2 // 5), tracks * 4)
            told = self._runs(f"thoughts, {tracks} tracks", "thoughts", gallery)
            cell = f"{told['thoughts s']:.1f} ({told['thoughts CPU s']:.1f}), {told['MB']:.0f} MB"
            yield [f"second thoughts, {tracks:,} tracks, s", cell]

    def keep(self) -> Iterator[list[str]]:
        for name, most in (("all with pictures", None), ("one picture a track", 1)):
            told = self._runs(f"keep, {name}", "keep", self._gallery, self._chosen.people, most, SIDE)
            self._keeps += self._chosen.runs
            yield [f"keep, {name}, ms a face", f"{told['keep ms']:.2f} ({told['keep CPU ms']:.2f})"]

    def spread(self) -> Iterator[list[str]]:
        (lfw,) = [one for one in sets(self._chosen.data) if one.name == "lfw"]
        faces = load(lfw, make_engine("fast", None, 1.0, tell, "sface"), self._chosen.cache)
        crowd.store(crowd.measured(faces))
        person = np.unique(faces.person, return_inverse=True)[1]
        drawn = crowd.Crowd(crowd.stored()).faces(person, np.arange(len(person)), np.random.default_rng(0))
        for name, encodings in (("data/lfw", faces.encoding), ("made up", drawn.astype(float))):
            own, other = crowd.likeness(encodings, person)
            yield [f"{name}: to the rest of one's own, 10 / 50 / 90 %", own]
            yield [f"{name}: to the nearest other person", other]

    @property
    def _gallery(self) -> Path:
        return self._made(self._chosen.people, self._chosen.faces)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def one(told: Sequence[Any]) -> dict[str, float]:
    """Carry out a part, in this process."""
    part, *arguments = told
    if part == "match":
        return parts.match(*arguments)
    if part == "keep":
        folder, people, most, side, seed = arguments
        return parts.keep(Path(folder), people, seed, most, side)
    found: dict[str, float] = getattr(parts, part)(Path(arguments[0]), *arguments[1:])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--tracks", type=int, nargs="+", default=[10_000], help="of which second thoughts are had")
    parser.add_argument(
        "--part", action="append", choices=(*PARTS, ASKED), help="only this part; may be given several times"
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where galleries are made, and kept for the next time")
    cache = Path(tempfile.gettempdir()) / "face-classifier-identity"
    parser.add_argument("--cache", type=Path, default=cache, help="where encodings are kept (default: temporary)")
    parser.add_argument("--data", type=Path, default=testdata.usual(), help="the real test data (default %(default)s)")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(one(chosen.one)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        benchmark = Benchmark(chosen.folder or Path(temporary), chosen)
        rows = [row for part in chosen.part or PARTS for row in getattr(benchmark, part)()]
    head = [f"{chosen.people:,} people, {chosen.faces:,} faces", "by the clock (of the processor)"]
    print(*table(head, rows), sep="\n")
    if chosen.json:
        chosen.json.write_text(json.dumps(vars(chosen) | {"found": benchmark.found}, default=str, indent=1), "utf-8")


if __name__ == "__main__":
    main()
