"""What others make of the same photos and clips: `python benchmarks/peers.py [--part N] [--deepface PYTHON]`.

Each way of doing it gets each set, in a process of its own: how much of the processor a picture takes, in how many
pictures a face is found, and how right it is who is who (BCubed's F; a picture without a face is nobody's). Whom a
picture shows is its largest face. The peers' calls are those of `pace/peers.py`, which `speed.py` times on a clip, and
they know two ways from encodings to people:

* nearest: a face is the person's of the nearest one before it, if that is within the peer's own limit, else new;
* DBSCAN, as photo managers do it, with the limits that suit `lfw` best (`recognition/rules.py`).

Prints a Markdown table, and writes all numbers to a JSON file.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import testdata
from pace.process import ROOT, Numbers, measured, tell
from pace.report import machine, table

from face_classifier.curate.questions.evaluate import evaluate

_NEIGHBOURS = 2  # of DBSCAN: kinder to small sets than three
_FRAMES = 2.0  # seconds between the frames of clips that peers get
_CLIPS = ("ffpp_004",)  # shows faces of others beside its person, and is left out
PHOTOS = ("lfw", "asian_kpop15", "sports5", "age31", "asian_aespa4", "celeb13_photos")
USUAL = ("lfw", "asian_kpop15", "sports5", "clips")
_SUFFIXES = (".jpg", ".jpeg", ".png")


class Limits(NamedTuple):
    """L2, between encodings as `pace.peers.pictures` stores them."""

    nearest: float
    dbscan: float


LIMITS = {
    "original": Limits(0.6, 0.45),  # the tolerance of `compare_faces`
    "zoo": Limits((2 - 2 * 0.363) ** 0.5, 1.0),  # the Zoo's cosine of its demo
    "deepface": Limits((2 * 0.593) ** 0.5, 1.0),  # DeepFace's cosine distance for SFace
}
TITLES = {
    "run": "**face-classifier run**",
    "group": "**face-classifier group**",
    "original": "`face_recognition` as it is",
    "zoo": "OpenCV Zoo: YuNet, SFace",
    "deepface": "DeepFace: YuNet, SFace",
}
Labels = list[str | int | None]  # of each picture; None: nobody


class Set(NamedTuple):
    name: str
    paths: list[Path]
    people: list[str]  # whom each shows
    clips: bool


def sets(data: Path, part: int) -> Iterator[Set]:
    """Photos in a folder a person, of every so many-th person where there are many; and clips of one person each."""
    for name in PHOTOS:
        share = part if name == "lfw" else 1
        kept = [folder for folder in sorted((data / name).iterdir()) if folder.is_dir()][::share]
        paths = [path for folder in kept for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES]
        yield Set(name, paths, [path.parent.name for path in paths], clips=False)
    clips = [clip for clip in sorted((data / "videos" / "webcam").glob("*.*")) if clip.stem not in _CLIPS]
    yield Set("clips", clips, [clip.stem for clip in clips], clips=True)


# Ours


def program(*words: object) -> tuple[str, Numbers]:
    """What the program prints, and what it took: seconds by the clock and of the processor, start included."""
    line = [sys.executable, "-m", "face_classifier", *map(str, words)]
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(line, stdout=out, env={**os.environ, "PYTHONPATH": str(ROOT)})
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(line)} ended with code {process.returncode}")
        out.seek(0)
        told = out.read().decode()
    return told, {"s": time.perf_counter() - began, "cpu_s": used.ru_utime + used.ru_stime}


def by_run(one: Set, work: Path) -> Numbers:
    """Every face that a run keeps, in the largest of each photo; of clips all that it keeps."""
    result = work / f"run-{one.name}"
    _, took = program(*one.paths, "--result", result)
    told, _ = program("export", "--result", result, "--format", "csv")
    faces: dict[str, list[dict[str, str]]] = {}
    for face in csv.DictReader(io.StringIO(told)):
        faces.setdefault(face["source"], []).append(face)
    people: list[str] = []
    labels: Labels = []
    for path, person in zip(one.paths, one.people, strict=True):
        own = sorted(faces.get(str(path), []), key=_area)
        kept: list[dict[str, str]] = own if one.clips else own[-1:]
        people += [person] * max(1, len(kept))
        labels += [face["person"] or None for face in kept] or [None]
    found = sum(str(path) in faces for path in one.paths)
    return {**took, **_scores(people, labels), "pictures": len(one.paths), "found": found}


def _area(face: dict[str, str]) -> int:
    return (int(face["bottom"]) - int(face["top"])) * (int(face["right"]) - int(face["left"]))


def by_group(one: Set, work: Path) -> Numbers:
    """The groups of an album; of a photo with several the largest group, which is the first."""
    out = work / f"group-{one.name}"
    _, took = program("group", *one.paths, "-o", out)
    told = json.loads((out / "groups.json").read_text("utf-8"))
    group_of: dict[int, int] = {}
    for number, group in enumerate(told["groups"]):
        for photo in group["original_images_idx_list"]:
            group_of.setdefault(photo, number)
    labels: Labels = [group_of.get(number) for number in range(len(one.paths))]
    return {**took, **_scores(one.people, labels), "pictures": len(one.paths), "found": len(group_of)}


# Others


def by_peer(peer: str, python: str, one: Set, work: Path) -> dict[str, Numbers]:
    """By each rule."""
    out = work / f"{peer}-{one.name}.npz"
    paths = [str(path) for path in one.paths]
    took = measured("peers.pictures", python=python, peer=peer, paths=paths, every=_FRAMES, out=str(out))
    with np.load(out) as stored:
        numbers, there, encodings = stored["path"], stored["there"], stored["encoding"][stored["there"]]
    people = [one.people[number] for number in numbers]
    answer = {}
    rules: dict[str, Callable[[], Sequence[int]]] = {
        "nearest": lambda: nearest(encodings, LIMITS[peer].nearest),
        "DBSCAN": lambda: dbscan(encodings, LIMITS[peer].dbscan),
    }
    for rule, find in rules.items():
        found = iter(find())
        labels: Labels = [next(found) if face else None for face in there]
        answer[rule] = {**took, **_scores(people, labels), "found": int(there.sum())}
    return answer


def nearest(encodings: np.ndarray, limit: float) -> list[int]:
    """The group of each face."""
    labels: list[int] = []
    for number, encoding in enumerate(encodings):
        distance = np.linalg.norm(encodings[:number] - encoding, axis=1)
        like = int(distance.argmin()) if number else 0
        labels.append(labels[like] if number and distance[like] <= limit else number)
    return labels


def dbscan(encodings: np.ndarray, limit: float) -> list[int]:
    """The group of each face; one that is near none is a group of its own."""
    from sklearn.cluster import DBSCAN

    found = DBSCAN(eps=limit, min_samples=_NEIGHBOURS).fit_predict(encodings).tolist()
    return [label if label >= 0 else -2 - number for number, label in enumerate(found)]


# What is told


def _scores(people: Sequence[str], labels: Labels) -> Numbers:
    told = evaluate(people, labels)
    return {"f": told.f, "precision": told.precision, "recall": told.recall, "edits": told.edits, "scored": told.faces}


def report(numbers: Numbers) -> str:
    """A row a way, a column a set."""
    names = list(numbers["sets"])
    rows: dict[str, list[str]] = {}
    for place, name in enumerate(names):
        for way, told in numbers["sets"][name].items():
            cells = rows.setdefault(way, ["" for _ in names])
            milliseconds = told.get("cpu_ms", 1000 * told.get("cpu_s", 0) / told["pictures"])
            share = 100 * told["found"] / told["pictures"]
            cost = f"{told['cpu_s']:.1f} s" if name == "clips" and "cpu_s" in told else f"{milliseconds:.0f} ms"
            cells[place] = f"{told['f']:.3f}, {share:.0f} %, {cost}"
    lines = [[_title(way), *cells] for way, cells in rows.items()]
    load = " and ".join(f"{one:.0f}" for one in numbers["load"])
    told = ", ".join(f"{key} {value}" for key, value in numbers["machine"].items())
    return "\n".join([f"{told}; load {load}", "", *table(["F, with a face, CPU a picture", *names], lines)])


def _title(way: str) -> str:
    peer, _, rule = way.partition(", ")
    return f"{TITLES[peer]}, {rule}" if rule else TITLES[peer]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", type=int, default=8, help="every so many-th person of lfw (default 8)")
    parser.add_argument("--deepface", metavar="PYTHON", help="one that has DeepFace and requirements/run.txt")
    names = ", ".join(USUAL)
    parser.add_argument("--set", action="append", choices=(*PHOTOS, "clips"), help=f"again for another ({names})")
    parser.add_argument("--ours", action="store_true", help="only run and group")
    parser.add_argument("--json", type=Path, default=Path("peers.json"), help="where to write all numbers")
    chosen = testdata.parse(parser)
    peers = {"original": sys.executable, "zoo": sys.executable}
    if chosen.ours:
        peers = {}
    elif chosen.deepface:
        peers["deepface"] = chosen.deepface
    numbers: Numbers = {"machine": machine(), "load": [os.getloadavg()[0]], "part": chosen.part, "sets": {}}
    with tempfile.TemporaryDirectory() as folder:
        for one in sets(chosen.data.resolve(), chosen.part):
            if one.name not in (chosen.set or USUAL):
                continue
            tell(f"{one.name}: {len(one.paths)} of {len(set(one.people))} people")
            ways = numbers["sets"][one.name] = {"run": by_run(one, Path(folder))}
            if not one.clips:
                ways["group"] = by_group(one, Path(folder))
            for peer, python in peers.items():
                tell(f"{one.name}: {peer}")
                for rule, told in by_peer(peer, python, one, Path(folder)).items():
                    ways[f"{peer}, {rule}"] = told
            chosen.json.write_text(json.dumps(numbers, indent=1), "utf-8")
    numbers["load"].append(os.getloadavg()[0])
    chosen.json.write_text(json.dumps(numbers, indent=1), "utf-8")
    print(report(numbers))


if __name__ == "__main__":
    main()
