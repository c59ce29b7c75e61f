"""The Markdown tables of what was measured: medians, and ratios within a round."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from pace.process import Numbers

Rounds = Mapping[str, Sequence[Numbers]]

_PEERS = {
    "original": "the original's calls: `face_recognition`, HOG and dlib's ResNet",
    "zoo": "OpenCV Zoo's pipeline: YuNet at 640, SFace, fp32",
    "deepface": "DeepFace: its YuNet, SFace",
}
_TITLES = {
    "files": "Files",
    "peers": "Every face of every frame, floor taken off",
    "live": "Cameras",
    "start": "Start",
    "stages": "Where the time goes",
}


def machine() -> Numbers:
    """What it was measured on, and with which libraries."""
    versions = {}
    for package in ("numpy", "opencv-contrib-python", "onnxruntime", "av", "dlib-bin", "dlib"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def report(numbers: Numbers) -> str:
    """All parts that were measured."""
    told = ", ".join(f"{key} {value}" for key, value in numbers["machine"].items() if key != "peak_mb")
    before = f" *Before* is commit {numbers['before']}." if "before" in numbers else ""
    lines = [
        f"Commit {numbers['commit']}; {told}; {numbers['runs']} rounds, median [least–greatest]; load "
        f"{numbers['load'][0]:.1f} before, {numbers['load'][1]:.1f} after.{before}",
        "",
    ]
    for part, title in _TITLES.items():
        if part in numbers:
            lines += [f"**{title}**", "", *_TABLES[part](numbers[part]), ""]
    return "\n".join(lines)


def _files(cases: Numbers) -> Iterator[str]:
    rows = []
    for name, case in cases.items():
        clip, rounds = case["clip"], case["rounds"]
        title = f"{name}; {clip['codec']}"
        for variant, told in rounds.items():
            which, floor = _before(variant), rounds[f"floor{_before(variant)}"]
            cells = [title, variant, spread(told, "ms"), spread(told, "cpu_ms")]
            title = ""
            if variant == f"floor{which}":
                rows.append([*cells, "", "", "", told[0]["frames"], "", "", "", _peak(told)])
                continue
            rows.append(
                [
                    *cells, ratio(told, floor, "ms"), ratio(told, floor, "cpu_ms"), _share_of_before(rounds, variant),
                    *(_same(told, key) for key in ("frames", "faces", "kept", "people")), _peak(told),
                ]
            )  # fmt: skip
    heads = (
        "", "", "ms a frame", "CPU ms a frame", "× floor", "CPU × floor", "(time − floor) / before", "frames",
        "faces found", "kept", "people", "peak MB",
    )  # fmt: skip
    yield from table(heads, rows, left=2)


def _share_of_before(rounds: Rounds, variant: str) -> str:
    """What a variant takes beyond the floor, by what it took before."""
    names = f"{variant}, before", "floor", "floor, before"
    if not all(name in rounds for name in names):
        return ""
    walls = ([one["ms"] for one in rounds[name]] for name in (variant, *names))
    return middle([(new - floor) / (old - old_floor) for new, old, floor, old_floor in zip(*walls, strict=True)], 2)


def _peers(told: Numbers) -> Iterator[str]:
    rounds = told["rounds"]
    rows = [["floor: decoding alone", spread(rounds["floor"], "ms"), spread(rounds["floor"], "cpu_ms"), *[""] * 5]]
    ours = {name: _beyond(rounds[name], rounds["floor"]) for name in ("dlib", "sface")}
    for name, (walls, cpus) in ours.items():
        found = rounds[name][0]["faces"]
        rows.append([f"face-classifier, {name}, floor taken off", middle(walls), middle(cpus), *[""] * 4, found])
    for peer in [peer for peer in _PEERS if peer in rounds]:
        ratios = [
            middle([one[key] / own for one, own in zip(rounds[peer], beyond[place], strict=True)])
            for place, key in enumerate(("ms", "cpu_ms"))
            for beyond in ours.values()
        ]
        faces = f"{rounds[peer][0]['faces']} in {rounds[peer][0]['frames']} frames"
        rows.append([_PEERS[peer], spread(rounds[peer], "ms"), spread(rounds[peer], "cpu_ms"), *ratios, faces])
    heads = "", "ms a frame", "CPU ms a frame", "× dlib", "× sface", "CPU × dlib", "CPU × sface", "faces found"
    yield from table(heads, rows)
    for peer in told["left_out"]:
        yield f"\n{_PEERS[peer]}: not installed, left out."


def _beyond(told: Sequence[Numbers], floor: Sequence[Numbers]) -> tuple[list[float], list[float]]:
    """Wall and CPU milliseconds a frame beyond those of the floor, in each round."""
    walls, cpus = ([one[key] - other[key] for one, other in zip(told, floor, strict=True)] for key in ("ms", "cpu_ms"))
    return walls, cpus


def _live(cases: Numbers) -> Iterator[str]:
    rows = []
    for name, rounds in cases.items():
        title = name
        for variant, told in rounds.items():
            late = [spread(told, key) for key in ("p50_ms", "p99_ms")] if "p50_ms" in told[0] else ["", ""]
            core = middle([100 * one["core"] for one in told])
            rows.append([title, variant, *late, core, told[0].get("frames", ""), _peak(told)])
            title = ""
    heads = "three faces each, h264", "", "p50 ms to the decision", "p99 ms", "% of a core", "frames", "peak MB"
    yield from table(heads, rows, left=2)


def _start(rounds: Rounds) -> Iterator[str]:
    rows = []
    for variant, told in rounds.items():
        if " alone" in variant:
            continue
        which = _before(variant)
        alone = rounds[f"{variant.removesuffix(which)} alone{which}"]
        rows.append(
            [variant, *(spread(one, "seconds", 2) for one in (told, alone)), ratio(told, alone, "seconds"), _peak(told)]
        )
    yield from table(("", "first frame, s", "imports, sessions, opening alone, s", "ratio", "peak MB"), rows)


def _stages(stages: Mapping[str, Mapping[str, Numbers]]) -> Iterator[str]:
    labels = list(dict.fromkeys(label for column in stages.values() for label in column))
    labels.sort(key=lambda label: label == "whole")

    def cell(numbers: Numbers | None) -> str:
        return f"{numbers['cpu_ms']:.2f} / {numbers['ms']:.2f} ({numbers['calls']:.2f}×)" if numbers else ""

    rows = [[label, *(cell(column.get(label)) for column in stages.values())] for label in labels]
    yield from table(["three faces, 720p, one worker: CPU / wall ms a frame (calls)", *stages], rows)


_TABLES = {"files": _files, "peers": _peers, "live": _live, "start": _start, "stages": _stages}


# Cells


def _before(variant: str) -> str:
    return ", before" if variant.endswith(", before") else ""


def middle(values: Sequence[float], digits: int = 1) -> str:
    """Median, and the least and greatest in brackets."""
    least, median, most = (f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return median if least == most else f"{median} [{least}–{most}]"


def spread(told: Sequence[Numbers], key: str, digits: int = 1) -> str:
    return middle([one[key] for one in told], digits)


def ratio(told: Sequence[Numbers], floor: Sequence[Numbers], key: str) -> str:
    return middle([one[key] / other[key] for one, other in zip(told, floor, strict=True)], 2)


def _same(told: Sequence[Numbers], key: str) -> str:
    """A number that every round should agree on; all that there are, where they do not."""
    return " or ".join(str(value) for value in sorted({one[key] for one in told}))


def _peak(told: Sequence[Numbers]) -> str:
    return f"{max(one['peak_mb'] for one in told):.0f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], left: int = 1) -> Iterator[str]:
    """``left``: how many columns are aligned so."""
    for line in (heads, ["---"] * left + ["---:"] * (len(heads) - left), *rows):
        yield "| " + " | ".join(str(cell) for cell in line) + " |"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return "\n".join([*table(heads, rows), ""])
