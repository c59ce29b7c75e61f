"""Does `watch` know who passed when? `benchmarks/watch_truth.csv` says who is visible in which clip from when to when.

It was written by eye, from pictures five times a second. The clips are shown one after the other, 5 seconds of an empty
scene between them, to a camera of `face-classifier watch`; its visits are compared with the truth.
"""

from __future__ import annotations

import argparse
import csv
import json
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

TRUTH = Path(__file__).parent.parent / "watch_truth.csv"
FPS, SIZE = 25, (1280, 720)
EMPTY = 5.0  # seconds before, between and after the clips
GAP = 30.0  # seconds, the program's default
ENDS = 1.0  # seconds by which the ends of a visit may be wrong
SHORTEST = 1.5  # seconds: people who are visible for less need not be found


@dataclass(frozen=True)
class Span:
    """Somebody who is visible, or a visit that was told."""

    kind: str  # "single" or "crowd": of the clip
    person: str | None
    first: float  # seconds
    last: float

    def overlap(self, other: Span) -> float:
        return max(0.0, min(self.last, other.last) - max(self.first, other.first))


@dataclass(frozen=True)
class Score:
    """How visits and truth agree."""

    visible: int  # people visible long enough, once a visit
    found: int  # of them those with a visit of theirs, both ends right
    told: int  # visits
    right: int  # of them those that are of somebody who is there, both ends right
    faults: list[str]


def clips_of(truth: Path = TRUTH) -> Iterator[tuple[str, str, list[Span]]]:
    """Kind, path in the data folder, and people of each clip."""
    with truth.open(encoding="utf-8") as file:
        for (kind, clip), rows in groupby(csv.DictReader(file), key=lambda row: (row["kind"], row["clip"])):
            yield kind, clip, [Span(kind, row["person"], float(row["first"]), float(row["last"])) for row in rows]


def film(data: Path, kind: str, into: Path) -> tuple[Path, list[Span]]:
    """All clips of a kind as one film, and who is visible in it; made with ffmpeg."""
    parts: list[list[str]] = []
    visible: list[Span] = []
    at = EMPTY
    for _, clip, people in (one for one in clips_of() if one[0] == kind):
        seconds = length_of(data / clip)
        visible += [replace(one, first=at + one.first, last=at + one.last) for one in people]
        parts.append(["-t", str(seconds), "-i", str(data / clip)])
        at += seconds + EMPTY
    empty = ["-f", "lavfi", "-t", str(EMPTY), "-i", f"color=0x707478:s={SIZE[0]}x{SIZE[1]}:r={FPS}"]
    inputs = [*empty, *(word for part in parts for word in (*part, *empty))]
    count = 2 * len(parts) + 1
    fit = (
        f"scale={SIZE[0]}:{SIZE[1]}:force_original_aspect_ratio=decrease,"
        f"pad={SIZE[0]}:{SIZE[1]}:-1:-1:0x707478,setsar=1,fps={FPS},format=yuv420p"
    )
    chains = [f"[{number}:v]{fit}[v{number}]" for number in range(count)]
    joined = "".join(f"[v{number}]" for number in range(count)) + f"concat=n={count}:v=1:a=0[out]"
    path = into / f"{kind}.mp4"
    run("ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", ";".join([*chains, joined]), "-map", "[out]",
        "-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", str(path))  # fmt: skip
    return path, merged(visible)


def length_of(clip: Path) -> float:
    """Seconds."""
    told = run("ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries",
               "stream=nb_read_frames,avg_frame_rate", "-of", "json", str(clip))  # fmt: skip
    stream = json.loads(told)["streams"][0]
    over, under = map(int, stream["avg_frame_rate"].split("/"))
    return int(stream["nb_read_frames"]) * under / over


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def merged(visible: Sequence[Span]) -> list[Span]:
    """By the rule of visits: somebody who comes back within the gap is there once."""
    made: dict[str | None, list[Span]] = defaultdict(list)
    for one in visible:
        mine = made[one.person]
        if mine and one.first - mine[-1].last <= GAP:
            mine[-1] = replace(mine[-1], last=one.last)
        else:
            mine.append(one)
    return sorted((one for spans in made.values() for one in spans), key=lambda one: one.first)


def as_file(path: Path, folder: Path) -> list[Span]:
    """The visits of a run on the film as a file."""
    program("run", str(path), "--result", str(folder))
    return visits_in(folder, path.stem)


def as_camera(path: Path, folder: Path) -> list[Span]:
    """The visits of `watch`, to which the film is a camera that shows it at its own speed."""
    program("watch", "--config", str(config_of(path, folder, str(path))))
    return visits_in(folder, path.stem)


def as_stream(path: Path, folder: Path) -> list[Span]:
    """The visits of `watch`, to which ffmpeg sends the film at its own speed: H.264 in MPEG-TS over HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/{path.stem}"
    send = ["ffmpeg", "-v", "error", "-re", "-i", str(path), "-c", "copy", "-f", "mpegts", "-listen", "1", address]
    config = config_of(path, folder, address)
    watch = [sys.executable, "-m", "face_classifier", "watch", "--config", str(config)]
    with subprocess.Popen(send) as sending, subprocess.Popen(watch, stderr=subprocess.DEVNULL) as watching:
        sending.wait()
        watching.terminate()
    return visits_in(folder, path.stem)


def config_of(path: Path, folder: Path, address: str) -> Path:
    config = folder.parent / f"{folder.name}.yaml"
    settings = {"result": str(folder), "cameras": {path.stem: {"url": address}}, "web": {"listen": "off"}}
    config.write_text(json.dumps(settings), "utf-8")
    return config


def program(*words: str) -> str:
    return run(sys.executable, "-m", "face_classifier", *words)


def visits_in(folder: Path, kind: str) -> list[Span]:
    told = json.loads(program("events", "--result", str(folder), "--json"))
    return [Span(kind, one["person"], one["first_position"], one["last_position"]) for one in told]


def aligned(told: Sequence[Span], visible: Sequence[Span]) -> tuple[list[Span], float]:
    """Visits of a camera on the film's clock, by which it began to be read a moment later; and that, in seconds."""
    pairs = [(max(visible, key=visit.overlap), visit) for visit in told]
    late = statistics.median([visit.first - truth.first for truth, visit in pairs if truth.overlap(visit)] or [0.0])
    return [replace(visit, first=visit.first - late, last=visit.last - late) for visit in told], late


def compare(told: Sequence[Span], visible: Sequence[Span]) -> Score:
    """Visits beside the truth. Whose a visit is, is who is in view for most of all visits with that name."""
    whose = owners(told, visible)
    left = list(told)
    faults: list[str] = []
    found = right = counted = 0
    for truth in visible:
        mine = [visit for visit in left if whose.get(visit.person) == truth.person and visit.overlap(truth)]
        best = min(mine, key=lambda visit: off(visit, truth), default=None)
        is_right = best is not None and off(best, truth) <= ENDS
        if best is not None and is_right:
            left.remove(best)
            right += 1
        if truth.last - truth.first >= SHORTEST:
            counted += 1
            found += is_right
            if not is_right:
                faults.append(f"{shown(truth)} is told as {', '.join(map(shown, mine)) or 'nothing'}")
    faults += [f"{shown(visit)} is nobody's" for visit in left]
    return Score(counted, found, len(told), right, faults)


def owners(told: Iterable[Span], visible: Sequence[Span]) -> dict[str | None, str | None]:
    """By the name in the gallery the person of the truth, one to one: those first whose visits agree best."""
    names: dict[str, list[Span]] = defaultdict(list)
    people: dict[str | None, list[Span]] = defaultdict(list)
    for visit in told:
        if visit.person is not None:
            names[visit.person].append(visit)
    for truth in visible:
        people[truth.person].append(truth)

    def agreement(name: str, person: str | None) -> tuple[int, float]:
        pairs = [(visit, truth) for visit in names[name] for truth in people[person] if visit.overlap(truth)]
        right = sum(off(visit, truth) <= ENDS for visit, truth in pairs)
        return right, sum(visit.overlap(truth) - off(visit, truth) for visit, truth in pairs)

    order = sorted(
        ((agreement(name, person), name, person) for name in names for person in people),
        reverse=True,
        key=lambda one: one[0],
    )
    found: dict[str | None, str | None] = {}
    for (_, seconds), name, person in order:
        if seconds != 0 and name not in found and person not in found.values():
            found[name] = person
    return found


def off(visit: Span, truth: Span) -> float:
    """Seconds by which the worse end is wrong."""
    return max(abs(visit.first - truth.first), abs(visit.last - truth.last))


def shown(one: Span) -> str:
    return f"{one.person or 'unknown'} {one.first:.1f} to {one.last:.1f} s"


def measure(chosen: argparse.Namespace) -> None:
    """Print a Markdown table, and what is wrong."""
    print("| shown | as | people ≥ 1.5 s | found ± 1 s | recall | visits | right ± 1 s | precision | late by |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        for kind in ("single", "crowd"):
            path, visible = film(chosen.data, kind, Path(scratch))
            for name, see in (("a file", as_file), ("a rehearsal", as_camera), ("a stream", as_stream)):
                told, late = see(path, Path(scratch) / f"{kind} {name}"), 0.0
                if see is not as_file:
                    told, late = aligned(told, visible)
                score = compare(told, visible)
                recall, precision = score.found / score.visible, score.right / max(1, score.told)
                print(
                    f"| {kind} | {name} | {score.visible} | {score.found} | {recall:.3f} | {score.told} | "
                    f"{score.right} | {precision:.3f} | {late:.2f} s |",
                    flush=True,
                )
                faults += [f"* {kind}, {name}: {fault}" for fault in score.faults]
    print(*faults, sep="\n")
