"""A plain run against the same run analysed by other processes: `python benchmarks/spread.py --on local:2 VIDEO…`.

Every run is a process of its own into folders that are thrown away. Plain and spread runs alternate, and a ratio is
taken within one round, so that other work on the machine meets both alike. Prints seconds by the clock and of the
processors, children included, the ratios, and whether both made the same pictures. 20 clips of six seconds are made by
`ffmpeg -ss 0 -i VIDEO -t 6 -an -c:v copy CLIP.mp4`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(folder: Path, sources: Sequence[str], options: Sequence[str]) -> tuple[float, float, dict[str, str]]:
    """Seconds by the clock, seconds of the processors, and the digest of each picture by its name."""
    command = [sys.executable, "-m", "face_classifier", *sources, "--result", str(folder / "result"), *options]
    before, began = _processors(), time.monotonic()
    # What is installed has its bytecode, whatever the variables of the developer say.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=600)
    seconds, processors = time.monotonic() - began, _processors() - before
    pictures = (folder / "result").rglob("*.png")
    return seconds, processors, {path.name: sha256(path.read_bytes()).hexdigest() for path in pictures}


def _processors() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--on", default="local:2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--options", default="", help="more options of both runs, separated by spaces")
    parser.add_argument("--spread-options", default="", help="more options of the spread runs")
    wish = parser.parse_args()
    clock, processors = [], []
    for number in range(wish.rounds):
        with tempfile.TemporaryDirectory() as folder:
            one, other = Path(folder, "one"), Path(folder, "other")
            one.mkdir()
            other.mkdir()
            plain = run(one, wish.sources, wish.options.split())
            spread = run(other, wish.sources, [*wish.options.split(), *wish.spread_options.split(), "--on", wish.on])
        clock.append(spread[0] / plain[0])
        processors.append(spread[1] / plain[1])
        print(
            f"round {number + 1}: plain {plain[0]:.1f} s, {plain[1]:.1f} s of processors; {wish.on} {spread[0]:.1f} s, "
            f"{spread[1]:.1f} s; {'the same' if plain[2] == spread[2] else 'OTHER'} {len(plain[2])} pictures"
        )
    print(
        f"{wish.on} takes {statistics.median(clock):.2f} of the time, {statistics.median(processors):.2f} of the work"
    )


if __name__ == "__main__":
    main()
