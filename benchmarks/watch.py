"""Does `watch` keep its word? Each part measures one promise: ``sh scripts/python benchmarks/watch.py --part faults``.

`benchmarks/watch.md` tells what was measured. The servers that the parts need are started by them, on loopback.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

import testdata

ROOT = Path(__file__).parent.parent
# What each measures; the module of that name in `watching/` has a function ``measure`` of the command line.
PARTS = {
    "faults": "each fault of a camera, on four cameras: noticed, told once, back in time, and what the others lose",
    "streams": "four streams of 720p at 15 frames a second: is every due frame analysed, and how old is it then?",
    "broker": "what a broker is told that is killed, held, or whose reader goes away",
    "day": "a compressed day with a fault every 12 seconds: visits, alerts and memory of the daemon itself",
    "truth": "who passed when, compared with watch_truth.csv",
}


def main() -> None:
    """Measure one part, and print a Markdown table."""
    told = "\n".join(f"{name}: {text}" for name, text in PARTS.items())
    parser = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--times", type=int, default=10, help="how often each fault happens (default %(default)s)")
    seconds = "that streams are watched (default 60), or that the day takes (default 240: four hours)"
    parser.add_argument("--seconds", type=float, help=seconds)
    chosen = testdata.parse(parser)
    chosen.seconds = chosen.seconds or (240 if chosen.part == "day" else 60)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import_module(f"watching.{chosen.part}").measure(chosen)


if __name__ == "__main__":
    main()
