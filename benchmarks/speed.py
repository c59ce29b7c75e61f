"""Speed, memory and recall of both engines, side by side in one run: `python benchmarks/speed.py`.

Every measurement is a process of its own that runs the real pipeline into a folder that is thrown away. Runs of the
variants that are compared alternate, and a ratio is taken within one round, so that other work on the machine meets
all alike. Prints a Markdown table and writes all numbers to a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import testdata

# The project's rooms are imported by the measuring processes only: a child's peak memory begins with its parent's.

ROOT = Path(__file__).parent.parent
Numbers = dict[str, Any]

ORIGINAL = {"engine": "original", "workers": 1}  # the original program does one thing after the other
FAST: Numbers = {}
NO_SAVINGS: Numbers = {"refresh": 0, "search_still": True}  # every face of every frame, as the original
SIXTH = 0.24  # seconds: every 6th of 25 frames a second
FPS = 25
SIZE = 1280, 720
PEOPLE = 100_000


# What is measured, each in a process of its own


class Watch:
    """The pipeline's observer: when it opened and closed the source, and when each frame was done."""

    def __init__(self) -> None:
        self.done: list[float] = []
        self.opened_at = self.closed_at = self.cpu = 0.0

    def problem(self, sentence: str) -> None:
        print(sentence, file=sys.stderr)

    at_end = problem

    def through(self, steps: Sequence[str], name: str) -> Iterator[str]:
        yield from steps

    def opened(self, *_: object) -> None:
        self.opened_at, self.cpu = time.perf_counter(), time.process_time()

    def analysed(self, *_: object) -> None:
        self.done.append(time.perf_counter())

    def closed(self, *_: object) -> None:
        self.closed_at, self.cpu = time.perf_counter(), time.process_time() - self.cpu


def measure_run(source: str, settings: Numbers, begin: float = 0.0) -> Numbers:
    """One source through the pipeline, from opening to closing it. ``begin``: wait for this wall-clock time."""
    from face_classifier.core.config.load import load
    from face_classifier.pipeline import place
    from face_classifier.pipeline import run as pipeline
    from face_classifier.records import AnalysedFrame

    found = 0
    usual = place.Session.place

    def counted(self: place.Session, analysed: AnalysedFrame) -> place.Placed:
        nonlocal found
        found += len(analysed.faces)
        return usual(self, analysed)

    place.Session.place = counted  # type: ignore[method-assign]
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        chosen = load({**settings, "result": str(Path(folder) / "result")}, environ={})
        time.sleep(max(0.0, begin - time.time()))
        result = pipeline.run(chosen, [source], threading.Event(), watch)
    frames, seconds = len(watch.done), watch.closed_at - watch.opened_at
    gaps = sorted(1000 * (after - before) for before, after in zip(watch.done, watch.done[1:], strict=False))
    sightings = result.sightings or []
    return {
        "frames": frames,
        "seconds": seconds,
        "ms": 1000 * seconds / frames,
        "fps": frames / seconds,
        "cpu_ms": 1000 * watch.cpu / frames,
        "p95_ms": gaps[len(gaps) * 95 // 100] if gaps else None,
        "faces": found,
        "kept": len(sightings),
        "people": len({sighting.person for sighting in sightings} - {None}),
    }


def measure_stages(source: str, settings: Numbers) -> Numbers:
    """CPU and wall milliseconds of each stage a frame, with one worker, so that stages hardly wait for each other."""
    from face_classifier.gallery import store
    from face_classifier.identity import person_db as people
    from face_classifier.pipeline import place
    from face_classifier.pipeline.analysis import motion
    from face_classifier.pipeline.analysis import tracker as follow
    from face_classifier.vision import dlib_resnet as encode
    from face_classifier.vision import engine, hog, sface, yunet

    spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    stages: list[tuple[str, Any, str]] = [
        ("anything moved?", motion.MotionGate, "moved"),
        ("detect", yunet.YuNet, "detect"),
        ("detect", hog.HogDetector, "detect"),
        ("quality", engine, "assess"),
        ("follow", follow.Follower, "follow"),
        ("kept before?", store.Store, "same"),
        ("landmarks", encode.ResNetEncoder, "landmarks"),
        ("chip", encode, "face_chip"),
        ("encode", encode.ResNetEncoder, "encode_chips"),
        ("chip", sface, "face_chip"),
        ("encode", sface.SFaceEncoder, "encode_chips"),
        ("landmarks, chip, encode", encode.DlibEncoder, "encode"),
        ("match", people.PersonDB, "decide"),
        ("picture: PNG", store, "png_bytes"),
        ("keep: all", store.Store, "keep"),
        ("place: all", place.Session, "place"),
    ]
    for label, owner, name in stages:
        setattr(owner, name, _timed(getattr(owner, name), spent[label]))
    total = measure_run(source, {**settings, "workers": 1})
    frames = total["frames"]
    decode = _decode_floor(source, settings["seconds"])
    table = {"decode floor": {"calls": 1.0, "cpu_ms": decode["cpu_ms"], "ms": decode["ms"]}}
    for label, (calls, cpu, wall) in spent.items():
        if calls:
            table[label] = {"calls": calls / frames, "cpu_ms": 1000 * cpu / frames, "ms": 1000 * wall / frames}
    table["whole"] = {"calls": 1.0, "cpu_ms": total["cpu_ms"], "ms": total["ms"]}
    return {"stages": table}


def _timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[0] += 1
            spent[1] += time.thread_time() - cpu
            spent[2] += time.perf_counter() - wall

    return timed


def _decode_floor(source: str, every: float) -> Numbers:
    """What it costs to decode alone, a sampled frame."""
    from face_classifier.sources.base import Sampling
    from face_classifier.sources.discover import open_source

    with open_source(source) as opened:
        _ = opened.fingerprint  # reads the whole file once
        wall, cpu = time.perf_counter(), time.process_time()
        frames = sum(1 for _ in opened.frames(Sampling(every), opened.start, threading.Event()))
        return {
            "ms": 1000 * (time.perf_counter() - wall) / frames,
            "cpu_ms": 1000 * (time.process_time() - cpu) / frames,
        }


def measure_detector(detector: str, folder: str, every: float) -> Numbers:
    """The boxes, [top, right, bottom, left], in every picture and every ``every``-th second of every clip."""
    from face_classifier.sources.base import Sampling
    from face_classifier.sources.discover import find_sources, open_source
    from face_classifier.vision.engine import make_engine

    engine = make_engine("fast" if detector == "yunet" else "original", detector, 1.0, print)
    boxes = {}
    for path in find_sources(folder, []).paths:
        with open_source(path) as source:
            for frame in source.frames(Sampling(every), source.start, threading.Event()):
                name = f"{Path(path).relative_to(folder)} {frame.position:.3f}"
                boxes[name] = [detection.box.css for detection in engine.detect(frame.image)]
    return {"boxes": boxes}


def measure_small(folder: str, grid: int) -> Numbers:
    """Faces of group photos, ``grid`` x ``grid`` of them in a picture of 12 megapixels: how many are found again.

    ``usual``: at a long side of 640 pixels; ``now``: as the program searches such a picture.
    """
    import cv2
    import numpy as np

    from face_classifier.vision.engine import make_engine

    engine = make_engine("fast", None, 1.0, print)
    photos = [cv2.imread(str(path)) for path in sorted(Path(folder).iterdir()) if path.suffix != ".xml"]
    width, height = 4000 // grid, 3000 // grid
    heights: list[int] = []
    hits, spent = {"usual": 0, "now": 0}, {"usual": 0.0, "now": 0.0}
    pictures = [photos[first : first + grid * grid] for first in range(0, len(photos), grid * grid)]
    for shown in pictures:
        picture, there = np.full((3000, 4000, 3), 110, np.uint8), []
        for place, photo in enumerate(shown):
            scale = min(width / photo.shape[1], height / photo.shape[0])
            part = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:height, :width]
            down, right = place // grid * height, place % grid * width
            picture[down : down + part.shape[0], right : right + part.shape[1]] = part
            there += [one.box.scaled(scale).moved(right, down).css for one in engine.detect(photo, thorough=True)]
        heights += [bottom - top for top, _, bottom, _ in there]
        small = cv2.resize(picture, (640, 480), interpolation=cv2.INTER_AREA)
        for name, image, scale in (("usual", small, 6.25), ("now", picture, 1.0)):
            before = time.process_time()
            found = engine.detect(image)
            spent[name] += time.process_time() - before
            hits[name] += _matches(there, [one.scaled(scale).box.css for one in found])
    return {
        "faces": len(heights),
        "height": statistics.median(heights),
        **hits,
        **{f"{name}_cpu_ms": 1000 * seconds / len(pictures) for name, seconds in spent.items()},
    }


def measure_close(folder: str) -> Numbers:
    """Of portraits that are cut to a part of the face's height, 640 x 640: how many faces are found by it.

    ``usual``: by one search of the picture as it is; ``now``: by the program.
    """
    import cv2

    from face_classifier.vision.engine import make_engine
    from face_classifier.vision.models import registry as models
    from face_classifier.vision.yunet import YuNet

    engine, usual = make_engine("fast", None, 1.0, print), YuNet(models.graph("yunet"))
    parts: dict[str, Numbers] = {}
    for path in sorted(min(person.glob("*.jpg")) for person in Path(folder).iterdir() if person.is_dir())[::4]:
        image = cv2.imread(str(path))
        box = max((one.box for one in engine.detect(image)), key=lambda box: box.area, default=None)
        if box is None or min(box.left, box.top) < 0:
            continue
        for part in (1.2, 1.0, 0.8, 0.6, 0.5):
            half = round(part * box.height / 2)
            left, top = max(0, (box.left + box.right) // 2 - half), max(0, (box.top + box.bottom) // 2 - half)
            near = cv2.resize(image[top : top + 2 * half, left : left + 2 * half], (640, 640))
            found = parts.setdefault(f"{part:g}", {"portraits": 0, "usual": 0, "now": 0})
            found["portraits"] += 1
            found["usual"] += bool(usual.detect(near))
            found["now"] += bool(engine.detect(near))
    return parts


def measure_start(source: str, began: float) -> Numbers:
    """Seconds from before the process was made until its first frame was analysed, as a user starts it."""
    from face_classifier.cli import console
    from face_classifier.cli import main as cli

    first: list[float] = []
    console.Screen.analysed = lambda *_: first.append(time.time() - began)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        cli.main([source, "-S", "0", "--stop", "0.5", "--result", str(Path(folder) / "result")])
    return {"first_frame_s": first[0]}


def make_gallery(folder: str, people: int) -> Numbers:
    """A result folder of people with one tiny picture each, as the program would have left it."""
    import hashlib

    import cv2
    import numpy as np

    from face_classifier.core.disk.rooted import Root
    from face_classifier.gallery.table import Row, Rows, Table
    from face_classifier.gallery.table.notes import Notes

    rng = np.random.default_rng(1)
    root = Path(folder)
    root.mkdir()
    table = Table(Root(root), "faces.sqlite", writing=True)
    rows = Rows(table)
    with table.together():
        for number in range(1, people + 1):
            name = f"person_{number:02d}"
            content = cv2.imencode(".png", rng.integers(0, 256, (2, 2, 3), np.uint8))[1].tobytes()
            (root / name).mkdir()
            path = root / name / f"20200101_120000.000-{number}.png"
            path.write_bytes(content)
            stat = path.stat()
            row = Row(path.stem, name, path.name, stat.st_size, stat.st_mtime_ns, hashlib.sha256(content).hexdigest())
            row.placed, row.encoding, row.space = name, _face_like(rng), "dlib-resnet-v1"
            rows.add(row)
        Notes(table).set_mark("person", people)
    table.close()
    return {}


def _face_like(rng: Any) -> Any:
    """Numbers that are spread as those of real faces: strangers .8 apart, and much alike by a common mean."""
    return rng.normal(0.0, 0.05, 128) + 0.08


def measure_gallery(folder: str) -> Numbers:
    """Start-up over a large gallery, then how long single faces take to be matched."""
    import numpy as np

    from face_classifier.gallery.store import Store
    from face_classifier.identity.person_db import PersonDB

    def unread(path: Path, own_cut: bool) -> Any:
        raise AssertionError(f"{path} has its numbers already")

    began = time.perf_counter()
    with Store(Path(folder), writing=True) as store:
        sightings = store.look(unread).faces
        looked = time.perf_counter()
        people = PersonDB(0.44)
        for sighting in sightings:
            people.add(sighting)
    filled = time.perf_counter()
    rng = np.random.default_rng(2)
    times = []
    for probe in [_face_like(rng) for _ in range(1000)]:
        before = time.perf_counter()
        people.decide(probe)
        times.append(1000 * (time.perf_counter() - before))
    return {
        "people": people.persons,
        "look_s": looked - began,
        "start_s": filled - began,
        "match_p50_ms": statistics.median(times),
        "match_p99_ms": sorted(times)[990],
    }


def make_clips(folder: str, seconds: float) -> Numbers:
    """The demo's clip at 720p, and one that shows three faces all the time."""
    from face_classifier.cli import demo

    one, three = Path(folder) / "demo.mp4", Path(folder) / "three_faces.mp4"
    demo.write_clip(one, SIZE)
    _write_three_faces(three, seconds)
    return {"one": str(one), "three": str(three)}


# Photograph, centre of the view and its width in pixels of the photograph: faces of about 140 pixels in the clip.
_PANELS = (("obama.jpg", 480, 400, 900), ("biden.jpg", 580, 500, 950), ("obama3.jpg", 790, 560, 1200))


def _write_three_faces(path: Path, seconds: float) -> None:
    """Three photographs side by side, each swaying by itself as a head does."""
    import cv2
    import numpy as np

    from face_classifier.cli import demo

    images = {name: cv2.imread(str(file)) for name, file in demo.photographs().items()}
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE)
    for number in range(round(seconds * FPS)):
        now = number / FPS
        parts = []
        for place, (name, across, down, wide) in enumerate(_PANELS):
            width = SIZE[0] * (place + 1) // 3 - SIZE[0] * place // 3
            scale = width / wide
            centre = across + 40 * np.sin(0.9 * now + place), down + 25 * np.sin(1.3 * now + 2 * place)
            shift = np.array([[scale, 0, width / 2 - scale * centre[0]], [0, scale, SIZE[1] / 2 - scale * centre[1]]])
            parts.append(cv2.warpAffine(images[name], shift, (width, SIZE[1]), flags=cv2.INTER_AREA))
        writer.write(np.hstack(parts))
    writer.release()


MEASURES: dict[str, Callable[..., Numbers]] = {
    function.__name__: function
    for function in (
        measure_run, measure_stages, measure_detector, measure_small, measure_close, measure_start,
        measure_gallery, make_gallery, make_clips,
    )
}  # fmt: skip


# The parent: which measurements, in which order


def start(function: Callable[..., Numbers], **arguments: Any) -> subprocess.Popen[str]:
    order = json.dumps([function.__name__, arguments])
    ours = "FACE_CLASSIFIER_"  # of the user's settings only the folder of models counts
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours) or "MODELS" in name}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, __file__, "--measure", order], stdout=subprocess.PIPE, text=True, env=environment
    )


def finished(process: subprocess.Popen[str]) -> Numbers:
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a measurement ended with code {process.returncode}; its error is above")
    answer: Numbers = json.loads(out.splitlines()[-1])
    return answer


def measured(function: Callable[..., Numbers], **arguments: Any) -> Numbers:
    return finished(start(function, **arguments))


def answer(order: str) -> None:
    name, arguments = json.loads(order)
    numbers = MEASURES[name](**arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    numbers["peak_mb"] = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(json.dumps(numbers))


def compared(runs: int, source: str, seconds: float, variants: dict[str, Numbers]) -> dict[str, list[Numbers]]:
    """Each variant as often as there are runs, one after the other in every round."""
    rounds: dict[str, list[Numbers]] = {name: [] for name in variants}
    for number in range(runs):
        for name, settings in variants.items():
            tell(f"{Path(source).name}, -S {seconds:g}, {name}, run {number + 1} of {runs}")
            rounds[name].append(measured(measure_run, source=source, settings={**settings, "seconds": seconds}))
    return rounds


def four_at_once(runs: int, source: str) -> list[Numbers]:
    """Four processes at once, 15 analysed frames a second of the source each."""
    rounds = []
    for number in range(runs):
        tell(f"four sources at once, run {number + 1} of {runs}")
        begin = time.time() + 5  # by then all have started
        settings = {"seconds": 1 / 15}
        processes = [start(measure_run, source=source, settings=settings, begin=begin) for _ in range(4)]
        rounds.append({"sources": [finished(process) for process in processes]})
    return rounds


def recall(data: Path, every: float) -> Numbers:
    """Faces found by YuNet and by HOG: against boxes drawn by people, against what either found, and where none is."""
    found: dict[str, dict[str, dict[str, list[Any]]]] = {}
    for folder in ("groups", "videos", "negatives"):
        for detector in ("yunet", "hog"):
            tell(f"{detector} on {folder}")
            found.setdefault(folder, {})[detector] = measured(
                measure_detector, detector=detector, folder=str(data / folder), every=every
            )["boxes"]
    truth = _drawn_boxes(data / "groups")
    drawn = {
        detector: sum(
            _matches(boxes, found["groups"][detector].get(f"{name} 0.000", [])) for name, boxes in truth.items()
        )
        for detector in ("yunet", "hog")
    }
    tell("small faces and close ones")
    small = {f"{grid} x {grid}": measured(measure_small, folder=str(data / "groups"), grid=grid) for grid in (2, 3, 4)}
    return {
        "small": small,
        "close": measured(measure_close, folder=str(data / "lfw")),
        "drawn": {"faces": sum(map(len, truth.values())), **drawn},
        **{folder: _of_either(found[folder]) for folder in ("groups", "videos")},
        "negatives": {
            "pictures": len(found["negatives"]["hog"]),
            **{detector: sum(map(len, boxes.values())) for detector, boxes in found["negatives"].items()},
        },
    }


def _drawn_boxes(folder: Path) -> dict[str, list[list[int]]]:
    truth = {}
    for file in sorted(folder.glob("_dlib_*.xml")):
        for image in ElementTree.parse(file).getroot().iter("image"):
            values = [{key: int(box.attrib[key]) for key in ("top", "left", "width", "height")} for box in image]
            truth[f"dlib_{image.attrib['file']}"] = [
                [box["top"], box["left"] + box["width"], box["top"] + box["height"], box["left"]] for box in values
            ]
    return {name: boxes for name, boxes in truth.items() if (folder / name).exists()}


def _of_either(found: dict[str, dict[str, list[Any]]]) -> Numbers:
    """How many faces each found, both found, and there are at least."""
    both = sum(_matches(boxes, found["yunet"].get(name, [])) for name, boxes in found["hog"].items())
    counts = {detector: sum(map(len, boxes.values())) for detector, boxes in found.items()}
    return {"pictures": len(found["hog"]), **counts, "both": both, "either": sum(counts.values()) - both}


def _matches(boxes: Sequence[Sequence[int]], others: Sequence[Sequence[int]]) -> int:
    """How many boxes have one of the others on them, one to one, by an overlap of .3 (their shapes differ)."""
    free = list(others)
    hits = 0
    for box in boxes:
        best = max(free, key=lambda other: _overlap(box, other), default=None)
        if best is not None and _overlap(box, best) >= 0.3:
            free.remove(best)
            hits += 1
    return hits


def _overlap(one: Sequence[int], other: Sequence[int]) -> float:
    """Intersection over union of two boxes, (top, right, bottom, left)."""
    height, width = min(one[2], other[2]) - max(one[0], other[0]), min(one[1], other[1]) - max(one[3], other[3])
    common = max(0, height) * max(0, width)
    areas = [(box[2] - box[0]) * (box[1] - box[3]) for box in (one, other)]
    return common / (sum(areas) - common)


def tell(sentence: str) -> None:
    print(f"... {sentence}", file=sys.stderr, flush=True)


def benchmark(runs: int, data: Path | None, quick: bool) -> Numbers:
    """All cases; ``data``: the folder of real test data, if it is there."""
    encoders = {f"fast, {name}": {**FAST, "encoder": name} for name in ("sface", "dlib")}
    both = {"original": ORIGINAL, "fast": FAST, **encoders, "fast, no savings": NO_SAVINGS}
    cases: Numbers = {}
    load = [os.getloadavg()[0]]  # above the number of cores, others work on the machine
    with tempfile.TemporaryDirectory() as folder:
        tell("making the clips")
        clips = measured(make_clips, folder=folder, seconds=3.0 if quick else 8.0)
        cases["three faces, every 6th frame of 720p"] = compared(runs, clips["three"], SIXTH, both)
        if data:
            hamilton = str(data / "videos" / "multi" / "hamilton_short.mp4")
            cases["hamilton_short, -S 0.2"] = compared(runs, hamilton, 0.2, both)
        # four seconds tell what the savings save
        every = {"fast": {**FAST, "stop": 5 if quick else 10}, "fast, no savings": {**NO_SAVINGS, "stop": 4}}
        sources = {"demo clip, one or two faces": clips["one"], "three faces": clips["three"]}
        if data and not quick:
            sources["lp_s18, one face"] = str(data / "videos" / "webcam" / "lp_s18.mp4")
        for name, source in sources.items():
            cases[f"{name}, every frame of 720p"] = compared(runs, source, 0.0, every)
        numbers: Numbers = {"cases": cases, "four": four_at_once(1 if quick else runs, clips["three"])}
        tell("stages")
        numbers["stages"] = {
            "original, every 6th frame": _stages(clips["three"], SIXTH, ORIGINAL),
            "fast, every 6th frame": _stages(clips["three"], SIXTH, FAST),
            "fast, every frame": _stages(clips["three"], 0.0, FAST),
        }
        tell("start")
        numbers["start"] = [measured(measure_start, source=clips["one"], began=time.time()) for _ in range(runs)]
        if data:
            numbers["recall"] = recall(data, 30.0 if quick else 2.0)
        numbers["gallery"] = _large_gallery(Path(folder), PEOPLE // 10 if quick else PEOPLE, runs)
    return {"machine": machine(), "load": [*load, os.getloadavg()[0]], "runs": runs, **numbers}


def _stages(source: str, seconds: float, settings: Numbers) -> Numbers:
    stages: Numbers = measured(measure_stages, source=source, settings={**settings, "seconds": seconds})["stages"]
    return stages


def _large_gallery(folder: Path, people: int, runs: int) -> list[Numbers]:
    tell(f"making a gallery of {people} people")
    measured(make_gallery, folder=str(folder / "gallery"), people=people)
    tell("looking at it")
    return [measured(measure_gallery, folder=str(folder / "gallery")) for _ in range(runs)]


def machine() -> Numbers:
    versions = {}
    for package in ("numpy", "opencv-contrib-python", "onnxruntime", "dlib-bin", "dlib"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {"system": platform.system(), "cores": os.cpu_count(), "python": platform.python_version(), **versions}


# The table


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and the least and greatest in brackets."""
    least, middle, most = (f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} [{least}–{most}]"


def of(rounds: Sequence[Numbers], key: str) -> list[float]:
    return [numbers[key] for numbers in rounds]


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def case_table(case: dict[str, list[Numbers]]) -> str:
    rows = []
    for name, rounds in case.items():
        ratios = [one["ms"] / other["ms"] for one, other in zip(case.get("original", []), rounds, strict=False)]
        rows.append(
            [
                name, spread(of(rounds, "ms")), spread(of(rounds, "cpu_ms")), spread(of(rounds, "fps")),
                spread(ratios) if ratios else "", rounds[0]["frames"], rounds[0]["faces"], rounds[0]["kept"],
                rounds[0]["people"], f"{max(of(rounds, 'peak_mb')):.0f}",
            ]
        )  # fmt: skip
    heads = (
        "", "ms a frame", "CPU ms a frame", "frames/s", "times as fast", "frames", "faces found", "kept", "people",
        "peak MB",
    )  # fmt: skip
    return table(heads, rows)


def stage_table(stages: dict[str, dict[str, Numbers]]) -> str:
    labels = list(dict.fromkeys(label for column in stages.values() for label in column))
    labels.sort(key=lambda label: label == "whole")

    def cell(numbers: Numbers | None) -> str:
        return f"{numbers['cpu_ms']:.2f} / {numbers['ms']:.2f} ({numbers['calls']:.2f}×)" if numbers else ""

    rows = [[label, *(cell(column.get(label)) for column in stages.values())] for label in labels]
    return table(["CPU / wall ms a frame (calls)", *stages], rows)


def report(numbers: Numbers) -> str:
    machine = ", ".join(f"{key} {value}" for key, value in numbers["machine"].items())
    parts = [
        f"{machine}; {numbers['runs']} runs, median [least–greatest]; "
        f"load {numbers['load'][0]:.1f} before, {numbers['load'][1]:.1f} after.\n"
    ]
    for name, case in numbers["cases"].items():
        parts += [f"**{name}**\n", case_table(case)]
    slowest = [min(s["frames"] / 15 / s["seconds"] for s in run["sources"]) for run in numbers["four"]]
    start_up, gallery = numbers["start"], numbers["gallery"]
    rows = [
        ["four 720p sources with three faces at once, 15 frames/s each: seconds of source a second, of the slowest",
         spread(slowest, 2)],
        ["start to the first analysed frame, s", spread(of(start_up, "first_frame_s"), 2)],
        [f"gallery of {gallery[0]['people']} people: start, s", spread(of(gallery, "start_s"), 2)],
        ["match p50, ms", spread(of(gallery, "match_p50_ms"), 2)],
        ["match p99, ms", spread(of(gallery, "match_p99_ms"), 2)],
        ["peak MB with that gallery", f"{max(of(gallery, 'peak_mb')):.0f}"],
    ]  # fmt: skip
    parts += ["**At once, at the start, and with many people**\n", table(["", "median [least–greatest]"], rows)]
    parts += ["**Where the time goes** (three faces, 720p, one worker)\n", stage_table(numbers["stages"])]
    if "recall" in numbers:
        parts += ["**Faces found**\n", recall_table(numbers["recall"])]
    return "\n".join(parts)


def recall_table(found: Numbers) -> str:
    rows = [["faces drawn by people in groups/", found["drawn"]["faces"], found["drawn"]["yunet"],
             found["drawn"]["hog"]]]  # fmt: skip
    for folder in ("groups", "videos"):
        rows.append(
            [f"faces that either found in {found[folder]['pictures']} pictures of {folder}/", found[folder]["either"],
             found[folder]["yunet"], found[folder]["hog"]]
        )  # fmt: skip
    negatives = found["negatives"]
    rows.append([f"false faces in {negatives['pictures']} pictures of negatives/", 0, negatives["yunet"],
                 negatives["hog"]])  # fmt: skip
    found_by = table(["", "there", "YuNet (fast)", "HOG (original)"], rows)
    small = [
        [
            f"{name} group photos in 12 MP, heads of {one['height']:.0f} px (median)", one["faces"],
            f"{one['usual'] / one['faces']:.2f} ({one['usual_cpu_ms']:.0f} ms)",
            f"{one['now'] / one['faces']:.2f} ({one['now_cpu_ms']:.0f} ms)",
        ]
        for name, one in found["small"].items()
    ]  # fmt: skip
    close = [
        [f"the frame {part} times as high as the face", one["portraits"],
         *(f"{one[name] / one['portraits']:.2f}" for name in ("usual", "now"))]
        for part, one in found["close"].items() if part != "peak_mb"
    ]  # fmt: skip
    return found_by + "\n" + table(["recall", "faces", "one search at 640 (CPU)", "fast (CPU)"], small + close)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5, help="rounds of every comparison (default 5)")
    parser.add_argument("--data", type=Path, help="the folder of real test data (default ../shared/data, if there)")
    parser.add_argument("--quick", action="store_true", help="one round of less: below two minutes")
    parser.add_argument("--json", type=Path, default=Path("speed.json"), help="where to write all numbers")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        answer(chosen.measure)
        return
    data = chosen.data or testdata.usual()
    if not (data / "videos").is_dir():
        tell(f"no test data in {data}: measuring the demo's clips only")
        data = None
    numbers = benchmark(1 if chosen.quick else chosen.runs, data, chosen.quick)
    chosen.json.write_text(json.dumps(numbers, indent=1), "utf-8")
    print(report(numbers))


if __name__ == "__main__":
    main()
