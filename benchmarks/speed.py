"""Speed beside the floor: `python benchmarks/speed.py [--part files|peers|live|start|stages]`.

* files: clips as files, both encoders, beside a pass that only decodes, which is the floor;
* peers: others' calls for every face of every frame, beside what the program takes beyond the floor;
* live: one camera and four, simulated from files at their own pace;
* start: from the command to the first frame, beside imports, sessions and opening alone;
* stages: where the time goes.

Every measurement is a process of its own that runs the real pipeline into a folder that is thrown away. What is
compared alternates, and a ratio is of one round, so that other work on the machine meets all alike. Writes a Markdown
report and all numbers as JSON. --before names a checkout of an earlier commit, which is measured in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import testdata
from pace import report
from pace.process import ROOT, Numbers, folder, in_turn, measured, tell

ENCODERS = "dlib", "sface"
STEPS = {"every": 0.0, "every 6th": 0.24}  # -S in seconds, of a clip with 25 frames a second
CLIP, LIVE = 8.0, 10.0  # seconds of the clips that are made
REAL = {  # clips of the real test data: where, -S
    "lp_s18, one face, every frame of 720p": ("webcam/lp_s18.mp4", 0.0),
    "conan_obrien, one face, every frame of 1080p": ("webcam/conan_obrien.mp4", 0.0),
    "dirtydancing, many cuts, every frame of 720p": ("multi/dirtydancing.mp4", 0.0),
    "hamilton_short, -S 0.2": ("multi/hamilton_short.mp4", 0.2),
}
# Every so many-th frame is enough: the calls take the same for all.
PEERS = {"original": 16, "zoo": 2, "deepface": 8}


class Benchmark:
    """All parts; each answers with the numbers of its tables."""

    def __init__(self, made: Path, chosen: argparse.Namespace) -> None:
        """``made``: a folder for clips."""
        self._runs, self._data, self._before = chosen.runs, chosen.data, chosen.before
        tell("making the clips")
        self._clips = measured("clips.make", folder=str(made), seconds=CLIP, live_seconds=LIVE)
        self._trees = {"": ROOT} | ({", before": self._before} if self._before else {})

    def files(self) -> Numbers:
        """Every case by its name: the codec, and the rounds of each variant."""
        three = self._clips["three"]
        cases = {f"three faces, {which} frame of 720p": (three, every) for which, every in STEPS.items()}
        if self._data:
            cases |= {name: (str(self._data / "videos" / clip), every) for name, (clip, every) in REAL.items()}
        return {
            name: {"clip": measured("clips.codec", path=source), "rounds": self._file(name, source, every)}
            for name, (source, every) in cases.items()
        }

    def _file(self, name: str, source: str, every: float) -> dict[str, list[Numbers]]:
        variants: dict[str, Callable[[], Numbers]] = {}
        for which, tree in self._trees.items():
            variants[f"floor{which}"] = partial(measured, "runs.floor", tree, source=source, seconds=every)
            for encoder in ENCODERS:
                settings = {"encoder": encoder, "seconds": every}
                variants[f"{encoder}{which}"] = partial(measured, "runs.whole", tree, source=source, settings=settings)
        return in_turn(self._runs, name, variants)

    def peers(self) -> Numbers:
        """The three-face clip, every frame: the floor, the program, and the peers that are installed."""
        source = self._clips["three"]
        there = measured("peers.there")
        variants: dict[str, Callable[[], Numbers]] = {
            "floor": partial(measured, "runs.floor", source=source, seconds=0.0),
            **{
                encoder: partial(measured, "runs.whole", source=source, settings={"encoder": encoder, "seconds": 0.0})
                for encoder in ENCODERS
            },
            **{
                peer: partial(measured, "peers.calls", peer=peer, source=source, every=every)
                for peer, every in PEERS.items()
                if there[peer]
            },
        }
        return {
            "rounds": in_turn(self._runs, "peers", variants),
            "left_out": [name for name in PEERS if not there[name]],
        }

    def live(self) -> Numbers:
        """One camera of 30 frames a second and four of 15, each with three faces."""
        answer = {}
        for name, cameras, clip in (
            ("one 720p camera, 30 frames/s", 1, self._clips["camera"]),
            ("four 720p cameras, 15 frames/s", 4, self._clips["four"]),
        ):
            variants: dict[str, Callable[[], Numbers]] = {}
            for which, tree in self._trees.items():
                variants[f"floor{which}"] = partial(measured, "live.floor", tree, source=clip, cameras=cameras)
                for encoder in ENCODERS:
                    settings = {"encoder": encoder}
                    variants[f"{encoder}{which}"] = partial(
                        measured, "live.decisions", tree, source=clip, cameras=cameras, settings=settings
                    )
            answer[name] = in_turn(self._runs, name, variants)
        return answer

    def start(self) -> Numbers:
        """To the first frame of the three-face clip, and imports, sessions and opening alone."""
        variants: dict[str, Callable[[], Numbers]] = {}
        for which, tree in self._trees.items():
            for encoder in ENCODERS:
                for name, function in ((f"{encoder}{which}", "whole"), (f"{encoder} alone{which}", "alone")):
                    source = self._clips["three"]
                    variants[name] = partial(measured, f"start.{function}", tree, source=source, encoder=encoder)
        return in_turn(self._runs, "start", variants)

    def stages(self) -> Numbers:
        """Of the three-face clip, with one worker."""
        answer = {}
        for encoder in ENCODERS:
            for which, every in STEPS.items():
                tell(f"stages: {encoder}, {which} frame")
                settings = {"encoder": encoder, "seconds": every}
                told = measured("stages.measured", source=self._clips["three"], settings=settings)
                answer[f"{encoder}, {which} frame"] = told["stages"]
        return answer


PARTS = "files", "peers", "live", "start", "stages"


def commit(tree: Path) -> str:
    """The commit of a checkout, with a + where files differ from it; nothing where git does not tell."""
    line = ["git", "-C", str(tree), "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this one; may be given again")
    parser.add_argument("--runs", type=int, default=5, help="rounds of every comparison (default 5)")
    parser.add_argument("--data", type=Path, help="the folder of real test data (default ../shared/data, if there)")
    parser.add_argument("--before", type=folder, help="a checkout of an earlier commit, measured beside this one")
    parser.add_argument("--clips", type=folder, help="where the clips that are made stay for the next run")
    parser.add_argument("--json", type=Path, default=Path("speed.json"), help="where to write all numbers")
    parser.add_argument("--markdown", type=Path, default=Path("speed.md"), help="where to write the report")
    chosen = parser.parse_args()
    chosen.data = (chosen.data or testdata.usual()).resolve()
    if not (chosen.data / "videos").is_dir():
        tell(f"no test data in {chosen.data}: measuring made clips only")
        chosen.data = None
    load = [os.getloadavg()[0]]  # above the number of cores, others work on the machine
    numbers: Numbers = {"machine": measured("report.machine"), "commit": commit(ROOT), "runs": chosen.runs}
    if chosen.before:
        numbers["before"] = commit(chosen.before)
    with tempfile.TemporaryDirectory() as made:
        benchmark = Benchmark(chosen.clips or Path(made), chosen)
        for part in chosen.part or PARTS:
            numbers[part] = getattr(benchmark, part)()
            numbers["load"] = [*load, os.getloadavg()[0]]
            chosen.json.write_text(json.dumps(numbers, indent=1), "utf-8")
            chosen.markdown.write_text(report.report(numbers), "utf-8")
    sys.stdout.write(chosen.markdown.read_text("utf-8"))


if __name__ == "__main__":
    main()
