"""How long a look at a large gallery takes, and a start: medians, on synthetic folders of tiny pictures.

    python benchmarks/looks.py                     # 20,000 and 100,000 faces: about three minutes
    python benchmarks/looks.py --faces 5000 20000 --runs 3 --folder DIR --json looks.json

A *look* is one in a store that stays open, as in a long run, after one picture was moved between two people (*move*), a
folder was renamed (*rename*), a picture was edited in place (*edit*), or nothing happened (*nothing*). *told* looks are
told which folders changed, as by a watcher; the others find out. A *start* opens the gallery, until it can decide whose
a face is, in a process of its own; its seconds and MB (peak) are those beyond the same with an empty gallery.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from face_classifier.core.config.load import load
from face_classifier.core.disk.rooted import Root
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import Row, Rows, Table
from face_classifier.gallery.table.notes import Notes

FACES_EACH = 40  # of a person
UNKNOWN = 0.1  # share of the faces
AGE = 7 * 86400  # seconds since the pictures were written


def make_gallery(folder: Path, faces: int) -> None:
    """A result folder as the program would have left it a week ago, with tiny pictures."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    unknown = int(faces * UNKNOWN)
    with Root(folder) as root:
        table = Table(root, "faces.sqlite", writing=True)
        rows = Rows(table)
        with table.together():
            for number in range(faces):
                known = number >= unknown
                person = 1 + (number - unknown) // FACES_EACH
                name = f"person_{person:02d}" if known else "unknowns"
                (folder / name).mkdir(exist_ok=True)
                centre = np.random.default_rng(person if known else faces + number).normal(0.0, 0.05, 128) + 0.08
                rows.add(_row(folder, name, number, centre + rng.normal(0.0, 0.01, 128)))
            Notes(table).set_mark("person", faces // FACES_EACH + 1)
        table.close()
    then = time.time() - AGE
    for path in [*folder.iterdir(), folder]:
        if path.is_dir():
            os.utime(path, (then, then))


def _row(folder: Path, name: str, number: int, encoding: Any) -> Row:
    image = np.full((3, 3, 3), number % 251, np.uint8)
    image[0, 0] = number // 251 % 256, number // 64256, 0
    content = cv2.imencode(".png", image)[1].tobytes()
    path = folder / name / f"20200101_{number // 36000 % 24:02d}{number // 600 % 60:02d}00.{number % 600:03d}-0.png"
    path.write_bytes(content)
    os.utime(path, (time.time() - AGE,) * 2)
    stat = path.stat()
    row = Row(path.stem, name, path.name, stat.st_size, stat.st_mtime_ns, hashlib.sha256(content).hexdigest())
    row.placed, row.encoding, row.space = name, encoding, "dlib-resnet-v1"
    row.source, row.fingerprint, row.position, row.frame = "clip.mp4", "clip", float(number), number
    row.detector, row.chip, row.precision, row.distance = "yunet", "five", "float32", 0.3
    return row


def unread(path: Path, own_cut: bool) -> Any:
    raise AssertionError(f"{path} has its numbers already")


class Untold:
    """An observer to whom nothing is to be told."""

    def problem(self, sentence: str) -> None:
        raise AssertionError(sentence)

    at_end = problem


def no_engine(_encoder: str) -> Any:
    """A start has nothing to encode; a model takes the same time whatever the gallery."""


def move(folder: Path, turn: int) -> set[str]:
    """Take the first picture of somebody to somebody else."""
    one, other = f"person_{2 * turn + 1:02d}", f"person_{2 * turn + 2:02d}"
    first = min((folder / one).iterdir())
    first.rename(folder / other / first.name)
    return {one, other}


def rename(folder: Path, turn: int) -> set[str]:
    """Give somebody a name."""
    one, name = f"person_{2 * turn + 1:02d}", f"Somebody {turn}"
    (folder / one).rename(folder / name)
    return {one, name}


def edit(folder: Path, turn: int) -> set[str]:
    """Touch a picture, which a look has to read then."""
    one = f"person_{2 * turn + 2:02d}"
    os.utime(min((folder / one).iterdir()))
    return {one}


def nothing(_folder: Path, _turn: int) -> set[str]:
    return set()


def measure_looks(folder: Path, runs: int) -> dict[str, float]:
    """Medians in ms."""
    measured: dict[str, float] = {}
    with Store(folder, writing=True) as store:
        store.look(unread)
        turns = count()
        for change in (move, edit, rename, nothing):
            for told in (False, True):
                times = []
                for turn in islice(turns, runs):
                    touched = change(folder, turn)
                    times.append(_ms(partial(store.look, unread, touched=touched if told else None)))
                name = f"{change.__name__}{', told' if told else ''}"
                measured[name], measured[f"{name}, CPU"] = (
                    statistics.median(column) for column in zip(*times, strict=True)
                )
    return measured


def _ms(action: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock, and of the processor, which other work on the machine disturbs less."""
    began = time.perf_counter(), time.process_time()
    action()
    return 1000 * (time.perf_counter() - began[0]), 1000 * (time.process_time() - began[1])


def start(folder: Path) -> None:
    """What a run does before its first frame."""
    began = time.perf_counter(), time.process_time()
    chosen = load({"result": str(folder), "encoder": "dlib"})
    with Gallery.open(chosen, Untold(), engine=no_engine):
        pass
    seconds, of_cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    print(json.dumps({"s": seconds, "CPU s": of_cpu, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measure_start(folder: Path, runs: int) -> dict[str, float]:
    """Medians, in a new process each."""
    line = [sys.executable, __file__, "--start", str(folder)]
    ended = [json.loads(subprocess.run(line, check=True, capture_output=True).stdout) for _ in range(runs)]
    return {name: statistics.median(each[name] for each in ended) for name in ended[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, nargs="+", default=[20000, 100000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where galleries are made, and kept for the next time")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.start:
        start(arguments.start)
        return
    with tempfile.TemporaryDirectory() as temporary:
        numbers = measure(arguments.folder or Path(temporary), arguments.faces, arguments.runs)
    if arguments.json:
        arguments.json.write_text(json.dumps(numbers, indent=1))


def measure(folder: Path, sizes: list[int], runs: int) -> dict[str, dict[str, float]]:
    folder.mkdir(exist_ok=True)
    numbers: dict[str, dict[str, float]] = {}
    for faces in (0, *sizes):
        made = folder / f"{faces}-faces"
        if not made.exists():
            make_gallery(made, faces)
        first, then = measure_start(made, 1), measure_start(made, runs)
        numbers[f"{faces}"] = {"first start s": first["s"]} | {f"start {name}": value for name, value in then.items()}
        beyond = {name: value - numbers["0"][f"start {name}"] for name, value in then.items()}
        print(
            f"{faces:7,} faces: start {then['s']:.3f} s (the first one {first['s']:.3f} s); beyond an empty gallery: "
            f"{beyond['s']:.3f} s, {beyond['CPU s']:.3f} s of CPU and {beyond['MB']:.0f} MB",
            flush=True,
        )
        if faces:
            copy = folder / "copy"
            shutil.copytree(made, copy)  # a move and a rename are not undone
            looks = measure_looks(copy, runs)
            shutil.rmtree(copy)
            numbers[f"{faces}"] |= {f"look {name} ms": ms for name, ms in looks.items()}
            for name, ms in looks.items():
                print(f"{'look: ' + name:>40} {ms:6.1f} ms", flush=True)
    return numbers


if __name__ == "__main__":
    main()
